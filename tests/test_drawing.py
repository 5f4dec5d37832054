import numpy as np
import pytest

from skinzoo.drawing import apply_vignette, blend, draw_bubbles, draw_hairs, draw_ruler, hair_mask, smooth_noise

FUNCTIONS = {
    "hairs": lambda image, rng: draw_hairs(image, rng, count=8),
    "ruler": draw_ruler,
    "bubbles": lambda image, rng: draw_bubbles(image, rng, count=4),
    "vignette": lambda image, rng: apply_vignette(image, radius=rng.uniform(0.7, 0.8)),
}


def grey(dtype, shape=(60, 80)):
    return np.full((*shape, 3), 150 if dtype == np.uint8 else 150 / 255, dtype=dtype)


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_draws_something_and_leaves_its_argument_alone(name, dtype):
    image = grey(dtype)
    drawn = FUNCTIONS[name](image, np.random.default_rng(1))
    assert drawn.shape == image.shape
    assert drawn.dtype == dtype
    assert (image == grey(dtype)).all()
    changed = (drawn != image).any(axis=2).mean()
    assert 0.002 < changed < 0.6


@pytest.mark.parametrize("name", FUNCTIONS)
def test_is_a_function_of_the_generator(name):
    first, again, other = (FUNCTIONS[name](grey(np.uint8), np.random.default_rng(s)) for s in (5, 5, 6))
    assert (first == again).all()
    assert (first != other).any()


@pytest.mark.parametrize("name", FUNCTIONS)
def test_uint8_and_float_agree(name):
    as_bytes = FUNCTIONS[name](grey(np.uint8), np.random.default_rng(3))
    as_float = FUNCTIONS[name](grey(np.float32), np.random.default_rng(3))
    assert np.abs(as_bytes - as_float * 255).max() <= 0.51


def test_blend_is_a_weighted_mean():
    alpha = np.full((60, 80), 0.25, dtype=np.float32)
    assert np.allclose(
        blend(grey(np.float32), (1.0, 0.0, 0.5), alpha)[0, 0], 0.75 * 150 / 255 + 0.25 * np.r_[1, 0, 0.5]
    )
    assert blend(grey(np.uint8), (1.0, 0.0, 0.5), alpha)[0, 0].tolist() == [176, 112, 144]  # 176.25, 112.5, 144.4


def test_vignette_darkens_the_corners_only():
    image = apply_vignette(grey(np.uint8), radius=0.9, softness=0.05)
    assert image[0, 0].tolist() == [0, 0, 0]
    assert image[30, 40].tolist() == [150, 150, 150]
    assert (apply_vignette(grey(np.uint8), radius=0.5, strength=0.0) == 150).all()


def test_hairs_taper_and_no_hair_is_no_change():
    assert not hair_mask((50, 50), np.random.default_rng(0), count=0).any()
    few, many = (hair_mask((100, 100), np.random.default_rng(0), count=n).mean() for n in (2, 30))
    assert few < many
    thin, thick = (
        (hair_mask((200, 200), np.random.default_rng(0), count=5, thickness=(w, w)) > 0.2).mean() for w in (0.01, 0.05)
    )
    assert thick > 2 * thin


@pytest.mark.parametrize("shape", [(128, 128), (96, 200), (33, 47)])
def test_smooth_noise_is_standardised_and_smooth(shape):
    noise = np.stack([smooth_noise(shape, 0.2, np.random.default_rng(s)) for s in range(40)])
    assert noise.shape[1:] == shape
    assert noise.dtype == np.float32
    assert abs(noise.mean()) < 0.15
    assert noise.std() == pytest.approx(1, abs=0.15)
    assert np.abs(np.diff(noise, axis=2)).mean() < 0.5 * noise.std()
    coarse = np.stack([smooth_noise(shape, 0.6, np.random.default_rng(s)) for s in range(40)])
    assert np.abs(np.diff(coarse, axis=2)).mean() < np.abs(np.diff(noise, axis=2)).mean()
