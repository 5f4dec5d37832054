"""ISIC 2020 (SIIM-ISIC): 33,126 training images of 2,056 patients, benign or malignant, and 10,982 test images.

Not checked against the real files: the folder names below `ISIC_2020_*_JPEG`. The DICOM files of the same images are
not read.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from skinzoo.datasets.adapters._challenge import (
    HOMEPAGE,
    binary_labels,
    bucket_files,
    challenge_ids,
    challenge_metadata,
    find_table,
    require_table,
)
from skinzoo.datasets.base import SkinDataset
from skinzoo.datasets.catalogue import register_dataset
from skinzoo.datasets.checks import CheckOptions
from skinzoo.datasets.duplicates import UnionFind
from skinzoo.datasets.info import DatasetInfo
from skinzoo.datasets.integrity import Action, Finding
from skinzoo.datasets.listing import find_folders, list_folders, not_found
from skinzoo.datasets.opening import Rows, check_part, open_rows
from skinzoo.datasets.tables import Table, group_column, read_table
from skinzoo.errors import TableError
from skinzoo.taxonomy import BINARY

_PARTS = {"train": "Training", "test": "Test"}
_DUPLICATES = "ISIC_2020_Training_Duplicates.csv"

INFO = DatasetInfo(
    name="isic2020",
    title="ISIC 2020 challenge (SIIM-ISIC): melanoma classification",
    tree="""\
ISIC2020/
  ISIC_2020_Training_JPEG/train/ISIC_0015719.jpg   (or train/, or ISIC_2020_Training_Input/)
  ISIC_2020_Training_GroundTruth_v2.csv            (or ISIC_2020_Training_GroundTruth.csv)
  ISIC_2020_Training_Duplicates.csv                (optional: image_name_1,image_name_2)
  ISIC_2020_Test_JPEG/ISIC_2020_Test_Input/ISIC_0052060.jpg
  ISIC_2020_Test_Metadata.csv
or, as Kaggle has it,
siim-isic-melanoma-classification/
  jpeg/train/ISIC_0015719.jpg
  jpeg/test/ISIC_0052060.jpg
  train.csv   (image_name,patient_id,sex,age_approx,anatom_site_general_challenge,diagnosis,benign_malignant,target)
  test.csv
""",
    label_space=BINARY,
    group="patient",
    num_images=44_108,
    class_counts={"benign": 32_542, "malignant": 584},
    parts={"train": 33_126, "test": 10_982},
    metadata=("age_approx", "sex", "anatom_site_general_challenge", "lesion_id", "diagnosis", "benign_malignant"),
    leaky={
        "lesion_id": "pictures of one lesion share its diagnosis",
        "diagnosis": "the label in other words",
        "benign_malignant": "the label in other words",
    },
    namespace="isic",
    licence="CC BY-NC 4.0",
    homepage=f"{HOMEPAGE}#2020",
    citation=(
        "Rotemberg V et al. A patient-centric dataset of images and metadata for identifying melanomas using clinical "
        "context. Sci Data 8, 34 (2021). doi:10.1038/s41597-021-00815-z. Data: doi:10.34970/2020-ds01"
    ),
    downloads=bucket_files(
        2020,
        {
            "train": ["ISIC_2020_Training_JPEG.zip", "ISIC_2020_Training_GroundTruth_v2.csv", _DUPLICATES],
            "test": ["ISIC_2020_Test_JPEG.zip", "ISIC_2020_Test_Metadata.csv"],
        },
    ),
)

_TABLES = {
    "train": ("ISIC_2020_Training_GroundTruth_v2.csv", "ISIC_2020_Training_GroundTruth.csv", "train.csv"),
    "test": ("ISIC_2020_Test_Metadata.csv", "test.csv"),
}
_TEST_NAMES = {"image": "image_name", "patient": "patient_id", "anatom_site_general": "anatom_site_general_challenge"}


@register_dataset(INFO)
def isic2020(root: Path, checks: CheckOptions, *, part: str = "train") -> SkinDataset:
    """Open one part of ISIC 2020 as the challenge's site or Kaggle distribute it.

    The test part opens without labels, which were never released. Images of one patient are one group; no patient is
    in both parts. `age_approx` is in years, NaN where missing; other metadata is None where missing or `unknown`.

    Where `ISIC_2020_Training_Duplicates.csv` lies beside the table, the second image of each of its pairs is set aside
    with a finding (`DUP_LISTED`), or with `duplicates="keep"` used. Kaggle has no such file; take the challenge's.

    Kaggle's copy needs an account that accepted the competition's rules:
    `kaggle competitions download -c siim-isic-melanoma-classification -p <root>`, then unzip it there.

    Args:
        root: The folder with the tables.
        checks: How closely to look at the files.
        part: `"train"` or `"test"`.

    Raises:
        ConfigError: No such part.
        DatasetNotFoundError: The part's table or its JPEG images are absent.
        TableError: A table lacks a column, has a row whose id is none of the ISIC archive, or is no table.
        LabelError: A target that is neither 0 nor 1.
    """
    path = require_table(INFO, root, *_TABLES[check_part(INFO, part)])
    images = _image_folders(root, part)
    table = (
        read_table(path, ["image_name", "patient_id", "target"], INFO.metadata)
        if part == "train"
        else _test_table(path)
    )
    rows = Rows(ids := challenge_ids(table, "image_name"), groups=group_column(table["patient_id"]))
    rows.metadata, rows.findings = challenge_metadata(table, ids, INFO.metadata)
    if part == "train":
        rows.labels, unlabelled = binary_labels(table, "target", ids)
        rows.usable, repeated = _listed_duplicates(root, ids, checks)
        rows.findings += [*unlabelled, *repeated]
    return open_rows(INFO, root, rows, checks, images=images, part=part)


def _test_table(path: Path) -> Table:
    """The test part's table, by Kaggle's names of its columns; the challenge's site has others."""
    optional = ["age_approx", "sex", *_TEST_NAMES.values()]
    try:
        return read_table(path, ["image_name", "patient_id"], optional)
    except TableError as error:
        try:
            table = read_table(path, ["image", "patient"], [*optional, *_TEST_NAMES])
        except TableError:
            raise error from None
    return Table(path, {_TEST_NAMES.get(name, name): cells for name, cells in table.columns.items()}, table.lines)


def _image_folders(root: Path, part: str) -> list[Path]:
    stem = f"ISIC_2020_{_PARTS[part]}"
    above = find_folders(root, f"{stem}_JPEG", "jpeg")
    inner = [folder for place in above for folder in find_folders(place, f"{stem}_Input", part)]
    places = [*inner, *above, *find_folders(root, f"{stem}_Input", part)]
    listings = [list_folders(root, [place]) for place in places]
    found = [place for place, listing in zip(places, listings, strict=True) if listing.images]
    if found:
        return found[:1]
    dicom = any(path.lower().endswith(".dcm") for listing in listings for path in listing.others)
    hint = ", only DICOM files, which are not read; get the JPEG files" if dicom else ""
    raise not_found(INFO, root, f"no JPEG image of the {part} part{hint}")


def _listed_duplicates(root: Path, ids: list[str], checks: CheckOptions) -> tuple[NDArray[np.bool_], list[Finding]]:
    """Which rows are to be used by the collection's own list of duplicates, and a finding for each repeated picture."""
    usable = np.ones(len(ids), dtype=bool)
    path = find_table(root, _DUPLICATES)
    if path is None:
        return usable, []
    table = read_table(path, ["image_name_1", "image_name_2"])
    row_of = {name: row for row, name in enumerate(ids)}
    pictures = UnionFind(len(ids))
    for a, b in zip(challenge_ids(table, "image_name_1"), challenge_ids(table, "image_name_2"), strict=True):
        if a in row_of and b in row_of:
            pictures.join([row_of[a], row_of[b]])
    keep = checks.duplicates == "keep"
    action: Action = "kept" if keep else "quarantined"
    findings: list[Finding] = []
    for first, *others in pictures.sets():
        usable[others] = keep
        message = f"{path.name}: the same picture as {ids[first]}"
        findings += [Finding.of("DUP_LISTED", ids[i], "", message, action) for i in others]
    return usable, findings
