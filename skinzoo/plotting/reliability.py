"""Reliability diagrams: do probabilities mean what they say?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from skinzoo.errors import ConfigError
from skinzoo.plotting.inputs import FloatArray, columns, shares, some
from skinzoo.plotting.layout import axis_labels, curve_axes, plain_texts, side_legend
from skinzoo.plotting.style import FEW, MARKERS, line_look, place, quiet_axes, wrapped

_BEFORE: dict[str, Any] = {"color": FEW[1], "linestyle": (0, (3, 1.5)), "marker": "s", "markerfacecolor": "white"}
_COLUMNS = ("confidence", "accuracy", "count", "low", "high")


@dataclass(frozen=True)
class _Bins:
    confidence: FloatArray
    accuracy: FloatArray
    count: FloatArray
    low: FloatArray
    high: FloatArray

    @property
    def filled(self) -> Any:
        return (self.count > 0) & ~np.isnan(self.confidence) & ~np.isnan(self.accuracy)

    @property
    def error(self) -> float:
        """The expected calibration error of these bins."""
        keep = self.filled
        gaps = self.count[keep] * np.abs(self.accuracy[keep] - self.confidence[keep])
        return float(gaps.sum() / self.count[keep].sum()) if keep.any() else float("nan")


def reliability_diagram(curves: Any, *, before: Any = None, title: str = "", confidence: str = "confidence") -> Figure:
    """The share that came true against the mean probability of each bin, with a histogram of the bins below.

    The expected calibration error (ECE) is written in the title: the mean distance from the diagonal, weighted by the
    images of each bin, of the bins that are drawn.

    Args:
        curves: Arrays `confidence`, `accuracy`, `count`, `low`, `high` of shape (bins,), by attribute, by key or in
            this order, such as `skinzoo.metrics.reliability_curve` returns; or several of them by name, at most six.
            Bins without images are left out.
        before: The curve before calibration, to compare with; only where `curves` is a single one.
        title: Before the ECE in the title.
        confidence: What the probability is one of, for the x axis.

    Raises:
        ConfigError: Arrays that do not fit together, values outside [0, 1], no image at all, or too many curves.
    """
    if isinstance(curves, Mapping) and not {*_COLUMNS} & {*curves}:
        some(curves, what="reliability curve", hint="it needs predictions with labels.")
        named = {str(name): _checked(curve, f"the curve of {name!r}") for name, curve in curves.items()}
    else:
        named = {"": _checked(curves, "the curve")}
    if len(named) > len(FEW) or (before is not None and len(named) > 1):
        raise ConfigError(f"draw at most {len(FEW)} curves, or one with `before`; got {len(named)} curves.")
    looks = {name: line_look(k, len(named)) | {"marker": MARKERS[k]} for k, name in enumerate(named)}
    errors = {name: bins.error for name, bins in named.items()}
    if before is not None:
        old = _checked(before, "the curve before calibration")
        named = {"before": old, "after": next(iter(named.values()))}
        looks = {"before": _BEFORE, "after": looks[""]}
        text = f"ECE {_written(old.error)} before, {_written(errors[''])} after calibration"
    else:
        text = f"ECE {_written(errors[''])}" if "" in errors else ""
    texts = [
        f"{wrapped([name], 30)[0]}\nECE {_written(errors[name])}" if not text else name or "predictions"
        for name in named
    ]

    tall = 0.85
    figure, ax = curve_axes(
        ["perfect calibration", *texts], height=3.6, width=3.6, below=tall + 0.15,
        title=": ".join(filter(None, (title, text))) or "Reliability",
    )  # fmt: skip
    ax.plot([0, 1], [0, 1], color="#9aa5b1", linewidth=1, linestyle=(0, (4, 3)), label="perfect calibration", zorder=1)
    for (name, bins), label in zip(named.items(), texts, strict=True):
        _draw(ax, bins, looks[name], label)
    ax.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01))
    ax.tick_params(labelbottom=False)
    axis_labels(ax, y="share that came true")
    side_legend(ax)

    box, down = ax.get_position(), float(figure.get_size_inches()[1])
    width = float(figure.get_size_inches()[0]) * box.width
    below = place(figure, 0.65, (1 - box.y0) * down + 0.15, width, tall)
    quiet_axes(below, grid="y")
    for name, bins in named.items():
        _histogram(below, bins, looks[name], alone=len(named) == 1)
    below.set(xlim=(-0.01, 1.01))
    below.set_ylim(bottom=0)
    below.locator_params(axis="y", nbins=3, integer=True)
    below.yaxis.set_major_formatter(lambda v, _: f"{v:,.0f}" if v < 10_000 else f"{v / 1000:,.0f}k")
    axis_labels(below, f"{confidence} (mean of the bin)", "images")
    below.yaxis.set_label_coords(-0.46 / width, 0.5)
    ax.yaxis.set_label_coords(-0.46 / width, 0.5)
    return plain_texts(figure)


def _draw(ax: Axes, bins: _Bins, look: Mapping[str, Any], label: str) -> None:
    keep = bins.filled
    x, y = bins.confidence[keep], bins.accuracy[keep]
    ends = np.nan_to_num(np.maximum([y - bins.low[keep], bins.high[keep] - y], 0))
    ax.errorbar(
        x,
        y,
        yerr=ends,
        label=label,
        linewidth=1.5,
        markersize=5.5,
        elinewidth=1.0,
        capsize=2.5,
        zorder=3,
        clip_on=False,
        **look,
    )


def _histogram(ax: Axes, bins: _Bins, look: Mapping[str, Any], *, alone: bool) -> None:
    """Bars where the bins are of equal width, otherwise stems at the mean of each bin."""
    num = len(bins.count)
    edges = np.linspace(0, 1, num + 1)
    keep = bins.filled
    x = bins.confidence[keep]
    equal = ((x >= edges[:-1][keep] - 1e-9) & (x <= edges[1:][keep] + 1e-9)).all()
    if equal and alone:
        ax.bar(edges[:-1], bins.count, 1 / num, align="edge", color=look["color"], edgecolor="white", linewidth=0.8)
    elif equal:
        ax.stairs(bins.count, edges, color=look["color"], linestyle=look["linestyle"], linewidth=1.4)
    else:
        ax.vlines(x, 0, bins.count[keep], color=look["color"], linewidth=1.2)
        face = look.get("markerfacecolor", look["color"])
        ax.plot(
            x,
            bins.count[keep],
            linestyle="none",
            color=look["color"],
            marker=look["marker"],
            markersize=4,
            markerfacecolor=face,
        )


def _checked(curve: Any, what: str) -> _Bins:
    bins = _Bins(*columns(curve, _COLUMNS, what=what))
    for name in _COLUMNS:
        if name != "count":
            shares(getattr(bins, name), what=f"{name} of {what}", undefined=True)
    if not (bins.count >= 0).all() or not bins.filled.any():
        raise ConfigError(f"{what} holds no images, its counts are {bins.count.tolist()}; give labelled predictions.")
    return bins


def _written(error: float) -> str:
    return f"{error:.3f}"
