"""Telling a user, once, that weights know drawn pictures only."""

from __future__ import annotations

import warnings

from skinzoo.callers import callers_level
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
    warnings.warn(
        f"{record.name} was trained on drawn pictures alone: it is for trying things out, and what it says about a "
        "photograph means nothing.",
        SyntheticWeightsWarning,
        stacklevel=callers_level(),
    )
