"""One model on several collections, each in the model's classes."""

from skinzoo.evaluation.external.across import evaluate_across
from skinzoo.evaluation.external.report import CrossReport

__all__ = ["CrossReport", "evaluate_across"]
