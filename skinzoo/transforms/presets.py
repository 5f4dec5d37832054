"""Named augmentation presets."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from skinzoo.errors import ConfigError
from skinzoo.registry import Registry, accepted_options, check_options
from skinzoo.transforms.backend import load_albumentations

if TYPE_CHECKING:
    import albumentations

Preset = Callable[..., "list[albumentations.BasicTransform]"]

AUGMENTATIONS: Registry[Preset] = Registry("augmentation")


def list_augmentations(pattern: str = "*") -> list[str]:
    """Names of the presets that match a shell-style pattern."""
    return AUGMENTATIONS.names(pattern)


def create_augmentation(name: str, **options: Any) -> albumentations.Compose:
    """Build an augmentation for `Transform`.

    Args:
        name: One of `list_augmentations()`.
        **options: What the preset takes, such as `degrees=20`; its function in this module lists them.

    Returns:
        An albumentations pipeline for a uint8 RGB image and its mask; the size stays.

    Raises:
        UnknownNameError: No such preset; the message lists close matches.
        ConfigError: An option that the preset does not take, or a value out of range.
        MissingDependencyError: albumentations 2.0 is not installed.
    """
    preset = AUGMENTATIONS[name]
    check_options(options, accepted_options(preset), of=f"augmentation {name!r}")
    for option, value in options.items():
        if not isinstance(value, int | float) or not value >= 0:
            raise ConfigError(f"augmentation {name!r}: {option} must be a number of at least 0, got {value!r}.")
    a = load_albumentations()
    try:
        pipeline: albumentations.Compose = a.Compose(preset(**options))
    except ValueError as error:  # albumentations' own check of the range
        raise ConfigError(f"augmentation {name!r} with {options}: {error}") from error
    return pipeline


@AUGMENTATIONS.register("none")
def none() -> list[albumentations.BasicTransform]:
    """Nothing."""
    return []


@AUGMENTATIONS.register("light")
def light(
    *, degrees: float = 10, brightness: float = 0.2, contrast: float = 0.2, noise: float = 0.03
) -> list[albumentations.BasicTransform]:
    """Flips, a small rotation, brightness and contrast, noise.

    Args:
        degrees: Greatest rotation to either side.
        brightness: Greatest change, as a fraction of the value range.
        contrast: Greatest relative change.
        noise: Greatest standard deviation of Gaussian noise, as a fraction of the value range.
    """
    from skinzoo.transforms.noise import PooledNoise
    from skinzoo.transforms.tone import Tone
    from skinzoo.transforms.warp import Warp

    return [
        Warp(degrees=degrees, move=0.5),
        Tone(brightness, contrast),
        PooledNoise(std_range=(0, noise), p=0.3),
    ]


@AUGMENTATIONS.register("strong")
def strong(
    *,
    degrees: float = 45,
    scale: float = 0.2,
    shift: float = 0.1,
    shear: float = 8,
    brightness: float = 0.3,
    contrast: float = 0.3,
    noise: float = 0.05,
) -> list[albumentations.BasicTransform]:
    """`light`, wider, with quarter turns, zoom, shift, shear, ripples, hue and saturation, blur and covered patches.

    Args:
        degrees: Greatest rotation to either side, on top of the quarter turns.
        scale: Greatest relative change of size, below 1.
        shift: Greatest shift, as a fraction of height and width.
        shear: Greatest shear angle in degrees.
        brightness: Greatest change, as a fraction of the value range.
        contrast: Greatest relative change.
        noise: Greatest standard deviation of Gaussian noise, as a fraction of the value range.
    """
    a = load_albumentations()
    from skinzoo.transforms.noise import PooledNoise
    from skinzoo.transforms.tone import Tone
    from skinzoo.transforms.warp import Warp

    side = (0.05, 0.15)
    return [
        Warp(transpose=0.5, degrees=degrees, scale=scale, shift=shift, shear=shear, ripple=0.0015),
        Tone(brightness, contrast, hue=20, saturation=0.08, value=0.04),
        a.GaussianBlur(blur_limit=(3, 5), p=0.2),
        PooledNoise(std_range=(0, noise), p=0.3),
        # fill_mask=None: a patch hides the lesion from the model, it does not remove it from the truth
        a.CoarseDropout(
            num_holes_range=(1, 6), hole_height_range=side, hole_width_range=side, fill=0, fill_mask=None, p=0.3
        ),
    ]


@AUGMENTATIONS.register("dermoscopy")
def dermoscopy(
    *,
    degrees: float = 45,
    scale: float = 0.2,
    shift: float = 0.1,
    brightness: float = 0.2,
    contrast: float = 0.2,
    cast: float = 0.06,
    hair: float = 0.3,
    vignette: float = 0.2,
) -> list[albumentations.BasicTransform]:
    """The geometry of `strong`, with what differs between dermoscopy pictures: tint of the light, hairs, dark corners.

    Args:
        degrees: Greatest rotation to either side, on top of the quarter turns.
        scale: Greatest relative change of size, below 1.
        shift: Greatest shift, as a fraction of height and width.
        brightness: Greatest change, as a fraction of the value range.
        contrast: Greatest relative change.
        cast: Standard deviation of the factor by which a colour channel changes.
        hair: Share of pictures with added hairs.
        vignette: Share of pictures with dark corners.
    """
    a = load_albumentations()
    from skinzoo.transforms.dermoscopy import AddHair, Vignette
    from skinzoo.transforms.tone import Tone
    from skinzoo.transforms.warp import Warp

    return [
        Warp(transpose=0.5, degrees=degrees, scale=scale, shift=shift),
        Tone(brightness, contrast, cast=cast),
        a.GaussianBlur(blur_limit=(3, 5), p=0.1),
        AddHair(p=hair),
        Vignette(p=vignette),
    ]
