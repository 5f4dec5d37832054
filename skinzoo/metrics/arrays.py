"""Checked conversion of what callers pass into the arrays that the metrics count with."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skinzoo.errors import ConfigError, LabelError

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


def class_indices(values: ArrayLike, num_classes: int, *, what: str) -> IntArray:
    """One-dimensional class indices as int64.

    Args:
        values: Integers (or booleans) in [0, num_classes), shape (N,).
        num_classes: Number of classes.
        what: What the values are, for messages.

    Raises:
        ConfigError: Not one-dimensional, or not a whole-number type.
        LabelError: A value outside the range.
    """
    array: NDArray[Any] = np.asarray(values)
    if array.ndim != 1:
        raise ConfigError(f"{what} must have the shape (N,); got {array.shape}.")
    if array.size and array.dtype.kind not in "biu":
        raise ConfigError(f"{what} must be whole numbers (class indices); got {array.dtype}.")
    indices = array.astype(np.int64)
    if (wrong := (indices < 0) | (indices >= num_classes)).any():
        shown = ", ".join(str(value) for value in np.unique(indices[wrong])[:8])
        raise LabelError(
            f"{what} must lie between 0 and {num_classes - 1} for {num_classes} classes; "
            f"{int(wrong.sum())} of {len(indices)} do not, with the values {shown}."
        )
    return indices


def real_numbers(values: ArrayLike, *, what: str, ndim: int) -> FloatArray:
    """An array of float64 without NaN.

    Args:
        values: Numbers.
        what: What they are, for messages.
        ndim: Number of axes.

    Raises:
        ConfigError: Wrong number of axes, not numeric, or NaN among the values.
    """
    array: NDArray[Any] = np.asarray(values)
    if array.ndim != ndim or (array.size and array.dtype.kind not in "biuf"):
        raise ConfigError(f"{what} must be a numeric array with {ndim} axes; got {array.dtype}, shape {array.shape}.")
    numbers = array.astype(np.float64)
    if missing := int(np.isnan(numbers).sum()):
        raise ConfigError(
            f"{what} hold {missing} NaN among {numbers.size} values, so nothing can be ranked or counted; "
            "look for the sample or the training step that produced them."
        )
    return numbers


def same_length(first: int, second: int, *, what: str) -> None:
    """Make sure that two lengths agree.

    Args:
        first: A length.
        second: The other one.
        what: What is counted, for messages.

    Raises:
        ConfigError: They differ.
    """
    if first != second:
        raise ConfigError(f"{what} must be equally many; got {first} and {second}.")


def ratio(part: NDArray[Any], whole: NDArray[Any], *, where: NDArray[np.bool_]) -> FloatArray:
    """Part of the whole, elementwise.

    Args:
        part: Any shape.
        whole: The same shape.
        where: The same shape; False where the share is undefined, and NaN is returned.
    """
    share: FloatArray = np.divide(part, whole, out=np.full(np.shape(part), np.nan), where=where)
    return share


def run_sums(weights: FloatArray, order: IntArray, runs: IntArray, scratch: FloatArray | None = None) -> FloatArray:
    """Sums of consecutive weights, once these are put in an order.

    Args:
        weights: Shape (B, N).
        order: Which columns, in which order, (M,) with M <= N.
        runs: Where each run begins in `order`, (R,), rising; the first begins at 0 and the last ends with M.
        scratch: An array like `weights` that may be written to.

    Returns:
        Shape (B, R).
    """
    if not len(order):
        return np.zeros((len(weights), 0))
    if scratch is None or len(runs) == len(order):
        sorted_weights = np.take(weights, order, axis=1)
        if len(runs) == len(order):
            return sorted_weights
    else:
        sorted_weights = scratch.reshape(-1)[: len(weights) * len(order)].reshape(len(weights), len(order))
        np.take(weights, order, axis=1, out=sorted_weights, mode="clip")  # "raise" would copy once more
    sums: FloatArray = np.add.reduceat(sorted_weights, runs, axis=1)
    return sums


def mean_of_defined(values: FloatArray) -> float:
    """Mean of the values that are not NaN; NaN if there is none."""
    defined = values[~np.isnan(values)]
    return float(defined.mean()) if defined.size else float("nan")
