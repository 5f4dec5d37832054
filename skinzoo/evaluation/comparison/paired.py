"""Figures of models on the same samples, resampled with the same draws, and tests of their differences."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from skinzoo.evaluation.comparison.matching import Matched
from skinzoo.metrics import Interval
from skinzoo.metrics.bootstrap import Intervals
from skinzoo.metrics.delong import delong_test
from skinzoo.metrics.interval import UNDEFINED
from skinzoo.metrics.mcnemar import mcnemar_test
from skinzoo.metrics.percentiles import MIN_DEFINED, percentile_interval, tail_share

FloatArray = NDArray[np.float64]

_STEPS = 40  # halvings of the p-value: exact to 1e-12


@dataclass(frozen=True, eq=False)
class ModelFigures:
    """Everything that was measured of one model.

    Attributes:
        values: By `"metric"`, `"class/metric"` and `"malignant/metric"`; NaN where undefined.
        intervals: By the same keys.
        resampled: By the same keys, (B,).
        strata: By the same keys, how many lesions each part of the figure rests on (`skinzoo.metrics.strata`).
        reasons: Why a value or an interval is NaN.
    """

    values: dict[str, float] = field(default_factory=dict)
    intervals: dict[str, Interval] = field(default_factory=dict)
    resampled: dict[str, FloatArray] = field(default_factory=dict)
    strata: dict[str, tuple[int, ...]] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)

    def add(
        self,
        values: Mapping[str, float],
        undefined: Mapping[str, str],
        drawn: Intervals,
        strata: Mapping[str, tuple[int, ...]],
    ) -> None:
        """Take up what was measured and resampled; a key that `strata` lacks rests on all lesions."""
        self.strata.update({key: strata.get(key) or (drawn.num_clusters,) for key in values})
        self.values.update(values)
        self.intervals.update(drawn.intervals)
        self.resampled.update(drawn.resampled)
        self.reasons.update({key: f"no interval: {why}" for key, why in drawn.undefined.items()} | dict(undefined))


def difference_interval(resampled: FloatArray, *, level: float, strata: tuple[int, ...]) -> Interval:
    """Interval of a difference from its resamples; NaN if it rests on fewer than two lesions."""
    return UNDEFINED if min(strata) < 2 else percentile_interval(resampled, level=level, strata=strata)


def bootstrap_p_value(resampled: FloatArray, *, strata: tuple[int, ...]) -> float:
    """Two-sided p-value for a difference of 0: 1 - the level at which its percentile interval begins to hold 0.

    For many lesions that is twice the share of resamples on the other side of 0, with 1 added to both counts (Davison
    and Hinkley 1997, "Bootstrap Methods and their Application", 4.2); for few it is larger, as the interval is wider.

    Args:
        resampled: The difference in each resample, (B,); those where it is NaN are left out.
        strata: How many lesions each part of the figure rests on.

    Returns:
        In (0, 1], at least 2 / (B + 1); NaN if fewer than half of the resamples are defined, or the figure rests on
        fewer than two lesions.
    """
    defined = resampled[~np.isnan(resampled)]
    if not len(defined) or len(defined) < MIN_DEFINED * len(resampled) or min(strata) < 2:
        return math.nan
    beyond = min(int((defined <= 0).sum()), int((defined >= 0).sum()))
    share = (beyond + 1) / (len(defined) + 1)
    if share >= 0.5:
        return 1.0
    low, high = 0.0, 1.0  # p-values; the share to cut off grows with them
    for _ in range(_STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if tail_share(strata, 1 - middle) < share else (low, middle)
    return high


def analytic_test(matched: Matched, model: str, other: str, metric: str) -> tuple[str, float] | None:
    """Name and p-value of the test that needs no resamples; None where there is none, or it is undefined."""
    first, second = matched.outcomes[model], matched.outcomes[other]
    if first.probabilities is None or second.probabilities is None:
        return None
    labelled = matched.labels >= 0
    labels, groups = matched.labels[labelled], matched.owners()[labelled]
    p, q = first.probabilities[labelled], second.probabilities[labelled]
    if metric == "accuracy":
        result = mcnemar_test(p.argmax(axis=1) == labels, q.argmax(axis=1) == labels, groups=groups)
        return f"McNemar ({result.method})", result.p_value
    code, _, name = metric.rpartition("/")
    if name != "auc":
        return None
    codes = matched.malignant if code == "malignant" and matched.malignant else {code}
    columns = np.array([c in codes for c in first.classes])
    test = delong_test(columns[labels], p[:, columns].sum(axis=1), q[:, columns].sum(axis=1), groups=groups)
    return ("DeLong", test.p_value) if test.p_value == test.p_value else None
