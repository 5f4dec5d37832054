"""How far the classes and the metadata of one dataset lie from those of another."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skinzoo.datasets.base import SkinDataset
from skinzoo.types import IGNORE_INDEX

MAX_VALUES = 50
LARGE_DISTANCE = 0.1
LARGE_DIFFERENCE = 0.2
SURE = 0.001


@dataclass(frozen=True)
class Shift:
    """How one column differs between two datasets.

    Attributes:
        column: `"class"`, or a column of the metadata.
        measure: `"total variation"`, for categories: half the summed difference of their shares, from 0 to 1, where a
            missing value is a category. `"mean difference"`, for numbers: in standard deviations of both.
        reference: Name of the dataset compared with.
        other: Name of the other one.
        value: The measure; NaN where it is undefined.
        p: How often two samples of one population would differ as much, by a chi-squared or a normal approximation
            that takes images as independent; with several images of a lesion it is too small. NaN where undefined.
        reason: Why it is undefined; empty if it is not.
    """

    column: str
    measure: str
    reference: str
    other: str
    value: float
    p: float
    reason: str = ""

    @property
    def is_large(self) -> bool:
        """True if it is at least 0.1 for categories, 0.2 for numbers, and no accident (p below 0.001)."""
        limit = LARGE_DISTANCE if self.measure == "total variation" else LARGE_DIFFERENCE
        return abs(self.value) >= limit and self.p < SURE

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {**asdict(self), "is_large": self.is_large}


def find_shifts(reference: SkinDataset, other: SkinDataset, names: tuple[str, str]) -> Iterator[Shift]:
    """Compare the classes and each column of metadata that both have.

    Args:
        reference: What to compare with, such as the training part.
        other: What is compared.
        names: What the audit calls them.
    """
    if reference.label_space != other.label_space:
        reason = f"the classes are those of {reference.label_space.name} and {other.label_space.name}"
        yield Shift("class", "total variation", *names, math.nan, math.nan, reason)
    else:
        a, b = ([k for k in d.records.labels.tolist() if k != IGNORE_INDEX] for d in (reference, other))
        yield _categories("class", names, Counter(a), Counter(b))
    shared = [c for c in reference.records.metadata if c in other.records.metadata]
    for column in shared:
        x, y = (d.records.metadata[column] for d in (reference, other))
        if all(np.issubdtype(v.dtype, np.floating) for v in (x, y)):
            yield _numbers(column, names, x, y)
        else:
            yield _categories(column, names, Counter(map(_text, x.tolist())), Counter(map(_text, y.tolist())))


def _text(value: object) -> str:
    return "" if value is None or value != value else str(value)


def _categories(column: str, names: tuple[str, str], a: Counter[Any], b: Counter[Any]) -> Shift:
    values = list({**a, **b})
    reason = ""
    if not a.total() or not b.total():
        reason = "no value in one of them"
    elif len(values) > MAX_VALUES:
        reason = f"{len(values)} different values, more than {MAX_VALUES}"
    if reason:
        return Shift(column, "total variation", *names, math.nan, math.nan, reason)
    counts = np.array([[a[v] for v in values], [b[v] for v in values]], dtype=np.float64)
    shares = counts / counts.sum(axis=1, keepdims=True)
    expected = counts.sum(axis=1, keepdims=True) * counts.sum(axis=0) / counts.sum()
    chi2 = float(((counts - expected) ** 2 / expected).sum())
    distance = float(np.abs(shares[0] - shares[1]).sum() / 2)
    return Shift(column, "total variation", *names, distance, _chi2_tail(chi2, len(values) - 1))


def _chi2_tail(value: float, freedom: int) -> float:
    """Probability of a chi-squared value at least as large, after Wilson and Hilferty (1931)."""
    if freedom < 1:
        return 1.0
    spread = 2 / (9 * freedom)
    z = ((value / freedom) ** (1 / 3) - (1 - spread)) / math.sqrt(spread)
    return math.erfc(z / math.sqrt(2)) / 2


def _numbers(column: str, names: tuple[str, str], x: NDArray[Any], y: NDArray[Any]) -> Shift:
    a, b = x[np.isfinite(x)].astype(np.float64), y[np.isfinite(y)].astype(np.float64)
    reason = ""
    if len(a) < 2 or len(b) < 2:
        reason = "fewer than two values in one of them"
    else:
        spread = math.sqrt((a.var(ddof=1) + b.var(ddof=1)) / 2)
        if not spread:
            reason = "the values do not vary"
    if reason:
        return Shift(column, "mean difference", *names, math.nan, math.nan, reason)
    gap = float(b.mean() - a.mean())
    error = math.sqrt(a.var(ddof=1) / len(a) + b.var(ddof=1) / len(b))
    return Shift(column, "mean difference", *names, gap / spread, math.erfc(abs(gap) / error / math.sqrt(2)))
