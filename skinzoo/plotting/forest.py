"""Forest plots: one figure of merit for many groups of images, each with its interval."""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from typing import Any, NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from skinzoo.errors import ConfigError
from skinzoo.plotting.inputs import estimate, interval_text
from skinzoo.plotting.layout import axis_labels, figure_title, plain_texts, text_height, text_width
from skinzoo.plotting.style import FEW, INK, QUIET, TEXT_SIZE, new_figure, place, quiet_axes, size_in_inches, wrapped

_NOTE_SIZE = 7.5
_EDGE, _INDENT = 0.15, 0.14  # inches


class ForestRow(NamedTuple):
    """One line of a forest plot.

    Attributes:
        group: Heading under which it stands, such as "sex"; rows of one group follow each other.
        label: Its name, such as "female".
        value: NaN where undefined.
        low: Lower end of the interval, NaN for none.
        high: Upper end.
        n: Images (or lesions) it was measured on.
        note: Why it is undefined or not to be relied on, such as "fewer than 20 images"; greys it out.
    """

    group: str
    label: str
    value: float
    low: float = float("nan")
    high: float = float("nan")
    n: int | None = None
    note: str = ""


class _Line(NamedTuple):
    """A row with its texts as they are written, and where they stand, in inches from the top."""

    row: ForestRow
    label: str
    note: str
    value: str
    middle: float


def forest_plot(
    rows: Sequence[ForestRow | Sequence[Any]],
    *,
    reference: float | None = None,
    reference_label: str = "overall",
    title: str = "",
    value_label: str = "value",
    digits: int = 2,
) -> Figure:
    """Dots with intervals, grouped under headings, the values and numbers of images to the right.

    Args:
        rows: `ForestRow`s, or tuples (group heading, label, value, low, high, n, note). A row with a note is grey, and
            the note stands below its label; an undefined value is n/a.
        reference: Value of a dashed line, such as that of all images.
        reference_label: What that line is.
        title: A line above.
        value_label: What is drawn, for the axis.
        digits: Decimals of the values.

    Raises:
        ConfigError: No row, a row that is not made of these parts, or an interval the wrong way round.
    """
    if not len(rows):
        raise ConfigError("there is no row to draw: a forest plot needs at least one group.")
    headings, lines, height = _arranged([_checked(k, row) for k, row in enumerate(rows)], digits)
    counts = ["" if line.row.n is None else f"{line.row.n:,}" for line in lines]
    indent = _INDENT if headings else 0.0
    widest_label = max(
        text_width(line.label for line in lines) + indent,
        text_width((line.note for line in lines), _NOTE_SIZE) + indent,
        text_width(headings.values(), weight="bold"),
    )
    left = _EDGE + widest_label + 0.2
    right = 0.2 + text_width(line.value for line in lines) + 0.25 + text_width([*counts, "n"]) + _EDGE
    width = max(2.4, 7.4 - left - right)
    title = wrapped([title], int((left + width + right) * 10))[0] if title else ""
    head = 0.1 + (text_height(title, 11) + 0.1 if title else 0.0) + 0.2
    figure = new_figure(left + width + right, head + height + 0.5, pad=None)
    ax = place(figure, left, head, width, height)
    quiet_axes(ax, grid="x")
    ax.spines["left"].set_visible(False)
    ax.set_yticks([])
    ax.locator_params(axis="x", nbins=6)
    ax.set_ylim(height, 0)

    for at, text in headings.items():
        _write(ax, _EDGE - left, at, text, weight="bold")
    for line, count in zip(lines, counts, strict=True):
        colour = QUIET if line.note or math.isnan(line.row.value) else INK
        above = text_height(line.note, _NOTE_SIZE) / 2 if line.note else 0.0
        _write(ax, _EDGE + indent - left, line.middle - above, line.label, color=colour)
        below = line.middle + text_height(line.label) / 2
        _write(ax, _EDGE + indent - left, below, line.note, color=QUIET, size=_NOTE_SIZE, style="italic")
        _write(ax, width + 0.2, line.middle, line.value, color=colour)
        _write(ax, width + right - _EDGE, line.middle, count, color=colour, ha="right")
        _dot(ax, line)
    _write(ax, width + right - _EDGE, -0.1, "n", color=QUIET, ha="right")
    known = [v for line in lines for v in (line.row.value, line.row.low, line.row.high) if not math.isnan(v)]
    drawn = reference is not None and not math.isnan(reference)
    ax.set_xlim(*_limits([*known, *([reference] if drawn else [])]))  # type: ignore[list-item]
    if drawn and reference is not None:
        _reference(ax, reference, f"{reference_label} {reference:.{digits}f}")
    figure_title(figure, title)
    axis_labels(ax, value_label)
    return plain_texts(figure)


def _arranged(rows: Sequence[ForestRow], digits: int) -> tuple[dict[float, str], list[_Line], float]:
    """Headings by their place, the rows with their places, and the height of all."""
    headings, lines, top = {}, [], 0.04
    group = ""
    for row, label in zip(rows, wrapped([row.label for row in rows], 30), strict=True):
        if row.group and row.group != group:
            headings[top + 0.16] = row.group
            top += 0.28
        group = row.group
        note = wrapped([row.note], 38)[0] if row.note else ""
        height = max(text_height(label) + (text_height(note, _NOTE_SIZE) if note else 0) + 0.07, 0.23)
        value = "n/a" if math.isnan(row.value) else f"{row.value:.{digits}f}"
        if not math.isnan(row.low):
            value += f" ({interval_text(row.low, row.high, digits)})"
        lines.append(_Line(row, label, note, value, top + height / 2))
        top += height
    return headings, lines, top + 0.06


def _write(ax: Axes, x: float, y: float, text: str, **given: Any) -> None:
    """Text at a distance from the left edge of the panel, in inches."""
    look: dict[str, Any] = {"color": INK, "size": TEXT_SIZE, "ha": "left", "va": "center", "linespacing": 1.2} | given
    ax.text(x / size_in_inches(ax)[0], y, text, transform=ax.get_yaxis_transform(), **look)


def _dot(ax: Axes, line: _Line) -> None:
    """Full and blue where it counts, hollow and grey where the note says that it does not."""
    row = line.row
    if math.isnan(row.value):
        return
    colour, face = ("#7b8794", "white") if line.note else (FEW[0], FEW[0])
    if not math.isnan(row.low):
        ax.plot([row.low, row.high], [line.middle] * 2, color=colour, linewidth=1.6, solid_capstyle="butt", zorder=2)
    ax.plot([row.value], [line.middle], marker="o", markersize=6, color=colour, markerfacecolor=face, zorder=3)


def _reference(ax: Axes, value: float, text: str) -> None:
    ax.axvline(value, color=FEW[1], linewidth=1.2, linestyle=(0, (4, 2)), zorder=1.5)
    low, high = ax.get_xlim()
    position = (value - low) / (high - low)
    ax.annotate(
        text, (value, 1), xycoords=ax.get_xaxis_transform(), xytext=(0, 2), textcoords="offset points",
        ha="left" if position < 0.25 else "right" if position > 0.75 else "center",
        va="bottom", fontsize=_NOTE_SIZE, color="#a34700",
    )  # fmt: skip


def _limits(values: Sequence[float]) -> tuple[float, float]:
    """Around all values, with a margin; shares stay in [0, 1]."""
    if not values:
        return 0.0, 1.0
    low, high = min(values), max(values)
    margin = 0.06 * (high - low) or 0.05
    if low >= 0 and high <= 1:
        return max(low - margin, -0.01), min(high + margin, 1.01)
    return low - margin, high + margin


def _checked(index: int, row: ForestRow | Sequence[Any]) -> ForestRow:
    try:
        given = ForestRow(*row)
        n = None if given.n is None else operator.index(given.n)
    except TypeError as error:
        raise ConfigError(
            f"row {index} must be (group, label, value, low, high, n, note), n a whole number; got {row!r}."
        ) from error
    value, low, high = estimate((given.value, given.low, given.high), what=f"row {index} ({given.label!r})")
    if math.isnan(value) and not math.isnan(low):
        raise ConfigError(f"row {index} ({given.label!r}) has an interval but no value; give both or neither.")
    if not all(math.isfinite(v) or math.isnan(v) for v in (value, low, high)):
        raise ConfigError(f"row {index} ({given.label!r}) must hold finite numbers or NaN; got {value}, {low}, {high}.")
    return ForestRow(str(given.group or ""), str(given.label), value, low, high, n, str(given.note or ""))
