"""ISIC 2019: 25,331 training images in eight classes, and 8,238 test images of which some are of none of them.

Not checked against the real files: the class counts of the test part, and that its table ends in the scorer's columns.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from skinzoo.datasets.adapters import ham10000, isic2017
from skinzoo.datasets.adapters._challenge import (
    HOMEPAGE,
    align,
    bucket_files,
    challenge_ids,
    challenge_metadata,
    find_table,
    require_folders,
    require_table,
)
from skinzoo.datasets.base import SkinDataset
from skinzoo.datasets.catalogue import register_dataset
from skinzoo.datasets.checks import CheckOptions
from skinzoo.datasets.info import DatasetInfo
from skinzoo.datasets.opening import Rows, check_part, open_rows
from skinzoo.datasets.tables import group_column, one_hot_labels, read_table
from skinzoo.taxonomy import ISIC2019, LabelSpace
from skinzoo.types import IGNORE_INDEX

_PARTS = {"train": "Training", "test": "Test"}

INFO = DatasetInfo(
    name="isic2019",
    title="ISIC 2019 challenge: lesion diagnosis",
    tree="""\
ISIC2019/
  ISIC_2019_Training_Input/ISIC_0000000.jpg   (and ISIC_0000013_downsampled.jpg)
  ISIC_2019_Training_GroundTruth.csv          (image,MEL,NV,BCC,AK,BKL,DF,VASC,SCC,UNK)
  ISIC_2019_Training_Metadata.csv             (optional: image,age_approx,anatom_site_general,lesion_id,sex)
  (the same with Test, whose metadata has no lesion ids)
""",
    label_space=ISIC2019,
    group="lesion",
    num_images=33_569,
    class_counts={
        "MEL": 5849,
        "NV": 15_370,
        "BCC": 4298,
        "AK": 1241,
        "BKL": 3284,
        "DF": 330,
        "VASC": 357,
        "SCC": 793,
    },
    parts={"train": 25_331, "test": 8_238},
    metadata=("age_approx", "sex", "anatom_site_general", "is_unknown"),
    leaky={"is_unknown": "it is the challenge's ninth class itself"},
    namespace="isic",
    licence="CC BY-NC 4.0",
    homepage=f"{HOMEPAGE}#2019",
    citation=(
        "Combalia M et al. BCN20000: dermoscopic lesions in the wild. arXiv:1908.02288 (2019). "
        f"{isic2017.CITATION} {ham10000.CITATION}"
    ),
    downloads=bucket_files(
        2019,
        {
            part: [
                f"ISIC_2019_{word}_Input.zip",
                f"ISIC_2019_{word}_GroundTruth.csv",
                f"ISIC_2019_{word}_Metadata.csv",
            ]
            for part, word in _PARTS.items()
        },
    ),
)

_UNKNOWN = "UNK"
_NINE = LabelSpace("isic2019 with unknown", (*ISIC2019, _UNKNOWN))


@register_dataset(INFO)
def isic2019(root: Path, checks: CheckOptions, *, part: str = "train") -> SkinDataset:
    """Open one part of ISIC 2019: 25,331 images to train, 8,238 to test.

    The test part's images of another disease (`UNK`) are no class: they have no label, and `is_unknown` is True. Other
    metadata is `age_approx` in years, NaN where missing, and `sex` and `anatom_site_general`, None where missing.

    The training part holds all of HAM10000 and of BCN20000's training part, the test part all of ISIC 2018's
    validation and test parts of task 3: do not test a model on what it was trained on. Images of one lesion are one
    group; those without a lesion id, such as the whole test part, are groups of their own (`GROUP_UNKNOWN`).

    Args:
        root: The folder with the `ISIC_2019_*` files.
        checks: How closely to look at the files.
        part: `"train"` or `"test"`.

    Raises:
        ConfigError: No such part.
        DatasetNotFoundError: The part's ground truth or images are absent.
        TableError: A table lacks a column, has a row whose id is none of the ISIC archive, or is no table.
    """
    stem = f"ISIC_2019_{_PARTS[check_part(INFO, part)]}"
    images = require_folders(INFO, root, f"{stem}_Input")
    rows = _rows(require_table(INFO, root, f"{stem}_GroundTruth.csv", folders=images))
    path = find_table(root, f"{stem}_Metadata.csv", folders=images)
    if path is not None:
        table = align(read_table(path, ["image"], [*INFO.inputs, "lesion_id"]), "image", rows.ids)
        columns, odd = challenge_metadata(table, rows.ids, INFO.inputs)
        rows.metadata |= columns
        rows.findings += odd
        if "lesion_id" in table:
            rows.groups = group_column(table["lesion_id"])
    return open_rows(INFO, root, rows, checks, images=images, part=part)


def _rows(path: Path) -> Rows:
    table = read_table(path, ["image", *ISIC2019], [_UNKNOWN])
    ids = challenge_ids(table, "image")
    labels, usable, findings = one_hot_labels(table, ids, _NINE if _UNKNOWN in table else ISIC2019)
    unknown = labels == _NINE.index(_UNKNOWN)
    labels = np.where(unknown, IGNORE_INDEX, labels)
    return Rows(ids, labels, usable, groups=[""] * len(ids), metadata={"is_unknown": unknown}, findings=findings)
