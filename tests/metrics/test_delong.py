"""Against placements counted pair by pair, published figures, and simulation."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from skinzoo.errors import ConfigError, LabelError
from skinzoo.metrics.delong import delong_covariance, delong_interval, delong_test
from skinzoo.metrics.normal import normal_quantile, two_sided_p


def kernel(positives, negatives):
    """(m, n): 1 where the positive outranks the negative, 0.5 for a tie."""
    return np.array([[float(x > y) + 0.5 * (x == y) for y in negatives] for x in positives])


def brute_force(labels, scores):
    """Areas and covariance of DeLong et al. 1988, equations 4 to 7, in O(n^2)."""
    v10, v01 = [], []
    for column in np.asarray(scores).T:
        wins = kernel(column[labels == 1], column[labels == 0])
        v10.append(wins.mean(1))
        v01.append(wins.mean(0))
    covariance = np.atleast_2d(np.cov(v10)) / len(v10[0]) + np.atleast_2d(np.cov(v01)) / len(v01[0])
    return np.array([v.mean() for v in v10]), covariance


def obuchowski(labels, scores, groups):
    """Variance of one area by the sums of Obuchowski 1997, written out."""
    wins = kernel(scores[labels == 1], scores[labels == 0])
    m, n, area = *wins.shape, wins.mean()
    s10 = s01 = s11 = 0.0
    with_positives, with_negatives = set(groups[labels == 1]), set(groups[labels == 0])
    for g in set(groups):
        rows, columns = groups[labels == 1] == g, groups[labels == 0] == g
        x = wins.mean(1)[rows].sum() - rows.sum() * area
        y = wins.mean(0)[columns].sum() - columns.sum() * area
        s10, s01, s11 = s10 + x * x, s01 + y * y, s11 + x * y
    i10, i01, i = len(with_positives), len(with_negatives), len(set(groups))
    s10, s01, s11 = i10 / ((i10 - 1) * m) * s10, i01 / ((i01 - 1) * n) * s01, i / (i - 1) * s11
    return s10 / m + s01 / n + 2 / (m * n) * s11


def random_case(seed, models=3):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(8, 90))
    labels = np.append([0, 0, 1, 1], rng.integers(0, 2, n))
    scores = labels[:, None] * rng.uniform(0, 2) + rng.normal(size=(len(labels), models))
    return labels, np.round(scores, int(rng.integers(0, 4)))  # few digits give ties


@pytest.mark.parametrize("seed", range(25))
def test_covariance_equals_placements_counted_pair_by_pair(seed):
    labels, scores = random_case(seed)
    ours = delong_covariance(labels, scores)
    areas, covariance = brute_force(labels, scores)
    np.testing.assert_allclose(ours.areas, areas, atol=1e-13)
    np.testing.assert_allclose(ours.covariance, covariance, atol=1e-14)
    alone = delong_covariance(labels.astype(bool), scores, groups=np.arange(len(labels)))
    np.testing.assert_allclose(alone.covariance, ours.covariance, rtol=1e-12, atol=1e-17)


@pytest.mark.parametrize("seed", range(15))
def test_clustered_variance_equals_obuchowskis_sums(seed):
    labels, scores = random_case(seed, models=1)
    groups = np.random.default_rng(seed).integers(0, 9, len(labels)).astype(str)
    ours = delong_covariance(labels, scores, groups=groups).covariance[0, 0]
    assert ours == pytest.approx(obuchowski(labels, scores[:, 0], groups), abs=1e-14)


def test_an_example_small_enough_for_the_back_of_an_envelope():
    """Positives 3, 5 and negatives 1, 4: placements 1/2, 1 and 1, 1/2; area 3/4; variance 1/8/2 + 1/8/2."""
    ours = delong_covariance([1, 1, 0, 0], [[3.0], [5.0], [1.0], [4.0]])
    assert ours.areas.tolist() == [0.75]
    assert ours.covariance[0, 0] == pytest.approx(1 / 8)


def test_difference_and_its_error_come_from_the_covariance():
    labels, scores = random_case(3)
    test = delong_test(labels, scores[:, 0], scores[:, 1], level=0.9)
    areas, c = brute_force(labels, scores)
    error = (c[0, 0] + c[1, 1] - 2 * c[0, 1]) ** 0.5
    assert test.difference == pytest.approx(areas[0] - areas[1], abs=1e-13)
    assert test.statistic == pytest.approx((areas[0] - areas[1]) / error)
    assert test.p_value == pytest.approx(2 * stats.norm.sf(abs(areas[0] - areas[1]) / error))
    assert test.interval == pytest.approx(stats.norm.interval(0.9, areas[0] - areas[1], error))
    back = delong_test(labels, scores[:, 1], scores[:, 0], level=0.9)
    assert (back.difference, back.p_value) == (-test.difference, test.p_value)
    assert back.interval == (-test.interval.high, -test.interval.low)


def test_images_of_one_lesion_count_less_than_independent_ones():
    labels, scores = random_case(8)
    five = (np.repeat(labels, 5), np.repeat(scores[:, 0], 5), np.repeat(scores[:, 1], 5))
    groups = np.repeat(np.arange(len(labels)), 5)
    once = delong_test(labels, scores[:, 0], scores[:, 1])
    clustered = delong_test(*five, groups=groups)
    assert clustered.p_value == pytest.approx(once.p_value, rel=1e-9), "copies add nothing"
    assert delong_test(*five).p_value < once.p_value
    assert delong_interval(*five[:2], groups=groups) == pytest.approx(delong_interval(labels, scores[:, 0]))


def test_interval_is_symmetric_on_the_logit_scale():
    labels, scores = random_case(5)
    areas, c = brute_force(labels, scores)
    a, z = areas[0], stats.norm.ppf(0.975)
    half = z * c[0, 0] ** 0.5 / (a * (1 - a))
    expected = 1 / (1 + np.exp(-(np.log(a / (1 - a)) + np.array([-half, half]))))
    assert delong_interval(labels, scores[:, 0]) == pytest.approx(expected)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.integers(-5, 5), st.integers(-5, 5), st.integers(0, 4)), max_size=25))
def test_any_scores_give_a_figure_in_range_or_nan(rows):
    labels, a, b, groups = (np.array(c) for c in zip(*rows, strict=True)) if rows else [np.array([], int)] * 4
    test = delong_test(labels.astype(bool), a, b, groups=groups)
    interval = delong_interval(labels.astype(bool), a, groups=groups)
    assert np.isnan(test.p_value) or 0 <= test.p_value <= 1
    assert np.isnan(test.p_value) or -1 <= test.interval.low <= test.difference <= test.interval.high <= 1
    assert np.isnan(interval).all() or 0 < interval.low < interval.high < 1
    stretched = delong_test(labels.astype(bool), np.exp(a / 3), b, groups=groups)
    np.testing.assert_array_equal([*stretched.interval, stretched.p_value], [*test.interval, test.p_value])


def test_models_that_rank_alike_do_not_differ():
    labels, scores = random_case(1)
    test = delong_test(labels, scores[:, 0], np.exp(scores[:, 0]))
    assert test == (0.0, (0.0, 0.0), 0.0, 1.0)


@pytest.mark.parametrize("labels", [[1, 1, 1], [0, 0, 0], [1, 0, 0], [0, 1, 1], []])
def test_too_few_of_a_kind_are_undefined(labels):
    scores = np.arange(len(labels), dtype=float)
    test = delong_test(labels, scores, -scores)
    assert np.isnan([*test.interval, test.statistic, test.p_value]).all()
    assert np.isnan(delong_interval(labels, scores)).all()


def test_positives_of_a_single_lesion_are_undefined():
    labels, scores = [1, 1, 1, 0, 0, 0], [0.4, 0.8, 0.3, 0.2, 0.5, 0.1]
    assert not np.isnan(delong_interval(labels, scores)).any()
    assert np.isnan(delong_interval(labels, scores, groups=["a", "a", "a", "b", "c", "d"])).all()


def test_perfect_separation_has_no_interval():
    assert np.isnan(delong_interval([0, 0, 1, 1], [1.0, 2.0, 3.0, 4.0])).all()
    test = delong_test([0, 0, 1, 1], [1.0, 2.0, 3.0, 4.0], [4.0, 3.0, 2.0, 1.0])
    assert test.difference == 1.0
    assert np.isnan(test.p_value)


def test_coverage_and_type_one_error_in_simulation():
    """800 sets of 60: two equally good, correlated models; the true area is Phi(1.2 / sqrt 2)."""
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1], [35, 25])
    true_area = stats.norm.cdf(1.2 / 2**0.5)
    covered, rejected, sets = 0, 0, 800
    for _ in range(sets):
        shared = rng.normal(size=60)
        a, b = (1.2 * labels + 0.8 * shared + 0.6 * rng.normal(size=60) for _ in range(2))
        interval = delong_interval(labels, a)
        covered += interval.low <= true_area <= interval.high
        rejected += delong_test(labels, a, b).p_value < 0.05
    assert 0.93 <= covered / sets <= 0.97
    assert 0.03 <= rejected / sets <= 0.07


def test_clustered_images_need_the_groups():
    """300 sets of 40 lesions with 4 images: without the groups, half of the findings would be false."""
    rng = np.random.default_rng(1)
    labels, groups = np.repeat(rng.integers(0, 2, 40), 4), np.repeat(np.arange(40), 4)
    with_groups = without = 0
    for _ in range(300):
        a, b = (labels + np.repeat(rng.normal(size=40), 4) + 0.3 * rng.normal(size=160) for _ in range(2))
        with_groups += delong_test(labels, a, b, groups=groups).p_value < 0.05
        without += delong_test(labels, a, b).p_value < 0.05
    assert with_groups / 300 < 0.09
    assert without / 300 > 0.2


def test_bad_input_is_refused():
    with pytest.raises(ConfigError, match="1 NaN among 2"):
        delong_test([0, 1], [0.5, np.nan], [0.1, 0.2])
    with pytest.raises(LabelError, match="values 2"):
        delong_interval([0, 2], [0.1, 0.2])
    with pytest.raises(ConfigError, match="scores of the two models must be equally many; got 2 and 3"):
        delong_test([0, 1], [0.5, 0.1], [0.1, 0.2, 0.3])
    with pytest.raises(ConfigError, match="labels and scores must be equally many; got 3 and 2"):
        delong_interval([0, 1, 1], [0.5, 0.1])
    with pytest.raises(ConfigError, match="groups and scores must be equally many; got 1 and 2"):
        delong_interval([0, 1], [0.5, 0.1], groups=["a"])
    with pytest.raises(ConfigError, match="groups must hold one name for each sample"):
        delong_interval([0, 1], [0.5, 0.1], groups=[["a", "b"]])


@pytest.mark.parametrize("level", [0, 1, 95, -0.1, float("nan"), "0.95", None, True])
def test_a_level_outside_0_and_1_is_refused(level):
    with pytest.raises(ConfigError, match="level must lie between 0 and 1"):
        delong_interval([0, 1], [0.5, 0.1], level)


@pytest.mark.parametrize("z", [0.0, 0.5, -1.96, 5.0, 20.0])
def test_normal_distribution_equals_scipys(z):
    assert two_sided_p(z) == pytest.approx(2 * stats.norm.sf(abs(z)), rel=1e-12)
    assert two_sided_p(z) == pytest.approx(stats.chi2.sf(z * z, 1), rel=1e-9)
    assert normal_quantile(0.95) == pytest.approx(stats.norm.ppf(0.975), rel=1e-12)
