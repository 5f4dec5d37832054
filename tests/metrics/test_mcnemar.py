"""Against SciPy's binomial test, every way the coins can fall, and simulation."""

from itertools import product
from math import gcd

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from skinzoo.errors import ConfigError
from skinzoo.metrics.mcnemar import mcnemar_test


def answers(only_a, only_b, both=3, neither=2):
    """Two models' answers with these counts."""
    pairs = [(True, False)] * only_a + [(False, True)] * only_b + [(True, True)] * both + [(False, False)] * neither
    return np.array(pairs, dtype=bool).T.reshape(2, -1)


@pytest.mark.parametrize(("b", "c"), [(0, 1), (1, 9), (5, 5), (12, 3), (40, 61), (0, 30), (300, 380), (499, 501)])
def test_exact_equals_scipys_binomial_test(b, c):
    test = mcnemar_test(*answers(b, c))
    assert test.method == "exact"
    assert test.p_value == pytest.approx(stats.binomtest(b, b + c).pvalue, rel=1e-10)
    assert np.isnan(test.statistic)
    assert (test.only_a, test.only_b, test.both, test.neither) == (b, c, 3, 2)
    middle = stats.binomtest(b, b + c).pvalue - stats.binom.pmf(b, b + c, 0.5) if b != c else 1.0
    assert mcnemar_test(*answers(b, c), method="mid-p").p_value == pytest.approx(middle, rel=1e-10)


@pytest.mark.parametrize(("b", "c"), [(700, 900), (1000, 1000), (1, 1200), (2000, 2110)])
def test_many_discordant_samples_take_the_corrected_chi_square(b, c):
    test = mcnemar_test(*answers(b, c))
    expected = max(abs(b - c) - 1, 0) ** 2 / (b + c)
    assert test.method == "chi-square"
    assert test.statistic == pytest.approx(expected)
    assert test.p_value == pytest.approx(stats.chi2.sf(expected, 1), rel=1e-9)
    if b + c < 3000:
        assert test.p_value == pytest.approx(mcnemar_test(*answers(b, c), method="exact").p_value, abs=0.005)


def test_a_textbook_table():
    """Agresti, Categorical Data Analysis (1990), page 350: 1600 voters, 150 and 86 change their mind."""
    test = mcnemar_test(*answers(150, 86, 794, 570), method="chi-square")
    assert test[:4] == (150, 86, 794, 570)
    assert test.statistic == pytest.approx(16.818, abs=5e-4), "(64 - 1)^2 / 236"
    assert test.p_value == pytest.approx(4.115e-5, rel=1e-3)


@settings(max_examples=80, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.booleans(), st.integers(0, 6)), max_size=18))
def test_groups_are_coins_worth_their_lead(rows):
    a, b, groups = (np.array(c) for c in zip(*rows, strict=True)) if rows else (np.array([], bool),) * 3
    leads = [int(a[groups == g].sum()) - int(b[groups == g].sum()) for g in set(groups.tolist())]
    sums = [sum(s * abs(d) for s, d in zip(signs, leads, strict=True)) for signs in product((1, -1), repeat=len(leads))]
    expected = np.mean([abs(s) >= abs(sum(leads)) for s in sums])
    test = mcnemar_test(a, b, groups=groups)
    assert test.p_value == pytest.approx(expected, abs=1e-12)
    other = mcnemar_test(a, b, groups=groups, method="chi-square")
    step = gcd(*leads)
    squares = sum(d * d for d in leads)
    chi_square = max(abs(sum(leads)) - step, 0) ** 2 / squares if squares else 0.0
    assert other.statistic == pytest.approx(chi_square)
    assert other.p_value == pytest.approx(stats.chi2.sf(chi_square, 1), abs=1e-12)


def test_copies_of_an_image_add_nothing():
    a, b = answers(15, 4)
    once = mcnemar_test(a, b)
    copied = mcnemar_test(np.repeat(a, 3), np.repeat(b, 3), groups=np.repeat(np.arange(len(a)), 3))
    assert copied.p_value == pytest.approx(once.p_value, rel=1e-12)
    assert (copied.only_a, copied.only_b) == (45, 12), "samples are counted, not groups"
    assert mcnemar_test(np.repeat(a, 3), np.repeat(b, 3)).p_value < once.p_value / 100
    for method in ("chi-square", "mid-p"):
        again = mcnemar_test(np.repeat(a, 3), np.repeat(b, 3), groups=np.repeat(np.arange(len(a)), 3), method=method)
        assert again.p_value == pytest.approx(mcnemar_test(a, b, method=method).p_value, rel=1e-12)


def test_each_sample_its_own_group_is_no_group():
    a, b = answers(7, 2)
    assert mcnemar_test(a, b, groups=[f"lesion {i}" for i in range(len(a))]) == pytest.approx(
        mcnemar_test(a, b), nan_ok=True
    )


@pytest.mark.parametrize("method", ["auto", "exact", "mid-p", "chi-square"])
def test_without_discordant_samples_nothing_differs(method):
    assert mcnemar_test(*answers(0, 0), method=method).p_value == 1.0
    assert mcnemar_test([], [], method=method).p_value == 1.0
    assert mcnemar_test(*answers(5, 5), method=method).p_value == pytest.approx(1.0, abs=1e-12)


def test_type_one_error_in_simulation():
    rng = np.random.default_rng(2)
    rates = {"exact": 0, "mid-p": 0, "chi-square": 0}
    for _ in range(600):
        a, b = rng.random((2, 150)) < 0.7
        for method in rates:
            rates[method] += mcnemar_test(a, b, method=method).p_value < 0.05
    assert rates["exact"] / 600 <= 0.06
    assert rates["chi-square"] / 600 <= 0.06
    assert 0.03 <= rates["mid-p"] / 600 <= 0.07
    assert rates["mid-p"] >= rates["exact"]


def test_bad_input_is_refused():
    with pytest.raises(ConfigError, match="boolean array of shape"):
        mcnemar_test([1, 0], [True, False])
    with pytest.raises(ConfigError, match="equally many; got 1 and 2"):
        mcnemar_test([True], [True, False])
    with pytest.raises(ConfigError, match="groups and answers must be equally many; got 1 and 2"):
        mcnemar_test([True, True], [True, False], groups=["a"])
    with pytest.raises(ConfigError, match="groups must hold one name for each sample"):
        mcnemar_test([True, True], [True, False], groups=[["a", "b"]])
    with pytest.raises(ConfigError, match="unknown method 'midp'; did you mean 'mid-p'"):
        mcnemar_test([True], [True], method="midp")
    with pytest.raises(ConfigError, match="takes too long; use method='chi-square'"):
        mcnemar_test(*answers(9000, 9000), method="exact")
