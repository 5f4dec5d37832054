"""Things seen on dermoscopy pictures that are not skin: hairs, dark corners, rulers, gel bubbles; and smooth noise.

Shared by the synthetic collection and the augmentations. A picture is an RGB array of shape (H, W, 3), either uint8 of
0 to 255 or float32 of 0 to 1; the functions return a new picture of the same shape and dtype. Lengths are fractions of
the picture's short side, colours are in [0, 1], and all randomness comes from the generator passed in.
"""

from __future__ import annotations

import math
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[Any]  # (H, W, 3), uint8 or float32
FloatArray = NDArray[np.floating[Any]]  # float32 throughout; the checker cannot follow that through arithmetic
ByteArray = NDArray[np.uint8]
Colour = tuple[float, float, float]

SHIFT = 4  # OpenCV draws with 4 binary digits below the pixel
HAIR_COLOURS: tuple[Colour, ...] = ((0.07, 0.05, 0.05), (0.16, 0.10, 0.07), (0.30, 0.20, 0.12), (0.72, 0.66, 0.58))


def blend(image: Picture, colour: Colour, alpha: FloatArray) -> Picture:
    """Lay `colour` (values in [0, 1]) over the picture with the opacity `alpha` (H, W) in [0, 1]."""
    top = np.asarray(colour, dtype=np.float32)
    if image.dtype == np.uint8:
        mixed = image + alpha[..., None] * (top * 255 - image)
        return to_bytes(mixed)
    return np.asarray(image + alpha[..., None] * (top - image), dtype=np.float32)


def to_bytes(values: FloatArray) -> ByteArray:
    """Round to uint8; what lies outside 0 to 255 is cut off."""
    rounded: ByteArray = np.clip(np.rint(values), 0, 255).astype(np.uint8)
    return rounded


def fixed_point(points: NDArray[Any] | float) -> NDArray[np.int32]:
    """Pixel coordinates for OpenCV's drawing functions called with `shift=SHIFT`."""
    scaled: NDArray[np.int32] = np.rint(np.asarray(points) * (1 << SHIFT)).astype(np.int32)
    return scaled


def smooth_noise(shape: tuple[int, int], scale: float, rng: np.random.Generator) -> FloatArray:
    """Cloudy noise (H, W) of mean about 0 and standard deviation about 1.

    Args:
        shape: Height and width.
        scale: Width of a cloud, as a fraction of the short side.
        rng: Source of randomness.
    """
    height, width = shape
    step = max(scale * min(shape), 1.0)
    rows, columns = math.ceil(height / step) + 3, math.ceil(width / step) + 3
    grid = rng.standard_normal((rows, columns), dtype=np.float32)
    fine = cv2.resize(grid, (math.ceil(columns * step), math.ceil(rows * step)), interpolation=cv2.INTER_CUBIC)
    top, left = int(step), int(step)  # the border of the grid is extrapolated, so it is cut off
    cloud: FloatArray = np.asarray(fine[top : top + height, left : left + width], dtype=np.float32)
    return cloud * np.float32(1.14)  # interpolation between independent values lowers the deviation to about 0.88


def hair_mask(
    shape: tuple[int, int], rng: np.random.Generator, *, count: int, thickness: tuple[float, float] = (0.003, 0.009)
) -> FloatArray:
    """Opacity (H, W) in [0, 1] of `count` curved hairs that taper towards the tip.

    Args:
        shape: Height and width.
        rng: Source of randomness.
        count: Number of hairs.
        thickness: Least and greatest width at the root, as a fraction of the short side.
    """
    height, width = shape
    short = min(shape)
    t = np.linspace(0, 1, 16)[:, None]
    layer = np.zeros(shape, dtype=np.uint8)
    main_direction = rng.uniform(0, 2 * math.pi)  # neighbouring hairs lie roughly alike
    for _ in range(count):
        root = rng.uniform(-0.1, 1.1, 2) * (width, height)
        direction = main_direction + rng.normal(0, 0.7)
        length = rng.uniform(0.25, 1.1) * short
        ahead = np.array([math.cos(direction), math.sin(direction)])
        side = np.array([-ahead[1], ahead[0]])
        tip = root + length * ahead
        bend = root + length * (rng.uniform(0.3, 0.7) * ahead + rng.uniform(-0.25, 0.25) * side)
        curve = (1 - t) ** 2 * root + 2 * t * (1 - t) * bend + t**2 * tip
        root_width = rng.uniform(*thickness) * short
        half = 0.5 * root_width * (1 - t**2) * side
        outline = fixed_point(np.vstack([curve + half, (curve - half)[::-1]]))
        opacity = min(1.0, 0.35 + 0.5 * root_width) * rng.uniform(0.8, 1.0)  # a hair thinner than a pixel is faint
        cv2.fillPoly(layer, [outline], int(255 * opacity), lineType=cv2.LINE_AA, shift=SHIFT)
    return layer.astype(np.float32) / 255


def draw_hairs(
    image: Picture,
    rng: np.random.Generator,
    *,
    count: int,
    thickness: tuple[float, float] = (0.003, 0.009),
    colour: Colour | None = None,
) -> Picture:
    """Lay hairs over the picture.

    Args:
        image: See the module.
        rng: Source of randomness.
        count: Number of hairs.
        thickness: Least and greatest width at the root, as a fraction of the short side.
        colour: The hairs' colour; None draws one of `HAIR_COLOURS`, from black to fair.
    """
    if colour is None:
        colour = HAIR_COLOURS[int(rng.integers(len(HAIR_COLOURS)))]
    height, width = image.shape[:2]
    return blend(image, colour, hair_mask((height, width), rng, count=count, thickness=thickness))


def apply_vignette(
    image: Picture,
    *,
    radius: float = 0.95,
    softness: float = 0.1,
    strength: float = 1.0,
    centre: tuple[float, float] = (0.5, 0.5),
) -> Picture:
    """Darken what lies outside the round field of view of a dermatoscope.

    Args:
        image: See the module.
        radius: Of the field of view, as a fraction of half the picture's diagonal; 1 just leaves the corners alone.
        softness: Width of the transition, in the unit of `radius`.
        strength: 0 leaves the picture as it is, 1 makes the outside black.
        centre: Of the field of view, as fractions of width and height.
    """
    height, width = image.shape[:2]
    half_diagonal = 0.5 * math.hypot(height, width)
    x = (np.arange(width, dtype=np.float32) + 0.5 - centre[0] * width) / half_diagonal
    y = (np.arange(height, dtype=np.float32) + 0.5 - centre[1] * height) / half_diagonal
    distance = np.sqrt(x[None, :] ** 2 + y[:, None] ** 2)
    outside = np.clip((distance - radius) / max(softness, 1e-3) + 0.5, 0, 1)
    return blend(image, (0.0, 0.0, 0.0), (strength * outside).astype(np.float32))


def draw_ruler(image: Picture, rng: np.random.Generator) -> Picture:
    """Lay a millimetre scale along one of the four edges."""
    height, width = image.shape[:2]
    short = min(height, width)
    layer = np.zeros((height, width), dtype=np.uint8)
    spacing = rng.uniform(0.04, 0.08) * short
    depth = rng.uniform(0.02, 0.08) * short  # distance of the scale from the edge
    start = rng.uniform(0, spacing)
    vertical, far = bool(rng.integers(2)), bool(rng.integers(2))
    along, across = (height, width) if vertical else (width, height)
    thick = max(1, round(0.006 * short))
    for k in range(int((along - start) / spacing) + 1):
        tick = (0.09 if k % 5 == 0 else 0.05) * short
        ends = np.array([[start + k * spacing, depth], [start + k * spacing, depth + tick]])
        if far:
            ends[:, 1] = across - 1 - ends[:, 1]
        a, b = fixed_point(ends[:, ::-1] if vertical else ends).tolist()
        cv2.line(layer, a, b, 255, thick, cv2.LINE_AA, SHIFT)
    return blend(image, (0.12, 0.12, 0.16), layer.astype(np.float32) * np.float32(rng.uniform(0.6, 0.9) / 255))


def draw_bubbles(image: Picture, rng: np.random.Generator, *, count: int) -> Picture:
    """Lay bubbles of immersion gel over the picture: a faint bright disc with a brighter rim."""
    height, width = image.shape[:2]
    short = min(height, width)
    layer = np.zeros((height, width), dtype=np.uint8)
    for _ in range(count):
        centre = fixed_point(rng.uniform(0, 1, 2) * (width, height)).tolist()
        radius = int(fixed_point(rng.uniform(0.015, 0.05) * short))
        cv2.circle(layer, centre, radius, 25, -1, cv2.LINE_AA, SHIFT)
        cv2.circle(layer, centre, radius, int(rng.integers(60, 120)), 1, cv2.LINE_AA, SHIFT)
    soft = cv2.GaussianBlur(layer, (3, 3), 0)
    return blend(image, (1.0, 1.0, 1.0), soft.astype(np.float32) / 255)
