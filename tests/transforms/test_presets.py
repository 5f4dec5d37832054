import warnings
from importlib import metadata

import numpy as np
import pytest

from skinzoo.errors import ConfigError, MissingDependencyError, UnknownNameError
from skinzoo.transforms import AUGMENTATIONS, Transform, backend, create_augmentation, list_augmentations
from skinzoo.transforms.presets import _affine, _flips
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
    transform = Transform(PLAIN, albumentations.Compose([_affine(degrees=10)]))
    heights = []
    for index in range(60):
        assert (transform(white, index=index).image == 1).all()
        assert (transform(white, index=index).mask == 1).all()
        rows = np.nonzero(transform(dot, index=index).mask[0].numpy())[0]
        heights.append(rows.mean() - 47.5)
    assert 4 < max(np.abs(heights)) <= 39 * np.sin(np.radians(10)) + 1
    assert min(heights) < -2 < 2 < max(heights)


def test_every_flip_of_a_preset_occurs():
    transform = Transform(PLAIN, albumentations.Compose(_flips()))
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
    affine = next(
        t for t in create_augmentation("light", degrees=25).transforms if isinstance(t, albumentations.Affine)
    )
    assert affine.rotate == (-25, 25)
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
    with pytest.raises(ConfigError, match="'dermoscopy'"):
        create_augmentation("dermoscopy", hair=1.5)
    with pytest.raises(ConfigError, match="registered twice"):
        AUGMENTATIONS.register("light")(list)


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
