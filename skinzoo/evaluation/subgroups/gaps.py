"""Intervals of a group's figure, and of how far several groups lie apart, from resampled values."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from skinzoo.evaluation.subgroups.table import Estimate, Gap
from skinzoo.metrics.percentiles import MIN_DEFINED, percentile_interval, tail_share

FloatArray = NDArray[np.float64]

LEVEL = 0.95
"""Confidence level of the intervals."""
NO_SPREAD = "the same in all resamples, so that they give no interval"
TOO_OFTEN_UNDEFINED = "not defined in most resamples, so that they give no interval"
_NAN = float("nan")
_SAME = 1e-12  # rounding can part figures that are the same by this much


class Drawn(NamedTuple):
    """A figure with its values in resamples.

    Attributes:
        value: The figure.
        draws: Its resampled values (B,), NaN where it is undefined.
        strata: How many lesions or patients each part of it rests on; see `skinzoo.metrics.percentiles`.
    """

    value: float
    draws: FloatArray
    strata: tuple[int, ...]

    def minus(self, other: Drawn) -> Drawn:
        """The difference, resample by resample."""
        return Drawn(self.value - other.value, self.draws - other.draws, self.strata + other.strata)


def undefined(n: int, reason: str) -> Estimate:
    """A figure of n images that is not to be judged."""
    return Estimate(_NAN, _NAN, _NAN, n, reason)


def estimate_of(figure: Drawn, n: int) -> Estimate:
    """A figure of n images with the percentile interval of its resampled values."""
    defined = figure.draws[~np.isnan(figure.draws)]
    if len(defined) and defined.max() - defined.min() <= _SAME:
        return Estimate(figure.value, _NAN, _NAN, n, NO_SPREAD)
    low, high = percentile_interval(figure.draws, level=LEVEL, strata=figure.strata)
    return Estimate(figure.value, low, high, n, "" if low == low else TOO_OFTEN_UNDEFINED)


def jeffreys(right: int, wrong: int, *, size: int, seed: Sequence[int]) -> Drawn:
    """A share that is 0 or 1, with drawn values in the place of resampled ones, which would all be the same.

    Args:
        right: Independent cases that were right.
        wrong: Those that were wrong.
        size: Number of values.
        seed: Of the draws.
    """
    draws = np.random.default_rng(list(seed)).beta(right + 0.5, wrong + 0.5, size)
    return Drawn(right / (right + wrong), draws, ())  # the small number is in the draws already


def gap_between(figures: dict[str, Drawn]) -> Gap:
    """The highest figure less the lowest, with an interval that holds for all pairs of groups at once.

    Args:
        figures: Of the groups that can be judged, by label.
    """
    if len(figures) < 2:
        few = f"only {next(iter(figures))} can be judged" if figures else "no group can be judged"
        return Gap("", "", _NAN, _NAN, _NAN, len(figures), few)
    best, worst = max(figures, key=lambda k: figures[k].value), min(figures, key=lambda k: figures[k].value)
    value = figures[best].value - figures[worst].value
    defined = ~np.isnan(np.stack([f.draws for f in figures.values()])).any(axis=0)
    if defined.mean() < MIN_DEFINED:
        return Gap(best, worst, value, _NAN, _NAN, len(figures), TOO_OFTEN_UNDEFINED)
    listed = list(figures.values())
    pairs = [a.minus(b) for i, a in enumerate(listed) for b in listed[:i]]
    distance = np.array([pair.value for pair in pairs])
    resampled = np.stack([pair.draws[defined] for pair in pairs])
    spread = resampled.std(axis=1)
    off = np.abs(resampled - distance[:, None]) / np.where(spread > 0, spread, 1.0)[:, None]
    reach = np.quantile(off.max(axis=0), LEVEL) * spread * [_widened(pair.strata) for pair in pairs]
    low, high = (np.abs(distance) - reach).max(), (np.abs(distance) + reach).max()
    return Gap(best, worst, value, max(float(low), 0.0), min(float(high), 1.0), len(figures))


def _widened(strata: tuple[int, ...]) -> float:
    """By how much expanded percentiles lie further out than plain ones."""
    normal = NormalDist()
    return normal.inv_cdf(tail_share(strata, LEVEL)) / normal.inv_cdf((1 - LEVEL) / 2)
