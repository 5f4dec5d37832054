"""Models side by side: a dot with its interval for each model and metric."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from skinzoo.errors import ConfigError
from skinzoo.plotting.inputs import Estimate, estimate
from skinzoo.plotting.layout import plain_texts, text_height, text_width
from skinzoo.plotting.style import FEW, INK, MARKERS, QUIET, TEXT_SIZE, heading, new_figure, place, quiet_axes, wrapped

_PANEL, _LINE = 2.15, 0.3
_ACROSS = 4


def model_comparison(
    scores: Mapping[str, Mapping[str, Estimate]], *, metric_titles: Mapping[str, str] | None = None, note: str = ""
) -> Figure:
    """One panel for each metric, one line for each model, in the order given.

    Each panel has its own scale, so that small differences can be seen. Colour and marker tell the models apart, and
    the value stands beside the interval.

    Args:
        scores: Model -> metric -> value or (value, low, high); a model may lack a metric, NaN is undefined.
        metric_titles: Readable names of the metrics.
        note: A line below, such as what the intervals are.

    Raises:
        ConfigError: No model or metric, or an interval the wrong way round.
    """
    metrics = list(dict.fromkeys(metric for values in scores.values() for metric in values))
    if not metrics:
        raise ConfigError("there is nothing to draw: give at least one model with one metric.")
    names = wrapped(list(scores), 28)
    left = text_width(names) + 0.35
    columns = min(len(metrics), _ACROSS)
    num_rows = -(-len(metrics) // columns)
    heights = [max(_LINE, text_height(name) + 0.08) for name in names]
    down = sum(heights) + 0.1
    step = down + 0.85
    width = left + columns * (_PANEL + 0.3)
    lines = wrapped([note], int(width * 15))[0] if note else ""
    figure = new_figure(width, num_rows * step + (text_height(lines) + 0.1 if note else 0), pad=None)
    edges = [0.05]
    for height in heights:
        edges.append(edges[-1] + height)
    middles = [(a + b) / 2 for a, b in pairwise(edges)]
    for k, metric in enumerate(metrics):
        row, column = divmod(k, columns)
        ax = place(figure, left + column * (_PANEL + 0.3), row * step + 0.4, _PANEL, down)
        quiet_axes(ax, grid="x")
        ax.spines["left"].set_visible(False)
        ax.set_ylim(down, 0)
        ax.set_yticks(middles, names if column == 0 else [""] * len(names))
        ax.tick_params(axis="y", length=0)
        heading(ax, (metric_titles or {}).get(metric, metric), pad=5)
        values = [
            estimate(given.get(metric, math.nan), what=f"{metric} of {model!r}") for model, given in scores.items()
        ]
        _limit(ax, values)
        for index, (middle, value) in enumerate(zip(middles, values, strict=True)):
            _dot(ax, middle, value, index)
    if note:
        figure.text(
            0.12 / width, 0.06 / figure.get_figheight(), lines, fontsize=TEXT_SIZE - 1, color=QUIET, va="bottom"
        )
    return plain_texts(figure)


def _dot(ax: Axes, y: float, value: tuple[float, float, float], index: int) -> None:
    middle, low, high = value
    if math.isnan(middle):
        left = ax.get_xlim()[0]
        ax.annotate("n/a", (left, y), (3, 0), textcoords="offset points", va="center", fontsize=7.5, color=QUIET)
        return
    colour, marker = FEW[index % len(FEW)], MARKERS[index % len(MARKERS)]
    if not math.isnan(low):
        ax.plot([low, high], [y, y], color=colour, linewidth=1.8, solid_capstyle="butt", zorder=2)
    ax.plot([middle], [y], marker=marker, markersize=6, color=colour, markeredgecolor="white", zorder=3)
    ax.annotate(
        f"{middle:.3f}", (middle, y), (0, 5), textcoords="offset points", ha="center", va="bottom", fontsize=6.5,
        color=INK,
    )  # fmt: skip


def _limit(ax: Axes, values: Sequence[tuple[float, float, float]]) -> None:
    """Around all ends; shares stay near [0, 1]."""
    known = [end for value in values for end in value if not math.isnan(end)]
    low, high = (min(known), max(known)) if known else (0.0, 1.0)
    margin = max(0.12 * (high - low), 0.02)
    ax.set_xlim(low - margin, high + margin)
    ax.locator_params(axis="x", nbins=5)
