"""What goes wrong when dermoscopy pictures are taken, stored and sent, at five strengths each.

Made for evaluation: how much worse does a model become? (Hendrycks and Dietterich 2019, "Benchmarking neural network
robustness to common corruptions and perturbations", asked that of ImageNet, Di Salvo et al. 2024, "MedMNIST-C", of
medical pictures.) Lengths are fractions of the picture's short side, so that a strength means the same at any size. On
very small pictures the mildest blur and the mildest loss of detail are finer than a pixel and change nothing.

A result depends on (seed, index, corruption, strength) and the picture alone. The random choices of a picture, such as
the direction of a blur or the places of the first hairs, are the same at every strength.
"""

from __future__ import annotations

import math
import random
import zlib
from collections.abc import Callable
from functools import cache
from types import ModuleType
from typing import TYPE_CHECKING, Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from skinzoo.drawing import apply_vignette, draw_hairs, to_bytes
from skinzoo.errors import ConfigError, ImageDecodeError, MaskError
from skinzoo.registry import Registry
from skinzoo.transforms.artefacts import draw_gel_bubbles, draw_ink, draw_paper_ruler
from skinzoo.transforms.backend import load_albumentations

if TYPE_CHECKING:
    import albumentations

ByteArray = NDArray[np.uint8]
Corruption = Callable[[ByteArray, Any, np.random.Generator], ByteArray]
"""A picture, the level that belongs to a strength, and the source of randomness, to the corrupted picture."""

STRENGTHS = (1, 2, 3, 4, 5)
"""From mild to severe; a person still recognises the lesion at the last."""

NOISE_GRAIN = 224
"""Grains of noise across the short side; a smaller picture has one a pixel."""

CORRUPTIONS: Registry[Corruption] = Registry("corruption")
"""Facets: `family`, `levels` (one for each strength; the function's docstring says what they are), and `moves`, True if
the geometry changes and a mask has to follow."""


class Corrupted(NamedTuple):
    """A corrupted picture.

    Attributes:
        image: uint8 RGB, of the size given.
        mask: uint8 of 0 and 1, moved as the image was; None for no mask.
    """

    image: ByteArray
    mask: ByteArray | None


@cache
def _albumentations() -> ModuleType:
    """Looked for once: asking for its version takes longer than some corruptions."""
    return load_albumentations()


def list_corruptions(pattern: str = "*", *, family: str | None = None) -> list[str]:
    """Names of the corruptions that match a shell-style pattern.

    Args:
        pattern: Such as `"*noise"`.
        family: `"sharpness"`, `"noise"`, `"light"`, `"colour"`, `"artefact"` or `"framing"`; None for all.
    """
    return CORRUPTIONS.names(pattern, family=family)


def corrupt(
    image: NDArray[Any],
    name: str,
    strength: int,
    *,
    seed: int = 0,
    index: int = 0,
    mask: NDArray[Any] | None = None,
) -> Corrupted:
    """Corrupt one picture.

    Args:
        image: uint8 RGB of any size (H, W, 3); it stays as it is.
        name: One of `list_corruptions()`.
        strength: 1 (mild) to 5 (severe).
        seed: Not negative; another seed, other random choices.
        index: Number of the picture, not negative; another picture, other random choices.
        mask: uint8 of 0 and 1 (H, W), which follows where the geometry changes.

    Raises:
        UnknownNameError: No such corruption; the message lists close matches.
        ConfigError: No such strength, or a seed or index that is no whole number of at least 0.
        ImageDecodeError: The image is not uint8 of shape (H, W, 3), or empty.
        MaskError: The mask has another height or width than the image, or is not uint8.
    """
    entry = CORRUPTIONS.resolve(name)
    check_strength(strength)
    for what, value in (("seed", seed), ("index", index)):
        if not isinstance(value, int | np.integer) or isinstance(value, bool) or value < 0:
            raise ConfigError(f"{what} must be a whole number of at least 0, got {value!r}.")
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or not image.size:
        raise ImageDecodeError(
            f"expected a uint8 RGB image of shape (H, W, 3), got {image.dtype} of shape {image.shape}; corrupt "
            "pictures before they are normalised."
        )
    if mask is not None and (mask.shape != image.shape[:2] or mask.dtype != np.uint8):
        raise MaskError(
            f"the mask must be uint8 of the image's shape {image.shape[:2]}; got {mask.dtype} of shape {mask.shape}.",
            "MASK_SIZE",
        )
    level = entry.facets["levels"][strength - 1]
    entropy = [int(seed), int(index), zlib.crc32(entry.name.encode())]

    def run(array: ByteArray) -> ByteArray:
        return entry.obj(np.ascontiguousarray(array), level, np.random.default_rng(entropy))

    if mask is not None:
        mask = run(mask) if entry.facets.get("moves") else mask.copy()
    return Corrupted(run(image), mask)


def check_strength(strength: object) -> None:
    """Refuse what is none of `STRENGTHS`.

    Raises:
        ConfigError: No such strength.
    """
    if isinstance(strength, bool) or not isinstance(strength, int | np.integer) or strength not in STRENGTHS:
        raise ConfigError(
            f"strength must be one of {', '.join(map(str, STRENGTHS))} (mild to severe), got {strength!r}."
        )


@CORRUPTIONS.register("defocus", family="sharpness", levels=(0.006, 0.011, 0.017, 0.025, 0.036))
def defocus(image: ByteArray, level: float, rng: np.random.Generator) -> ByteArray:
    """Blur as of a lens out of focus. Level: standard deviation of the Gaussian."""
    sigma = level * min(image.shape[:2])
    return _apply(_albumentations().GaussianBlur(blur_limit=0, sigma_limit=(sigma, sigma), p=1), image, rng)


@CORRUPTIONS.register("motion_blur", family="sharpness", levels=(0.020, 0.038, 0.060, 0.088, 0.125))
def motion_blur(image: ByteArray, level: float, rng: np.random.Generator) -> ByteArray:
    """Blur along a straight line in a random direction, as of a hand that moves. Level: the line's length.

    albumentations draws lines of a whole, odd number of pixels, so that strengths would coincide on small pictures.
    """
    kernel = _line(level * min(image.shape[:2]), rng.uniform(0, math.pi))
    return np.asarray(cv2.filter2D(image, -1, kernel, borderType=cv2.BORDER_REFLECT_101), dtype=np.uint8)


@CORRUPTIONS.register("low_resolution", family="sharpness", levels=(112, 80, 56, 40, 28))
def low_resolution(image: ByteArray, level: int, rng: np.random.Generator) -> ByteArray:  # noqa: ARG001
    """Made small, by area, and large again, linearly. Level: pixels that the short side keeps."""
    height, width = image.shape[:2]
    scale = level / min(height, width)
    if scale >= 1:
        return image.copy()
    small = (max(1, round(width * scale)), max(1, round(height * scale)))
    kept = cv2.resize(image, small, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(kept, (width, height), interpolation=cv2.INTER_LINEAR), dtype=np.uint8)


@CORRUPTIONS.register("gaussian_noise", family="noise", levels=(0.03, 0.06, 0.10, 0.15, 0.22))
def gaussian_noise(image: ByteArray, level: float, rng: np.random.Generator) -> ByteArray:
    """Noise of each colour channel, in grains of 1/224 of the short side. Level: its deviation; values run to 1."""
    grain = min(1.0, NOISE_GRAIN / min(image.shape[:2]))
    noise = _albumentations().GaussNoise(std_range=(level, level), noise_scale_factor=grain, p=1)
    return _apply(noise, image, rng)


@CORRUPTIONS.register("jpeg", family="noise", levels=(40, 24, 15, 10, 6))
def jpeg(image: ByteArray, level: int, rng: np.random.Generator) -> ByteArray:
    """Stored as JPEG at the size that it has. Level: JPEG's quality."""
    return _apply(_albumentations().ImageCompression(quality_range=(level, level), p=1), image, rng)


@CORRUPTIONS.register("bright", family="light", levels=(0.06, 0.12, 0.19, 0.27, 0.36))
def bright(image: ByteArray, level: float, rng: np.random.Generator) -> ByteArray:
    """Overexposed. Level: what is added, as a fraction of the value range."""
    return _light(image, rng, add=level)


@CORRUPTIONS.register("dark", family="light", levels=(0.15, 0.29, 0.42, 0.54, 0.66))
def dark(image: ByteArray, level: float, rng: np.random.Generator) -> ByteArray:
    """Underexposed. Level: the share of the light that is missing."""
    return _light(image, rng, times=1 - level)


@CORRUPTIONS.register("contrast", family="light", levels=(0.18, 0.34, 0.48, 0.61, 0.72))
def contrast(image: ByteArray, level: float, rng: np.random.Generator) -> ByteArray:
    """Washed out: every value moves towards the picture's mean. Level: by this share."""
    return _light(image, rng, times=1 - level, add=level * float(image.mean()) / 255)


@CORRUPTIONS.register("colour_cast", family="colour", levels=(0.06, 0.12, 0.19, 0.27, 0.36))
def colour_cast(image: ByteArray, level: float, rng: np.random.Generator) -> ByteArray:
    """Another illuminant or white balance: a factor for each channel, in a random direction of hue.

    Level: length of the vector of the factors' logarithms, whose sum is 0.
    """
    angle = rng.uniform(0, 2 * math.pi)
    direction = np.sqrt(2 / 3) * np.cos(angle - np.arange(3) * (2 * math.pi / 3))
    return to_bytes(image * np.exp(level * direction).astype(np.float32))


@CORRUPTIONS.register("saturation", family="colour", levels=(0.75, 0.55, 0.38, 0.20, 0.0))
def saturation(image: ByteArray, level: float, rng: np.random.Generator) -> ByteArray:
    """Pale colours, in the end none. Level: the share of the colour that is left."""
    still = (1.0, 1.0)
    a = _albumentations()
    jitter = a.ColorJitter(brightness=still, contrast=still, saturation=(level, level), hue=(0, 0), p=1)
    return _apply(jitter, image, rng)


@CORRUPTIONS.register("hair", family="artefact", levels=(5, 12, 24, 42, 70))
def hair(image: ByteArray, level: int, rng: np.random.Generator) -> ByteArray:
    """Hairs of one colour. Level: how many."""
    return draw_hairs(image, rng, count=level, thickness=(0.004, 0.011))


@CORRUPTIONS.register("ruler", family="artefact", levels=(0.05, 0.10, 0.16, 0.22, 0.28))
def ruler(image: ByteArray, level: float, rng: np.random.Generator) -> ByteArray:
    """A paper ruler along an edge. Level: how far it reaches into the picture."""
    return draw_paper_ruler(image, rng, depth=level)


@CORRUPTIONS.register("ink", family="artefact", levels=(1, 2, 4, 7, 11))
def ink(image: ByteArray, level: int, rng: np.random.Generator) -> ByteArray:
    """Strokes of a skin marker around the middle. Level: how many."""
    return draw_ink(image, rng, count=level)


@CORRUPTIONS.register("bubbles", family="artefact", levels=(6, 14, 28, 50, 85))
def bubbles(image: ByteArray, level: int, rng: np.random.Generator) -> ByteArray:
    """Air bubbles in the immersion gel. Level: how many."""
    return draw_gel_bubbles(image, rng, count=level)


@CORRUPTIONS.register("vignette", family="framing", levels=(0.96, 0.86, 0.76, 0.66, 0.56))
def vignette(image: ByteArray, level: float, rng: np.random.Generator) -> ByteArray:
    """Dark corners of a round field of view. Level: its radius, as a fraction of half the diagonal."""
    x, y = rng.uniform(0.47, 0.53, 2)
    return np.asarray(apply_vignette(image, radius=level, softness=0.08, centre=(float(x), float(y))), dtype=np.uint8)


@CORRUPTIONS.register("off_centre", family="framing", moves=True, levels=(0.90, 0.82, 0.74, 0.66, 0.58))
def off_centre(image: ByteArray, level: float, rng: np.random.Generator) -> ByteArray:
    """A part of the picture at its border, as large as the whole. Level: its share of height and width."""
    height, width = image.shape[:2]
    angle = rng.uniform(0, 2 * math.pi)
    direction = np.array([math.sin(angle), math.cos(angle)])
    direction /= np.abs(direction).max()  # the part touches the border
    kept = np.array([max(1, round(level * height)), max(1, round(level * width))])
    top, left = np.rint((np.array([height, width]) - kept) * (1 + direction) / 2).astype(int).tolist()
    part = image[top : top + kept[0], left : left + kept[1]]
    method = cv2.INTER_NEAREST_EXACT if image.ndim == 2 else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(part, (width, height), interpolation=method), dtype=np.uint8)


def _light(image: ByteArray, rng: np.random.Generator, *, times: float = 1.0, add: float = 0.0) -> ByteArray:
    """Every value multiplied by `times`, and `add` of the value range added."""
    a = _albumentations()
    settings = {"brightness_limit": (add, add), "contrast_limit": (times - 1, times - 1)}
    return _apply(a.RandomBrightnessContrast(**settings, ensure_safe_range=False, p=1), image, rng)


def _apply(transform: albumentations.BasicTransform, image: ByteArray, rng: np.random.Generator) -> ByteArray:
    """An albumentations transform of fixed parameters; made for each picture, so that threads share no state."""
    transform.set_random_state(rng, random.Random(int(rng.integers(2**32))))  # noqa: S311
    return np.asarray(transform(image=image)["image"], dtype=np.uint8)


def _line(length: float, angle: float) -> NDArray[np.float32]:
    """A kernel that averages along a line of any length in pixels; its weights sum to 1."""
    reach = math.ceil(max(length, 1) / 2) + 1
    points = np.linspace(-length / 2, length / 2, 16 * (2 * reach + 1))
    x, y = reach + points * math.cos(angle), reach + points * math.sin(angle)
    kernel = np.zeros((2 * reach + 1, 2 * reach + 1))
    left, top = np.floor(x).astype(int), np.floor(y).astype(int)
    for down in (0, 1):  # each point is shared among the four pixels around it
        for across in (0, 1):
            share = (1 - np.abs(x - left - across)) * (1 - np.abs(y - top - down))
            np.add.at(kernel, (top + down, left + across), share)
    line: NDArray[np.float32] = (kernel / kernel.sum()).astype(np.float32)
    return line
