"""Metrics, in NumPy. What is undefined is NaN with a reason, never 0 or 0.5."""

from skinzoo.metrics.agreement import cohen_kappa, matthews_corrcoef
from skinzoo.metrics.bootstrap import (
    Intervals,
    bootstrap_classification,
    bootstrap_means,
    bootstrap_segmentation,
    bootstrap_statistic,
)
from skinzoo.metrics.calibration import (
    ReliabilityCurve,
    brier_score,
    calibration_metrics,
    classwise_calibration_error,
    expected_calibration_error,
    negative_log_likelihood,
    reliability_curve,
)
from skinzoo.metrics.calibration_bootstrap import bootstrap_calibration
from skinzoo.metrics.classification import ClassScores, accuracy, balanced_accuracy, class_scores
from skinzoo.metrics.confusion import confusion_matrix
from skinzoo.metrics.delong import AucCovariance, PairedTest, delong_covariance, delong_interval, delong_test
from skinzoo.metrics.interval import Interval
from skinzoo.metrics.mcnemar import McNemar, mcnemar_test
from skinzoo.metrics.multiplicity import adjusted_p_values
from skinzoo.metrics.operating import (
    DecisionCurve,
    OperatingFigures,
    best_threshold,
    decision_curve,
    operating_figures,
)
from skinzoo.metrics.precision_recall import (
    PrecisionRecallCurve,
    average_precision,
    precision_recall_curve,
    precision_recall_curves_ovr,
)
from skinzoo.metrics.proportion import wilson_bounds
from skinzoo.metrics.ranking import OvrAuc, RocCurve, roc_auc, roc_auc_ovr, roc_curve, roc_curves_ovr
from skinzoo.metrics.report import classification_report
from skinzoo.metrics.resampling import cluster_weights
from skinzoo.metrics.segmentation import (
    DiceIou,
    MaskCounts,
    dice_iou,
    dice_iou_of_counts,
    mask_counts,
    pooled_dice_iou,
)
from skinzoo.metrics.selective import RiskCoverage, abstention_threshold, risk_coverage_curve
from skinzoo.metrics.summary import (
    ClassificationMetrics,
    SegmentationMetrics,
    classification_metrics,
    higher_is_better,
    segmentation_metrics,
)
from skinzoo.metrics.tradeoffs import partial_auc, sensitivity_at_specificity, specificity_at_sensitivity

__all__ = [
    "AucCovariance",
    "ClassScores",
    "ClassificationMetrics",
    "DecisionCurve",
    "DiceIou",
    "Interval",
    "Intervals",
    "MaskCounts",
    "McNemar",
    "OperatingFigures",
    "OvrAuc",
    "PairedTest",
    "PrecisionRecallCurve",
    "ReliabilityCurve",
    "RiskCoverage",
    "RocCurve",
    "SegmentationMetrics",
    "abstention_threshold",
    "accuracy",
    "adjusted_p_values",
    "average_precision",
    "balanced_accuracy",
    "best_threshold",
    "bootstrap_calibration",
    "bootstrap_classification",
    "bootstrap_means",
    "bootstrap_segmentation",
    "bootstrap_statistic",
    "brier_score",
    "calibration_metrics",
    "class_scores",
    "classification_metrics",
    "classification_report",
    "classwise_calibration_error",
    "cluster_weights",
    "cohen_kappa",
    "confusion_matrix",
    "decision_curve",
    "delong_covariance",
    "delong_interval",
    "delong_test",
    "dice_iou",
    "dice_iou_of_counts",
    "expected_calibration_error",
    "higher_is_better",
    "mask_counts",
    "matthews_corrcoef",
    "mcnemar_test",
    "negative_log_likelihood",
    "operating_figures",
    "partial_auc",
    "pooled_dice_iou",
    "precision_recall_curve",
    "precision_recall_curves_ovr",
    "reliability_curve",
    "risk_coverage_curve",
    "roc_auc",
    "roc_auc_ovr",
    "roc_curve",
    "roc_curves_ovr",
    "segmentation_metrics",
    "sensitivity_at_specificity",
    "specificity_at_sensitivity",
    "wilson_bounds",
]
