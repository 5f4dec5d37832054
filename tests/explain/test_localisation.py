"""Oracles: brute force over every pixel, SciPy's rank correlation, closed forms."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import rankdata, spearmanr

from skinzoo.errors import ConfigError
from skinzoo.explain import energy_inside, histogram_intersection, mask_share, pointing_game, spearman
from skinzoo.explain.localisation import dilated
from skinzoo.explain.similarity import mean_ranks

SEEDS = st.integers(0, 10**6)


def some(seed, values=4):
    rng = np.random.default_rng(seed)
    shape = rng.integers(1, 9, 2)
    return rng.integers(0, values, shape).astype(float), rng.random(shape) < 0.3


def test_one_highest_point_is_a_hit_or_a_miss():
    heat, mask = np.zeros((5, 6)), np.zeros((5, 6), np.uint8)
    heat[1, 2], mask[1:3, 2:4] = 0.4, 255
    assert pointing_game(heat, mask) == 1
    assert pointing_game(heat[::-1], mask) == 0
    assert energy_inside(heat, mask) == 1
    assert mask_share(mask) == 4 / 30


def test_a_flat_map_is_worth_chance():
    mask = np.arange(12).reshape(3, 4) < 5
    for value in (0.0, 0.7):
        assert pointing_game(np.full((3, 4), value), mask) == mask_share(mask) == 5 / 12
    assert energy_inside(np.full((3, 4), 0.7), mask) == pytest.approx(5 / 12)
    assert np.isnan(energy_inside(np.zeros((3, 4)), mask))


@given(SEEDS, st.sampled_from([0, 1, 1.5, 2, 3.7, 20]))
def test_dilation_and_pointing_by_brute_force(seed, radius):
    heat, mask = some(seed)
    lesion = np.argwhere(mask)
    near = np.zeros_like(mask)
    for place in np.ndindex(mask.shape):
        near[place] = len(lesion) > 0 and np.hypot(*(lesion - place).T).min() <= radius
    assert np.array_equal(dilated(mask, radius), near)
    best = [near[place] for place in np.ndindex(mask.shape) if heat[place] == heat.max()]
    got = pointing_game(heat, mask, tolerance=radius)
    assert got == pytest.approx(np.mean(best)) if mask.any() else np.isnan(got)


@given(SEEDS)
def test_energy_by_brute_force(seed):
    heat, mask = some(seed)
    inside = sum(heat[p] for p in np.ndindex(mask.shape) if mask[p])
    if mask.any() and heat.any():
        assert energy_inside(heat, mask) == pytest.approx(inside / heat.sum())
        assert energy_inside(heat * 3, mask) == pytest.approx(energy_inside(heat, mask))
    else:
        assert np.isnan(energy_inside(heat, mask))


def test_no_lesion_is_undefined():
    empty = np.zeros((2, 2))
    assert np.isnan([pointing_game(np.eye(2), empty), energy_inside(np.eye(2), empty), mask_share(empty)]).all()


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: pointing_game(np.ones((2, 3)), np.ones((3, 2))), r"one shape \(H, W\); got \(2, 3\) and \(3, 2\)"),
        (lambda: pointing_game(np.ones(4), np.ones(4)), "one shape"),
        (lambda: energy_inside(np.full((2, 2), np.nan), np.ones((2, 2))), "NaN or infinite"),
        (lambda: energy_inside(-np.eye(2), np.ones((2, 2))), "must not be negative, got -1"),
        (lambda: energy_inside(np.full((2, 2), "a"), np.ones((2, 2))), "must be numeric"),
        (lambda: pointing_game(np.eye(2), np.eye(2), tolerance=-1), "tolerance must be a number of pixels.*got -1"),
        (lambda: spearman(np.ones(3), np.ones(4)), "two numeric maps of one shape"),
        (lambda: spearman(np.array([np.inf, 1]), np.ones(2)), "NaN or infinite"),
        (lambda: histogram_intersection(np.array([-1.0, 1]), np.ones(2)), "must not be negative; got -1"),
    ],
)
def test_bad_input(call, match):
    with pytest.raises(ConfigError, match=match):
        call()


@given(SEEDS)
def test_rank_correlation_equals_scipy(seed):
    rng = np.random.default_rng(seed)
    a, b = rng.integers(0, 5, (2, 4, 5)) * 1.0
    np.testing.assert_array_equal(mean_ranks(a) + 1, rankdata(a.ravel()))
    if np.ptp(a) and np.ptp(b):
        assert spearman(a, b) == pytest.approx(spearmanr(a.ravel(), b.ravel()).statistic, abs=1e-12)
    assert np.isnan(spearman(a, np.ones_like(a)))


@given(SEEDS)
def test_histogram_intersection(seed):
    rng = np.random.default_rng(seed)
    a, b = rng.random((2, 3, 4))
    assert histogram_intersection(a, 5 * a) == pytest.approx(1)
    by_distance = 1 - np.abs(a / a.sum() - b / b.sum()).sum() / 2  # one minus the total variation
    assert histogram_intersection(a, b) == pytest.approx(by_distance)
    assert np.isnan(histogram_intersection(a, 0 * a))
    assert histogram_intersection(np.array([1.0, 0]), np.array([0, 2.0])) == 0
