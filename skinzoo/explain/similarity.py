"""How alike are two heatmaps? In NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skinzoo.errors import ConfigError


def spearman(first: ArrayLike, second: ArrayLike) -> float:
    """Spearman's rank correlation of two maps; equal values share their mean rank.

    Args:
        first: Finite, any shape.
        second: Finite, the same shape.

    Returns:
        In [-1, 1]; NaN if a map has one value only.

    Raises:
        ConfigError: The shapes differ, or values are not finite.
    """
    a, b = (mean_ranks(values) for values in _checked(first, second))
    a, b = a - a.mean(), b - b.mean()
    scale = np.sqrt((a * a).sum() * (b * b).sum())
    return float((a * b).sum() / scale) if scale > 0 else float("nan")


def histogram_intersection(first: ArrayLike, second: ArrayLike) -> float:
    """How much two maps overlap when each is divided by its sum.

    `SIM` of Bylinskii et al. (2019), "What do different evaluation metrics tell us about saliency models?".

    Args:
        first: Finite, not negative, any shape.
        second: Finite, not negative, the same shape.

    Returns:
        In [0, 1]: 1 for proportional maps, 0 for maps without a common place; NaN if a map is zero everywhere.

    Raises:
        ConfigError: The shapes differ, or values are negative or not finite.
    """
    a, b = _checked(first, second)
    if (a < 0).any() or (b < 0).any():
        raise ConfigError(f"maps must not be negative; got {min(a.min(), b.min()):.4g}.")
    if not a.any() or not b.any():
        return float("nan")
    return float(np.minimum(a / a.sum(), b / b.sum()).sum())


def mean_ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Ranks from 0, of the flattened values; equal values share their mean rank."""
    _, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    ranks: NDArray[np.float64] = (np.cumsum(counts) - (counts + 1) / 2)[places.reshape(-1)]
    return ranks


def _checked(first: ArrayLike, second: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    a: NDArray[Any] = np.asarray(first)
    b: NDArray[Any] = np.asarray(second)
    if a.shape != b.shape or not a.size or a.dtype.kind not in "biuf" or b.dtype.kind not in "biuf":
        raise ConfigError(f"two numeric maps of one shape are needed; got {a.dtype} {a.shape} and {b.dtype} {b.shape}.")
    if not np.isfinite(a).all() or not np.isfinite(b).all():
        raise ConfigError("maps must be finite; they hold NaN or infinite values.")
    return a.astype(np.float64), b.astype(np.float64)
