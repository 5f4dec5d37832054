"""Oracles: every threshold by brute force, scikit-learn's ROC curve and scores, the formulas of decision curves."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import confusion_matrix, f1_score, precision_score, recall_score
from sklearn.metrics import roc_curve as sklearn_curve

from skinzoo.errors import ConfigError, LabelError
from skinzoo.metrics.operating import best_threshold, decision_curve, operating_figures
from skinzoo.metrics.proportion import wilson_bounds

RULES = ("youden", "f1", ("sensitivity", 0.95), ("specificity", 0.9))


def random_case(seed):
    """Both classes occur; scores in [0, 1], tied in two of three cases."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(2, 80))
    labels = (rng.random(n) < 0.3).astype(int)
    labels[:2] = 0, 1
    return labels, np.round(1 / (1 + np.exp(-rng.normal(size=n) - labels)), int(rng.choice([1, 2, 12])))


def shares(labels, scores, threshold):
    called = scores >= threshold
    return called[labels == 1].mean(), 1 - called[labels == 0].mean()


@settings(max_examples=80, deadline=None)
@given(st.integers(0, 100_000), st.sampled_from([0.05, 0.5, 0.9, 0.95, 1.0]))
def test_rules_equal_a_search_over_all_scores(seed, share):
    labels, scores = random_case(seed)
    candidates = sorted(set(scores.tolist()), reverse=True)
    youden = [round(sum(shares(labels, scores, t)), 12) for t in candidates]
    assert best_threshold(labels, scores, rule="youden") == candidates[youden.index(max(youden))]
    f1 = [round(f1_score(labels, scores >= t), 12) for t in candidates]
    assert best_threshold(labels, scores, rule="f1") == candidates[f1.index(max(f1))]
    enough = [t for t in candidates if shares(labels, scores, t)[0] >= share]
    assert best_threshold(labels, scores, rule=("sensitivity", share)) == max(enough)
    enough = [t for t in candidates if shares(labels, scores, t)[1] >= share - 1e-12]
    assert best_threshold(labels, scores, rule=["specificity", share]) == min(enough, default=math.inf)


@pytest.mark.parametrize("seed", range(10))
def test_youden_agrees_with_scikit_learn(seed):
    labels, scores = random_case(seed)
    fpr, tpr, _ = sklearn_curve(labels, scores)
    sensitivity, specificity = shares(labels, scores, best_threshold(labels, scores, rule="youden"))
    assert sensitivity + specificity - 1 == pytest.approx((tpr - fpr)[1:].max())


def test_shares_that_are_met_exactly_count():
    labels = np.array([1] * 20 + [0] * 10)
    scores = np.concatenate([np.arange(20, 0, -1) / 20, np.full(10, 0.075)])
    assert best_threshold(labels, scores, rule=("sensitivity", 0.95)) == 0.1, "19 of 20"
    scores = np.concatenate([np.full(20, 0.95), np.arange(1, 11) / 10])
    assert best_threshold(labels, scores, rule=("specificity", 0.9)) == 0.95, "9 of 10"


def test_one_sided_labels_and_equal_scores():
    for rule in RULES:
        assert math.isnan(best_threshold([], [], rule=rule))
    only_positive = [best_threshold([1, 1], [0.2, 0.7], rule=rule) for rule in RULES]
    assert only_positive[1:3] == [0.2, 0.2]
    assert math.isnan(only_positive[0])
    assert math.isnan(only_positive[3])
    only_negative = [best_threshold([0, 0], [0.2, 0.7], rule=rule) for rule in RULES]
    assert all(map(math.isnan, only_negative[:3]))
    assert only_negative[3] == math.inf, "even the highest score leaves a specificity of one half"
    assert [best_threshold([0, 1], [0.4, 0.4], rule=rule) for rule in RULES] == [0.4, 0.4, 0.4, math.inf]


def test_figures_agree_with_scikit_learn():
    for seed in range(10):
        labels, scores = random_case(seed)
        threshold = float(np.median(scores))
        figures = operating_figures(labels, scores, threshold)
        called = scores >= threshold
        tn, fp, fn, tp = confusion_matrix(labels, called, labels=[0, 1]).ravel().tolist()
        assert figures.counts == {"tp": tp, "fp": fp, "fn": fn, "tn": tn}
        theirs = {
            "sensitivity": recall_score(labels, called, zero_division=np.nan),
            "specificity": recall_score(labels, called, pos_label=0, zero_division=np.nan),
            "ppv": precision_score(labels, called, zero_division=np.nan),
            "npv": precision_score(labels, called, pos_label=0, zero_division=np.nan),
        }
        for name, value in theirs.items():
            assert figures.values[name] == pytest.approx(value, nan_ok=True)
        if threshold < 1:
            benefit = tp / len(labels) - fp / len(labels) * threshold / (1 - threshold)
            assert figures.values["net_benefit"] == pytest.approx(benefit)
        low, high = wilson_bounds([tp], [tp + fn])
        assert figures.intervals["sensitivity"] == (low[0], high[0])
        low, high = wilson_bounds([tn], [tn + fn]) if tn + fn else ([np.nan], [np.nan])
        assert figures.intervals["npv"] == pytest.approx((low[0], high[0]), nan_ok=True)


def test_every_nan_has_a_reason():
    cases = [([], [], 0.5), ([1, 1], [0.1, 0.9], 0.5), ([0, 0], [0.1, 0.9], 0.5), ([0, 1], [0.1, 0.9], math.inf)]
    cases += [([0, 1], [0.1, 0.9], 0.0), ([0, 1], [-3.0, 4.0], 0.5), ([0, 1], [0.1, 0.9], 1.0)]
    for labels, scores, threshold in cases:
        figures = operating_figures(labels, scores, threshold)
        assert {name for name, value in figures.values.items() if math.isnan(value)} == set(figures.undefined)
        for name, interval in figures.intervals.items():
            assert math.isnan(interval.low) == math.isnan(interval.high) == (name in figures.undefined)
    assert figures.undefined == {
        "ppv": "no image is called positive",
        "net_benefit": "scores or threshold are no probabilities",
    }


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 100_000))
def test_decision_curve_equals_the_figures_at_each_threshold(seed):
    labels, scores = random_case(seed)
    scores = scores.clip(0, 1)
    curve = decision_curve(labels, scores)
    assert len(curve.thresholds) == 99
    prevalence = labels.mean()
    for t, model, everyone, nobody in zip(*curve, strict=True):
        assert model == pytest.approx(operating_figures(labels, scores, t).values["net_benefit"], abs=1e-12)
        assert everyone == pytest.approx(prevalence - (1 - prevalence) * t / (1 - t), abs=1e-12)
        assert nobody == 0
        assert model <= prevalence + 1e-12


def test_decision_curve_of_a_perfect_model_and_of_nothing():
    curve = decision_curve([0, 0, 1, 1], [0.0, 0.0, 1.0, 1.0], [0.1, 0.5, 0.9])
    assert curve.model.tolist() == [0.5] * 3
    assert np.isnan([*decision_curve([], [])[1:]]).all()


def test_bad_input():
    for rule in (
        "yuoden",
        ("sensitivity", 0),
        ("sensitivity", 1.5),
        ("sensitivity",),
        "sensitivity",
        ("f1", 0.5),
        3,
        None,
    ):
        with pytest.raises(ConfigError, match="rule must be 'youden', 'f1'"):
            best_threshold([0, 1], [0.1, 0.9], rule=rule)
    with pytest.raises(ConfigError, match="did you mean 'youden'"):
        best_threshold([0, 1], [0.1, 0.9], rule="yuoden")
    for function in (
        lambda y, s: best_threshold(y, s, rule="f1"),
        lambda y, s: operating_figures(y, s, 0.5),
        decision_curve,
    ):
        with pytest.raises(ConfigError, match="1 NaN among 2"):
            function([0, 1], [0.1, np.nan])
        with pytest.raises(LabelError, match="values 2"):
            function([0, 2], [0.1, 0.2])
        with pytest.raises(ConfigError, match="equally many"):
            function([0], [0.1, 0.2])
    with pytest.raises(ConfigError, match="threshold must be a number; got nan"):
        operating_figures([0, 1], [0.1, 0.9], math.nan)
    with pytest.raises(ConfigError, match=r"thresholds must lie in \[0, 1\)"):
        decision_curve([0, 1], [0.1, 0.9], [0.5, 1.0])
    with pytest.raises(ConfigError, match=r"probabilities must lie in \[0, 1\]"):
        decision_curve([0, 1], [0.1, 1.9])
