"""Splits in small CSV files that carry their own checksum, so that others test on the very same images."""

from __future__ import annotations

import csv
import hashlib
import io
import os
import re
import warnings
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from skinzoo.callers import callers_level
from skinzoo.datasets.exposure import guard
from skinzoo.errors import ConfigError, LeakageError, SplitError
from skinzoo.files import write_text

if TYPE_CHECKING:
    from skinzoo.datasets.base import SkinDataset

_SHA256 = re.compile(r"sha256 ([0-9a-f]{64})\b")
_SPECIAL = re.compile(r'[",#\s]')
_HEADER = ["id", "part"]


class SplitWarning(UserWarning):
    """Issued when a split file does not speak of every row of a dataset, or cannot be checked."""


def save_split(path: str | os.PathLike[str], **parts: SkinDataset) -> Path:
    """Write down which image belongs to which part, as in `save_split("split.csv", train=train, test=test)`.

    The file is UTF-8 CSV, one `id,part` a line, in alphabetical order. A comment in its first line names the collection
    and holds the sha256 of all that follows; `pandas.read_csv(path, comment="#")` passes over it.

    Args:
        path: The file.
        **parts: Datasets by the names of their parts.

    Returns:
        The path.

    Raises:
        ConfigError: No part, something that is none, or a name with other characters than letters, digits, `_`, `-`.
        SplitError: A part is empty (code `SPLIT_GROUPS`).
        LeakageError: An image stands in two parts.
    """
    _check_parts(parts)
    rows = sorted((i, name) for name, part in parts.items() for i in part.records.ids.tolist())
    twice = [i for i, n in Counter(i for i, _ in rows).items() if n > 1]
    if twice:
        raise LeakageError(f"{len(twice)} images stand in two parts (such as {twice[0]!r}); give each to one part.")
    body = "".join(f"{_quoted(i)},{part}\n" for i, part in [("id", "part"), *rows])
    collection = "+".join(dict.fromkeys(" ".join(part.info.name.split()) for part in parts.values()))
    return write_text(path, f"# skinzoo split of {collection}, sha256 {_sha256(body)}\n{body}")


def load_split(
    path: str | os.PathLike[str], dataset: SkinDataset, *, allow_absent: bool = False, allow_leakage: bool = False
) -> dict[str, SkinDataset]:
    """The parts of a dataset that a file of `save_split` names, each in the dataset's order.

    Args:
        path: The file.
        dataset: What the split was made of; it may hold further rows, which come into no part.
        allow_absent: Permit ids that the dataset does not have, as where a file was damaged since.
        allow_leakage: Permit parts that share lesions, patients or pictures. Each part but the first then has an
            `exposure`.

    Returns:
        The parts by name: `train`, `val`, `test`, then others in alphabetical order.

    Raises:
        SplitError: The file is not there or no split (code `SPLIT_FILE`), was changed (`SPLIT_DAMAGED`), speaks of
            images that the dataset does not have (`SPLIT_ABSENT`), or leaves a part empty (`SPLIT_GROUPS`).
        LeakageError: The parts share something.

    Warns:
        SplitWarning: The file has no checksum, ids are absent but allowed to be, or rows of the dataset are in no part.
    """
    part_of, collection = _read(Path(path))
    ids = dataset.records.ids.tolist()
    _check_present(Path(path), part_of, dataset, collection, allow_absent=allow_absent)
    if rest := sum(i not in part_of for i in ids):
        _warn(f"{path}: {rest} of {len(ids)} rows of {dataset.name} are in no part.")
    found = np.array([part_of.get(i, "") for i in ids], dtype=np.str_)
    names = sorted(set(part_of.values()), key=lambda v: (*(v != name for name in ("train", "val", "test")), v))
    parts = {name: dataset.subset(found == name, part=name) for name in names}
    for name, part in parts.items():
        if not len(part):
            raise SplitError(f"{path}: none of the images of {name} is in {dataset.name}.", "SPLIT_GROUPS")
    guard(*parts.values(), allow_leakage=allow_leakage)
    return parts


def _check_parts(parts: Mapping[str, SkinDataset]) -> None:
    if not parts:
        raise ConfigError("save_split needs the parts by name, as in save_split(path, train=train, test=test).")
    for name, part in parts.items():
        if not hasattr(part, "records"):
            raise ConfigError(f"{name}={part!r} is no dataset; give what SkinDataset.split returned.")
        if not re.fullmatch(r"[\w-]+", name):
            raise ConfigError(f"{name!r} is no name for a part; use letters, digits, '_' and '-'.")
        if not len(part):
            raise SplitError(f"{name} is empty; a split file cannot tell of it.", "SPLIT_GROUPS")


def _read(path: Path) -> tuple[dict[str, str], str]:
    """The part of each id, and the collection that the file speaks of."""
    try:
        text = path.read_bytes().decode("utf-8-sig").replace("\r\n", "\n")
    except FileNotFoundError as error:
        raise SplitError(f"{path} does not exist; save_split writes such a file.", "SPLIT_FILE") from error
    except (OSError, UnicodeDecodeError) as error:
        raise SplitError(f"{path} cannot be read as UTF-8 text: {error}.", "SPLIT_FILE") from error
    first, _, body = text.partition("\n")
    wanted = _SHA256.search(first)
    if not first.startswith("#"):
        body = text
    if wanted is None:
        _warn(f"{path} has no checksum in its first line, so that a change of the file would go unnoticed.")
    elif wanted[1] != _sha256(body):
        raise SplitError(
            f"{path} was changed or cut since it was written: its rows have the sha256 {_sha256(body)[:12]}..., its "
            f"first line promises {wanted[1][:12]}.... Get it again.",
            "SPLIT_DAMAGED",
        )
    collection = re.search(r"split of (.+?), sha256", first)
    return _parse(path, body), collection[1] if collection else ""


def _parse(path: Path, body: str) -> dict[str, str]:
    try:
        rows = [row for row in csv.reader(io.StringIO(body, newline=""), strict=True) if row]
    except csv.Error as error:
        raise SplitError(f"{path} is no readable table: {error}.", "SPLIT_FILE") from error
    if not rows or rows[0] != _HEADER or len(rows) < 2 or any(len(row) != 2 or "" in row for row in rows):
        raise SplitError(f"{path} is no split: a header `id,part` and rows of two cells are expected.", "SPLIT_FILE")
    part_of = {row[0]: row[1] for row in rows[1:]}
    if len(part_of) < len(rows) - 1:
        twice = next(i for i, n in Counter(i for i, _ in rows[1:]).items() if n > 1)
        raise SplitError(f"{path}: id {twice!r} stands twice.", "SPLIT_FILE")
    return part_of


def _check_present(
    path: Path, part_of: Mapping[str, str], dataset: SkinDataset, collection: str, *, allow_absent: bool
) -> None:
    present = set(dataset.records.ids.tolist())
    absent = [i for i in part_of if i not in present]
    if not absent:
        return
    counts = ", ".join(f"{part} {n}" for part, n in sorted(Counter(part_of[i] for i in absent).items()))
    origin = f", a split of {collection}," if collection else ""
    problem = (
        f"{path}{origin} names {len(absent)} of {len(part_of)} images that {dataset.name} does not have ({counts}; "
        f"such as {absent[0]!r})"
    )
    if not allow_absent:
        raise SplitError(
            f"{problem}. Figures would not be those of the whole parts: complete the collection ("
            "print(dataset.integrity) shows what was set aside), or pass allow_absent=True.",
            "SPLIT_ABSENT",
        )
    _warn(f"{problem}.")


def _warn(message: str) -> None:
    warnings.warn(message, SplitWarning, stacklevel=callers_level())


def _quoted(id: str) -> str:
    doubled = id.replace('"', '""')
    return f'"{doubled}"' if _SPECIAL.search(id) else id


def _sha256(body: str) -> str:
    return hashlib.sha256(body.encode()).hexdigest()
