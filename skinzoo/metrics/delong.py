"""Variance and test of areas under ROC curves without resampling.

The variance is that of DeLong et al. 1988 (doi 10.2307/2531595), from placement values: the placement of a positive is
the share of negatives that it outranks, that of a negative the share of positives that outrank it, a tie counting one
half. Midranks give all of them in O(n log n) (Sun and Xu 2014, doi 10.1109/LSP.2014.2337313).

It takes the samples to be independent. Where several images show one lesion or patient they are not; `groups` then
gives the variance of Obuchowski 1997 (doi 10.2307/2533958), which adds the placements of each group before squaring.
With one sample in each group it is DeLong's. For other metrics than the area, resample the groups (bootstrap).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skinzoo.metrics.arrays import FloatArray, IntArray, class_indices, real_numbers, same_length
from skinzoo.metrics.interval import UNDEFINED, Interval
from skinzoo.metrics.normal import normal_quantile, two_sided_p
from skinzoo.metrics.resampling import clusters


class PairedTest(NamedTuple):
    """A difference between two models on the same samples.

    Attributes:
        difference: First minus second.
        interval: Of the difference.
        statistic: The difference in standard errors.
        p_value: Two-sided, for no difference. With `statistic` and `interval` NaN where it is undefined.
    """

    difference: float
    interval: Interval
    statistic: float
    p_value: float


class AucCovariance(NamedTuple):
    """Areas under K ROC curves on the same samples.

    Attributes:
        areas: (K,), in [0, 1] or NaN.
        covariance: (K, K); NaN if fewer than two groups (samples, without groups) hold positives, or negatives.
    """

    areas: FloatArray
    covariance: FloatArray


def delong_covariance(labels: ArrayLike, scores: ArrayLike, *, groups: ArrayLike | None = None) -> AucCovariance:
    """Areas of K models on the same samples, and their covariance.

    Args:
        labels: 1 (or True) for positives, 0 for negatives, shape (N,).
        scores: Any real numbers, higher means more positive, shape (N, K).
        groups: Lesion or patient of each sample, shape (N,); None if the samples are independent.

    Raises:
        ConfigError: Lengths differ, a score is NaN, or a group is missing.
        LabelError: A label other than 0 and 1.
    """
    numbers = real_numbers(scores, what="scores", ndim=2)
    positive, cluster = _checked(labels, len(numbers), groups)
    placements = np.stack([_placements(positive, column) for column in numbers.T], axis=1)
    return AucCovariance(_areas(positive, placements), _covariance(positive, placements, cluster))


def delong_interval(
    labels: ArrayLike, scores: ArrayLike, level: float = 0.95, *, groups: ArrayLike | None = None
) -> Interval:
    """Confidence interval of an area, symmetric on the logit scale.

    The logit keeps it inside (0, 1), and its coverage near 1 is better than that of area +- z standard errors (Pepe
    2003, "The Statistical Evaluation of Medical Tests", 5.2.5).

    Args:
        labels: 1 (or True) for positives, 0 for negatives, shape (N,).
        scores: Any real numbers, higher means more positive, shape (N,).
        level: Confidence in (0, 1).
        groups: Lesion or patient of each sample, shape (N,); None if the samples are independent.

    Returns:
        NaN where the variance is: fewer than two positives or negatives (or groups with such), and where the area is
        0 or 1, because the placements then do not vary and say nothing about the error.

    Raises:
        ConfigError: Lengths differ, a score is NaN, a group is missing, or the level is not in (0, 1).
        LabelError: A label other than 0 and 1.
    """
    z = normal_quantile(level)
    areas, covariance = delong_covariance(labels, real_numbers(scores, what="scores", ndim=1)[:, None], groups=groups)
    area, variance = float(areas[0]), float(covariance[0, 0])
    if not (0 < area < 1 and variance > 0):
        return UNDEFINED
    middle, half = np.log(area / (1 - area)), z * np.sqrt(variance) / (area * (1 - area))
    low, high = 1 / (1 + np.exp(-np.array([middle - half, middle + half])))
    return Interval(float(low), float(high))


def delong_test(
    labels: ArrayLike,
    scores_a: ArrayLike,
    scores_b: ArrayLike,
    *,
    level: float = 0.95,
    groups: ArrayLike | None = None,
) -> PairedTest:
    """Compare the areas of two models on the same samples.

    Args:
        labels: 1 (or True) for positives, 0 for negatives, shape (N,).
        scores_a: Of the first model, any real numbers, shape (N,).
        scores_b: Of the second model; its scale may be another.
        level: Confidence of the interval, in (0, 1).
        groups: Lesion or patient of each sample, shape (N,); None if the samples are independent.

    Returns:
        Difference of the areas with its interval (+- z standard errors, within [-1, 1]), z and its two-sided p-value.
        Models that rank alike have the difference 0 and p = 1. All but the difference are NaN where the variance is,
        and where it is 0 although the areas differ.

    Raises:
        ConfigError: Lengths differ, a score is NaN, a group is missing, or the level is not in (0, 1).
        LabelError: A label other than 0 and 1.
    """
    z, nan = normal_quantile(level), float("nan")
    first, second = (real_numbers(s, what="scores", ndim=1) for s in (scores_a, scores_b))
    same_length(len(first), len(second), what="scores of the two models")
    positive, cluster = _checked(labels, len(first), groups)
    both = np.stack([_placements(positive, first), _placements(positive, second)], axis=1)
    areas = _areas(positive, both)
    difference = float(areas[0] - areas[1])
    # of the difference of placements, not c11 + c22 - 2 c12, which would lose digits between similar models
    variance = float(_covariance(positive, both[:, :1] - both[:, 1:], cluster)[0, 0])
    if not variance >= 0 or (variance == 0 and difference != 0):
        return PairedTest(difference, UNDEFINED, nan, nan)
    error = variance**0.5
    statistic = difference / error if error else 0.0
    interval = Interval(max(difference - z * error, -1.0), min(difference + z * error, 1.0))
    return PairedTest(difference, interval, statistic, two_sided_p(statistic))


def _checked(labels: ArrayLike, count: int, groups: ArrayLike | None) -> tuple[NDArray[np.bool_], IntArray]:
    truth = class_indices(labels, 2, what="labels")
    same_length(len(truth), count, what="labels and scores")
    if groups is None:
        return truth == 1, np.arange(count, dtype=np.int64)
    cluster, _ = clusters(groups)
    same_length(len(cluster), count, what="groups and scores")
    return truth == 1, cluster


def _placements(positive: NDArray[np.bool_], scores: FloatArray) -> FloatArray:
    """Share of the other kind that each sample stands on the right side of (N,)."""
    placements = np.empty(len(scores))
    ranks = _midranks(scores)
    for kind in (True, False):
        own = positive == kind
        outranked = ranks[own] - _midranks(scores[own])
        others = len(scores) - int(own.sum())
        share = outranked / others if others else np.full(len(outranked), np.nan)
        placements[own] = share if kind else 1 - share
    return placements


def _midranks(values: FloatArray) -> FloatArray:
    _, position, ties = np.unique(values, return_inverse=True, return_counts=True)
    ranks: FloatArray = (np.cumsum(ties) - (ties - 1) / 2)[position]
    return ranks


def _areas(positive: NDArray[np.bool_], placements: FloatArray) -> FloatArray:
    return placements[positive].mean(axis=0) if positive.any() else np.full(placements.shape[1], np.nan)


def _covariance(positive: NDArray[np.bool_], placements: FloatArray, cluster: IntArray) -> FloatArray:
    """Obuchowski's (K, K) from placements (N, K); her S10/M + S01/N + (S11 + S11')/(M N)."""
    num_clusters, k = int(cluster.max(initial=-1)) + 1, placements.shape[1]
    sums, holders, counts = [], [], []
    for kind in (True, False):
        own = positive == kind
        count = int(own.sum())
        total = np.zeros((num_clusters, k))
        if count:
            np.add.at(total, cluster[own], (placements[own] - placements[own].mean(axis=0)) / count)
        sums.append(total)
        holders.append(len(np.unique(cluster[own])))
        counts.append(count)
    if min(holders) < 2:
        return np.full((k, k), np.nan)
    tens, ones = (_spread(h) * s.T @ s for s, h in zip(sums, holders, strict=True))
    mixed = _spread(num_clusters) * sums[0].T @ sums[1]
    covariance: FloatArray = tens + ones + mixed + mixed.T
    return covariance


def _spread(count: int) -> float:
    return count / (count - 1)
