"""Draws dermoscopy-like lesions with exact masks: the picture of the synthetic collection as a pure function.

Skin and lesion are mixed as light is absorbed: melanin, blood and keratin add to an optical density per colour channel,
and a pixel's value is `exp(-density)` (Beer-Lambert), so the same lesion looks right on fair and on dark skin. The
lesion is painted on a canvas of its own (`_canvas`), as its class asks for (`_lesionstyles`), and then laid on skin.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from skinzoo.datasets.adapters._canvas import BLOOD, BLOODLESS_SKIN, CANVAS_EXTENT, MELANIN, Canvas, blurred
from skinzoo.datasets.adapters._lesionstyles import STYLES
from skinzoo.drawing import (
    ByteArray,
    FloatArray,
    apply_vignette,
    draw_bubbles,
    draw_hairs,
    draw_ruler,
    smooth_noise,
    to_bytes,
)
from skinzoo.taxonomy import ISIC2018

SKIN_TONES = 6
"""Number of skin tones, 1 (fairest) to 6 (darkest)."""
_TONE_SHARES = (0.22, 0.22, 0.19, 0.15, 0.12, 0.10)
_TONE_MELANIN = (0.02, 0.10, 0.22, 0.40, 0.68, 1.00)


@dataclass(frozen=True)
class Lesion:
    """What all views of one lesion share.

    Attributes:
        number: Counted from 0.
        label: Class index in `ISIC2018`.
        skin_tone: 1 (fairest) to 6 (darkest).
    """

    number: int
    label: int
    skin_tone: int


def describe_lesion(seed: int, index: int, *, views_per_lesion: int = 2) -> Lesion:
    """The lesion on picture `index`, without painting it; each run of seven lesions holds every class once."""
    lesion = index // views_per_lesion
    block, place = divmod(lesion, len(ISIC2018))
    label = int(np.random.default_rng([seed, 0, block]).permutation(len(ISIC2018))[place])
    tone = int(np.random.default_rng([seed, 1, lesion]).choice(SKIN_TONES, p=_TONE_SHARES)) + 1
    return Lesion(lesion, label, tone)


def draw_lesion(
    seed: int, index: int, *, size: int = 128, views_per_lesion: int = 2, artefacts: bool = True
) -> tuple[ByteArray, ByteArray, int]:
    """Paint picture `index` of the endless collection `seed`.

    Depends on the arguments alone: not on earlier calls, on any global random state or on the process.

    Args:
        seed: Names the collection; not negative.
        index: Number of the picture; not negative.
        size: Height and width in pixels.
        views_per_lesion: Pictures of each lesion; they differ in angle, zoom, light and artefacts.
        artefacts: False leaves out hairs, ruler, gel bubbles and dark corners; the mask is the same.

    Returns:
        The picture (uint8 RGB, size x size x 3), the mask it was painted with (uint8, size x size, 1 = lesion), and the
        class index in `ISIC2018`.
    """
    lesion = describe_lesion(seed, index, views_per_lesion=views_per_lesion)
    lesion_rng = np.random.default_rng([seed, 1, lesion.number, 1])  # describe_lesion uses [seed, 1, lesion]
    style = STYLES[ISIC2018.classes[lesion.label]]
    skin = BLOODLESS_SKIN + _skin_melanin(lesion.skin_tone, lesion_rng) * MELANIN + lesion_rng.uniform(0, 0.3) * BLOOD
    radius = lesion_rng.uniform(0.20, 0.33)
    softness = lesion_rng.uniform(*style.softness)
    canvas = Canvas(size, lesion_rng, irregularity=lesion_rng.uniform(*style.irregularity), skin=skin)
    style.paint(canvas, lesion_rng)
    painted = blurred(canvas.density, 0.007)  # skin scatters light: nothing in it is sharp

    view_rng = np.random.default_rng([seed, 2, index])
    matrix = _view_matrix(size, radius, view_rng)
    density = cv2.warpAffine(painted, matrix, (size, size), borderMode=cv2.BORDER_REPLICATE)
    level = cv2.warpAffine(canvas.level, matrix, (size, size), borderMode=cv2.BORDER_CONSTANT, borderValue=-1)
    mask: ByteArray = (level > 0).astype(np.uint8)
    softness = max(softness, 0.7 / (radius * size))  # at least about a pixel, or the border would be a staircase
    opacity = np.clip(0.5 + level / (2 * softness), 0, 1)
    density = _skin_surface(size, skin, view_rng) + opacity[..., None] * density
    image = cv2.exp(-density) * _light(size, lesion.skin_tone, view_rng)
    if artefacts:
        image = _add_artefacts(image, view_rng)
    noise_rng = np.random.default_rng([seed, 3, index])  # its own, so that artefacts do not shift it
    image = image * 255 + noise_rng.normal(0, 3.0, (size, size, 1)).astype(np.float32)
    return to_bytes(image), mask, lesion.label


def _view_matrix(size: int, radius: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Affine map (2, 3) from canvas to picture: `radius` is the lesion's, as a fraction of the picture's side."""
    scale = radius * rng.uniform(0.85, 1.15) * 2 * CANVAS_EXTENT
    turn = rng.uniform(0, 2 * math.pi)
    middle = (size - 1) / 2
    shift = rng.uniform(-0.08, 0.08, 2) * size
    linear = scale * np.array([[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]])
    return np.column_stack([linear, middle + shift - linear @ (middle, middle)])


def _skin_melanin(tone: int, rng: np.random.Generator) -> float:
    return _TONE_MELANIN[tone - 1] * rng.uniform(0.8, 1.2)


def _skin_surface(size: int, skin: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Optical density (size, size, 3) of healthy skin: uneven pigment and blood, and its fine relief."""
    shape = (size, size)
    pigment = 0.03 * smooth_noise(shape, 0.25, rng) + 0.02 * smooth_noise(shape, 0.04, rng)
    blood = 0.03 * smooth_noise(shape, 0.35, rng) + 0.025 * smooth_noise(shape, 0.06, rng)
    return (skin + pigment[..., None] * MELANIN + blood[..., None] * BLOOD).astype(np.float32)


def _light(size: int, tone: int, rng: np.random.Generator) -> FloatArray:
    """Brightness (size, size, 3) of the light: exposure, colour cast, a gradient across the picture."""
    exposure = rng.uniform(0.88, 1.08) * (1 + 0.03 * (tone - 1))  # cameras expose dark skin longer
    cast = 1 + rng.normal(0, (0.03, 0.03, 0.05))
    axis = np.linspace(-1, 1, size, dtype=np.float32)
    across = 1 + rng.uniform(-0.08, 0.08) * axis - 0.06 * axis**2
    down = rng.uniform(-0.08, 0.08) * axis - 0.06 * axis**2
    light: FloatArray = (across[None, :] + down[:, None])[..., None] * (exposure * cast).astype(np.float32)
    return light


def _add_artefacts(image: FloatArray, rng: np.random.Generator) -> FloatArray:
    if rng.random() < 0.12:
        image = draw_ruler(image, rng)
    if rng.random() < 0.15:
        image = draw_bubbles(image, rng, count=int(rng.integers(2, 9)))
    if rng.random() < 0.45:
        image = draw_hairs(image, rng, count=int(rng.geometric(0.2)))
    if rng.random() < 0.25:
        centre = tuple(rng.uniform(0.46, 0.54, 2))
        image = apply_vignette(image, radius=rng.uniform(0.72, 0.98), softness=rng.uniform(0.03, 0.12), centre=centre)
    return image
