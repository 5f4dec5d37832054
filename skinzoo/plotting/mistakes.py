"""Wrong predictions, each beside the heatmap that explains it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib import colormaps
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from skinzoo.errors import ConfigError
from skinzoo.plotting.explanations import HEATMAP_COLOURS, heatmap_overlay
from skinzoo.plotting.grid import picture_grid
from skinzoo.plotting.layout import plain_texts, text_height
from skinzoo.plotting.style import INK, QUIET, TEXT_SIZE, checked_image, new_figure, picture_axes, place, wrapped


def mistakes_grid(
    images: Sequence[ArrayLike],
    texts: Sequence[str],
    heatmaps: Sequence[ArrayLike | None] | None = None,
    *,
    columns: int = 2,
    heatmap_name: str = "Grad-CAM",
) -> Figure:
    r"""Pictures with the heatmap of each beside it and a text below; without heatmaps a plain grid.

    Args:
        images: uint8 RGB arrays (H, W, 3); sizes may differ.
        texts: One for each image, such as `"said melanoma (97%)\nis nevus"`; long lines are wrapped, line breaks kept.
        heatmaps: Values in [0, 1] of the shape of each image; None where there is none.
        columns: Pairs in a row.
        heatmap_name: How the heatmaps were made, for the key.

    Raises:
        ConfigError: Nothing to draw, lengths that differ, an array that is no picture, or a heatmap of another size.
    """
    if heatmaps is None:
        return picture_grid(images, texts, columns=2 * max(columns, 0))
    if not len(images) or not len(images) == len(texts) == len(heatmaps) or columns < 1:
        raise ConfigError(
            f"need at least one image, as many texts and heatmaps, and columns >= 1; got {len(images)} images, "
            f"{len(texts)} texts, {len(heatmaps)} heatmaps, columns={columns}."
        )
    pictures = [checked_image(image, what=f"image {k}") for k, image in enumerate(images)]
    overlays = [
        None if heat is None else heatmap_overlay(picture, heat)
        for picture, heat in zip(pictures, heatmaps, strict=True)
    ]
    captions = ["\n".join(wrapped(text.split("\n"), 50)) for text in texts]
    across = min(columns, len(pictures))
    width, gap, between = 1.72, 0.06, 0.22
    tallest = width * min(2.0, max(p.shape[0] / p.shape[1] for p in pictures))
    step = tallest + max(text_height(caption) for caption in captions) + 0.25
    pair = 2 * width + gap + between
    down, foot = -(-len(pictures) // across), 0.32
    figure = new_figure(across * pair, down * step + foot + 0.1, pad=None)
    for k, (picture, overlay, caption) in enumerate(zip(pictures, overlays, captions, strict=True)):
        left, top = between / 2 + k % across * pair, 0.1 + k // across * step
        for position, shown in enumerate((picture, overlay)):
            ax = place(figure, left + position * (width + gap), top, width, tallest)
            ax.set_anchor("NW")
            picture_axes(ax)
            if shown is None:
                ax.set_frame_on(False)
                ax.text(0.5, 0.5, f"no {heatmap_name}", ha="center", color=QUIET, size=TEXT_SIZE)
                continue
            ax.imshow(shown)
            if position == 0:
                ax.set_xlabel(caption, fontsize=TEXT_SIZE, color=INK, loc="left", linespacing=1.3)
    key = place(figure, between / 2, 0.1 + down * step + 0.08, 1.0, 0.1)
    key.imshow(colormaps[HEATMAP_COLOURS](np.linspace(0, 1, 64))[None, :, :3], aspect="auto")
    key.set_axis_off()
    key.text(
        1.06,
        0.5,
        f"{heatmap_name}: low to high relevance",
        transform=key.transAxes,
        va="center",
        size=TEXT_SIZE,
        color=QUIET,
    )
    return plain_texts(figure)
