"""Average precision, trade-offs, partial area, agreement. Oracles: scikit-learn, the Kaggle scorer, all thresholds."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from metric_oracle import best_at, kaggle_pauc
from sklearn import metrics as sk

from skinzoo.errors import ConfigError, LabelError
from skinzoo.metrics import (
    average_precision,
    cohen_kappa,
    confusion_matrix,
    matthews_corrcoef,
    partial_auc,
    precision_recall_curve,
    precision_recall_curves_ovr,
    roc_auc,
    sensitivity_at_specificity,
    specificity_at_sensitivity,
)

FIGURES = (
    roc_auc,
    average_precision,
    partial_auc,
    lambda y, s: sensitivity_at_specificity(y, s, specificity=0.9),
    lambda y, s: specificity_at_sensitivity(y, s, sensitivity=0.9),
)
SCORED = st.lists(st.tuples(st.booleans(), st.integers(0, 12)), min_size=2, max_size=60).filter(
    lambda rows: 0 < sum(y for y, _ in rows) < len(rows)
)


@given(SCORED, st.integers(0, 20))
def test_equal_to_trying_every_threshold_and_to_scikit_learn(rows, twentieths):
    truth, scores = np.array([y for y, _ in rows]), np.array([s / 4 for _, s in rows])
    level = twentieths / 20
    sensitivity = sensitivity_at_specificity(truth, scores, specificity=level)
    specificity = specificity_at_sensitivity(truth, scores, sensitivity=level)
    assert sensitivity == best_at(truth, scores, level, "sensitivity")
    assert specificity == best_at(truth, scores, level, "specificity")
    assert average_precision(truth, scores) == pytest.approx(sk.average_precision_score(truth, scores), abs=1e-12)
    if 0 < level < 1:
        expected = kaggle_pauc(truth, scores, min_tpr=level)
        assert partial_auc(truth, scores, min_tpr=level) == pytest.approx(expected, abs=1e-12)
    assert partial_auc(truth, scores, min_tpr=0) == pytest.approx(roc_auc(truth, scores), abs=1e-12)


def test_known_values():
    truth, scores = [0, 0, 0, 0, 1, 1, 1, 1, 1], [0.1, 0.2, 0.3, 0.9, 0.4, 0.5, 0.6, 0.7, 0.15]
    assert sensitivity_at_specificity(truth, scores, specificity=0.75) == 0.8
    assert sensitivity_at_specificity(truth, scores, specificity=0.76) == 0.0
    assert specificity_at_sensitivity(truth, scores, sensitivity=0.8) == 0.75
    assert specificity_at_sensitivity(truth, scores, sensitivity=0.81) == 0.25
    assert partial_auc(truth, scores) == pytest.approx(0.2 * 0.25, abs=1e-15)
    assert partial_auc([0, 1], [0.1, 0.9]) == pytest.approx(0.2, abs=1e-15)
    assert partial_auc([0, 1], [0.9, 0.1]) == 0.0
    assert partial_auc([0, 1] * 5, [0.3] * 10) == pytest.approx(0.02, abs=1e-15), "a random score"


def test_a_share_that_equals_the_level_reaches_it():
    truth, scores = np.repeat([0, 1], 10), np.concatenate([np.arange(10), np.full(10, 8.5)])
    assert sensitivity_at_specificity(truth, scores, specificity=0.9) == 1.0, "9 of 10 are 0.9"
    assert specificity_at_sensitivity(1 - truth, -scores, sensitivity=0.9) == 1.0


@pytest.mark.parametrize("figure", FIGURES)
@pytest.mark.parametrize("labels", [[1, 1, 1], [0, 0, 0], []])
def test_one_sided_labels_are_undefined(figure, labels):
    assert np.isnan(figure(labels, [0.5] * len(labels)))


@pytest.mark.parametrize("figure", FIGURES)
def test_bad_input_raises(figure):
    with pytest.raises(ConfigError, match="1 NaN among 2"):
        figure([0, 1], [0.5, np.nan])
    with pytest.raises(LabelError, match="values 2"):
        figure([0, 2], [0.1, 0.2])
    with pytest.raises(ConfigError, match="equally many"):
        figure([0, 1], [0.1])


@pytest.mark.parametrize("bad", [-0.1, 1.1, float("nan")])
def test_a_level_out_of_range_raises(bad):
    with pytest.raises(ConfigError, match=r"specificity must lie in \[0, 1\]"):
        sensitivity_at_specificity([0, 1], [0, 1], specificity=bad)
    with pytest.raises(ConfigError, match=r"sensitivity must lie in \[0, 1\]"):
        specificity_at_sensitivity([0, 1], [0, 1], sensitivity=bad)
    with pytest.raises(ConfigError, match="min_tpr must be a sensitivity"):
        partial_auc([0, 1], [0, 1], min_tpr=bad)


@pytest.mark.parametrize("seed", range(10))
def test_precision_recall_curve_equals_scikit_learn(seed):
    rng = np.random.default_rng(seed)
    truth = np.append([0, 1], rng.integers(0, 2, 60))
    scores = np.round(rng.normal(size=62) + truth, seed % 3)
    curve = precision_recall_curve(truth, scores)
    precision, recall, thresholds = sk.precision_recall_curve(truth, scores)
    np.testing.assert_allclose(curve.precision[::-1], precision, atol=1e-12)
    np.testing.assert_allclose(curve.recall[::-1], recall, atol=1e-12)
    np.testing.assert_array_equal(curve.thresholds[:0:-1], thresholds)
    area = np.sum(np.diff(curve.recall) * curve.precision[1:])
    assert average_precision(truth, scores) == pytest.approx(area, abs=1e-12)


def test_precision_recall_curves_of_the_defined_classes_only():
    labels, probabilities = [0, 1, 1], [[0.7, 0.2, 0.1], [0.3, 0.6, 0.1], [0.8, 0.1, 0.1]]
    curves = precision_recall_curves_ovr(labels, probabilities, ["a", "b", "c"])
    assert list(curves) == ["a", "b"]
    np.testing.assert_allclose(curves["a"].precision, [1, 0, 0.5, 1 / 3])
    for one_sided in ([0, 0], [1, 1]):
        curve = precision_recall_curve(one_sided, [0.1, 0.2])
        assert np.isnan([*curve.precision, *curve.recall]).all()


@pytest.mark.parametrize("seed", range(40))
def test_agreement_equals_scikit_learn(seed):
    rng = np.random.default_rng(seed)
    labels, predictions = rng.integers(0, int(rng.integers(2, 9)), (2, int(rng.integers(5, 300))))
    labels[:2], predictions[:2] = (0, 1), (0, 1)
    counts = confusion_matrix(labels, predictions, 9)
    assert cohen_kappa(counts) == pytest.approx(sk.cohen_kappa_score(labels, predictions), abs=1e-12)
    assert matthews_corrcoef(counts) == pytest.approx(sk.matthews_corrcoef(labels, predictions), abs=1e-12)


def test_agreement_without_variation_is_undefined():
    assert np.isnan(cohen_kappa([[5, 0], [0, 0]]))
    assert cohen_kappa([[5, 0], [5, 0]]) == 0.0
    assert np.isnan([matthews_corrcoef([[5, 0], [5, 0]]), matthews_corrcoef([[5, 5], [0, 0]])]).all()
    assert np.isnan([matthews_corrcoef(np.zeros((2, 2), int)), cohen_kappa(np.zeros((2, 2), int))]).all()
    assert cohen_kappa(np.diag([3, 4])) == pytest.approx(1) == matthews_corrcoef(np.diag([3, 4]))
    with pytest.raises(ConfigError, match="square"):
        cohen_kappa([[1, 2, 3]])
