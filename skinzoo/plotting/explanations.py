"""Heatmaps over images: where a model looked."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from skinzoo.errors import ConfigError
from skinzoo.plotting.layout import plain_texts
from skinzoo.plotting.style import (
    INK,
    QUIET,
    TEXT_SIZE,
    checked_image,
    heading,
    new_figure,
    picture_axes,
    place,
    wrapped,
)

HEATMAP_COLOURS = "viridis"
"""Readable by colour-blind readers and in grey; its greens and yellows do not occur in skin."""


def heatmap_overlay(image: ArrayLike, heatmap: ArrayLike, alpha: float = 0.45) -> NDArray[np.uint8]:
    """Lay a heatmap over an image: `(1 - a) * image + a * colour(heatmap)` with `a = alpha * min(1, 2 * heatmap)`.

    Where the heatmap is 0 the image stays as it is; the full opacity holds from the heatmap's middle upwards.

    Args:
        image: uint8 RGB array (H, W, 3).
        heatmap: Values in [0, 1], shape (H, W).
        alpha: Largest opacity, in [0, 1].

    Returns:
        uint8 RGB array (H, W, 3).

    Raises:
        ConfigError: Shapes that do not fit, or values outside [0, 1].
    """
    picture = checked_image(image)
    heat = _checked_heatmap(heatmap, picture)
    if not 0 <= alpha <= 1:
        raise ConfigError(f"alpha must lie in [0, 1]; got {alpha}.")
    opacity = alpha * np.minimum(1, 2 * heat)[..., None]
    colours = colormaps[HEATMAP_COLOURS](heat)[..., :3] * 255
    mixed: NDArray[np.uint8] = np.rint((1 - opacity) * picture + opacity * colours).astype(np.uint8)
    return mixed


def explanation_panel(image: ArrayLike, heatmap: ArrayLike, title: str = "") -> Figure:
    """The image beside the image with the heatmap over it.

    Args:
        image: uint8 RGB array (H, W, 3).
        heatmap: Values in [0, 1], shape (H, W).
        title: A line above, such as the predicted class and its probability.

    Raises:
        ConfigError: Shapes that do not fit, or values outside [0, 1].
    """
    picture = checked_image(image)
    mixed = heatmap_overlay(picture, heatmap)
    heading_lines = wrapped([title], 64)[0] if title else ""
    width, gap, top = 3.2, 0.1, (0.18 * (heading_lines.count("\n") + 1) + 0.12) if title else 0.1
    height = width * picture.shape[0] / picture.shape[1]
    figure = new_figure(2 * width + 2 * gap + 0.85, top + height + gap, pad=None)
    left, right = (place(figure, gap + k * (width + gap), top, width, height) for k in range(2))
    left.imshow(picture)
    drawn = right.imshow(np.asarray(heatmap, dtype=np.float64), cmap=HEATMAP_COLOURS, vmin=0, vmax=1)  # for the bar
    right.imshow(mixed)
    for ax in (left, right):
        picture_axes(ax)
    if title:
        heading(left, heading_lines, pad=5)
    bar_axes = place(figure, 2 * (width + gap) + gap, top + 0.05 * height, 0.12, 0.9 * height)
    bar = figure.colorbar(drawn, cax=bar_axes, ticks=[0, 1])
    bar.ax.set_yticklabels(["low", "high"])
    bar.set_label("relevance", fontsize=TEXT_SIZE, color=QUIET, labelpad=-10)
    bar.outline.set_visible(False)
    bar.ax.tick_params(length=0, labelsize=TEXT_SIZE, labelcolor=INK)
    return plain_texts(figure)


def _checked_heatmap(heatmap: ArrayLike, image: NDArray[np.uint8]) -> NDArray[np.float64]:
    heat: NDArray[Any] = np.asarray(heatmap)
    if heat.shape != image.shape[:2] or heat.dtype.kind != "f":
        raise ConfigError(
            f"the heatmap must be a float array of the image's size {image.shape[:2]}; "
            f"got {heat.dtype}, shape {heat.shape}."
        )
    if not ((heat >= 0) & (heat <= 1)).all():
        raise ConfigError(f"the heatmap must lie in [0, 1]; got values from {np.min(heat):.4g} to {np.max(heat):.4g}.")
    return heat.astype(np.float64)
