"""Area under the ROC curve, and the curve itself.

The area is the probability that a random image of the class gets a higher score than a random other image, a tie
counting one half (Hanley and McNeil 1982, doi 10.1148/radiology.143.1.7063747). It is undefined (NaN) where the class
or its complement has no test images.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skinzoo.errors import ConfigError
from skinzoo.metrics.arrays import FloatArray, IntArray, class_indices, mean_of_defined, real_numbers, same_length
from skinzoo.metrics.classification import NO_IMAGES_OF_CLASS
from skinzoo.metrics.probabilities import binary_scores
from skinzoo.metrics.ranked import area, curve_of

NO_OTHER_IMAGES = "no test images of any other class"


class OvrAuc(NamedTuple):
    """One-versus-rest areas.

    Attributes:
        per_class: Shape (C,), in [0, 1] or NaN.
        macro: Mean over the defined classes; NaN if there is none.
        reasons: Class index -> why its area is NaN.
    """

    per_class: FloatArray
    macro: float
    reasons: dict[int, str]


class RocCurve(NamedTuple):
    """Points of a ROC curve, from (0, 0) to (1, 1), one for each distinct score.

    Attributes:
        fpr: False-positive rate (1 - specificity), shape (P,); NaN if there are no negatives.
        tpr: True-positive rate (sensitivity), shape (P,); NaN if there are no positives.
        thresholds: Scores at or above which an image counts as positive, shape (P,); infinity for the first point.
    """

    fpr: FloatArray
    tpr: FloatArray
    thresholds: FloatArray


def roc_auc(labels: ArrayLike, scores: ArrayLike) -> float:
    """Area under the ROC curve of a binary problem.

    Args:
        labels: 1 (or True) for positives, 0 for negatives, shape (N,).
        scores: Any real numbers, higher means more positive, shape (N,).

    Returns:
        In [0, 1]; NaN if the positives or the negatives are absent.

    Raises:
        ConfigError: Lengths differ, or a score is NaN.
        LabelError: A label other than 0 and 1.

    Example:
        >>> roc_auc([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])
        0.75
    """
    positive, numbers = binary_scores(labels, scores)
    return _auc(positive, numbers)


def roc_auc_ovr(labels: ArrayLike, probabilities: ArrayLike) -> OvrAuc:
    """Each class against all others, and the mean over the classes for which that is defined.

    Args:
        labels: True class indices in [0, C), shape (N,).
        probabilities: Scores of each class, shape (N, C).

    Raises:
        ConfigError: Shapes do not agree, or a score is NaN.
        LabelError: A label outside [0, C).
    """
    numbers = real_numbers(probabilities, what="probabilities", ndim=2)
    num_classes = numbers.shape[1]
    truth = class_indices(labels, num_classes, what="labels")
    same_length(len(truth), len(numbers), what="labels and rows of probabilities")
    areas = np.array([_auc(truth == c, numbers[:, c]) for c in range(num_classes)], dtype=np.float64)
    reasons = {
        c: NO_OTHER_IMAGES if (truth == c).any() else NO_IMAGES_OF_CLASS
        for c in range(num_classes)
        if np.isnan(areas[c])
    }
    return OvrAuc(areas, mean_of_defined(areas), reasons)


def roc_curve(labels: ArrayLike, scores: ArrayLike) -> RocCurve:
    """Sensitivity against 1 - specificity at every distinct score.

    Args:
        labels: 1 (or True) for positives, 0 for negatives, shape (N,).
        scores: Any real numbers, higher means more positive, shape (N,).

    Raises:
        ConfigError: Lengths differ, or a score is NaN.
        LabelError: A label other than 0 and 1.
    """
    positive, numbers = binary_scores(labels, scores)
    thresholds, hits, alarms = counts_at_scores(positive, numbers)
    return RocCurve(
        fpr=_share(alarms, int((~positive).sum())),
        tpr=_share(hits, int(positive.sum())),
        thresholds=np.append(np.inf, thresholds),
    )


def roc_curves_ovr(labels: ArrayLike, probabilities: ArrayLike, classes: Sequence[str]) -> dict[str, RocCurve]:
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
    return {name: roc_curve(positive, scores) for name, positive, scores in chosen}


def counts_at_scores(positive: NDArray[np.bool_], scores: FloatArray) -> tuple[FloatArray, IntArray, IntArray]:
    """Distinct scores (P,), falling, with the number of positives and of negatives at or above each.

    Args:
        positive: Which samples are positive, (N,).
        scores: Their scores, (N,).
    """
    order = np.argsort(-scores, kind="stable")
    ranked, hits = scores[order], positive[order]
    last_of_tie = np.flatnonzero(np.append(ranked[1:] != ranked[:-1], [True] * bool(len(ranked))))
    return (
        ranked[last_of_tie],
        np.cumsum(hits, dtype=np.int64)[last_of_tie],
        np.cumsum(~hits, dtype=np.int64)[last_of_tie],
    )


def defined_classes(
    labels: ArrayLike, probabilities: ArrayLike, classes: Sequence[str]
) -> Iterator[tuple[str, NDArray[np.bool_], FloatArray]]:
    """Name, truth (N,) and scores (N,) of each class that has test images and others to tell it from.

    Raises:
        ConfigError: Shapes do not agree, or a score is NaN.
        LabelError: A label outside [0, C).
    """
    numbers = real_numbers(probabilities, what="probabilities", ndim=2)
    if numbers.shape[1] != len(classes):
        raise ConfigError(f"probabilities have {numbers.shape[1]} columns for {len(classes)} classes.")
    truth = class_indices(labels, len(classes), what="labels")
    same_length(len(truth), len(numbers), what="labels and rows of probabilities")
    for c, name in enumerate(classes):
        if 0 < (positive := truth == c).sum() < len(truth):
            yield name, positive, numbers[:, c]


def _auc(positive: NDArray[np.bool_], scores: FloatArray) -> float:
    return float(area(curve_of(positive, scores))[0])


def _share(counts: IntArray, total: int) -> FloatArray:
    points = np.append(0, counts).astype(np.float64)
    return points / total if total else np.full(len(points), np.nan)
