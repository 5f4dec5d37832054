"""Decision curves: is acting on the model's answer better than acting on all, or on nobody?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from skinzoo.errors import ConfigError
from skinzoo.plotting.inputs import columns, known, shares, some
from skinzoo.plotting.layout import axis_labels, curve_axes, plain_texts, side_legend
from skinzoo.plotting.style import INK, QUIET, line_look, wrapped

_COLUMNS = ("thresholds", "model", "treat_all")


def decision_curves(
    curves: Mapping[str, Any],
    *,
    prevalence: float | None = None,
    bands: Mapping[str, Any] | None = None,
    threshold: float | None = None,
    title: str = "",
) -> Figure:
    """Net benefit against the threshold, with the lines of treating all and of treating nobody.

    The net benefit is `TP / N - FP / N * t / (1 - t)` at the threshold t (Vickers and Elkin 2006, doi
    10.1177/0272989X06295361). At t a missed case is held to be (1 - t) / t times as bad as a needless excision.

    Args:
        curves: Name -> (thresholds, net benefit of the model, net benefit of treating all); thresholds in [0, 1) and
            rising, a NaN is a gap. `skinzoo.metrics.decision_curve` returns one.
        prevalence: Share of positives in [0, 1], from which the line of treating all follows; None takes that line from
            the first curve.
        bands: Name -> (thresholds, low, high): a confidence band.
        threshold: One to mark, such as the model's operating point.
        title: A line above.

    Raises:
        ConfigError: No curve, one that is not made of two equally long lists, or a value out of its range.
    """
    some(curves, what="decision curve", hint="it needs positive and negative images.")
    known(bands, curves, what="bands")
    lines = {name: columns(c, _COLUMNS[:2], what=f"the decision curve of {name!r}") for name, c in curves.items()}
    for name, (thresholds, _) in lines.items():
        shares(thresholds, what=f"a threshold of the decision curve of {name!r}")
        if (np.diff(thresholds) <= 0).any() or thresholds[-1] >= 1:
            raise ConfigError(f"the decision curve of {name!r} needs thresholds that rise and stay below 1.")
    share = _prevalence(curves, prevalence)
    last = max(float(thresholds[-1]) for thresholds, _ in lines.values())
    highest = max([share, *(float(np.nanmax(v)) for _, v in lines.values() if not np.isnan(v).all())])
    top = 1.12 * highest or 0.1
    bottom = -0.22 * top

    names = wrapped(list(lines), 30)
    marked = [] if threshold is None else [f"threshold {threshold:.2f}"]
    figure, ax = curve_axes([*names, "treat all", "treat none", *marked], height=3.3, width=4.4, title=title)
    for k, ((name, (thresholds, values)), label) in enumerate(zip(lines.items(), names, strict=True)):
        look = line_look(k, len(lines))
        if bands and name in bands:
            x, low, high = columns(bands[name], ("thresholds", "low", "high"), what=f"the band of {name!r}")
            ax.fill_between(x, low, high, color=look["color"], alpha=0.16, linewidth=0)
        ax.plot(thresholds, values, **look, linewidth=1.9, label=label, zorder=3)
    t = np.linspace(0, min(last, 0.995), 400)
    ax.plot(t, share - (1 - share) * t / (1 - t), color=QUIET, linewidth=1.3, linestyle=(0, (4, 2)), label="treat all")
    ax.plot([0, last], [0, 0], color=INK, linewidth=1.1, label="treat none")
    if threshold is not None:
        ax.axvline(threshold, color=QUIET, linewidth=1.0, linestyle=(0, (1, 2)), label=marked[0])
    ax.set(xlim=(0, max(last, 0.01)), ylim=(bottom, top))
    ax.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=0 if last > 0.05 else 1))
    axis_labels(ax, "threshold probability", "net benefit (true positives per image)")
    side_legend(ax)
    return plain_texts(figure)


def _prevalence(curves: Mapping[str, Any], given: float | None) -> float:
    if given is not None:
        return float(shares(np.array([given], dtype=np.float64), what="prevalence")[0])
    name = next(iter(curves))
    what = f"the decision curve of {name!r} (needed without prevalence)"
    thresholds, _, treat_all = columns(curves[name], _COLUMNS, what=what)
    share = float(((1 - thresholds) * treat_all + thresholds)[0])  # solved for it: all - (1 - all) * t / (1 - t)
    if not -1e-9 <= share <= 1 + 1e-9:
        raise ConfigError(f"the treat_all line of {name!r} fits no share of positives ({share:.4g}); give prevalence.")
    return min(max(share, 0.0), 1.0)
