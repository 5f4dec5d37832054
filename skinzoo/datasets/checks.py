"""How closely an adapter looks at a collection's files."""

from __future__ import annotations

import os
from dataclasses import dataclass

from skinzoo.datasets.looking import MIN_STD as MIN_STD
from skinzoo.datasets.looking import Reading
from skinzoo.datasets.remembering import CachePlace
from skinzoo.datasets.survey import check_workers
from skinzoo.errors import ConfigError


@dataclass(frozen=True)
class CheckOptions:
    """How an adapter looks at files.

    Args:
        check: `"quick"`, `"full"` or `"none"`.
        duplicates: What to do with a second row of one id and one label: `"drop"` or `"keep"`.
        conflicts: What to do with one picture under different labels: `"drop"` all its rows, `"keep"` them, or
            `"resolve"`: keep those with the right label where the collection says which of the two is known to be
            right, else those with the label of most copies; where neither decides, drop all.
        strict: Raise `IntegrityError` instead of setting anything aside.
        workers: Threads that decode with `check="full"`; None for one per core.
        progress: With `check="full"`, show a bar if this is a terminal.
        cache: With `check="full"`, remember what was found, so that nothing is decoded twice: True for
            `$SKINZOO_CACHE` (default `~/.cache/skinzoo`), or another folder.
        scale16: Use picture files of 16 bit per channel, scaled to 8, instead of setting them aside.
        mask_threshold: Cut mask files with grey values in two, such as those saved as JPEG, instead of refusing them:
            values from here on, 1 to 255, are lesion. What is a mask already is read as ever.

    Raises:
        ConfigError: An unknown value.
    """

    check: str = "quick"
    duplicates: str = "drop"
    conflicts: str = "drop"
    strict: bool = False
    workers: int | None = None
    progress: bool = True
    cache: CachePlace = True
    scale16: bool = False
    mask_threshold: int | None = None

    def __post_init__(self) -> None:
        allowed = {
            "check": ("quick", "full", "none"),
            "duplicates": ("drop", "keep"),
            "conflicts": ("drop", "keep", "resolve"),
        }
        for name, values in allowed.items():
            if getattr(self, name) not in values:
                raise ConfigError(f"{name}={getattr(self, name)!r} is unknown; use {' or '.join(map(repr, values))}.")
        check_workers(self.workers)
        if not isinstance(self.cache, bool | str | os.PathLike):
            raise ConfigError(f"cache={self.cache!r} is no folder; give its path, or True or False.")
        if not isinstance(self.scale16, bool):
            raise ConfigError(f"scale16={self.scale16!r} is unknown; use True or False.")
        cut = self.mask_threshold
        if cut is not None and (isinstance(cut, bool) or not isinstance(cut, int) or not 1 <= cut <= 255):
            raise ConfigError(f"mask_threshold={cut!r}: give a whole number from 1 to 255, such as 128, or None.")

    @property
    def reading(self) -> Reading:
        """How the files will be read for use."""
        return Reading(self.mask_threshold, self.scale16)
