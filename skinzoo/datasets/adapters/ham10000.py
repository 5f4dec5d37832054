"""HAM10000: 10,015 dermoscopic images of 7,470 lesions in seven classes, with a lesion mask each."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from skinzoo.datasets.base import SkinDataset
from skinzoo.datasets.catalogue import register_dataset
from skinzoo.datasets.checks import CheckOptions
from skinzoo.datasets.info import DatasetInfo
from skinzoo.datasets.integrity import Finding
from skinzoo.datasets.listing import find_file, find_folders, not_found
from skinzoo.datasets.opening import Rows, check_masks, open_rows
from skinzoo.datasets.tables import Table, group_column, image_ids, name_labels, number_column, read_table, text_column
from skinzoo.taxonomy import ISIC2018

CITATION = (
    "Tschandl P, Rosendahl C, Kittler H. The HAM10000 dataset, a large collection of multi-source dermatoscopic images "
    "of common pigmented skin lesions. Sci Data 5, 180161 (2018). doi:10.1038/sdata.2018.161"
)
MASK_CITATION = (
    "Tschandl P et al. Human-computer collaboration for skin cancer recognition. Nat Med 26, 1229-1234 (2020). "
    "doi:10.1038/s41591-020-0942-0"
)

INFO = DatasetInfo(
    name="ham10000",
    title="HAM10000 (Human Against Machine with 10000 training images)",
    tree="""\
HAM10000/
  HAM10000_metadata.csv                     (or without an ending, .tab, .txt)
  HAM10000_images_part_1/ISIC_0024306.jpg   (or all images in images/)
  HAM10000_images_part_2/ISIC_0029306.jpg
  HAM10000_segmentations_lesion_tschandl/ISIC_0024306_segmentation.png   (optional)
""",
    label_space=ISIC2018,
    group="lesion",
    num_images=10_015,
    class_counts={"MEL": 1113, "NV": 6705, "BCC": 514, "AKIEC": 327, "BKL": 1099, "DF": 115, "VASC": 142},
    has_masks=True,
    metadata=("dx_type", "age", "sex", "localization", "dataset"),
    leaky={"dx_type": "all mel, bcc and akiec are confirmed by histology, and only nv by follow-up"},
    namespace="isic",
    licence="CC BY-NC 4.0",
    homepage="https://doi.org/10.7910/DVN/DBW86T",
    citation=f"{CITATION} Masks: {MASK_CITATION}",
    access="kaggle datasets download -d kmader/skin-cancer-mnist-ham10000 --unzip -p <root>   (or the homepage)",
)

TABLE_NAMES = tuple(f"HAM10000_metadata{suffix}" for suffix in (".csv", "", ".tab", ".txt"))
COLUMNS = ("lesion_id", "image_id", "dx")


@register_dataset(INFO)
def ham10000(root: Path, checks: CheckOptions, *, masks: bool | str = "auto") -> SkinDataset:
    """Open HAM10000 as Kaggle or Harvard Dataverse distribute it.

    `age` is in years, NaN where missing (0 is an age); other metadata is None where missing or `unknown`.

    Args:
        root: The folder with the metadata table.
        checks: How closely to look at the files.
        masks: True needs the masks, False passes them over, `"auto"` uses them where the folder is there.

    Raises:
        ConfigError: Another value of `masks`.
        DatasetNotFoundError: The table, the images, or with `masks=True` the masks are absent.
        TableError: The table lacks a column or is no table.
        LabelError: A diagnosis that HAM10000 does not know.
    """
    check_masks(masks)
    path = find_file([root, root / "HAM10000_metadata"], TABLE_NAMES)
    if path is None:
        raise not_found(INFO, root, "no HAM10000_metadata table")
    folders = find_folders(root, "HAM10000_images_part_?", "HAM10000_images_part?") or find_folders(
        root, "images", "HAM10000_images"
    )
    if not folders:
        raise not_found(INFO, root, "no image folder")
    mask_folders = [] if masks is False else mask_folders_of(root)
    if masks is True and not mask_folders:
        raise not_found(INFO, root, "masks=True, but no mask folder")
    table = read_table(path, COLUMNS, INFO.metadata)
    ids = image_ids(table["image_id"])
    labels, unlabelled = name_labels(table, "dx", ids, ISIC2018)
    metadata, odd = ham_metadata(table, ids)
    rows = Rows(ids, labels, groups=group_column(table["lesion_id"]), metadata=metadata, findings=[*odd, *unlabelled])
    return open_rows(INFO, root, rows, checks, images=folders, masks=mask_folders)


def mask_folders_of(root: Path) -> list[Path]:
    """Folders with HAM10000's masks, under any name that they are distributed by."""
    return find_folders(root, "HAM10000_segmentations_lesion_tschandl", "masks", "segmentations")


def ham_metadata(table: Table, ids: list[str]) -> tuple[dict[str, NDArray[Any]], list[Finding]]:
    """HAM10000's further columns, where the table has them, and findings about ages that are none."""
    metadata: dict[str, NDArray[Any]] = {
        name: text_column(table[name]) for name in INFO.metadata if name != "age" and name in table
    }
    if "age" not in table:
        return metadata, []
    metadata["age"], findings = number_column(table, "age", ids, 0, 120)
    return metadata, findings


def lesion_of(base: Path) -> dict[str, str]:
    """Lesion id of each image id by a HAM10000 metadata table in `base`; empty where there is none."""
    path = find_file([base], TABLE_NAMES)
    if path is None:
        return {}
    table = read_table(path, COLUMNS[:2])
    return dict(zip(image_ids(table["image_id"]), group_column(table["lesion_id"]), strict=True))
