"""HAM10000 in Kaggle's "segmentation and classification" form: images, masks and one one-hot table."""

from __future__ import annotations

import os

import numpy as np

from skinzoo.datasets.base import DatasetInfo, Records, SkinDataset
from skinzoo.datasets.catalogue import register_dataset
from skinzoo.datasets.checks import CheckOptions
from skinzoo.datasets.ham10000 import CITATION, MASK_CITATION, lesion_of, locate_masks, mask_folders_of
from skinzoo.datasets.listing import by_stem, find_file, find_folders, list_folders, not_found, open_root
from skinzoo.datasets.opening import locate, open_files, unknown_groups
from skinzoo.datasets.tables import image_ids, one_hot_labels, read_table
from skinzoo.taxonomy import ISIC2018

INFO = DatasetInfo(
    name="archive",
    title="HAM10000 segmentation and classification (Kaggle)",
    tree="""\
archive/
  GroundTruth.csv                       (image,MEL,NV,BCC,AKIEC,BKL,DF,VASC)
  images/ISIC_0024306.jpg
  masks/ISIC_0024306_segmentation.png   (optional)
  HAM10000_metadata.csv                 (optional: lesion ids, so that splits keep lesions together)
""",
    label_space=ISIC2018,
    group="lesion",
    num_images=10_015,
    has_masks=True,
    licence="CC BY-NC 4.0",
    homepage="https://www.kaggle.com/datasets/surajghuwalewala/ham1000-segmentation-and-classification",
    citation=f"{CITATION} Masks: {MASK_CITATION}",
)


@register_dataset(INFO)
def archive(
    root: str | os.PathLike[str],
    *,
    check: str = "quick",
    duplicates: str = "drop",
    conflicts: str = "drop",
    strict: bool = False,
) -> SkinDataset:
    """Open an `archive` folder: `images/`, `masks/` and `GroundTruth.csv`.

    The table knows no lesions. Put `HAM10000_metadata.csv` beside it; without it each image is a group of its own, and
    the report says so (`GROUP_UNKNOWN`).

    Args:
        root: The folder with `GroundTruth.csv`.
        check: `"quick"` looks at both ends of each file, `"full"` decodes each, `"none"` only looks for the files.
        duplicates: Rows with the same id: `"drop"` all but the first, or `"keep"`.
        conflicts: One picture under different labels: `"drop"` all its rows, or `"keep"`.
        strict: Raise instead of setting unusable rows and masks aside.

    Raises:
        DatasetNotFoundError: The table or the images are absent.
        TableError: The table lacks a column or is no table.
        IntegrityError: `strict` and something is unusable.
    """
    options = CheckOptions(check, duplicates, conflicts, strict)
    base = open_root(root, INFO)
    path = find_file([base], ["GroundTruth.csv"])
    folders = find_folders(base, "images")
    if path is None or not folders:
        raise not_found(INFO, base, "no GroundTruth.csv" if path is None else "no folder images/")
    table = read_table(path, ["image", *ISIC2018])
    ids = image_ids(table["image"])
    labels, good, findings = one_hot_labels(table, ids, ISIC2018)
    listing = list_folders(base, folders)
    files = by_stem(base, listing)
    images, extra = locate(ids, files)
    mask_folders = mask_folders_of(base)
    masks, more = locate_masks(base, mask_folders, ids)
    lesions = lesion_of(base)
    groups = [lesions.get(i, "") for i in ids]
    records = Records.build(ids, labels=labels, groups=groups, images=images, masks=masks).take(np.flatnonzero(good))
    return open_files(
        INFO,
        base,
        records,
        ISIC2018,
        options,
        num_rows=len(table),
        findings=[*findings, *extra, *more, *unknown_groups(ids, groups, "lesion")],
        expect_masks=bool(mask_folders),
        barred=listing.barred,
        names_on_disk=files,
    )
