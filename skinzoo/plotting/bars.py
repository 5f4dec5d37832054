"""Scores of each class as bars."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from skinzoo.errors import ConfigError
from skinzoo.plotting.inputs import estimate, interval_text
from skinzoo.plotting.layout import plain_texts, text_height, text_width
from skinzoo.plotting.style import FEW, INK, QUIET, TEXT_SIZE, new_figure, place, quiet_axes, wrapped

_LABELS = {"f1": "F1", "auc": "AUC"}
_VALUE_SIZE = 7.5
_HATCHES = ("", "////", "....", "\\\\\\\\", "xxxx", "----")


def per_class_bars(
    per_class: Mapping[str, Mapping[str, float]],
    metrics: Sequence[str] = ("precision", "recall", "f1"),
    *,
    intervals: Mapping[str, Sequence[float]] | None = None,
) -> Figure:
    """Horizontal bars, grouped by class, each with its value; an undefined value is written as n/a.

    Args:
        per_class: Class -> metric -> value in [0, 1] or NaN, such as `ClassificationMetrics.per_class`. A `support` is
            shown below the name.
        metrics: What to draw, at most six.
        intervals: `"class/metric"` -> (low, high), drawn as error bars and written beside the value; names of other
            metrics are left alone, NaN is no interval.

    Raises:
        ConfigError: No class, no metric or too many, a metric that a class lacks, a value outside [0, 1], or an
            interval that is none.
    """
    if not per_class or not 1 <= len(metrics) <= len(FEW):
        raise ConfigError(f"need at least one class and 1 to {len(FEW)} metrics; got {len(per_class)}, {len(metrics)}.")
    for name, scores in per_class.items():
        for metric in metrics:
            if metric not in scores:
                raise ConfigError(f"class {name!r} has no metric {metric!r}; it has {', '.join(scores)}.")
            if scores[metric] < 0 or scores[metric] > 1:
                raise ConfigError(f"{metric} of class {name!r} must lie in [0, 1] or be NaN; got {scores[metric]}.")
    ends = {key: _interval(key, pair) for key, pair in (intervals or {}).items()}

    names = [
        f"{name}\nn = {scores['support']:,.0f}" if "support" in scores else name
        for name, scores in zip(wrapped(list(per_class), 28), per_class.values(), strict=True)
    ]
    step = max(0.17 * len(metrics) + 0.12, max(map(text_height, names)) + 0.1, 0.4)
    left, right = text_width(names) + 0.2, (text_width(["0.00 (0.00-0.00)"], _VALUE_SIZE) + 0.2) if ends else 0.1
    width, head = max(2.6, 7.2 - left - right), 0.4
    figure = new_figure(left + width + right, head + step * len(names) + 0.35, pad=None)
    ax = place(figure, left, head, width, step * len(names))
    quiet_axes(ax, grid="x")
    places = np.arange(len(names), dtype=float)
    thickness = min(0.8, 0.2 * len(metrics) / step) / len(metrics)
    for k, metric in enumerate(metrics):
        values = np.array([float(scores[metric]) for scores in per_class.values()])
        at = places + (k - (len(metrics) - 1) / 2) * thickness
        ax.barh(
            at, np.nan_to_num(values), height=thickness * 0.86, color=FEW[k], label=_LABELS.get(metric, metric),
            hatch=_HATCHES[k], edgecolor="#ffffff80", linewidth=0,
        )  # fmt: skip
        for y, value, name in zip(at, values, per_class, strict=True):
            _value(ax, y, value, ends.get(f"{name}/{metric}") if ends else None, beside=bool(ends))
    ax.set_yticks(places, names)
    ax.tick_params(axis="y", length=0)
    ax.set_ylim(len(names) - 0.5, -0.5)
    ax.set_xlim(0, 1.0 if ends else 1.08)
    ax.set_xticks(np.linspace(0, 1, 6))
    ax.spines["left"].set_visible(False)
    ax.legend(
        loc="lower left", bbox_to_anchor=(0, 1 + 0.08 / (step * len(names))), ncols=len(metrics), frameon=False,
        fontsize=TEXT_SIZE, labelcolor=INK, handlelength=1.4, handleheight=0.9, columnspacing=1.4, borderaxespad=0,
        borderpad=0,
    )  # fmt: skip
    return plain_texts(figure)


def _value(ax: Axes, y: float, value: float, ends: tuple[float, float] | None, *, beside: bool) -> None:
    """What a bar says, at its end or, where intervals are drawn, in a column to the right."""
    undefined = bool(np.isnan(value))
    text = "n/a" if undefined else f"{value:.2f}"
    if ends is not None and not undefined:
        text += f" ({interval_text(*ends)})"
        ax.plot(ends, [y, y], color=INK, linewidth=1.1, solid_capstyle="butt", clip_on=False)
        ax.plot(ends, [y, y], color=INK, marker="|", markersize=4.5, linestyle="none", clip_on=False)
    ax.annotate(
        text,
        (1.0 if beside and not undefined else 0.0 if undefined else value, y),
        (9 if beside and not undefined else 4, 0),
        textcoords="offset points",
        va="center_baseline",
        fontsize=_VALUE_SIZE,
        color=QUIET if undefined else INK,
        fontstyle="italic" if undefined else "normal",
        annotation_clip=False,
    )


def _interval(key: str, pair: Sequence[float]) -> tuple[float, float] | None:
    """The ends of an interval; None where it is undefined."""
    if np.shape(pair) != (2,):
        raise ConfigError(f"the interval of {key!r} must be (low, high); got {pair!r}.")
    _, low, high = estimate((0.0, *pair), what=repr(key))
    return None if np.isnan(low) else (low, high)
