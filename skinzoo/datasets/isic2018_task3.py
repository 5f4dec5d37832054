"""ISIC 2018 Task 3: the challenge's training, validation and test images in seven classes."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from skinzoo.datasets.base import DatasetInfo, IntArray, Records, SkinDataset
from skinzoo.datasets.catalogue import register_dataset
from skinzoo.datasets.checks import CheckOptions
from skinzoo.datasets.ham10000 import CITATION, COLUMNS
from skinzoo.datasets.integrity import Finding
from skinzoo.datasets.listing import by_stem, find_file, find_folders, list_folders, not_found, open_root
from skinzoo.datasets.opening import locate, open_files, unknown_groups
from skinzoo.datasets.tables import group_column, image_ids, name_labels, one_hot_labels, read_table
from skinzoo.errors import ConfigError, TableError
from skinzoo.taxonomy import ISIC2018

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
    licence="CC BY-NC 4.0",
    homepage="https://challenge.isic-archive.com/data/#2018",
    citation=(
        "Codella N et al. Skin lesion analysis toward melanoma detection 2018: a challenge hosted by the International "
        f"Skin Imaging Collaboration (ISIC). arXiv:1902.03368 (2019). {CITATION}"
    ),
)

_PARTS = {"train": "Training", "val": "Validation", "test": "Test"}


@register_dataset(INFO)
def isic2018_task3(
    root: str | os.PathLike[str],
    *,
    part: str = "train",
    check: str = "quick",
    duplicates: str = "drop",
    conflicts: str = "drop",
    strict: bool = False,
) -> SkinDataset:
    """Open one part of ISIC 2018 task 3: 10,015 images to train, 193 to validate, 1,512 to test.

    The training part is HAM10000; do not test a model on one that was trained on the other.

    Args:
        root: The folder with the `ISIC2018_Task3_*` folders.
        part: `"train"`, `"val"` or `"test"`.
        check: `"quick"` looks at both ends of each file, `"full"` decodes each, `"none"` only looks for the files.
        duplicates: Rows with the same id: `"drop"` all but the first, or `"keep"`.
        conflicts: One picture under different labels: `"drop"` all its rows, or `"keep"`.
        strict: Raise instead of setting unusable rows aside.

    Raises:
        ConfigError: No such part.
        DatasetNotFoundError: The part's table or images are absent.
        TableError: The table lacks a column or is no table.
        IntegrityError: `strict` and something is unusable.
    """
    if part not in _PARTS:
        raise ConfigError(f"part={part!r} is unknown; use {', '.join(map(repr, _PARTS))}.")
    options = CheckOptions(check, duplicates, conflicts, strict)
    base = open_root(root, INFO)
    stem = f"ISIC2018_Task3_{_PARTS[part]}"
    folders = find_folders(base, f"{stem}_Input")
    tables = [base, *find_folders(base, f"{stem}_GroundTruth")]
    path = find_file(tables, [f"{stem}_GroundTruth.csv"])
    if not folders or path is None:
        raise not_found(INFO, base, f"no {stem}_{'GroundTruth.csv' if folders else 'Input'}")
    ids, labels, good, groups, findings = _labels(path)
    groupings = find_file(tables, [f"{stem}_LesionGroupings.csv"])
    if groupings is not None:
        lesions = read_table(groupings, ["image", "lesion_id"])
        known = dict(zip(image_ids(lesions["image"]), group_column(lesions["lesion_id"]), strict=True))
        groups = [known.get(i) or group for i, group in zip(ids, groups, strict=True)]
    listing = list_folders(base, folders)
    files = by_stem(base, listing)
    images, extra = locate(ids, files)
    records = Records.build(ids, labels=labels, groups=groups, images=images).take(np.flatnonzero(good))
    return open_files(
        INFO,
        base,
        records,
        ISIC2018,
        options,
        num_rows=len(ids),
        findings=[*findings, *extra, *unknown_groups(ids, groups, "lesion")],
        barred=listing.barred,
        names_on_disk=files,
        part=part,
    )


def _labels(
    path: Path,
) -> tuple[list[str], IntArray, np.ndarray[tuple[int], np.dtype[np.bool_]], list[str], list[Finding]]:
    """Ids, labels, usable rows, lesion ids and findings of a ground-truth table.

    Harvard Dataverse distributes the test part's table under the challenge's name but with HAM10000's columns.
    """
    try:
        table = read_table(path, ["image", *ISIC2018])
    except TableError:
        try:
            table = read_table(path, COLUMNS)
        except TableError:
            table = read_table(path, ["image", *ISIC2018])  # raises the error about the official columns
        ids = image_ids(table["image_id"])
        labels, findings = name_labels(table, "dx", ids, ISIC2018)
        return ids, labels, np.ones(len(ids), dtype=bool), group_column(table["lesion_id"]), findings
    ids = image_ids(table["image"])
    labels, good, findings = one_hot_labels(table, ids, ISIC2018)
    return ids, labels, good, [""] * len(ids), findings
