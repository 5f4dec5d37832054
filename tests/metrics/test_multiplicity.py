"""Against SciPy, and the definitions written out."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from skinzoo.errors import ConfigError
from skinzoo.metrics.multiplicity import adjusted_p_values

P_VALUES = st.lists(st.floats(0, 1) | st.sampled_from([0.01, 0.02, 1.0]), max_size=12)


def holm_by_definition(p):
    """Holm's step-down procedure at every threshold that matters: the smallest level at which each is rejected."""
    order = np.argsort(p, kind="stable")
    result, highest = np.empty(len(p)), 0.0
    for step, i in enumerate(order):
        highest = max(highest, (len(p) - step) * p[i])
        result[i] = min(highest, 1.0)
    return result


@given(P_VALUES)
def test_holm_equals_its_definition(p):
    np.testing.assert_allclose(adjusted_p_values(p), holm_by_definition(np.array(p)), atol=1e-15)


@given(P_VALUES)
def test_benjamini_hochberg_equals_scipy(p):
    ours = adjusted_p_values(p, "benjamini-hochberg")
    np.testing.assert_allclose(ours, stats.false_discovery_control(p) if p else [], atol=1e-12)


@given(P_VALUES, st.sampled_from(["holm", "benjamini-hochberg"]))
def test_adjusted_values_keep_the_order_and_never_shrink(p, correction):
    ours = adjusted_p_values(p, correction)
    assert (ours >= np.array(p) - 1e-15).all()
    assert (np.diff(ours[np.argsort(p, kind="stable")]) >= 0).all()
    assert (adjusted_p_values(p, "holm") >= adjusted_p_values(p, "benjamini-hochberg") - 1e-12).all()


def test_worked_example():
    """p of 0.01, 0.04, 0.03, 0.005 (Wright 1992's way): Holm multiplies by 4, 3, 2, 1 in rising order."""
    np.testing.assert_allclose(adjusted_p_values([0.01, 0.04, 0.03, 0.005]), [0.03, 0.06, 0.06, 0.02])
    np.testing.assert_allclose(
        adjusted_p_values([0.01, 0.04, 0.03, 0.005], "benjamini-hochberg"), [0.02, 0.04, 0.04, 0.02]
    )
    assert adjusted_p_values([0.01, 0.04], "none").tolist() == [0.01, 0.04]


def test_an_undefined_test_is_no_test():
    np.testing.assert_allclose(adjusted_p_values([0.01, np.nan, 0.03]), [0.02, np.nan, 0.03])
    assert np.isnan(adjusted_p_values([np.nan, np.nan])).all()
    given_values = np.array([0.5, 0.01])
    adjusted_p_values(given_values)
    assert given_values.tolist() == [0.5, 0.01], "the argument is left alone"


@pytest.mark.parametrize("p", [[-0.1], [1.1], [[0.1]], ["0.1"], 0.1, [None]])
def test_what_is_no_p_value_is_refused(p):
    with pytest.raises(ConfigError, match=r"p-values must be numbers in \[0, 1\]"):
        adjusted_p_values(p)


def test_unknown_correction():
    with pytest.raises(ConfigError, match="unknown correction 'Holm'; did you mean 'holm'"):
        adjusted_p_values([0.1], "Holm")
