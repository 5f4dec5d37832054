"""ROC curves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from skinzoo.errors import ConfigError
from skinzoo.plotting.style import (
    DASHES,
    FEW,
    INK,
    LABEL_SIZE,
    MANY,
    QUIET,
    TEXT_SIZE,
    new_figure,
    place,
    quiet_axes,
)


def roc_curves(curves: Mapping[str, Sequence[ArrayLike]]) -> Figure:
    """Sensitivity against 1 - specificity, one line for each class, with the area below it.

    Args:
        curves: Name -> (false-positive rates, true-positive rates, ...), rates in [0, 1] and rising, such as
            `skinzoo.metrics.roc_curves_ovr` returns.

    Raises:
        ConfigError: No curve, or one that is not made of two equally long lists of rates.
    """
    if not curves:
        raise ConfigError("there is no ROC curve to draw: a curve needs test images of the class and of another one.")
    colours = FEW if len(curves) <= len(FEW) else MANY
    side = 4.0
    figure = new_figure(side + 1.4 + max(0.07 * (7 + max(map(len, curves))), 1.2), side + 0.75, pad=None)
    ax = place(figure, 0.65, 0.15, side, side)
    quiet_axes(ax, grid="both")
    ax.plot([0, 1], [0, 1], color="#9aa5b1", linewidth=1, linestyle=(0, (4, 3)), zorder=1)
    ax.annotate(
        "chance", (0.93, 0.93), (0, -5), textcoords="offset points", ha="center", va="top", fontsize=7.5, color=QUIET,
        rotation=45, rotation_mode="anchor",
    )  # fmt: skip
    for k, (name, curve) in enumerate(curves.items()):
        fpr, tpr = _checked(name, curve)
        area = float(np.sum(np.diff(fpr) * (tpr[1:] + tpr[:-1]) / 2))
        ax.plot(
            fpr,
            tpr,
            color=colours[k % len(colours)],
            linestyle=DASHES[k // len(colours) % len(DASHES)],
            linewidth=1.8,
            label=f"{area:.3f}  {name}",
        )
    ax.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01))
    ax.set_xlabel("1 - specificity (false-positive rate)", fontsize=LABEL_SIZE, color=QUIET)
    ax.set_ylabel("sensitivity (true-positive rate)", fontsize=LABEL_SIZE, color=QUIET)
    ax.legend(
        title="area under the curve",
        title_fontproperties={"size": TEXT_SIZE, "weight": "bold"},
        alignment="left",
        loc="center left",
        bbox_to_anchor=(1.03, 0.5),
        frameon=False,
        fontsize=TEXT_SIZE,
        labelcolor=INK,
        labelspacing=0.7,
    )
    return figure


def _checked(name: str, curve: Sequence[ArrayLike]) -> tuple[NDArray[Any], NDArray[Any]]:
    fpr, tpr = (np.asarray(curve[k], dtype=np.float64) if len(curve) > k else np.empty(0) for k in (0, 1))
    if fpr.ndim != 1 or fpr.shape != tpr.shape or len(fpr) < 2 or not ((fpr >= 0) & (fpr <= 1) & (tpr >= 0)).all():
        raise ConfigError(
            f"the ROC curve of {name!r} must be two equally long lists of rates in [0, 1]; "
            f"got the shapes {fpr.shape} and {tpr.shape}. Leave classes out for which it is undefined."
        )
    return fpr, tpr
