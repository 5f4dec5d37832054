"""Telling a user, once, that weights know drawn pictures only."""

from __future__ import annotations

import sys
import warnings

from skinzoo.hub.record import WeightsRecord

_told: set[str] = set()


class SyntheticWeightsWarning(UserWarning):
    """Weights were loaded that have never seen a real lesion."""


def warn_if_synthetic(record: WeightsRecord) -> None:
    """Warn, at the first call for these weights in this process, if they were trained on drawn pictures.

    The warning points to the line that called skinzoo.

    Args:
        record: Of the weights that are being loaded.
    """
    if not record.synthetic or record.name in _told:
        return
    _told.add(record.name)
    level, frame = 1, sys._getframe()
    while frame.f_back is not None and str(frame.f_globals.get("__name__", "")).partition(".")[0] == "skinzoo":
        level, frame = level + 1, frame.f_back
    warnings.warn(
        f"{record.name} was trained on drawn pictures alone: it is for trying things out, and what it says about a "
        "photograph means nothing.",
        SyntheticWeightsWarning,
        stacklevel=level,
    )
