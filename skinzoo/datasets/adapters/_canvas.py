"""The square on which a synthetic lesion is painted, and what absorbs light in it."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from skinzoo.drawing import SHIFT, ByteArray, Colour, FloatArray, fixed_point, smooth_noise

# Optical density of one unit of each absorber, for red, green and blue.
MELANIN = np.array([0.60, 0.96, 1.32], dtype=np.float32)
BLOOD = np.array([0.12, 0.95, 0.62], dtype=np.float32)
KERATIN = np.array([0.06, 0.22, 0.75], dtype=np.float32)
BLOODLESS_SKIN = np.array([0.04, 0.17, 0.20], dtype=np.float32)

CANVAS_EXTENT = 1.75  # half the side of the square on which a lesion is painted, in units of its mean radius


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


def blurred(layer: FloatArray, sigma: float) -> FloatArray:
    """Gaussian blur of a square layer; `sigma` as a fraction of the side."""
    return np.asarray(cv2.GaussianBlur(layer, (0, 0), sigma * len(layer)), dtype=np.float32)


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
