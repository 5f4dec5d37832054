"""Things that lie on a lesion when it is photographed, drawn over a picture: ink of a skin marker, a paper ruler, gel.

As in `skinzoo.drawing`, a picture is uint8 RGB (H, W, 3), lengths are fractions of its short side, and all randomness
comes from the generator passed in. What is drawn with a greater amount contains what the same generator draws with a
smaller one.
"""

from __future__ import annotations

import math
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from skinzoo.drawing import SHIFT, Colour, FloatArray, blend, fixed_point, smooth_noise

ByteArray = NDArray[np.uint8]

INK_COLOURS: tuple[Colour, ...] = ((0.28, 0.10, 0.46), (0.16, 0.14, 0.50), (0.07, 0.07, 0.12))
"""Gentian violet, blue and black, as skin markers are sold."""


def draw_ink(image: ByteArray, rng: np.random.Generator, *, count: int, thickness: float = 0.022) -> ByteArray:
    """Strokes of a skin marker: arcs around the middle of the picture and short lines beside it, half transparent.

    Args:
        image: See the module.
        rng: Source of randomness.
        count: Number of strokes.
        thickness: Width of a stroke.
    """
    height, width = image.shape[:2]
    short = min(height, width)
    colour = INK_COLOURS[int(rng.integers(len(INK_COLOURS)))]
    blotches = smooth_noise((height, width), 0.04, rng)
    middle = np.array([width, height]) / 2 + rng.uniform(-0.05, 0.05, 2) * short
    layer = np.zeros((height, width), dtype=np.uint8)
    thick = thickness * short
    for _ in range(count):
        stroke = middle + short * _stroke(rng)
        shade = int(255 * min(1.0, thick))  # a stroke thinner than a pixel is faint
        cv2.polylines(layer, [fixed_point(stroke)], False, shade, max(1, round(thick)), cv2.LINE_AA, SHIFT)
    opacity = _soft(layer, 0.004) * np.clip(0.72 + 0.12 * blotches, 0.45, 0.95).astype(np.float32)
    return _bytes(blend(image, colour, opacity))


def _stroke(rng: np.random.Generator) -> FloatArray:
    """Points (P, 2) of one stroke around the origin."""
    radius, at = rng.uniform(0.33, 0.45), rng.uniform(0, 2 * math.pi)
    span, tremor = rng.uniform(0.5, 1.3), rng.uniform(-0.03, 0.03)
    is_line, reach = rng.random() < 0.3, rng.uniform(0.12, 0.22)
    if is_line:  # points at the lesion
        distance = np.linspace(radius, radius + reach, 12)
        angle = at + tremor * np.linspace(-1, 1, 12)
    else:
        angle = at + np.linspace(-span / 2, span / 2, 24)
        distance = radius + tremor * np.sin(np.linspace(0, math.pi, 24))
    return np.stack([distance * np.cos(angle), distance * np.sin(angle)], axis=1)


def draw_paper_ruler(image: ByteArray, rng: np.random.Generator, *, depth: float) -> ByteArray:
    """A white paper ruler along one edge, with a mark every millimetre and a longer one every fifth.

    Args:
        image: See the module.
        rng: Source of randomness; draws the edge, the scale and the shade of the paper.
        depth: How far the paper reaches into the picture.
    """
    height, width = image.shape[:2]
    short = min(height, width)
    vertical, far = bool(rng.integers(2)), bool(rng.integers(2))
    spacing, start = rng.uniform(0.035, 0.06) * short, rng.uniform(0, 1)
    shade, tint = rng.uniform(0.86, 0.95), rng.uniform(0.0, 0.05)
    along, across = (height, width) if vertical else (width, height)
    edge = depth * short
    inward = np.arange(across, dtype=np.float32) + 0.5
    paper = np.clip(edge - inward + 0.5, 0, 1)[:, None].repeat(along, 1).astype(np.float32)
    marks = np.zeros((across, along), dtype=np.uint8)
    thick = max(1, round(0.005 * short))
    for k in range(int(along / spacing) + 1):
        length = min(0.9 * edge, (0.06 if k % 5 == 0 else 0.035) * short)
        at = (start + k) * spacing
        a, b = fixed_point(np.array([[at, edge - length], [at, edge - 1]])).tolist()
        cv2.line(marks, a, b, 255, thick, cv2.LINE_AA, SHIFT)
    ink = marks.astype(np.float32) / np.float32(255) * paper

    def laid(layer: FloatArray) -> FloatArray:
        turned = layer[::-1] if far else layer
        return np.ascontiguousarray(turned.T if vertical else turned)

    white = blend(image, (shade, shade, shade - tint), np.float32(0.96) * laid(paper))
    return _bytes(blend(white, (0.10, 0.10, 0.12), np.float32(0.85) * laid(ink)))


def draw_gel_bubbles(
    image: ByteArray, rng: np.random.Generator, *, count: int, radius: tuple[float, float] = (0.012, 0.06)
) -> ByteArray:
    """Air bubbles in immersion gel: pale discs with a bright rim, a dark line inside it, and a glint.

    Args:
        image: See the module.
        rng: Source of randomness.
        count: Number of bubbles.
        radius: Least and greatest radius; small ones are more frequent.
    """
    height, width = image.shape[:2]
    short = min(height, width)
    light, dark = (np.zeros((height, width), dtype=np.uint8) for _ in range(2))
    rim = 0.006 * short
    for _ in range(count):
        middle = rng.uniform(0, 1, 2) * (width, height)
        r = (radius[0] + (radius[1] - radius[0]) * rng.random() ** 2) * short
        _disc(light, middle, r, int(rng.integers(130, 200)))
        _disc(light, middle, r - rim, 45)
        _disc(light, middle - 0.32 * r, 0.18 * r, 220)
        _disc(dark, middle, 0.8 * r, 90)
        _disc(dark, middle, 0.8 * r - rim, 0)
    shaded = blend(image, (0.0, 0.0, 0.0), _soft(dark, 0.003))
    return _bytes(blend(shaded, (1.0, 1.0, 1.0), _soft(light, 0.003)))


def _disc(layer: ByteArray, middle: FloatArray, radius: float, shade: int) -> None:
    """Fill a disc (x, y) to a fraction of a pixel."""
    if radius > 0:
        cv2.circle(layer, fixed_point(middle).tolist(), int(fixed_point(radius)), shade, -1, cv2.LINE_AA, SHIFT)


def _soft(layer: ByteArray, sigma: float) -> FloatArray:
    """A layer of 0 to 255 as opacity in [0, 1], with soft edges; `sigma` as a fraction of the short side."""
    values = layer.astype(np.float32) / np.float32(255)
    return np.asarray(cv2.GaussianBlur(values, (0, 0), max(0.3, sigma * min(layer.shape))), dtype=np.float32)


def _bytes(picture: NDArray[Any]) -> ByteArray:
    return picture.astype(np.uint8, copy=False)
