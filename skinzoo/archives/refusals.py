"""What is said when an archive is refused, or the operating system refuses."""

from __future__ import annotations

import lzma
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from skinzoo.errors import ArchiveError
from skinzoo.files import DISK_FULL

_DAMAGE = (
    *(zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, struct.error, EOFError),
    *(OSError, ValueError, IndexError, OverflowError, NotImplementedError, RuntimeError),
)


def refusal(archive: Path, what: str, code: str = "ARCHIVE_UNSAFE", *, member: str | None = None) -> ArchiveError:
    """The error that names the archive, the member, the reason and what to do.

    Args:
        archive: Its path.
        what: The reason, without a full stop.
        code: One of those that `unpack` lists.
        member: The member's name, where one is to blame.
    """
    advice = {
        "ARCHIVE_UNSAFE": "Do not unpack it by other means unless you trust whoever made it.",
        "ARCHIVE_DAMAGED": "Download it again.",
        "ARCHIVE_UNSUPPORTED": "Unpack it by hand, for instance with 7-Zip.",
        "ARCHIVE_CONFLICT": "Move it away, or unpack into another folder.",
        "DISK_FULL": "Make room, or choose another disk.",
    }[code]
    where = "" if member is None else f", member {member[:200]!r}"
    return ArchiveError(f"{archive}{where}: {what}. Nothing was unpacked. {advice}", code)


@contextmanager
def reading(archive: Path, member: str | None = None) -> Iterator[None]:
    """Turn whatever a broken archive makes the standard library raise into `ArchiveError`.

    Args:
        archive: Its path.
        member: Name of the member that is read; None for all.

    Raises:
        ArchiveError: The archive is damaged (code `ARCHIVE_DAMAGED`).
    """
    try:
        yield
    except ArchiveError:
        raise
    except _DAMAGE as error:
        reason = str(error) or type(error).__name__
        raise refusal(archive, f"damaged or cut off ({reason})", "ARCHIVE_DAMAGED", member=member) from error


@contextmanager
def writing(archive: Path, folder: Path) -> Iterator[None]:
    """Turn what the operating system refuses when writing into `ArchiveError`.

    Args:
        archive: What is unpacked.
        folder: Where to.

    Raises:
        ArchiveError: The disk is full (code `DISK_FULL`), or the folder cannot be written to (`FILE_UNWRITABLE`).
    """
    try:
        yield
    except OSError as error:
        if error.errno in DISK_FULL:
            raise refusal(archive, f"the disk of {folder} is full", "DISK_FULL") from error
        what = f"{archive}: {error.filename or folder} cannot be written: {error.strerror or error}."
        raise ArchiveError(what, "FILE_UNWRITABLE") from error
