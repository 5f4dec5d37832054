"""Draws dermoscopy-like lesions with exact masks: the picture of the synthetic collection as a pure function.

Skin and lesion are mixed as light is absorbed: melanin, blood and keratin add to an optical density per colour channel,
and a pixel's value is `exp(-density)` (Beer-Lambert), so the same lesion looks right on fair and on dark skin. Each
class is painted with features that dermatologists look for (Kittler et al., J Am Acad Dermatol 74:1093, 2016, list
them); the amounts are chosen by eye and stand for no population.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from skinzoo.drawing import (
    SHIFT,
    ByteArray,
    Colour,
    FloatArray,
    apply_vignette,
    draw_bubbles,
    draw_hairs,
    draw_ruler,
    fixed_point,
    smooth_noise,
    to_bytes,
)
from skinzoo.taxonomy import ISIC2018

# Optical density of one unit of each absorber, for red, green and blue.
MELANIN = np.array([0.60, 0.96, 1.32], dtype=np.float32)
BLOOD = np.array([0.12, 0.95, 0.62], dtype=np.float32)
KERATIN = np.array([0.06, 0.22, 0.75], dtype=np.float32)
BLOODLESS_SKIN = np.array([0.04, 0.17, 0.20], dtype=np.float32)

SKIN_TONES = 6
"""Number of skin tones, 1 (fairest) to 6 (darkest)."""
_TONE_SHARES = (0.22, 0.22, 0.19, 0.15, 0.12, 0.10)
_TONE_MELANIN = (0.02, 0.10, 0.22, 0.40, 0.68, 1.00)

CANVAS_EXTENT = 1.75  # half the side of the square on which a lesion is painted, in units of its mean radius


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
    painted = _blurred(canvas.density, 0.007)  # skin scatters light: nothing in it is sharp

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


class Canvas:
    """The square on which one lesion is painted, in its own frame: before rotation, zoom and light.

    Args:
        size: Side in pixels; it spans `CANVAS_EXTENT` mean lesion radii to each side of the centre.
        rng: Draws the border.
        irregularity: Relative amplitude of the border's waves.
        skin: Optical density (3,) of the skin around.

    Attributes:
        x: Horizontal position (size, size) in mean radii.
        y: Vertical position.
        rho: Distance from the centre as a fraction of the border's distance in that direction: 1 on the border.
        level: `1 - rho`: positive inside the lesion, negative outside; its zero line is the mask's border.
        density: Optical density (size, size, 3) that the lesion adds to the skin's.
    """

    def __init__(self, size: int, rng: np.random.Generator, *, irregularity: float, skin: FloatArray) -> None:
        self.size, self.rng, self.skin = size, rng, skin
        axis = (np.arange(size, dtype=np.float32) + 0.5) * (2 * CANVAS_EXTENT / size) - CANVAS_EXTENT
        self.x, self.y = (np.ascontiguousarray(a) for a in np.meshgrid(axis, axis))
        distance, angle = cv2.cartToPolar(self.x, self.y)
        border = _polar_border(irregularity, rng)
        self.rho: FloatArray = distance / border[(angle * (len(border) / (2 * math.pi))).astype(np.intp) % len(border)]
        self.level: FloatArray = 1 - self.rho
        self.density: FloatArray = np.zeros((size, size, 3), dtype=np.float32)

    def add(self, absorber: FloatArray, amount: FloatArray | float) -> None:
        """Add an absorber, such as `MELANIN`, in units; negative amounts count as none."""
        self.density += np.maximum(np.asarray(amount, dtype=np.float32), 0)[..., None] * absorber

    def cover(self, colour: Colour, opacity: FloatArray) -> None:
        """Cover skin and lesion with a nearly opaque tissue of the given colour (values in (0, 1))."""
        top = -np.log(np.asarray(colour, dtype=np.float32)) - 0.8 * self.skin  # a little of the skin shows through
        self.density += opacity[..., None] * (top - self.density)

    def noise(self, scale: float) -> FloatArray:
        """Smooth noise; `scale` in mean radii."""
        return smooth_noise((self.size, self.size), scale / (2 * CANVAS_EXTENT), self.rng)

    def network(self, period: float, disorder: float) -> FloatArray:
        """Honeycomb lines (size, size) in [0, 1]; `period` in mean radii, `disorder` 0 (regular) to 1."""
        turn = self.rng.uniform(0, math.pi)
        warp_x, warp_y = (disorder * period * self.noise(0.5) for _ in range(2))
        waves = np.zeros((self.size, self.size), dtype=np.float32)
        for k in range(3):  # three plane waves at 60 degrees have their maxima on a hexagonal lattice: the holes
            a = turn + k * math.pi / 3
            phase = (self.x + warp_x) * math.cos(a) + (self.y + warp_y) * math.sin(a)
            waves += np.cos(phase * np.float32(2 * math.pi / (0.866 * period)))
        return smoothstep(waves, 0.5, -1.2)

    def dots(self, count: int, radius: tuple[float, float], *, within: tuple[float, float] = (0.0, 0.9)) -> FloatArray:
        """Round dots (size, size) in [0, 1]; radii in mean lesion radii, `within` a range of `rho`."""
        layer = np.zeros((self.size, self.size), dtype=np.uint8)
        for _ in range(count):
            centre = fixed_point(self._place(within)).tolist()
            r = max(self.rng.uniform(*radius) * self.size / (2 * CANVAS_EXTENT), 0.6)
            shade = int(self.rng.integers(170, 256))
            axes = fixed_point(r * self.rng.uniform(0.75, 1.25, 2)).tolist()
            cv2.ellipse(layer, centre, axes, self.rng.uniform(0, 180), 0, 360, shade, -1, cv2.LINE_AA, SHIFT)
        return layer.astype(np.float32) / 255

    def vessels(self, count: int) -> FloatArray:
        """Branching, winding lines (size, size) in [0, 1]."""
        layer = np.zeros((self.size, self.size), dtype=np.uint8)
        for _ in range(count):
            self._grow(layer, self._place((0.5, 1.0)), self.rng.uniform(0, 2 * math.pi), steps=9, depth=2)
        return layer.astype(np.float32) / 255

    def _grow(self, layer: ByteArray, start: NDArray[np.float64], heading: float, *, steps: int, depth: int) -> None:
        headings = heading + np.cumsum(self.rng.normal(0, 0.4, steps))
        step = 0.12 * self.size / (2 * CANVAS_EXTENT)
        path = start + step * np.cumsum(np.stack([np.cos(headings), np.sin(headings)], axis=1), axis=0)
        thick = max(1, round(self.size * (0.006 + 0.004 * depth)))
        points = [fixed_point(np.vstack([start, path]))]
        cv2.polylines(layer, points, False, 160 + 40 * depth, thick, cv2.LINE_AA, SHIFT)
        for k in self.rng.choice(steps, 2, replace=False) if depth else ():
            turn = self.rng.choice([-0.9, 0.9])
            self._grow(layer, path[k], headings[k] + turn, steps=steps // 2 + 1, depth=depth - 1)

    def _place(self, within: tuple[float, float]) -> NDArray[np.float64]:
        """A random position in pixels, uniform over the ring `within` of a circle of radius 1."""
        rho, angle = math.sqrt(self.rng.uniform(within[0] ** 2, within[1] ** 2)), self.rng.uniform(0, 2 * math.pi)
        unit = np.array([math.cos(angle), math.sin(angle)])
        return (rho * unit + CANVAS_EXTENT) * (self.size / (2 * CANVAS_EXTENT))


def smoothstep(values: FloatArray, start: float, end: float) -> FloatArray:
    """0 up to `start`, 1 from `end` on, a smooth ramp between; `end` may be the smaller one."""
    t: FloatArray = np.clip((values - start) / (end - start), 0, 1)
    return t * t * (3 - 2 * t)


def _blurred(layer: FloatArray, sigma: float) -> FloatArray:
    """Gaussian blur; `sigma` as a fraction of the side."""
    return np.asarray(cv2.GaussianBlur(layer, (0, 0), sigma * len(layer)), dtype=np.float32)


def _melanoma(c: Canvas, rng: np.random.Generator) -> None:
    """Several colours, no axis of symmetry, irregular network and blotches, blue-white veil."""
    turn = rng.uniform(0, 2 * math.pi)
    tilt: FloatArray = c.x * np.float32(math.cos(turn)) + c.y * np.float32(math.sin(turn))
    amount = rng.uniform(0.6, 1.0)
    c.add(MELANIN, np.clip(amount + 0.30 * c.noise(0.5) + rng.uniform(0.3, 0.6) * tilt, 0.25, 2.0))
    c.add(MELANIN, 0.5 * c.network(0.3, 0.5) * smoothstep(c.noise(0.7), -0.3, 0.6))
    c.add(MELANIN, 0.9 * c.dots(int(rng.integers(6, 18)), (0.03, 0.09), within=(0.3, 1.0)))
    c.add(BLOOD, rng.uniform(0.2, 0.6) * smoothstep(c.noise(0.6) - tilt, 0.2, 1.2))
    place = c.noise(0.5) + np.float32(rng.uniform(0.4, 1.4)) * tilt
    veil = smoothstep(place, 0.3, 1.2) * smoothstep(c.rho, 0.95, 0.6)
    c.cover((0.46, 0.48, 0.58), np.float32(rng.uniform(0.3, 0.8)) * veil)


def _nevus(c: Canvas, rng: np.random.Generator) -> None:
    """One brown, darker in the middle, with a regular network or globules that fade towards the border."""
    amount = rng.uniform(0.35, 0.9)
    c.add(MELANIN, amount * (1.15 - rng.uniform(0.2, 0.7) * c.rho**2) + 0.06 * c.noise(0.4))
    c.add(BLOOD, rng.uniform(0.0, 0.3))
    if rng.random() < 0.7:
        c.add(MELANIN, rng.uniform(0.3, 0.6) * c.network(rng.uniform(0.2, 0.28), 0.15))
    else:
        c.add(MELANIN, 0.5 * c.dots(int(rng.integers(25, 50)), (0.03, 0.06), within=(0.2, 1.0)))


def _basal_cell_carcinoma(c: Canvas, rng: np.random.Generator) -> None:
    """Pink and translucent, with branching vessels and blue-grey ovoid nests."""
    c.add(BLOOD, rng.uniform(0.2, 0.45) + 0.08 * c.noise(0.4))
    c.add(MELANIN, rng.uniform(0.0, 0.2) * smoothstep(c.noise(0.5), 0, 1))
    c.cover((0.96, 0.84, 0.84), np.float32(rng.uniform(0.1, 0.4)) * smoothstep(c.noise(0.5), 0.3, 1.2))
    nests = c.dots(int(rng.integers(3, 9)), (0.09, 0.20), within=(0.1, 0.85))
    c.cover((0.38, 0.38, 0.48), np.float32(rng.uniform(0.65, 0.9)) * _blurred(nests, 0.02))
    c.add(BLOOD, rng.uniform(1.0, 1.6) * c.vessels(int(rng.integers(3, 6))))


def _actinic_keratosis(c: Canvas, rng: np.random.Generator) -> None:
    """A red net around pale follicles ("strawberry") under white-yellow scale."""
    c.add(BLOOD, rng.uniform(0.3, 0.5) + rng.uniform(0.5, 0.8) * c.network(rng.uniform(0.36, 0.48), 0.3))
    c.add(MELANIN, rng.uniform(0.05, 0.3) * smoothstep(c.noise(0.4), -0.5, 1.0))
    scale = smoothstep(c.noise(0.3), rng.uniform(0.2, 0.7), 1.3)
    c.cover((0.93, 0.85, 0.70), np.float32(rng.uniform(0.6, 0.9)) * scale)


def _benign_keratosis(c: Canvas, rng: np.random.Generator) -> None:
    """Waxy yellow-brown and sharply cut off, with white milia-like cysts and dark comedo-like openings."""
    c.add(MELANIN, rng.uniform(0.15, 0.55) + 0.12 * c.noise(0.3))
    c.add(KERATIN, rng.uniform(0.6, 1.1) + 0.15 * c.noise(0.5))
    ridges = smoothstep(np.abs(c.noise(0.25)), 0.25, 0.0)
    c.add(MELANIN, rng.uniform(0.1, 0.5) * ridges)
    c.add(MELANIN, 1.3 * c.dots(int(rng.integers(4, 14)), (0.04, 0.10)))
    c.cover((0.95, 0.88, 0.74), np.float32(0.75) * c.dots(int(rng.integers(5, 16)), (0.03, 0.08)))


def _dermatofibroma(c: Canvas, rng: np.random.Generator) -> None:
    """A white, scar-like centre within a delicate network that fades into the skin."""
    c.add(MELANIN, rng.uniform(0.2, 0.45) + 0.05 * c.noise(0.4))
    c.add(BLOOD, rng.uniform(0.1, 0.35))
    c.add(MELANIN, rng.uniform(0.25, 0.5) * c.network(rng.uniform(0.18, 0.26), 0.2))
    reach = rng.uniform(0.45, 0.65)
    centre = smoothstep(c.rho + 0.08 * c.noise(0.3), reach + 0.12, reach - 0.2)
    c.cover((0.96, 0.89, 0.87), np.float32(rng.uniform(0.65, 0.95)) * centre)


def _vascular_lesion(c: Canvas, rng: np.random.Generator) -> None:
    """Red to purple lacunae, separated by paler septa."""
    c.add(BLOOD, rng.uniform(0.6, 1.0) + 0.1 * c.noise(0.4))
    purple = rng.uniform(0.0, 1.0)
    lacunae = _blurred(c.dots(int(rng.integers(14, 30)), (0.12, 0.26), within=(0.0, 0.95)), 0.01)
    c.add(BLOOD, rng.uniform(0.6, 1.1) * lacunae)
    c.cover((0.30, 0.06, 0.22), np.float32(0.65 * purple) * lacunae * smoothstep(c.noise(0.4), -0.6, 0.8))
    c.cover((0.88, 0.55, 0.60), np.float32(rng.uniform(0.0, 0.35)) * smoothstep(lacunae, 0.3, 0.0))


class Style(NamedTuple):
    """How lesions of one class look.

    Attributes:
        paint: Paints the inside of the canvas.
        irregularity: Range of the border's relative amplitude.
        softness: Range of the width over which the lesion fades into the skin, in mean radii.
    """

    paint: Callable[[Canvas, np.random.Generator], None]
    irregularity: tuple[float, float]
    softness: tuple[float, float]


STYLES = {
    "MEL": Style(_melanoma, (0.20, 0.36), (0.04, 0.15)),
    "NV": Style(_nevus, (0.04, 0.14), (0.08, 0.22)),
    "BCC": Style(_basal_cell_carcinoma, (0.10, 0.22), (0.08, 0.20)),
    "AKIEC": Style(_actinic_keratosis, (0.12, 0.26), (0.08, 0.20)),
    "BKL": Style(_benign_keratosis, (0.10, 0.24), (0.01, 0.05)),
    "DF": Style(_dermatofibroma, (0.04, 0.14), (0.15, 0.25)),
    "VASC": Style(_vascular_lesion, (0.06, 0.16), (0.02, 0.08)),
}
"""How each class of `ISIC2018` is painted."""


def _polar_border(irregularity: float, rng: np.random.Generator, steps: int = 720) -> FloatArray:
    """Distance of the border from the centre at `steps` angles: a random ellipse with smooth waves, in mean radii."""
    angle = np.arange(steps) * (2 * math.pi / steps)
    stretch = rng.uniform(1.0, 1.35)
    ellipse = 1 / np.hypot(np.cos(angle) / math.sqrt(stretch), np.sin(angle) * math.sqrt(stretch))
    order = np.arange(2, 14)
    size = irregularity * rng.normal(0, 1, len(order)) / order
    waves = np.cos(order[:, None] * angle + rng.uniform(0, 2 * math.pi, (len(order), 1)))
    border: FloatArray = np.clip(ellipse * (1 + size @ waves), 0.45, 1.4).astype(np.float32)
    return border


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
