"""Checked input of the functions that score a whole test set."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skinzoo.errors import ConfigError
from skinzoo.metrics.arrays import FloatArray, IntArray, class_indices, real_numbers, same_length
from skinzoo.metrics.figures import ClassificationFigures
from skinzoo.metrics.probabilities import in_unit_interval
from skinzoo.types import IGNORE_INDEX


class ClassificationInput(NamedTuple):
    """What a classifier said, checked.

    Attributes:
        truth: Labels of the labelled samples, (n,).
        scores: Their probabilities, (n, C).
        labelled: Which of the N samples those are, (N,).
        malignant: Which classes are malignant, (C,); None if there is nothing to tell apart.
    """

    truth: IntArray
    scores: FloatArray
    labelled: NDArray[np.bool_]
    malignant: NDArray[np.bool_] | None

    def figures(self, threshold: float) -> ClassificationFigures:
        """The figures of these samples, to be called with weights."""
        return ClassificationFigures(self.truth, self.scores, malignant=self.malignant, threshold=threshold)


def classification_input(
    labels: ArrayLike, probabilities: ArrayLike, classes: Sequence[str], *, malignant: Collection[str] = ()
) -> ClassificationInput:
    """Check what a classifier said.

    Args:
        labels: True class indices, shape (N,); samples with `IGNORE_INDEX` are left out.
        probabilities: In [0, 1], shape (N, C).
        classes: Names of the C classes, each once.
        malignant: Names of the malignant ones. None of them, or all, leave nothing to tell apart.

    Raises:
        ConfigError: Shapes do not agree, probabilities are NaN or outside [0, 1], a malignant class is unknown.
        LabelError: A label outside [0, C).
    """
    if not len(classes) or len(set(classes)) != len(classes):
        raise ConfigError(f"classes must be one or more different names; got {list(classes)}.")
    scores = real_numbers(probabilities, what="probabilities", ndim=2)
    if scores.shape[1] != len(classes):
        raise ConfigError(f"probabilities have {scores.shape[1]} columns for {len(classes)} classes.")
    given: IntArray = np.asarray(labels)
    if given.ndim != 1:
        raise ConfigError(f"labels must have the shape (N,); got {given.shape}.")
    same_length(len(given), len(in_unit_interval(scores)), what="labels and rows of probabilities")
    labelled = given != IGNORE_INDEX
    truth = class_indices(given[labelled], len(classes), what="labels")
    return ClassificationInput(truth, scores[labelled], labelled, _malignant(malignant, classes))


def require_threshold(threshold: float) -> float:
    """The threshold of the malignant probability.

    Raises:
        ConfigError: It does not lie in [0, 1].
    """
    if isinstance(threshold, bool) or not isinstance(threshold, int | float) or not 0 <= threshold <= 1:
        raise ConfigError(f"malignant_threshold must be a probability in [0, 1]; got {threshold!r}.")
    return float(threshold)


def _malignant(malignant: Collection[str], classes: Sequence[str]) -> NDArray[np.bool_] | None:
    if isinstance(malignant, str) or (unknown := sorted(set(malignant) - set(classes))):
        shown = repr(malignant) if isinstance(malignant, str) else ", ".join(unknown)
        raise ConfigError(
            f"malignant must be a collection of the classes' names, such as a label space's `malignant`; got {shown} "
            f"where the classes are {', '.join(classes)}."
        )
    chosen = np.array([code in malignant for code in classes])
    return chosen if 0 < chosen.sum() < len(classes) else None
