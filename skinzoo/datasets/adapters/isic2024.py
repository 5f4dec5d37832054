"""ISIC 2024 (SLICE-3D): 401,059 tiles cut from total-body photographs of 1,042 patients; 393 show a malignant lesion.

Not checked against the real files: the order of the table's columns, that the challenge's site calls the label
`malignant`, and that Kaggle's test files hold three examples.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from skinzoo.datasets.adapters._challenge import (
    HOMEPAGE,
    align,
    binary_labels,
    bucket_files,
    challenge_ids,
    find_table,
)
from skinzoo.datasets.base import SkinDataset
from skinzoo.datasets.catalogue import register_dataset
from skinzoo.datasets.checks import CheckOptions
from skinzoo.datasets.hdf5opening import open_hdf5
from skinzoo.datasets.info import DatasetInfo
from skinzoo.datasets.listing import find_file, find_folders, not_found
from skinzoo.datasets.opening import Rows, check_part, open_rows
from skinzoo.datasets.tables import Table, group_column, metadata_columns, read_table
from skinzoo.errors import ConfigError
from skinzoo.taxonomy import BINARY

BASIC = (
    "age_approx",
    "sex",
    "anatom_site_general",
    "clin_size_long_diam_mm",
    "tbp_tile_type",
    "tbp_lv_location_simple",
)
"""Metadata columns that are read unless others are asked for."""

_TEXTS = ("image_type", "tbp_lv_location", "attribution", "copyright_license")
_MEASURES = tuple(
    f"tbp_lv_{name}"
    for name in (
        *("A", "Aext", "B", "Bext", "C", "Cext", "H", "Hext", "L", "Lext", "areaMM2", "area_perim_ratio"),
        *("color_std_mean", "deltaA", "deltaB", "deltaL", "deltaLB", "deltaLBnorm", "eccentricity", "minorAxisMM"),
        *("nevi_confidence", "norm_border", "norm_color", "perimeterMM", "radial_color_std_max", "stdL", "stdLExt"),
        *("symm_2axis", "symm_2axis_angle", "x", "y", "z"),
    )
)
_LABELS = "ISIC_2024_Training_GroundTruth.csv"
_DIAGNOSIS = ("iddx_full", "iddx_1", "iddx_2", "iddx_3", "iddx_4", "iddx_5")
_AFTERWARDS = ("mel_mitotic_index", "mel_thick_mm")
_CONFIDENCE = "tbp_lv_dnn_lesion_confidence"
_RANGES = {
    "age_approx": (0, 120),
    **dict.fromkeys(("clin_size_long_diam_mm", "mel_thick_mm", _CONFIDENCE, *_MEASURES), (-math.inf, math.inf)),
}
"""Smallest and largest value of each column of numbers."""

INFO = DatasetInfo(
    name="isic2024",
    title="ISIC 2024 challenge: SLICE-3D, tiles of total-body photographs",
    tree="""\
ISIC2024/
  train-metadata.csv
  train-image.hdf5   (or train-image/image/ISIC_0015670.jpg)
  (the same with test)
or, as the challenge's site has it,
ISIC2024/
  ISIC_2024_Training_Input/metadata.csv        (or beside it)
  ISIC_2024_Training_Input/ISIC_0015670.jpg
  ISIC_2024_Training_GroundTruth.csv           (isic_id,malignant)
  ISIC_2024_Training_Supplement.csv            (optional: diagnoses)
""",
    label_space=BINARY,
    group="patient",
    num_images=401_062,
    class_counts={"benign": 400_666, "malignant": 393},
    parts={"train": 401_059, "test": 3},
    metadata=(*BASIC, *_TEXTS, *_MEASURES, "lesion_id", *_DIAGNOSIS, *_AFTERWARDS, _CONFIDENCE),
    leaky={
        "lesion_id": "all malignant lesions have one, and hardly any other",
        **dict.fromkeys(_DIAGNOSIS, "the diagnosis itself"),
        **dict.fromkeys(_AFTERWARDS, "only melanomas have one"),
        _CONFIDENCE: "the challenge withheld it from the test part, as it did the diagnoses",
    },
    namespace="isic",
    modality="tile",
    licence="CC BY-NC 4.0",
    homepage=f"{HOMEPAGE}#2024",
    citation=(
        "International Skin Imaging Collaboration. SLICE-3D 2024 challenge dataset (2024). doi:10.34970/2024-slice-3d. "
        "Kurtansky NR et al. The SLICE-3D dataset: 400,000 skin lesion image crops extracted from 3D TBP for skin "
        "cancer detection. Sci Data 11, 884 (2024). doi:10.1038/s41597-024-03743-w"
    ),
    downloads=bucket_files(
        2024,
        {
            "train": [
                "ISIC_2024_Training_Input.zip",
                _LABELS,
                "ISIC_2024_Training_Supplement.csv",
            ]
        },
    ),
    access=(
        "Kaggle's form, with the HDF5 file and the test part, needs an account that accepted the competition's rules: "
        "kaggle competitions download -c isic-2024-challenge -p <root>"
    ),
)


@register_dataset(INFO)
def isic2024(
    root: Path,
    checks: CheckOptions,
    *,
    part: str = "train",
    images: str = "auto",
    metadata: str | Sequence[str] = "basic",
) -> SkinDataset:
    """Open ISIC 2024 as Kaggle or the challenge's site distribute it.

    These are crops of 15 mm from total-body photographs, 61 to 239 pixels wide, not dermoscopic images. One in a
    thousand is malignant. Images of one patient are one group.

    Opening takes seconds with `check="none"`. The default, `check="quick"`, looks at every picture, which takes minutes
    here; do that once. The test part opens without labels; that of the challenge itself was never released, Kaggle's
    files hold three examples.

    `age_approx` is in years and all sizes are in mm, NaN where missing; other metadata is None where missing or
    `unknown`. `copyright_license` says which images may be used more freely than the whole.

    Args:
        root: The folder with the tables.
        checks: How closely to look at the pictures.
        part: `"train"` or `"test"`.
        images: `"hdf5"` reads `train-image.hdf5` (needs `pip install 'skinzoo[data]'`), `"folder"` the JPEG files,
            `"auto"` the HDF5 file where it is there.
        metadata: `"basic"` for six columns, `"all"`, or names of columns. A column takes 3 MB, all of them 150.

    Raises:
        ConfigError: No such part, kind of images or column.
        MissingDependencyError: The pictures are in an HDF5 file and `h5py` is not installed.
        DatasetNotFoundError: The part's table or its pictures are absent.
        TableError: A table lacks a column, has a row whose id is none of the ISIC archive, or is no table.
        LabelError: A target that is neither 0 nor 1.
        DataError: The HDF5 file is damaged.
    """
    wanted = _columns(metadata)
    site = find_folders(root, "ISIC_2024_Training_Input") if check_part(INFO, part) == "train" else []
    file, folders = _pictures(root, part, images, site)
    if (path := find_file([root], [f"{part}-metadata.csv"])) is not None:
        rows = _rows(path, wanted, label="target" if part == "train" else None)
    else:
        rows = _site_rows(root, wanted, site, part)
    if file is not None:
        return open_hdf5(INFO, root, file, rows, checks, part=part)
    return open_rows(INFO, root, rows, checks, images=folders, part=part)


def _columns(metadata: str | Sequence[str]) -> tuple[str, ...]:
    named = {"basic": BASIC, "all": INFO.metadata}
    if isinstance(metadata, str):
        if metadata not in named:
            raise ConfigError(
                f"{INFO.name}: metadata={metadata!r} is unknown; use 'basic', 'all' or a list of columns."
            )
        return named[metadata]
    if unknown := [c for c in metadata if c not in INFO.metadata]:
        raise ConfigError(f"{INFO.name}: no metadata column {unknown[0]!r}; there are {', '.join(INFO.metadata)}.")
    return tuple(metadata)


def _pictures(root: Path, part: str, images: str, site: list[Path]) -> tuple[Path | None, list[Path]]:
    """The HDF5 file, or None and the folders with JPEG files."""
    if images not in ("auto", "hdf5", "folder"):
        raise ConfigError(f"{INFO.name}: images={images!r} is unknown; use 'auto', 'hdf5' or 'folder'.")
    file = None if images == "folder" else find_file([root], [f"{part}-image.hdf5"])
    if file is not None:
        return file, []
    above = find_folders(root, f"{part}-image")
    folders = [inner for place in above for inner in find_folders(place, "image") or [place]] or site
    if images == "hdf5" or not folders:
        file_name, folder_name = f"{part}-image.hdf5", f"folder {part}-image"
        missing = {"hdf5": file_name, "folder": folder_name, "auto": f"{file_name} and no {folder_name}"}[images]
        raise not_found(INFO, root, f"no {missing}")
    return None, folders


def _site_rows(root: Path, wanted: Sequence[str], site: list[Path], part: str) -> Rows:
    """The rows by the tables of the challenge's site: metadata, labels and diagnoses, each in one of its own."""
    path = find_file([*site, root], ["metadata.csv"]) if site else None
    labels = find_table(root, _LABELS, folders=site)
    if path is None or labels is None:
        missing = _LABELS if path else "metadata.csv" if site else f"{part}-metadata.csv"
        raise not_found(INFO, root, f"no {missing}")
    rows = _rows(path, wanted, label=None)
    table = align(read_table(labels, ["isic_id", "malignant"]), "isic_id", rows.ids)
    rows.labels, unlabelled = binary_labels(table, "malignant", rows.ids)
    rows.findings += unlabelled
    further = [c for c in wanted if c not in rows.metadata]
    supplement = find_table(root, "ISIC_2024_Training_Supplement.csv", folders=site) if further else None
    if supplement is not None:
        _add_metadata(rows, align(read_table(supplement, ["isic_id"], further), "isic_id", rows.ids), further)
    return rows


def _rows(path: Path, wanted: Sequence[str], *, label: str | None) -> Rows:
    required = ["isic_id", "patient_id", *([label] if label else [])]
    table = read_table(path, required, wanted, numbers=_RANGES)
    rows = Rows(ids := challenge_ids(table, "isic_id"), groups=group_column(table["patient_id"]))
    if label:
        rows.labels, rows.findings = binary_labels(table, label, ids)
    _add_metadata(rows, table, wanted)
    return rows


def _add_metadata(rows: Rows, table: Table, wanted: Sequence[str]) -> None:
    columns, odd = metadata_columns(table, rows.ids, wanted, _RANGES)
    rows.metadata |= columns
    rows.findings += odd
