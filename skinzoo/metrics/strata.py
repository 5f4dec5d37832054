"""How many clusters each figure rests on: the sensitivity to a rare class on the few lesions of that class."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from skinzoo.metrics.arrays import IntArray
from skinzoo.metrics.figures import PER_CLASS
from skinzoo.metrics.ranked import RANKING

_OF_POSITIVES = ("recall", "precision", "f1", "sensitivity", "ppv")
_OF_BOTH = (*RANKING, "pauc_80")
_BINARY = ("sensitivity", "specificity", "ppv", "npv", *_OF_BOTH)


def classification_strata(
    truth: IntArray, owner: IntArray, classes: Sequence[str], *, malignant: NDArray[np.bool_] | None
) -> dict[str, tuple[int, ...]]:
    """Numbers of clusters, by the keys of the figures that do not rest on all clusters alike.

    Args:
        truth: True class indices, (N,).
        owner: Cluster of each sample, (N,).
        classes: Names of the C classes.
        malignant: Which of them are malignant, (C,); None if that is not asked.
    """
    found: dict[str, tuple[int, ...]] = {}
    present = []
    for c, code in enumerate(classes):
        found |= _of_one(code, PER_CLASS, truth == c, owner)
        if holders := found[f"{code}/recall"][0]:
            present.append(max(holders, 2))  # of a single cluster nothing is known; the mean is still given
    if malignant is not None:
        found |= _of_one("malignant", _BINARY, malignant[truth], owner)
    macro = ("precision", "recall", "f1", "auc", "specificity", "average_precision")
    means = ["balanced_accuracy", "balanced_accuracy_strict", *(f"macro_{name}" for name in macro)]
    return found | dict.fromkeys(means, tuple(present))


def _of_one(
    code: str, names: Sequence[str], positive: NDArray[np.bool_], owner: IntArray
) -> dict[str, tuple[int, ...]]:
    holders, others = len(np.unique(owner[positive])), len(np.unique(owner[~positive]))

    def strata(name: str) -> tuple[int, ...]:
        if name in _OF_BOTH:
            return holders, others
        return (holders,) if name in _OF_POSITIVES else (others,)

    return {f"{code}/{name}": strata(name) for name in names}
