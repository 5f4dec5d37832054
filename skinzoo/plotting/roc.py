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
    quiet_axes,
    wrapped,
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
    names = wrapped(list(curves), 28)
    longest = max(len(line) for name in names for line in name.split("\n"))
    figure = new_figure(5.4 + 0.075 * longest, 4.6)
    ax = figure.subplots()
    quiet_axes(ax, grid="both")
    ax.plot([0, 1], [0, 1], color="#9aa5b1", linewidth=1, linestyle=(0, (4, 3)), zorder=1)
    ax.annotate(
        "chance", (0.93, 0.93), (0, -5), textcoords="offset points", ha="center", va="top", fontsize=7.5, color=QUIET,
        rotation=45, rotation_mode="anchor",
    )  # fmt: skip
    for k, ((name, curve), shown) in enumerate(zip(curves.items(), names, strict=True)):
        fpr, tpr = _checked(name, curve)
        area = float(np.sum(np.diff(fpr) * (tpr[1:] + tpr[:-1]) / 2))
        ax.plot(
            fpr,
            tpr,
            color=colours[k % len(colours)],
            linestyle=DASHES[k // len(colours) % len(DASHES)],
            linewidth=1.8,
            label=f"{area:.3f}  {shown}".replace("\n", "\n" + 11 * " "),
        )
    ax.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01), aspect="equal")
    ax.set_xlabel("1 - specificity (false-positive rate)", fontsize=LABEL_SIZE, color=QUIET)
    ax.set_ylabel("sensitivity (true-positive rate)", fontsize=LABEL_SIZE, color=QUIET)
    figure.legend(
        title="area under the curve",
        title_fontproperties={"size": TEXT_SIZE, "weight": "bold"},
        alignment="left",
        loc="outside right center",
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
