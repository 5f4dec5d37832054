"""How the input of a model lies in a picture, for a warp that resizes on its way."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from skinzoo.transforms.geometry import centre_box, resized_shape
from skinzoo.types import InputSpec

_LONGEST = 32_000
"""Pixels of a side; OpenCV's warps count in 16 bits."""

_NEGLIGIBLE = 0.06
"""Variance in pixels that need not be added: a picture up to 1.16 times as large is warped as it is."""


class Frame(NamedTuple):
    """A part of a picture that becomes the input of a model.

    Attributes:
        size: Height and width of the input.
        scale: Pixels of the picture to one of the input, down and across.
        corner: Where the input begins in the resized picture, down and across; other than 0 if the centre is cut out.
    """

    size: tuple[int, int]
    scale: tuple[float, float]
    corner: tuple[int, int]

    def covers(self, shape: tuple[int, int]) -> bool:
        """True if the input is the whole of a picture of this height and width."""
        whole = [side * scale for side, scale in zip(self.size, self.scale, strict=True)]
        return self.corner == (0, 0) and all(abs(a - b) < 1e-6 for a, b in zip(whole, shape, strict=True))


def frame_of(shape: tuple[int, int], spec: InputSpec) -> Frame | None:
    """The frame that `resize_and_crop` would cut.

    Args:
        shape: Height and width of a picture.
        spec: Size and crop.

    Returns:
        None where the picture is of the input's size already, is empty, or is too large for a warp.
    """
    resized = resized_shape(shape, spec)
    if shape == spec.size or not min(shape) or max(*shape, *resized) > _LONGEST:
        return None
    rows, columns = centre_box(resized, spec.size)
    return Frame(spec.size, (shape[0] / resized[0], shape[1] / resized[1]), (rows.start, columns.start))


def shrink(image: NDArray[Any], frame: Frame, *, moved: bool = True) -> tuple[NDArray[Any], Frame]:
    """Prepare a picture for a warp that makes it smaller: nothing finer than the result's pixels may be left.

    A warp looks at the four nearest pixels for each one that it makes; it would skip others and draw patterns that are
    not there (aliasing). A picture of twice the size or more is halved, by averages of pairs; the last row or column of
    an odd number is left out. What is left is smoothed by a kernel of three pixels, so that the whole has the variance
    of Pillow's bilinear filter, r^2 / 6 pixels for a picture r times as large.

    Args:
        image: Picture (H, W) or (H, W, C).
        frame: See `frame_of`.
        moved: False if the warp only resizes, which leaves a picture of the right size as it is.

    Returns:
        The prepared picture, and the frame with the scale that is left.
    """
    down, across = frame.scale
    smooth_y = smooth_x = 0.0  # variance of the averages so far, in pixels
    while down >= 2 or across >= 2:
        y, x = 1 + (down >= 2), 1 + (across >= 2)
        height, width = image.shape[0] // y, image.shape[1] // x
        part = image[: height * y, : width * x]
        image = np.asarray(cv2.resize(part, (width, height), interpolation=cv2.INTER_AREA)).reshape(
            height, width, *image.shape[2:]
        )
        down, smooth_y = (down / 2, (smooth_y + 0.25) / 4) if y == 2 else (down, smooth_y)
        across, smooth_x = (across / 2, (smooth_x + 0.25) / 4) if x == 2 else (across, smooth_x)
    sides = (_side_weight(down, smooth_y, moved), _side_weight(across, smooth_x, moved))
    if any(sides):
        (tall, sigma_y), (wide, sigma_x) = map(_kernel, sides)
        smooth = cv2.GaussianBlur(image, (wide, tall), sigma_x, sigmaY=sigma_y, borderType=cv2.BORDER_REFLECT_101)
        image = np.asarray(smooth).reshape(image.shape)
    return image, frame._replace(scale=(down, across))


def _kernel(side: float) -> tuple[int, float]:
    """Size and sigma of OpenCV's kernel (side, 1 - 2 side, side); of nothing where `side` is 0."""
    return (3, 1 / math.sqrt(2 * math.log((1 - 2 * side) / side))) if side else (1, 1.0)


def _side_weight(scale: float, variance: float, moved: bool) -> float:
    """Weight of either neighbour in a kernel of three that adds what is missing; 0 if that is hardly anything."""
    interpolated = 1 / 6 if moved or scale != 1 else 0
    missing = scale**2 / 6 - variance - interpolated
    return missing / 2 if missing > _NEGLIGIBLE else 0.0
