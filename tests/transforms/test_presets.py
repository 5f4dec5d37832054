import json
import random
import warnings
from importlib import metadata

import numpy as np
import plain_augmentation as plain
import pytest

from skinzoo.errors import ConfigError, MissingDependencyError, UnknownNameError
from skinzoo.transforms import AUGMENTATIONS, Transform, backend, create_augmentation, list_augmentations
from skinzoo.transforms.tone import Tone
from skinzoo.transforms.warp import Warp
from skinzoo.types import InputSpec, Sample

albumentations = backend.load_albumentations()
PRESETS = ["none", "light", "strong", "dermoscopy"]
PLAIN = InputSpec((96, 96), mean=(0, 0, 0), std=(1, 1, 1))


def marked():
    """A picture whose red channel is 255 on an L-shape, different under every flip and turn, and the L."""
    mask = np.zeros((96, 96), np.uint8)
    mask[20:76, 26:44] = 1
    mask[60:76, 26:70] = 1
    return Sample("x", np.stack([mask * 255, np.full_like(mask, 128), 255 - mask * 255], axis=2), mask=mask)


def geometric_only(name):
    kept = [t for t in create_augmentation(name).transforms if isinstance(t, albumentations.DualTransform)]
    return albumentations.Compose([t for t in kept if not isinstance(t, albumentations.CoarseDropout)])


def test_the_presets_are_registered():
    assert list_augmentations() == PRESETS
    assert list_augmentations("*o*") == ["none", "strong", "dermoscopy"]


@pytest.mark.parametrize("name", PRESETS)
def test_image_and_mask_move_together(name):
    transform = Transform(PLAIN, geometric_only(name))
    moved = 0
    for index in range(60):
        out = transform(marked(), index=index)
        red, mask = out.image[0].numpy() > 0.5, out.mask[0].numpy() > 0.5
        assert (red == mask).mean() > 0.98
        moved += (mask != marked().mask.astype(bool)).any()
    assert moved == 0 if name == "none" else moved > 35


@pytest.mark.parametrize("name", PRESETS)
def test_masks_keep_their_values_and_pictures_their_range(name):
    transform = Transform(PLAIN, create_augmentation(name))
    pictures = set()
    for index in range(40):
        out = transform(marked(), index=index)
        assert set(out.mask.unique().tolist()) == {0.0, 1.0}
        assert out.image.shape == (3, 96, 96)
        assert 0 <= out.image.min() <= out.image.max() <= 1
        pictures.add(out.image.numpy().tobytes())
    assert len(pictures) == 1 if name == "none" else len(pictures) > 35


@pytest.mark.parametrize("name", PRESETS)
def test_the_mask_does_not_lose_what_photometry_hides(name):
    """Noise, hairs and covered patches change the image only: the mask is that of the geometry alone."""
    pipeline = albumentations.Compose(
        [t for t in create_augmentation(name).transforms if not isinstance(t, albumentations.DualTransform)]
        + [t for t in create_augmentation(name).transforms if isinstance(t, albumentations.CoarseDropout)]
    )
    for index in range(30):
        assert (Transform(PLAIN, pipeline)(marked(), index=index).mask[0].numpy() == marked().mask).all()


def test_light_rotates_by_at_most_ten_degrees_and_mirrors_the_border():
    """Oracle: the greatest turn moves a pixel at distance r by r * sin(10 degrees)."""
    white = Sample("x", np.full((96, 96, 3), 255, np.uint8), mask=np.ones((96, 96), np.uint8))
    point = np.zeros((96, 96), np.uint8)
    point[46:50, 84:90] = 1  # on the horizontal axis, 39 pixels from the centre
    dot = Sample("x", np.zeros((96, 96, 3), np.uint8), mask=point)
    transform = Transform(PLAIN, albumentations.Compose([Warp(flip=0, degrees=10, move=0.5)]))
    heights = []
    for index in range(60):
        assert (transform(white, index=index).image == 1).all()
        assert (transform(white, index=index).mask == 1).all()
        rows = np.nonzero(transform(dot, index=index).mask[0].numpy())[0]
        heights.append(rows.mean() - 47.5)
    assert 4 < max(np.abs(heights)) <= 39 * np.sin(np.radians(10)) + 1
    assert min(heights) < -2 < 2 < max(heights)


def test_every_flip_of_a_preset_occurs():
    transform = Transform(PLAIN, albumentations.Compose([Warp(move=0)]))
    seen = {transform(marked(), index=i).mask.numpy().tobytes() for i in range(60)}
    flips = [marked().mask[::a, ::b] for a in (1, -1) for b in (1, -1)]
    assert seen == {np.ascontiguousarray(f, np.float32).tobytes() for f in flips}


@pytest.mark.parametrize("name", PRESETS)
def test_albumentations_has_nothing_to_warn_of(name):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        create_augmentation(name)
    assert not caught


def test_options_reach_the_steps():
    warp, tone, noise = create_augmentation("light", degrees=25, contrast=0, noise=0.1).transforms
    assert (warp.degrees, warp.move, tone.brightness, tone.contrast) == (25, 0.5, 0.2, 0)
    assert (noise.std_range, noise.p) == ((0, 0.1), 0.3)
    warp, tone, *_ = create_augmentation("strong", scale=0.3, shear=2, shift=0).transforms
    assert (warp.scale, warp.shear, warp.shift, warp.move, warp.transpose) == (0.3, 2, 0, 1, 0.5)
    assert create_augmentation("dermoscopy", cast=0.2).transforms[1].cast == 0.2
    hair = create_augmentation("dermoscopy", hair=1.0, vignette=0).transforms
    assert [t.p for t in hair if type(t).__name__ in ("AddHair", "Vignette")] == [1.0, 0]


def test_wrong_names_and_options_are_errors():
    with pytest.raises(UnknownNameError, match="did you mean 'strong'"):
        create_augmentation("stron")
    with pytest.raises(ConfigError, match="Did you mean 'degrees'"):
        create_augmentation("light", degree=3)
    with pytest.raises(ConfigError, match="'none' does not take the option"):
        create_augmentation("none", degrees=3)
    with pytest.raises(ConfigError, match="noise must be a number of at least 0, got -1"):
        create_augmentation("light", noise=-1)
    with pytest.raises(ConfigError, match="got nan"):
        create_augmentation("light", noise=float("nan"))
    with pytest.raises(ConfigError, match=r"scale must be a number from 0 to 0\.99, got 1"):
        create_augmentation("strong", scale=1)
    with pytest.raises(ConfigError, match="'dermoscopy'"):
        create_augmentation("dermoscopy", hair=1.5)
    with pytest.raises(ConfigError, match="registered twice"):
        AUGMENTATIONS.register("light")(list)


def cloudy(size=96, seed=0):
    """A picture of soft colours with a dark, off-centre lesion."""
    y, x = np.mgrid[:size, :size] / size
    lesion = 1 / (1 + np.exp(30 * (np.hypot(x - 0.55, y - 0.45) - 0.25)))
    waves = np.stack([np.sin(7 * x + 5 * y + k + seed) for k in range(3)], axis=2)
    return np.clip((215, 160, 140) - lesion[..., None] * (110, 95, 70) + 14 * waves, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("name", list(plain.PLAIN))
def test_pixels_are_distributed_as_those_of_the_plain_chain(name):
    """Oracle: the chain of albumentations' own steps. First and second moments over 1000 augmented pictures each.

    albumentations cuts decimals off where the presets round, which makes its pictures a little darker.
    """
    image, moments = cloudy(), []
    for pipeline in (create_augmentation(name), albumentations.Compose(plain.PLAIN[name]())):
        pipeline.set_random_state(np.random.default_rng(1), random.Random(1))
        pictures = np.array([pipeline(image=image)["image"][::4, ::4] for _ in range(1000)], dtype=np.float32)
        means = pictures.mean((1, 2))
        steps = np.diff(pictures, axis=2)
        moments.append([means.mean(0), means.std(0), pictures.std((1, 2)).mean(0), np.abs(steps).mean((0, 1, 2))])
    ours, theirs = np.array(moments)
    error = np.hypot(*(np.array(m)[1] for m in moments)) / np.sqrt(1000)  # of a mean over 1000 pictures
    assert (np.abs(ours[0] - theirs[0]) < 4 * error + 0.8).all()
    assert np.allclose(ours[1:3], theirs[1:3], rtol=0.1)
    assert np.allclose(ours[3], theirs[3], rtol=0.1)


@pytest.mark.parametrize("name", PRESETS[1:])
def test_a_preset_is_a_pipeline_like_any_other(name):
    """It can be printed, extended, saved, and replayed on another picture."""
    a, image, mask = albumentations, cloudy(), marked().mask
    preset = create_augmentation(name)
    assert "Warp(" in repr(preset)
    extended = a.Compose([*preset.transforms, a.ToGray(p=1)])
    extended.set_random_state(np.random.default_rng(0), random.Random(0))
    assert np.ptp(extended(image=image)["image"], axis=2).max() == 0

    again = a.from_dict(json.loads(json.dumps(a.to_dict(preset))))
    results = []
    for pipeline in (preset, again):
        pipeline.set_random_state(np.random.default_rng(5), random.Random(5))
        results.append([pipeline(image=image, mask=mask) for _ in range(10)])
    for one, other in zip(*results, strict=True):
        assert (one["image"] == other["image"]).all()
        assert (one["mask"] == other["mask"]).all()

    recording = a.ReplayCompose(create_augmentation(name).transforms)
    for _ in range(10):
        first = recording(image=image, mask=mask)
        second = a.ReplayCompose.replay(first["replay"], image=image, mask=mask)
        assert (first["image"] == second["image"]).all()
        assert (first["mask"] == second["mask"]).all()
        size = (48, 48)
        smaller = a.ReplayCompose.replay(first["replay"], image=cloudy(48), mask=np.zeros(size, np.uint8))
        assert smaller["image"].shape == (*size, 3)


def test_further_targets_move_along():
    a, image, mask = albumentations, cloudy(), marked().mask
    pipeline = a.Compose(
        create_augmentation("dermoscopy").transforms, additional_targets={"before": "image", "second": "mask"}
    )
    for _ in range(20):
        out = pipeline(image=image, before=image, mask=mask, second=1 - mask, masks=[mask, 1 - mask, mask])
        assert (out["image"] == out["before"]).all()
        assert (out["mask"] + out["second"] == 1).all()
        assert len(out["masks"]) == 3
        assert all((m == out[k]).all() for m, k in zip(out["masks"], ("mask", "second", "mask"), strict=True))


def test_saved_steps_say_all_their_options():
    for name in PRESETS[1:]:
        for step in create_augmentation(name).transforms[:2]:
            assert type(step)(**{k: getattr(step, k) for k in step.get_transform_init_args_names()})
            assert step.get_transform_init_args().keys() == set(step.get_transform_init_args_names())
    assert Tone(hue=3).get_transform_init_args()["hue"] == 3


@pytest.mark.parametrize(
    ("installed", "message"),
    [
        ({"albumentations": "2.0.8", "albumentationsx": "2.5.1"}, "AGPL"),
        ({"albumentationsx": "2.5.1"}, "AGPL"),
        ({"albumentations": "1.4.24"}, "but 1.4.24 is installed"),
        ({"albumentations": "2.0.7"}, "but 2.0.7 is installed"),
        ({"albumentations": "2.1.0"}, "but 2.1.0 is installed"),
        ({}, "not installed"),
    ],
)
def test_another_albumentations_is_refused(monkeypatch, installed, message):
    def version(name):
        if name not in installed:
            raise metadata.PackageNotFoundError(name)
        return installed[name]

    monkeypatch.setattr(backend.metadata, "version", version)
    with pytest.raises(MissingDependencyError, match=message):
        create_augmentation("light")


def test_albumentations_is_told_not_to_phone_home(monkeypatch):
    monkeypatch.delenv("NO_ALBUMENTATIONS_UPDATE", raising=False)
    assert backend.load_albumentations() is albumentations
    assert backend.os.environ["NO_ALBUMENTATIONS_UPDATE"] == "1"
