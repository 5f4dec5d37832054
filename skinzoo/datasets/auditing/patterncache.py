"""Patterns of files, kept on disk, so that the next audit decodes only what changed."""

from __future__ import annotations

import os
import warnings
import zipfile
from pathlib import Path

import numpy as np

from skinzoo.callers import callers_level
from skinzoo.datasets.auditing.patterns import SIDE, Pattern
from skinzoo.datasets.remembering import CachePlace, cache_folder, name_of_root
from skinzoo.files import atomic_path

PATTERN_VERSION = 1
"""Raised whenever a file would get another pattern than before."""

State = tuple[int, int, int]
_ROW = np.dtype([("state", "<i8", 3), ("contrast", "<f4"), ("values", "i1", (SIDE, SIDE))])


class PatternCache:
    """The patterns known of the files below one root. A file is unchanged if its size and times of change are.

    A cache that cannot be read is begun anew; one that cannot be written is done without, with a warning.

    Args:
        root: The collection's folder.
        place: True for `cache_folder("patterns")`, another folder, or False for none.
    """

    def __init__(self, root: str | os.PathLike[str], place: CachePlace = True) -> None:
        self.path: Path | None = None
        self._known: dict[str, tuple[State, Pattern]] = {}
        self._fresh = False
        if place is not False:
            folder = cache_folder("patterns") if place is True else Path(place).expanduser()
            self.path = folder / f"{name_of_root(root)}-v{PATTERN_VERSION}.npz"
            self._load(self.path)

    def find(self, image: str, path: Path) -> Pattern | None:
        """The pattern of a file; None if it is not known or the file changed."""
        known = self._known.get(image)
        return known[1] if known is not None and known[0] == _state(path) else None

    def add(self, image: str, path: Path, pattern: Pattern) -> None:
        """Remember a file's pattern."""
        if self.path is not None and (state := _state(path)) is not None:
            self._known[image] = (state, pattern)
            self._fresh = True

    def save(self) -> None:
        """Write what was added to the disk."""
        if self.path is None or not self._fresh:
            return
        rows = np.array([(state, p.contrast, p.values) for state, p in self._known.values()], dtype=_ROW)
        try:
            with atomic_path(self.path) as temporary:
                np.savez(temporary, images=np.array(list(self._known)), rows=rows)
        except OSError as error:
            warnings.warn(
                f"{self.path} cannot be written ({error}), so that the next audit decodes these files again. Set "
                "$SKINZOO_CACHE to another folder, or pass cache=False.",
                UserWarning,
                stacklevel=callers_level(),
            )
        self._fresh = False

    def _load(self, path: Path) -> None:
        try:
            with np.load(path, allow_pickle=False) as stored:
                images, rows = stored["images"], stored["rows"]
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
            return
        if rows.dtype == _ROW and rows.shape == images.shape == (len(images),):
            found = zip(images.tolist(), rows["state"].tolist(), rows["contrast"].tolist(), rows["values"], strict=True)
            self._known = {image: (tuple(state), Pattern(values, contrast)) for image, state, contrast, values in found}


def _state(path: Path) -> State | None:
    try:
        state = os.stat(path)  # noqa: PTH116 - takes a third of the time
    except OSError:
        return None
    return state.st_size, state.st_mtime_ns, state.st_ctime_ns
