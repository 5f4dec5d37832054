"""Reading the members of zip and tar archives one after the other, and refusing what is no plain file or folder."""

from __future__ import annotations

import bz2
import gzip
import lzma
import stat
import struct
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import IO, Any, NamedTuple, Protocol

from skinzoo.archives.refusals import reading, refusal
from skinzoo.errors import ArchiveError
from skinzoo.files import looks_like_page

CHUNK = 1 << 20
SMALL = 1 << 20  # bytes that an archive may unpack to, however small it is

_EXTENDED = (b"K", b"L", b"x", b"g", b"X")  # tar headers with long names and the like, which are read into memory
_MAX_EXTENDED = 1 << 20


class Member(NamedTuple):
    """A file or folder of an archive, as its list of members declares it.

    Attributes:
        name: Path with forward slashes.
        is_folder: True for a folder.
        size: Bytes that it unpacks to.
        stored: Bytes that it takes in the archive; None where they cannot be told apart from others'.
    """

    name: str
    is_folder: bool
    size: int
    stored: int | None = None


class Source(Protocol):
    """An opened archive."""

    def walk(self) -> Iterator[tuple[Member, Callable[[], IO[bytes] | None]]]:
        """Every member with the function that opens it, which works until the next one is asked for."""
        ...


@contextmanager
def open_source(archive: Path, max_ratio: float) -> Iterator[Source]:
    """Open an archive, of whatever kind its first bytes show.

    Args:
        archive: Its path.
        max_ratio: How many times its own size a compressed tar archive may unpack to.

    Raises:
        ArchiveError: It cannot be opened, is no zip or tar archive, or a zip whose list of members is broken or holds
            what is refused.
    """
    try:
        file = archive.open("rb")
    except OSError as error:
        raise ArchiveError(f"{archive} cannot be opened: {error.strerror or error}.", "FILE_UNREADABLE") from error
    with file, _source(archive, file, max_ratio) as source:
        yield source


@contextmanager
def _source(archive: Path, file: IO[bytes], max_ratio: float) -> Iterator[Source]:
    head = file.read(512)
    file.seek(0)
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        with reading(archive):
            opened = zipfile.ZipFile(file)
        with opened:
            yield _Zip(archive, file, opened)
        return
    for magic, reader in _DECOMPRESSORS.items():
        if head.startswith(magic):
            yield _Tar(archive, file, reader, max(SMALL, round(max_ratio * archive.stat().st_size)))
            return
    if head[257:262] == b"ustar":
        yield _Tar(archive, file, lambda f: f, None)
        return
    if looks_like_page(head):
        raise refusal(archive, "a web page, not an archive; expired link or 403?", "ARCHIVE_DAMAGED")
    raise refusal(archive, f"neither a zip nor a tar archive; it begins with {head[:16]!r}", "ARCHIVE_DAMAGED")


_DECOMPRESSORS: dict[bytes, Callable[[IO[bytes]], Any]] = {
    b"\x1f\x8b": lambda file: gzip.GzipFile(fileobj=file),
    b"BZh": bz2.BZ2File,
    b"\xfd7zXZ\x00": lzma.LZMAFile,
}


class _Zip:
    def __init__(self, archive: Path, file: IO[bytes], opened: zipfile.ZipFile) -> None:
        self.archive, self.file, self.opened = archive, file, opened
        with reading(archive):
            for info in opened.infolist():
                self._check_entry(info)
            self._check_overlap()

    def _check_entry(self, info: zipfile.ZipInfo) -> None:
        kind = stat.S_IFMT(info.external_attr >> 16)
        if "\0" in info.orig_filename or "\\" in info.orig_filename:
            raise refusal(self.archive, "a NUL or a backslash in a name", member=info.orig_filename)
        if kind == stat.S_IFLNK:
            raise refusal(self.archive, "a symbolic link", member=info.filename)
        if kind not in (0, stat.S_IFDIR if info.is_dir() else stat.S_IFREG):
            raise refusal(self.archive, "neither a file nor a folder", member=info.filename)
        if info.flag_bits & 0x2041:  # encrypted, strongly encrypted, masked headers
            raise refusal(self.archive, "encrypted", member=info.filename)
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):  # zipfile does not bound the others
            what = f"compressed by zip method {info.compress_type}; only 0 (stored) and 8 (deflated) are read"
            raise refusal(self.archive, what, "ARCHIVE_UNSUPPORTED", member=info.filename)
        if info.compress_type == zipfile.ZIP_STORED and info.compress_size != info.file_size:
            what = f"{info.file_size} bytes are stored in {info.compress_size}"
            raise refusal(self.archive, what, "ARCHIVE_DAMAGED", member=info.filename)

    def _check_overlap(self) -> None:
        """Members that share bytes are how a few kilobytes unpack to petabytes without a high ratio anywhere."""
        end = 0
        for info in sorted(self.opened.infolist(), key=lambda i: i.header_offset):
            if info.header_offset < end:
                raise refusal(self.archive, "it overlaps another member", member=info.filename)
            self.file.seek(info.header_offset)
            header = self.file.read(30)
            if len(header) < 30 or not header.startswith(b"PK\x03\x04"):
                raise refusal(self.archive, "its header is missing", "ARCHIVE_DAMAGED", member=info.filename)
            end = info.header_offset + 30 + sum(struct.unpack("<HH", header[26:])) + info.compress_size
        if end > self.opened.start_dir:
            raise refusal(self.archive, "a member reaches into the list of members", "ARCHIVE_DAMAGED")

    def walk(self) -> Iterator[tuple[Member, Callable[[], IO[bytes] | None]]]:
        for info in self.opened.infolist():
            yield (
                Member(info.filename, info.is_dir(), 0 if info.is_dir() else info.file_size, info.compress_size),
                partial(self.opened.open, info),
            )


class _StrictInfo(tarfile.TarInfo):
    """A tar header. `tarfile` takes a broken one for the end of the archive, and believes any size."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> _StrictInfo:
        try:
            info = super().frombuf(buf, encoding, errors)
        except tarfile.EOFHeaderError:  # type: ignore[attr-defined]
            raise
        except tarfile.HeaderError as error:
            raise tarfile.ReadError(f"{error}, and no end mark") from error
        if info.size < 0:
            raise tarfile.ReadError("negative size")
        if info.type in _EXTENDED and info.size > _MAX_EXTENDED:
            raise tarfile.ReadError(f"an extended header of {info.size} bytes")
        return info


class _Tar:
    def __init__(self, archive: Path, file: IO[bytes], reader: Callable[[IO[bytes]], Any], limit: int | None) -> None:
        self.archive, self.file, self.reader, self.limit = archive, file, reader, limit

    def walk(self) -> Iterator[tuple[Member, Callable[[], IO[bytes] | None]]]:
        self.file.seek(0)
        stream = _Bounded(self.archive, self.reader(self.file), self.limit)
        with tarfile.open(fileobj=stream, mode="r|", bufsize=1 << 16, tarinfo=_StrictInfo) as opened:  # type: ignore[call-overload]
            while (info := opened.next()) is not None:
                opened.members = []  # or it keeps them all
                self._check_entry(info)
                yield (
                    Member(info.name, info.isdir(), 0 if info.isdir() else info.size),
                    partial(opened.extractfile, info),
                )
        while stream.read(CHUNK):  # up to the checksum at the end
            pass

    def _check_entry(self, info: tarfile.TarInfo) -> None:
        if info.issym() or info.islnk():
            kind = "symbolic" if info.issym() else "hard"
            raise refusal(self.archive, f"a {kind} link to {info.linkname!r}", member=info.name)
        if info.issparse() or not (info.isreg() or info.isdir()):
            raise refusal(self.archive, "neither a plain file nor a folder", member=info.name)


class _Bounded:
    """What a compressed file unpacks to, up to a limit: its size is nowhere declared."""

    def __init__(self, archive: Path, stream: IO[bytes], limit: int | None) -> None:
        self.archive, self.stream, self.limit, self.count = archive, stream, limit, 0

    def read(self, size: int) -> bytes:
        data = self.stream.read(size)
        self.count += len(data)
        if self.limit is not None and self.count > self.limit:
            raise refusal(self.archive, f"unpacks to more than {self.limit:,} bytes: a bomb")
        return data
