"""What is known about a file on the web before it is fetched."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class RemoteFile:
    """A file that may be fetched without an account or a click.

    Attributes:
        url: Its address.
        path: Where it belongs below the collection's folder; an archive is unpacked into this folder.
        part: The official part that it belongs to; empty if it belongs to all.
        unpack: True for a zip or tar archive.
        size: Its size in bytes; None where nobody says.
        sha256: Its sha256, as 64 hex digits; empty where nobody says.
        md5: Its md5, as 32 hex digits, where its publisher gives nothing better.
        options: Further options that it is for, by name, such as `{"size": 28}`; where one is not given, the value of
            the first file that names it counts.
    """

    url: str
    path: str
    part: str = ""
    unpack: bool = False
    size: int | None = None
    sha256: str = ""
    md5: str = ""
    options: Mapping[str, object] = field(default_factory=dict, hash=False)
