"""What lies between two figures."""

from __future__ import annotations

from typing import NamedTuple


class Interval(NamedTuple):
    """A confidence interval.

    Attributes:
        low: Lower end; NaN where the interval is undefined.
        high: Upper end; NaN as well then.
    """

    low: float
    high: float

    def __str__(self) -> str:
        return "undefined" if self.low != self.low else f"{self.low:.3f} to {self.high:.3f}"


UNDEFINED = Interval(float("nan"), float("nan"))
"""The interval of a figure that has none."""
