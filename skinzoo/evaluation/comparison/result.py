"""The result of comparing models: printed, and saved as files."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from matplotlib.figure import Figure

from skinzoo.errors import ConfigError
from skinzoo.evaluation.text import csv_cell
from skinzoo.evaluation.titles import short_title
from skinzoo.files import folder_for, write_csv, write_json, write_text
from skinzoo.html import DISCLAIMER
from skinzoo.metrics import Interval

COLUMNS = (
    "kind", "model", "other", "metric", "value", "low", "high", "test", "p_value", "adjusted", "p_bootstrap",
)  # fmt: skip
_BLOCK = 3  # metrics beside each other in plain text


class Score(NamedTuple):
    """A figure of one model.

    Attributes:
        value: NaN where undefined.
        interval: Its confidence interval.
    """

    value: float
    interval: Interval


class Difference(NamedTuple):
    """A figure of one model less that of another.

    Attributes:
        model: The model that stands higher in the comparison.
        other: The model it is compared with.
        metric: Name of the figure.
        value: Figure of `model` - figure of `other`; NaN where one is undefined.
        interval: From resamples of the lesions, the same for both.
        test: Where `p_value` is from: `"bootstrap"`, `"DeLong"`, `"McNemar (exact)"` ...
        p_value: Two-sided, for no difference.
        adjusted: The same, adjusted for the number of tests.
        p_bootstrap: From the resamples, whatever `test` is.
    """

    model: str
    other: str
    metric: str
    value: float
    interval: Interval
    test: str
    p_value: float
    adjusted: float
    p_bootstrap: float


@dataclass(frozen=True, eq=False)
class Comparison:
    """Figures of several models on the same samples, and tests of their differences; `print` it, `save` it.

    Attributes:
        models: Names, the best by the first metric first.
        metrics: What was compared.
        scores: Model -> metric -> figure; a metric that a model does not have is absent.
        differences: Each pair for each metric.
        level: Confidence of the intervals; a difference counts where its adjusted p-value is at most 1 - level.
        facts: Numbers of samples and lesions, and how it was tested.
        notes: What a reader has to know, in sentences.
        undefined: Why a figure is NaN, by model and metric.
    """

    models: tuple[str, ...]
    metrics: tuple[str, ...]
    scores: Mapping[str, Mapping[str, Score]]
    differences: tuple[Difference, ...]
    level: float
    facts: Mapping[str, Any]
    notes: tuple[str, ...] = ()
    undefined: Mapping[str, Mapping[str, str]] | None = None

    @property
    def significant(self) -> list[Difference]:
        """The differences that hold after the correction."""
        return [d for d in self.differences if is_significant(d, self.level)]

    def difference(self, model: str, other: str, metric: str) -> Difference:
        """What was found for a pair, as `model` less `other` in the order asked for.

        Args:
            model: One of the names in `models`.
            other: Another one.
            metric: One of the names in `metrics`.

        Raises:
            ConfigError: The pair was not compared by this metric.
        """
        for d in self.differences:
            if d.metric == metric and (d.model, d.other) == (model, other):
                return d
            if d.metric == metric and (d.model, d.other) == (other, model):
                turned = Interval(-d.interval.high, -d.interval.low)
                return d._replace(model=model, other=other, value=-d.value, interval=turned)
        raise ConfigError(
            f"{model!r} and {other!r} were not compared by {metric!r}; models: {', '.join(self.models)}; "
            f"metrics: {', '.join(self.metrics)}."
        )

    def table(self) -> list[dict[str, Any]]:
        """One row for each figure, then one for each difference, with the keys of `COLUMNS`; None where empty."""
        rows: list[dict[str, Any]] = []
        for model in self.models:
            for metric, (value, (low, high)) in self.scores[model].items():
                rows.append(
                    dict.fromkeys(COLUMNS)
                    | {"kind": "score", "model": model, "metric": metric, "value": value, "low": low, "high": high}
                )
        for d in self.differences:
            flat = d._asdict() | {"kind": "difference", "low": d.interval.low, "high": d.interval.high}
            rows.append({name: flat[name] for name in COLUMNS})
        return rows

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "models": list(self.models),
            "metrics": list(self.metrics),
            "level": self.level,
            "facts": dict(self.facts),
            "notes": list(self.notes),
            "scores": {
                model: {
                    name: {"value": s.value, "low": s.interval.low, "high": s.interval.high} for name, s in of.items()
                }
                for model, of in self.scores.items()
            },
            "differences": [row for row in self.table() if row["kind"] == "difference"],
            "undefined": {model: dict(reasons) for model, reasons in (self.undefined or {}).items()},
        }

    def __str__(self) -> str:
        heading = f"Comparison of {len(self.models)} models"
        lines = [heading, "=" * len(heading)]
        width = max(map(len, self.facts), default=0)
        lines += [f"{name:<{width}}  {fact_text(value)}" for name, value in self.facts.items()]
        for start in range(0, len(self.metrics), _BLOCK):
            lines += ["", *_aligned(self.score_cells(self.metrics[start : start + _BLOCK]))]
        lines += ["", *_aligned(self.difference_cells())]
        lines += ["", *(f"- {note}" for note in self.notes)] if self.notes else []
        return "\n".join(lines).rstrip() + "\n"

    def markdown(self) -> str:
        """The same as Markdown."""
        facts = [f"- {_markdown(name)}: {_markdown(fact_text(value))}" for name, value in self.facts.items()]
        notes = [f"- {_markdown(note)}" for note in self.notes]
        parts = [
            f"# Comparison of {len(self.models)} models",
            "\n".join(facts),
            _markdown_table(self.score_cells(self.metrics)),
            "## Differences",
            _markdown_table(self.difference_cells()),
            *(["## Notes", "\n".join(notes)] if notes else []),
            f"*{DISCLAIMER}*",
        ]
        return "\n\n".join(parts) + "\n"

    def score_cells(self, metrics: Sequence[str]) -> list[list[str]]:
        """Header and rows of the models as text."""
        rows = [["model", *map(short_title, metrics)]]
        rows += [[model, *(score_text(self.scores[model].get(name)) for name in metrics)] for model in self.models]
        return rows

    def difference_cells(self) -> list[list[str]]:
        """Header and rows of the differences as text; a star marks those that hold after the correction."""
        rows = [["metric", "models", "difference", "p", "adjusted p", "test"]]
        for d in self.differences:
            star = " *" if is_significant(d, self.level) else ""
            value = difference_text(d)
            pair = f"{d.model} - {d.other}"
            rows.append([short_title(d.metric), pair, value, p_text(d.p_value), p_text(d.adjusted) + star, d.test])
        return rows

    def figure(self) -> Figure:
        """Dots with intervals, for each metric and model."""
        from skinzoo.plotting.comparison import model_comparison

        return model_comparison(
            {
                model: {name: (score.value, *score.interval) for name, score in of.items()}
                for model, of in self.scores.items()
            },
            metric_titles={name: short_title(name) for name in self.metrics},
            note=f"Lines: {self.level:.0%} intervals. That two of them overlap does not mean that the models are "
            "equal; the tests of the differences tell.",
        )

    def save(self, directory: str | os.PathLike[str]) -> Path:
        """Write `comparison.html` (self-contained), `.json`, `.md`, `.csv`, `.png` and `.svg` to a folder.

        Returns:
            Path of `comparison.html`.

        Raises:
            ConfigError: There is a file of the folder's name.
        """
        from skinzoo.evaluation.comparison.page import render_comparison
        from skinzoo.plotting.saving import save_figure

        folder = folder_for(directory, "the comparison")
        save_figure(self.figure(), folder / "comparison", ("png", "svg"))
        write_json(folder / "comparison.json", self.to_dict())
        write_text(folder / "comparison.md", self.markdown())
        rows = ([csv_cell(row[name]) for name in COLUMNS] for row in self.table())
        write_csv(folder / "comparison.csv", COLUMNS, rows)
        return write_text(folder / "comparison.html", render_comparison(self))


def is_significant(difference: Difference, level: float) -> bool:
    """Whether a difference holds after the correction."""
    return difference.adjusted <= 1 - level


def score_text(score: Score | None) -> str:
    """`0.812 (0.780 to 0.841)`; `n/a` where it is undefined, nothing where the model does not have it."""
    if score is None:
        return ""
    if score.value != score.value:
        return "n/a"
    return f"{score.value:.3f} ({score.interval})"


def difference_text(difference: Difference) -> str:
    """`+0.031 (+0.008 to +0.055)`, `n/a` where it is undefined."""
    if difference.value != difference.value:
        return "n/a"
    return f"{difference.value:+.3f} ({signed_interval(difference.interval)})"


def signed_interval(interval: Interval) -> str:
    """`+0.008 to +0.055`, `undefined` for NaN."""
    return f"{interval.low:+.3f} to {interval.high:+.3f}" if interval.low == interval.low else "undefined"


def p_text(p: float) -> str:
    """A p-value with three decimals, at least `<0.001`."""
    return "n/a" if p != p else "<0.001" if p < 0.001 else f"{p:.3f}"


def fact_text(value: Any) -> str:
    """A fact for a reader."""
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    flat = [[" ".join(cell.split()) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*flat, strict=True)]
    lines = ["  ".join(f"{c:<{w}}" for c, w in zip(row, widths, strict=True)).rstrip() for row in flat]
    return [lines[0], "-" * max(map(len, lines)), *lines[1:]]


def _markdown_table(rows: Sequence[Sequence[str]]) -> str:
    def line(cells: Iterable[str]) -> str:
        return f"| {' | '.join(cells)} |"

    header, *body = ([_markdown(cell) for cell in row] for row in rows)
    return "\n".join([line(header), line("---" for _ in header), *map(line, body)])


def _markdown(text: str) -> str:
    escaped = "".join(f"\\{c}" if c in "\\`*_{}[]<>|#" else c for c in text)
    return " ".join(escaped.split())
