"""ISIC 2017: 2,750 images of melanoma, seborrheic keratosis and nevus, with a lesion mask each.

Not checked against the real files: the licence.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from skinzoo.datasets.adapters._challenge import (
    HOMEPAGE,
    align,
    bucket_files,
    challenge_ids,
    challenge_metadata,
    find_table,
    folder_rows,
    mask_folders,
    require_folders,
    require_table,
)
from skinzoo.datasets.base import SkinDataset
from skinzoo.datasets.catalogue import register_dataset
from skinzoo.datasets.checks import CheckOptions
from skinzoo.datasets.info import DatasetInfo
from skinzoo.datasets.opening import Rows, check_part, open_rows
from skinzoo.datasets.tables import Table, one_hot_labels, read_table
from skinzoo.taxonomy import ISIC2017

CITATION = (
    "Codella N et al. Skin lesion analysis toward melanoma detection: a challenge at the 2017 International Symposium "
    "on Biomedical Imaging (ISBI), hosted by the International Skin Imaging Collaboration (ISIC). arXiv:1710.05006 "
    "(2017)."
)
_PARTS = {"train": "Training", "val": "Validation", "test": "Test_v2"}
_SIZES = {"train": 2_000, "val": 150, "test": 600}
_METADATA = ("age_approximate", "sex")
_MD5 = {
    "ISIC-2017_Training_Data.zip": "a14a7e622c67a358797ae59abb8a0b0c",
    "ISIC-2017_Training_Part1_GroundTruth.zip": "77fdbeb6fbec4139937224416b250f4c",
    "ISIC-2017_Validation_Data.zip": "8d6419d942112f709894c0d82f6c9038",
    "ISIC-2017_Validation_Part1_GroundTruth.zip": "64d3e68fa2deeb8a5e89aa8dec2efd44",
    "ISIC-2017_Test_v2_Data.zip": "5f6a0b5e1f2972bd1f5ea02680489f09",
    "ISIC-2017_Test_v2_Part1_GroundTruth.zip": "b1742de6bd257faca3b2b21a4aa3b781",
}

TASK1 = DatasetInfo(
    name="isic2017_task1",
    title="ISIC 2017 challenge, task 1: lesion segmentation",
    tree="""\
ISIC2017/
  ISIC-2017_Training_Data/ISIC_0000000.jpg
  ISIC-2017_Training_Data/ISIC-2017_Training_Data_metadata.csv   (optional: image_id,age_approximate,sex)
  ISIC-2017_Training_Part1_GroundTruth/ISIC_0000000_segmentation.png
  (the same with Validation and Test_v2)
""",
    label_space=ISIC2017,
    num_images=2_750,
    parts=_SIZES,
    has_masks=True,
    metadata=_METADATA,
    namespace="isic",
    licence="CC0 1.0",
    homepage=f"{HOMEPAGE}#2017",
    citation=CITATION,
    downloads=bucket_files(
        2017,
        {
            part: [f"ISIC-2017_{word}_Data.zip", f"ISIC-2017_{word}_Part1_GroundTruth.zip"]
            for part, word in _PARTS.items()
        },
        _MD5,
    ),
)

TASK3 = replace(
    TASK1,
    name="isic2017_task3",
    title="ISIC 2017 challenge, task 3: lesion classification",
    tree="""\
ISIC2017/
  ISIC-2017_Training_Data/ISIC_0000000.jpg
  ISIC-2017_Training_Data/ISIC-2017_Training_Data_metadata.csv                 (optional: image_id,age_approximate,sex)
  ISIC-2017_Training_Part3_GroundTruth.csv                                     (image_id,melanoma,seborrheic_keratosis)
  ISIC-2017_Training_Part1_GroundTruth/ISIC_0000000_segmentation.png           (optional)
  (the same with Validation and Test_v2)
""",
    class_counts={"MEL": 521, "SEK": 386, "NV": 1843},
    downloads=bucket_files(
        2017,
        {
            part: [
                f"ISIC-2017_{word}_Data.zip",
                f"ISIC-2017_{word}_Part3_GroundTruth.csv",
                f"ISIC-2017_{word}_Part1_GroundTruth.zip",
            ]
            for part, word in _PARTS.items()
        },
        _MD5,
    ),
)


@register_dataset(TASK1)
def isic2017_task1(root: Path, checks: CheckOptions, *, part: str = "train") -> SkinDataset:
    """Open one part of ISIC 2017 task 1: images with lesion masks, and no label.

    The images are those of task 3, and `label_space` is task 3's too. Superpixels that lie among the images are no
    masks and are passed over. Copies that were resized have grey values in their masks; `check="full"` finds them.

    Args:
        root: The folder with the `ISIC-2017_*` folders.
        checks: How closely to look at the files.
        part: `"train"`, `"val"` or `"test"`.

    Raises:
        ConfigError: No such part.
        DatasetNotFoundError: The part's images or masks are absent.
        TableError: The metadata is no table.
    """
    stem = f"ISIC-2017_{_PARTS[check_part(TASK1, part)]}"
    images = require_folders(TASK1, root, f"{stem}_Data")
    masks = require_folders(TASK1, root, f"{stem}_Part1_GroundTruth")
    rows = folder_rows(TASK1, root, images)
    _add_metadata(rows, root, stem, images)
    return open_rows(TASK1, root, rows, checks, images=images, masks=masks, part=part)


@register_dataset(TASK3)
def isic2017_task3(root: Path, checks: CheckOptions, *, part: str = "train", masks: bool | str = "auto") -> SkinDataset:
    """Open one part of ISIC 2017 task 3: melanoma, seborrheic keratosis or nevus, with the masks of task 1.

    A row of the table that is neither melanoma nor seborrheic keratosis is a nevus. `age_approximate` is in years, NaN
    where missing; `sex` is None where missing or `unknown`.

    Args:
        root: The folder with the `ISIC-2017_*` files.
        checks: How closely to look at the files.
        part: `"train"`, `"val"` or `"test"`.
        masks: True needs the masks, False passes them over, `"auto"` uses them where the folder is there.

    Raises:
        ConfigError: No such part, or another value of `masks`.
        DatasetNotFoundError: The part's table, its images, or with `masks=True` its masks are absent.
        TableError: The table lacks a column, has a row whose id is none of the ISIC archive, or is no table.
    """
    stem = f"ISIC-2017_{_PARTS[check_part(TASK3, part)]}"
    images = require_folders(TASK3, root, f"{stem}_Data")
    rows = _labelled_rows(require_table(TASK3, root, f"{stem}_Part3_GroundTruth.csv", folders=images))
    found = mask_folders(TASK3, root, masks, f"{stem}_Part1_GroundTruth")
    _add_metadata(rows, root, stem, images)
    return open_rows(TASK3, root, rows, checks, images=images, masks=found, part=part)


def _labelled_rows(path: Path) -> Rows:
    table = read_table(path, ["image_id", "melanoma", "seborrheic_keratosis"])
    ids = challenge_ids(table, "image_id")
    melanoma, keratosis = table["melanoma"], table["seborrheic_keratosis"]
    zero = ("0", "0.0")
    nevus = ["1" if m in zero and k in zero else "0" for m, k in zip(melanoma, keratosis, strict=True)]
    one_hot = Table(path, {"MEL": melanoma, "SEK": keratosis, "NV": nevus}, table.lines)
    labels, usable, findings = one_hot_labels(one_hot, ids, ISIC2017)
    return Rows(ids, labels, usable, findings=findings)


def _add_metadata(rows: Rows, root: Path, stem: str, images: list[Path]) -> None:
    path = find_table(root, f"{stem}_Data_metadata.csv", folders=images)
    if path is None:
        return
    table = align(read_table(path, ["image_id"], _METADATA), "image_id", rows.ids)
    rows.metadata, odd = challenge_metadata(table, rows.ids, _METADATA)
    rows.findings += odd
