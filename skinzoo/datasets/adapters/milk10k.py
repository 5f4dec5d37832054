"""MILK10k: 5,240 lesions in eleven classes, each as a clinical close-up and a dermoscopic image, with concept scores.

Not checked against the real files: the order of the metadata's columns, and how the test part's folder is laid out.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np

from skinzoo.datasets.adapters._challenge import align, challenge_ids, find_table, require_folders, require_table
from skinzoo.datasets.base import SkinDataset
from skinzoo.datasets.catalogue import register_dataset
from skinzoo.datasets.checks import CheckOptions
from skinzoo.datasets.info import DatasetInfo
from skinzoo.datasets.integrity import Finding
from skinzoo.datasets.listing import subfolders
from skinzoo.datasets.opening import Rows, check_part, open_rows
from skinzoo.datasets.tables import Table, group_column, metadata_columns, one_hot_labels, read_table
from skinzoo.download import RemoteFile
from skinzoo.errors import ConfigError, TableError
from skinzoo.taxonomy import MILK10K
from skinzoo.types import IGNORE_INDEX

_PARTS = {"train": "Training", "test": "Test"}
_VIEWS = ("dermoscopic", "clinical")
_TEXTS = ("image_type", "sex", "site", "image_manipulation", "attribution", "copyright_license")
_CONCEPTS = (
    "ulceration_crust",
    "hair",
    "vasculature_vessels",
    "erythema",
    "pigmented",
    "gel_water_drop_fluid_dermoscopy_liquid",
    "skin_markings_pen_ink_purple_pen",
)
_RANGES = {
    "age_approx": (0.0, 120.0),
    "skin_tone_class": (0.0, 5.0),
    **dict.fromkeys((f"MONET_{name}" for name in _CONCEPTS), (0.0, 1.0)),
}
_SUPPLEMENT = ("diagnosis_full", "diagnosis_confirm_type", "invasion_thickness_interval")
_BUCKET = "https://isic-archive.s3.amazonaws.com/challenges/milk10k"
_FILES = {
    "train": ("Training_Input.zip", "Training_GroundTruth.csv", "Training_Metadata.csv", "Training_Supplement.csv"),
    "test": ("Test_Input.zip", "Test_Metadata.csv"),
}

INFO = DatasetInfo(
    name="milk10k",
    title="MILK10k: clinical and dermoscopic images of the same lesions",
    tree="""\
MILK10k/
  MILK10k_Training_Input/IL_0000652/ISIC_4671410.jpg   (two images a lesion)
  MILK10k_Training_Metadata.csv                        (lesion_id,image_type,isic_id ...)
  MILK10k_Training_GroundTruth.csv                     (lesion_id and one column per class)
  MILK10k_Training_Supplement.csv                      (optional: diagnoses)
  MILK10k_Test_Input/..., MILK10k_Test_Metadata.csv
""",
    label_space=MILK10K,
    group="lesion",
    num_images=11_438,
    class_counts={
        "AKIEC": 606,
        "BCC": 5044,
        "BEN_OTH": 88,
        "BKL": 1088,
        "DF": 104,
        "INF": 100,
        "MAL_OTH": 18,
        "MEL": 900,
        "NV": 1492,
        "SCCKA": 946,
        "VASC": 94,
    },
    parts={"train": 10_480, "test": 958},
    metadata=(*_TEXTS, *_RANGES, *_SUPPLEMENT),
    leaky={
        "diagnosis_full": "the diagnosis itself",
        "diagnosis_confirm_type": "malignant lesions are confirmed by histology more often than others",
        "invasion_thickness_interval": "only melanomas have one",
    },
    namespace="isic",
    modality="mixed",
    licence="CC BY-NC 4.0",
    homepage="https://challenge.isic-archive.com/landing/milk10k/",
    citation=(
        "MILK study team. MILK10k. ISIC Archive (2025). doi:10.34970/648456. Described in J Invest Dermatol (2025), "
        "doi:10.1016/j.jid.2025.06.1594"
    ),
    downloads=tuple(
        RemoteFile(
            f"{_BUCKET}/MILK10k_{name}", f"MILK10k_{name}".removesuffix(".zip"), part, unpack=name.endswith(".zip")
        )
        for part, names in _FILES.items()
        for name in names
    ),
)


@register_dataset(INFO)
def milk10k(root: Path, checks: CheckOptions, *, part: str = "train", view: str = "dermoscopic") -> SkinDataset:
    """Open one part of MILK10k.

    By default each lesion is there once, by its dermoscopic image, as in other collections here. With `view="all"` both
    images of a lesion are used; they are one group, so that a split keeps them together.

    `age_approx` is in years; `skin_tone_class` runs from 0 (very dark) to 5 (very light) and is no Fitzpatrick type;
    the `MONET_*` scores of visible concepts are in [0, 1]. All are NaN where missing; other metadata is None where
    missing or `unknown`. The columns of the supplement are there if the file is. The test part opens without labels.

    Some lesions closely resemble images of HAM10000; audit both before testing a model of one on the other.

    Args:
        root: The folder with the `MILK10k_*` files.
        checks: How closely to look at the files.
        part: `"train"` or `"test"`.
        view: `"dermoscopic"`, `"clinical"`, or `"all"` for both; the column `image_type` says which is which.

    Raises:
        ConfigError: No such part or view.
        DatasetNotFoundError: The part's tables or images are absent.
        TableError: A table lacks a column, has a row whose id is none of the ISIC archive, or is no table.
    """
    stem = f"MILK10k_{_PARTS[check_part(INFO, part)]}"
    if view not in (*_VIEWS, "all"):
        raise ConfigError(f"{INFO.name}: view={view!r} is unknown; use {', '.join(map(repr, _VIEWS))} or 'all'.")
    above = require_folders(INFO, root, f"{stem}_Input")
    table = read_table(
        require_table(INFO, root, f"{stem}_Metadata.csv"), ["lesion_id", "isic_id", "image_type"], INFO.metadata
    )
    views = _views(table)
    chosen = [i for i, v in enumerate(views) if view in (v, "all")]
    others = [name for name, v in zip(challenge_ids(table, "isic_id"), views, strict=True) if view not in (v, "all")]
    table = table.take(chosen)
    rows = Rows(ids := challenge_ids(table, "isic_id"), groups=group_column(table["lesion_id"]))
    _add_metadata(rows, table)
    if part == "train":
        supplement = find_table(root, f"{stem}_Supplement.csv")
        if supplement is not None:
            _add_metadata(rows, align(read_table(supplement, ["isic_id"], _SUPPLEMENT), "isic_id", ids))
        _add_labels(rows, read_table(require_table(INFO, root, f"{stem}_GroundTruth.csv"), ["lesion_id", *MILK10K]))
    info = INFO if view == "all" else replace(INFO, modality=view)
    folders = [*above, *(folder for place in above for folder in subfolders(place))]
    return open_rows(info, root, rows, checks, images=folders, part=part, others=others)


def _views(table: Table) -> list[str]:
    """Which of the two views each row is."""
    views = []
    for row, cell in enumerate(table["image_type"]):
        found = [v for v in _VIEWS if cell.lower().startswith(v)]
        if not found:
            raise TableError(
                f"{table.path}, {table.where(row)}: image_type {cell!r} begins with none of {', '.join(_VIEWS)}."
            )
        views += found
    return views


def _add_metadata(rows: Rows, table: Table) -> None:
    columns, odd = metadata_columns(table, rows.ids, INFO.metadata, _RANGES)
    rows.metadata |= columns
    rows.findings += odd


def _add_labels(rows: Rows, truth: Table) -> None:
    """The label of each image by its lesion's; findings about a lesion become those of its images."""
    labels, _, odd = one_hot_labels(truth, truth["lesion_id"], MILK10K)
    label_of = dict(zip(truth["lesion_id"], labels.tolist(), strict=True))
    refused = {f.id: f for f in odd}
    lesions: Iterable[str] = rows.groups or ()
    rows.labels = np.array([label_of.get(lesion, IGNORE_INDEX) for lesion in lesions], dtype=np.int64)
    rows.usable = np.array([lesion not in refused for lesion in lesions], dtype=bool)
    for row, (name, lesion) in enumerate(zip(rows.ids, lesions, strict=True)):
        if lesion in refused:
            rows.findings.append(replace(refused[lesion], id=name, row=row))
        elif lesion not in label_of:
            message = f"{truth.path.name} has no row for lesion {lesion or 'of no id'}; used without a label"
            rows.findings.append(Finding.of("LABEL_NONE", name, "", message, "kept", row=row))
