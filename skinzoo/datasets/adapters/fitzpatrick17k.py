"""Fitzpatrick17k: 16,577 clinical photographs of 114 conditions, with an estimate of the skin type."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
from numpy.typing import NDArray

from skinzoo.datasets.base import SkinDataset
from skinzoo.datasets.catalogue import register_dataset
from skinzoo.datasets.checks import CheckOptions
from skinzoo.datasets.info import DatasetInfo
from skinzoo.datasets.integrity import Finding
from skinzoo.datasets.listing import find_file, find_folders, list_folders, not_found
from skinzoo.datasets.opening import Rows, open_rows
from skinzoo.datasets.tables import Table, image_ids, name_labels, number_column, read_table, text_column
from skinzoo.errors import ConfigError
from skinzoo.taxonomy import FITZPATRICK3, LabelSpace

LEVELS = {
    "three_partition": "three_partition_label",
    "nine_partition": "nine_partition_label",
    "label": "label",
}
_LABELS = {"condition": "label", **{c: c for c in LEVELS.values() if c != "label"}}
_SKIN_TYPES = ("fitzpatrick_scale", "fitzpatrick_centaur")

INFO = DatasetInfo(
    name="fitzpatrick17k",
    title="Fitzpatrick17k",
    tree="""\
fitzpatrick17k/
  fitzpatrick17k.csv   (md5hash,fitzpatrick_scale,fitzpatrick_centaur,label,nine_partition_label,...,qc,url,...)
  images/5e82a45bc5d78bd24ae9202d194423f8.jpg   (or finalfitz17k/; fetched by the url in the table)
""",
    label_space=FITZPATRICK3,
    num_images=16_577,
    class_counts={"benign": 2_234, "malignant": 2_263, "non-neoplastic": 12_080},
    metadata=(*_SKIN_TYPES, *_LABELS, "qc", "source"),
    leaky=dict.fromkeys(_LABELS, "it is the diagnosis, coarse or fine"),
    modality="clinical",
    licence="CC BY-NC-SA 3.0 for the annotations; the images belong to the atlases that they are fetched from",
    homepage="https://github.com/mattgroh/fitzpatrick17k",
    citation=(
        "Groh M et al. Evaluating deep neural networks trained on clinical images in dermatology with the Fitzpatrick "
        "17k dataset. CVPR Workshops 2021, 1820-1828. doi:10.1109/CVPRW53098.2021.00201"
    ),
    access="take the table from the homepage, and fetch each url in it as images/<md5hash>.jpg, or ask the authors",
)


@register_dataset(INFO)
def fitzpatrick17k(root: Path, checks: CheckOptions, *, label: str = "three_partition") -> SkinDataset:
    """Open Fitzpatrick17k. These are photographs from two atlases, not dermoscopic images, and mostly not of lesions.

    The skin types are 1 to 6 by several annotators (`fitzpatrick_scale`) and by one (`fitzpatrick_centaur`), NaN where
    they did not agree (-1 in the table: 565 and 1,073 rows). `qc` is a dermatologist's verdict on 504 images, such as
    `3 Wrongly labelled`; `source` is the server that the image comes from, and `condition` the finest label.

    Images are their own groups, because patients are unknown. The atlases show many pictures two and three times, cut
    or scaled, so that any split of the whole leaks: look for near-identical pictures first.

    41 rows have no url, and some urls answer no more; such rows are set aside as `FILE_MISSING`.

    The counts were computed from the published table; the images were not at hand.

    Args:
        root: The folder with `fitzpatrick17k.csv`.
        checks: How closely to look at the files.
        label: `"three_partition"` (benign, malignant, non-neoplastic), `"nine_partition"`, or `"label"` for all
            conditions. The classes of the latter two are those in the table, in alphabetical order.

    Raises:
        ConfigError: No such level.
        DatasetNotFoundError: The table or the images are absent.
        TableError: The table lacks a column or is no table.
        LabelError: A class that the three partitions do not know.
    """
    if label not in LEVELS:
        raise ConfigError(f"{INFO.name}: label={label!r} is unknown; use {', '.join(map(repr, LEVELS))}.")
    path = find_file([root], ["fitzpatrick17k.csv"])
    folders = find_folders(root, "images", "finalfitz17k", "fitzpatrick17k*")
    if path is None or not folders:
        raise not_found(INFO, root, "no fitzpatrick17k.csv" if path is None else "no folder images/ or finalfitz17k/")
    column = LEVELS[label]
    table = read_table(path, ["md5hash", column], [*LEVELS.values(), *_SKIN_TYPES, "qc", "url"])
    ids = image_ids(table["md5hash"])
    space = FITZPATRICK3 if label == "three_partition" else _space(table, column)
    labels, unlabelled = name_labels(table, column, ids, space)
    metadata, odd = _metadata(table, ids)
    usable, lost = _fetchable(root, folders, table, ids)
    rows = Rows(ids, labels, usable, metadata=metadata, findings=[*odd, *unlabelled, *lost])
    return open_rows(INFO, root, rows, checks, images=folders, label_space=space)


def _space(table: Table, column: str) -> LabelSpace:
    """The classes of a column; malignant are those whose every row stands in the malignant partition."""
    cells = [c.casefold() for c in table[column]]
    names = sorted(set(cells) - {""})
    malignant: set[str] = set()
    if (partition := LEVELS["three_partition"]) in table:
        pairs = set(zip(cells, (p.casefold() for p in table[partition]), strict=True))
        malignant = {c for c, p in pairs if p == "malignant"} - {c for c, p in pairs if p != "malignant"}
    return LabelSpace(f"fitzpatrick17k_{column}", tuple(names), malignant=frozenset(malignant & set(names)))


def _metadata(table: Table, ids: list[str]) -> tuple[dict[str, NDArray[Any]], list[Finding]]:
    metadata: dict[str, NDArray[Any]] = {
        name: text_column(table[column]) for name, column in {**_LABELS, "qc": "qc"}.items() if column in table
    }
    findings: list[Finding] = []
    for name in _SKIN_TYPES:
        if name in table:
            known = ["" if c in ("-1", "-1.0") else c for c in table[name]]
            cleared = replace(table, columns={**table.columns, name: known})
            metadata[name], odd = number_column(cleared, name, ids, 1, 6)
            findings += odd
    if "url" in table:
        metadata["source"] = np.array([_server(url) for url in table["url"]], dtype=object)
    return metadata, findings


def _server(url: str) -> str | None:
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None


def _fetchable(
    root: Path, folders: Sequence[Path], table: Table, ids: list[str]
) -> tuple[NDArray[np.bool_], list[Finding]]:
    """False for each row without a url whose image is not there either, with a finding that says so."""
    usable = np.ones(len(ids), dtype=bool)
    if "url" not in table:
        return usable, []
    have = {file.stem for file in list_folders(root, folders).images}
    usable[:] = [bool(url) or name in have for name, url in zip(ids, table["url"], strict=True)]
    message = "no image file of that name, and the table gives no url to fetch it from"
    lost = [ids[i] for i in np.flatnonzero(~usable)]
    return usable, [Finding.of("FILE_MISSING", name, "", message, "quarantined") for name in lost]
