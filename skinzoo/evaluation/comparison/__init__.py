"""Models compared on the same samples: differences with intervals, tests and corrections."""

from skinzoo.evaluation.comparison.comparing import compare
from skinzoo.evaluation.comparison.result import Comparison

__all__ = ["Comparison", "compare"]
