"""Figures of one score against one truth, with a leading axis of resamples.

Samples are sorted once. A resample then only says how often each sample counts, so the curve of any resample comes from
cumulative sums of weights. Tied scores make one step of the curve. The sensitivity changes only at ties that hold
positives, so the curve is kept at these: K points for at most as many positives.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from skinzoo.metrics.arrays import FloatArray, IntArray, ratio, run_sums


class RankedScores(NamedTuple):
    """Samples by falling score, cut into runs at each of the K ties that hold positives.

    Attributes:
        order: Samples, (N,).
        runs: Where each run begins in `order`, (R,): a tie with positives, or what lies between two such ties.
        starts: For each of the K ties, how many runs score higher, (K,).
        ends: How many runs score as high or higher, (K,).
        positives: Positive samples, (P,).
        firsts: Where each of the K ties begins in `positives`, (K,).
    """

    order: IntArray
    runs: IntArray
    starts: IntArray
    ends: IntArray
    positives: IntArray
    firsts: IntArray


class CurvePoints(NamedTuple):
    """The ROC curve of each resample as weights, at the K ties that hold positives.

    Attributes:
        steps: Positives in the tie, (B, K).
        true: Positives that score as high or higher, (B, K + 1); the first column is 0, before any tie.
        false_before: Negatives that score higher, (B, K).
        false: Negatives that score as high or higher, (B, K).
        positives: All positives, (B,).
        negatives: All negatives, (B,).
    """

    steps: FloatArray
    true: FloatArray
    false_before: FloatArray
    false: FloatArray
    positives: FloatArray
    negatives: FloatArray

    @property
    def defined(self) -> NDArray[np.bool_]:
        """Whether there are positives and negatives, (B,)."""
        return (self.positives > 0) & (self.negatives > 0)


def rank_scores(positive: NDArray[np.bool_], scores: FloatArray) -> RankedScores:
    """Sort samples by falling score; both arguments have the shape (N,)."""
    n = len(scores)
    order = np.argsort(-scores, kind="stable")
    ranked, hits = scores[order], positive[order]
    new_tie = np.append(np.ones(min(n, 1), dtype=bool), ranked[1:] != ranked[:-1])
    begins = np.append(np.flatnonzero(new_tie), n)
    ties, firsts = np.unique((np.cumsum(new_tie) - 1)[hits], return_index=True)
    cuts = np.unique(np.concatenate([[0], begins[ties], begins[ties + 1], [n]]))
    starts, ends = np.searchsorted(cuts, begins[ties]), np.searchsorted(cuts, begins[ties + 1])
    return RankedScores(order, cuts[:-1], starts, ends, order[hits], firsts)


def curve_points(ranked: RankedScores, weights: FloatArray, scratch: FloatArray | None = None) -> CurvePoints:
    """The curve of each resample.

    Args:
        ranked: What `rank_scores` returned.
        weights: How often each sample counts, (B, N).
        scratch: An array like `weights` that may be written to: fresh memory for every curve costs more than the sums.
    """
    steps = run_sums(weights, ranked.positives, ranked.firsts, scratch)
    every = _running(run_sums(weights, ranked.order, ranked.runs, scratch))
    true = _running(steps)
    return CurvePoints(
        steps=steps,
        true=true,
        false_before=np.take(every, ranked.starts, axis=1) - true[:, :-1],
        false=np.take(every, ranked.ends, axis=1) - true[:, 1:],
        positives=true[:, -1],
        negatives=every[:, -1] - true[:, -1],
    )


def curve_of(positive: NDArray[np.bool_], scores: FloatArray) -> CurvePoints:
    """The curve of the samples themselves, as one resample in which each counts once; both arguments are (N,)."""
    return curve_points(rank_scores(positive, scores), np.ones((1, len(scores))))


def _running(steps: FloatArray) -> FloatArray:
    """Cumulative sums of (B, K), with a zero before them: (B, K + 1)."""
    sums = np.zeros((len(steps), steps.shape[1] + 1))
    np.cumsum(steps, axis=1, out=sums[:, 1:])
    return sums


def area(points: CurvePoints) -> FloatArray:
    """Area under the ROC curve, (B,)."""
    lost = np.einsum("bk,bk->b", points.steps, points.false_before + points.false) / 2
    pairs = points.positives * points.negatives
    return ratio(pairs - lost, pairs, where=points.defined)


def mean_precision(points: CurvePoints) -> FloatArray:
    """Average precision, (B,): the precision at each tie, weighted by the positives in it."""
    true = points.true[:, 1:]
    chosen = true + points.false
    precision = np.divide(true, chosen, out=np.zeros_like(true), where=chosen > 0)
    gained = np.einsum("bk,bk->b", points.steps, precision)
    return ratio(gained, points.positives, where=points.defined)


def area_above(points: CurvePoints, min_tpr: float) -> FloatArray:
    """Area between the ROC curve and a false-positive rate of 1, above a sensitivity, (B,)."""
    before, after = points.true[:, :-1], points.true[:, 1:]
    low = np.maximum(before, min_tpr * points.positives[:, None])
    height = np.maximum(after - low, 0)
    share = np.divide(low - before, points.steps, out=np.zeros_like(low), where=height > 0)
    false_at_low = points.false_before + (points.false - points.false_before) * share
    right_of = points.negatives[:, None] - (false_at_low + points.false) / 2
    covered = np.einsum("bk,bk->b", height, right_of)
    return ratio(covered, points.positives * points.negatives, where=points.defined)


def sensitivity_at(points: CurvePoints, specificity: float) -> FloatArray:
    """Highest sensitivity over the thresholds with at least the given specificity, (B,)."""
    true_negatives = points.negatives[:, None] - points.false
    # a division rounds 9 of 10 to just the float that 0.9 is, and so compares as the fractions do
    enough = true_negatives / _positive(points.negatives) >= specificity
    best = np.take_along_axis(points.true, np.count_nonzero(enough, axis=1)[:, None], axis=1)[:, 0]
    return ratio(best, points.positives, where=points.defined)


def specificity_at(points: CurvePoints, sensitivity: float) -> FloatArray:
    """Highest specificity over the thresholds with at least the given sensitivity, (B,)."""
    if sensitivity <= 0 or not points.false.shape[1]:
        return ratio(points.negatives, points.negatives, where=points.defined)
    too_few = points.true[:, 1:] / _positive(points.positives) < sensitivity
    first = np.minimum(np.count_nonzero(too_few, axis=1)[:, None], points.false.shape[1] - 1)
    false = np.take_along_axis(points.false, first, axis=1)[:, 0]
    return ratio(points.negatives - false, points.negatives, where=points.defined)


def _positive(totals: FloatArray) -> FloatArray:
    """A divisor (B, 1); where nothing is to be divided, 1."""
    return np.where(totals > 0, totals, 1.0)[:, None]


RANKING: dict[str, Callable[[CurvePoints], FloatArray]] = {
    "auc": area,
    "average_precision": mean_precision,
    "sensitivity_at_90_specificity": lambda points: sensitivity_at(points, 0.90),
    "sensitivity_at_95_specificity": lambda points: sensitivity_at(points, 0.95),
    "specificity_at_90_sensitivity": lambda points: specificity_at(points, 0.90),
    "specificity_at_95_sensitivity": lambda points: specificity_at(points, 0.95),
}
"""Figures of every class against the rest, and of malignant against benign."""
