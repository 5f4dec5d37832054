"""Views of a picture: ways to look at it, and the way back for a map over it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol, get_args

import torch
from torch import Tensor

from skinzoo.errors import ConfigError
from skinzoo.models.averaging import resize

Views = Literal["flips", "d4", "five_crops"]
VIEWS: tuple[Views, ...] = get_args(Views)


class View(Protocol):
    """One way to look at pictures; a view never changes their size."""

    def apply(self, images: Tensor) -> Tensor:
        """The view of pictures (N, C, H, W), of the same shape."""
        ...

    def restore(self, maps: Tensor) -> Tensor:
        """Maps (N, C, H, W) over the view, laid back over the picture; 0 where the view does not reach."""
        ...

    def coverage(self, maps: Tensor) -> Tensor:
        """1 where the view reaches and 0 elsewhere, (H, W), of the type and on the device of `maps`."""
        ...


@dataclass(frozen=True)
class Turn:
    """A mirror image, a rotation, or both: nothing is interpolated, and the way back is exact.

    Attributes:
        mirrored: Left and right change places, before the rotation.
        quarters: Quarter turns counter-clockwise.
    """

    mirrored: bool
    quarters: int

    def apply(self, images: Tensor) -> Tensor:
        """The mirrored, then rotated pictures."""
        return torch.rot90(images.flip(-1) if self.mirrored else images, self.quarters, (-2, -1))

    def restore(self, maps: Tensor) -> Tensor:
        """Rotated back, then mirrored back."""
        turned = torch.rot90(maps, -self.quarters, (-2, -1))
        return turned.flip(-1) if self.mirrored else turned

    def coverage(self, maps: Tensor) -> Tensor:
        """1 everywhere."""
        return maps.new_ones(maps.shape[-2:])


@dataclass(frozen=True)
class Crop:
    """A part of the picture, enlarged to the picture's size.

    Attributes:
        row: Where the part lies, from 0 (at the top) to 1 (at the bottom).
        column: From 0 (at the left) to 1 (at the right).
        fraction: Of each side, in (0, 1].
    """

    row: float
    column: float
    fraction: float

    def box(self, height: int, width: int) -> tuple[slice, slice]:
        """Its rows and columns."""
        tall, wide = (max(1, round(self.fraction * side)) for side in (height, width))
        top, left = round(self.row * (height - tall)), round(self.column * (width - wide))
        return slice(top, top + tall), slice(left, left + wide)

    def apply(self, images: Tensor) -> Tensor:
        """The part, interpolated linearly."""
        rows, columns = self.box(images.shape[2], images.shape[3])
        return resize(images[:, :, rows, columns], (images.shape[2], images.shape[3]))

    def restore(self, maps: Tensor) -> Tensor:
        """The maps at the part's size, in their place."""
        rows, columns = self.box(maps.shape[2], maps.shape[3])
        whole = torch.zeros_like(maps)
        whole[:, :, rows, columns] = resize(maps, (rows.stop - rows.start, columns.stop - columns.start))
        return whole

    def coverage(self, maps: Tensor) -> Tensor:
        """1 in its rows and columns."""
        inside = maps.new_zeros(maps.shape[-2:])
        inside[self.box(maps.shape[2], maps.shape[3])] = 1
        return inside


def make_views(views: str, size: tuple[int, int], *, crop_fraction: float) -> list[View]:
    """The views of a name, the whole picture as it is first.

    Args:
        views: `"flips"` for the picture, its mirror images and both (4); `"d4"` for the 8 of the dihedral group, or for
            the 4 of `"flips"` where the picture is not square; `"five_crops"` for the picture, its centre and its
            corners (6).
        size: Height and width of the pictures.
        crop_fraction: Of each side, for crops; in (0, 1).

    Raises:
        ConfigError: No such views, or a fraction out of range.
    """
    if views not in VIEWS:
        raise ConfigError(f"views must be one of {', '.join(map(repr, VIEWS))}, got {views!r}.")
    if isinstance(crop_fraction, bool) or not isinstance(crop_fraction, int | float) or not 0 < crop_fraction < 1:
        raise ConfigError(f"crop_fraction must lie between 0 and 1, got {crop_fraction!r}.")
    if views == "five_crops":
        places = ((0.5, 0.5), (0.0, 0.0), (0.0, 1.0), (1.0, 0.0), (1.0, 1.0))
        return [Turn(False, 0), *(Crop(row, column, crop_fraction) for row, column in places)]
    quarters = range(4) if views == "d4" and size[0] == size[1] else (0, 2)
    return [Turn(mirrored, turns) for turns in quarters for mirrored in (False, True)]
