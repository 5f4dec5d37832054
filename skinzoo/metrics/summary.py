"""All metrics of a test set in one object, every undefined one with its reason.

Figures of each class, against all others. TP, FP, TN and FN count images; the prediction is the class of the highest
probability:

| metric                          | also called               | definition              | NaN where                   |
|---------------------------------|---------------------------|-------------------------|-----------------------------|
| `precision`                     | positive predictive value | TP / (TP + FP)          | absent, never named         |
| `recall`                        | sensitivity               | TP / (TP + FN)          | absent                      |
| `f1`                            |                           | 2 TP / (2 TP + FP + FN) | absent                      |
| `specificity`                   | true-negative rate        | TN / (TN + FP)          | alone                       |
| `npv`                           | negative predictive value | TN / (TN + FN)          | absent, alone, always named |
| `auc`                           | AUROC, one versus rest    | (1)                     | absent, alone               |
| `average_precision`             | AP                        | (2)                     | absent, alone               |
| `sensitivity_at_90_specificity` |                           | (3); also at 95         | absent, alone               |
| `specificity_at_90_sensitivity` |                           | (3); also at 95         | absent, alone               |

(1) `skinzoo.metrics.ranking`, (2) `skinzoo.metrics.precision_recall`, (3) `skinzoo.metrics.tradeoffs`. A class is
absent if no test image is of it, alone if every one is. The specificity of an absent class is defined: it counts the
images of the others only.

Figures of the whole:

| metric                                 | definition                                             | NaN where      |
|----------------------------------------|--------------------------------------------------------|----------------|
| `accuracy`                             | share of right images                                  | no images      |
| `balanced_accuracy`                    | mean recall over the classes with images               | no images      |
| `balanced_accuracy_strict`             | the same; a tie for the highest score is wrong (ISIC)  | no images      |
| `macro_precision`, `_recall`, `_f1`    | mean over the classes with images, undefined ones as 0 | no images      |
| `weighted_precision`, `_recall`, `_f1` | the same, weighted by the images                       | no images      |
| `macro_auc`, `macro_average_precision` | mean over the classes for which it is defined          | one class only |
| `macro_specificity`                    | mean over the classes with images                      | one class only |
| `kappa`, `mcc`                         | `skinzoo.metrics.agreement`; both in [-1, 1]           | see there      |

Malignant against benign, under `malignant/`, where the malignant classes are named: the score of an image is the sum of
their probabilities. `sensitivity`, `specificity`, `ppv` and `npv` at a threshold of it; `auc`, `average_precision` and
the four trade-offs as above; `pauc_80`, the partial area above a sensitivity of 80 % (ISIC 2024, 0 to 0.2).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from skinzoo.metrics.arrays import IntArray
from skinzoo.metrics.figures import PER_CLASS, SegmentationFigures, macro_specificity_classes
from skinzoo.metrics.inputs import classification_input, require_threshold
from skinzoo.metrics.segmentation import DiceIou, checked_counts
from skinzoo.metrics.undefined import class_reasons, malignant_reasons, overall_reasons


@dataclass(frozen=True)
class ClassificationMetrics:
    """Metrics of a classifier; the module's tables define them.

    Attributes:
        values: Figures of the whole by name, and those of `binary` under `"malignant/..."`.
        per_class: For each class its figures (`precision`, `recall`, `f1`, `specificity`, `auc` ...) and `support`.
        confusion: int64 (C, C), rows are the true class.
        undefined: Why a metric is NaN, by `"metric"`, `"class/metric"` or `"malignant/metric"`.
        macro_classes: The classes over which each macro score is the mean, by metric (`"macro_f1"`).
        num_samples: Labelled samples that were counted.
        num_unlabelled: Samples without a label, left out.
        binary: Figures of malignant against benign; empty where the malignant classes are not known.
    """

    values: dict[str, float]
    per_class: dict[str, dict[str, float]]
    confusion: IntArray
    undefined: dict[str, str]
    macro_classes: dict[str, tuple[str, ...]]
    num_samples: int
    num_unlabelled: int
    binary: dict[str, float]


@dataclass(frozen=True)
class SegmentationMetrics:
    """Metrics of a segmenter.

    Attributes:
        values: `dice` and `iou` (means over images), `dice_pooled` and `iou_pooled` (over all pixels of all images),
            `thresholded_jaccard` (mean IoU, one below 0.65 counting 0, as ISIC 2018 scores it); each in [0, 1] or NaN.
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
    labels: ArrayLike,
    probabilities: ArrayLike,
    classes: Sequence[str],
    *,
    malignant: Collection[str] = (),
    malignant_threshold: float = 0.5,
) -> ClassificationMetrics:
    """Score a classifier; the prediction is the class of the highest probability, of equal ones the first.

    Args:
        labels: True class indices, shape (N,); samples with `IGNORE_INDEX` are left out and counted.
        probabilities: In [0, 1], after the softmax, shape (N, C).
        classes: Names of the C classes, each once.
        malignant: Names of the malignant ones, such as `LabelSpace.malignant`, for the figures of malignant against
            benign. With none of the classes, or all of them, there are no such figures.
        malignant_threshold: Summed probability of these at or above which an image is called malignant, in [0, 1].

    Raises:
        ConfigError: Shapes do not agree, the probabilities are NaN or outside [0, 1], or a malignant class is unknown.
        LabelError: A label outside [0, C).
    """
    given = classification_input(labels, probabilities, classes, malignant=malignant)
    num_samples = len(given.truth)
    figures = given.figures(require_threshold(malignant_threshold))(np.ones((1, num_samples)))
    values = {name: float(value[0]) for name, value in figures.overall.items()}
    binary = {name: float(value[0]) for name, value in figures.binary.items()}
    support = np.bincount(given.truth, minlength=len(classes))
    scores = {
        code: {name: float(figures.per_class[name][0, c]) for name in PER_CLASS} for c, code in enumerate(classes)
    }

    undefined = overall_reasons(values, num_samples)
    for c, code in enumerate(classes):
        reasons = class_reasons(scores[code], int(support[c]), num_samples)
        undefined |= {f"{code}/{name}": reason for name, reason in reasons.items()}
    num_malignant = int(support[given.malignant].sum()) if given.malignant is not None else 0
    reasons = malignant_reasons(binary, num_malignant, num_samples)
    undefined |= {f"malignant/{name}": reason for name, reason in reasons.items()}

    averaged = dict.fromkeys(("precision", "recall", "f1"), support > 0)
    averaged |= {name: ~np.isnan(figures.per_class[name][0]) for name in ("auc", "average_precision")}
    averaged["specificity"] = macro_specificity_classes(figures.per_class, support[None].astype(np.float64))[0]
    return ClassificationMetrics(
        values=values | {f"malignant/{name}": value for name, value in binary.items()},
        per_class={code: row | {"support": float(support[c])} for c, (code, row) in enumerate(scores.items())},
        confusion=figures.confusion[0].astype(np.int64),
        undefined=undefined,
        macro_classes={
            f"macro_{name}": tuple(code for c, code in enumerate(classes) if included[c])
            for name, included in averaged.items()
        },
        num_samples=num_samples,
        num_unlabelled=int((~given.labelled).sum()),
        binary=binary,
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
    figures = SegmentationFigures(counts)
    values = {name: float(value[0]) for name, value in figures(np.ones((1, len(counts.truth_area)))).items()}
    return SegmentationMetrics(
        values=values,
        per_image=figures.per_image,
        undefined={name: "no test images with a mask" for name, value in values.items() if value != value},
        num_samples=len(counts.truth_area),
        num_empty=int((counts.truth_area == 0).sum()),
    )


def higher_is_better(metric_name: str) -> bool:
    """True unless the metric is a loss or an error: the direction in which the best weights lie."""
    name = metric_name.lower()
    return "loss" not in name and not name.endswith(("ece", "ece_adaptive", "brier", "nll", "aurc"))
