"""What was found out about files, kept on disk, so that a scan goes on where it ended and a second one is fast.

One file of JSON lines per collection folder, appended to as files are looked at. Several processes may write to it at
once, and a line that is torn or foreign is passed over: nothing here can do worse than make a scan look again.
"""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import IO, Any

import PIL

from skinzoo.callers import callers_level
from skinzoo.datasets.looking import Facts
from skinzoo.datasets.remembering import CachePlace, cache_folder, name_of_root
from skinzoo.datasets.sniff import FILE_CODES, Header
from skinzoo.errors import ImageDecodeError, MaskError
from skinzoo.files import atomic_path

SCAN_VERSION = 2
"""Raised whenever a file would be judged or hashed otherwise than before."""

Key = tuple[str, str]
"""How a file was read, such as `"image"` or `"mask"`, and its path below the root."""

_VERSION = f"{SCAN_VERSION}, Pillow {PIL.__version__}"
_SPARE_LINES = 1000


class ScanCache:
    """The facts known about the files below one root, in memory and on disk.

    Where the disk does not let it, it warns once and goes on in memory alone.

    Args:
        root: The collection's folder.
        place: True for `cache_folder("scans")`, another folder, or False for memory alone.
    """

    def __init__(self, root: str | os.PathLike[str], place: CachePlace = True) -> None:
        self.path: Path | None = None
        self._known: dict[Key, Facts] = {}
        self._file: IO[bytes] | None = None
        if place is False:
            return
        try:
            folder = cache_folder("scans") if place is True else Path(place).expanduser()
            folder.mkdir(parents=True, exist_ok=True)
            self.path = folder / f"{name_of_root(root)}.jsonl"
            self._load()
            self._file = self._open()
        except (OSError, RuntimeError) as error:  # RuntimeError: there is no home folder
            self._give_up(error)

    def find(self, key: Key) -> Facts | None:
        """What is known about a file, whether it changed since or not."""
        return self._known.get(key)

    def add(self, entries: Iterable[tuple[Key, Facts]]) -> None:
        """Remember facts; those about a file that could not be read are forgotten, because next time it may be."""
        fresh = [(key, facts) for key, facts in entries if facts.error is None or facts.error.code not in FILE_CODES]
        self._known.update(fresh)
        if self._file is None or not fresh:
            return
        data = b"".join(_to_line(key, facts) for key, facts in fresh)
        try:
            if self._file.write(data) != len(data):
                raise OSError("the disk is full")
        except OSError as error:
            self._give_up(error)

    def close(self) -> None:
        """Close the file; the facts stay in memory."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _load(self) -> None:
        assert self.path is not None
        if not self.path.exists():
            return
        lines = self.path.read_bytes().splitlines()
        for line in lines:
            if (entry := _from_line(line)) is not None:
                self._known[entry[0]] = entry[1]
        if len(lines) > 2 * len(self._known) + _SPARE_LINES:  # most of it is out of date
            with atomic_path(self.path) as temporary:
                temporary.write_bytes(b"".join(_to_line(key, facts) for key, facts in self._known.items()))

    def _open(self) -> IO[bytes]:
        """The file, so opened that each write is one append: lines of several processes do not mix."""
        assert self.path is not None
        file = self.path.open("ab", buffering=0)
        if file.tell():
            with self.path.open("rb") as written:
                written.seek(-1, os.SEEK_END)
                if written.read() != b"\n":  # somebody was killed while writing a line
                    file.write(b"\n")
        return file

    def _give_up(self, error: Exception) -> None:
        self.close()
        warnings.warn(
            f"the scan cannot be remembered in {self.path or cache_folder('scans')}: {error}. It goes on, but the next "
            "one will start anew; set SKINZOO_CACHE to a folder that can be written to, or pass cache=False.",
            stacklevel=callers_level(),
        )


def _to_line(key: Key, facts: Facts) -> bytes:
    error = facts.error
    entry = {
        "scan": _VERSION,
        "read": key[0],
        "path": key[1],
        "bytes": facts.num_bytes,
        "mtime_ns": facts.mtime_ns,
        "ctime_ns": facts.ctime_ns,
        "sha256": facts.sha256,
        "dhash": None if facts.dhash is None else f"{facts.dhash:016x}",
        "header": facts.header,
        "notes": facts.notes,
        "error": None if error is None else [error.code, str(error), isinstance(error, MaskError)],
    }
    return json.dumps(entry, separators=(",", ":")).encode() + b"\n"


def _from_line(line: bytes) -> tuple[Key, Facts] | None:
    """The entry of a line; None if it is damaged, or of another version."""
    try:
        entry = json.loads(line)
        if entry["scan"] != _VERSION:
            return None
        facts = Facts(
            header=_header(entry["header"]),
            notes=_texts(entry["notes"]),
            error=_error(entry["error"]),
            num_bytes=int(entry["bytes"]),
            mtime_ns=int(entry["mtime_ns"]),
            ctime_ns=int(entry["ctime_ns"]),
            sha256=str(entry["sha256"]),
            dhash=None if entry["dhash"] is None else int(entry["dhash"], 16),
        )
        return (str(entry["read"]), str(entry["path"])), facts
    except (ValueError, TypeError, KeyError, RecursionError):
        return None


def _header(value: Any) -> Header | None:
    if value is None:
        return None
    format, (height, width), mode, bits, orientation, notes = value
    return Header(str(format), (int(height), int(width)), str(mode), int(bits), int(orientation), _texts(notes))


def _error(value: Any) -> ImageDecodeError | None:
    if value is None:
        return None
    code, message, of_mask = value
    return (MaskError if of_mask else ImageDecodeError)(str(message), str(code))


def _texts(values: Any) -> tuple[str, ...]:
    return tuple(map(str, values))
