"""Figures from confusion matrices, with a leading axis of resamples.

The figures of a test set are the case of one matrix; `skinzoo.metrics.summary` says when each is NaN.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from skinzoo.metrics.arrays import FloatArray, IntArray, ratio, run_sums


class CountScores(NamedTuple):
    """Scores of each class in each matrix, arrays (B, C); NaN where one is undefined.

    Attributes:
        precision: Share of the images that are called this class and are.
        recall: Share of the images of this class that are called so.
        f1: Harmonic mean of the two.
        specificity: Share of the images of other classes that are not called this class.
        npv: Share of the images that are not called this class and are not.
        support: Images of this class.
    """

    precision: FloatArray
    recall: FloatArray
    f1: FloatArray
    specificity: FloatArray
    npv: FloatArray
    support: FloatArray


class Cells(NamedTuple):
    """Samples sorted by a category each, so that the weights of a category lie side by side.

    Attributes:
        order: Samples by category, (N,).
        starts: Where each category that occurs begins in `order`.
        found: The categories that occur, ascending.
        num_cells: Number of categories.
    """

    order: IntArray
    starts: IntArray
    found: IntArray
    num_cells: int


def sorted_cells(cells: IntArray, num_cells: int) -> Cells:
    """Sort samples by their category, an index in [0, num_cells) each."""
    order = np.argsort(cells, kind="stable")
    found, starts = np.unique(cells[order], return_index=True)
    return Cells(order, starts, found, num_cells)


def cell_counts(cells: Cells, weights: FloatArray, scratch: FloatArray | None = None) -> FloatArray:
    """Sum of the weights (B, N) in each category: (B, num_cells); for `scratch` see `run_sums`."""
    counts = np.zeros((len(weights), cells.num_cells))
    counts[:, cells.found] = run_sums(weights, cells.order, cells.starts, scratch)
    return counts


def count_scores(confusion: FloatArray) -> CountScores:
    """Scores of each class.

    Args:
        confusion: Counts, shape (B, C, C), rows are the true class.
    """
    hits = confusion.diagonal(axis1=1, axis2=2)
    support, predicted = confusion.sum(axis=2), confusion.sum(axis=1)
    total = support.sum(axis=1, keepdims=True)
    others, left = total - support, total - predicted
    present = support > 0
    right_to_leave = total - support - predicted + hits
    return CountScores(
        precision=ratio(hits, predicted, where=present & (predicted > 0)),
        recall=ratio(hits, support, where=present),
        f1=ratio(2 * hits, support + predicted, where=present),
        specificity=ratio(right_to_leave, others, where=others > 0),
        npv=ratio(right_to_leave, left, where=present & (others > 0) & (left > 0)),
        support=support,
    )


def means_over_classes(values: FloatArray, support: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Plain and weighted mean (B,) over the classes with test images, undefined scores as 0; NaN without images.

    Args:
        values: A score of each class, (B, C).
        support: Images of each class, (B, C); the weights.
    """
    counted = np.where((support > 0) & ~np.isnan(values), values, 0.0)
    present, total = (support > 0).sum(axis=1), support.sum(axis=1)
    some = total > 0
    return ratio(counted.sum(axis=1), present, where=some), ratio((counted * support).sum(axis=1), total, where=some)


def mean_where(values: FloatArray, where: NDArray[np.bool_]) -> FloatArray:
    """Mean (B,) over the classes chosen in (B, C); NaN where there is none."""
    number = where.sum(axis=1)
    return ratio(np.where(where, values, 0.0).sum(axis=1), number, where=number > 0)


def agreement(confusion: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Cohen's kappa and Matthews' correlation coefficient, (B,) each; formulas in `skinzoo.metrics.agreement`."""
    hits = confusion.diagonal(axis1=1, axis2=2).sum(axis=1)
    support, predicted = confusion.sum(axis=2), confusion.sum(axis=1)
    square = support.sum(axis=1) ** 2
    chance = (support * predicted).sum(axis=1)
    covariance = hits * support.sum(axis=1) - chance
    spread_true, spread_predicted = square - (support**2).sum(axis=1), square - (predicted**2).sum(axis=1)
    varied = (spread_true > 0) & (spread_predicted > 0)
    return (
        ratio(covariance, square - chance, where=square > chance),
        ratio(covariance, np.sqrt(spread_true) * np.sqrt(spread_predicted), where=varied),
    )
