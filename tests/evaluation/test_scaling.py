"""Oracles: SciPy's optimisers on the same cost, and labels drawn from known temperatures and biases."""

import math
import warnings

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize, minimize_scalar
from scipy.special import log_softmax, softmax

from skinzoo.errors import ConfigError, LabelError
from skinzoo.evaluation.scaling import fit_temperature, fit_vector
from skinzoo.types import IGNORE_INDEX


def drawn(seed, n=2000, num_classes=5, temperature=1.0, bias=0.0):
    """Logits, and labels drawn from the softmax of (logits / temperature + bias)."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(n, num_classes)) * 2 * temperature
    probabilities = softmax(logits / temperature + bias, axis=1)
    return logits, (probabilities.cumsum(1) > rng.random((n, 1))).argmax(1)


def nll(logits, labels):
    return -log_softmax(logits, axis=1)[np.arange(len(labels)), labels].mean()


def scaled(calibration, logits):
    return calibration.apply(torch.from_numpy(np.asarray(logits, float))).numpy()


def cost(parameters, logits, labels):
    """What the module says that it minimises: log scales, and biases if there are more of them than one."""
    p = np.asarray(parameters)
    c = logits.shape[1]
    scale, bias = (p[:c], p[c:]) if len(p) > 1 else (p, 0.0)
    return nll(logits * np.exp(scale) + bias, labels) + (p**2).sum() / 8 / len(labels)


@pytest.mark.parametrize("seed", range(5))
def test_a_known_temperature_is_recovered(seed):
    logits, labels = drawn(seed, temperature=2.5)
    found = fit_temperature(logits, labels).temperature
    step = 1e-4  # standard error of log T from the curvature of the likelihood
    u = -math.log(found)
    around = [nll(logits * math.exp(u + d), labels) for d in (-step, 0, step)]
    error = 1 / math.sqrt(len(labels) * (around[0] - 2 * around[1] + around[2]) / step**2)
    assert 0.01 < error < 0.1
    assert abs(math.log(found / 2.5)) < 3 * error


@pytest.mark.parametrize("seed", range(5))
def test_both_minima_are_those_of_scipy(seed):
    logits, labels = drawn(seed, n=150, num_classes=4, temperature=0.4, bias=np.array([1.0, -1.0, 0.0, 2.0]))
    one = fit_temperature(logits, labels)
    theirs = minimize_scalar(
        lambda u: cost([u], logits, labels), bounds=(-5, 5), method="bounded", options={"xatol": 1e-10}
    )
    assert math.log(one.scale[0]) == pytest.approx(theirs.x, abs=1e-6)
    many = fit_vector(logits, labels)
    theirs = minimize(cost, np.zeros(8), args=(logits, labels), method="BFGS", options={"gtol": 1e-9, "maxiter": 5000})
    ours = np.concatenate([np.log(many.scale), many.bias])
    assert cost(ours, logits, labels) == pytest.approx(theirs.fun, abs=1e-9)
    np.testing.assert_allclose(ours, theirs.x, atol=1e-3)


def test_vector_scaling_recovers_a_known_bias():
    bias = np.array([2.0, 0.0, -1.0, 0.5, -1.5])
    logits, labels = drawn(7, n=20_000, temperature=2.5, bias=bias)
    found = fit_vector(logits, labels)
    np.testing.assert_allclose(found.bias, bias - bias.mean(), atol=0.12)
    np.testing.assert_allclose(found.scale, 0.4, rtol=0.1)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([1e-6, 1e-2, 1.0, 30.0, 1e5]), st.integers(2, 6), st.booleans())
def test_the_likelihood_never_gets_worse(seed, size, num_classes, hopeless):
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(60, num_classes)) * size
    labels = rng.integers(0, num_classes, 60) if hopeless else logits.argmax(1)
    labels[:2] = 0, 1
    for calibration in (fit_temperature(logits, labels), fit_vector(logits, labels)):
        assert nll(scaled(calibration, logits), labels) <= nll(logits, labels) + 1e-12
        assert np.isfinite([*calibration.scale, *calibration.bias]).all()
    temperature = fit_temperature(logits, labels)
    assert (scaled(temperature, logits).argmax(1) == logits.argmax(1)).all()


def test_separable_labels_stay_bounded():
    logits = np.eye(3)[np.arange(90) % 3] * 4.0
    labels = np.arange(90) % 3
    for calibration in (fit_temperature(logits, labels), fit_vector(logits, labels)):
        assert all(1 < s < 5 for s in calibration.scale)
        assert nll(scaled(calibration, logits), labels) < nll(logits, labels)


def test_an_absent_class_gets_a_finite_bias():
    logits, labels = drawn(3, n=600, num_classes=4)
    labels[labels == 3] = 0
    found = fit_vector(logits, labels)
    assert -6 < found.bias[3] < -1
    assert found.bias[3] == min(found.bias)


def test_what_the_logits_do_not_tell_is_left_alone():
    labels = np.arange(40) % 2
    assert fit_temperature(np.zeros((40, 2)), labels).scale == pytest.approx((1.0,), abs=1e-9)
    found = fit_vector(np.zeros((40, 2)), labels)
    np.testing.assert_allclose([*found.scale, *found.bias], [1, 1, 0, 0], atol=1e-6)
    one_class = fit_temperature(np.tile([3.0, 0.0], (40, 1)), np.zeros(40, int))
    assert 1 < one_class.scale[0] < 5


def test_unlabelled_rows_and_order_do_not_matter():
    logits, labels = drawn(5, n=200)
    order = np.random.default_rng(0).permutation(200)
    more, more_labels = np.append(logits[order], np.ones((3, 5)), 0), np.append(labels[order], [IGNORE_INDEX] * 3)
    for fit in (fit_temperature, fit_vector):
        first, second = fit(logits, labels, source="here"), fit(more, more_labels, source="here")
        assert first == fit(logits, labels, source="here"), "nothing is drawn"
        assert first.source == "here"
        np.testing.assert_allclose([*first.scale, *first.bias], [*second.scale, *second.bias], atol=1e-5)
    with torch.no_grad():
        assert fit_vector(logits, labels) == fit_vector(logits, labels)
    shifted = logits + np.random.default_rng(1).normal(size=(200, 1)) * 100
    assert fit_temperature(shifted, labels).scale == pytest.approx(fit_temperature(logits, labels).scale, rel=1e-6)


def test_absurd_logits_do_no_harm():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for size in (1e-30, 1e30):
            logits, labels = drawn(1, n=100)
            for fit in (fit_temperature, fit_vector):
                assert nll(scaled(fit(logits * size, labels), logits * size), labels) <= nll(logits * size, labels)


@pytest.mark.parametrize("fit", [fit_temperature, fit_vector])
def test_bad_input(fit):
    logits, labels = drawn(0, n=100)
    with pytest.raises(ConfigError, match="1 NaN among"):
        fit(np.where(np.arange(500).reshape(100, 5) == 7, np.nan, logits), labels)
    with pytest.raises(ConfigError, match="logits hold infinite values"):
        fit(np.where(np.arange(500).reshape(100, 5) == 7, np.inf, logits), labels)
    with pytest.raises(LabelError, match="values 5"):
        fit(logits, np.append(labels[1:], 5))
    with pytest.raises(ConfigError, match="equally many; got 99 and 100"):
        fit(logits, labels[1:])
    with pytest.raises(ConfigError, match="at least 2 classes"):
        fit(logits[:, :1], np.zeros(100, int))
    with pytest.raises(ConfigError, match=r"needs at least (20|50) labelled samples; got 19"):
        fit(logits, np.where(np.arange(100) < 19, labels, IGNORE_INDEX))


def test_one_class_is_too_little_for_a_vector():
    with pytest.raises(ConfigError, match="all labels are of one class"):
        fit_vector(np.ones((100, 3)), np.zeros(100, int))
    with pytest.raises(ConfigError, match="or fit a temperature, which needs fewer"):
        fit_vector(np.ones((29, 3)), np.arange(29) % 3)
