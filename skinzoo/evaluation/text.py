"""A report as plain text and as Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from skinzoo.evaluation.titles import HEADLINES
from skinzoo.html import DISCLAIMER
from skinzoo.metrics import Interval, classification_report

if TYPE_CHECKING:
    from skinzoo.evaluation.report import Report

COLUMNS = {
    "precision": "precision (PPV)",
    "recall": "recall (sensitivity)",
    "specificity": "specificity",
    "npv": "NPV",
    "f1": "F1",
    "auc": "AUC",
    "average_precision": "average precision",
}
"""The figures of a class that tables show, each with its heading."""


def as_text(report: Report) -> str:
    """Facts, headline metrics with their intervals, the per-class table and the subgroups."""
    width = max(len(k) for k in (*report.facts, *HEADLINES.values()))
    lines = [report.title, "=" * len(report.title)]
    lines += [f"{name:<{width}}  {value}" for name, value in report.facts.items()]
    lines.append("")
    for name, title in HEADLINES.items():
        if name in report.values:
            lines.append(f"{title:<{width}}  {with_interval(report, name)}".rstrip())
    if report.intervals:
        lines.append(f"({interval_note(report)})")
    if report.classification is not None:
        titles = dict(report.label_space.titles) if report.label_space else {}
        lines += ["", classification_report(report.classification, titles).rstrip()]
    if len(report.subgroups):
        lines += ["", str(report.subgroups)]
    for title, result in report.attachments.items():
        lines += ["", title, "-" * len(title), str(result)]
    return "\n".join([*lines, "", DISCLAIMER]) + "\n"


def as_markdown(report: Report) -> str:
    """The report as Markdown: tables of facts, figures and classes."""
    parts = [f"# {_escaped(report.title)}", _table(["", ""], [[k, _fact(v)] for k, v in report.facts.items()])]
    rows = [[title, with_interval(report, name)] for name, title in HEADLINES.items() if name in report.values]
    parts += ["## Figures", _table(["figure", "value (interval)"], rows)]
    if report.intervals:
        parts.append(_escaped(interval_note(report)))
    if (c := report.classification) is not None and report.label_space is not None:
        rows = [
            [report.label_space.title(code), *(with_interval(report, f"{code}/{k}") for k in COLUMNS), f"{n:.0f}"]
            for code, n in ((code, row["support"]) for code, row in c.per_class.items())
        ]
        parts += ["## Per class", _table(["class", *COLUMNS.values(), "images"], rows)]
    if report.undefined:
        parts += ["## Undefined, and why", "\n".join(f"- {_escaped(f'{k}: {v}')}" for k, v in report.undefined.items())]
    if len(report.subgroups):
        parts += ["## For whom", f"```text\n{report.subgroups}\n```"]
    for title, result in report.attachments.items():
        parts += [f"## {_escaped(title)}", f"```text\n{result}\n```"]
    return "\n\n".join([*parts, f"*{DISCLAIMER}*"]) + "\n"


def with_interval(report: Report, key: str) -> str:
    """A figure by `metric` or `class/metric`, with its interval where there is one."""
    value = figure_of(report, key)
    interval = report.intervals.get(key)
    if value != value:
        return f"undefined: {report.undefined.get(key, 'no images')}"
    return f"{value:.4f}" if interval is None or interval.low != interval.low else f"{value:.4f}  ({interval})"


def figure_of(report: Report, key: str) -> float:
    """A figure by `metric` or `class/metric`."""
    if key in report.values:
        return report.values[key]
    code, _, metric = key.rpartition("/")
    assert report.classification is not None
    return report.classification.per_class[code][metric]


def interval_note(report: Report) -> str:
    """How the intervals came about."""
    r = report.resampling
    return f"{r.level:.0%} intervals from {r.resamples:,} resamples of {report.num_clusters:,} {unit_of(report)}"


def unit_of(report: Report) -> str:
    """What intervals are drawn from: `"lesions"`, `"patients"`, `"images"`, or the first two if nobody says which."""
    if report.groups is None:
        return "images"
    known = next((unit for unit in ("lesions", "patients") if unit in report.facts), "")
    return known or ("images" if report.num_clusters == len(report.outcome.ids) else "lesions or patients")


def count_of(report: Report, key: str, *, short: bool = False) -> str:
    """What a figure of the whole was counted on, such as `"n = 95 malignant"`; without `"n = "` if short."""
    return ("" if short else "n = ") + _counted(report, key)


def _counted(report: Report, key: str) -> str:
    o = report.outcome
    if report.segmentation is not None and key in report.segmentation.values:
        return f"{len(o.mask_rows):,} masks"
    if not key.startswith("malignant/") or report.label_space is None:
        return f"{int((o.labels >= 0).sum()):,} images"
    positive, negative = malignant_and_benign(report)
    if key.endswith("/sensitivity"):
        return f"{positive:,} malignant"
    return f"{negative:,} benign" if key.endswith("/specificity") else f"{positive:,} malignant, {negative:,} benign"


def malignant_and_benign(report: Report) -> tuple[int, int]:
    """Labelled images of each kind."""
    space, labels = report.label_space, report.outcome.labels
    members = [k for k, code in enumerate(space) if code in space.malignant] if space is not None else []
    positive = int(np.isin(labels, members).sum())
    return positive, int((labels >= 0).sum()) - positive


def most_confused(confusion: NDArray[np.int64], most: int) -> list[tuple[int, int, int]]:
    """The wrong answers that are given most often, each as count, true class and predicted class.

    Args:
        confusion: Counts (C, C), rows are the true class.
        most: How many at most.
    """
    num = len(confusion)
    wrong = [(int(confusion[i, j]), i, j) for i in range(num) for j in range(num) if i != j and confusion[i, j]]
    return sorted(wrong, key=lambda found: -found[0])[:most]


def number_text(value: float) -> str:
    """A figure with three decimals; `n/a` where it is undefined."""
    return "n/a" if value != value else f"{value:.3f}".replace("-0.000", "0.000")


def span_text(interval: Interval) -> str:
    """An interval in brackets behind its figure, ` (0.780 to 0.841)`; empty where it is undefined."""
    return "" if interval.low != interval.low else f" ({number_text(interval.low)} to {number_text(interval.high)})"


def csv_cell(value: Any) -> Any:
    """A value for `write_csv`, where a NaN is an empty cell."""
    return None if isinstance(value, float) and value != value else value


def markdown_row(cells: Iterable[str]) -> str:
    """A line of a Markdown table."""
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(_escaped(str(cell)) for cell in line) + " |" for line in lines)


def _fact(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _escaped(text: str) -> str:
    for character in "\\`*_[]<>|#":
        text = text.replace(character, f"\\{character}")
    return " ".join(text.split())
