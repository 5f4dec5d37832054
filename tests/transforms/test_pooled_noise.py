import itertools
import random

import numpy as np
import pytest
from scipy import stats

from skinzoo.errors import ConfigError
from skinzoo.transforms.noise import BLOCK, POOL, PooledNoise, noise_pool

GREY = np.full((128, 128, 3), 128, np.uint8)


def noises(std, count, image=GREY):
    """The noise of so many pictures, in grey levels."""
    step = PooledNoise((std, std), p=1)
    step.set_random_state(np.random.default_rng(0), random.Random(0))
    return [step(image=image)["image"].astype(float) - image for _ in range(count)]


@pytest.mark.parametrize("std", [0.005, 0.03, 0.1])
def test_mean_and_deviation_are_as_drawn(std):
    """Rounding to bytes adds the variance of a uniform distribution, 1/12."""
    for noise in noises(std, 20):
        assert noise.std() == pytest.approx(np.sqrt((255 * std) ** 2 + 1 / 12), rel=0.02)
        assert abs(noise.mean()) < 4 * 255 * std / np.sqrt(noise.size) + 0.003


def test_the_noise_is_normal():
    """Oracle: SciPy's Kolmogorov-Smirnov test, with the steps of rounding filled evenly."""
    fill = np.random.default_rng(0)
    for noise in noises(0.05, 5):
        spread = (noise + fill.uniform(-0.5, 0.5, noise.shape)) / np.sqrt(12.75**2 + 2 / 12)
        assert stats.kstest(spread.ravel()[::5], "norm").pvalue > 1e-3
    pool = noise_pool()[:POOL].astype(np.float32)
    assert abs(stats.skew(pool)) < 0.01
    assert abs(stats.kurtosis(pool)) < 0.02
    assert (pool.min(), pool.max()) == (1, 255)


def test_two_pictures_have_unrelated_noise():
    flat = [n.ravel() for n in noises(0.05, 20)]
    worst = max(abs(np.corrcoef(a, b)[0, 1]) for a, b in itertools.combinations(flat, 2))
    assert worst < 0.02


def test_neighbours_in_a_picture_have_unrelated_noise():
    for noise in noises(0.05, 3):
        pairs = [(noise[1:], noise[:-1]), (noise[:, 1:], noise[:, :-1]), (noise[..., 1:], noise[..., :-1])]
        assert all(abs(np.corrcoef(a.ravel(), b.ravel())[0, 1]) < 0.02 for a, b in pairs)


@pytest.mark.parametrize("shape", [(64, 64, 3), (512, 400, 3), (7, 5)])
@pytest.mark.parametrize("start", [0, 12345, POOL - 100])
def test_large_pictures_and_the_end_of_the_pool(shape, start):
    """By hand: the pool, read around in a circle, times the deviation; the middle shape takes two blocks."""
    assert (np.prod(shape) > BLOCK) == (shape[0] == 512)
    step, image = PooledNoise(), np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    places = (start + np.arange(image.size)) % POOL
    noise = 255 * 0.04 / 32 * (noise_pool()[places].astype(float) - 128).reshape(shape)
    expected = np.clip(image + noise, 0, 255)
    got = step.apply(image, std=0.04, start=start)
    assert got.dtype == np.uint8
    assert np.abs(got - expected).max() <= 0.51
    as_float = step.apply((image / 255).astype(np.float32), std=0.04, start=start)
    assert as_float.dtype == np.float32
    assert np.abs(255 * as_float - expected).max() < 1e-3


def test_the_strengths_are_drawn_evenly():
    step = PooledNoise((0.01, 0.04))
    step.set_random_state(np.random.default_rng(0), random.Random(0))
    seen = [step.get_params() for _ in range(2000)]
    assert stats.kstest([abs(p["std"]) for p in seen], stats.uniform(0.01, 0.03).cdf).pvalue > 1e-3
    assert stats.kstest([p["start"] for p in seen], stats.uniform(0, POOL).cdf).pvalue > 1e-3
    assert stats.binomtest(sum(p["std"] > 0 for p in seen), 2000, 0.5).pvalue > 1e-3


def test_a_picture_is_not_written_to():
    image = GREY.copy()
    PooledNoise((0.1, 0.1), p=1)(image=image)
    assert (image == GREY).all()


def test_wrong_pictures_and_options_are_errors():
    with pytest.raises(ConfigError, match="expected a uint8 or float32 picture, got int32"):
        PooledNoise(p=1)(image=GREY.astype(np.int32))
    with pytest.raises(ConfigError, match="two numbers"):
        PooledNoise(0.1)
    with pytest.raises(ConfigError, match=r"from 0\.2 to 0\.5, got 0\.1"):
        PooledNoise((0.2, 0.1))
    with pytest.raises(ConfigError, match="p must be"):
        PooledNoise(p=7)
