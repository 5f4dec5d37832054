"""The bytes of a file that have come so far."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from skinzoo.download.remote import RemoteFile
from skinzoo.errors import DownloadError
from skinzoo.files import DISK_FULL, write_json

_CHUNK = 1 << 20


class Part:
    """A hidden file beside the target, which becomes the target once it is complete and right.

    A note beside it says which version of which address it is from, so that a later call can go on with it.

    Args:
        file: What is fetched.
        target: Where to.

    Attributes:
        size: Bytes that are there.
        best: The most that ever were, in this call.
        total: Bytes of the complete file as the server says; None if it does not.
        validator: The server's mark for this version of the file; empty if there is none, and then it cannot be
            gone on with.
        is_pieced: True if the bytes are from several answers.
    """

    def __init__(self, file: RemoteFile, target: Path) -> None:
        self.file, self.target = file, target
        self.path = target.with_name(f".{target.name}.part")
        self.note = target.with_name(f".{target.name}.part.json")
        self._reset()
        self.best = 0
        self._take_up()

    def _reset(self) -> None:
        self.size = 0
        self.total: int | None = None
        self.validator = ""
        self.is_pieced = False
        self.sha256 = hashlib.sha256()
        self.md5 = hashlib.md5(usedforsecurity=False)

    def _take_up(self) -> None:
        """Go on with what an earlier call left, if it is from the same address."""
        try:
            note = json.loads(self.note.read_text("utf-8"))
            known = (note["url"], str(note["validator"]), note["total"])
        except (OSError, ValueError, LookupError, TypeError):
            known = None
        if known is None or known[0] != self.file.url or not known[1] or not self.path.is_file():
            self.clear()
            return
        self.validator, self.total = known[1], known[2] if isinstance(known[2], int) else None
        with self.path.open("rb") as file:
            while data := file.read(_CHUNK):
                self._count(data)
        self.best, self.is_pieced = self.size, True
        if self.total is not None and self.size > self.total:
            self.clear()

    def clear(self) -> None:
        """Throw away what is there."""
        self._reset()
        self.path.unlink(missing_ok=True)
        self.note.unlink(missing_ok=True)

    def begin(self, validator: str, total: int | None) -> None:
        """Note which version the bytes that follow are from.

        Args:
            validator: The server's mark for it; empty if there is none.
            total: Bytes of the complete file; None where the server does not say.
        """
        self.validator, self.total = validator, total
        with disk(self.target, None if total is None else total - self.size):
            if validator:
                write_json(self.note, {"url": self.file.url, "validator": validator, "total": total})

    def _count(self, data: bytes) -> None:
        self.size += len(data)
        self.best = max(self.best, self.size)
        self.sha256.update(data)
        self.md5.update(data)

    def append(self, out: IO[bytes], data: bytes) -> None:
        """Write bytes that came."""
        with disk(self.target, None if self.total is None else self.total - self.size):
            out.write(data)
        self._count(data)

    def mismatch(self) -> tuple[str, str] | None:
        """See `find_mismatch`."""
        return find_mismatch(self.file, self.size, self.sha256.hexdigest(), self.md5.hexdigest())

    def finish(self) -> None:
        """Give the file its name."""
        with disk(self.target, None):
            with self.path.open("rb+") as file:
                os.fsync(file.fileno())
            self.path.replace(self.target)
            self.note.unlink(missing_ok=True)


def find_mismatch(file: RemoteFile, size: int, sha256: str, md5: str) -> tuple[str, str] | None:
    """An error's code and text, with both values, if a file differs from what is declared; None if it does not.

    Args:
        file: What is declared.
        size: Bytes of the file.
        sha256: Its sha256, as lower-case hex digits.
        md5: Its md5, as lower-case hex digits.
    """
    if file.size is not None and size != file.size:
        return "SIZE_MISMATCH", f"it has {size:,} bytes, expected {file.size:,}"
    if file.sha256 and sha256 != file.sha256.lower():
        return "CHECKSUM_MISMATCH", f"its sha256 is {sha256}, expected {file.sha256}"
    if file.md5 and md5 != file.md5.lower():
        return "CHECKSUM_MISMATCH", f"its md5 is {md5}, expected {file.md5}"
    return None


@contextmanager
def disk(target: Path, needed: int | None) -> Iterator[None]:
    """Turn what the disk refuses into `DownloadError`.

    Args:
        target: What is written.
        needed: Bytes that are still to come; None where that is not known.

    Raises:
        DownloadError: The disk is full (code `DISK_FULL`), or the file cannot be written (`FILE_UNWRITABLE`).
    """
    try:
        yield
    except OSError as error:
        if error.errno in DISK_FULL:
            raise no_room(target, needed) from error
        what = f"{error.filename or target} cannot be written: {error.strerror or error}."
        raise DownloadError(what, "FILE_UNWRITABLE") from error


def check_room(target: Path, needed: int | None) -> None:
    """Refuse to begin what the disk has no room for.

    Args:
        target: What is to be written.
        needed: Bytes that are to come; None where that is not known.

    Raises:
        DownloadError: Fewer bytes are free (code `DISK_FULL`).
    """
    if needed is not None and needed > shutil.disk_usage(target.parent).free:
        raise no_room(target, needed)


def no_room(target: Path, needed: int | None) -> DownloadError:
    """The error for a full disk.

    Args:
        target: What is written.
        needed: Bytes that are to come; None where that is not known.
    """
    free = shutil.disk_usage(target.parent).free
    need = "more bytes than that" if needed is None else f"{needed:,} bytes"
    return DownloadError(
        f"{target}: {need} are needed and {free:,} are free in {target.parent}. Make room and call again (the server "
        "may go on from where it stopped), or choose another disk.",
        "DISK_FULL",
    )
