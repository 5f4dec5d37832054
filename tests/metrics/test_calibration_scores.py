"""Oracles: loops over bins, scikit-learn, torchmetrics away from the edges of bins, a published Wilson interval."""

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import brier_score_loss, log_loss
from torchmetrics.functional.classification import multiclass_calibration_error

from skinzoo.errors import ConfigError, LabelError
from skinzoo.metrics.calibration import (
    brier_score,
    calibration_metrics,
    classwise_calibration_error,
    expected_calibration_error,
    negative_log_likelihood,
    reliability_curve,
)
from skinzoo.metrics.proportion import wilson_bounds
from skinzoo.types import IGNORE_INDEX

ALL = (expected_calibration_error, classwise_calibration_error, brier_score, negative_log_likelihood)


def random_case(seed, *, decimals=12):
    rng = np.random.default_rng(seed)
    n, num_classes = int(rng.integers(1, 400)), int(rng.integers(2, 10))
    probabilities = rng.dirichlet(np.full(num_classes, rng.choice([0.2, 1.0, 5.0])), n)
    if decimals < 12:
        probabilities[:, -1] = 0
        probabilities = np.round(probabilities, decimals)
        probabilities[:, -1] = np.round(1 - probabilities.sum(1), decimals).clip(0)
        probabilities /= probabilities.sum(1, keepdims=True)
    return rng.integers(0, num_classes, n), probabilities


def brute_force_error(said, came_true, edges):
    """Guo et al. 2017, equations 2 to 5, in plain Python: bins (low, high]; the first holds 0 as well."""
    total = 0.0
    for k, (low, high) in enumerate(pairwise(edges)):
        rows = [i for i, p in enumerate(said) if low < p <= high or (k == 0 and p == 0)]
        if rows:
            confidence = math.fsum(said[i] for i in rows) / len(rows)
            accuracy = sum(bool(came_true[i]) for i in rows) / len(rows)
            total += len(rows) / len(said) * abs(accuracy - confidence)
    return total


@pytest.mark.parametrize("seed", range(40))
def test_errors_equal_a_loop_over_the_bins(seed):
    labels, probabilities = random_case(seed, decimals=1 if seed % 2 else 12)
    bins = (1, 5, 10, 15)[seed % 4]
    edges = np.linspace(0, 1, bins + 1)
    confidence, right = probabilities.max(1), probabilities.argmax(1) == labels
    top = brute_force_error(confidence, right, edges)
    assert expected_calibration_error(labels, probabilities, bins=bins) == pytest.approx(top, abs=1e-12)
    classes = [brute_force_error(p, labels == c, edges) for c, p in enumerate(probabilities.T)]
    assert classwise_calibration_error(labels, probabilities, bins=bins) == pytest.approx(np.mean(classes), abs=1e-12)


@pytest.mark.parametrize("seed", range(20))
def test_fixed_bins_agree_with_torchmetrics(seed):
    """Its bins are closed on the left, which only matters at the edges: here no probability lies on one."""
    labels, probabilities = random_case(seed)
    theirs = multiclass_calibration_error(
        torch.from_numpy(probabilities), torch.from_numpy(labels), probabilities.shape[1], n_bins=15
    )
    assert expected_calibration_error(labels, probabilities) == pytest.approx(float(theirs), abs=1e-6)


def test_bins_are_closed_on_the_right():
    labels, at_edge = np.array([0, 1]), np.array([[0.8, 0.2], [0.7, 0.3]])
    curve = reliability_curve(labels, at_edge, bins=5)  # 0.8 belongs to (0.6, 0.8], with 0.7
    assert curve.count.tolist() == [0, 0, 0, 2, 0]
    curve = reliability_curve(labels, np.array([[1.0, 0.0], [0.0, 1.0]]), class_index=0, bins=5)
    assert curve.count.tolist() == [1, 0, 0, 0, 1], "0 is in the first bin, 1 in the last"


@pytest.mark.parametrize("seed", range(10))
def test_adaptive_bins_hold_equally_many(seed):
    labels, probabilities = random_case(seed)
    n, confidence, right = len(labels), probabilities.max(1), probabilities.argmax(1) == labels
    curve = reliability_curve(labels, probabilities, bins=7, adaptive=True)
    assert curve.count.sum() == n
    assert curve.count.max() - curve.count.min() <= 1, "where no two confidences are equal"
    order, total = np.argsort(confidence), 0.0
    for size, end in zip(curve.count, np.cumsum(curve.count), strict=True):
        rows = order[end - size : end]
        total += abs((confidence[rows] - right[rows]).sum()) / n
    assert expected_calibration_error(labels, probabilities, bins=7, adaptive=True) == pytest.approx(total, abs=1e-12)


def test_equal_confidences_share_an_adaptive_bin():
    labels, probabilities = np.arange(10) % 2, np.tile([0.6, 0.4], (10, 1))
    assert reliability_curve(labels, probabilities, bins=5, adaptive=True).count.tolist() == [10, 0, 0, 0, 0]
    assert expected_calibration_error(labels, probabilities, bins=5, adaptive=True) == pytest.approx(0.1)


@pytest.mark.parametrize("seed", range(20))
def test_proper_scores_agree_with_scikit_learn(seed):
    labels, probabilities = random_case(seed)
    num_classes = probabilities.shape[1]
    outcome = np.eye(num_classes)[labels]
    assert brier_score(labels, probabilities) == pytest.approx(
        ((probabilities - outcome) ** 2).sum(1).mean(), abs=1e-12
    )
    theirs = log_loss(labels, probabilities, labels=range(num_classes))
    assert negative_log_likelihood(labels, probabilities) == pytest.approx(theirs, abs=1e-9)
    if len(set(labels == 0)) == 2:
        binary = brier_score_loss(labels == 0, probabilities[:, 0])
        assert brier_score((labels == 0).astype(int), probabilities[:, 0]) == pytest.approx(binary, abs=1e-12)


def test_the_binary_brier_score_is_half_of_the_sum_over_two_classes():
    labels, p = np.array([0, 1, 1, 0]), np.array([0.2, 0.9, 0.4, 0.7])
    assert brier_score(labels, np.stack([1 - p, p], 1)) == pytest.approx(2 * brier_score(labels, p))
    assert brier_score(labels, p) == pytest.approx((0.04 + 0.01 + 0.36 + 0.49) / 4)


def test_known_values():
    certain = np.eye(3)
    assert calibration_metrics([0, 1, 2], certain) == pytest.approx(dict.fromkeys(calibration_metrics([0], [[1.0]]), 0))
    wrong = calibration_metrics([1, 2, 0], certain)
    assert wrong["ece"] == wrong["ece_adaptive"] == 1
    assert wrong["classwise_ece"] == pytest.approx(2 / 3)
    assert wrong["brier"] == 2
    assert wrong["nll"] == pytest.approx(-math.log(np.finfo(float).eps)), "clipped, not infinite"
    equal = calibration_metrics([0, 1, 2], np.full((3, 3), 1 / 3))
    assert equal["nll"] == pytest.approx(math.log(3))
    assert equal["ece"] == pytest.approx(0)


def test_a_class_without_images_counts_in_the_classwise_error():
    labels, probabilities = np.zeros(10, int), np.tile([0.7, 0.2, 0.1], (10, 1))
    assert classwise_calibration_error(labels, probabilities) == pytest.approx((0.3 + 0.2 + 0.1) / 3)


def test_nothing_labelled_is_undefined():
    for labels, probabilities in (([], np.zeros((0, 3))), ([IGNORE_INDEX] * 2, np.full((2, 2), 0.5))):
        assert all(math.isnan(v) for v in calibration_metrics(labels, probabilities).values())
        curve = reliability_curve(labels, probabilities, bins=4)
        assert curve.count.tolist() == [0] * 4
        assert np.isnan([curve.confidence, curve.accuracy, curve.low, curve.high]).all()
    assert math.isnan(brier_score([], []))


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([1, 12]))
def test_order_and_unlabelled_samples_do_not_matter(seed, decimals):
    labels, probabilities = random_case(seed, decimals=decimals)
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(labels))
    more_labels = np.append(labels[order], [IGNORE_INDEX] * 3)
    more = np.concatenate([probabilities[order], rng.dirichlet(np.ones(probabilities.shape[1]), 3)])
    figures = calibration_metrics(labels, probabilities)
    assert calibration_metrics(more_labels, more) == pytest.approx(figures, abs=1e-12)
    assert all(0 <= figures[k] <= 1 + 1e-12 for k in ("ece", "ece_adaptive", "classwise_ece"))
    assert 0 <= figures["brier"] <= 2
    gap = abs(probabilities.max(1).mean() - (probabilities.argmax(1) == labels).mean())
    assert figures["ece"] >= gap - 1e-12, "bins can only add to the gap of all images together"


def test_curve_figures_and_their_intervals():
    labels = np.array([0] * 9 + [1] * 1 + [1] * 3)
    probabilities = np.array([[0.75, 0.25]] * 10 + [[0.05, 0.95]] * 3)
    curve = reliability_curve(labels, probabilities, bins=5)
    assert curve.count.tolist() == [0, 0, 0, 10, 3]
    np.testing.assert_allclose(curve.confidence[3:], [0.75, 0.95])
    np.testing.assert_allclose(curve.accuracy[3:], [0.9, 1.0])
    np.testing.assert_allclose([curve.low[3], curve.high[3]], [0.5958500, 0.9821238], atol=1e-7)
    assert curve.high[4] == 1
    assert np.isnan(curve.accuracy[:3]).all()
    malignant = reliability_curve(labels, probabilities, class_index=1, bins=5)
    np.testing.assert_allclose(malignant.accuracy[[1, 4]], [0.1, 1.0])


def test_wilson_solves_its_equation():
    """The bounds are the shares p for which |share - p| is z standard errors sqrt(p (1 - p) / n)."""
    z = 1.959963984540054
    for hits, n in ((1, 10), (81, 263), (148, 148 + 9)):
        for p in (float(b[0]) for b in wilson_bounds([hits], [n])):
            assert abs(hits / n - p) == pytest.approx(z * math.sqrt(p * (1 - p) / n), rel=1e-9)
    # Newcombe 1998, doi 10.1002/(SICI)1097-0258(19980430)17:8<857, table I
    np.testing.assert_allclose(
        np.ravel(wilson_bounds([81, 15], [263, 148])), [0.2553, 0.0624, 0.3662, 0.1605], atol=5e-5
    )
    none = wilson_bounds([0, 0, 5], [0, 20, 5])
    assert np.isnan([none.low[0], none.high[0]]).all()
    assert (none.low[1], none.high[2]) == (0, 1)


@pytest.mark.parametrize("metric", ALL)
def test_bad_input(metric):
    good = [[0.5, 0.5], [0.2, 0.8]]
    with pytest.raises(ConfigError, match="1 NaN among 4"):
        metric([0, 1], [[0.5, np.nan], [0.2, 0.8]])
    with pytest.raises(ConfigError, match=r"must lie in \[0, 1\]; got -1 to 2"):
        metric([0, 1], [[2.0, -1.0], [0.2, 0.8]])
    with pytest.raises(ConfigError, match=r"row 1 sums to 1\.5"):
        metric([0, 1], [[0.5, 0.5], [0.7, 0.8]])
    with pytest.raises(LabelError, match="with the values 2"):
        metric([0, 2], good)
    with pytest.raises(LabelError, match="-1"):
        metric([0, -1], good)
    with pytest.raises(ConfigError, match="equally many; got 1 and 2"):
        metric([0], good)
    with pytest.raises(ConfigError, match="whole numbers"):
        metric([0.5, 1.0], good)


def test_bad_options():
    for bins in (0, 2.5, True):
        with pytest.raises(ConfigError, match="bins must be a whole number of at least 1"):
            expected_calibration_error([0], [[1.0, 0.0]], bins=bins)
    for index in (2, -1, "MEL"):
        with pytest.raises(ConfigError, match="class_index must lie between 0 and 1"):
            reliability_curve([0], [[1.0, 0.0]], class_index=index)
    with pytest.raises(ConfigError, match="level must lie between 0 and 1"):
        reliability_curve([0], [[1.0, 0.0]], level=95)
    with pytest.raises(ConfigError, match="hits must lie between 0 and its total"):
        wilson_bounds([3], [2])
