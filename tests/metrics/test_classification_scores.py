"""Oracles: scikit-learn (`zero_division` NaN per class, 0 in the means), torchmetrics where no class is absent."""

import warnings

import numpy as np
import pytest
import torch
from sklearn.metrics import accuracy_score, balanced_accuracy_score, precision_recall_fscore_support
from torchmetrics.functional.classification import multiclass_f1_score, multiclass_precision, multiclass_recall

from skinzoo.errors import ConfigError
from skinzoo.metrics import accuracy, balanced_accuracy, class_scores, classification_metrics, confusion_matrix

EXACT = {"rtol": 0, "atol": 1e-12}


def random_case(seed):
    """2..9 classes, n = 1..2000, imbalance, ties, and often classes without images or predictions."""
    rng = np.random.default_rng(seed)
    num_classes = int(rng.integers(2, 10))
    n = int(rng.choice([1, 2, 5, int(rng.integers(6, 100)), int(rng.integers(100, 2001))]))
    prior = rng.dirichlet(np.full(num_classes, rng.choice([0.2, 1.0, 10.0])))
    labels = rng.choice(num_classes, size=n, p=prior)
    probabilities = rng.dirichlet(np.full(num_classes, 0.7), size=n)
    probabilities[np.arange(n), labels] += rng.choice([0.0, 0.3])
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    if seed % 3 == 0:
        probabilities = np.round(probabilities, 1)  # many ties
    if seed % 4 == 0:
        probabilities[:, rng.integers(num_classes)] = 0.0  # a class that is hardly ever predicted
    return labels, np.clip(probabilities, 0, 1), num_classes


@pytest.mark.parametrize("block", range(10))
def test_200_random_cases_agree_with_scikit_learn(block):
    for seed in range(20 * block, 20 * block + 20):
        labels, probabilities, num_classes = random_case(seed)
        predictions = probabilities.argmax(axis=1)
        present = np.unique(labels)
        classes = [f"c{k}" for k in range(num_classes)]
        ours = classification_metrics(labels, probabilities, classes)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # scikit-learn warns of classes that are predicted only
            balanced = balanced_accuracy_score(labels, predictions)
            options = {"labels": present, "zero_division": np.nan}
            per_class = precision_recall_fscore_support(labels, predictions, **options)
            means = {
                kind: precision_recall_fscore_support(
                    labels, predictions, average=kind, labels=present, zero_division=0
                )[:3]
                for kind in ("macro", "weighted")
            }
        np.testing.assert_allclose(ours.values["accuracy"], accuracy_score(labels, predictions), **EXACT)
        np.testing.assert_allclose(ours.values["balanced_accuracy"], balanced, **EXACT)
        for name, column in zip(("precision", "recall", "f1", "support"), per_class, strict=True):
            got = [ours.per_class[classes[c]][name] for c in present]
            np.testing.assert_allclose(got, column, **EXACT, err_msg=f"seed {seed}: {name}")
        for kind, expected in means.items():
            got = [ours.values[f"{kind}_{name}"] for name in ("precision", "recall", "f1")]
            np.testing.assert_allclose(got, expected, **EXACT, err_msg=f"seed {seed}: {kind}")


def test_random_cases_include_the_hard_ones():
    cases = [random_case(seed) for seed in range(200)]
    assert any(len(labels) == 1 for labels, _, _ in cases)
    assert any(len(labels) > 1000 for labels, _, _ in cases)
    assert {c for _, _, c in cases} == set(range(2, 10))
    absent = [len(np.unique(labels)) < c for labels, _, c in cases]
    unpredicted = [bool(set(labels) - set(p.argmax(1))) for labels, p, _ in cases]
    assert sum(absent) > 40
    assert sum(unpredicted) > 40


@pytest.mark.parametrize("seed", range(5))
def test_agrees_with_torchmetrics_where_every_class_is_present_and_predicted(seed):
    rng = np.random.default_rng(seed)
    labels, predictions = rng.integers(0, 4, (2, 400))
    scores = class_scores(confusion_matrix(labels, predictions, 4))
    arguments = (torch.from_numpy(predictions), torch.from_numpy(labels))
    for ours, theirs in zip(scores[:3], (multiclass_precision, multiclass_recall, multiclass_f1_score), strict=True):
        np.testing.assert_allclose(ours, theirs(*arguments, num_classes=4, average="none"), rtol=1e-6)


def test_a_class_without_images_is_undefined_even_if_it_is_predicted():
    scores = class_scores([[3, 0, 1], [0, 2, 0], [0, 0, 0]])
    assert np.isnan([scores.precision[2], scores.recall[2], scores.f1[2]]).all()
    assert set(scores.reasons[2].values()) == {"no test images of this class"}
    assert set(scores.reasons[2]) == {"precision", "recall", "f1"}


def test_a_class_that_is_never_predicted_has_recall_zero_and_no_precision():
    scores = class_scores([[3, 0], [2, 0]])
    assert np.isnan(scores.precision[1])
    assert (scores.recall[1], scores.f1[1]) == (0.0, 0.0)
    assert scores.reasons == [{}, {"precision": "never predicted"}]


def test_perfect_and_worst():
    assert accuracy(np.diag([5, 1])) == balanced_accuracy(np.diag([5, 1])) == 1.0
    assert accuracy([[0, 5], [1, 0]]) == balanced_accuracy([[0, 5], [1, 0]]) == 0.0


def test_balanced_accuracy_counts_every_class_the_same():
    assert balanced_accuracy([[90, 10], [5, 5]]) == pytest.approx((0.9 + 0.5) / 2, abs=1e-15)


def test_no_images_is_undefined():
    empty = np.zeros((3, 3), dtype=int)
    assert np.isnan([accuracy(empty), balanced_accuracy(empty)]).all()


@pytest.mark.parametrize("matrix", [np.ones((2, 3), int), np.ones((2, 2)) / 4, [[1, -1], [0, 1]], np.ones((0, 0), int)])
def test_only_square_matrices_of_counts(matrix):
    with pytest.raises(ConfigError, match="square"):
        accuracy(matrix)
