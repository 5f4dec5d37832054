"""The nine "Skin cancer ISIC" classes of Kaggle: 2,357 dermoscopic images in folders, 155 of them in two classes."""

from __future__ import annotations

import os
from pathlib import Path

from skinzoo.datasets.adapters._classfolders import open_class_folders
from skinzoo.datasets.adapters._lesions import find_lesions
from skinzoo.datasets.base import SkinDataset
from skinzoo.datasets.catalogue import register_dataset
from skinzoo.datasets.checks import CheckOptions
from skinzoo.datasets.info import DatasetInfo
from skinzoo.datasets.listing import subfolders
from skinzoo.taxonomy import ISIC9

INFO = DatasetInfo(
    name="isic9",
    title="Skin cancer ISIC, nine classes (Kaggle)",
    tree="""\
isic9/
  Train/actinic keratosis/ISIC_0025780.jpg   (and eight more classes; also below "Skin cancer ISIC The ...")
  Test/actinic keratosis/ISIC_0010512.jpg
  HAM10000_metadata.csv                      (optional: lesion ids of 61 % of the images)
  ISIC_2019_Training_Metadata.csv            (optional: lesion ids of more of them)
""",
    label_space=ISIC9,
    group="lesion",
    num_images=2_357,
    class_counts={
        "AK": 130,
        "BCC": 392,
        "DF": 111,
        "MEL": 454,
        "NV": 373,
        "PBK": 478,
        "SEK": 80,
        "SCC": 197,
        "VASC": 142,
    },
    parts={"train": 2_239, "test": 118},
    metadata=("official_split",),
    namespace="isic",
    licence="CC BY-NC 4.0 or CC0, image by image as in the ISIC archive; the collection itself names none",
    homepage="https://www.kaggle.com/datasets/nodoubttome/skin-cancer9-classesisic",
    citation="The International Skin Imaging Collaboration (ISIC) archive. https://www.isic-archive.com",
    access="kaggle datasets download -d nodoubttome/skin-cancer9-classesisic --unzip -p <root>",
    outranks=(("AK", "NV"), ("MEL", "SEK")),
)


@register_dataset(INFO)
def isic9(root: Path, checks: CheckOptions, *, lesions: str | os.PathLike[str] | None = None) -> SkinDataset:
    """Open the nine class folders, `Train` and `Test` together; the metadata column `official_split` keeps which.

    155 pictures lie in two classes: 77 in actinic keratosis and nevus, 78 in seborrheic keratosis and melanoma. By
    default no copy is used. The labels of ISIC 2019 say which is right: of the 77 it holds 76, all of them actinic
    keratoses, and of the 78 it holds 26, all of them melanomas. That is what `outranks` declares, and
    `conflicts="resolve"` uses those copies. Both leave 2 images of seborrheic keratosis, too few to split without
    `allow_missing_classes=True`.

    18 of the contradictions lie across `Train` and `Test`, so the official division leaks; split anew by lesion. The
    folders know no lesions. These are looked up by image id in the table of HAM10000 or ISIC 2019, if one lies in
    the root or is given; images that it does not know are groups of their own (`GROUP_UNKNOWN`).

    61 % of the images are from HAM10000, and 81 % are in the training part of ISIC 2019: neither is an external test
    set for a model trained on the other.

    Not checked here: pixels of the original, whose images have several sizes; a common copy has them at 180 x 180, and
    two more files that are copies called `ISIC_0025509(1).jpg` and `ISIC_0025601(1).jpg`.

    Args:
        root: The folder above `Train` and `Test`, or one further up.
        checks: How closely to look at the files.
        lesions: A table with the columns `lesion_id` and `image_id` or `image`; None looks for one in the root.

    Raises:
        DatasetNotFoundError: No class folder with an image, or `lesions` is no file.
        LabelError: A folder with images is none of the nine classes.
        TableError: The table of lesions lacks a column or is no table.
    """
    known = find_lesions([root, *subfolders(root)], lesions)
    return open_class_folders(INFO, root, checks, label_space=ISIC9, lesions=known)
