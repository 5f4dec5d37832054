"""What a picture looks like in one kilobyte: 32 x 32 grey values, freed of brightness, colour and dark corners.

The round field of view of a dermoscope makes any two pictures taken with it alike, and so do black bars. So the local
mean is taken off, which leaves the lesion, its structure and the hairs, and then the strongest edges are softened.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from skinzoo.datasets.sniff import open_image

SIDE = 32
MIN_CONTRAST = 0.5
"""Standard deviation in grey values (of 255) below which a picture has no pattern to compare."""

_WINDOW = 9
_SCALE = 100
_DRAFT = 4 * SIDE

FloatArray = NDArray[np.float32]
PatternArray = NDArray[np.int8]

_TURNS: tuple[Callable[[NDArray[Any]], NDArray[Any]], ...] = (
    lambda a: a,
    lambda a: a[..., ::-1],
    lambda a: a[..., ::-1, :],
    lambda a: a[..., ::-1, ::-1],
    lambda a: a.swapaxes(-1, -2),
    lambda a: a.swapaxes(-1, -2)[..., ::-1],
    lambda a: a.swapaxes(-1, -2)[..., ::-1, :],
    lambda a: a.swapaxes(-1, -2)[..., ::-1, ::-1],
)
NUM_TURNS = len(_TURNS)
"""As it is, three flips, the transposed, and its three flips."""


class Pattern(NamedTuple):
    """A picture's pattern.

    Attributes:
        values: int8 (32, 32), within -100 .. 100; the picture is squashed if it is not square.
        contrast: Standard deviation before softening, in grey values of 255.
    """

    values: PatternArray
    contrast: float


def turned(patterns: NDArray[Any], turn: int) -> NDArray[Any]:
    """Patterns (..., 32, 32) in one of the `NUM_TURNS` positions."""
    return _TURNS[turn](patterns)


def pattern_of(image: Image.Image) -> Pattern:
    """The pattern of a picture."""
    grey = image if image.mode == "L" else image.convert("L")
    small = np.asarray(grey.convert("F").resize((SIDE, SIDE), Image.Resampling.BOX), dtype=np.float32)
    flat = flatten(small[None], _WINDOW)
    return Pattern(softened(flat)[0], float(flat.std()))


def pattern_of_file(path: Path) -> Pattern | None:
    """The pattern of a plain JPEG, decoded at a fraction of its size; None if it has to be decoded in full."""
    with path.open("rb") as file:
        image, header = open_image(file, path)
        if header.format != "JPEG" or header.orientation != 1 or header.mode not in ("L", "RGB"):
            return None
        image.draft("L", (_DRAFT, _DRAFT))
        return pattern_of(image)


def flatten(grey: FloatArray, window: int) -> FloatArray:
    """Grey values (N, S, S) minus the mean over a square window around each, minus the mean of what is left."""
    half = window // 2
    mean = grey
    for axis in (1, 2):
        wide = np.pad(mean, [(0, 0) if k != axis else (half + 1, half) for k in range(3)], mode="edge")
        total = np.cumsum(wide, axis=axis, dtype=np.float64)
        length = grey.shape[axis]
        upper, lower = np.arange(window, window + length), np.arange(length)
        mean = ((total.take(upper, axis) - total.take(lower, axis)) / window).astype(np.float32)
    flat = grey - mean
    return np.asarray(flat - flat.mean(axis=(1, 2), keepdims=True), dtype=np.float32)


def softened(flat: FloatArray) -> PatternArray:
    """Values (N, S, S) as int8: 45 at the median of their size and never above 100, so that no edge outweighs all."""
    usual = 2 * np.median(np.abs(flat), axis=(1, 2), keepdims=True)
    values: PatternArray = np.rint(_SCALE * flat / np.sqrt(flat * flat + usual * usual + 1e-6)).astype(np.int8)
    return values
