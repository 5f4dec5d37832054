"""The members of a checked archive, one after the other, and their content."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

from skinzoo.archives.checks import plain_path
from skinzoo.archives.kinds import CHUNK, Member, Source
from skinzoo.archives.refusals import reading, refusal


def walk(archive: Path, source: Source) -> Iterator[tuple[str, Member, Callable[[], IO[bytes] | None]]]:
    """Each member's plain path, the member, and the function that opens it, until the next one is asked for.

    Args:
        archive: Its path, for messages.
        source: The opened archive.

    Raises:
        ArchiveError: The archive is damaged.
    """
    members = source.walk()
    while True:
        with reading(archive):
            item = next(members, None)
        if item is None:
            return
        member, opener = item
        yield plain_path(archive, member), member, opener


def contents(archive: Path, member: Member, opener: Callable[[], IO[bytes] | None]) -> Iterator[bytes]:
    """A file's content, in pieces.

    Args:
        archive: The archive's path, for messages.
        member: The file, as the archive's list of members declares it.
        opener: Opens it.

    Raises:
        ArchiveError: It is damaged, or shorter or longer than declared.
    """
    left = member.size
    with reading(archive, member.name):
        stream = opener()
        assert stream is not None, "only files are opened"
        with stream:
            while data := stream.read(CHUNK):
                left -= len(data)
                if left < 0:
                    raise refusal(archive, f"longer than the {member.size:,} bytes declared", member=member.name)
                yield data
    if left:
        what = f"{member.size - left:,} of the {member.size:,} bytes declared are there"
        raise refusal(archive, what, "ARCHIVE_DAMAGED", member=member.name)
