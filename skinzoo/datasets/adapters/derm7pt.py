"""Derm7pt: 1,011 cases with a dermoscopic and a clinical photograph each, diagnosis and seven-point criteria."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skinzoo.datasets.base import Records, SkinDataset
from skinzoo.datasets.catalogue import register_dataset
from skinzoo.datasets.checks import CheckOptions
from skinzoo.datasets.filesource import check_relative
from skinzoo.datasets.info import DatasetInfo
from skinzoo.datasets.integrity import Finding
from skinzoo.datasets.listing import Listing, find_file, find_folders, list_folders, not_found, subfolders
from skinzoo.datasets.opening import check_part, open_files
from skinzoo.datasets.tables import Table, name_labels, number_column, read_table, text_column
from skinzoo.errors import ConfigError, IntegrityError, TableError
from skinzoo.taxonomy import DERM7PT, LabelSpace

_GROUPED = {
    "BCC": ("basal cell carcinoma",),
    "NEV": (
        "blue nevus",
        "clark nevus",
        "combined nevus",
        "congenital nevus",
        "dermal nevus",
        "recurrent nevus",
        "reed or spitz nevus",
    ),
    "MEL": (
        "melanoma",
        "melanoma (in situ)",
        "melanoma (less than 0.76 mm)",
        "melanoma (0.76 to 1.5 mm)",
        "melanoma (more than 1.5 mm)",
        "melanoma metastasis",
    ),
    "MISC": ("dermatofibroma", "lentigo", "melanosis", "miscellaneous", "vascular lesion"),
    "SK": ("seborrheic keratosis",),
}
DIAGNOSES = LabelSpace(
    DERM7PT.name,
    DERM7PT.classes,
    DERM7PT.titles,
    {diagnosis: code for code, diagnoses in _GROUPED.items() for diagnosis in diagnoses},
    DERM7PT.malignant,
)
"""The five classes with all 20 diagnoses as their aliases."""

VIEWS = {"dermoscopic": "derm", "clinical": "clinic"}
_INDEX_FILES = {"train": "train_indexes.csv", "val": "valid_indexes.csv", "test": "test_indexes.csv"}
_CRITERIA = (
    "pigment_network",
    "streaks",
    "pigmentation",
    "regression_structures",
    "dots_and_globules",
    "blue_whitish_veil",
    "vascular_structures",
)
_TEXTS = ("diagnosis", *_CRITERIA, "level_of_diagnostic_difficulty", "elevation", "location", "sex", "management")

INFO = DatasetInfo(
    name="derm7pt",
    title="Derm7pt, the seven-point checklist (figures are for one of its two views)",
    tree="""\
release_v0/
  meta/meta.csv                  (case_num,diagnosis,seven_point_score,...,clinic,derm,case_id,notes)
  meta/train_indexes.csv         (and valid_indexes.csv, test_indexes.csv)
  images/NEL/Nel026.jpg
""",
    label_space=DERM7PT,
    group="lesion",
    num_images=1_011,
    class_counts={"BCC": 42, "NEV": 575, "MEL": 252, "MISC": 97, "SK": 45},
    parts={"train": 413, "val": 203, "test": 395},
    metadata=("official_split", "seven_point_score", *_TEXTS),
    leaky={
        "diagnosis": "it is the diagnosis, finer than the label",
        "management": "excision or follow-up was chosen by what the lesion was taken for",
    },
    licence="for research and education, after registration; no redistribution",
    homepage="https://derm.cs.sfu.ca",
    citation=(
        "Kawahara J, Daneshvar S, Argenziano G, Hamarneh G. Seven-point checklist and skin lesion classification using "
        "multitask multimodal neural nets. IEEE JBHI 23, 538-546 (2019). doi:10.1109/JBHI.2018.2824327"
    ),
    access="register at the homepage, download release_v0.zip by the link in the mail, and unpack it",
)


@register_dataset(INFO)
def derm7pt(root: Path, checks: CheckOptions, *, view: str = "dermoscopic", part: str = "all") -> SkinDataset:
    """Open one view of Derm7pt.

    The 20 diagnoses are merged into five classes as its authors do; the metadata column `diagnosis` keeps the fine one.
    The seven criteria are texts such as `absent`, `typical` or `irregular`; `seven_point_score` is their weighted sum.

    Ids are the numbers of the cases, the same in both views, and each case is its own group: opened side by side, the
    two views of a case are recognised as one lesion. Patients are unknown.

    The official parts are lists of row positions in `meta.csv`; a table that was sorted or cut no longer fits them.

    The diagnoses were counted in a copy of the published table; sizes of the parts are those of the paper. The images
    were not at hand.

    Args:
        root: The folder with `meta/` and `images/`, or the one above it.
        checks: How closely to look at the files.
        view: `"dermoscopic"` or `"clinical"`.
        part: `"train"`, `"val"`, `"test"`, or `"all"`; the metadata column `official_split` keeps which.

    Raises:
        ConfigError: No such view or part.
        DatasetNotFoundError: The table, the images, or the list of the part is absent.
        TableError: A table lacks a column, or a list of positions does not fit the table.
        LabelError: A diagnosis that Derm7pt does not know.
        DataError: The table names a file outside of the images' folder.
    """
    if view not in VIEWS:
        raise ConfigError(f"{INFO.name}: view={view!r} is unknown; use {', '.join(map(repr, VIEWS))}.")
    if part != "all":
        check_part(INFO, part)
    bases = [root, *find_folders(root, "release_v0")]
    tables = [f for base in bases for f in [*find_folders(base, "meta"), base]]
    path = find_file(tables, ["meta.csv"])
    images = [f for base in bases for f in find_folders(base, "images")]
    if path is None or not images:
        raise not_found(INFO, root, "no meta/meta.csv" if path is None else "no folder images/")
    table = read_table(path, ["case_num", "diagnosis", *VIEWS.values()], INFO.metadata)
    official = _official(root, tables, len(table), part)
    labels, findings = name_labels(table, "diagnosis", table["case_num"], DIAGNOSES)
    listing = list_folders(root, [images[0], *subfolders(images[0])])
    found = {name: _locate(root, images[0], table[name], listing) for name in VIEWS.values()}
    metadata, odd = _metadata(table, official)
    records = Records.build(table["case_num"], labels=labels, images=found[VIEWS[view]], metadata=metadata)
    records = records if part == "all" else records.take(official == part)
    findings = [f for f in [*findings, *odd] if f.id in set(records.ids.tolist())]
    return open_files(
        replace(INFO, modality=view),
        root,
        records,
        DERM7PT,
        checks,
        num_rows=len(records),
        findings=[*findings, *_extra(listing, {p for paths in found.values() for p in paths})],
        barred=listing.barred,
        part="" if part == "all" else part,
    )


def _official(root: Path, folders: Iterable[Path], num_rows: int, part: str) -> NDArray[np.object_]:
    """The official part of each row, None where no list names it."""
    official = np.full(num_rows, None, dtype=object)
    for name, file in _INDEX_FILES.items():
        path = find_file(folders, [file])
        if path is None:
            if name == part:
                raise not_found(INFO, root, f"part={part!r}, but no meta/{file}")
            continue
        table = read_table(path, ["indexes"])
        for row, cell in enumerate(table["indexes"]):
            at = int(cell) if cell.isdecimal() else num_rows
            if at >= num_rows or official[at] is not None:
                why = f"stands in {official[at]} as well" if at < num_rows else f"is no row of 0 to {num_rows - 1}"
                raise TableError(
                    f"{path}, {table.where(row)}: position {cell!r} {why}; is meta.csv complete and unsorted?"
                )
            official[at] = name
    return official


def _locate(root: Path, images: Path, cells: Iterable[str], listing: Listing) -> list[str]:
    """The file that each cell means, whatever the case of its letters; empty where there is none."""
    prefix = images.relative_to(root).as_posix()
    alike: dict[str, list[str]] = defaultdict(list)
    for file in listing.images:
        alike[file.path.casefold()].append(file.path)
    found = []
    for cell in cells:
        wanted = f"{prefix}/{check_relative(cell)}"
        same = alike.get(wanted.casefold(), []) if cell else []
        if len(same) > 1 and wanted not in same:
            raise IntegrityError(
                f"ID_AMBIGUOUS: {' and '.join(same)} both answer to {cell!r}; remove one.", "ID_AMBIGUOUS"
            )
        found.append(wanted if wanted in same else "".join(same))
    return found


def _extra(listing: Listing, used: set[str]) -> list[Finding]:
    return [
        Finding.of("EXTRA_FILE", "", file.path, "no row of the table names this image", "kept")
        for file in listing.images
        if file.path not in used
    ]


def _metadata(table: Table, official: NDArray[np.object_]) -> tuple[dict[str, NDArray[Any]], list[Finding]]:
    metadata: dict[str, NDArray[Any]] = {"official_split": official}
    findings: list[Finding] = []
    if "seven_point_score" in table:
        metadata["seven_point_score"], findings = number_column(table, "seven_point_score", table["case_num"], 0, 10)
    metadata |= {name: text_column(table[name]) for name in _TEXTS if name in table}
    return metadata, findings
