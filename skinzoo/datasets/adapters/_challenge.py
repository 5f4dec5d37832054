"""What the ISIC challenges have in common: their bucket, ids, folders, masks, and tables that are joined by image."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skinzoo.datasets.ids import canonical_id
from skinzoo.datasets.info import DatasetInfo
from skinzoo.datasets.integrity import Finding
from skinzoo.datasets.listing import by_stem, find_file, find_folders, list_folders, not_found
from skinzoo.datasets.opening import Rows, check_masks
from skinzoo.datasets.tables import Table, image_ids, metadata_columns, name_labels
from skinzoo.download import RemoteFile
from skinzoo.errors import TableError
from skinzoo.taxonomy import BINARY

HOMEPAGE = "https://challenge.isic-archive.com/data/"
_BUCKET = "https://isic-challenge-data.s3.amazonaws.com"
_ID = re.compile(r"ISIC_\d{7}(?:_downsampled)?")
_CLASS_OF = {"0": "benign", "0.0": "benign", "1": "malignant", "1.0": "malignant"}

CLASS_CELLS = frozenset((*BINARY, *_CLASS_OF))
"""What `binary_labels` understands, in lower case."""


def bucket_files(
    year: int, names: Mapping[str, Sequence[str]], md5: Mapping[str, str] | None = None
) -> tuple[RemoteFile, ...]:
    """Files of the challenges' open bucket, a zip unpacked into a folder of its own name.

    Args:
        year: Of the challenge.
        names: File names by part.
        md5: Of the files of which it is known.
    """
    known = md5 or {}
    return tuple(
        RemoteFile(
            f"{_BUCKET}/{year}/{name}",
            name.removesuffix(".zip"),
            part,
            unpack=name.endswith(".zip"),
            md5=known.get(name, ""),
        )
        for part, files in names.items()
        for name in files
    )


def is_challenge_id(text: str) -> bool:
    """True for `ISIC_` and seven digits, with or without `_downsampled`."""
    return _ID.fullmatch(text) is not None


def challenge_ids(table: Table, column: str) -> list[str]:
    """Ids of a table's image column.

    Raises:
        TableError: A cell is no id of the ISIC archive.
    """
    ids = image_ids(table[column])
    for line, name in zip(table.lines, ids, strict=True):
        if not is_challenge_id(name):
            raise TableError(
                f"{table.path}, line {line}: {column} {name!r} is no id of the ISIC archive (ISIC_ and seven digits); "
                "this is not the challenge's table, or the row does not belong to it."
            )
    return ids


def find_table(root: Path, *names: str, folders: Iterable[Path] = ()) -> Path | None:
    """The first of `names` in `root`, in a folder that is called like it, or in one of `folders`."""
    own = [f for name in names for f in find_folders(root, name, name.removesuffix(".csv"))]
    return find_file([root, *own, *folders], names)


def require_table(info: DatasetInfo, root: Path, *names: str, folders: Iterable[Path] = ()) -> Path:
    """What `find_table` finds.

    Raises:
        DatasetNotFoundError: It finds none.
    """
    path = find_table(root, *names, folders=folders)
    if path is None:
        raise not_found(info, root, f"no {' or '.join(names)}")
    return path


def require_folders(info: DatasetInfo, root: Path, *names: str) -> list[Path]:
    """The folder of the first of `names` that is there; several only where they differ by case.

    Raises:
        DatasetNotFoundError: None of them is there.
    """
    found = _first_folders(root, names)
    if not found:
        raise not_found(info, root, f"no {' or '.join(names)}")
    return found


def _first_folders(root: Path, names: Iterable[str]) -> list[Path]:
    return next((found for name in names if (found := find_folders(root, name))), [])


def mask_folders(info: DatasetInfo, root: Path, masks: bool | str, *names: str) -> list[Path]:
    """The folder of the first of `names`, as the option `masks` asks for it: True, False or `"auto"`.

    Raises:
        ConfigError: Another value of `masks`.
        DatasetNotFoundError: `masks=True`, and there is no such folder.
    """
    check_masks(masks)
    if masks is True:
        return require_folders(info, root, *names)
    return [] if masks is False else _first_folders(root, names)


def folder_rows(info: DatasetInfo, root: Path, folders: Sequence[Path]) -> Rows:
    """A row without a label for each image of the ISIC archive, where no table names them.

    Raises:
        DatasetNotFoundError: There is no such image.
    """
    ids = [stem for stem in by_stem(root, list_folders(root, folders)) if is_challenge_id(stem)]
    if not ids:
        names = ", ".join(f"{f.relative_to(root).as_posix()}/" for f in folders)
        raise not_found(info, root, f"no image called ISIC_ and seven digits in {names}")
    return Rows(sorted(ids))


def align(table: Table, column: str, ids: Iterable[str]) -> Table:
    """The table's rows in the order of `ids`, all cells empty and line 0 where it has no row.

    Images are told by `canonical_id`, so that `_downsampled` need not stand in both tables.

    Raises:
        TableError: A cell of `column` is no id, or an image has two rows that differ.
    """
    row_of: dict[str, int] = {}
    for row, name in enumerate(challenge_ids(table, column)):
        first = row_of.setdefault(canonical_id(name), row)
        if any(cells[row] != cells[first] for other, cells in table.columns.items() if other != column):
            raise TableError(
                f"{table.path}, line {table.lines[row]}: {name} stands in line {table.lines[first]} too, with other "
                "values; remove one of the lines."
            )
    rows = [row_of.get(canonical_id(i), -1) for i in ids]
    columns = {name: [cells[r] if r >= 0 else "" for r in rows] for name, cells in table.columns.items()}
    return Table(table.path, columns, [table.lines[r] if r >= 0 else 0 for r in rows])


def challenge_metadata(
    table: Table, ids: Sequence[str], names: Iterable[str]
) -> tuple[dict[str, NDArray[Any]], list[Finding]]:
    """Those of the columns that the table has: `age...` as years, NaN where missing, all others as text or None."""
    names = list(names)
    return metadata_columns(table, ids, names, {name: (0, 120) for name in names if name.startswith("age")})


def binary_labels(table: Table, column: str, ids: Sequence[str]) -> tuple[NDArray[np.int64], list[Finding]]:
    """Class indices of a column of `benign` and `malignant`, or of 0 and 1; an empty cell is no label, with a finding.

    Raises:
        LabelError: A cell is neither.
    """
    words = replace(table, columns={column: [_CLASS_OF.get(c, c) for c in table[column]]})
    return name_labels(words, column, ids, BINARY)
