"""Oracles: resampling in a plain loop, and simulated test sets of which the truth is known."""

import math

import numpy as np
import pytest

from skinzoo.errors import ConfigError
from skinzoo.metrics.calibration import brier_score, calibration_metrics, expected_calibration_error
from skinzoo.metrics.calibration_bootstrap import bootstrap_calibration
from skinzoo.types import IGNORE_INDEX

NAMES = ["ece", "ece_adaptive", "classwise_ece", "brier", "nll"]


def softmax(z):
    e = np.exp(z - z.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


def world(rng, n, sharpness=1.0):
    """Labels drawn from a softmax, and probabilities that are `sharpness` times too sure of them."""
    z = 2 * rng.normal(size=(n, 4)) + np.log([0.7, 0.15, 0.1, 0.05])
    labels = (softmax(z).cumsum(1) > rng.random((n, 1))).argmax(1)
    return labels, softmax(z * sharpness)


def test_means_agree_with_a_loop_over_resamples():
    labels, probabilities = world(np.random.default_rng(0), 300)
    groups = np.arange(300) // 3
    intervals = bootstrap_calibration(labels, probabilities, groups=groups)
    rng, scores = np.random.default_rng(1), []
    for _ in range(1000):
        rows = np.concatenate([np.flatnonzero(groups == g) for g in rng.integers(0, 100, 100)])
        scores.append(brier_score(labels[rows], probabilities[rows]))
    low, high = np.quantile(scores, [0.025, 0.975])
    assert list(intervals) == NAMES
    assert intervals["brier"] == pytest.approx((low, high), abs=0.1 * (high - low)), "other draws, the same percentiles"


def test_intervals_hold_the_estimate_and_depend_on_level_and_seed_alone():
    labels, probabilities = world(np.random.default_rng(2), 200, 1.5)
    wide, narrow = (bootstrap_calibration(labels, probabilities, resamples=300, level=v) for v in (0.99, 0.8))
    for name, value in calibration_metrics(labels, probabilities).items():
        ends = [0, wide[name].low, narrow[name].low, value, narrow[name].high, wide[name].high]
        assert np.diff(ends).min() > -1e-12, name
    assert bootstrap_calibration(labels, probabilities, resamples=300, level=0.99) == wide
    assert bootstrap_calibration(labels, probabilities, resamples=300, level=0.99, seed=1) != wide
    more_labels, more = np.append(labels, [IGNORE_INDEX] * 2), np.append(probabilities, [[0.25] * 4] * 2, axis=0)
    assert bootstrap_calibration(more_labels, more, resamples=300, level=0.99) == wide


@pytest.mark.parametrize(("sharpness", "truth"), [(1.0, 0.0), (2.5, None)])
def test_intervals_hold_the_true_error_of_simulated_models(sharpness, truth):
    """Where a model is calibrated, the percentile interval would never hold the true error of 0."""
    if truth is None:
        truth = expected_calibration_error(*world(np.random.default_rng(0), 400_000, sharpness))
    held, above = 0, 0
    for seed in range(60):
        labels, probabilities = world(np.random.default_rng(seed + 1), 400, sharpness)
        interval = bootstrap_calibration(labels, probabilities, resamples=150, seed=seed)["ece"]
        held += interval.low <= truth <= interval.high
        above += interval.low > 0
    assert held >= 51, "95 % are 57 of 60; 51 or fewer happen once in 100 series"
    assert above == 60 if sharpness > 1 else above <= 6, "overconfidence is told from chance"


def test_clusters_widen_the_interval():
    labels, probabilities = world(np.random.default_rng(3), 150)
    labels, probabilities = np.repeat(labels, 4), np.repeat(probabilities, 4, axis=0)
    groups = np.repeat([f"lesion {i}" for i in range(150)], 4)
    alone, together = (bootstrap_calibration(labels, probabilities, groups=g, resamples=400) for g in (None, groups))
    ratio = (together["nll"].high - together["nll"].low) / (alone["nll"].high - alone["nll"].low)
    assert ratio == pytest.approx(2, rel=0.2), "four copies of each image: twice the standard error"
    assert together["ece"].low < alone["ece"].low


def test_too_few_to_draw_from():
    for labels, groups in (([], None), ([0], None), ([0, 1], ["a", "a"]), ([0, IGNORE_INDEX], ["a", "b"])):
        intervals = bootstrap_calibration(labels, np.full((len(labels), 2), 0.5), groups=groups)
        assert list(intervals) == NAMES
        assert all(math.isnan(v.low) and math.isnan(v.high) for v in intervals.values())


def test_without_any_doubt_the_interval_is_a_point():
    intervals = bootstrap_calibration([0, 1, 0], [[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]], resamples=20)
    assert all(v == pytest.approx((0, 0), abs=1e-12) for v in intervals.values())
    wrong = bootstrap_calibration([1, 0, 1], [[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]], resamples=20)
    assert wrong["ece"] == pytest.approx((1, 1))


def test_bad_input():
    labels, probabilities = [0, 1, 0], [[0.9, 0.1], [0.2, 0.8], [0.5, 0.5]]
    for options, message in (
        ({"groups": ["a", "b"]}, "groups and labels must be equally many; got 2 and 3"),
        ({"groups": [["a", "b", "c"]]}, "groups must hold one name for each sample"),
        ({"resamples": 0}, "resamples must be a whole number of at least 1"),
        ({"level": 95}, "level must lie between 0 and 1"),
        ({"seed": -1}, "seed must be a whole number of at least 0"),
    ):
        with pytest.raises(ConfigError, match=message):
            bootstrap_calibration(labels, probabilities, **options)
