"""Selective prediction: what is gained by leaving doubtful images to a human."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import PercentFormatter

from skinzoo.errors import ConfigError
from skinzoo.plotting.inputs import (
    Estimate,
    FloatArray,
    columns,
    estimate_text,
    known,
    shares,
    some,
    thinned,
)
from skinzoo.plotting.layout import axis_labels, curve_axes, entries, plain_texts, side_legend
from skinzoo.plotting.style import MARKERS, line_look


def risk_coverage_curves(
    curves: Mapping[str, Any],
    *,
    areas: Mapping[str, Estimate] | None = None,
    abstain_below: Mapping[str, float] | None = None,
    risk: str = "error rate",
    title: str = "",
) -> Figure:
    """Risk among the answered images against the share that is answered, the most confident first.

    Args:
        curves: Name -> (coverage, risk, thresholds), such as `skinzoo.metrics.risk_coverage_curve` returns: both shares
            in [0, 1], the coverage rising, a NaN risk left out. Thresholds are needed for abstention points only.
        areas: Name -> area under the risk-coverage curve (AURC), or (value, low, high) with its interval. Names left
            out get the mean risk over the coverage, `sum of (coverage step * risk at its end)`, which is the mean over
            all images where the curve has a point for each (Geifman and El-Yaniv 2017, arXiv:1705.08500).
        abstain_below: Name -> confidence below which an image is left to a human, marked on the curve.
        risk: What the risk is, for the y axis.
        title: A line above.

    Raises:
        ConfigError: No curve, one that is not made of two equally long lists of shares, or names that do not fit.
    """
    some(curves, what="risk-coverage curve", hint="it needs predictions with labels.")
    lines = {name: _checked(name, curve) for name, curve in curves.items()}
    known(areas, lines, what="areas")
    known(abstain_below, lines, what="abstain_below")
    measured = {
        name: (areas or {}).get(name, float(np.sum(np.diff(coverage, prepend=0.0) * risks)))
        for name, (coverage, risks) in lines.items()
    }
    texts = entries(list(lines), [f"AURC {estimate_text(v, what=f'the area of {k!r}')}" for k, v in measured.items()])
    points: dict[str, tuple[float, float]] = {}
    for k, (name, (coverage, risks)) in enumerate(lines.items()):
        if abstain_below and name in abstain_below:
            points[name] = _abstention(name, curves[name], abstain_below[name])
            at, left = points[name]
            texts[k] += f"\nfrom {abstain_below[name]:.2f} on, {100 * at:.0f}% coverage: {_percent(left)}"
        texts[k] += f"\nat full coverage: {_percent(risks[-1])}" if coverage[-1] >= 1 - 1e-9 else ""

    figure, ax = curve_axes(texts, height=3.3, width=4.1, title=title)
    handles = []
    for k, (name, (coverage, risks)) in enumerate(lines.items()):
        look = line_look(k, len(lines))
        dot: dict[str, Any] = {"marker": MARKERS[k % len(MARKERS)], "markersize": 7, "markeredgecolor": "white"}
        ax.plot(*thinned(coverage, risks), **look, linewidth=1.8, label=texts[k])
        if name in points:
            x, y = points[name]
            ax.plot([x, x], [0, y], color=look["color"], linewidth=0.9, linestyle=(0, (2, 2)), label="_")
            ax.plot([x], [y], color=look["color"], linestyle="none", label="_", zorder=4, **dot)
        handles.append(Line2D([], [], **look, linewidth=1.8, label=texts[k], **(dot if name in points else {})))
    top = max(float(risks.max()) for _, risks in lines.values())
    ax.set(xlim=(-0.01, 1.01), ylim=(0, max(1.08 * top, 0.01)))
    ax.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    ax.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0 if top > 0.05 else 1))
    axis_labels(ax, "coverage (share of the images answered)", f"{risk} among the answered")
    side_legend(ax, handles=handles)
    return plain_texts(figure)


def _percent(share: float) -> str:
    return f"{100 * share:.1f}%"


def _checked(name: str, curve: Any) -> tuple[FloatArray, FloatArray]:
    what = f"the risk-coverage curve of {name!r}"
    coverage, risks = columns(curve, ("coverage", "risk"), what=what)
    shares(coverage, what=f"coverage of {what}")
    shares(risks, what=f"risk of {what}", undefined=True)
    if (np.diff(coverage) < 0).any():
        raise ConfigError(f"{what}: the coverage must rise.")
    defined = ~np.isnan(risks)
    if not defined.any():
        raise ConfigError(f"{what} has no defined risk; it needs predictions with labels.")
    return coverage[defined], risks[defined]


def _abstention(name: str, curve: Any, threshold: float) -> tuple[float, float]:
    """Coverage and risk of answering what is at least as confident as the threshold."""
    what = f"the risk-coverage curve of {name!r}"
    coverage, risks, steps = columns(curve, ("coverage", "risk", "thresholds"), what=what)
    answered = np.flatnonzero(steps >= threshold)
    if not len(answered):
        raise ConfigError(f"no image of {name!r} has a confidence of {threshold} or more; leave the point out.")
    return float(coverage[answered[-1]]), float(risks[answered[-1]])
