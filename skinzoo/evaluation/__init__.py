"""Evaluation: one pass, metrics, predictions, and a report to read."""

from skinzoo.evaluation.prediction import Prediction, predict
from skinzoo.evaluation.report import Report
from skinzoo.evaluation.scoring import evaluate

__all__ = ["Prediction", "Report", "evaluate", "predict"]
