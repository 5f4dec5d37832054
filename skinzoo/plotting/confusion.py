"""The confusion matrix as a heatmap."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from skinzoo.errors import ConfigError
from skinzoo.plotting.style import INK, LABEL_SIZE, PALE, QUIET, TEXT_SIZE, new_figure, wrapped

_BLUES = LinearSegmentedColormap.from_list("skinzoo_blues", ["#f7fafc", "#b9d4e8", "#5a9bc9", "#1c659c", "#0b3358"])


def confusion_matrix_heatmap(confusion: ArrayLike, classes: Sequence[str]) -> Figure:
    """Counts in the cells, and the share of the true class as percentage and colour.

    Args:
        confusion: Counts (C, C), rows are the true class.
        classes: Names of the C classes; long ones are wrapped.

    Returns:
        A figure; the row of a class without images is grey.

    Raises:
        ConfigError: The matrix is not (C, C) or holds something else than counts.
    """
    counts = np.asarray(confusion)
    n = len(classes)
    if not n or counts.shape != (n, n) or counts.dtype.kind not in "iu" or bool((counts < 0).any()):
        raise ConfigError(
            f"a confusion matrix of {n} classes must hold counts (whole numbers) in the shape ({n}, {n}); "
            f"got {counts.dtype}, shape {counts.shape}."
        )
    support = counts.sum(axis=1)
    shares = np.divide(
        counts, support[:, None], out=np.full(counts.shape, np.nan), where=support[:, None] > 0, dtype=np.float64
    )

    names = wrapped(classes, 26)
    longest = 0.072 * max(len(line) for name in names for line in name.split("\n"))  # in inches
    level = n <= 4 and longest < 0.9
    cell = 0.66 if n > 3 else 0.95
    figure = new_figure(cell * n + 1.4 + max(longest, 0.6), cell * n + (0.8 if level else 0.7 + 0.75 * longest))
    ax = figure.subplots()
    ax.set_facecolor(PALE)  # shows through where a row is undefined
    image = ax.imshow(np.ma.masked_invalid(shares), cmap=_BLUES, vmin=0, vmax=1, aspect="auto")
    size = 8.5 if n <= 12 else max(4.0, 8.5 * 12 / n)
    for row in range(n):
        for column in range(n):
            share = shares[row, column]
            percent = f"\n{_percent(share)}" if n <= 12 and share > 0 else ""
            ax.text(
                column,
                row,
                f"{counts[row, column]:,}{percent}",
                ha="center",
                va="center",
                fontsize=size,
                linespacing=1.25,
                color="white" if share > 0.5 else INK if share > 0 else "#9aa5b1",
                fontweight="bold" if row == column and share > 0 else "normal",
            )
    ax.set_xticks(range(n), names, rotation=0 if level else 45, ha="center" if level else "right")
    for label in ax.get_xticklabels():
        label.set_rotation_mode("anchor" if not level else "default")
    ax.set_yticks(range(n), [f"{name}\nn = {s:,}" for name, s in zip(names, support, strict=True)])
    ax.tick_params(length=0, labelsize=TEXT_SIZE, labelcolor=INK)
    ax.set_xlabel("predicted class", fontsize=LABEL_SIZE, color=QUIET, labelpad=8)
    ax.set_ylabel("true class", fontsize=LABEL_SIZE, color=QUIET, labelpad=8)
    for spine in ax.spines.values():
        spine.set_visible(False)
    ax.set_xticks(np.arange(n + 1) - 0.5, minor=True)
    ax.set_yticks(np.arange(n + 1) - 0.5, minor=True)
    ax.grid(visible=True, which="minor", color="white", linewidth=2)
    ax.tick_params(which="minor", length=0)

    bar = figure.colorbar(image, ax=ax, shrink=0.6, aspect=24, pad=0.02, format=lambda v, _: f"{100 * v:.0f}%")
    bar.set_label("share of the true class", fontsize=TEXT_SIZE, color=QUIET)
    bar.outline.set_visible(False)
    bar.ax.tick_params(length=0, labelsize=TEXT_SIZE, labelcolor=INK)
    return figure


def _percent(share: float) -> str:
    return "<1%" if share < 0.005 else f"{100 * share:.0f}%"
