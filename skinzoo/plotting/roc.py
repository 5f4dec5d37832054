"""ROC curves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
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
from skinzoo.plotting.style import INK, MARKERS, QUIET, line_look

_MANY = 12  # from here on the legend leaves out what is said about operating points
_DOT: dict[str, Any] = {"markersize": 7, "markeredgecolor": "white", "markeredgewidth": 1.0}


def roc_curves(
    curves: Mapping[str, Any],
    *,
    areas: Mapping[str, Estimate] | None = None,
    bands: Mapping[str, Sequence[Any]] | None = None,
    operating_points: Mapping[str, float | Sequence[float]] | None = None,
    title: str = "",
) -> Figure:
    """Sensitivity against 1 - specificity, one line for each class, with the area below it.

    Args:
        curves: Name -> (false-positive rates, true-positive rates, thresholds), rates in [0, 1] and rising, such as
            `skinzoo.metrics.roc_curves_ovr` returns. Thresholds are needed for operating points only.
        areas: Name -> area, or (area, low, high) with its interval, for the legend; names left out get the area below
            their drawn line. A name without a curve must have the area NaN and is listed as n/a.
        bands: Name -> (false-positive rates, low, high): a confidence band of the sensitivity.
        operating_points: Name -> threshold at or above which an image counts as positive, marked on the curve; or
            (1 - specificity, sensitivity) of a point that need not lie on a curve, such as that of a human reader.
        title: A line above.

    Raises:
        ConfigError: No curve, or one that is not made of two equally long lists of rates; names that do not fit.
    """
    some(curves, what="ROC curve", hint="a curve needs test images of the class and of another one.")
    lines = {name: _checked(name, curve) for name, curve in curves.items()}
    measured = {
        name: (areas or {}).get(name, float(np.sum(np.diff(fpr) * (tpr[1:] + tpr[:-1]) / 2)))
        for name, (fpr, tpr) in lines.items()
    }
    measured |= undefined_areas(areas, lines, what="areas")
    known(bands, lines, what="bands")
    points = {name: _operating_point(name, at, curves) for name, at in (operating_points or {}).items()}

    texts = entries(list(measured), [estimate_text(v, what=f"the area of {k!r}") for k, v in measured.items()])
    labels = dict(zip(measured, texts, strict=True))
    if len(labels) < _MANY:
        for name, (x, y, threshold) in points.items():
            said = f"sensitivity {y:.2f}, specificity {1 - x:.2f}"
            if name in labels:
                labels[name] += f"\n{'' if threshold is None else f'at {threshold:.2f}: '}{said}"
            else:
                labels[name] = f"{name}\n{said}"
    figure, ax = curve_axes(list(labels.values()), title=title, legend_title="area under the curve")
    ax.plot([0, 1], [0, 1], color="#9aa5b1", linewidth=1, linestyle=(0, (4, 3)), zorder=1)
    ax.annotate(
        "chance", (0.93, 0.93), (0, -5), textcoords="offset points", ha="center", va="top", fontsize=7.5, color=QUIET,
        rotation=45, rotation_mode="anchor",
    )  # fmt: skip
    handles: list[Any] = []
    for k, (name, (fpr, tpr)) in enumerate(lines.items()):
        look = line_look(k, len(lines))
        if bands and name in bands:
            _band(ax, name, bands[name], look["color"])
        dot = {"marker": MARKERS[k % len(MARKERS)], **_DOT} if name in points else {}
        ax.plot(*thinned(fpr, tpr), **look, linewidth=1.8, label=labels[name])
        handles.append(Line2D([], [], **look, linewidth=1.8, label=labels[name], **dot))
    for k, (name, (x, y, _)) in enumerate(points.items()):
        position = list(lines).index(name) if name in lines else None
        colour = INK if position is None else line_look(position, len(lines))["color"]
        marker = MARKERS[(k if position is None else position) % len(MARKERS)]
        ax.plot([x], [y], color=colour, marker=marker, linestyle="none", zorder=4, clip_on=False, label="_", **_DOT)
        if position is None:
            handles.append(Line2D([], [], color=INK, marker=marker, linestyle="none", label=labels[name], **_DOT))
    handles += [Line2D([], [], linestyle="none", label=labels[name]) for name in measured if name not in lines]
    ax.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01))
    axis_labels(ax, "1 - specificity (false-positive rate)", "sensitivity (true-positive rate)")
    side_legend(ax, "area under the curve", handles=handles)
    return plain_texts(figure)


def _band(ax: Axes, name: str, band: Sequence[Any], colour: str) -> None:
    x, low, high = columns(band, ("fpr", "low", "high"), what=f"the band of {name!r}")
    for values in (x, low, high):
        shares(values, what=f"the band of {name!r}", undefined=True)
    ax.fill_between(x, low, high, color=colour, alpha=0.16, linewidth=0, zorder=1.5)


def _operating_point(
    name: str, at: float | Sequence[float], curves: Mapping[str, Any]
) -> tuple[float, float, float | None]:
    """Position on the axes, and the threshold if that was given."""
    if not isinstance(at, float | int | np.number):
        point = shares(numbers(at, what=f"the operating point of {name!r}"), what="an operating point")
        if point.shape != (2,):
            raise ConfigError(f"the operating point of {name!r} must be a threshold or (1 - specificity, sensitivity).")
        return float(point[0]), float(point[1]), None
    threshold = float(at)
    known({name: at}, curves, what="operating_points")
    fpr, tpr, steps = columns(curves[name], ("fpr", "tpr", "thresholds"), what=f"the ROC curve of {name!r}")
    positive = steps >= threshold
    if not positive.any():
        raise ConfigError(f"the operating point of {name!r} must be a threshold that is a number; got {threshold}.")
    last = int(np.flatnonzero(positive)[-1])
    return float(fpr[last]), float(tpr[last]), threshold


def _checked(name: str, curve: Any) -> tuple[FloatArray, FloatArray]:
    try:
        fpr, tpr = columns(curve, ("fpr", "tpr"), what=f"the ROC curve of {name!r}")
        shares(fpr, what="a false-positive rate")
        shares(tpr, what="a true-positive rate")
        if len(fpr) < 2 or (np.diff(fpr) < 0).any() or (np.diff(tpr) < 0).any():
            raise ConfigError(f"it has {len(fpr)} points, and rates must rise from two points on.")
    except ConfigError as error:
        raise ConfigError(
            f"the ROC curve of {name!r} must be two equally long lists of rates in [0, 1] that rise: {error} "
            "Leave classes out for which it is undefined."
        ) from error
    return fpr, tpr
