"""Where the pixels of a moved picture come from: one affine map, and a field of small displacements over it."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from skinzoo.transforms.framing import Frame

FloatArray = NDArray[np.float32]

RIPPLE_WIDTH = 6 / 224
"""Standard deviation of the bell by which displacements are smoothed, as a fraction of the short side."""

_CELL = 1.5
"""The same in cells of the grid on which displacements are drawn; they are interpolated between its points."""


class Motion(NamedTuple):
    """One draw. What stands first happens first; all but `ripple` turns about the middle of the picture.

    Attributes:
        mirrored: Left and right exchanged.
        upended: Top and bottom exchanged.
        transposed: Rows and columns exchanged.
        scale: Factor by which things grow.
        rotate: Degrees counter-clockwise.
        shear: Degrees, of vertical lines and of horizontal lines.
        shift: To the right and down, as fractions of width and height.
        ripple: Seed of the displacements; None for none.
    """

    mirrored: bool = False
    upended: bool = False
    transposed: bool = False
    scale: float = 1.0
    rotate: float = 0.0
    shear: tuple[float, float] = (0.0, 0.0)
    shift: tuple[float, float] = (0.0, 0.0)
    ripple: int | None = None

    @property
    def resamples(self) -> bool:
        """False if every pixel of a square picture lands on a pixel."""
        moves = (self.scale, self.rotate, *self.shear, *self.shift) != (1, 0, 0, 0, 0, 0)
        return moves or self.ripple is not None


def source_matrix(motion: Motion, size: tuple[int, int], frame: Frame | None = None) -> NDArray[np.float64]:
    """The affine map from a pixel (x, y) of the result to where it comes from.

    Args:
        motion: What happens to the picture.
        size: Height and width of the result.
        frame: How the result lies in the picture; None if the picture is of the same size.

    Returns:
        Matrix (2, 3) over (x, y, 1).
    """
    angle = math.radians(motion.rotate)
    cos, sin = motion.scale * math.cos(angle), motion.scale * math.sin(angle)
    lean_x, lean_y = (math.tan(math.radians(degrees)) for degrees in motion.shear)
    # forward: shear @ rotation and scale, on columns that are exchanged and mirrored before
    xx, xy, yx, yy = cos - lean_x * sin, sin + lean_x * cos, lean_y * cos - sin, lean_y * sin + cos
    if motion.transposed:
        xx, xy, yx, yy = xy, xx, yy, yx
    if motion.mirrored:
        xx, yx = -xx, -yx
    if motion.upended:
        xy, yy = -xy, -yy
    area = xx * yy - xy * yx
    xx, xy, yx, yy = yy / area, -xy / area, -yx / area, xx / area
    height, width = size
    mid_x, mid_y = (width - 1) / 2, (height - 1) / 2
    to_x, to_y = mid_x + motion.shift[0] * width, mid_y + motion.shift[1] * height
    at_x, at_y = mid_x - xx * to_x - xy * to_y, mid_y - yx * to_x - yy * to_y
    if frame is not None:  # pixel centres lie at halves
        (down, across), (top, left) = frame.scale, frame.corner
        xx, xy, at_x = across * xx, across * xy, across * (at_x + left + 0.5) - 0.5
        yx, yy, at_y = down * yx, down * yy, down * (at_y + top + 0.5) - 0.5
    return np.array(((xx, xy, at_x), (yx, yy, at_y)))


@lru_cache(maxsize=1)
def ripple(seed: int, size: tuple[int, int], strength: float) -> tuple[FloatArray, FloatArray]:
    """Smooth random displacements, normally distributed.

    Simard et al. 2003, "Best practices for convolutional neural networks applied to visual document analysis". Not to
    be written to: the last one is remembered, for the mask that follows its image.

    Args:
        seed: Source of randomness.
        size: Height and width (H, W) in pixels.
        strength: Standard deviation, as a fraction of the short side.

    Returns:
        Displacements (H, W) in pixels, across and down.
    """
    short = min(size)
    cell = max(1.0, RIPPLE_WIDTH * short / _CELL)
    sigma = max(RIPPLE_WIDTH * short / cell, 0.3)
    rows, columns = (math.ceil(side / cell) + 1 for side in size)
    grid = np.random.default_rng(seed).standard_normal((rows, columns, 2), dtype=np.float32)
    reach = 2 * math.ceil(3 * sigma) + 1
    bell = np.asarray(cv2.getGaussianKernel(reach, sigma), dtype=np.float64)
    kernel = bell * math.sqrt(strength * short / float((bell**2).sum()))
    smooth = cv2.sepFilter2D(grid, -1, kernel, kernel, borderType=cv2.BORDER_REFLECT_101)
    fine = cv2.resize(smooth, (size[1], size[0]), interpolation=cv2.INTER_CUBIC)  # linear would weaken it
    across, down = (np.asarray(plane, dtype=np.float32) for plane in cv2.split(fine))
    return across, down


def source_maps(matrix: NDArray[np.float64], across: FloatArray, down: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Where every pixel comes from, if it is displaced before an affine map.

    Args:
        matrix: See `source_matrix`.
        across: Displacements (H, W) in pixels of the result.
        down: Likewise, to the bottom.

    Returns:
        x and y for `cv2.remap`, (H, W) each.
    """
    height, width = across.shape
    (xx, xy, at_x), (yx, yy, at_y) = matrix.astype(np.float32)
    x = across + np.arange(width, dtype=np.float32)
    y = down + np.arange(height, dtype=np.float32)[:, None]
    return x * xx + (y * xy + at_x), x * yx + (y * yy + at_y)
