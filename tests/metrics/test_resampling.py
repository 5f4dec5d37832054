"""Draws of clusters, and expanded percentiles. Oracles: the definition, SciPy's t and normal distributions."""

import numpy as np
import pytest
from scipy import stats

from skinzoo.errors import ConfigError
from skinzoo.metrics import cluster_weights
from skinzoo.metrics.percentiles import percentile_interval, student_quantile, tail_share
from skinzoo.metrics.resampling import _BATCH_CELLS


def drawn(groups, resamples=1000, seed=0):
    return np.concatenate(list(cluster_weights(groups, resamples, seed)))


def test_a_cluster_is_drawn_as_a_whole_and_as_many_as_there_are():
    groups = np.array(["b", "a", "b", "c", "a", "b", "d"])
    weights = drawn(groups, 200)
    assert weights.shape == (200, 7)
    assert weights.dtype == np.float64
    for name in "abcd":
        assert (weights[:, groups == name] == weights[:, groups == name][:, :1]).all()
    each = np.stack([weights[:, groups == name][:, 0] for name in "abcd"], axis=1)
    np.testing.assert_array_equal(each.sum(axis=1), 4)
    np.testing.assert_array_equal(each, each.astype(int))


def test_each_cluster_is_drawn_once_on_average_and_varies_as_a_binomial():
    weights = drawn(np.arange(50), 4000)
    assert weights.mean(axis=0) == pytest.approx(np.ones(50), abs=0.08)
    assert weights.var() == pytest.approx(1 - 1 / 50, abs=0.02)


def test_draws_follow_the_sorted_names_whatever_the_order_and_size_of_the_clusters():
    groups = np.array(["b", "a", "b", "c"])
    weights = drawn(groups, 50, seed=3)
    np.testing.assert_array_equal(drawn(groups[::-1], 50, seed=3), weights[:, ::-1])
    np.testing.assert_array_equal(drawn(["a", "b", "c"], 50, seed=3), weights[:, [1, 0, 3]])
    np.testing.assert_array_equal(drawn(["lesion_1", "lesion_2", "lesion_3"], 50, seed=3), weights[:, [1, 0, 3]])
    np.testing.assert_array_equal(drawn(groups.astype(object), 50, seed=3), weights)
    assert (drawn(groups, 50, seed=4) != weights).any()


@pytest.mark.parametrize("num_clusters", [7, 8])
def test_the_size_of_the_batches_changes_nothing(num_clusters, monkeypatch):
    groups = np.arange(30) % num_clusters
    whole = drawn(groups, 101)
    for cells in (30, 150, 10**6):
        monkeypatch.setattr("skinzoo.metrics.resampling._BATCH_CELLS", cells)
        batches = list(cluster_weights(groups, 101))
        assert {len(batch) for batch in batches[:-1]} <= {cells // 30}
        np.testing.assert_array_equal(np.concatenate(batches), whole)


def test_batches_are_small_and_made_when_asked_for():
    weights = cluster_weights(np.arange(2 * _BATCH_CELLS), 10**9)
    assert next(weights).shape == (1, 2 * _BATCH_CELLS)


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        ([["a"]], "one name for each sample"),
        ("a", "one name for each sample"),
        ([1 + 2j], "one name for each sample"),
        ([], "no sample to draw from"),
        (["a", ""], "1 of 2 samples have no group. Give a sample"),
        ([1.0, np.nan, np.nan], "2 of 3 samples have no group"),
        (np.array(["a", None], dtype=object), "all strings or all numbers; got NoneType, str"),
    ],
)
def test_groups_that_name_no_cluster_raise(groups, message):
    with pytest.raises(ConfigError, match=message):
        cluster_weights(groups)


@pytest.mark.parametrize(("option", "value"), [("resamples", 0), ("resamples", 1.5), ("seed", -1), ("seed", True)])
def test_options_out_of_range_raise_at_once(option, value):
    with pytest.raises(ConfigError, match=f"{option} must be a whole number"):
        cluster_weights([1, 2], **{option: value})


@pytest.mark.parametrize("level", [0.5, 0.9, 0.95, 0.99])
def test_student_quantile_equals_scipy(level):
    for freedom in (1, 2, 3, 4, 7, 10, 29, 100, 999, 1000):
        assert student_quantile(level, freedom) == pytest.approx(stats.t.isf((1 - level) / 2, freedom), rel=1e-12)
    assert student_quantile(level, 10**6) == student_quantile(level, 1000)


@pytest.mark.parametrize("n", [3, 10, 100])
def test_tail_share_equals_the_formula_of_hesterberg(n):
    expected = stats.norm.cdf(-np.sqrt(n / (n - 1)) * stats.t.ppf(0.975, n - 1))
    assert tail_share([n], 0.95) == pytest.approx(expected, rel=1e-9)


def test_tail_share_of_several_strata():
    assert tail_share([], 0.95) == pytest.approx(0.025)
    assert tail_share([10**6], 0.95) == pytest.approx(0.025, rel=0.01)
    welch = stats.norm.cdf(-np.sqrt(20 / 19) * stats.t.ppf(0.975, 38))
    assert tail_share([20, 20], 0.95) == pytest.approx(welch, rel=1e-9), "as for two means of 20"
    assert tail_share([5], 0.95) < tail_share([5, 100], 0.95) < tail_share([100], 0.95)
    assert tail_share([1], 0.95) == tail_share([2], 0.95)


def test_percentiles_leave_out_what_is_undefined():
    values = np.append(np.arange(101.0), [np.nan] * 101)
    assert percentile_interval(values, level=0.9, strata=()) == pytest.approx((5, 95))
    assert np.isnan(percentile_interval(np.append(values, np.nan), level=0.9, strata=())).all()
    with pytest.raises(ConfigError, match="level must lie between 0 and 1"):
        percentile_interval(values, level=1, strata=())
