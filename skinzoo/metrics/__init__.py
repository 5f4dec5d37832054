"""Metrics, in NumPy. What is undefined is NaN with a reason, never 0 or 0.5."""

from skinzoo.metrics.classification import ClassScores, accuracy, balanced_accuracy, class_scores
from skinzoo.metrics.confusion import confusion_matrix
from skinzoo.metrics.interval import Interval
from skinzoo.metrics.ranking import OvrAuc, RocCurve, roc_auc, roc_auc_ovr, roc_curve, roc_curves_ovr
from skinzoo.metrics.report import classification_report
from skinzoo.metrics.segmentation import (
    DiceIou,
    MaskCounts,
    dice_iou,
    dice_iou_of_counts,
    mask_counts,
    pooled_dice_iou,
)
from skinzoo.metrics.summary import (
    ClassificationMetrics,
    SegmentationMetrics,
    classification_metrics,
    higher_is_better,
    segmentation_metrics,
)

__all__ = [
    "ClassScores",
    "ClassificationMetrics",
    "DiceIou",
    "Interval",
    "MaskCounts",
    "OvrAuc",
    "RocCurve",
    "SegmentationMetrics",
    "accuracy",
    "balanced_accuracy",
    "class_scores",
    "classification_metrics",
    "classification_report",
    "confusion_matrix",
    "dice_iou",
    "dice_iou_of_counts",
    "higher_is_better",
    "mask_counts",
    "pooled_dice_iou",
    "roc_auc",
    "roc_auc_ovr",
    "roc_curve",
    "roc_curves_ovr",
    "segmentation_metrics",
]
