"""Reading an archive's files one by one, without writing them anywhere."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from pathlib import Path, PurePosixPath

from skinzoo.archives.checks import Limits, checked
from skinzoo.archives.kinds import open_source
from skinzoo.archives.members import contents, walk
from skinzoo.archives.refusals import refusal

MAX_FILE = 256 << 20


def read_members(
    archive: str | os.PathLike[str],
    suffixes: Collection[str],
    *,
    max_file_bytes: int = MAX_FILE,
    max_members: int = 1_000_000,
    max_ratio: float = 200.0,
) -> Iterator[tuple[str, bytes]]:
    """Path and content of each file of a zip or tar archive that has one of the endings, in the archive's order.

    All members are checked as by `unpack` before the first is read.

    Args:
        archive: Its path.
        suffixes: Endings in lower case with the dot, such as `.jpg`.
        max_file_bytes: Refuse an archive with a larger file of these endings.
        max_members: As for `unpack`.
        max_ratio: As for `unpack`.

    Raises:
        ArchiveError: As for `unpack`; code `ARCHIVE_UNSAFE` also for a file that is too large.
    """
    archive = Path(archive)
    with open_source(archive, max_ratio) as source:
        members = checked(archive, source, Limits(None, max_members, max_ratio))
        for name, member, opener in walk(archive, source):
            if member.is_folder or PurePosixPath(name).suffix.lower() not in suffixes:
                continue
            if member.size > max_file_bytes:
                raise refusal(archive, f"a file of {member.size:,} bytes; at most {max_file_bytes:,}", member=name)
            yield name, b"".join(contents(archive, members[name], opener))
