"""Figures of a model on corrupted pictures: a table coloured by what is lost, and curves by strength."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from skinzoo.errors import ConfigError
from skinzoo.plotting.inputs import interval_text
from skinzoo.plotting.layout import axis_labels, figure_title, text_width
from skinzoo.plotting.style import (
    DASHES,
    FEW,
    INK,
    MARKERS,
    PALE,
    QUIET,
    TEXT_SIZE,
    heading,
    new_figure,
    place,
    quiet_axes,
)

_ORANGES = LinearSegmentedColormap.from_list("skinzoo_oranges", ["#fcfaf8", "#fbd5b5", "#f2a065", "#d55e00", "#7a3300"])
_LEAST_RANGE = 0.2  # a table of small drops stays pale
_CELL_WIDTH, _CELL_HEIGHT = 0.58, 0.27  # inches
_LABELS = {
    "balanced_accuracy": "balanced accuracy",
    "macro_auc": "macro AUC",
    "macro_f1": "macro F1",
    "malignant/sensitivity": "sensitivity, malignant",
    "malignant/specificity": "specificity, malignant",
    "malignant/auc": "AUC, malignant",
    "dice": "Dice",
    "iou": "IoU",
}


def robustness_table(
    values: ArrayLike,
    corruptions: Sequence[str],
    strengths: Sequence[int],
    *,
    clean: float,
    intervals: Sequence[tuple[float, float]] | None = None,
    metric: str = "figure",
) -> Figure:
    """Values in the cells, the drop from the clean figure as colour, mean and mean drop beside them.

    The corruption that costs most stands at the top.

    Args:
        values: Figures (K, S), NaN where undefined.
        corruptions: Names of the K rows.
        strengths: Of the S columns.
        clean: The figure on pictures as they are.
        intervals: Low and high end of the mean drop of each row; None for none.
        metric: What the figures are.

    Raises:
        ConfigError: The shapes do not agree, or there is nothing to draw.
    """
    table = _checked(values, corruptions, strengths)
    drops = clean - table
    means = table.mean(axis=1)
    order = np.argsort(np.nan_to_num(means, nan=np.inf), kind="stable")
    beside = []
    for k in order:
        mean_drop = "n/a" if np.isnan(means[k]) else f"{clean - means[k]:+.3f}"
        interval = None if intervals is None else intervals[k]
        span = "" if interval is None or np.isnan(interval[0]) else f" ({interval_text(*interval)})"
        beside.append((_text(means[k]), mean_drop + span))

    names = [corruptions[k].replace("_", " ") for k in order]
    left = text_width(names) + 0.3
    head, drop = 0.75, "drop" if intervals is None else "drop (95 % interval)"
    width, height = _CELL_WIDTH * len(strengths), _CELL_HEIGHT * len(names)
    offsets = (0.45, 0.65)  # where the mean and its drop stand, in inches to the right of the cells
    right = offsets[1] + text_width([text for _, text in beside] + [drop]) + 0.15
    title = f"{_LABELS.get(metric, metric)}: {_text(clean)} on pictures as they are"
    figure = new_figure(
        max(left + width + right, text_width([title], 11, "bold") + 0.3), head + height + 0.15, pad=None
    )
    ax = place(figure, left, head, width, height)
    ax.set_facecolor(PALE)
    limit = max(_LEAST_RANGE, float(np.nanmax(np.where(np.isnan(drops), 0.0, drops))))
    shown = np.ma.masked_invalid(drops[order])
    ax.imshow(shown, cmap=_ORANGES, vmin=0, vmax=limit, aspect="auto")
    for row, k in enumerate(order):
        for column, value in enumerate(table[k]):
            dark = not np.isnan(value) and clean - value > 0.62 * limit
            colour = "white" if dark else QUIET if np.isnan(value) else INK
            ax.text(column, row, _text(value), ha="center", va="center", fontsize=TEXT_SIZE, color=colour)
        for text, inches, align in zip(beside[row], offsets, ("right", "left"), strict=True):
            x = len(strengths) - 0.5 + inches / _CELL_WIDTH
            ax.text(x, row, text, ha=align, va="center", fontsize=TEXT_SIZE, color=INK, clip_on=False)
    for text, inches, align in zip(("mean", drop), offsets, ("right", "left"), strict=True):
        x = len(strengths) - 0.5 + inches / _CELL_WIDTH
        ax.text(x, -0.75, text, ha=align, va="bottom", fontsize=TEXT_SIZE, color=QUIET, clip_on=False)
    _grid_of_cells(ax, names, strengths)
    figure_title(figure, title)
    return figure


def robustness_curves(
    values: ArrayLike,
    corruptions: Sequence[str],
    strengths: Sequence[int],
    *,
    clean: float,
    families: Sequence[str] | None = None,
    metric: str = "figure",
) -> Figure:
    """A figure against the strength of each corruption, one panel a family; strength 0 is the clean figure.

    Args:
        values: Figures (K, S), NaN where undefined.
        corruptions: Names of the K lines.
        strengths: Of the S points, ascending.
        clean: The figure on pictures as they are.
        families: Family of each corruption, one panel each, with at most six lines; None for one panel.
        metric: What the figures are.

    Raises:
        ConfigError: The shapes do not agree, there is nothing to draw, or a panel would have more than six lines.
    """
    table = _checked(values, corruptions, strengths)
    of = list(families) if families is not None else [""] * len(corruptions)
    panels = {family: [k for k, f in enumerate(of) if f == family] for family in dict.fromkeys(of)}
    if len(of) != len(corruptions) or max(map(len, panels.values())) > len(FEW):
        raise ConfigError(
            f"each of {len(corruptions)} corruptions needs a family, with at most {len(FEW)} of them in one; got {of}."
        )
    across = 2 if len(panels) == 4 else min(3, len(panels))
    figure = new_figure(3.1 * across + 0.2, 2.5 * -(-len(panels) // across), pad=0.08)
    axes = figure.subplots(-(-len(panels) // across), across, squeeze=False, sharex=True, sharey=True).ravel()
    x = np.array([0, *strengths])
    for ax, (family, rows) in zip(axes, panels.items(), strict=False):
        quiet_axes(ax, grid="y")
        heading(ax, family.replace("_", " ").capitalize())
        ax.axhline(clean, color=QUIET, linewidth=0.9, linestyle=(0, (2, 2)), zorder=1)
        for position, k in enumerate(rows):
            ax.plot(
                x, [clean, *table[k]], color=FEW[position], marker=MARKERS[position], markersize=4, linewidth=1.5,
                linestyle=DASHES[position % len(DASHES)], label=corruptions[k].replace("_", " "),
            )  # fmt: skip
        ax.set_xticks(x, ["clean", *map(str, strengths)])
        ax.tick_params(labelbottom=True, labelleft=True)
        ax.legend(frameon=False, fontsize=7.5, labelcolor=INK, loc="best", handlelength=2.6, borderaxespad=0.2)
        axis_labels(ax, "strength", _LABELS.get(metric, metric))
    for ax in axes[len(panels) :]:
        ax.remove()
    return figure


def _checked(values: ArrayLike, corruptions: Sequence[str], strengths: Sequence[int]) -> NDArray[np.float64]:
    table: NDArray[np.float64] = np.asarray(values, dtype=np.float64)
    if not len(corruptions) or not len(strengths) or table.shape != (len(corruptions), len(strengths)):
        raise ConfigError(
            f"figures of {len(corruptions)} corruptions at {len(strengths)} strengths must have the shape "
            f"({len(corruptions)}, {len(strengths)}), at least (1, 1); got {table.shape}."
        )
    return table


def _grid_of_cells(ax: Axes, names: Sequence[str], strengths: Sequence[int]) -> None:
    ax.set_yticks(range(len(names)), names)
    ax.set_xticks(range(len(strengths)), [str(s) for s in strengths])
    ax.xaxis.tick_top()
    ax.xaxis.set_label_position("top")
    ax.set_xlabel("strength", fontsize=TEXT_SIZE, color=QUIET, labelpad=5)
    ax.tick_params(length=0, labelsize=TEXT_SIZE, labelcolor=INK, pad=3)
    for spine in ax.spines.values():
        spine.set_visible(False)
    ax.set_xticks(np.arange(len(strengths) + 1) - 0.5, minor=True)
    ax.set_yticks(np.arange(len(names) + 1) - 0.5, minor=True)
    ax.grid(visible=True, which="minor", color="white", linewidth=1.5)
    ax.tick_params(which="minor", length=0)


def _text(value: float) -> str:
    return "n/a" if np.isnan(value) else f"{value:.3f}"
