"""Writing files so that a reader never sees half of one, and what several packages ask of files."""

from __future__ import annotations

import csv
import errno
import hashlib
import io
import json
import math
import os
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from skinzoo.errors import ConfigError

DISK_FULL = frozenset({errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)})
"""Error numbers of the operating system for a disk or a quota without room."""


@contextmanager
def atomic_path(target: str | os.PathLike[str]) -> Iterator[Path]:
    """A temporary path beside `target` to write to; renamed to `target` on success, removed on failure.

    Parent folders are made. The file is flushed to disk before the rename, so that after a power cut the old or the new
    content is there, never a mixture.
    """
    target = Path(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.", suffix=target.suffix or ".tmp")
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        umask = os.umask(0)
        os.umask(umask)
        temporary.chmod(0o666 & ~umask)  # mkstemp's 0600 would hide the file from colleagues
        temporary.replace(target)
        sync_folder(target.parent)
    finally:
        temporary.unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """Make renames and deletions in a folder survive a power cut, where the system can."""
    if os.name == "nt":  # Windows does not open folders
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_text(target: str | os.PathLike[str], text: str) -> Path:
    """Write UTF-8 text atomically."""
    with atomic_path(target) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")
    return Path(target)


def write_json(target: str | os.PathLike[str], value: Any) -> Path:
    """Write strict JSON atomically.

    NaN and infinities become null, because other languages' parsers refuse them; NumPy numbers and paths become plain.

    Args:
        target: The file.
        value: Mappings, lists, tuples, numbers, texts, paths and None, in any depth.

    Raises:
        ConfigError: A value that JSON cannot hold; nothing is written.
    """
    return write_text(target, json.dumps(plain(value), indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def folder_for(directory: str | os.PathLike[str], what: str) -> Path:
    """The path of a folder that `what` is to be written to; it need not exist.

    Args:
        directory: The folder.
        what: What is to be written, in the words of the error message.

    Raises:
        ConfigError: There is a file of that name.
    """
    folder = Path(directory)
    if folder.exists() and not folder.is_dir():
        raise ConfigError(f"{folder} is a file; give a folder for {what}.")
    return folder


def write_csv(target: str | os.PathLike[str], header: Sequence[str], rows: Iterable[Sequence[object]]) -> Path:
    """Write a comma separated UTF-8 table atomically, with a line feed after each line.

    A text that begins with `=`, `+`, `-`, `@`, a tab or a carriage return gets an apostrophe in front, because a
    spreadsheet would run it as a formula. Numbers stay numbers, negative ones too; None becomes an empty cell.

    Args:
        target: The file.
        header: Names of the columns.
        rows: One cell a column.

    Raises:
        ConfigError: A row is longer or shorter than the header; nothing is written.
    """
    lines = [_csv_line(header)]
    for number, row in enumerate(rows, start=1):
        if len(row) != len(header):
            raise ConfigError(f"row {number} has {len(row)} cells under {len(header)} columns; give equally many.")
        lines.append(_csv_line(row))
    return write_text(target, "".join(lines))


def _csv_line(cells: Sequence[object]) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="\r\n").writerow(map(_harmless, cells))  # so that it quotes both in a cell
    return line.getvalue()[:-2] + "\n"


def _harmless(cell: object) -> object:
    if isinstance(cell, int | float) or cell is None or hasattr(cell, "__float__"):  # NumPy numbers as well
        return cell
    text = str(cell)
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text


def plain(value: Any) -> Any:
    """A value in JSON's own types, with None for NaN and infinities.

    Raises:
        ConfigError: JSON has no type for it.
    """
    if isinstance(value, dict):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [plain(v) for v in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, str | int):
        return value
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if hasattr(value, "item") and getattr(value, "ndim", 0) == 0:
        return plain(value.item())
    raise ConfigError(
        f"{value!r} ({type(value).__name__}) cannot be written as JSON; give plain numbers, texts and lists."
    )


def sha256_of(path: str | os.PathLike[str]) -> str:
    """sha256 of a file, as 64 hex digits."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def looks_like_page(start: bytes) -> bool:
    """True if a file's first bytes are those of an HTML page, which servers send in place of a file."""
    return start.removeprefix(b"\xef\xbb\xbf").lstrip().lower().startswith((b"<!doctype html", b"<html"))


def without_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The `object_pairs_hook` for JSON in which no name may stand twice; parsers differ in which one they take.

    Raises:
        ValueError: A name stands there twice.
    """
    values: dict[str, Any] = {}
    for name, value in pairs:
        if name in values:
            raise ValueError(f"{name!r:.100} stands there twice")
        values[name] = value
    return values


def refuse_constant(constant: str) -> Any:
    """The `parse_constant` for JSON without NaN and infinities, which other languages' parsers refuse.

    Raises:
        ValueError: Always.
    """
    raise ValueError(f"{constant} is no JSON")
