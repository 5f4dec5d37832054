"""Scores of each class as bars."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from skinzoo.errors import ConfigError
from skinzoo.plotting.style import FEW, INK, QUIET, TEXT_SIZE, new_figure, quiet_axes, wrapped

_LABELS = {"f1": "F1", "auc": "AUC"}


def per_class_bars(
    per_class: Mapping[str, Mapping[str, float]], metrics: Sequence[str] = ("precision", "recall", "f1")
) -> Figure:
    """Horizontal bars, grouped by class, each with its value; an undefined value is written as n/a.

    Args:
        per_class: Class -> metric -> value in [0, 1] or NaN, such as `ClassificationMetrics.per_class`. A `support` is
            shown below the name.
        metrics: What to draw, at most six.

    Raises:
        ConfigError: No class, no metric or too many, a metric that a class lacks, or a value outside [0, 1].
    """
    if not per_class or not 1 <= len(metrics) <= len(FEW):
        raise ConfigError(f"need at least one class and 1 to {len(FEW)} metrics; got {len(per_class)}, {len(metrics)}.")
    for name, scores in per_class.items():
        for metric in metrics:
            if metric not in scores:
                raise ConfigError(f"class {name!r} has no metric {metric!r}; it has {', '.join(scores)}.")
            if scores[metric] < 0 or scores[metric] > 1:
                raise ConfigError(f"{metric} of class {name!r} must lie in [0, 1] or be NaN; got {scores[metric]}.")

    thickness = 0.8 / len(metrics)
    figure = new_figure(7.2, max(0.58, 0.17 * len(metrics) + 0.12) * len(per_class) + 0.8)
    ax = figure.subplots()
    quiet_axes(ax, grid="x")
    places = np.arange(len(per_class), dtype=float)
    for k, metric in enumerate(metrics):
        values = np.array([float(scores[metric]) for scores in per_class.values()])
        at = places + (k - (len(metrics) - 1) / 2) * thickness
        ax.barh(at, np.nan_to_num(values), height=thickness * 0.86, color=FEW[k], label=_LABELS.get(metric, metric))
        for y, value in zip(at, values, strict=True):
            undefined = bool(np.isnan(value))
            ax.annotate(
                "n/a" if undefined else f"{value:.2f}",
                (0.0 if undefined else value, y),
                (4, 0),
                textcoords="offset points",
                va="center_baseline",
                fontsize=7.5,
                color=QUIET if undefined else INK,
                fontstyle="italic" if undefined else "normal",
            )
    names = [
        f"{name}\nn = {scores['support']:,.0f}" if "support" in scores else name
        for name, scores in zip(wrapped(list(per_class), 24), per_class.values(), strict=True)
    ]
    ax.set_yticks(places, names)
    ax.tick_params(axis="y", length=0)
    ax.set_ylim(len(per_class) - 0.5, -0.5)
    ax.set_xlim(0, 1.06)
    ax.set_xticks(np.linspace(0, 1, 6))
    ax.spines["left"].set_visible(False)
    ax.legend(
        loc="lower left", bbox_to_anchor=(-0.01, 1.0), ncols=len(metrics), frameon=False, fontsize=TEXT_SIZE,
        labelcolor=INK, handlelength=1.0, handleheight=0.9, columnspacing=1.4,
    )  # fmt: skip
    return figure
