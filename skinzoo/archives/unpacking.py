"""Writing an archive's members to a folder: all of them or none."""

from __future__ import annotations

import filecmp
import os
import shutil
import tempfile
from pathlib import Path

from skinzoo.archives.checks import Limits, check_room, checked
from skinzoo.archives.kinds import Member, Source, open_source
from skinzoo.archives.members import contents, walk
from skinzoo.archives.refusals import refusal, writing

SCRATCH = ".skinzoo-unpack-"
"""Beginning of the names of the folders in which archives are unpacked; one that is left over may be deleted."""


def unpack(
    archive: str | os.PathLike[str],
    folder: str | os.PathLike[str],
    *,
    max_bytes: int | None = None,
    max_members: int = 1_000_000,
    max_ratio: float = 200.0,
) -> list[Path]:
    """Unpack a zip or tar archive (plain, gzip, bzip2 or xz) into a folder: all of it or nothing.

    What lies in the folder already stays; a file of the same name and content is passed over, so that an interrupted
    call can be repeated. Permissions, owners and times of the archive are not taken over.

    Args:
        archive: Its path; what kind it is shows in its content, not in its name.
        folder: Where to; made if absent.
        max_bytes: Refuse an archive that unpacks to more; None takes the free space of the disk.
        max_members: Refuse an archive of more files and folders.
        max_ratio: Refuse an archive that unpacks to more than this many times its own size, and a member of more than
            16 MiB that does.

    Returns:
        The archive's files in `folder`, in the archive's order.

    Raises:
        ArchiveError: Code `ARCHIVE_UNSAFE` for a path that leaves the folder, a link or device, an encrypted member, a
            name that stands twice (also by upper and lower case), overlapping members or a bomb; `ARCHIVE_DAMAGED` for
            a broken archive; `ARCHIVE_UNSUPPORTED` for a compression that Python cannot undo safely;
            `ARCHIVE_CONFLICT` if another file of a member's name is there; `DISK_FULL`; `FILE_UNREADABLE` and
            `FILE_UNWRITABLE` for what the operating system refuses. Nothing was unpacked then.
    """
    archive, folder = Path(archive), Path(folder)
    limits = Limits(max_bytes, max_members, max_ratio)
    with open_source(archive, max_ratio) as source:
        members = checked(archive, source, limits)
        check_room(archive, folder, sum(m.size for m in members.values()))
        with writing(archive, folder):
            _unpack_to(archive, folder, source, members)
    return [folder / name for name, m in members.items() if not m.is_folder]


def _unpack_to(archive: Path, folder: Path, source: Source, members: dict[str, Member]) -> None:
    is_new = not folder.exists()
    place = folder.parent if is_new else folder  # on one disk with it, so that the rename is one step
    place.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(dir=place, prefix=SCRATCH))
    try:
        content = scratch / "content"
        content.mkdir()
        _extract(archive, source, members, content)
        if hasattr(os, "sync"):
            os.sync()  # one for all; an fsync for each of 10,000 pictures takes minutes
        if is_new:
            content.rename(folder)
        else:
            _check_conflicts(archive, content, folder)
            _merge(content, folder)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _extract(archive: Path, source: Source, members: dict[str, Member], content: Path) -> None:
    for name, member, opener in walk(archive, source):
        path = content / name
        if member.is_folder:
            path.mkdir(parents=True, exist_ok=True)
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("xb") as out:
            for data in contents(archive, members[name], opener):
                out.write(data)


def _check_conflicts(archive: Path, new: Path, old: Path) -> None:
    for entry in new.iterdir():
        there = old / entry.name
        if not os.path.lexists(there):
            continue
        member = there.name
        if there.is_symlink():
            raise refusal(archive, f"{there} is a symbolic link", "ARCHIVE_CONFLICT", member=member)
        if entry.is_dir() and there.is_dir():
            _check_conflicts(archive, entry, there)
        elif not (entry.is_file() and there.is_file() and filecmp.cmp(entry, there, shallow=False)):
            raise refusal(archive, f"{there} is there already and differs", "ARCHIVE_CONFLICT", member=member)


def _merge(new: Path, old: Path) -> None:
    for entry in sorted(new.iterdir()):
        there = old / entry.name
        if not os.path.lexists(there):
            entry.rename(there)
        elif entry.is_dir():
            _merge(entry, there)
