"""What can be measured on a lesion once its outline is known: size, symmetry, border and colours.

The measures follow the letters of the ABCD rule of dermoscopy (Stolz et al. 1994; Nachbar et al. 1994, doi
10.1016/S0190-9622(94)70061-3) as far as a mask and a picture allow. They describe the mask: a wrong mask gives wrong
measures. Lengths are in pixels, because a picture does not say how large a pixel is.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from skinzoo.errors import ConfigError

COLOURS = {
    "white": (225, 205, 195),
    "red": (190, 95, 95),
    "light brown": (178, 128, 98),
    "dark brown": (98, 62, 45),
    "blue-grey": (105, 112, 128),
    "black": (38, 30, 30),
}
"""The six colours of the ABCD rule as sRGB of 0 to 255, as they look on skin under a dermatoscope."""

COLOUR_SHARE = 0.03


@dataclass(frozen=True)
class Measurements:
    """Of the lesion that a mask shows; NaN, and no colours, where the mask is empty.

    Attributes:
        area: Pixels of the mask.
        area_share: The same as a share of the picture.
        diameter: Longest distance between two points of the lesion, in pixels (the largest Feret diameter).
        asymmetry: Share of the lesion that does not fall on itself when mirrored at its principal axes, the mean of
            both; 0 is symmetrical, 1 the greatest value.
        border_irregularity: 1 - 4 pi area / perimeter^2: 0 for a circle, towards 1 for a ragged outline. The
            perimeter is counted by intersections with lines in four directions (Cauchy-Crofton).
        solidity: Area over the area of the convex hull, in (0, 1].
        colours: Those of `COLOURS` that at least 3 % of the lesion's pixels come closest to, the most frequent first.
        touches_edge: True if the lesion reaches the picture's edge, so that it may be larger than what is seen.
    """

    area: int
    area_share: float
    diameter: float
    asymmetry: float
    border_irregularity: float
    solidity: float
    colours: tuple[str, ...]
    touches_edge: bool

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self) | {"colours": list(self.colours)}

    def __str__(self) -> str:
        if not self.area:
            return "no lesion outlined"
        edge = ", cut off by the picture's edge" if self.touches_edge else ""
        return (
            f"area {self.area:,} px ({self.area_share:.1%} of the picture{edge}), diameter {self.diameter:.0f} px, "
            f"asymmetry {self.asymmetry:.2f}, border irregularity {self.border_irregularity:.2f}, "
            f"{len(self.colours)} of 6 colours ({', '.join(self.colours)})"
        )


def measure_lesion(mask: ArrayLike, image: ArrayLike | None = None) -> Measurements:
    """Measure a lesion.

    Args:
        mask: 1 (or True) where the lesion is, shape (H, W).
        image: uint8 RGB (H, W, 3), for the colours; None to leave them out.

    Raises:
        ConfigError: The mask is not two-dimensional and binary, or the image does not fit it.

    Example:
        >>> measure_lesion([[0, 0, 0, 0], [0, 1, 1, 0], [0, 1, 1, 0], [0, 0, 0, 0]]).area
        4
    """
    lesion = _binary(mask)
    area = int(lesion.sum())
    if not area:
        nan = math.nan
        return Measurements(0, 0.0 if lesion.size else nan, nan, nan, nan, nan, (), False)
    hull = cv2.convexHull(_corners(lesion))
    edges = (lesion[0], lesion[-1], lesion[:, 0], lesion[:, -1])
    return Measurements(
        area=area,
        area_share=area / lesion.size,
        diameter=_longest(hull[:, 0].astype(np.float64)),
        asymmetry=_asymmetry(lesion),
        border_irregularity=max(0.0, 1 - 4 * math.pi * area / _perimeter(lesion) ** 2),
        solidity=min(1.0, area / cv2.contourArea(hull)),
        colours=() if image is None else _colours(lesion, image),
        touches_edge=any(bool(edge.any()) for edge in edges),
    )


def _binary(mask: ArrayLike) -> NDArray[np.bool_]:
    array: NDArray[Any] = np.asarray(mask)
    if array.ndim != 2 or not array.size or (array.dtype != np.bool_ and not np.isin(array, (0, 1)).all()):
        raise ConfigError(
            f"a lesion is measured on a mask (H, W) of 0 and 1; got {array.dtype} of shape {array.shape}. Apply a "
            "threshold to probabilities first."
        )
    return array.astype(bool)


def _corners(lesion: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Corners (N, 1, 2), as x and y, of the first and last pixel of each row: all that a convex hull needs."""
    rows = np.flatnonzero(lesion.any(1))
    first, last = lesion[rows].argmax(1), lesion.shape[1] - lesion[rows, ::-1].argmax(1)
    points = [np.stack([x, y], 1) for x in (first, last) for y in (rows, rows + 1)]
    return np.concatenate(points)[:, None].astype(np.float32)


def _longest(points: NDArray[np.float64]) -> float:
    across = points[:, None] - points[None]
    return float(np.sqrt((across**2).sum(2).max()))


def _perimeter(lesion: NDArray[np.bool_]) -> float:
    """Cauchy-Crofton: pi / 2 times the mean, over directions, of crossings times the distance between lines."""
    padded = np.pad(lesion, 1)
    straight = (padded[1:] != padded[:-1]).sum() + (padded[:, 1:] != padded[:, :-1]).sum()
    slanted = (padded[1:, 1:] != padded[:-1, :-1]).sum() + (padded[1:, :-1] != padded[:-1, 1:]).sum()
    return float(math.pi / 8 * (straight + slanted / math.sqrt(2)))


def _asymmetry(lesion: NDArray[np.bool_]) -> float:
    """Mean over the two principal axes of the mirrored area that falls outside, as a share of the area."""
    rows, columns = np.nonzero(lesion)
    points = np.stack([columns, rows]).astype(np.float64)
    centre = points.mean(1, keepdims=True)
    centred = points - centre
    _, axes = np.linalg.eigh(centred @ centred.T)
    height, width = lesion.shape
    outside = []
    for axis in axes.T:
        x, y = np.rint(centre + centred - 2 * np.outer(axis, axis @ centred)).astype(int)
        seen = (x >= 0) & (x < width) & (y >= 0) & (y < height)
        outside.append(1 - lesion[y[seen], x[seen]].sum() / len(rows))
    return float(np.mean(outside))


def _colours(lesion: NDArray[np.bool_], image: ArrayLike) -> tuple[str, ...]:
    picture: NDArray[Any] = np.asarray(image)
    if picture.dtype != np.uint8 or picture.shape != (*lesion.shape, 3):
        raise ConfigError(
            f"the picture must be a uint8 RGB array of shape {(*lesion.shape, 3)}, as the mask has it; got "
            f"{picture.dtype} of shape {picture.shape}."
        )
    smooth = cv2.medianBlur(np.ascontiguousarray(picture), 3)
    pixels, palette = (_lab(colours) for colours in (smooth[lesion], np.array(list(COLOURS.values()), np.uint8)))
    nearest = ((pixels[:, None] - palette[None]) ** 2).sum(2).argmin(1)
    shares = np.bincount(nearest, minlength=len(COLOURS)) / len(pixels)
    order = np.argsort(-shares, kind="stable")
    names = list(COLOURS)
    return tuple(names[i] for i in order if shares[i] >= COLOUR_SHARE)


def _lab(colours: NDArray[Any]) -> NDArray[np.float32]:
    """CIE L*a*b* (N, 3) of sRGB (N, 3)."""
    lab: NDArray[np.float32] = cv2.cvtColor((colours[None] / np.float32(255)).astype(np.float32), cv2.COLOR_RGB2LAB)[0]
    return lab
