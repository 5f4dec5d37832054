"""ISIC 2016: 900 training and 379 test images, benign or malignant, with a lesion mask each.

Not checked against the real files: the licence, the class counts of the test part, and that its table has numbers.
"""

from __future__ import annotations

import csv
from pathlib import Path

from skinzoo.datasets.adapters._challenge import (
    CLASS_CELLS,
    HOMEPAGE,
    binary_labels,
    bucket_files,
    challenge_ids,
    folder_rows,
    is_challenge_id,
    mask_folders,
    require_folders,
    require_table,
)
from skinzoo.datasets.base import SkinDataset
from skinzoo.datasets.catalogue import register_dataset
from skinzoo.datasets.checks import CheckOptions
from skinzoo.datasets.info import DatasetInfo
from skinzoo.datasets.listing import find_folders
from skinzoo.datasets.opening import Rows, check_part, open_rows
from skinzoo.datasets.tables import Table, read_table
from skinzoo.errors import TableError
from skinzoo.taxonomy import BINARY

_CITATION = (
    "Gutman D, Codella N, Celebi E, Helba B, Marchetti M, Mishra N, Halpern A. Skin lesion analysis toward melanoma "
    "detection: a challenge at the International Symposium on Biomedical Imaging (ISBI) 2016, hosted by the "
    "International Skin Imaging Collaboration (ISIC). arXiv:1605.01397 (2016)."
)
_PARTS = {"train": "Training", "test": "Test"}
_SIZES = {"train": 900, "test": 379}
_MD5 = {
    "ISBI2016_ISIC_Part1_Training_Data.zip": "2029f387e62dcc062b1370b1efc1f7fb",
    "ISBI2016_ISIC_Part1_Training_GroundTruth.zip": "fbd77134298f3511479a37bac93109c7",
    "ISBI2016_ISIC_Part1_Test_Data.zip": "efebcaeaae751007401a40a60d391f93",
    "ISBI2016_ISIC_Part1_Test_GroundTruth.zip": "492a7711a2e19b96114cab6c96bd1ad5",
}
_SCORING = ("score_weight", "validation_weight")

TASK1 = DatasetInfo(
    name="isic2016_task1",
    title="ISIC 2016 challenge, task 1: lesion segmentation",
    tree="""\
ISIC2016/
  ISBI2016_ISIC_Part1_Training_Data/ISIC_0000000.jpg
  ISBI2016_ISIC_Part1_Training_GroundTruth/ISIC_0000000_Segmentation.png
  (the same with Test)
""",
    label_space=BINARY,
    num_images=1_279,
    parts=_SIZES,
    has_masks=True,
    namespace="isic",
    licence="CC0 1.0",
    homepage=f"{HOMEPAGE}#2016",
    citation=_CITATION,
    downloads=bucket_files(
        2016,
        {
            part: [f"ISBI2016_ISIC_Part1_{word}_Data.zip", f"ISBI2016_ISIC_Part1_{word}_GroundTruth.zip"]
            for part, word in _PARTS.items()
        },
        _MD5,
    ),
)

TASK3 = DatasetInfo(
    name="isic2016_task3",
    title="ISIC 2016 challenge, tasks 3 and 3B: lesion classification",
    tree="""\
ISIC2016/
  ISBI2016_ISIC_Part3_Training_Data/ISIC_0000000.jpg   (or the same images in ISBI2016_ISIC_Part1_Training_Data)
  ISBI2016_ISIC_Part3_Training_GroundTruth.csv         (no header: ISIC_0000000,benign)
  ISBI2016_ISIC_Part1_Training_GroundTruth/ISIC_0000000_Segmentation.png   (optional)
  (or images and masks together in ISBI2016_ISIC_Part3B_Training_Data, and the table called Part3B too)
  (the same with Test)
""",
    label_space=BINARY,
    num_images=1_279,
    class_counts={"benign": 1031, "malignant": 248},
    parts=_SIZES,
    has_masks=True,
    namespace="isic",
    licence="CC0 1.0",
    homepage=f"{HOMEPAGE}#2016",
    citation=_CITATION,
    downloads=bucket_files(
        2016,
        {
            part: [
                f"ISBI2016_ISIC_Part3_{word}_Data.zip",
                f"ISBI2016_ISIC_Part3_{word}_GroundTruth.csv",
                f"ISBI2016_ISIC_Part1_{word}_GroundTruth.zip",
            ]
            for part, word in _PARTS.items()
        },
        _MD5,
    ),
)


@register_dataset(TASK1)
def isic2016_task1(root: Path, checks: CheckOptions, *, part: str = "train") -> SkinDataset:
    """Open one part of ISIC 2016 task 1: images with lesion masks, and no label.

    There is no official validation part. The images are those of task 3. `label_space` is task 3's too.

    Args:
        root: The folder with the `ISBI2016_ISIC_Part1_*` folders.
        checks: How closely to look at the files.
        part: `"train"` or `"test"`.

    Raises:
        ConfigError: No such part.
        DatasetNotFoundError: The part's images or masks are absent.
    """
    stem = f"ISBI2016_ISIC_Part1_{_PARTS[check_part(TASK1, part)]}"
    images = require_folders(TASK1, root, f"{stem}_Data")
    masks = require_folders(TASK1, root, f"{stem}_GroundTruth")
    return open_rows(TASK1, root, folder_rows(TASK1, root, images), checks, images=images, masks=masks, part=part)


@register_dataset(TASK3)
def isic2016_task3(root: Path, checks: CheckOptions, *, part: str = "train", masks: bool | str = "auto") -> SkinDataset:
    """Open one part of ISIC 2016 task 3 or 3B: benign or malignant, with the masks of task 1 or 3B where they are.

    The table has no header and says `benign` and `malignant` or 0 and 1; a copy to which a header was added is read as
    well. The images may lie in the folder of task 3, 1 or 3B, which hold the same ones.

    Args:
        root: The folder with the `ISBI2016_ISIC_Part3_*` files.
        checks: How closely to look at the files.
        part: `"train"` or `"test"`.
        masks: True needs the masks, False passes them over, `"auto"` uses them where the folder is there.

    Raises:
        ConfigError: No such part, or another value of `masks`.
        DatasetNotFoundError: The part's table, its images, or with `masks=True` its masks are absent.
        TableError: The table has not two columns, an id and a class.
        LabelError: A class that is neither benign nor malignant.
    """
    word = _PARTS[check_part(TASK3, part)]
    tables = [f"ISBI2016_ISIC_Part{task}_{word}_GroundTruth.csv" for task in ("3", "3B")]
    rows = _rows(require_table(TASK3, root, *tables))
    both = f"ISBI2016_ISIC_Part3B_{word}_Data"
    found = mask_folders(TASK3, root, masks, f"ISBI2016_ISIC_Part1_{word}_GroundTruth", both)
    if found and found == find_folders(root, both):
        images = found
    else:
        images = require_folders(TASK3, root, *(f"ISBI2016_ISIC_Part{task}_{word}_Data" for task in ("3", "1", "3B")))
    return open_rows(TASK3, root, rows, checks, images=images, masks=found, part=part)


def _rows(path: Path) -> Rows:
    table = _read_pairs(path)
    ids = challenge_ids(table, "image")
    labels, findings = binary_labels(table, "class", ids)
    return Rows(ids, labels, findings=findings)


def _read_pairs(path: Path) -> Table:
    """The columns `image` and `class` of a table that need not have a header.

    Raises:
        TableError: It has not these two columns, or is no table.
    """
    first = _first_cells(path)
    headed = not (is_challenge_id(first[0]) or first[-1].lower() in CLASS_CELLS)
    pair = [c for c in first if not (headed and c.lower() in _SCORING)]
    if len(pair) != 2:
        raise TableError(
            f"{path}: wanted two columns, an id of the ISIC archive and its class; the first line has "
            f"{', '.join(first)[:300] or 'nothing'}."
        )
    table = read_table(path, pair)  # the first line is taken for the header, whether it is one or not
    own = [[] if headed else [cell] for cell in pair]
    columns = {name: [*own[k], *table[pair[k]]] for k, name in enumerate(("image", "class"))}
    return Table(path, columns, [*([] if headed else [1]), *table.lines])


def _first_cells(path: Path) -> list[str]:
    line = path.read_bytes().partition(b"\n")[0].decode("utf-8-sig", "replace")
    cells = next(csv.reader([line], delimiter=max(",;\t", key=line.count)), [])
    return [cell.strip() for cell in cells] or [""]
