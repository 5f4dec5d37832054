"""All metrics of a test set in one object, every undefined one with its reason."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from skinzoo.errors import ConfigError
from skinzoo.metrics.arrays import FloatArray, IntArray, class_indices, mean_of_defined, real_numbers, same_length
from skinzoo.metrics.classification import NO_IMAGES, accuracy, class_scores, macro_and_weighted
from skinzoo.metrics.confusion import confusion_matrix
from skinzoo.metrics.ranking import roc_auc_ovr
from skinzoo.metrics.segmentation import DiceIou, checked_counts, dice_iou_of_counts, pooled_dice_iou
from skinzoo.types import IGNORE_INDEX

PER_CLASS = ("precision", "recall", "f1", "auc")


@dataclass(frozen=True)
class ClassificationMetrics:
    """Metrics of a classifier.

    Attributes:
        values: `accuracy`, `balanced_accuracy`, `macro_` and `weighted_` `precision`, `recall` and `f1`, `macro_auc`;
            each in [0, 1] or NaN.
        per_class: For each class `precision`, `recall`, `f1`, `auc` (one versus rest) and `support`.
        confusion: int64 (C, C), rows are the true class.
        undefined: Why a metric is NaN, by `"metric"` or `"class/metric"`.
        macro_classes: The classes over which each macro score is the mean, by metric (`"macro_f1"`).
        num_samples: Labelled samples that were counted.
        num_unlabelled: Samples without a label, left out.
    """

    values: dict[str, float]
    per_class: dict[str, dict[str, float]]
    confusion: IntArray
    undefined: dict[str, str]
    macro_classes: dict[str, tuple[str, ...]]
    num_samples: int
    num_unlabelled: int


@dataclass(frozen=True)
class SegmentationMetrics:
    """Metrics of a segmenter.

    Attributes:
        values: `dice` and `iou` (means over images), `dice_pooled` and `iou_pooled` (over all pixels of all images);
            each in [0, 1] or NaN.
        per_image: Dice and IoU of each image, in the order given.
        undefined: Why a metric is NaN.
        num_samples: Images that were counted.
        num_empty: Images whose true mask has no lesion; see `skinzoo.metrics.segmentation` for how they count.
    """

    values: dict[str, float]
    per_image: DiceIou
    undefined: dict[str, str]
    num_samples: int
    num_empty: int


def classification_metrics(
    labels: ArrayLike, probabilities: ArrayLike, classes: Sequence[str]
) -> ClassificationMetrics:
    """Score a classifier; the prediction is the class of the highest probability, of equal ones the first.

    Args:
        labels: True class indices, shape (N,); samples with `IGNORE_INDEX` are left out and counted.
        probabilities: In [0, 1], after the softmax, shape (N, C).
        classes: Names of the C classes, each once.

    Raises:
        ConfigError: Shapes do not agree, or the probabilities are NaN or outside [0, 1].
        LabelError: A label outside [0, C).
    """
    scores = _probabilities(probabilities, classes)
    given: IntArray = np.asarray(labels)
    if given.ndim != 1:
        raise ConfigError(f"labels must have the shape (N,); got {given.shape}.")
    same_length(len(given), len(scores), what="labels and rows of probabilities")
    labelled = given != IGNORE_INDEX
    truth, scores = class_indices(given[labelled], len(classes), what="labels"), scores[labelled]

    confusion = confusion_matrix(truth, scores.argmax(axis=1), len(classes))
    counted, ranked = class_scores(confusion), roc_auc_ovr(truth, scores)
    columns: dict[str, FloatArray] = {
        "precision": counted.precision,
        "recall": counted.recall,
        "f1": counted.f1,
        "auc": ranked.per_class,
    }
    values = {"accuracy": accuracy(confusion), "balanced_accuracy": mean_of_defined(counted.recall)}
    means = {name: macro_and_weighted(columns[name], counted.support) for name in ("precision", "recall", "f1")}
    values |= {f"macro_{name}": macro for name, (macro, _) in means.items()}
    values |= {f"weighted_{name}": weighted for name, (_, weighted) in means.items()}
    values["macro_auc"] = ranked.macro

    averaged = dict.fromkeys(means, counted.support > 0) | {"auc": ~np.isnan(ranked.per_class)}

    undefined = {name: NO_IMAGES if not len(truth) else "defined for no class" for name, v in values.items() if v != v}
    for c, code in enumerate(classes):
        why = counted.reasons[c] | ({"auc": ranked.reasons[c]} if c in ranked.reasons else {})
        undefined |= {f"{code}/{name}": reason for name, reason in why.items()}
    return ClassificationMetrics(
        values=values,
        per_class={
            code: {name: float(columns[name][c]) for name in PER_CLASS} | {"support": float(counted.support[c])}
            for c, code in enumerate(classes)
        },
        confusion=confusion,
        undefined=undefined,
        macro_classes={
            f"macro_{name}": tuple(code for c, code in enumerate(classes) if included[c])
            for name, included in averaged.items()
        },
        num_samples=len(truth),
        num_unlabelled=int((~labelled).sum()),
    )


def segmentation_metrics(
    intersection: ArrayLike, truth_area: ArrayLike, predicted_area: ArrayLike
) -> SegmentationMetrics:
    """Score a segmenter from the pixel counts of its images; `mask_counts` makes them.

    Args:
        intersection: Pixels in both masks, shape (N,).
        truth_area: Pixels in the true mask, shape (N,).
        predicted_area: Pixels in the predicted mask, shape (N,).

    Raises:
        ConfigError: Lengths differ, or the counts cannot belong together.
    """
    counts = checked_counts(intersection, truth_area, predicted_area)
    per_image = dice_iou_of_counts(*counts)
    dice_pooled, iou_pooled = pooled_dice_iou(*counts)
    values = {
        "dice": mean_of_defined(per_image.dice),
        "iou": mean_of_defined(per_image.iou),
        "dice_pooled": dice_pooled,
        "iou_pooled": iou_pooled,
    }
    return SegmentationMetrics(
        values=values,
        per_image=per_image,
        undefined={name: "no test images with a mask" for name, value in values.items() if value != value},
        num_samples=len(counts.truth_area),
        num_empty=int((counts.truth_area == 0).sum()),
    )


def higher_is_better(metric_name: str) -> bool:
    """True unless the metric is a loss: the direction in which the best weights lie."""
    return "loss" not in metric_name.lower()


def _probabilities(probabilities: ArrayLike, classes: Sequence[str]) -> FloatArray:
    if not len(classes) or len(set(classes)) != len(classes):
        raise ConfigError(f"classes must be one or more different names; got {list(classes)}.")
    scores = real_numbers(probabilities, what="probabilities", ndim=2)
    if scores.shape[1] != len(classes):
        raise ConfigError(f"probabilities have {scores.shape[1]} columns for {len(classes)} classes.")
    if scores.size and (scores.min() < 0 or scores.max() > 1):
        raise ConfigError(
            f"probabilities must lie in [0, 1]; got {scores.min():.4g} to {scores.max():.4g}. "
            "Apply the softmax to logits first."
        )
    return scores
