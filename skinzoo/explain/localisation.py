"""Does a heatmap lie on the lesion? In NumPy, for one map and one mask of the same size."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skinzoo.errors import ConfigError

NO_LESION = "no lesion mask, or an empty one"
ZERO_MAP = "the map is zero everywhere"


def pointing_game(heatmap: ArrayLike, mask: ArrayLike, *, tolerance: float = 0) -> float:
    """Does the highest point of the map lie in the mask (Zhang et al. 2018, doi 10.1007/s11263-017-1059-x)?

    By chance a point lies there as often as the mask's share of the picture. Where several pixels are highest, the
    value is the share of them in the mask: a map of one value is worth just that chance.

    Args:
        heatmap: (H, W), finite.
        mask: (H, W); what is not 0 is lesion.
        tolerance: Pixels, at least 0: a point within this distance of the mask counts too.

    Returns:
        In [0, 1], 0 or 1 where one pixel is highest; NaN if the mask is empty.

    Raises:
        ConfigError: Shapes or values that make no sense.
    """
    heat, lesion = _checked(heatmap, mask)
    if isinstance(tolerance, bool) or not isinstance(tolerance, int | float) or not 0 <= tolerance < np.inf:
        raise ConfigError(f"tolerance must be a number of pixels of at least 0, got {tolerance!r}.")
    if not lesion.any():
        return float("nan")
    return float(dilated(lesion, tolerance)[heat == heat.max()].mean())


def energy_inside(heatmap: ArrayLike, mask: ArrayLike) -> float:
    """The share of the map's sum that lies in the mask (Wang et al. 2020, "Score-CAM", the energy-based pointing game).

    A map that does not know the lesion has on average the mask's share of the picture, `mask_share`.

    Args:
        heatmap: (H, W), finite, not negative.
        mask: (H, W); what is not 0 is lesion.

    Returns:
        In [0, 1]; NaN if the mask is empty or the map zero everywhere.

    Raises:
        ConfigError: Shapes or values that make no sense.
    """
    heat, lesion = _checked(heatmap, mask)
    if (heat < 0).any():
        raise ConfigError(f"the heatmap must not be negative, got {heat.min():.4g}; cut it off at 0 first.")
    total = heat.sum()
    return float(heat[lesion].sum() / total) if total > 0 and lesion.any() else float("nan")


def mask_share(mask: ArrayLike) -> float:
    """The mask's share of the picture, in [0, 1]; NaN if it is empty."""
    lesion = np.asarray(mask) != 0
    return float(lesion.mean()) if lesion.any() else float("nan")


def dilated(mask: NDArray[np.bool_], radius: float) -> NDArray[np.bool_]:
    """All pixels whose centre lies within `radius` pixels of the centre of a pixel of the mask."""
    grown = mask.copy()
    height, width = mask.shape
    before = np.pad(np.cumsum(mask, axis=1), ((0, 0), (1, 0)))
    columns = np.arange(width)
    for down in range(min(int(radius), height - 1) + 1):
        reach = int(np.sqrt(radius**2 - down**2))
        left, right = np.maximum(columns - reach, 0), np.minimum(columns + reach + 1, width)
        near = before[:, right] > before[:, left]
        grown[down:] |= near[: height - down]
        grown[: height - down] |= near[down:]
    return grown


def _checked(heatmap: ArrayLike, mask: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    heat: NDArray[Any] = np.asarray(heatmap)
    lesion: NDArray[Any] = np.asarray(mask)
    if heat.ndim != 2 or heat.shape != lesion.shape or not heat.size:
        raise ConfigError(f"heatmap and mask must have one shape (H, W); got {heat.shape} and {lesion.shape}.")
    if heat.dtype.kind not in "biuf" or lesion.dtype.kind not in "biuf":
        raise ConfigError(f"heatmap and mask must be numeric; got {heat.dtype} and {lesion.dtype}.")
    if not np.isfinite(heat).all() or not np.isfinite(lesion).all():
        raise ConfigError("heatmap and mask must be finite; they hold NaN or infinite values.")
    return heat.astype(np.float64), lesion != 0
