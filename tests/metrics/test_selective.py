"""Oracles: every threshold by brute force, and the definitions of the areas as plain sums."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skinzoo.errors import ConfigError, LabelError
from skinzoo.metrics.selective import abstention_threshold, risk_coverage_curve
from skinzoo.types import IGNORE_INDEX


def random_case(seed):
    rng = np.random.default_rng(seed)
    n, num_classes = int(rng.integers(1, 120)), int(rng.integers(2, 6))
    logits = np.round(rng.normal(size=(n, num_classes)), int(rng.choice([0, 1, 12])))
    probabilities = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    return rng.integers(0, num_classes, n), probabilities


def by_hand(confidence, wrong):
    """(threshold, coverage, risk) at each distinct confidence, the highest first."""
    rows = []
    for threshold in sorted(set(confidence.tolist()), reverse=True):
        answered = confidence >= threshold
        rows.append((threshold, answered.mean(), wrong[answered].mean()))
    return np.array(rows).T


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 100_000))
def test_curve_and_areas_equal_the_definitions(seed):
    labels, probabilities = random_case(seed)
    confidence, wrong = probabilities.max(1), probabilities.argmax(1) != labels
    curve = risk_coverage_curve(labels, probabilities)
    thresholds, coverage, risk = by_hand(confidence, wrong)
    np.testing.assert_array_equal(curve.thresholds, thresholds)
    np.testing.assert_allclose(curve.coverage, coverage, atol=1e-12)
    np.testing.assert_allclose(curve.risk, risk, atol=1e-12)
    mean_risk = np.mean([wrong[confidence >= own].mean() for own in confidence])
    assert curve.aurc == pytest.approx(mean_risk, abs=1e-12)
    perfect = risk_coverage_curve(labels, probabilities, confidence=-1.0 * wrong - np.arange(len(wrong)) * 1e-6)
    assert perfect.eaurc == pytest.approx(0, abs=1e-12)
    assert curve.eaurc == pytest.approx(curve.aurc - perfect.aurc, abs=1e-12)
    assert curve.eaurc >= -1e-12, "no ordering is better than the perfect one"
    order = np.random.default_rng(seed).permutation(len(labels))
    again = risk_coverage_curve(labels[order], probabilities[order])
    np.testing.assert_array_equal(again.risk, curve.risk)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 100_000), st.floats(0, 1), st.floats(0.01, 1))
def test_thresholds_are_the_best_that_keep_their_promise(seed, max_risk, coverage):
    labels, probabilities = random_case(seed)
    confidence, wrong = probabilities.max(1), probabilities.argmax(1) != labels
    thresholds, coverages, risks = by_hand(confidence, wrong)
    found = abstention_threshold(labels, probabilities, max_risk=max_risk)
    good = coverages[risks <= max_risk]
    if math.isnan(found):
        assert not len(good)
    else:
        answered = confidence >= found
        assert wrong[answered].mean() <= max_risk
        assert answered.mean() == pytest.approx(good.max()), "no allowed threshold answers more"
        assert (found == 0) == answered.all()
    found = abstention_threshold(labels, probabilities, coverage=coverage)
    assert (confidence >= found).mean() >= coverage
    higher = thresholds > (found or confidence.min())
    assert not (coverages[higher] >= coverage).any(), "no higher threshold answers enough"


def test_a_worked_example():
    labels = np.array([0, 0, 0, 1])
    probabilities = np.array([[0.9, 0.1], [0.8, 0.2], [0.4, 0.6], [0.3, 0.7]])
    curve = risk_coverage_curve(labels, probabilities)
    assert curve.thresholds.tolist() == [0.9, 0.8, 0.7, 0.6]
    assert curve.risk.tolist() == [0, 0, 0, 0.25]
    assert (curve.aurc, curve.eaurc) == (0.0625, 0)
    assert abstention_threshold(labels, probabilities, max_risk=0.1) == 0.7
    assert abstention_threshold(labels, probabilities, max_risk=0.25) == 0
    assert abstention_threshold(labels, probabilities, coverage=0.5) == 0.8


def test_equal_confidences_are_one_point():
    curve = risk_coverage_curve([0, 1, 0, 1], np.tile([0.6, 0.4], (4, 1)))
    assert (curve.coverage.tolist(), curve.risk.tolist(), curve.aurc) == ([1.0], [0.5], 0.5)
    assert math.isnan(abstention_threshold([0, 1], np.tile([0.6, 0.4], (2, 1)), max_risk=0.4))


def test_another_confidence_and_unlabelled_images():
    labels = np.array([0, IGNORE_INDEX, 1])
    probabilities = np.array([[0.9, 0.1], [0.5, 0.5], [0.8, 0.2]])
    curve = risk_coverage_curve(labels, probabilities, confidence=[1.0, 7.0, 2.0])
    assert curve.thresholds.tolist() == [2, 1]
    assert curve.risk.tolist() == [1, 0.5]


def test_nothing_labelled_is_undefined():
    curve = risk_coverage_curve([], np.zeros((0, 2)))
    assert len(curve.coverage) == len(curve.risk) == len(curve.thresholds) == 0
    assert math.isnan(curve.aurc)
    assert math.isnan(curve.eaurc)
    assert math.isnan(abstention_threshold([IGNORE_INDEX], [[0.5, 0.5]], coverage=0.5))


def test_bad_input():
    labels, probabilities = [0, 1], [[0.9, 0.1], [0.2, 0.8]]
    with pytest.raises(ConfigError, match="either max_risk or coverage"):
        abstention_threshold(labels, probabilities)
    with pytest.raises(ConfigError, match="either max_risk or coverage"):
        abstention_threshold(labels, probabilities, max_risk=0.1, coverage=0.9)
    for bad in (1.5, -0.1, float("nan"), "0.1", True):
        with pytest.raises(ConfigError, match=r"max_risk must be a share in \[0, 1\]"):
            abstention_threshold(labels, probabilities, max_risk=bad)
    with pytest.raises(ConfigError, match=r"coverage must be a share in \(0, 1\]; got 0"):
        abstention_threshold(labels, probabilities, coverage=0)
    with pytest.raises(ConfigError, match="confidence hold 1 NaN"):
        risk_coverage_curve(labels, probabilities, confidence=[np.nan, 1])
    with pytest.raises(ConfigError, match="confidences and labels must be equally many; got 1 and 2"):
        risk_coverage_curve(labels, probabilities, confidence=[1.0])
    with pytest.raises(LabelError, match="values 5"):
        risk_coverage_curve([0, 5], probabilities)
