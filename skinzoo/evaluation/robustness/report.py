"""What `evaluate_robustness` found: printed, saved, drawn."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from skinzoo.errors import UnknownNameError
from skinzoo.evaluation.text import csv_cell, markdown_row, number_text, span_text
from skinzoo.files import folder_for, write_csv, write_json, write_text
from skinzoo.html import DISCLAIMER
from skinzoo.metrics import Interval
from skinzoo.registry import did_you_mean

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MEAN = "all"
"""Name of the line that is the mean over all corruptions."""


@dataclass(frozen=True)
class RobustnessCell:
    """Figures under one corruption at one strength.

    Attributes:
        corruption: Its name.
        strength: 1 (mild) to 5 (severe).
        values: Metrics by name.
        drops: How far each lies below the clean figure; negative if above.
        intervals: 95 % interval of each drop, paired: both figures on the same resampled lesions.
    """

    corruption: str
    strength: int
    values: Mapping[str, float]
    drops: Mapping[str, float]
    intervals: Mapping[str, Interval]


@dataclass(frozen=True)
class RobustnessLine:
    """Figures under one corruption, the mean over the strengths; or the mean over all corruptions.

    Attributes:
        corruption: Its name; `"all"` for the mean over the corruptions.
        family: Its family; empty for the mean.
        values: Mean metrics by name.
        drops: How far each lies below the clean figure.
        intervals: 95 % interval of each drop, paired.
        relative: The mean metric divided by the clean one: 1 where nothing is lost.
    """

    corruption: str
    family: str
    values: Mapping[str, float]
    drops: Mapping[str, float]
    intervals: Mapping[str, Interval]
    relative: Mapping[str, float]


@dataclass(eq=False)
class RobustnessReport:
    """How a model does on corrupted pictures; `print` it, `save` it.

    Attributes:
        title: Model and collection.
        facts: What was scored on what, by name.
        metrics: Names, the first to look at first.
        strengths: Ascending.
        clean: The metrics on the pictures as they are.
        clean_intervals: Their 95 % intervals.
        cells: One for each corruption and strength.
        lines: One for each corruption.
        overall: The mean over the corruptions, each counting alike.
        undefined: Why a figure is NaN, by `"metric"` for the clean one, or by `"corruption/strength/metric"`.
    """

    title: str
    facts: dict[str, Any]
    metrics: tuple[str, ...]
    strengths: tuple[int, ...]
    clean: dict[str, float]
    clean_intervals: dict[str, Interval]
    cells: list[RobustnessCell]
    lines: list[RobustnessLine]
    overall: RobustnessLine
    undefined: dict[str, str] = field(default_factory=dict)

    def cell(self, corruption: str, strength: int) -> RobustnessCell:
        """The figures under one corruption at one strength.

        Args:
            corruption: Its name.
            strength: One of `strengths`.

        Raises:
            UnknownNameError: The corruption was not applied at this strength.
        """
        for cell in self.cells:
            if (cell.corruption, cell.strength) == (corruption, strength):
                return cell
        names = [line.corruption for line in self.lines]
        raise UnknownNameError(
            f"no figures under {corruption!r} at strength {strength!r}; strengths are "
            f"{', '.join(map(str, self.strengths))}, and {did_you_mean(str(corruption), names)}"
        )

    def table(self, metric: str | None = None) -> NDArray[np.float64]:
        """One metric as an array (corruptions, strengths), in the order of `lines` and `strengths`; None: the first.

        Raises:
            UnknownNameError: It was not measured.
        """
        name = self._metric(metric)
        values = {(c.corruption, c.strength): c.values[name] for c in self.cells}
        return np.array([[values[line.corruption, s] for s in self.strengths] for line in self.lines])

    def text(self) -> str:
        """Facts, and for each metric a table of the corruptions, as plain text."""
        width = max(len(k) for k in self.facts)
        lines = [self.title, "=" * len(self.title)]
        lines += [f"{name:<{width}}  {value}" for name, value in self.facts.items()]
        for metric in self.metrics:
            lines += ["", f"{metric}: {number_text(self.clean[metric])} clean{span_text(self.clean_intervals[metric])}"]
            first = max(len(line.corruption) for line in self.lines)
            strengths = "".join(f"{s:>8}" for s in self.strengths)
            lines.append(f"{'':<{first}}{strengths}{'mean':>8}{'kept':>8}    drop (95 % interval)")
            for line, row in zip(self._with_mean(), [*self.table(metric), None], strict=True):
                cells = " " * len(strengths) if row is None else "".join(f"{number_text(v):>8}" for v in row)
                drop = f"{number_text(line.drops[metric])}{span_text(line.intervals[metric])}"
                kept = _percent(line.relative[metric])
                mean = number_text(line.values[metric])
                lines.append(f"{line.corruption:<{first}}{cells}{mean:>8}{kept:>8}    {drop}")
        if self.undefined:
            lines += ["", "undefined:", *(f"  {name}: {reason}" for name, reason in self.undefined.items())]
        return "\n".join(lines) + "\n"

    def __str__(self) -> str:
        return self.text()

    def markdown(self) -> str:
        """The same tables in Markdown."""
        lines = [f"# {self.title}", "", *(f"- {name}: {value}" for name, value in self.facts.items())]
        for metric in self.metrics:
            clean = f"Clean: {number_text(self.clean[metric])}{span_text(self.clean_intervals[metric])}."
            head = ["corruption", *map(str, self.strengths), "mean", "kept", "drop (95 % interval)"]
            lines += ["", f"## {metric}", "", clean, "", markdown_row(head), markdown_row(["---"] * len(head))]
            for line, row in zip(self._with_mean(), [*self.table(metric), None], strict=True):
                cells = [""] * len(self.strengths) if row is None else [number_text(v) for v in row]
                drop = f"{number_text(line.drops[metric])}{span_text(line.intervals[metric])}"
                kept = _percent(line.relative[metric])
                lines.append(markdown_row([line.corruption, *cells, number_text(line.values[metric]), kept, drop]))
        if self.undefined:
            lines += ["", "Undefined:", "", *(f"- {name}: {reason}" for name, reason in self.undefined.items())]
        lines += ["", f"*{DISCLAIMER}*"]
        return "\n".join(lines) + "\n"

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "title": self.title,
            "facts": self.facts,
            "metrics": list(self.metrics),
            "strengths": list(self.strengths),
            "clean": {m: {"value": self.clean[m], "interval": list(self.clean_intervals[m])} for m in self.metrics},
            "corruptions": {
                line.corruption: {
                    "family": line.family,
                    "mean": self._plain(line) | {"relative": dict(line.relative)},
                    "strengths": {str(s): self._plain(self.cell(line.corruption, s)) for s in self.strengths},
                }
                for line in self.lines
            },
            "all": self._plain(self.overall) | {"relative": dict(self.overall.relative)},
            "undefined": self.undefined,
        }

    def figure(self, metric: str | None = None) -> Figure:
        """The table of one metric (None: the first), coloured by the drop.

        Raises:
            UnknownNameError: It was not measured.
        """
        from skinzoo.plotting.robustness import robustness_table

        name = self._metric(metric)
        return robustness_table(
            self.table(name),
            [line.corruption for line in self.lines],
            self.strengths,
            clean=self.clean[name],
            intervals=[line.intervals[name] for line in self.lines],
            metric=name,
        )

    def curves(self, metric: str | None = None) -> Figure:
        """One metric (None: the first) against the strength, a panel for each family of corruptions.

        Raises:
            UnknownNameError: It was not measured.
        """
        from skinzoo.plotting.robustness import robustness_curves

        name = self._metric(metric)
        return robustness_curves(
            self.table(name),
            [line.corruption for line in self.lines],
            self.strengths,
            clean=self.clean[name],
            families=[line.family for line in self.lines],
            metric=name,
        )

    def save(self, directory: str | os.PathLike[str]) -> Path:
        """Write everything to a folder, made if absent.

        `robustness.json`, `robustness.csv` (a row for each corruption, strength and metric), `robustness.md`, and the
        table and the curves of the first metric as `robustness` and `robustness_curves`, PNG and SVG.

        Returns:
            Path of `robustness.md`.

        Raises:
            ConfigError: There is a file of the folder's name.
        """
        from skinzoo.plotting.saving import save_figure

        folder = folder_for(directory, "the report")
        write_json(folder / "robustness.json", self.to_dict())
        head = ["corruption", "strength", "metric", "value", "drop", "drop_low", "drop_high", "relative"]
        write_csv(folder / "robustness.csv", head, self._csv_rows())
        save_figure(self.figure(), folder / "robustness")
        save_figure(self.curves(), folder / "robustness_curves")
        return write_text(folder / "robustness.md", self.markdown())

    def _with_mean(self) -> list[RobustnessLine]:
        return [*self.lines, self.overall]

    def _metric(self, name: str | None) -> str:
        if name is not None and name not in self.metrics:
            raise UnknownNameError(f"no metric {name!r} in this report; {did_you_mean(name, self.metrics)}")
        return name or self.metrics[0]

    def _plain(self, part: RobustnessCell | RobustnessLine) -> dict[str, Any]:
        intervals = {name: list(interval) for name, interval in part.intervals.items()}
        return {"values": dict(part.values), "drops": dict(part.drops), "intervals": intervals}

    def _csv_rows(self) -> Iterator[list[object]]:
        for metric in self.metrics:
            clean = self.clean[metric]
            yield ["clean", 0, metric, csv_cell(clean), None, None, None, None]
            for cell in self.cells:
                relative = cell.values[metric] / clean if clean else float("nan")
                numbers = [cell.values[metric], cell.drops[metric], *cell.intervals[metric], relative]
                yield [cell.corruption, cell.strength, metric, *map(csv_cell, numbers)]
            for line in self._with_mean():
                numbers = [line.values[metric], line.drops[metric], *line.intervals[metric], line.relative[metric]]
                yield [line.corruption, "mean", metric, *map(csv_cell, numbers)]


def _percent(value: float) -> str:
    return "n/a" if value != value else f"{100 * value:.1f} %"
