"""Oracles: all pairs by brute force, scikit-learn, torchmetrics."""

import numpy as np
import pytest
import torch
from sklearn.metrics import auc, roc_auc_score
from sklearn.metrics import roc_curve as sklearn_curve
from torchmetrics.functional.classification import multiclass_auroc

from skinzoo.errors import ConfigError, LabelError
from skinzoo.metrics import roc_auc, roc_auc_ovr, roc_curve, roc_curves_ovr


def pairwise_auc(labels, scores):
    """Share of (positive, negative) pairs in the right order, a tie counting one half."""
    gaps = scores[labels == 1][:, None] - scores[labels == 0][None, :]
    return ((gaps > 0) + 0.5 * (gaps == 0)).mean()


def random_scores(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(2, 300))
    labels = (rng.random(n) < rng.choice([0.05, 0.5])).astype(int)
    labels[:2] = 0, 1
    decimals = int(rng.choice([0, 1, 12]))
    return labels, np.round(rng.normal(size=n) + 0.5 * labels, decimals)


@pytest.mark.parametrize("seed", range(60))
def test_area_equals_all_pairs_and_scikit_learn(seed):
    labels, scores = random_scores(seed)
    area = roc_auc(labels, scores)
    assert area == pytest.approx(pairwise_auc(labels, scores), abs=1e-12)
    assert area == pytest.approx(roc_auc_score(labels, scores), abs=1e-12)
    order = np.random.default_rng(seed).permutation(len(labels))
    assert roc_auc(labels[order], scores[order]) == area
    assert roc_auc(labels.astype(bool), np.exp(scores)) == pytest.approx(area, abs=1e-12)
    assert roc_auc(labels, -scores) == pytest.approx(1 - area, abs=1e-12)


@pytest.mark.parametrize("seed", range(20))
def test_curve_equals_scikit_learn_and_encloses_the_area(seed):
    labels, scores = random_scores(seed)
    curve = roc_curve(labels, scores)
    fpr, tpr, thresholds = sklearn_curve(labels, scores, drop_intermediate=False)
    np.testing.assert_allclose(curve.fpr, fpr, atol=1e-12)
    np.testing.assert_allclose(curve.tpr, tpr, atol=1e-12)
    np.testing.assert_array_equal(curve.thresholds, thresholds)
    assert auc(curve.fpr, curve.tpr) == pytest.approx(roc_auc(labels, scores), abs=1e-12)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, int])
def test_the_type_of_the_scores_does_not_matter(dtype):
    labels, scores = np.array([0, 0, 1, 1, 0, 1]), np.array([1, 4, 3, 8, 3, 5])
    assert roc_auc(labels, scores.astype(dtype)) == pytest.approx(pairwise_auc(labels, scores), abs=1e-15)


def test_known_values():
    assert roc_auc([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8]) == 0.75
    assert roc_auc([0, 1], [0.2, 0.9]) == 1.0
    assert roc_auc([0, 1], [0.9, 0.2]) == 0.0
    assert roc_auc([0, 1, 1, 0], [0.3] * 4) == 0.5
    assert roc_auc([0, 1], [-np.inf, np.inf]) == 1.0


@pytest.mark.parametrize("labels", [[1, 1, 1], [0, 0, 0], []])
def test_one_sided_labels_are_undefined(labels):
    assert np.isnan(roc_auc(labels, [0.1] * len(labels)))
    curve = roc_curve(labels, [0.1] * len(labels))
    assert np.isnan(curve.fpr).all() or np.isnan(curve.tpr).all()


@pytest.mark.parametrize("seed", range(20))
def test_one_versus_rest_agrees_with_scikit_learn_and_torchmetrics(seed):
    rng = np.random.default_rng(seed)
    num_classes, n = int(rng.integers(3, 10)), 200
    labels = np.concatenate([np.arange(num_classes), rng.integers(0, num_classes, n)])
    probabilities = rng.dirichlet(np.full(num_classes, 0.5), size=len(labels))
    ours = roc_auc_ovr(labels, probabilities)
    assert ours.macro == pytest.approx(
        roc_auc_score(labels, probabilities, multi_class="ovr", average="macro"), abs=1e-12
    )
    theirs = multiclass_auroc(torch.from_numpy(probabilities), torch.from_numpy(labels), num_classes, average="none")
    np.testing.assert_allclose(ours.per_class, theirs, atol=1e-6)
    assert ours.reasons == {}


def test_absent_class_is_left_out_of_the_mean_with_a_reason():
    rng = np.random.default_rng(0)
    labels, probabilities = rng.integers(0, 3, 90), rng.dirichlet(np.ones(4), 90)
    ours = roc_auc_ovr(labels, probabilities)
    defined = [pairwise_auc((labels == c).astype(int), probabilities[:, c]) for c in range(3)]
    np.testing.assert_allclose(ours.per_class[:3], defined, atol=1e-12)
    assert np.isnan(ours.per_class[3])
    assert ours.macro == pytest.approx(np.mean(defined), abs=1e-12)
    assert ours.reasons == {3: "no test images of this class"}


def test_single_class_is_undefined_throughout():
    ours = roc_auc_ovr([1, 1], [[0.5, 0.5], [0.2, 0.8]])
    assert np.isnan(ours.per_class).all()
    assert np.isnan(ours.macro)
    assert ours.reasons == {0: "no test images of this class", 1: "no test images of any other class"}


def test_curves_of_the_defined_classes_only():
    curves = roc_curves_ovr([0, 1, 1], [[0.7, 0.2, 0.1], [0.3, 0.6, 0.1], [0.8, 0.1, 0.1]], ["a", "b", "c"])
    assert list(curves) == ["a", "b"]
    assert auc(curves["a"].fpr, curves["a"].tpr) == 0.5


def test_nan_scores_raise():
    with pytest.raises(ConfigError, match="1 NaN among 2"):
        roc_auc([0, 1], [0.5, np.nan])
    with pytest.raises(ConfigError, match="NaN"):
        roc_auc_ovr([0, 1], [[0.5, np.nan], [0.1, 0.9]])


def test_bad_labels_and_shapes_raise():
    with pytest.raises(LabelError, match="values 2"):
        roc_auc([0, 2], [0.1, 0.2])
    with pytest.raises(ConfigError, match="equally many"):
        roc_auc([0, 1], [0.1])
    with pytest.raises(ConfigError, match="2 axes"):
        roc_auc_ovr([0, 1], [0.1, 0.2])
    with pytest.raises(ConfigError, match="3 columns for 2 classes"):
        roc_curves_ovr([0], [[0.1, 0.2, 0.7]], ["a", "b"])
