"""HAM10000 in Kaggle's "segmentation and classification" form: images, masks and one one-hot table."""

from __future__ import annotations

from pathlib import Path

from skinzoo.datasets.adapters.ham10000 import CITATION, MASK_CITATION, lesion_of, mask_folders_of
from skinzoo.datasets.adapters.ham10000 import INFO as HAM10000
from skinzoo.datasets.base import SkinDataset
from skinzoo.datasets.catalogue import register_dataset
from skinzoo.datasets.checks import CheckOptions
from skinzoo.datasets.info import DatasetInfo
from skinzoo.datasets.listing import find_file, find_folders, not_found
from skinzoo.datasets.opening import Rows, open_rows
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
    class_counts=HAM10000.class_counts,
    namespace="isic",
    has_masks=True,
    licence="CC BY-NC 4.0",
    homepage="https://www.kaggle.com/datasets/surajghuwalewala/ham1000-segmentation-and-classification",
    citation=f"{CITATION} Masks: {MASK_CITATION}",
    access="kaggle datasets download -d surajghuwalewala/ham1000-segmentation-and-classification --unzip -p <root>",
)


@register_dataset(INFO)
def archive(root: Path, checks: CheckOptions) -> SkinDataset:
    """Open an `archive` folder: `images/`, `masks/` and `GroundTruth.csv`.

    The table knows no lesions. Put `HAM10000_metadata.csv` beside it; without it each image is a group of its own, and
    the report says so (`GROUP_UNKNOWN`).

    Args:
        root: The folder with `GroundTruth.csv`.
        checks: How closely to look at the files.

    Raises:
        DatasetNotFoundError: The table or the images are absent.
        TableError: The table lacks a column or is no table.
    """
    path = find_file([root], ["GroundTruth.csv"])
    folders = find_folders(root, "images")
    if path is None or not folders:
        raise not_found(INFO, root, "no GroundTruth.csv" if path is None else "no folder images/")
    table = read_table(path, ["image", *ISIC2018])
    ids = image_ids(table["image"])
    labels, usable, findings = one_hot_labels(table, ids, ISIC2018)
    lesions = lesion_of(root)
    rows = Rows(ids, labels, usable, groups=[lesions.get(i, "") for i in ids], findings=findings)
    return open_rows(INFO, root, rows, checks, images=folders, masks=mask_folders_of(root))
