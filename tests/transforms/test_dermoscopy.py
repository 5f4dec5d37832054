import random

import numpy as np
import pytest
from plain_augmentation import ColourCast

from skinzoo.drawing import apply_vignette, draw_hairs
from skinzoo.transforms.dermoscopy import AddHair, Vignette

STEPS = {"hair": AddHair(p=1), "cast": ColourCast(p=1), "vignette": Vignette(p=1)}


def apply(step, image, seed=0):
    step.set_random_state(np.random.default_rng(seed), random.Random(seed))
    return step(image=image, mask=np.ones(image.shape[:2], np.uint8))


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
@pytest.mark.parametrize("name", STEPS)
def test_changes_the_image_only_and_repeatably(name, dtype):
    image = np.full((64, 80, 3), 120 if dtype == np.uint8 else 120 / 255, dtype)
    out = apply(STEPS[name], image)
    assert out["image"].dtype == dtype
    assert out["image"].shape == image.shape
    assert (out["image"] != image).any()
    assert (out["mask"] == 1).all()
    assert (apply(STEPS[name], image)["image"] == out["image"]).all()
    assert (apply(STEPS[name], image, seed=1)["image"] != out["image"]).any()


def test_a_colour_cast_multiplies_channels():
    image = np.tile(np.array([40, 80, 120], np.uint8), (8, 8, 1))
    factors = apply(ColourCast(0.1, p=1), image)["image"] / image
    assert np.ptp(factors, axis=(0, 1)).max() == 0  # the same everywhere
    assert len(set(factors[0, 0])) == 3
    assert np.abs(factors - 1).max() < 0.4


def test_hairs_darken_or_lighten_thin_lines():
    image = np.full((100, 100, 3), 120, np.uint8)
    changed = [(apply(AddHair(p=1), image, seed=s)["image"] != image).any(axis=2).mean() for s in range(10)]
    assert 0 < min(changed) <= max(changed) < 0.5
    assert (apply(AddHair(count=(0, 0), p=1), image)["image"] == image).all()


def test_a_vignette_blackens_corners_and_spares_the_centre():
    image = np.full((100, 100, 3), 120, np.uint8)
    for seed in range(10):
        out = apply(Vignette(radius=(0.72, 0.8), p=1), image, seed=seed)["image"]
        assert (out[40:60, 40:60] == 120).all()
        assert (out[[0, 0, -1, -1], [0, -1, 0, -1]] == 0).all()


def test_bytes_are_drawn_over_as_in_floating_point():
    """Oracle: the drawing functions that the synthetic collection and the corruptions use."""
    image = np.random.default_rng(0).integers(0, 256, (90, 120, 3), dtype=np.uint8)
    for seed in range(10):
        hairs = AddHair().apply(image, hairs=6, seed=seed).astype(int)
        slow = draw_hairs(image, np.random.default_rng(seed), count=6, thickness=AddHair().thickness)
        assert np.abs(hairs - slow).max() <= 1
        field, softness, centre = 0.6 + 0.04 * seed, 0.03 + 0.015 * seed, (0.46 + 0.01 * seed, 0.5)
        dark = Vignette().apply(image, field=field, softness=softness, centre=centre).astype(int)
        slow = apply_vignette(image, radius=field, softness=softness, centre=centre)
        assert np.abs(dark - slow).max() <= 1
