"""Dice and IoU of lesion masks, from three pixel counts per image.

`Dice = 2 I / (T + P)` and `IoU = I / (T + P - I)`, where I is the number of pixels in both masks, T in the true mask
and P in the predicted mask. Masks without a lesion follow the scorer of the ISIC challenge:

| true mask | predicted mask | Dice        | IoU             |
|-----------|----------------|-------------|-----------------|
| empty     | empty          | 1           | 1               |
| empty     | not empty      | 0           | 0               |
| not empty | empty          | 0           | 0               |
| not empty | not empty      | 2 I / (T+P) | I / (T + P - I) |

Counts of batches can be concatenated, so that no mask needs to be kept until the end.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skinzoo.errors import ConfigError, MaskError
from skinzoo.metrics.arrays import FloatArray, IntArray


class MaskCounts(NamedTuple):
    """Pixel counts of N images, int64 arrays of shape (N,).

    Attributes:
        intersection: Pixels in both masks.
        truth_area: Pixels in the true mask.
        predicted_area: Pixels in the predicted mask.
    """

    intersection: IntArray
    truth_area: IntArray
    predicted_area: IntArray


class DiceIou(NamedTuple):
    """Overlap of N images, float64 arrays of shape (N,).

    Attributes:
        dice: In [0, 1].
        iou: Intersection over union, also called Jaccard index, in [0, 1].
    """

    dice: FloatArray
    iou: FloatArray


def mask_counts(truths: ArrayLike, predictions: ArrayLike) -> MaskCounts:
    """Count pixels of each image.

    Args:
        truths: True masks of 0 and 1 (or False and True), shape (N, H, W) or (N, 1, H, W).
        predictions: Predicted masks, the same shape; apply the threshold first.

    Raises:
        ConfigError: The shapes differ or have no axis for images.
        MaskError: A value other than 0 and 1.
    """
    truth, predicted = _binary(truths, what="true masks"), _binary(predictions, what="predicted masks")
    if truth.shape != predicted.shape or truth.ndim < 3:
        raise ConfigError(
            f"masks must have the same shape (N, H, W); got {truth.shape} and {predicted.shape}. "
            "Resize the prediction to the true mask (nearest neighbour) first."
        )
    pixels = tuple(range(1, truth.ndim))
    return MaskCounts(
        intersection=(truth & predicted).sum(axis=pixels, dtype=np.int64),
        truth_area=truth.sum(axis=pixels, dtype=np.int64),
        predicted_area=predicted.sum(axis=pixels, dtype=np.int64),
    )


def dice_iou(truth: ArrayLike, prediction: ArrayLike) -> tuple[float, float]:
    """Dice and IoU of one image; the module's table says what holds for empty masks.

    Args:
        truth: True mask of 0 and 1, shape (H, W).
        prediction: Predicted mask, the same shape.

    Raises:
        ConfigError: The shapes differ.
        MaskError: A value other than 0 and 1.

    Example:
        >>> dice_iou([[1, 1], [0, 0]], [[1, 0], [0, 0]])
        (0.6666666666666666, 0.5)
    """
    scores = dice_iou_of_counts(*mask_counts(np.asarray(truth)[None], np.asarray(prediction)[None]))
    return float(scores.dice[0]), float(scores.iou[0])


def dice_iou_of_counts(intersection: ArrayLike, truth_area: ArrayLike, predicted_area: ArrayLike) -> DiceIou:
    """Dice and IoU of each image.

    Args:
        intersection: Pixels in both masks, shape (N,).
        truth_area: Pixels in the true mask, shape (N,).
        predicted_area: Pixels in the predicted mask, shape (N,).

    Raises:
        ConfigError: Lengths differ, or the counts cannot belong together.
    """
    both, truth, predicted = checked_counts(intersection, truth_area, predicted_area)
    union = truth + predicted - both
    seen = union > 0
    return DiceIou(
        dice=np.divide(2 * both, truth + predicted, out=np.ones(len(both)), where=seen),
        iou=np.divide(both, union, out=np.ones(len(both)), where=seen),
    )


def pooled_dice_iou(intersection: ArrayLike, truth_area: ArrayLike, predicted_area: ArrayLike) -> tuple[float, float]:
    """Dice and IoU over the pixels of all images together, where large lesions count more; NaN without images.

    Args:
        intersection: Pixels in both masks, shape (N,).
        truth_area: Pixels in the true mask, shape (N,).
        predicted_area: Pixels in the predicted mask, shape (N,).

    Raises:
        ConfigError: Lengths differ, or the counts cannot belong together.
    """
    counts = checked_counts(intersection, truth_area, predicted_area)
    if not len(counts.intersection):
        return float("nan"), float("nan")
    scores = dice_iou_of_counts(*(column.sum(keepdims=True) for column in counts))
    return float(scores.dice[0]), float(scores.iou[0])


def checked_counts(intersection: ArrayLike, truth_area: ArrayLike, predicted_area: ArrayLike) -> MaskCounts:
    """Whole-number counts of equal length that can belong together.

    Raises:
        ConfigError: They are not.
    """
    columns: list[NDArray[Any]] = [np.asarray(c) for c in (intersection, truth_area, predicted_area)]
    shapes = [c.shape for c in columns]
    if len(set(shapes)) > 1 or columns[0].ndim != 1:
        raise ConfigError(f"the three pixel counts must have the same shape (N,); got {shapes}.")
    if any(c.size and (c.dtype.kind not in "iuf" or (c != np.floor(c)).any()) for c in columns):
        raise ConfigError(f"pixel counts must be whole numbers; got {[str(c.dtype) for c in columns]}.")
    counts = MaskCounts(*(c.astype(np.int64) for c in columns))
    if (wrong := (counts.intersection < 0) | (counts.intersection > np.minimum(*counts[1:]))).any():
        both, truth, predicted = (int(c[wrong][0]) for c in counts)
        raise ConfigError(
            "an intersection must lie between 0 and the smaller of the two areas; "
            f"got {both} for {truth} and {predicted} pixels. Were they exchanged?"
        )
    return counts


def _binary(masks: ArrayLike, *, what: str) -> NDArray[np.bool_]:
    array: NDArray[Any] = np.asarray(masks)
    if array.dtype == np.bool_:
        return array
    binary: NDArray[np.bool_] = array == 1
    if not (binary | (array == 0)).all():
        found = ", ".join(str(value) for value in np.unique(array)[:8])
        raise MaskError(
            f"{what} must hold 0 and 1 only; got {array.dtype} values {found}. Divide 0/255 masks by 255, and apply a "
            "threshold to probabilities.",
            "MASK_VALUES",
        )
    return binary
