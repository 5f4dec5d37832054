"""Places axes by the size of the texts around them, which is faster and steadier than a layout engine."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.text import Text
from matplotlib.textpath import text_to_path

from skinzoo.plotting.style import (
    INK,
    LABEL_SIZE,
    QUIET,
    TEXT_SIZE,
    TITLE_SIZE,
    heading,
    new_figure,
    place,
    quiet_axes,
    size_in_inches,
    wrapped,
)

KEY_WIDTH = 0.42
"""Inches that a line or marker and its gap take in a legend."""


def text_width(texts: Iterable[str], size: float = TEXT_SIZE, weight: str = "normal") -> float:
    """Width of the widest line, in inches."""
    font = FontProperties(size=size, weight=weight)
    lines = [line for text in texts for line in str(text).split("\n")]
    measure = text_to_path.get_text_width_height_descent
    return max((measure(line, font, False)[0] for line in lines if line), default=0.0) / 72


def text_height(text: str, size: float = TEXT_SIZE) -> float:
    """Height of a text of several lines, in inches."""
    return 1.25 * size / 72 * (text.count("\n") + 1)


def entries(names: Sequence[str], values: Sequence[str]) -> list[str]:
    """Legend texts of a value and a name: in one line, or where names are long the value below the wrapped name."""
    widest = max(len(f"{value}  {name}") for name, value in zip(names, values, strict=True))
    if widest <= 40 or len(names) > 12:  # two lines each would make a long list taller than the panel by far
        return [f"{value}  {name}" for name, value in zip(names, values, strict=True)]
    return [f"{name}\n{value}" for name, value in zip(wrapped(names, 34), values, strict=True)]


def curve_axes(
    texts: Sequence[str],
    *,
    width: float = 3.9,
    height: float = 3.9,
    title: str = "",
    legend_title: str = "",
    below: float = 0.0,
) -> tuple[Figure, Axes]:
    """A figure with one panel, and to its right just enough room for a legend.

    Args:
        texts: What the legend will say.
        width: Of the panel, in inches.
        height: Of the panel, in inches.
        title: Above the panel, at its left edge; long ones are wrapped.
        legend_title: Above the legend.
        below: Inches to leave free below the panel for another one.
    """
    left, foot = 0.65, 0.55
    beside = max(text_width(texts) + KEY_WIDTH, text_width([legend_title], weight="bold")) + 0.3 if texts else 0.15
    title = wrapped([title], int((width + beside) * 9))[0] if title else ""
    head = 0.15 + (text_height(title, 11) + 0.05 if title else 0)
    legend = sum(text_height(text) + 0.065 for text in texts) + (0.25 if legend_title else 0)
    figure = new_figure(left + width + beside, head + max(height + below + foot, legend + 0.1), pad=None)
    ax = place(figure, left, head, width, height)
    quiet_axes(ax, grid="both")
    if title:
        heading(ax, title, pad=7)
    return figure, ax


def side_legend(ax: Axes, title: str = "", *, handles: Sequence[Any] | None = None) -> None:
    """The legend to the right of the panel, its top at the panel's top."""
    options: dict[str, Any] = {} if handles is None else {"handles": handles}
    if title:
        options |= {"title": title, "title_fontproperties": {"size": TEXT_SIZE, "weight": "bold"}}
    legend = ax.legend(
        alignment="left",
        loc="upper left",
        bbox_to_anchor=(1 + 0.18 / size_in_inches(ax)[0], 1.0),
        borderaxespad=0.0,
        borderpad=0.0,
        frameon=False,
        fontsize=TEXT_SIZE,
        labelcolor=INK,
        labelspacing=0.5,
        handlelength=2.4,
        handletextpad=0.7,
        **options,
    )
    legend.get_title().set_color(INK)


def figure_title(figure: Figure, text: str) -> None:
    """A title at the left edge of the figure."""
    across, down = figure.get_size_inches()
    if text:
        figure.text(
            0.15 / across, 1 - 0.1 / down, text, ha="left", va="top", size=TITLE_SIZE, weight="bold", color=INK,
            linespacing=1.2,
        )  # fmt: skip


def plain_texts(figure: Figure) -> Figure:
    """The same figure, with dollar signs in names drawn as they are: matplotlib would read formulas between two."""
    for text in figure.findobj(lambda artist: isinstance(artist, Text) and "$" in artist.get_text()):
        text.set_parse_math(False)  # type: ignore[attr-defined]
    return figure


def axis_labels(ax: Axes, x: str = "", y: str = "") -> None:
    """What the axes show, with its unit."""
    ax.set_xlabel(x, fontsize=LABEL_SIZE, color=QUIET)
    ax.set_ylabel(y, fontsize=LABEL_SIZE, color=QUIET)
