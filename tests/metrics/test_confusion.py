"""Oracles: a double loop, and `sklearn.metrics.confusion_matrix`."""

import numpy as np
import pytest
from sklearn.metrics import confusion_matrix as sklearn_confusion

from skinzoo.errors import ConfigError, LabelError
from skinzoo.metrics import confusion_matrix


def test_rows_are_the_truth():
    assert confusion_matrix([0, 0, 0, 2], [1, 1, 0, 2], 3).tolist() == [[1, 2, 0], [0, 0, 0], [0, 0, 1]]


@pytest.mark.parametrize("seed", range(20))
def test_agrees_with_scikit_learn_and_adds_up_over_batches(seed):
    rng = np.random.default_rng(seed)
    num_classes, n = int(rng.integers(2, 10)), int(rng.integers(1, 500))
    labels, predictions = rng.integers(0, num_classes, (2, n))
    matrix = confusion_matrix(labels, predictions, num_classes)
    assert matrix.dtype == np.int64
    np.testing.assert_array_equal(matrix, sklearn_confusion(labels, predictions, labels=range(num_classes)))
    cut, order = n // 3, rng.permutation(n)
    halves = [confusion_matrix(labels[p], predictions[p], num_classes) for p in (order[:cut], order[cut:])]
    np.testing.assert_array_equal(matrix, sum(halves))


def test_no_samples_make_an_empty_matrix():
    assert confusion_matrix([], [], 2).tolist() == [[0, 0], [0, 0]]


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.int32, bool])
def test_small_integer_types_do_not_overflow(dtype):
    labels = np.ones(300, dtype=dtype)
    assert confusion_matrix(labels, labels, 120)[1, 1] == 300


@pytest.mark.parametrize(("labels", "predictions"), [([0, 7, -1, 7], [0, 0, 0, 0]), ([0, 0, 0, 0], [0, 7, -1, 7])])
def test_indices_outside_the_classes_are_named(labels, predictions):
    with pytest.raises(LabelError, match=r"between 0 and 6 .* 3 of 4 do not, with the values -1, 7"):
        confusion_matrix(labels, predictions, 7)


@pytest.mark.parametrize(
    ("labels", "predictions", "num_classes", "message"),
    [
        ([0, 1], [0], 2, "equally many; got 2 and 1"),
        ([0.0, 1.0], [0, 1], 2, "whole numbers"),
        ([[0, 1]], [[0, 1]], 2, r"shape \(N,\)"),
        ([], [], 0, "at least one class"),
    ],
)
def test_what_cannot_be_counted_is_refused(labels, predictions, num_classes, message):
    with pytest.raises(ConfigError, match=message):
        confusion_matrix(labels, predictions, num_classes)
