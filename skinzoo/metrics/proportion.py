"""How far a share that was counted may lie from the true one."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from skinzoo.errors import ConfigError
from skinzoo.metrics.arrays import FloatArray, real_numbers, same_length
from skinzoo.metrics.normal import normal_quantile


class Bounds(NamedTuple):
    """Confidence bounds of several shares, arrays (K,); NaN where nothing was counted.

    Attributes:
        low: Lower bounds, in [0, 1].
        high: Upper bounds, in [0, 1].
    """

    low: FloatArray
    high: FloatArray


def wilson_bounds(hits: ArrayLike, totals: ArrayLike, *, level: float = 0.95) -> Bounds:
    """Score interval of a binomial share (Wilson 1927, doi 10.1080/01621459.1927.10502953).

    It takes the images for independent of each other: several images of one lesion make it too narrow.

    Args:
        hits: How many had the property, shape (K,).
        totals: Out of how many, shape (K,).
        level: Confidence level in (0, 1).

    Raises:
        ConfigError: More hits than there are in all, a negative count, or a level outside (0, 1).
    """
    part, whole = (real_numbers(v, what="counts", ndim=1) for v in (hits, totals))
    same_length(len(part), len(whole), what="hits and totals")
    if (wrong := (part < 0) | (part > whole)).any():
        raise ConfigError(
            f"each count of hits must lie between 0 and its total; got {part[wrong][0]:g} of {whole[wrong][0]:g}."
        )
    z2 = normal_quantile(level) ** 2
    n = np.where(whole > 0, whole, np.nan)
    share = part / n
    middle, half = share + z2 / (2 * n), np.sqrt(z2 * (share * (1 - share) + z2 / (4 * n)) / n)
    low, high = (middle - half) / (1 + z2 / n), (middle + half) / (1 + z2 / n)
    # where all or none were hits the bound is exactly 1 or 0, which rounding would miss
    return Bounds(np.where(part == 0, 0 * n, low), np.where(part == whole, n / n, high))
