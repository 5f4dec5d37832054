"""Accuracy, precision, recall and F1 from a confusion matrix.

What is undefined is NaN with a reason, never 0:

| class                                   | precision | recall | F1  | reason                        |
|-----------------------------------------|-----------|--------|-----|-------------------------------|
| has test images and is predicted        | TP/(TP+FP)| TP/n   | F1  |                               |
| has test images, but is never predicted | NaN       | 0      | 0   | never predicted               |
| has no test images                      | NaN       | NaN    | NaN | no test images of this class  |

A macro score is the plain mean over the classes that have test images; a weighted score weighs them by their number. In
both, a class that is never predicted counts as precision 0: left out, it would flatter a model that gives up on it. On
the classes with test images, scikit-learn agrees: with `zero_division=np.nan` per class, with 0 in the means.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skinzoo.errors import ConfigError
from skinzoo.metrics.arrays import FloatArray, IntArray, mean_of_defined
from skinzoo.metrics.counts import count_scores

NO_IMAGES = "no test images"
NO_IMAGES_OF_CLASS = "no test images of this class"
NEVER_PREDICTED = "never predicted"


class ClassScores(NamedTuple):
    """Scores of each class, arrays of shape (C,).

    Attributes:
        precision: In [0, 1] or NaN.
        recall: In [0, 1] or NaN.
        f1: In [0, 1] or NaN.
        support: Test images of each class.
        reasons: For each class, why a score of it is NaN.
    """

    precision: FloatArray
    recall: FloatArray
    f1: FloatArray
    support: IntArray
    reasons: list[dict[str, str]]


def class_scores(confusion: ArrayLike) -> ClassScores:
    """Precision, recall and F1 of each class; the module's table says when they are NaN.

    Args:
        confusion: Counts, shape (C, C), rows are the true class.

    Raises:
        ConfigError: Not a square matrix of counts.
    """
    counts = square_counts(confusion)
    scores = count_scores(counts[None].astype(np.float64))
    support, predicted = counts.sum(axis=1), counts.sum(axis=0)
    missing = {"precision": NO_IMAGES_OF_CLASS, "recall": NO_IMAGES_OF_CLASS, "f1": NO_IMAGES_OF_CLASS}
    return ClassScores(
        precision=scores.precision[0],
        recall=scores.recall[0],
        f1=scores.f1[0],
        support=support,
        reasons=[
            dict(missing) if not p else {} if n else {"precision": NEVER_PREDICTED}
            for p, n in zip(support > 0, predicted > 0, strict=True)
        ],
    )


def accuracy(confusion: ArrayLike) -> float:
    """Share of images with the right class, in [0, 1]; NaN without images.

    Args:
        confusion: Counts, shape (C, C), rows are the true class.

    Raises:
        ConfigError: Not a square matrix of counts.
    """
    counts = square_counts(confusion)
    total = int(counts.sum())
    return float(counts.trace() / total) if total else float("nan")


def balanced_accuracy(confusion: ArrayLike) -> float:
    """Mean recall over the classes that have test images, in [0, 1]; NaN without images.

    Args:
        confusion: Counts, shape (C, C), rows are the true class.

    Raises:
        ConfigError: Not a square matrix of counts.
    """
    return mean_of_defined(class_scores(confusion).recall)


def square_counts(confusion: ArrayLike) -> IntArray:
    """A confusion matrix as int64.

    Raises:
        ConfigError: Not a square matrix of counts.
    """
    counts: NDArray[Any] = np.asarray(confusion)
    square = counts.ndim == 2 and counts.shape[0] == counts.shape[1] > 0
    if not square or counts.dtype.kind not in "iu" or bool((counts < 0).any()):
        raise ConfigError(
            "a confusion matrix must be square and hold counts (whole numbers, not shares); "
            f"got {counts.dtype} of shape {counts.shape}."
        )
    return counts.astype(np.int64)
