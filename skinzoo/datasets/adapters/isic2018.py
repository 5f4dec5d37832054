"""ISIC 2018: task 1, 3,694 images with lesion masks, and task 3, 11,720 images in seven classes.

Not checked against the real files: how task 1's images are divided into parts.
"""

from __future__ import annotations

from pathlib import Path

from skinzoo.datasets.adapters._challenge import (
    HOMEPAGE,
    align,
    bucket_files,
    challenge_ids,
    challenge_metadata,
    find_table,
    folder_rows,
    require_folders,
    require_table,
)
from skinzoo.datasets.adapters.ham10000 import CITATION, COLUMNS
from skinzoo.datasets.base import SkinDataset
from skinzoo.datasets.catalogue import register_dataset
from skinzoo.datasets.checks import CheckOptions
from skinzoo.datasets.info import DatasetInfo
from skinzoo.datasets.opening import Rows, check_part, open_rows
from skinzoo.datasets.tables import group_column, name_labels, one_hot_labels, read_table
from skinzoo.errors import TableError
from skinzoo.taxonomy import ISIC2018

_CHALLENGE = (
    "Codella N et al. Skin lesion analysis toward melanoma detection 2018: a challenge hosted by the International "
    "Skin Imaging Collaboration (ISIC). arXiv:1902.03368 (2019)."
)
_PARTS = {"train": "Training", "val": "Validation", "test": "Test"}

TASK1 = DatasetInfo(
    name="isic2018_task1",
    title="ISIC 2018 challenge, task 1: lesion segmentation",
    tree="""\
ISIC2018/
  ISIC2018_Task1-2_Training_Input/ISIC_0000000.jpg
  ISIC2018_Task1_Training_GroundTruth/ISIC_0000000_segmentation.png
  (the same with Validation and Test)
""",
    label_space=ISIC2018,
    num_images=3_694,
    parts={"train": 2_594, "val": 100, "test": 1_000},
    has_masks=True,
    namespace="isic",
    licence="CC0 1.0",
    homepage=f"{HOMEPAGE}#2018",
    citation=_CHALLENGE,
    downloads=bucket_files(
        2018,
        {
            part: [f"ISIC2018_Task1-2_{word}_Input.zip", f"ISIC2018_Task1_{word}_GroundTruth.zip"]
            for part, word in _PARTS.items()
        },
    ),
)

INFO = DatasetInfo(
    name="isic2018_task3",
    title="ISIC 2018 challenge, task 3: lesion diagnosis",
    tree="""\
ISIC2018/
  ISIC2018_Task3_Training_Input/ISIC_0024306.jpg
  ISIC2018_Task3_Training_GroundTruth/ISIC2018_Task3_Training_GroundTruth.csv   (image,MEL,NV,BCC,AKIEC,BKL,DF,VASC)
  ISIC2018_Task3_Training_LesionGroupings.csv   (optional: lesion ids, so that splits keep lesions together)
  (the same with Validation and Test)
""",
    label_space=ISIC2018,
    group="lesion",
    num_images=11_720,
    class_counts={"MEL": 1305, "NV": 7737, "BCC": 622, "AKIEC": 378, "BKL": 1338, "DF": 160, "VASC": 180},
    parts={"train": 10_015, "val": 193, "test": 1_512},
    metadata=("diagnosis_confirm_type",),
    leaky={"diagnosis_confirm_type": "malignant lesions are confirmed by histology, and only nevi by follow-up"},
    namespace="isic",
    licence="CC BY-NC 4.0",
    homepage=f"{HOMEPAGE}#2018",
    citation=f"{_CHALLENGE} {CITATION}",
    downloads=bucket_files(
        2018,
        {
            part: [
                f"ISIC2018_Task3_{word}_Input.zip",
                f"ISIC2018_Task3_{word}_GroundTruth.zip",
                *(["ISIC2018_Task3_Training_LesionGroupings.csv"] if part == "train" else []),
            ]
            for part, word in _PARTS.items()
        },
    ),
)


@register_dataset(TASK1)
def isic2018_task1(root: Path, checks: CheckOptions, *, part: str = "train") -> SkinDataset:
    """Open one part of ISIC 2018 task 1: images with lesion masks, and no label.

    Most of the images are not those of task 3, but many are those of ISIC 2017: do not test a model on one that was
    trained on the other. `label_space` is that of task 3.

    Args:
        root: The folder with the `ISIC2018_Task1*` folders.
        checks: How closely to look at the files.
        part: `"train"`, `"val"` or `"test"`.

    Raises:
        ConfigError: No such part.
        DatasetNotFoundError: The part's images or masks are absent.
    """
    word = _PARTS[check_part(TASK1, part)]
    images = require_folders(TASK1, root, f"ISIC2018_Task1-2_{word}_Input")
    masks = require_folders(TASK1, root, f"ISIC2018_Task1_{word}_GroundTruth")
    return open_rows(TASK1, root, folder_rows(TASK1, root, images), checks, images=images, masks=masks, part=part)


@register_dataset(INFO)
def isic2018_task3(root: Path, checks: CheckOptions, *, part: str = "train") -> SkinDataset:
    """Open one part of ISIC 2018 task 3: 10,015 images to train, 193 to validate, 1,512 to test.

    The training part is HAM10000; do not test a model on one that was trained on the other.

    Args:
        root: The folder with the `ISIC2018_Task3_*` folders.
        checks: How closely to look at the files.
        part: `"train"`, `"val"` or `"test"`.

    Raises:
        ConfigError: No such part.
        DatasetNotFoundError: The part's table or images are absent.
        TableError: A table lacks a column, has a row whose id is none of the ISIC archive, or is no table.
    """
    stem = f"ISIC2018_Task3_{_PARTS[check_part(INFO, part)]}"
    images = require_folders(INFO, root, f"{stem}_Input")
    path = require_table(INFO, root, f"{stem}_GroundTruth.csv", folders=images)
    rows = _rows(path)
    groupings = find_table(root, f"{stem}_LesionGroupings.csv", folders=[path.parent])
    if groupings is not None:
        table = align(read_table(groupings, ["image", "lesion_id"], INFO.metadata), "image", rows.ids)
        lesions = group_column(table["lesion_id"])
        rows.groups = [new or old for new, old in zip(lesions, rows.groups or (), strict=True)]
        rows.metadata, _ = challenge_metadata(table, rows.ids, INFO.metadata)
    return open_rows(INFO, root, rows, checks, images=images, part=part)


def _rows(path: Path) -> Rows:
    """The rows of a ground-truth table.

    Harvard Dataverse distributes the test part's table under the challenge's name but with HAM10000's columns.
    """
    try:
        table = read_table(path, ["image", *ISIC2018])
    except TableError as error:
        try:
            table = read_table(path, COLUMNS)
        except TableError:
            raise error from None
        ids = challenge_ids(table, "image_id")
        labels, findings = name_labels(table, "dx", ids, ISIC2018)
        return Rows(ids, labels, groups=group_column(table["lesion_id"]), findings=findings)
    ids = challenge_ids(table, "image")
    labels, usable, findings = one_hot_labels(table, ids, ISIC2018)
    return Rows(ids, labels, usable, groups=[""] * len(ids), findings=findings)
