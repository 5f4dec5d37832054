"""Convergence curves: one metric of several trainings against each other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from matplotlib.figure import Figure

from skinzoo.errors import ConfigError
from skinzoo.metrics import higher_is_better
from skinzoo.plotting.inputs import FloatArray, HistoryLike, history_columns, some
from skinzoo.plotting.layout import axis_labels, curve_axes, entries, plain_texts, side_legend
from skinzoo.plotting.style import MARKERS, line_look

_X_LABELS = {"step": "optimiser steps", "epoch": "epochs", "seconds": "training time (s)", "row": "evaluations"}


class _Line(NamedTuple):
    """The points of one history where the metric is defined."""

    x: FloatArray
    y: FloatArray


def convergence_curves(
    histories: Mapping[str, HistoryLike],
    metric: str = "val_loss",
    *,
    x: str | None = None,
    value_label: str = "",
    title: str = "",
) -> Figure:
    """One metric of several trainings in one panel: which one learns faster, and which one gets further.

    The best value of each line is marked, and stands in the legend: the lowest of a loss or an error, the highest of
    any other metric (`skinzoo.metrics.higher_is_better`).

    Args:
        histories: Name -> history: a `History`, columns by name, or one mapping a row, as for `learning_curves`.
            Histories may differ in length. Missing, None, empty or NaN values are gaps that the line bridges; a
            history without any value is listed as n/a.
        metric: Column to draw, such as `"val_loss"`, `"val_macro_f1"` or `"train_loss"`.
        x: Column of the x axis, such as `"epoch"`, `"step"` or `"seconds"`; None for the first of `epoch` and `step`
            that all histories have, else the number of the row from 1 on.
        value_label: What the metric is, for the y axis; empty for its name.
        title: A line above.

    Raises:
        ConfigError: No history, one without rows or without the column, columns of different lengths, or no defined
            value at all.
    """
    some(histories, what="convergence curve", hint="give the history of at least one training.")
    tables = {name: history_columns(history, what=f"the history of {name!r}") for name, history in histories.items()}
    x_name = x or next((known for known in ("epoch", "step") if all(known in t for t in tables.values())), "row")
    lines = {name: _line(name, table, x_name, metric) for name, table in tables.items()}
    if not any(len(line.y) for line in lines.values()):
        raise ConfigError(f"there is no convergence curve to draw: {metric!r} is defined in no row of any history.")

    best = {name: _best(line, metric) for name, line in lines.items()}
    texts = entries(list(lines), ["n/a" if at is None else f"{lines[name].y[at]:.3f}" for name, at in best.items()])
    legend_title = f"{'highest' if higher_is_better(metric) else 'lowest'} value"
    figure, ax = curve_axes(texts, height=3.3, width=4.4, title=title, legend_title=legend_title)
    for k, ((name, line), text) in enumerate(zip(lines.items(), texts, strict=True)):
        look: dict[str, Any] = line_look(k, len(lines)) | {"marker": MARKERS[k % len(MARKERS)]}
        at = best[name]
        ax.plot(line.x, line.y, **look, label=text, linewidth=1.8, markersize=7, markeredgecolor="white",
                markevery=[] if at is None else [at])  # fmt: skip
    ax.margins(x=0.02)
    axis_labels(ax, _X_LABELS.get(x_name, x_name), value_label or metric.replace("_", " "))
    side_legend(ax, legend_title)
    return plain_texts(figure)


def _line(name: str, table: Mapping[str, FloatArray], x_name: str, metric: str) -> _Line:
    positions = np.arange(1.0, 1 + len(next(iter(table.values()))))
    for wanted in (x_name, metric):
        if wanted not in table and wanted != "row":
            raise ConfigError(f"the history of {name!r} has no column {wanted!r}; it has {', '.join(table)}.")
    x, y = table.get(x_name, positions), table[metric]
    known = ~np.isnan(x) & ~np.isnan(y)
    return _Line(x[known], y[known])


def _best(line: _Line, metric: str) -> int | None:
    """Position of the best value, the first of equal ones; None where there is no value."""
    if not len(line.y):
        return None
    return int(line.y.argmax() if higher_is_better(metric) else line.y.argmin())
