"""From resampled figures to a confidence interval: percentiles, expanded for small numbers of clusters.

Plain percentiles are too narrow where few clusters are drawn from. The share `a` that is cut off on each side is
therefore not `(1 - level) / 2` but `Phi(-sqrt(n / (n - 1)) t)`, with `t` Student's quantile of n - 1 degrees of freedom
for n clusters (expanded percentiles, Hesterberg 2015, doi 10.1080/00031305.2015.1089789): 0.025 becomes 0.023 at 100
clusters, 0.009 at 10. A figure that rests on several strata of clusters, such as a mean over classes, takes the
variances of all of them as equal, which gives `n / (n - 1)` its general form and Welch's degrees of freedom.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from statistics import NormalDist

import numpy as np

from skinzoo.metrics.arrays import FloatArray
from skinzoo.metrics.interval import UNDEFINED, Interval
from skinzoo.metrics.normal import check_level

MIN_DEFINED = 0.5
"""Share of the resamples in which a figure must be defined for its interval to be."""

_MAX_FREEDOM = 1000  # beyond, Student's quantile is within 0.13 % of the normal one


def percentile_interval(values: FloatArray, *, level: float, strata: Sequence[int]) -> Interval:
    """The interval of a figure from its resampled values.

    Args:
        values: Shape (B,); NaN where the figure is undefined in a resample.
        level: Confidence level in (0, 1).
        strata: How many clusters each part of the figure rests on.

    Returns:
        NaN if the figure is undefined in more than half of the resamples.

    Raises:
        ConfigError: The level does not lie between 0 and 1.
    """
    share = tail_share(strata, level)
    defined = values[~np.isnan(values)]
    if not len(defined) or len(defined) < MIN_DEFINED * len(values):
        return UNDEFINED
    low, high = np.quantile(defined, [share, 1 - share])
    return Interval(float(low), float(high))


def tail_share(strata: Sequence[int], level: float) -> float:
    """The share of the resamples to cut off on each side.

    Args:
        strata: How many clusters each part of the figure rests on; fewer than two count as two. Without
            strata the percentiles are plain.
        level: Confidence level in (0, 1).

    Raises:
        ConfigError: The level does not lie between 0 and 1.
    """
    check_level(level)
    sizes = [max(size, 2) for size in strata]
    if not sizes:
        return (1 - level) / 2
    variance = sum(1 / n for n in sizes)
    resampled = sum((n - 1) / n**2 for n in sizes)  # resampling n clusters gives (n - 1) / n of the variance of a mean
    freedom = variance**2 / sum(1 / (n**2 * (n - 1)) for n in sizes)
    return NormalDist().cdf(-math.sqrt(variance / resampled) * student_quantile(level, math.floor(freedom + 1e-9)))


@lru_cache(maxsize=4096)
def student_quantile(level: float, freedom: int) -> float:
    """How many standard errors on each side hold the share `level` of Student's t distribution.

    Args:
        level: In (0, 1).
        freedom: Degrees of freedom, at least 1; more than 1,000 count as 1,000.
    """
    freedom = min(freedom, _MAX_FREEDOM)
    low, high = 0.0, math.pi / 2
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if _share_within(middle, freedom) < level else (low, middle)
    return math.sqrt(freedom) * math.tan(high)


def _share_within(angle: float, freedom: int) -> float:
    """Probability that |t| <= sqrt(freedom) tan(angle) (Abramowitz and Stegun 1964, 26.7.3 and 26.7.4)."""
    sine, cosine = math.sin(angle), math.cos(angle)
    if freedom % 2 == 0:
        k = np.arange(1, freedom // 2)
        return sine * (1 + float(np.cumprod((2 * k - 1) / (2 * k) * cosine**2).sum()))
    if freedom == 1:
        return 2 * angle / math.pi
    k = np.arange(1, (freedom - 1) // 2)
    series = 1 + float(np.cumprod(2 * k / (2 * k + 1) * cosine**2).sum())
    return 2 / math.pi * (angle + sine * cosine * series)
