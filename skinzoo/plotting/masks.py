"""Images with their true and predicted masks."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib.patheffects as effects
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import ArrayLike, NDArray

from skinzoo.errors import ConfigError
from skinzoo.metrics.segmentation import dice_iou
from skinzoo.plotting.inputs import numbers
from skinzoo.plotting.layout import plain_texts
from skinzoo.plotting.style import (
    INK,
    LABEL_SIZE,
    PALE,
    PREDICTION,
    QUIET,
    TEXT_SIZE,
    TRUTH,
    checked_image,
    new_figure,
    picture_axes,
    place,
)

_BRIGHT_TRUTH, _BRIGHT_PREDICTION = "#19f29b", "#ff3ed1"  # lines on skin need more light than areas on paper


def best_median_worst(scores: ArrayLike, *, each: int = 1) -> list[tuple[int, str]]:
    """Which images to show of many: the best, those around the median, the worst, each position once.

    Args:
        scores: Dice or IoU of each image, shape (N,); NaNs are left out.
        each: How many of each kind.

    Returns:
        Positions with a title such as `"worst, 0.312"`, from the best to the worst; fewer where there are fewer images.

    Raises:
        ConfigError: No defined score, or `each` below 1.
    """
    given = numbers(scores, what="scores")
    ranked = [int(k) for k in np.argsort(-given, kind="stable") if not np.isnan(given[k])]
    if not ranked or each < 1:
        raise ConfigError(f"need at least one defined score and each >= 1; got {len(ranked)} scores, each={each}.")
    middle = max((len(ranked) - each) // 2, 0)
    parts = {"best": ranked[:each], "worst": ranked[-each:], "median": ranked[middle : middle + each]}
    kinds = {k: kind for kind, chosen in reversed(parts.items()) for k in chosen}  # best wins over worst over median
    return [(k, f"{kinds[k]}, {given[k]:.3f}") for k in ranked if k in kinds]


def segmentation_panels(
    images: Sequence[ArrayLike],
    truths: Sequence[ArrayLike],
    predictions: Sequence[ArrayLike],
    titles: Sequence[str] | None = None,
) -> Figure:
    """One row for each image: the image, the true mask, the predicted mask, and both outlines over the image.

    Args:
        images: uint8 RGB arrays (H, W, 3).
        truths: True masks of 0 and 1, (H, W).
        predictions: Predicted masks of 0 and 1, (H, W).
        titles: A line below each image, such as its id.

    Returns:
        A figure, truth in green, prediction in magenta, with the Dice and IoU of each image.

    Raises:
        ConfigError: Nothing to draw, or lengths or shapes that do not fit.
        MaskError: A mask with values other than 0 and 1.
    """
    names = [""] * len(images) if titles is None else list(titles)
    lengths = [len(images), len(truths), len(predictions), len(names)]
    if not lengths[0] or len(set(lengths)) > 1:
        raise ConfigError(f"images, truths, predictions and titles must be equally many, at least one; got {lengths}.")
    rows = [_checked(i, k, t, p) for k, (i, t, p) in enumerate(zip(images, truths, predictions, strict=True))]

    width, gap, text = 1.76, 0.08, 0.3
    heights = [width * min(2.0, image.shape[0] / image.shape[1]) for image, _, _ in rows]
    tops = [text + sum(heights[:k]) + text * k for k in range(len(rows))]
    figure = new_figure(4 * width + 5 * gap, text + sum(heights) + text * len(rows) + 0.25, pad=None)
    for top, height, (image, truth, prediction), name in zip(tops, heights, rows, names, strict=True):
        row = [place(figure, gap + k * (width + gap), top, width, height) for k in range(4)]
        for ax, column in zip(row, ("image", "truth", "prediction", "overlay"), strict=True):
            picture_axes(ax)
            if top == tops[0]:
                ax.set_title(column, fontsize=LABEL_SIZE, fontweight="bold", color=INK, pad=6)
        row[0].imshow(image)
        row[1].imshow(truth, cmap=ListedColormap([PALE, TRUTH]), vmin=0, vmax=1, interpolation="nearest")
        row[2].imshow(prediction, cmap=ListedColormap([PALE, PREDICTION]), vmin=0, vmax=1, interpolation="nearest")
        row[3].imshow(image)
        _outline(row[3], truth, _BRIGHT_TRUTH, 2.0)
        _outline(row[3], prediction, _BRIGHT_PREDICTION, 1.4)
        dice, iou = dice_iou(truth, prediction)
        row[0].set_xlabel(name, fontsize=TEXT_SIZE, color=INK, loc="left")
        row[3].set_xlabel(f"Dice {dice:.3f}   IoU {iou:.3f}", fontsize=TEXT_SIZE, color=QUIET, loc="right")
    figure.legend(
        handles=[
            Line2D([], [], color=c, linewidth=3, label=t) for c, t in ((TRUTH, "truth"), (PREDICTION, "prediction"))
        ],
        loc="lower right",
        ncols=2,
        frameon=False,
        fontsize=TEXT_SIZE,
        labelcolor=INK,
    )
    return plain_texts(figure)


def _checked(
    image: ArrayLike, index: int, truth: ArrayLike, prediction: ArrayLike
) -> tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.uint8]]:
    picture = checked_image(image, what=f"image {index}")
    masks = [np.asarray(truth), np.asarray(prediction)]
    if any(mask.shape != picture.shape[:2] for mask in masks):
        raise ConfigError(
            f"masks of image {index} must have its size {picture.shape[:2]}; got {masks[0].shape} and {masks[1].shape}."
        )
    return picture, masks[0].astype(np.uint8), masks[1].astype(np.uint8)


def _outline(ax: Axes, mask: NDArray[np.uint8], colour: str, width: float) -> None:
    """Draw the edge of a mask; a rim of zeros closes lesions that touch the border."""
    if not mask.any():
        return
    height, breadth = mask.shape
    lines = ax.contour(
        np.arange(-1, breadth + 1), np.arange(-1, height + 1), np.pad(mask, 1), levels=[0.5], colors=colour
    )
    lines.set(
        linewidth=width, clip_on=False, path_effects=[effects.withStroke(linewidth=width + 1.2, foreground="#00000099")]
    )
    ax.set_xlim(-0.5, breadth - 0.5)
    ax.set_ylim(height - 0.5, -0.5)
