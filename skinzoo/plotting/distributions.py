"""Distributions: Dice over images, and scores by true class."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from numpy.typing import ArrayLike

from skinzoo.errors import ConfigError
from skinzoo.plotting.inputs import FloatArray, known, numbers, shares, some
from skinzoo.plotting.layout import (
    axis_labels,
    curve_axes,
    figure_title,
    plain_texts,
    side_legend,
    text_height,
    text_width,
)
from skinzoo.plotting.style import FEW, INK, QUIET, TEXT_SIZE, new_figure, place, quiet_axes, size_in_inches, wrapped

_EDGES = np.linspace(0, 1, 41)


def dice_histogram(
    dice: ArrayLike, *, iou: ArrayLike | None = None, threshold: float | None = None, title: str = ""
) -> Figure:
    """How many images have which Dice, with mean, median and the share below a threshold.

    Args:
        dice: Of each image, in [0, 1] or NaN, shape (N,); NaNs are left out and their number is said.
        iou: Of each image; drawn as an outline.
        threshold: Below it, images are hatched and their share is said.
        title: A line above.

    Raises:
        ConfigError: No defined value, or one outside [0, 1].
    """
    values, absent = _defined(dice, "dice")
    others = None if iou is None else _defined(iou, "iou")[0]
    handles: list[Any] = [
        Patch(color=FEW[0], label=f"Dice of {len(values):,} images"),
        Line2D([], [], color=INK, linewidth=1.8, label=f"mean {values.mean():.3f}"),
        Line2D([], [], color=INK, linewidth=1.8, linestyle=(0, (1.2, 1.2)), label=f"median {np.median(values):.3f}"),
    ]
    if others is not None:
        said = f"IoU: mean {others.mean():.3f}, median {np.median(others):.3f}"
        handles.append(Line2D([], [], color=FEW[1], linewidth=1.6, label=said))
    if threshold is not None:
        shares(np.array([threshold], dtype=np.float64), what="threshold")
        below = float((values < threshold).mean())
        said = f"below {threshold:g}: {100 * below:.1f}% ({(values < threshold).sum():,})"
        handles.append(Patch(facecolor="white", edgecolor=QUIET, hatch="////", label=said))
    if absent:
        handles.append(Line2D([], [], linestyle="none", label=f"undefined: {absent:,}"))
    figure, ax = curve_axes([h.get_label() for h in handles], height=2.9, width=4.4, title=title)
    ax.grid(visible=False, axis="x")
    counts, _ = np.histogram(values, _EDGES)
    ax.stairs(counts, _EDGES, fill=True, color=FEW[0], alpha=0.85)
    top = float(counts.max())
    if threshold is not None:
        inside = np.histogram(values[values < threshold], _EDGES)[0]
        ax.bar(
            _EDGES[:-1], inside, np.diff(_EDGES), align="edge", facecolor="none", edgecolor="white", linewidth=0,
            hatch="////", label="_below",
        )  # fmt: skip
        ax.axvline(threshold, color=QUIET, linewidth=1.0, linestyle=(0, (4, 2)), label="threshold")
    if others is not None:
        other = np.histogram(others, _EDGES)[0]
        ax.stairs(other, _EDGES, color=FEW[1], linewidth=1.6)
        top = max(top, float(other.max()))
    ax.axvline(float(values.mean()), color=INK, linewidth=1.8, label="mean")
    ax.axvline(float(np.median(values)), color=INK, linewidth=1.8, linestyle=(0, (1.2, 1.2)), label="median")
    ax.set(xlim=(-0.01, 1.01), ylim=(0, 1.05 * top))
    ax.locator_params(axis="y", nbins=6, integer=True)
    ax.yaxis.set_major_formatter(lambda v, _: f"{v:,.0f}")
    axis_labels(ax, "Dice" if others is None else "Dice, IoU", "images")
    ax.yaxis.set_label_coords(-0.46 / 4.4, 0.5)
    side_legend(ax, handles=handles)
    return plain_texts(figure)


def score_distributions(
    scores: Mapping[str, ArrayLike],
    *,
    positive: Collection[str] = (),
    threshold: float | None = None,
    score: str = "probability of malignant",
    title: str = "",
) -> Figure:
    """A histogram of the scores of each true class, one below the other.

    Each histogram is as high as the others, whatever the number of images; that number stands beside it.

    Args:
        scores: True class -> scores in [0, 1] of its images; a class without images is n/a.
        positive: Classes for which a high score is right, such as the malignant ones; drawn in another colour, and
            marked with a plus.
        threshold: Scores at or above it count as positive; the share of each class above it is written beside it.
        score: What the scores are, for the axis.
        title: A line above.

    Raises:
        ConfigError: No class, no score at all, a score outside [0, 1], or a positive class that is not drawn.
    """
    some(scores, what="score distribution", hint="give the scores of at least one class.")
    values = {name: _finite(given, name) for name, given in scores.items()}
    known(positive, scores, what="positive")
    if not any(len(v) for v in values.values()):
        raise ConfigError("there is no score to draw: every class is empty.")
    if threshold is not None:
        shares(np.array([threshold], dtype=np.float64), what="threshold")

    names = wrapped([f"{'+ ' if name in positive else ''}{name}" for name in scores], 28)
    labels = [f"{name}\nn = {len(v):,}" for name, v in zip(names, values.values(), strict=True)]
    if len(names) > 12:
        texts = [f"{'+ ' if name in positive else ''}{name}" for name in scores]
        labels = [f"{text} (n = {len(v):,})" for text, v in zip(texts, values.values(), strict=True)]
    step = max(0.3, max(text_height(label, 8) for label in labels) + 0.06)
    left, right = text_width(labels, 8) + 0.3, 0.85 if threshold is not None else 0.2
    width = max(3.0, 7.2 - left - right)
    title = wrapped([title], 72)[0] if title else ""
    keys = 0.3 if positive or threshold is not None else 0.05
    head = 0.1 + (text_height(title, 11) + 0.05 if title else 0.0) + keys
    figure = new_figure(left + width + right, head + step * len(values) + 0.55, pad=None)
    ax = place(figure, left, head, width, step * len(values))
    quiet_axes(ax, grid="x")
    ax.spines["left"].set_visible(False)
    for k, (name, v) in enumerate(values.items()):
        colour = FEW[1] if name in positive else FEW[0]
        ax.axhline(k + 0.92, color="#cbd2d9", linewidth=0.7, zorder=1)
        if not len(v):
            ax.text(0.01, k + 0.55, "n/a: no images", size=TEXT_SIZE, color=QUIET, style="italic", va="center")
            continue
        counts = np.histogram(v, _EDGES)[0]
        tops = k + 0.92 - 0.84 * counts / counts.max()
        ax.stairs(tops, _EDGES, baseline=k + 0.92, fill=True, color=colour, label=name)
        if threshold is not None:
            ax.text(
                1.03, k + 0.55, f"{100 * (v >= threshold).mean():.0f}%", transform=ax.get_yaxis_transform(),
                size=TEXT_SIZE, color=INK, va="center",
            )  # fmt: skip
    above = 1 + 0.08 / size_in_inches(ax)[1]
    if threshold is not None:
        ax.axvline(threshold, color=INK, linewidth=1.2, linestyle=(0, (4, 2)), label="threshold")
        ax.text(1.03, above, f"\u2265 {threshold:.2f}", transform=ax.transAxes, size=TEXT_SIZE, color=QUIET)
    ax.set_yticks(np.arange(len(values)) + 0.5, labels)
    ax.tick_params(axis="y", length=0, labelsize=8)
    ax.set(xlim=(-0.005, 1.005), ylim=(len(values), 0))
    if positive:
        ax.legend(
            handles=[Patch(color=FEW[1], label="+ positive"), Patch(color=FEW[0], label="negative")], ncols=2,
            loc="lower left", bbox_to_anchor=(0, above), frameon=False, fontsize=TEXT_SIZE, labelcolor=INK,
            borderaxespad=0, borderpad=0,
        )  # fmt: skip
    figure_title(figure, title)
    axis_labels(ax, score)
    return plain_texts(figure)


def _defined(values: ArrayLike, what: str) -> tuple[FloatArray, int]:
    """The values that are not NaN, and how many are."""
    given = shares(numbers(values, what=what), what=what, undefined=True)
    defined = given[~np.isnan(given)]
    if not len(defined):
        raise ConfigError(f"there is no defined {what} to draw: got {len(given)} values, all NaN.")
    return defined, len(given) - len(defined)


def _finite(values: ArrayLike, name: str) -> FloatArray:
    return shares(numbers(values, what=f"scores of {name!r}"), what=f"a score of {name!r}")
