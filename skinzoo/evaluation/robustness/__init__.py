"""What is left of a model's figures when its pictures are worse than those it was made with."""

from skinzoo.evaluation.robustness.corrupting import corrupted
from skinzoo.evaluation.robustness.report import RobustnessReport
from skinzoo.evaluation.robustness.suite import evaluate_robustness

__all__ = ["RobustnessReport", "corrupted", "evaluate_robustness"]
