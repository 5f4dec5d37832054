"""Precision against recall, and the average precision.

Precision is the positive predictive value, recall the sensitivity. The average precision is `sum (R_k - R_(k-1)) P_k`
over the distinct scores from the highest down, with precision P_k and recall R_k of calling everything positive that
scores as high or higher: no interpolation, as in scikit-learn. A random score has an average precision close to the
share of positives, so it depends on how common the class is, which the area under the ROC curve does not. Both the
figure and the curve are undefined (NaN) where the class or its complement has no test images.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from skinzoo.metrics.arrays import FloatArray
from skinzoo.metrics.probabilities import binary_scores
from skinzoo.metrics.ranked import curve_of, mean_precision
from skinzoo.metrics.ranking import defined_classes, roc_curve


class PrecisionRecallCurve(NamedTuple):
    """Points of a precision-recall curve, from recall 0 to 1, one for each distinct score.

    Attributes:
        precision: Shape (P,); 1 for the first point by convention; NaN if it is undefined.
        recall: Shape (P,); NaN if it is undefined.
        thresholds: Scores at or above which an image counts as positive, shape (P,); infinity for the first point.
    """

    precision: FloatArray
    recall: FloatArray
    thresholds: FloatArray


def average_precision(labels: ArrayLike, scores: ArrayLike) -> float:
    """Average precision of a binary problem; the module gives the formula.

    Args:
        labels: 1 (or True) for positives, 0 for negatives, shape (N,).
        scores: Any real numbers, higher means more positive, shape (N,).

    Returns:
        In [0, 1]; NaN if the positives or the negatives are absent.

    Raises:
        ConfigError: Lengths differ, or a score is NaN.
        LabelError: A label other than 0 and 1.

    Example:
        >>> round(average_precision([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8]), 4)
        0.8333
    """
    return float(mean_precision(curve_of(*binary_scores(labels, scores)))[0])


def precision_recall_curve(labels: ArrayLike, scores: ArrayLike) -> PrecisionRecallCurve:
    """Precision against recall at every distinct score.

    Args:
        labels: 1 (or True) for positives, 0 for negatives, shape (N,).
        scores: Any real numbers, higher means more positive, shape (N,).

    Raises:
        ConfigError: Lengths differ, or a score is NaN.
        LabelError: A label other than 0 and 1.
    """
    positive, numbers = binary_scores(labels, scores)
    fpr, tpr, thresholds = roc_curve(positive, numbers)
    true, false = tpr * positive.sum(), fpr * (~positive).sum()
    with np.errstate(invalid="ignore"):
        precision = true / (true + false)
    precision[0] = np.nan if np.isnan(true[0] + false[0]) else 1.0
    return PrecisionRecallCurve(precision, np.where(np.isnan(fpr), np.nan, tpr), thresholds)


def precision_recall_curves_ovr(
    labels: ArrayLike, probabilities: ArrayLike, classes: Sequence[str]
) -> dict[str, PrecisionRecallCurve]:
    """The curve of each class against all others, for the classes for which it is defined.

    Args:
        labels: True class indices in [0, C), shape (N,).
        probabilities: Scores of each class, shape (N, C).
        classes: Names of the C classes.

    Raises:
        ConfigError: Shapes do not agree, or a score is NaN.
        LabelError: A label outside [0, C).
    """
    chosen = defined_classes(labels, probabilities, classes)
    return {name: precision_recall_curve(positive, scores) for name, positive, scores in chosen}
