"""Why a metric is NaN, in words."""

from __future__ import annotations

from collections.abc import Mapping

from skinzoo.metrics.classification import NEVER_PREDICTED, NO_IMAGES, NO_IMAGES_OF_CLASS
from skinzoo.metrics.ranking import NO_OTHER_IMAGES

ALWAYS_PREDICTED = "predicted for every image"
NO_CLASS = "defined for no class"
ONE_CLASS = {
    "kappa": "labels and predictions are all of one and the same class",
    "mcc": "the labels, or the predictions, are all of one class",
}


def overall_reasons(values: Mapping[str, float], num_samples: int) -> dict[str, str]:
    """The reason for each figure of the whole that is NaN."""
    undefined = [name for name, value in values.items() if value != value]
    return {name: ONE_CLASS.get(name, NO_CLASS) if num_samples else NO_IMAGES for name in undefined}


def class_reasons(scores: Mapping[str, float], support: float, num_samples: int) -> dict[str, str]:
    """The reason for each figure of a class that is NaN.

    Args:
        scores: Figures of the class by name.
        support: Images of the class.
        num_samples: Images of all classes.
    """

    def reason(name: str) -> str:
        if not support:  # the specificity is then NaN only if there are no images at all
            return NO_IMAGES_OF_CLASS
        if name in ("precision", "ppv"):
            return NEVER_PREDICTED
        return NO_OTHER_IMAGES if support == num_samples else ALWAYS_PREDICTED

    return {name: reason(name) for name, value in scores.items() if value != value}


def malignant_reasons(scores: Mapping[str, float], support: float, num_samples: int) -> dict[str, str]:
    """The reason for each figure of malignant against benign that is NaN; arguments as for `class_reasons`."""
    words = {
        NO_IMAGES_OF_CLASS: "no malignant test images",
        NO_OTHER_IMAGES: "no benign test images",
        NEVER_PREDICTED: "no image is called malignant",
        ALWAYS_PREDICTED: "every image is called malignant",
    }
    return {name: words[reason] for name, reason in class_reasons(scores, support, num_samples).items()}
