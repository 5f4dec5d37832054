"""DermaMNIST: HAM10000 squeezed to squares of 28 to 224 pixels, as arrays, and its two corrected variants."""

from __future__ import annotations

import hashlib
import os
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from skinzoo.datasets.adapters._dermamnist_ids import TABLES, PictureIds, read_ids
from skinzoo.datasets.adapters._lesions import find_lesions, lesions_for
from skinzoo.datasets.adapters.ham10000 import CITATION
from skinzoo.datasets.adapters.ham10000 import INFO as HAM10000
from skinzoo.datasets.arraysource import ArraySource, read_labels
from skinzoo.datasets.base import Records, SkinDataset
from skinzoo.datasets.catalogue import register_dataset
from skinzoo.datasets.checks import MIN_STD, CheckOptions
from skinzoo.datasets.duplicates import resolve_duplicates
from skinzoo.datasets.info import DatasetInfo
from skinzoo.datasets.integrity import Finding, IntegrityReport
from skinzoo.datasets.listing import find_file, not_found
from skinzoo.datasets.opening import check_part, unknown_groups
from skinzoo.download import RemoteFile
from skinzoo.errors import ConfigError, DataError, DatasetNotFoundError, LabelError
from skinzoo.taxonomy import ISIC2018

SIZES = (28, 64, 128, 224)
LABEL_ORDER = ("AKIEC", "BCC", "BKL", "DF", "MEL", "NV", "VASC")
_MD5 = {
    ("official", 28): "0744692d530f8e62ec473284d019b0c7",
    ("official", 64): "b70a2f5635c6199aeaa28c31d7202e1f",
    ("official", 128): "2defd784463fa5243564e855ed717de1",
    ("official", 224): "8974907d8e169bef5f5b96bc506ae45d",
    ("corrected", 28): "96e2862980877d45d9cacb5c25de6950",
    ("corrected", 224): "84920fb70c83b234c295b6f0d4ae2bc0",
    ("extended", 28): "ecacbf37d9cc79340226bd19bd4c7463",
    ("extended", 224): "b59d6a78a036a0bb48a1eff13d94333c",
}
_RECORDS = {"official": 10519652, "corrected": 12739457, "extended": 12739457}
_PREFIX = {"official": "dermamnist", "corrected": "dermamnist_corrected", "extended": "dermamnist_extended"}


def _file_name(variant: str, size: int) -> str:
    return f"{_PREFIX[variant]}.npz" if (variant, size) == ("official", 28) else f"{_PREFIX[variant]}_{size}.npz"


INFO = DatasetInfo(
    name="dermamnist",
    title="DermaMNIST (MedMNIST); the official split separates images of one lesion",
    tree="""\
dermamnist/
  dermamnist.npz              (28 x 28; or dermamnist_64.npz, dermamnist_128.npz, dermamnist_224.npz)
  dermamnist_split_info.csv   (optional: split,index,image_id, which tells the ISIC ids)
  HAM10000_metadata.csv       (optional, with the former: lesion ids, so that splits keep lesions together)
  dermamnist_corrected_28.npz, dermamnist_extended_28.npz   (variants; or 224)
  DermaMNIST-C.csv, DermaMNIST-E.csv                        (optional: their ISIC ids)
""",
    label_space=ISIC2018,
    group="lesion",
    num_images=10_015,
    class_counts=HAM10000.class_counts,
    parts={"train": 7_007, "val": 1_003, "test": 2_005},
    metadata=("official_split",),
    namespace="isic",
    licence="CC BY-NC 4.0",
    homepage="https://medmnist.com",
    citation=(
        "Yang J et al. MedMNIST v2 - a large-scale lightweight benchmark for 2D and 3D biomedical image "
        f"classification. Sci Data 10, 41 (2023). doi:10.1038/s41597-022-01721-8. {CITATION}"
    ),
    downloads=(
        *(
            RemoteFile(
                f"https://zenodo.org/records/{_RECORDS[variant]}/files/{_file_name(variant, size)}?download=1",
                _file_name(variant, size),
                md5=md5,
                options={"variant": variant, "size": size},
            )
            for (variant, size), md5 in _MD5.items()
        ),
        RemoteFile(
            f"https://zenodo.org/records/{_RECORDS['corrected']}/files/DermaMNIST-C.csv?download=1",
            "DermaMNIST-C.csv",
            size=747_941,
            md5="1c54bc9f483e97a9d7dbbde076a45900",
            options={"variant": "corrected"},
        ),
    ),
)
_CORRECTION = (
    "Abhishek K, Jain A, Hamarneh G. Investigating the quality of DermaMNIST and Fitzpatrick17k dermatological image "
    "datasets. Sci Data 12, 196 (2025). doi:10.1038/s41597-025-04382-5. "
)
VARIANTS = {
    "official": INFO,
    "corrected": replace(
        INFO,
        title="DermaMNIST-C: DermaMNIST split anew by lesion",
        parts={"train": 8_215, "val": 573, "test": 1_227},
        homepage="https://zenodo.org/records/12739457",
        citation=_CORRECTION + INFO.citation,
    ),
    "extended": replace(
        INFO,
        title="DermaMNIST-E: trained on HAM10000, tested on the test part of ISIC 2018 task 3",
        num_images=11_719,
        class_counts={},
        parts={"train": 10_015, "val": 193, "test": 1_511},
        homepage="https://zenodo.org/records/12739457",
        citation=_CORRECTION + INFO.citation,
    ),
}


@register_dataset(INFO)
def dermamnist(
    root: Path,
    checks: CheckOptions,
    *,
    part: str = "all",
    size: int | None = None,
    variant: str = "official",
    ids: str | os.PathLike[str] | None = None,
    lesions: str | os.PathLike[str] | None = None,
) -> SkinDataset:
    """Open DermaMNIST from its `.npz` file.

    The official split is by image and leaks: 886 of its 2,005 test images show one of 641 lesions that the training
    part shows as well, so that figures on it are too good. The report says so (`SPLIT_LEAKS`). Use
    `variant="corrected"`, or give the ids and lesions and split anew, by lesion.

    The arrays know no ids. `dermamnist_split_info.csv` (`DermaMNIST-C.csv`, `DermaMNIST-E.csv`) of
    github.com/kakumarabhishek/Corrected-Skin-Image-Datasets tells them, and a table of HAM10000 or ISIC 2019 tells the
    lesions. Without the ids, pictures are called `train_00000` and so on, are groups of their own (`GROUP_UNKNOWN`),
    and their overlap with other ISIC collections goes unnoticed.

    Images are the 600 x 450 originals squeezed to a square, not cropped. DermaMNIST-C of MedMNIST-C, which has images
    with artificial flaws, is something else.

    Arrays are memory-mapped, so that worker processes share one copy. The published files are compressed; they are
    unpacked into a temporary folder on opening, which takes 1.5 GB for all 10,015 images of 224 x 224. Save
    them once more with `np.savez` to avoid that.

    The format is that of published readers; no published file was at hand. The md5 sums in `downloads` are MedMNIST's
    own for the official files, and a public reader's for the variants. An older DermaMNIST-C of 8,208, 575 and 1,232
    images is about; that its sizes differ from those declared is no error.

    Args:
        root: The folder with the file.
        checks: How closely to look: `check="full"` also sets aside pictures of one colour, `"none"` does not look for
            identical pictures.
        part: `"train"`, `"val"`, `"test"`, or `"all"`; the metadata column `official_split` keeps which.
        size: 28, 64, 128 or 224 pixels; None takes the file that is there.
        variant: `"official"`, `"corrected"` (DermaMNIST-C) or `"extended"` (DermaMNIST-E).
        ids: The table of ISIC ids; None looks for one in the root.
        lesions: A table with the columns `lesion_id` and `image_id` or `image`; None looks for one in the root.

    Raises:
        ConfigError: No such part, size or variant, or files of several sizes and no `size`.
        DatasetNotFoundError: No such file.
        DataError: The file is damaged, or its arrays have other shapes.
        LabelError: A label that is none of 0 to 6.
        TableError: The table of ids or lesions lacks a column, or does not fit the arrays.
        IntegrityError: `strict`, and something cannot be used.
    """
    if variant not in VARIANTS:
        raise ConfigError(f"{INFO.name}: variant={variant!r} is unknown; use {', '.join(map(repr, VARIANTS))}.")
    info = VARIANTS[variant]
    parts = tuple(info.parts) if part == "all" else (check_part(info, part),)
    path, pixels = _find(root, variant, size)
    table = _id_table(root, variant, ids)
    if lesions is not None and table is None:
        raise ConfigError(
            f"{INFO.name}: lesions= is of no use without the ids; put {TABLES[variant][0]} beside {path}."
        )
    labels = {name: _labels(path, name) for name in parts}
    source = ArraySource(path, [f"{name}_images" for name in parts])
    _check_shapes(source, labels, pixels)
    names = _identify(table, labels) if table else _numbered(labels)
    groups = _lesions(names, root, lesions) if table else names.lesions
    records = Records.build(
        names.ids,
        labels=np.concatenate([labels[name] for name in parts]),
        groups=groups,
        images=[f"{name}_images/{i}" for name in parts for i in range(len(labels[name]))],
        metadata={"official_split": np.repeat(np.array(parts, dtype=object), [len(labels[p]) for p in parts])},
    )
    findings = unknown_groups(names.ids, groups, info.group)
    if variant == "official" and not (part == "all" and all(groups)):
        findings.append(_LEAK)
    usable, more = _screen(source, records, checks)
    report = IntegrityReport(info.name, len(records), [*findings, *more]).announce(strict=checks.strict)
    info = info if table is not None else replace(info, namespace="")
    return SkinDataset(info, usable, ISIC2018, source, integrity=report, part="" if part == "all" else part)


_LEAK = Finding.of(
    "SPLIT_LEAKS",
    "",
    "",
    "the official split is by image: 886 of its 2,005 test images show one of 641 lesions of the training part",
    "kept",
)


def _find(root: Path, variant: str, size: int | None) -> tuple[Path, int]:
    """The file and the size of its pictures."""
    if size is not None and (size not in SIZES or isinstance(size, bool)):
        raise ConfigError(f"{INFO.name}: size={size!r} is unknown; use {', '.join(map(str, SIZES))}.")
    there = {s: p for s in SIZES if (p := find_file([root], [_file_name(variant, s)])) is not None}
    wanted = list(there) if size is None else [size]
    if len(wanted) > 1:
        raise ConfigError(f"{INFO.name}: {root} holds the sizes {', '.join(map(str, wanted))}; choose one by size=.")
    if not there or wanted[0] not in there:
        raise not_found(INFO, root, f"no {_file_name(variant, wanted[0] if wanted else SIZES[0])}")
    return there[wanted[0]], wanted[0]


def _id_table(root: Path, variant: str, given: str | os.PathLike[str] | None) -> Path | None:
    if given is None:
        return find_file([root], TABLES[variant])
    path = Path(given).expanduser()
    if not path.is_file():
        raise DatasetNotFoundError(
            f"{INFO.name}: ids={str(given)!r} is no file; give a table such as {TABLES[variant][0]}."
        )
    return path


def _labels(path: Path, part: str) -> NDArray[np.int64]:
    """Class indices in `ISIC2018` of a part's rows."""
    found = read_labels(path, f"{part}_labels")
    if outside := set(found.tolist()) - set(range(len(LABEL_ORDER))):
        raise LabelError(f"{path}: {part}_labels holds {min(outside)}; labels are 0 to {len(LABEL_ORDER) - 1}.")
    return np.array([ISIC2018.index(code) for code in LABEL_ORDER], dtype=np.int64)[found]


def _check_shapes(source: ArraySource, labels: Mapping[str, NDArray[np.int64]], size: int) -> None:
    for part, wanted in labels.items():
        shape = source.array(f"{part}_images").shape
        if shape != (len(wanted), size, size, 3):
            raise DataError(
                f"{source.path}: {part}_images is of shape {shape}; wanted {(len(wanted), size, size, 3)}, by the "
                "labels and the file's name.",
                "ARRAY_SHAPE",
            )


def _identify(table: Path, labels: Mapping[str, NDArray[np.int64]]) -> PictureIds:
    """The ISIC ids of all rows, part after part."""
    told = [read_ids(table, part, rows) for part, rows in labels.items()]
    return PictureIds([i for t in told for i in t.ids], [lesion for t in told for lesion in t.lesions])


def _numbered(labels: Mapping[str, NDArray[np.int64]]) -> PictureIds:
    """Names of the same form for rows of which nothing is known."""
    ids = [f"{part}_{i:05d}" for part, rows in labels.items() for i in range(len(rows))]
    return PictureIds(ids, [""] * len(ids))


def _lesions(names: PictureIds, root: Path, given: str | os.PathLike[str] | None) -> list[str]:
    """The lesion of each row, looked up where the table of ids does not tell it; empty where nobody does."""
    if all(names.lesions):
        return names.lesions
    looked_up = lesions_for(names.ids, find_lesions([root], given))
    return [lesion or other for lesion, other in zip(names.lesions, looked_up, strict=True)]


def _screen(source: ArraySource, records: Records, checks: CheckOptions) -> tuple[Records, list[Finding]]:
    """Set aside pictures of one colour, and join the groups of identical ones."""
    findings: list[Finding] = []
    same: list[list[int]] = []
    if checks.check == "full":
        records, findings = _drop_flat(source, records)
    if checks.check != "none":
        alike: dict[bytes, list[int]] = defaultdict(list)
        for i, key in enumerate(records.images.tolist()):
            alike[hashlib.sha256(source.read(key, "", "")[0].tobytes()).digest()].append(i)
        same = [rows for rows in alike.values() if len(rows) > 1]
    records, more = resolve_duplicates(
        records, same, ISIC2018.classes, duplicates=checks.duplicates, conflicts=checks.conflicts
    )
    return records, [*findings, *more]


def _drop_flat(source: ArraySource, records: Records) -> tuple[Records, list[Finding]]:
    spread = np.array([source.read(key, "", "")[0].std(axis=(0, 1)).max() for key in records.images.tolist()])
    flat = np.flatnonzero(spread < MIN_STD).tolist()
    message = f"pixel values spread by less than {MIN_STD:g} of 255: nothing to see"
    findings = [
        Finding.of("IMG_DEGENERATE", str(records.ids[i]), str(records.images[i]), message, "quarantined") for i in flat
    ]
    return records.take(spread >= MIN_STD), findings
