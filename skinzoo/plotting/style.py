"""The look of every figure, in one place: quiet axes, and colours that colour-blind readers can tell apart.

The figures are made with matplotlib's object interface only. pyplot, its global list of figures and its settings are
left alone, so that plotting works in threads, servers and notebooks without side effects.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from numpy.typing import ArrayLike, NDArray

from skinzoo.errors import ConfigError

INK = "#1f2933"
QUIET = "#5f6b7a"
GRID = "#e4e7eb"
BACKGROUND = "#ffffff"
PALE = "#f1f3f5"

TRUTH = "#00a86b"
PREDICTION = "#d6249f"
"""Green and magenta stay apart for every kind of colour blindness; they mean truth and prediction in all figures."""

FEW = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00")
"""Okabe and Ito 2008, for up to six series."""

MANY = ("#332288", "#cc6677", "#117733", "#88ccee", "#882255", "#ddcc77", "#44aa99", "#aa4499", "#999933")
"""Paul Tol's muted scheme (2021), for up to nine classes."""

DASHES: tuple[Any, ...] = ("-", (0, (5, 1.5)), (0, (1.5, 1.2)), (0, (6, 1.5, 1.5, 1.5)))
"""Line styles; four of them with nine colours give 36 looks."""

MARKERS = ("o", "s", "^", "D", "v", "P")
"""One for each colour of `FEW`, for those who cannot tell the colours apart."""

TITLE_SIZE, LABEL_SIZE, TEXT_SIZE = 11.0, 9.5, 8.5


def line_look(index: int, num_series: int) -> dict[str, Any]:
    """Colour and line style of a series; both differ between neighbours, and no two of 36 series look alike."""
    colours = FEW if num_series <= len(FEW) else MANY
    return {"color": colours[index % len(colours)], "linestyle": DASHES[index % len(DASHES)]}


def new_figure(width: float, height: float, *, pad: float | None = 0.05) -> Figure:
    """An empty figure of 150 dots per inch.

    Args:
        width: In inches.
        height: In inches.
        pad: Space around axes, in inches; the layout then keeps labels from overlapping. None: the caller places the
            axes with `place`, which axes of a fixed aspect ratio need, because the layout cuts off their labels.
    """
    layout = None if pad is None else ConstrainedLayoutEngine(h_pad=pad, w_pad=pad)
    return Figure(figsize=(width, height), dpi=150, layout=layout, facecolor=BACKGROUND)


def place(figure: Figure, left: float, top: float, width: float, height: float) -> Axes:
    """Axes at a distance from the left and upper edge of the figure, all in inches."""
    across, down = figure.get_size_inches()
    return figure.add_axes((left / across, 1 - (top + height) / down, width / across, height / down))


def size_in_inches(ax: Axes) -> tuple[float, float]:
    """Width and height of a panel."""
    figure = ax.figure
    assert isinstance(figure, Figure)
    (across, down), box = figure.get_size_inches(), ax.get_position()
    return float(across * box.width), float(down * box.height)


def quiet_axes(ax: Axes, *, grid: Literal["x", "y", "both"] | None = None) -> None:
    """Thin lines, no box, and a pale grid behind the data."""
    ax.set_facecolor(BACKGROUND)
    for side, spine in ax.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set_color("#9aa5b1")
        spine.set_linewidth(0.8)
    ax.tick_params(which="both", length=3, width=0.8, color="#9aa5b1", labelcolor=INK, labelsize=TEXT_SIZE)
    ax.set_axisbelow(True)
    ax.grid(visible=False)
    if grid:
        ax.grid(visible=True, axis=grid, color=GRID, linewidth=0.8)


def heading(ax: Axes, text: str, *, pad: float = 8) -> None:
    """A title above the left edge."""
    ax.set_title(text, loc="left", fontsize=TITLE_SIZE, fontweight="bold", color=INK, pad=pad)


def picture_axes(ax: Axes) -> None:
    """Axes for an image: no ticks, a hairline around it."""
    ax.set_xticks([])
    ax.set_yticks([])
    for spine in ax.spines.values():
        spine.set_color("#cbd2d9")
        spine.set_linewidth(0.6)


def wrapped(names: Sequence[str], width: int) -> list[str]:
    """Names broken into lines of at most `width` characters; one long word stays whole."""
    return ["\n".join(textwrap.wrap(str(name), width, break_long_words=False)) or " " for name in names]


def checked_image(image: ArrayLike, *, what: str = "image") -> NDArray[np.uint8]:
    """A uint8 RGB picture of shape (H, W, 3).

    Raises:
        ConfigError: Anything else.
    """
    array: NDArray[Any] = np.asarray(image)
    if array.dtype != np.uint8 or array.ndim != 3 or array.shape[2] != 3 or not array.size:
        raise ConfigError(
            f"{what} must be a uint8 RGB array of shape (H, W, 3); got {array.dtype}, shape {array.shape}. "
            "Undo the normalisation of tensors first."
        )
    return array
