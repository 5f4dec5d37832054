"""Evaluation: one pass, metrics, predictions, and a report to read."""

from skinzoo.evaluation.prediction import Prediction, predict
from skinzoo.evaluation.ranking import Ranking, rank_unlabelled
from skinzoo.evaluation.report import Report
from skinzoo.evaluation.scoring import evaluate

__all__ = ["Prediction", "Ranking", "Report", "evaluate", "predict", "rank_unlabelled"]
