"""Learning curves."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from skinzoo.errors import ConfigError
from skinzoo.plotting.inputs import FloatArray, HistoryLike, history_columns
from skinzoo.plotting.style import FEW, INK, MARKERS, QUIET, TEXT_SIZE, heading, new_figure, place, quiet_axes

_PANELS: dict[str, dict[str, str]] = {
    "Loss": {"loss": "loss"},
    "Parts of the loss": {"classification_loss": "classification", "segmentation_loss": "segmentation"},
    "Accuracy": {"accuracy": "accuracy", "balanced_accuracy": "balanced"},
    "Macro precision, recall, F1": {"macro_precision": "precision", "macro_recall": "recall", "macro_f1": "F1"},
    "Macro AUC": {"macro_auc": "AUC"},
    "Dice and IoU": {"dice": "Dice", "iou": "IoU"},
    "Learning rate": {"lr": "learning rate", "learning_rate": "learning rate"},
}
_SPLITS: dict[str, dict[str, Any]] = {
    "train": {"linestyle": (0, (3, 1.5)), "linewidth": 1.3, "alpha": 0.75},
    "val": {"linestyle": "-", "linewidth": 1.8, "alpha": 1.0},
    "test": {"linestyle": (0, (1, 1)), "linewidth": 1.8, "alpha": 1.0},
    "": {"linestyle": "-", "linewidth": 1.8, "alpha": 1.0},
}


class _Series(NamedTuple):
    split: str
    metric: str
    values: FloatArray


def learning_curves(history: HistoryLike, *, best_epoch: float | None = None) -> Figure:
    """One panel for each kind of quantity that the history holds.

    Drawn are the loss and its parts, accuracy, macro precision, recall, F1 and AUC, Dice and IoU, and the learning
    rate; other columns are left alone.

    Args:
        history: A `History`, columns by name, or one mapping a row. A name is a metric with an optional `train_`,
            `val_` or `test_` (or `train/` ...) before it: `"val_macro_f1"`, `"train_loss"`, `"lr"`. Missing, None,
            empty or NaN values are gaps that the line bridges.
        best_epoch: Position on the x axis to mark: where the best weights were found.

    Returns:
        A figure whose x axis is the column `epoch`, else `step`, else the number of the row from 1 on.

    Raises:
        ConfigError: No row, columns of different lengths, or no column that can be drawn.
    """
    columns = history_columns(history)
    x_name = next((name for name in ("epoch", "step") if name in columns), "row")
    x = columns.get(x_name, np.arange(1.0, 1 + len(next(iter(columns.values())))))
    panels = {title: series for title, names in _PANELS.items() if (series := _series(columns, names))}
    if not panels:
        known = ", ".join(metric for names in _PANELS.values() for metric in names)
        raise ConfigError(f"the history holds nothing to draw: {sorted(columns)}. Known, with train_ or val_: {known}.")

    num_columns = min(len(panels), 2)  # a third would make the text too small on a page
    num_rows = -(-len(panels) // num_columns)
    figure = new_figure(3.8 * num_columns, 2.8 * num_rows + 0.05, pad=None)
    for k, (title, series) in enumerate(panels.items()):
        ax = place(figure, 0.6 + 3.8 * (k % num_columns), 0.6 + 2.8 * (k // num_columns), 3.05, 1.75)
        _draw(ax, title, x, series, best_epoch)
        ax.set_xlabel(x_name, fontsize=TEXT_SIZE, color=QUIET)
    return figure


def _draw(ax: Axes, title: str, x: FloatArray, series: list[_Series], best: float | None) -> None:
    quiet_axes(ax, grid="y")
    heading(ax, title, pad=22)
    metrics = list(dict.fromkeys(s.metric for s in series))
    splits = list(dict.fromkeys(s.split for s in series))
    by_split = len(metrics) == 1  # colour tells the splits apart, else the metrics; dashes and markers say it again
    for s in series:
        colour = FEW[splits.index(s.split)] if by_split else FEW[metrics.index(s.metric)]
        known = ~np.isnan(s.values)
        style = _SPLITS[s.split]
        marker: dict[str, Any] = {"marker": MARKERS[metrics.index(s.metric)], "markersize": 3.2}
        marker["markevery"] = max(1, int(known.sum()) // 30)
        label = f"{s.split} {s.metric}".strip()
        ax.plot(x[known], s.values[known], color=colour, label=label, **style, **marker)
    if len(series) > 1:
        keys: list[tuple[str, str, dict[str, Any]]]
        if by_split:
            keys = [(name or "all", FEW[i], _SPLITS[name]) for i, name in enumerate(splits)]
        else:
            keys = [(name, FEW[i], {"marker": MARKERS[i], "markersize": 3.2}) for i, name in enumerate(metrics)]
        if not by_split and len(splits) > 1:
            keys += [(split or "all", QUIET, _SPLITS[split]) for split in splits]
        handles = [Line2D([], [], color=colour, label=label, **style) for label, colour, style in keys]
        crowded = len(handles) > 4
        ax.legend(
            handles=handles,
            loc="lower left",
            bbox_to_anchor=(-0.01, 1.0),
            ncols=len(handles),
            frameon=False,
            fontsize=7.5 if crowded else TEXT_SIZE,
            labelcolor=INK,
            handlelength=1.3 if crowded else 1.8,
            columnspacing=0.6 if crowded else 1.1,
            handletextpad=0.4 if crowded else 0.5,
            borderaxespad=0.2,
            borderpad=0.1,
        )
    if title == "Learning rate":
        _log_if_wide(ax, series)
    if x.min() == x.max():
        ax.set_xlim(x[0] - 1, x[0] + 1)
    ax.xaxis.set_major_locator(MaxNLocator(nbins=6, integer=True))
    if best is not None:
        ax.axvline(best, color=QUIET, linewidth=1.0, linestyle=(0, (2, 2)), zorder=0.5, label="best")
        at_right = best > np.mean(ax.get_xlim())
        ax.annotate(
            f"best ({best:.4g})",
            (best, 1.0),
            xycoords=ax.get_xaxis_transform(),
            xytext=(-4 if at_right else 4, -1),
            textcoords="offset points",
            ha="right" if at_right else "left",
            va="top",
            fontsize=7.5,
            color=QUIET,
        )


def _log_if_wide(ax: Axes, series: Iterable[_Series]) -> None:
    values = np.concatenate([s.values[~np.isnan(s.values)] for s in series])
    if values.min() > 0 and values.max() / values.min() > 20:
        ax.set_yscale("log")
    else:
        ax.ticklabel_format(axis="y", style="sci", scilimits=(-2, 3), useMathText=True)
        ax.yaxis.get_offset_text().set_fontsize(TEXT_SIZE)


def _series(columns: Mapping[str, FloatArray], names: Mapping[str, str]) -> list[_Series]:
    """Columns that belong into one panel, in the order of the splits and metrics; all-missing ones are left out."""
    found: dict[tuple[int, int], _Series] = {}
    for column, values in columns.items():
        split, metric = re.fullmatch(r"(?:(train|val|test)[_/])?(.*)", column, re.DOTALL).groups(default="")  # type: ignore[union-attr]
        if metric in names and not np.isnan(values).all():
            position = list(_SPLITS).index(split), list(names).index(metric)
            found[position] = _Series(split, names[metric], values)
    return [found[position] for position in sorted(found)]
