"""Every figure of a test set as a function of how often each sample counts.

`ClassificationFigures` and `SegmentationFigures` take weights (B, N): one row of ones gives the figures of the test
set, a row of multiplicities those of a resample. Point and interval so come from the same code.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from skinzoo.metrics.arrays import FloatArray, IntArray, ratio
from skinzoo.metrics.counts import (
    agreement,
    cell_counts,
    count_scores,
    mean_where,
    means_over_classes,
    sorted_cells,
)
from skinzoo.metrics.ranked import RANKING, area_above, curve_points, rank_scores
from skinzoo.metrics.segmentation import MaskCounts, dice_iou_of_counts

PER_CLASS = ("precision", "recall", "f1", "specificity", "npv", *RANKING)
JACCARD_THRESHOLD = 0.65
PAUC_MIN_TPR = 0.8


class Figures(NamedTuple):
    """Figures of B resamples.

    Attributes:
        overall: Of all classes together by name, (B,) each.
        per_class: Of each class against the rest by name, (B, C) each.
        binary: Of malignant against benign by name, (B,) each; empty where the malignant classes are not known.
        confusion: Confusion matrices, (B, C, C), rows are the true class.
    """

    overall: dict[str, FloatArray]
    per_class: dict[str, FloatArray]
    binary: dict[str, FloatArray]
    confusion: FloatArray

    def flat(self, classes: Sequence[str]) -> dict[str, FloatArray]:
        """All of them by `"metric"`, `"class/metric"` and `"malignant/metric"`, shape (B,) each."""
        by_class = {
            f"{code}/{name}": self.per_class[name][:, c] for c, code in enumerate(classes) for name in PER_CLASS
        }
        return self.overall | by_class | {f"malignant/{name}": values for name, values in self.binary.items()}


class ClassificationFigures:
    """Figures of a classifier.

    Args:
        truth: True class indices, (N,).
        scores: Probabilities, (N, C).
        malignant: Which classes are malignant, (C,); None for no figures of malignant against benign.
        threshold: Summed probability of the malignant classes at or above which a sample is called malignant.
    """

    def __init__(
        self, truth: IntArray, scores: FloatArray, *, malignant: NDArray[np.bool_] | None, threshold: float
    ) -> None:
        n, num_classes = scores.shape
        self.num_classes = num_classes
        predicted = scores.argmax(axis=1) if n else np.zeros(0, np.int64)
        highest = scores[np.arange(n), predicted]
        tied = (scores == highest[:, None]).sum(axis=1) > 1
        # the last C cells count right answers whose score another class shares
        cells = np.where(tied & (predicted == truth), num_classes**2 + truth, truth * num_classes + predicted)
        self._cells = sorted_cells(cells, num_classes**2 + num_classes)
        self._ranked = [rank_scores(truth == c, scores[:, c]) for c in range(num_classes)]
        self._binary = None
        if malignant is not None:
            summed, positive = scores[:, malignant].sum(axis=1), malignant[truth]
            decisions = sorted_cells(2 * positive.astype(np.int64) + (summed >= threshold), 4)
            self._binary = decisions, rank_scores(positive, summed)

    def __call__(self, weights: FloatArray) -> Figures:
        """The figures under weights (B, N)."""
        scratch = np.empty_like(weights)
        counts = cell_counts(self._cells, weights, scratch)
        tied = counts[:, self.num_classes**2 :]
        confusion = counts[:, : self.num_classes**2].reshape(-1, self.num_classes, self.num_classes)
        confusion = confusion + tied[:, :, None] * np.eye(self.num_classes)
        scores = count_scores(confusion)
        per_class = {name: getattr(scores, name) for name in ("precision", "recall", "f1", "specificity", "npv")}
        columns = []
        for ranked in self._ranked:
            points = curve_points(ranked, weights, scratch)
            columns.append([figure(points) for figure in RANKING.values()])
        per_class |= {name: np.stack([column[i] for column in columns], axis=1) for i, name in enumerate(RANKING)}
        overall = self._overall(confusion, tied, per_class, scores.support)
        return Figures(overall, per_class, self._malignant(weights, scratch), confusion)

    def _overall(
        self, confusion: FloatArray, tied: FloatArray, per_class: dict[str, FloatArray], support: FloatArray
    ) -> dict[str, FloatArray]:
        hits, total = confusion.diagonal(axis1=1, axis2=2), support.sum(axis=1)
        present = support > 0
        strict = ratio(hits - tied, support, where=present)
        means = {name: means_over_classes(per_class[name], support) for name in ("precision", "recall", "f1")}
        kappa, mcc = agreement(confusion)
        return {
            "accuracy": ratio(hits.sum(axis=1), total, where=total > 0),
            "balanced_accuracy": mean_where(per_class["recall"], present),
            **{f"macro_{name}": macro for name, (macro, _) in means.items()},
            **{f"weighted_{name}": weighted for name, (_, weighted) in means.items()},
            "macro_auc": mean_where(per_class["auc"], ~np.isnan(per_class["auc"])),
            "macro_specificity": mean_where(per_class["specificity"], macro_specificity_classes(per_class, support)),
            "macro_average_precision": mean_where(
                per_class["average_precision"], ~np.isnan(per_class["average_precision"])
            ),
            "balanced_accuracy_strict": mean_where(strict, present),
            "kappa": kappa,
            "mcc": mcc,
        }

    def _malignant(self, weights: FloatArray, scratch: FloatArray) -> dict[str, FloatArray]:
        if self._binary is None:
            return {}
        decisions, ranked = self._binary
        scores = count_scores(cell_counts(decisions, weights, scratch).reshape(-1, 2, 2))
        points = curve_points(ranked, weights, scratch)
        ranking = {name: figure(points) for name, figure in RANKING.items()}
        return {
            "auc": ranking.pop("auc"),
            "average_precision": ranking.pop("average_precision"),
            "pauc_80": area_above(points, PAUC_MIN_TPR),
            "sensitivity": scores.recall[:, 1],
            "specificity": scores.specificity[:, 1],
            "ppv": scores.precision[:, 1],
            "npv": scores.npv[:, 1],
            **ranking,
        }


def macro_specificity_classes(per_class: dict[str, FloatArray], support: FloatArray) -> NDArray[np.bool_]:
    """The classes (B, C) over which the specificity is averaged: those with test images and others beside them."""
    chosen: NDArray[np.bool_] = (support > 0) & ~np.isnan(per_class["specificity"])
    return chosen


class SegmentationFigures:
    """Figures of a segmenter.

    Args:
        counts: Checked pixel counts of N images.
    """

    def __init__(self, counts: MaskCounts) -> None:
        self.per_image = dice_iou_of_counts(*counts)
        dice, iou = self.per_image
        self._scores = np.stack([dice, iou, np.where(iou < JACCARD_THRESHOLD, 0.0, iou)], axis=1)
        self._pixels = np.stack(counts, axis=1).astype(np.float64)

    def __call__(self, weights: FloatArray) -> dict[str, FloatArray]:
        """The figures (B,) under weights (B, N)."""
        total, pixels = weights.sum(axis=1), weights @ self._pixels
        some = total > 0
        dice, iou, thresholded = (ratio(column, total, where=some) for column in (weights @ self._scores).T)
        both, areas = pixels[:, 0], pixels[:, 1] + pixels[:, 2]
        nothing = np.where(some, 1.0, np.nan)  # no lesion anywhere, and none predicted
        return {
            "dice": dice,
            "iou": iou,
            "dice_pooled": np.where(areas > 0, ratio(2 * both, areas, where=areas > 0), nothing),
            "iou_pooled": np.where(areas > 0, ratio(both, areas - both, where=areas > 0), nothing),
            "thresholded_jaccard": thresholded,
        }
