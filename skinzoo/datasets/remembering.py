"""Where what was found out about files is kept: the folder of all of it, and a name for each collection's."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import TypeAlias

CachePlace: TypeAlias = bool | str | os.PathLike[str]
"""True for the usual folder, another folder, or False for none."""


def cache_folder(what: str) -> Path:
    """The folder `what` in `$SKINZOO_CACHE`, or in `~/.cache/skinzoo`; it may be deleted at any time."""
    return Path(os.environ.get("SKINZOO_CACHE") or "~/.cache/skinzoo").expanduser() / what


def name_of_root(root: str | os.PathLike[str]) -> str:
    """24 hex digits for a collection's folder, the same by whichever path it is reached."""
    return hashlib.sha256(os.fsencode(os.path.realpath(root))).hexdigest()[:24]
