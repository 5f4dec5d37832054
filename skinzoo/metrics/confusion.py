"""The confusion matrix, from which every count-based score is derived."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from skinzoo.errors import ConfigError
from skinzoo.metrics.arrays import IntArray, class_indices, same_length


def confusion_matrix(labels: ArrayLike, predictions: ArrayLike, num_classes: int) -> IntArray:
    """Count how often each class was taken for which.

    Matrices of batches add up to the matrix of all samples, whatever their order.

    Args:
        labels: True class indices, integers in [0, num_classes), shape (N,). Leave samples without a label out.
        predictions: Predicted class indices, the same.
        num_classes: Number of classes C.

    Returns:
        int64 array (C, C): rows are the true class, columns the predicted class.

    Raises:
        ConfigError: The lengths differ, or the values are not class indices.
        LabelError: A value outside [0, num_classes).

    Example:
        >>> confusion_matrix([0, 0, 1], [0, 1, 1], num_classes=2).tolist()
        [[1, 1], [0, 1]]
    """
    if num_classes < 1:
        raise ConfigError(f"a confusion matrix needs at least one class; got num_classes={num_classes}.")
    truth = class_indices(labels, num_classes, what="labels")
    predicted = class_indices(predictions, num_classes, what="predictions")
    same_length(len(truth), len(predicted), what="labels and predictions")
    cells = np.bincount(truth * num_classes + predicted, minlength=num_classes**2)
    return cells.reshape(num_classes, num_classes).astype(np.int64)
