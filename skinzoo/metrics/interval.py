"""What lies between two figures."""

from __future__ import annotations

from typing import NamedTuple


class Interval(NamedTuple):
    """A confidence interval; both ends are NaN where it is undefined."""

    low: float
    high: float

    def __str__(self) -> str:
        return "undefined" if self.low != self.low else f"{self.low:.3f} to {self.high:.3f}"
