import random

import numpy as np
import plain_augmentation as plain
import pytest
from scipy import stats

from skinzoo.errors import ConfigError
from skinzoo.transforms.tone import Tone

ALL = Tone(0.3, 0.3, hue=20, saturation=0.08, value=0.04, cast=0.06)
NOTHING = {"light": None, "colour": None, "tint": None}


def every_colour():
    """A picture of 36 x 36 with 1296 colours all over the cube."""
    values = np.arange(0, 256, 51)
    cube = np.stack(np.meshgrid(values, values, values, indexing="ij"), axis=-1).reshape(-1, 3)
    rng = np.random.default_rng(0)
    return np.concatenate([cube, rng.integers(0, 256, (1080, 3))]).astype(np.uint8).reshape(36, 36, 3)


def draws(step, count):
    step.set_random_state(np.random.default_rng(0), random.Random(0))
    return [step.get_params() for _ in range(count)]


def test_brightness_and_contrast_by_hand():
    """v * (1 + contrast) + 255 * brightness, rounded once and cut off at black and white."""
    image = np.arange(256, dtype=np.uint8).reshape(16, 16)
    got = ALL.apply(image, **{**NOTHING, "light": (1.2, -0.1)})
    assert np.abs(got - np.clip(image * 1.2 - 25.5, 0, 255)).max() < 0.501


def test_tint_by_hand():
    image = every_colour()
    got = ALL.apply(image, **{**NOTHING, "tint": (1.1, 1.0, 0.9)})
    assert (got == np.clip(np.rint(image * np.array([1.1, 1.0, 0.9], np.float32)), 0, 255)).all()


def test_one_table_does_what_the_steps_do():
    """Oracle: albumentations' step for the same draw, which cuts decimals off: it is half a grey level darker."""
    image = every_colour()
    for params in draws(ALL, 150):
        gap = ALL.apply(image, **{**params, "colour": None}).astype(int)
        gap = gap - plain.tone(image, light=params["light"], tint=params["tint"])
        assert np.abs(gap).max() <= 2
        assert np.abs(gap).mean() < 1


def test_hue_saturation_and_value_are_those_of_albumentations():
    """Oracle: its HueSaturationValue; equal for shifts by whole numbers, which no rounding can change."""
    image = every_colour()
    for params in draws(Tone(0, 0, hue=20, saturation=0.08, value=0.04, each=1), 100):
        hue, saturation, value = params["colour"]
        whole = 2 * round(hue / 2), round(255 * saturation) / 255, round(255 * value) / 255
        exact = ALL.apply(image, **{**NOTHING, "colour": whole}).astype(int) - plain.tone(image, colour=whole)
        assert np.abs(exact).max() <= 1
        drawn = ALL.apply(image, **{**NOTHING, "colour": params["colour"]})
        assert np.abs(drawn.astype(int) - plain.tone(image, colour=params["colour"])).mean() < 2.5


def test_all_three_come_one_after_the_other():
    image, params = every_colour(), {"light": (0.8, 0.1), "colour": (10.0, 10 / 255, -5 / 255), "tint": (0.9, 1.1, 1.0)}
    stepwise = image
    for name, value in params.items():
        stepwise = ALL.apply(stepwise, **{**NOTHING, name: value})
    assert (ALL.apply(image, **params) == stepwise).all()


def test_grey_stays_grey():
    grey = np.repeat(np.arange(256, dtype=np.uint8).reshape(16, 16, 1), 3, axis=2)
    got = ALL.apply(grey, **{**NOTHING, "colour": (15.0, 0.08, 0.0)})
    assert (got == grey).all()


def test_the_draws_are_distributed_as_those_of_albumentations():
    """Oracle: what RandomBrightnessContrast, HueSaturationValue and ColourCast draw; Kolmogorov-Smirnov tests."""
    ours = draws(Tone(0.3, 0.3, hue=20, saturation=0.08, value=0.04, cast=0.06, each=1), 2000)
    a, rng = plain.A, (np.random.default_rng(1), random.Random(1))
    light, cast = a.RandomBrightnessContrast(0.3, 0.3, p=1), plain.ColourCast(0.06)
    colour = a.HueSaturationValue(10, 20.4, 10.2, p=1)
    for step in (light, colour, cast):
        step.set_random_state(*rng)
    theirs = [light.get_params_dependent_on_data({}, {"image": np.zeros((2, 2, 3), np.uint8)}) for _ in range(2000)]
    hsv = [colour.get_params() for _ in range(2000)]
    factors = np.array([cast.get_params()["factors"] for _ in range(2000)])
    pairs = [
        ([o["light"][0] for o in ours], [t["alpha"] for t in theirs]),
        ([255 * o["light"][1] for o in ours], [t["beta"] for t in theirs]),
        ([o["colour"][0] / 2 for o in ours], [t["hue_shift"] for t in hsv]),
        ([255 * o["colour"][1] for o in ours], [t["sat_shift"] for t in hsv]),
        ([255 * o["colour"][2] for o in ours], [t["val_shift"] for t in hsv]),
        *(([o["tint"][c] for o in ours], factors[:, c]) for c in range(3)),
    ]
    for a, b in pairs:
        assert stats.ks_2samp(a, b).pvalue > 1e-3


def test_the_three_groups_happen_independently():
    seen = draws(ALL, 2000)
    happens = np.array([[p[name] is not None for name in NOTHING] for p in seen])
    assert np.abs(happens.mean(0) - 0.5).max() < 0.05
    assert np.abs(np.corrcoef(happens.T) - np.eye(3)).max() < 0.08
    assert all(p["colour"] is None and p["tint"] is None for p in draws(Tone(each=1), 20))
    assert all(p["light"] is None for p in draws(Tone(0, 0, hue=10, each=1), 20))


def test_float_pictures_come_out_as_bytes_would():
    image = every_colour()
    for params in draws(ALL, 20):
        got = ALL.apply(image.astype(np.float32) / 255, **params)
        assert got.dtype == np.float32
        assert np.abs(255 * got - ALL.apply(image, **params)).max() < 1e-3


def test_wrong_pictures_and_options_are_errors():
    with pytest.raises(ConfigError, match=r"expected a uint8 RGB picture \(H, W, 3\), got uint8 of shape \(4, 4\)"):
        ALL.apply(np.zeros((4, 4), np.uint8), **{**NOTHING, "tint": (1.0, 1.0, 1.1)})
    with pytest.raises(ConfigError, match="got int64"):
        ALL.apply(np.zeros((4, 4, 3), np.int64), **{**NOTHING, "light": (1.0, 0.1)})
    for options, message in [
        ({"brightness": 2}, "brightness"),
        ({"hue": 200}, "from 0 to 180"),
        ({"each": -1}, "each"),
    ]:
        with pytest.raises(ConfigError, match=message):
            Tone(**options)
