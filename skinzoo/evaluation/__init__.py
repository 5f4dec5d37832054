"""Evaluation: one pass, metrics with intervals, predictions, comparisons, and a report to read."""

from skinzoo.evaluation.answers import Prediction
from skinzoo.evaluation.calibrating import CalibrationResult, calibrate, choose_operating_points
from skinzoo.evaluation.comparison import Comparison, compare
from skinzoo.evaluation.external import CrossReport, evaluate_across
from skinzoo.evaluation.measurements import Measurements, measure_lesion
from skinzoo.evaluation.overlap import Overlap, check_overlap
from skinzoo.evaluation.prediction import Predictions, predict, predict_all
from skinzoo.evaluation.ranking import Ranking, rank_unlabelled
from skinzoo.evaluation.recording import record_training
from skinzoo.evaluation.report import Report, Resampling
from skinzoo.evaluation.robustness import RobustnessReport, corrupted, evaluate_robustness
from skinzoo.evaluation.saved import load_report
from skinzoo.evaluation.scoring import evaluate
from skinzoo.evaluation.streaming import WrittenPredictions, predict_table
from skinzoo.evaluation.subgroups import Subgroups, subgroup_figures

__all__ = [
    "CalibrationResult",
    "Comparison",
    "CrossReport",
    "Measurements",
    "Overlap",
    "Prediction",
    "Predictions",
    "Ranking",
    "Report",
    "Resampling",
    "RobustnessReport",
    "Subgroups",
    "WrittenPredictions",
    "calibrate",
    "check_overlap",
    "choose_operating_points",
    "compare",
    "corrupted",
    "evaluate",
    "evaluate_across",
    "evaluate_robustness",
    "load_report",
    "measure_lesion",
    "predict",
    "predict_all",
    "predict_table",
    "rank_unlabelled",
    "record_training",
    "subgroup_figures",
]
