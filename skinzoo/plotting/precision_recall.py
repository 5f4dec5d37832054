"""Precision against recall."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from skinzoo.errors import ConfigError
from skinzoo.plotting.inputs import (
    Estimate,
    FloatArray,
    columns,
    estimate_text,
    known,
    numbers,
    shares,
    some,
    thinned,
    undefined_areas,
)
from skinzoo.plotting.layout import axis_labels, curve_axes, entries, plain_texts, side_legend
from skinzoo.plotting.style import line_look


def precision_recall_curves(
    curves: Mapping[str, Any],
    *,
    areas: Mapping[str, Estimate] | None = None,
    prevalence: Mapping[str, float] | None = None,
    title: str = "",
) -> Figure:
    """Precision against recall as steps, one line for each class, with its average precision.

    Between two points the precision of the higher recall holds: straight lines would promise more than any threshold
    gives (Davis and Goadrich 2006, "The relationship between precision-recall and ROC curves").

    Args:
        curves: Name -> (precision, recall), values in [0, 1], the recall all rising or all falling. Points of undefined
            precision (NaN, nothing is predicted) are left out.
        areas: Name -> average precision, or (value, low, high) with its interval; names left out get the area below
            their drawn steps. A name without a curve must have the area NaN and is listed as n/a.
        prevalence: Name -> share of the class: what a guess reaches, drawn as a dotted line of the same colour.
        title: A line above.

    Raises:
        ConfigError: No curve, one that is not made of two equally long lists of rates; names that do not fit.
    """
    some(curves, what="precision-recall curve", hint="a curve needs test images of the class.")
    lines = {name: _checked(name, curve) for name, curve in curves.items()}
    known(prevalence, lines, what="prevalence")
    chance = dict(prevalence or {})
    shares(numbers([*chance.values()], what="prevalence"), what="prevalence")
    measured = {
        name: (areas or {}).get(name, float(np.sum(np.diff(recall, prepend=0.0) * precision)))
        for name, (precision, recall) in lines.items()
    }
    measured |= undefined_areas(areas, lines, what="areas")
    values = [estimate_text(v, what=f"the area of {k!r}") for k, v in measured.items()]
    values = [f"{v}, chance {chance[k]:.3f}" if k in chance else v for k, v in zip(measured, values, strict=True)]
    texts = entries(list(measured), values)

    figure, ax = curve_axes(texts, title=title, legend_title="average precision")
    handles = []
    for k, (name, (precision, recall)) in enumerate(lines.items()):
        look = line_look(k, len(lines))
        x, y = thinned(np.append(0.0, recall), np.append(precision[0], precision))
        ax.plot(x, y, drawstyle="steps-pre", **look, linewidth=1.7, label=texts[k])
        handles.append(Line2D([], [], **look, linewidth=1.7, label=texts[k]))
        if name in chance:
            ax.axhline(chance[name], color=look["color"], linewidth=0.9, linestyle=(0, (1, 2.5)), label="_", zorder=1)
    handles += [Line2D([], [], linestyle="none", label=text) for text in texts[len(lines) :]]
    ax.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.03))
    axis_labels(ax, "recall (sensitivity)", "precision (positive predictive value)")
    side_legend(ax, "average precision", handles=handles)
    return plain_texts(figure)


def _checked(name: str, curve: Any) -> tuple[FloatArray, FloatArray]:
    """Precision and recall by rising recall."""
    what = f"the precision-recall curve of {name!r}"
    precision, recall = columns(curve, ("precision", "recall"), what=what)
    shares(precision, what=f"precision of {what}", undefined=True)
    shares(recall, what=f"recall of {what}")
    if (np.diff(recall) < 0).any():
        precision, recall = precision[::-1], recall[::-1]
    if (np.diff(recall) < 0).any():
        raise ConfigError(f"{what}: the recall must be all rising or all falling.")
    defined = ~np.isnan(precision)
    if not defined.any():
        raise ConfigError(f"{what} has no defined precision; leave the class out.")
    return precision[defined], recall[defined]
