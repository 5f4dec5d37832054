"""What metrics are called for a reader."""

from __future__ import annotations

HEADLINES = {
    "balanced_accuracy": "balanced accuracy",
    "macro_f1": "macro F1",
    "macro_auc": "macro AUC (one vs rest)",
    "accuracy": "accuracy",
    "malignant/auc": "AUC, malignant vs benign",
    "malignant/sensitivity": "sensitivity for malignant",
    "malignant/specificity": "specificity for malignant",
    "ece": "calibration error (ECE)",
    "dice": "Dice, mean per image",
    "iou": "IoU, mean per image",
    "dice_pooled": "Dice over all pixels",
    "iou_pooled": "IoU over all pixels",
    "thresholded_jaccard": "thresholded Jaccard (0.65)",
}
"""The metrics of a report to look at first, in order, each with its full title."""
SHORT_TITLES = {
    **HEADLINES,
    "macro_auc": "macro AUC",
    "dice": "Dice",
    "iou": "IoU",
    "malignant/auc": "AUC, malignant",
    "malignant/sensitivity": "sensitivity, malignant",
    "malignant/specificity": "specificity, malignant",
}
"""The same with titles that fit into the head of a table."""


def short_title(metric: str) -> str:
    """Short title of a metric; `"MEL/auc"` stays as it is, and a name without one has its words apart."""
    return SHORT_TITLES.get(metric, metric.replace("_", " ") if "/" not in metric else metric)
