"""HAM10000: 10,015 dermoscopic images of 7,470 lesions in seven classes, with a lesion mask each."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from skinzoo.datasets.base import DatasetInfo, Records, SkinDataset
from skinzoo.datasets.catalogue import register_dataset
from skinzoo.datasets.checks import CheckOptions
from skinzoo.datasets.integrity import Finding
from skinzoo.datasets.listing import by_stem, find_file, find_folders, list_folders, not_found, open_root
from skinzoo.datasets.opening import locate, open_files, unknown_groups
from skinzoo.datasets.tables import Table, group_column, image_ids, name_labels, number_column, read_table, text_column
from skinzoo.errors import ConfigError
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
    has_masks=True,
    licence="CC BY-NC 4.0",
    homepage="https://doi.org/10.7910/DVN/DBW86T",
    citation=f"{CITATION} Masks: {MASK_CITATION}",
)

TABLE_NAMES = tuple(f"HAM10000_metadata{suffix}" for suffix in (".csv", "", ".tab", ".txt"))
COLUMNS = ("lesion_id", "image_id", "dx")
OPTIONAL_COLUMNS = ("dx_type", "age", "sex", "localization", "dataset")
MASK_SUFFIX = "_segmentation"


@register_dataset(INFO)
def ham10000(
    root: str | os.PathLike[str],
    *,
    masks: bool | str = "auto",
    check: str = "quick",
    duplicates: str = "drop",
    conflicts: str = "drop",
    strict: bool = False,
) -> SkinDataset:
    """Open HAM10000 as Kaggle or Harvard Dataverse distribute it.

    Metadata columns: `dx_type`, `age` (years, float, NaN where missing; 0 is an age), `sex`, `localization`, and
    `dataset` where the table has it; None where missing or `unknown`.

    Args:
        root: The folder with the metadata table.
        masks: True needs the masks, False passes them over, `"auto"` uses them where the folder is there.
        check: `"quick"` looks at both ends of each file, `"full"` decodes each, `"none"` only looks for the files.
        duplicates: Rows with the same id: `"drop"` all but the first, or `"keep"`.
        conflicts: One picture under different labels: `"drop"` all its rows, or `"keep"`.
        strict: Raise instead of setting unusable rows and masks aside.

    Raises:
        DatasetNotFoundError: The table, the images, or with `masks=True` the masks are absent.
        TableError: The table lacks a column or is no table.
        LabelError: A diagnosis that HAM10000 does not know.
        IntegrityError: `strict` and something is unusable.
    """
    if masks not in (True, False, "auto"):
        raise ConfigError(f"masks={masks!r} is unknown; use True, False or 'auto'.")
    options = CheckOptions(check, duplicates, conflicts, strict)
    base = open_root(root, INFO)
    path = find_file([base, base / "HAM10000_metadata"], TABLE_NAMES)
    if path is None:
        raise not_found(INFO, base, "no HAM10000_metadata table")
    folders = find_folders(base, "HAM10000_images_part_?", "HAM10000_images_part?") or find_folders(
        base, "images", "HAM10000_images"
    )
    if not folders:
        raise not_found(INFO, base, "no image folder")
    mask_folders = [] if masks is False else mask_folders_of(base)
    if masks is True and not mask_folders:
        raise not_found(INFO, base, "masks=True, but no mask folder")

    table = read_table(path, COLUMNS, OPTIONAL_COLUMNS)
    ids = image_ids(table["image_id"])
    listing = list_folders(base, folders)
    files = by_stem(base, listing)
    images, findings = locate(ids, files)
    mask_paths, more = locate_masks(base, mask_folders, ids)
    metadata, odd = ham_metadata(table, ids)
    labels, unlabelled = name_labels(table, "dx", ids, ISIC2018)
    groups = group_column(table["lesion_id"])
    records = Records.build(
        ids,
        labels=labels,
        groups=groups,
        images=images,
        masks=mask_paths,
        metadata=metadata,
    )
    findings += [*more, *odd, *unlabelled, *unknown_groups(ids, groups, "lesion")]
    return open_files(
        INFO,
        base,
        records,
        ISIC2018,
        options,
        num_rows=len(records),
        findings=findings,
        expect_masks=bool(mask_folders),
        barred=listing.barred,
        names_on_disk=files,
    )


def mask_folders_of(base: Path) -> list[Path]:
    """Folders with HAM10000's masks, under any name that they are distributed by."""
    return find_folders(base, "HAM10000_segmentations_lesion_tschandl", "masks", "segmentations")


def locate_masks(base: Path, folders: Iterable[Path], ids: list[str]) -> tuple[list[str], list[Finding]]:
    """The mask of each id (`<id>_segmentation.png` or `<id>.png`), empty where there is none, and the masks of no id.

    A mask that is barred, such as a symbolic link out of the collection's folder, is not there either.
    """
    listing = list_folders(base, folders)
    files = {stem: path for stem, path in by_stem(base, listing).items() if path not in listing.barred}
    return locate(ids, {stem.removesuffix(MASK_SUFFIX): path for stem, path in files.items()}, what="mask")


def ham_metadata(table: Table, ids: list[str]) -> tuple[dict[str, NDArray[Any]], list[Finding]]:
    """HAM10000's further columns, where the table has them, and findings about ages that are none."""
    metadata: dict[str, NDArray[Any]] = {
        name: text_column(table[name]) for name in OPTIONAL_COLUMNS if name != "age" and name in table
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
