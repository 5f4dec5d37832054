"""Checked labels and probabilities, as the metrics of calibration and of single decisions count with them."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skinzoo.errors import ConfigError
from skinzoo.metrics.arrays import FloatArray, IntArray, class_indices, real_numbers, same_length
from skinzoo.types import IGNORE_INDEX

SUM_TOLERANCE = 0.01
"""How far a row may be from 1: probabilities that were rounded, or computed in half precision, still pass."""


def class_probabilities(labels: ArrayLike, probabilities: ArrayLike) -> tuple[IntArray, FloatArray]:
    """Labels (n,) and distributions (n, C) of the labelled samples.

    Args:
        labels: True class indices in [0, C), shape (N,); samples with `IGNORE_INDEX` are left out.
        probabilities: In [0, 1], each row summing to 1 within `SUM_TOLERANCE`, shape (N, C).

    Raises:
        ConfigError: Shapes do not agree, or the rows are no probability distributions.
        LabelError: A label outside [0, C).
    """
    scores = in_unit_interval(real_numbers(probabilities, what="probabilities", ndim=2))
    given: IntArray = np.asarray(labels)
    if given.ndim != 1:
        raise ConfigError(f"labels must have the shape (N,); got {given.shape}.")
    same_length(len(given), len(scores), what="labels and rows of probabilities")
    off = np.abs(scores.sum(axis=1) - 1)
    if off.size and off.max() > SUM_TOLERANCE:
        raise ConfigError(
            f"each row of probabilities must sum to 1; row {int(off.argmax())} sums to "
            f"{scores[int(off.argmax())].sum():.4g}. Independent scores of each class are not a distribution."
        )
    labelled = given != IGNORE_INDEX
    return class_indices(given[labelled], scores.shape[1], what="labels"), scores[labelled]


def binary_scores(labels: ArrayLike, scores: ArrayLike) -> tuple[NDArray[np.bool_], FloatArray]:
    """Which samples are positive (N,), and their scores (N,).

    Args:
        labels: 1 (or True) for positives, 0 for negatives, shape (N,).
        scores: Real numbers, higher means more positive, shape (N,).

    Raises:
        ConfigError: Lengths differ, or a score is NaN.
        LabelError: A label other than 0 and 1.
    """
    numbers = real_numbers(scores, what="scores", ndim=1)
    truth = class_indices(labels, 2, what="labels")
    same_length(len(truth), len(numbers), what="labels and scores")
    return truth == 1, numbers


def in_unit_interval(scores: FloatArray) -> FloatArray:
    """The same scores.

    Raises:
        ConfigError: One lies outside [0, 1].
    """
    if scores.size and (scores.min() < 0 or scores.max() > 1):
        raise ConfigError(
            f"probabilities must lie in [0, 1]; got {scores.min():.4g} to {scores.max():.4g}. "
            "Apply the softmax to logits first."
        )
    return scores
