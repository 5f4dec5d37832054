"""The confusion matrix as a heatmap."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from numpy.typing import ArrayLike, NDArray

from skinzoo.errors import ConfigError
from skinzoo.plotting.layout import axis_labels, plain_texts, text_height, text_width
from skinzoo.plotting.style import INK, PALE, QUIET, TEXT_SIZE, new_figure, place, size_in_inches, wrapped

_BLUES = LinearSegmentedColormap.from_list("skinzoo_blues", ["#f7fafc", "#b9d4e8", "#5a9bc9", "#1c659c", "#0b3358"])
_FEW_CLASSES = 12
"""Up to here a cell has room for a count and a percentage."""
_WIDTH = 7.6  # inches that the figure should not exceed


class _Columns(NamedTuple):
    """How the names of the columns are written."""

    texts: list[str]
    rotation: int
    height: float  # inches


def confusion_matrix_heatmap(
    confusion: ArrayLike, classes: Sequence[str], *, normalise: Literal["true", "predicted"] | None = None
) -> Figure:
    """Counts and shares in the cells, the share also as colour.

    With more than twelve classes a cell has room for one number: the count (1.2k for 1,234), or with `normalise` the
    share in percent; long names then stand beside the rows only, and the columns have the rows' numbers.

    Args:
        confusion: Counts (C, C), rows are the true class.
        classes: Names of the C classes; long ones are wrapped.
        normalise: None writes counts, and below them the share of the true class. `"true"` writes the share of the true
            class (the diagonal is the recall), `"predicted"` the share of the predicted class (the diagonal is the
            precision), and below them the counts.

    Returns:
        A figure; the row (or column) of a class without images is grey.

    Raises:
        ConfigError: The matrix is not (C, C) or holds something else than counts, or there is no such `normalise`.
    """
    counts = np.asarray(confusion)
    n = len(classes)
    if not n or counts.shape != (n, n) or counts.dtype.kind not in "iu" or bool((counts < 0).any()):
        raise ConfigError(
            f"a confusion matrix of {n} classes must hold counts (whole numbers) in the shape ({n}, {n}); "
            f"got {counts.dtype}, shape {counts.shape}."
        )
    if normalise not in (None, "true", "predicted"):
        raise ConfigError(f"normalise must be None, 'true' or 'predicted'; got {normalise!r}.")
    axis = 0 if normalise == "predicted" else 1
    totals = counts.sum(axis=axis, keepdims=True)
    shares = np.divide(counts, totals, out=np.full(counts.shape, np.nan), where=totals > 0, dtype=np.float64)

    names = wrapped(classes, max(26, -(-max(map(len, map(str, classes))) // 2) + 10))
    numbered = n > _FEW_CLASSES and max(len(str(name)) for name in classes) > 8
    if n > _FEW_CLASSES:
        names = [str(name) for name in classes]
        rows = [f"{name} (n = {s:,})" for name, s in zip(names, counts.sum(axis=1), strict=True)]
    else:
        rows = [f"{name}\nn = {s:,}" for name, s in zip(names, counts.sum(axis=1), strict=True)]
    if numbered:
        rows = [f"{text}  {k}" for k, text in enumerate(rows, 1)]
    size = TEXT_SIZE if n <= _FEW_CLASSES else 7.0
    left, right = 1.02 * text_width(rows, size) + 0.52, 0.85
    smallest = 0.2 if n > _FEW_CLASSES else 0.45
    largest = 0.66 if n > 3 else 0.95 if n > 1 else 1.5  # a single cell must be as tall as the colour bar's label
    cell = float(np.clip((_WIDTH - left - right) / n, smallest, largest))
    columns = _columns(names, cell, numbered=numbered, size=size)
    left = max(left, 0.2 + (columns.height - cell / 2 if columns.rotation == 45 else 0))
    figure = new_figure(left + cell * n + right, 0.12 + cell * n + columns.height + 0.38, pad=None)
    ax = place(figure, left, 0.12, cell * n, cell * n)
    ax.set_facecolor(PALE)  # shows through where a share is undefined
    image = ax.imshow(np.ma.masked_invalid(shares), cmap=_BLUES, vmin=0, vmax=1, aspect="auto")
    _cells(ax, counts, shares, cell, first=normalise)
    _ticks(ax, rows, columns, size)
    of = "predicted" if axis == 0 else "true"
    _colour_bar(figure, image, f"share of the {of} class", left + cell * n + 0.12, cell * n)
    return plain_texts(figure)


def _cells(ax: Axes, counts: NDArray[Any], shares: NDArray[np.float64], cell: float, *, first: str | None) -> None:
    """The numbers in the cells, in a size that fits."""
    n = len(counts)
    both = n <= _FEW_CLASSES
    texts = {}
    for row, column in np.ndindex(counts.shape):
        count, share = int(counts[row, column]), float(shares[row, column])
        number = f"{count:,}" if both else _short(count)
        percent = _percent(share) if both else _percent(share).rstrip("%")
        order = (number, percent) if first is None else (percent, number)
        texts[row, column] = "\n".join(order) if both and share > 0 else order[0] if share > 0 else "0" if both else ""
    widest = max(text_width(texts.values(), 1.0, "bold"), 1e-6)
    size = float(np.clip(0.86 * cell / widest, 4.5, 8.5 if both else 7.0))
    for (row, column), text in texts.items():
        share = float(shares[row, column])
        if text:
            ax.text(
                column, row, text, ha="center", va="center", fontsize=size, linespacing=1.2,
                color="white" if share > 0.5 else INK if share > 0 else "#7b8794",
                fontweight="bold" if row == column and share > 0 else "normal",
            )  # fmt: skip


def _columns(names: Sequence[str], cell: float, *, numbered: bool, size: float) -> _Columns:
    """Level where they fit, at 45 degrees where few are long, upright where many are short, else the rows' numbers."""
    if numbered:
        return _Columns([str(k) for k in range(1, 1 + len(names))], 0, 0.25)
    longest, tallest = text_width(names, size), max(text_height(name, size) for name in names)
    if longest < cell - 0.04:
        return _Columns(list(names), 0, 0.1 + tallest)
    if len(names) > _FEW_CLASSES:
        return _Columns(list(names), 90, 0.12 + longest)
    return _Columns(list(names), 45, 0.1 + (longest + tallest) * 0.72)


def _ticks(ax: Axes, rows: Sequence[str], columns: _Columns, size: float) -> None:
    n = len(rows)
    align: Any = "right" if columns.rotation == 45 else "center"
    ax.set_xticks(range(n), columns.texts, rotation=columns.rotation, ha=align)
    if columns.rotation == 45:
        for label in ax.get_xticklabels():
            label.set_rotation_mode("anchor")
    ax.set_yticks(range(n), rows)
    ax.tick_params(length=0, labelsize=size, labelcolor=INK)
    axis_labels(ax, "predicted class", "true class")
    width, height = size_in_inches(ax)
    box = ax.get_position()
    ax.xaxis.set_label_coords(0.5, (0.26 - box.y0 * height / box.height) / height)  # inches from the figure's edges
    ax.yaxis.set_label_coords((0.26 - box.x0 * width / box.width) / width, 0.5)
    for spine in ax.spines.values():
        spine.set_visible(False)
    ax.set_xticks(np.arange(n + 1) - 0.5, minor=True)
    ax.set_yticks(np.arange(n + 1) - 0.5, minor=True)
    ax.grid(visible=True, which="minor", color="white", linewidth=2 if n <= _FEW_CLASSES else 0.8)
    ax.tick_params(which="minor", length=0)


def _colour_bar(figure: Figure, image: AxesImage, label: str, left: float, height: float) -> None:
    tall = min(height, 3.0)
    bar_axes = place(figure, left, 0.12 + (height - tall) / 2, 0.12, tall)
    bar = figure.colorbar(image, cax=bar_axes, format=lambda v, _: f"{100 * v:.0f}%")
    bar.set_label(label, fontsize=TEXT_SIZE, color=QUIET)
    bar.outline.set_visible(False)
    bar.ax.tick_params(length=0, labelsize=TEXT_SIZE, labelcolor=INK)


def _percent(share: float) -> str:
    return "<1%" if share < 0.005 else f"{100 * share:.0f}%"


def _short(count: int) -> str:
    """At most four characters up to a million."""
    if count < 1000:
        return str(count)
    return (
        f"{count / 1000:.1f}k" if count < 9950 else f"{count / 1000:.0f}k" if count < 999_500 else f"{count / 1e6:.1f}M"
    )
