"""What is attached to a report, as a card and a page can tell it from its plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from skinzoo.evaluation.titles import short_title
from skinzoo.explain.judging import FIGURES
from skinzoo.publishing.markdown import inline, table

_TO = "\u00a0to\u00a0"  # no-break spaces: an interval stays on one line
_DAMAGED = (KeyError, TypeError, IndexError, AttributeError, ValueError)


@dataclass(frozen=True)
class SavedAttachment:
    """What was attached to a report that was saved, as far as the file keeps it.

    Attributes:
        values: Plain values, as `to_dict` of the result gave them.
    """

    values: Mapping[str, Any]

    def to_dict(self) -> dict[str, Any]:
        """The same plain values."""
        return dict(self.values)

    def __str__(self) -> str:
        return described(self.values) or str(self.values.get("title", ""))


def described(values: object) -> str:
    """Robustness or the faithfulness of heatmaps as Markdown, from plain values; nothing for anything else."""
    return (_robustness(values) or _faithfulness(values)) if isinstance(values, Mapping) else ""


def value_cell(value: object, interval: Any = None) -> str:
    """A figure with its interval behind it, `"n/a"` where it is undefined; saved undefined figures are None."""
    if not _is_known(value):
        return "n/a"
    low, high = (None, None) if interval is None else (tuple(interval)[k] for k in range(2))
    span = f" ({low:.3f}{_TO}{high:.3f})" if _is_known(low) and _is_known(high) else ""
    return f"{value:.3f}{span}".replace("-0.000", "0.000")


def _robustness(values: Mapping[str, Any]) -> str:
    try:
        rows = []
        for m in values["metrics"]:
            clean, overall, lines = values["clean"][m], values["all"], values["corruptions"]
            drops = {name: line["mean"]["drops"][m] for name, line in lines.items()}
            drops = {name: drop for name, drop in drops.items() if _is_known(drop)}
            worst = max(drops, key=lambda name: drops[name]) if drops else ""
            rows.append(
                [
                    inline(short_title(m)),
                    value_cell(clean["value"], clean["interval"]),
                    value_cell(overall["values"][m]),
                    value_cell(overall["drops"][m], overall["intervals"][m]),
                    f"{drops[worst]:.3f} ({inline(worst.replace('_', ' '))})" if worst else "",
                ]
            )
        strengths = inline(", ".join(map(str, values["strengths"])))
        about = f"{len(values['corruptions'])} corruptions at strength {strengths} of 5"
        pictures = f", on {inline(values['facts']['images'])} images" if "images" in values["facts"] else ""
    except _DAMAGED:
        return ""
    header = ["figure", "as they are", "mean under corruption", "drop", "largest drop"]
    return f"{about}{pictures}.\n\n{table(header, rows, numbers=4)}"


def _faithfulness(values: Mapping[str, Any]) -> str:
    try:
        rows = [
            [inline(title.strip()), value_cell(values["values"][name], values["intervals"][name])]
            for name, title in FIGURES.items()
            if name in values["values"]
        ]
        about = f"Maps of {inline(str(values['method']).replace('_', ' '))}, on {values['pictures']:,} pictures."
    except _DAMAGED:
        return ""
    return f"{about}\n\n{table(['figure', 'mean'], rows, numbers=1)}" if rows else ""


def _is_known(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value == value
