"""Checking what an archive declares about its members before the first one is written."""

from __future__ import annotations

import shutil
import unicodedata
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath

from skinzoo.archives.kinds import SMALL, Member, Source
from skinzoo.archives.refusals import reading, refusal

_SMALL_MEMBER = 16 << 20


@dataclass(frozen=True)
class Limits:
    """What an archive may unpack to.

    Attributes:
        max_bytes: Bytes of all members together; None for no limit.
        max_members: Files and folders.
        max_ratio: How many times its own size; a member of up to 16 MiB may exceed it.
    """

    max_bytes: int | None
    max_members: int
    max_ratio: float


def checked(archive: Path, source: Source, limits: Limits) -> dict[str, Member]:
    """All members by their plain path.

    Args:
        archive: Its path, for messages.
        source: The opened archive.
        limits: What it may unpack to.

    Raises:
        ArchiveError: A member is not right, or there are too many or too large ones.
    """
    members: dict[str, Member] = {}
    names: dict[str, tuple[str, bool]] = {}
    count = total = 0
    size = max(1, archive.stat().st_size)
    with reading(archive):
        for member, _ in source.walk():
            name = plain_path(archive, member)
            count, total = count + 1, total + member.size
            _check_amounts(archive, member, limits, count, total, size)
            if name in members and not (member.is_folder and members[name].is_folder):
                raise refusal(archive, "its name stands there twice", member=name)
            if name:
                _check_name(archive, names, name, member.is_folder)
                members[name] = member
    return members


def _check_amounts(archive: Path, member: Member, limits: Limits, count: int, total: int, size: int) -> None:
    if count > limits.max_members:
        raise refusal(archive, f"more than {limits.max_members:,} members")
    if limits.max_bytes is not None and total > limits.max_bytes:
        raise refusal(archive, f"unpacks to {total:,} bytes or more; at most {limits.max_bytes:,} are allowed")
    stored = max(1, size if member.stored is None else member.stored)
    if member.size > max(_SMALL_MEMBER, limits.max_ratio * stored):
        raise refusal(archive, f"{stored:,} bytes unpack to {member.size:,}: a bomb", member=member.name)
    if total > max(SMALL, limits.max_ratio * size):
        raise refusal(archive, f"{size:,} bytes unpack to {total:,} or more: a bomb")


def plain_path(archive: Path, member: Member) -> str:
    """The member's path without `./` and the like; empty for the archive's own top folder.

    Raises:
        ArchiveError: The path leads out of the folder, or is none on some system.
    """
    name = member.name
    parts = PurePosixPath(name).parts
    plain = "/".join(parts)
    if "\0" in name or "\\" in name:
        raise refusal(archive, "a NUL or a backslash in a name", member=name)
    if name.startswith("/") or PureWindowsPath(plain).drive:
        raise refusal(archive, "an absolute path", member=name)
    if ".." in parts:
        raise refusal(archive, "a path that climbs out with '..'", member=name)
    if not plain and not member.is_folder:
        raise refusal(archive, "a file without a name", member=name)
    return plain


def _check_name(archive: Path, names: dict[str, tuple[str, bool]], name: str, is_folder: bool) -> None:
    """Note a path and the folders above it; raises if one of them is taken in another spelling or as another kind."""
    path = name
    while path:
        key = unicodedata.normalize("NFC", path).casefold()
        first, was_folder = names.setdefault(key, (path, is_folder))
        if first != path:
            what = f"{first!r} and {path!r} are one name where upper and lower case are the same"
            raise refusal(archive, what, member=name)
        if was_folder != is_folder:
            raise refusal(archive, f"{path!r} is a file and a folder", member=name)
        path, is_folder = path.rpartition("/")[0], True


def check_room(archive: Path, folder: Path, needed: int) -> None:
    """Refuse an archive for which the disk has no room.

    Args:
        archive: Its path, for messages.
        folder: Where it is to be unpacked; it need not exist.
        needed: Bytes that it unpacks to.

    Raises:
        ArchiveError: Fewer bytes are free (code `DISK_FULL`).
    """
    place = folder.absolute()
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free
    if needed > free:
        raise refusal(archive, f"unpacks to {needed:,} bytes; {free:,} are free at {place}", "DISK_FULL")
