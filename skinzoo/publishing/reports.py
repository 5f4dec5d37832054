"""The reports that a card speaks from: given as they are, or as the folders that they were saved to."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

from skinzoo.errors import ConfigError
from skinzoo.evaluation import CrossReport, Report, load_report
from skinzoo.metrics import Interval
from skinzoo.publishing.attachments import SavedAttachment

PathLike: TypeAlias = str | os.PathLike[str]
ReportLike: TypeAlias = Report | PathLike
ExternalLike: TypeAlias = ReportLike | CrossReport | Mapping[str, ReportLike] | Sequence[ReportLike] | None


@dataclass(frozen=True, eq=False)
class ExternalTest:
    """What a model does on a collection that it was not made with.

    Attributes:
        name: Of the collection, with its part.
        images: How many.
        values: Figures by name.
        intervals: Their intervals.
        notes: What a reader has to know.
        facts: Of the report; None where there is none.
        report: The report itself.
        saved: Plain values for JSON.
    """

    name: str
    images: int
    values: Mapping[str, float]
    intervals: Mapping[str, Interval]
    notes: tuple[str, ...]
    facts: Mapping[str, Any] | None
    report: Report | None
    saved: Mapping[str, Any] = field(repr=False)


def open_report(report: ReportLike) -> Report:
    """The report, or the one that `Report.save` wrote to a folder, with the values of its attachments.

    Raises:
        ConfigError: It is no report, or its folder is damaged.
        DatasetNotFoundError: There is none in the folder.
    """
    if isinstance(report, Report):
        return report
    if not isinstance(report, str | os.PathLike):
        raise ConfigError(f"report must be a Report, or the folder that it was saved to; got {type(report).__name__}.")
    loaded = load_report(report)
    path = Path(report)
    path = path if path.name == "report.json" else path / "report.json"
    attached = json.loads(path.read_text("utf-8")).get("attachments", {})
    for title, values in attached.items() if isinstance(attached, dict) else ():
        if isinstance(values, dict):
            loaded.attach(str(title), SavedAttachment(values))
    return loaded


def open_external(external: ExternalLike) -> list[ExternalTest]:
    """External tests in the order given; a `CrossReport` brings all its collections but the first.

    Raises:
        ConfigError: Something is no report.
        DatasetNotFoundError: There is none in a folder.
    """
    if external is None:
        return []
    if isinstance(external, CrossReport):
        return _of_cross(external)
    if isinstance(external, Mapping):
        return [_of_report(open_report(r), name) for name, r in external.items()]
    if isinstance(external, list | tuple):
        return [_of_report(open_report(r)) for r in external]
    return [_of_report(open_report(external))]  # type: ignore[arg-type]  # a Sequence that is neither is refused there


def _of_report(report: Report, name: str = "") -> ExternalTest:
    facts = report.facts
    part = f", part {facts['part']}" if facts.get("part", "all") != "all" else ""
    return ExternalTest(
        name=name or f"{facts.get('collection', report.title)}{part}",
        images=len(report.outcome.ids),
        values=report.values,
        intervals=report.intervals,
        notes=(),
        facts=facts,
        report=report,
        saved=report.to_dict(),
    )


def _of_cross(cross: CrossReport) -> list[ExternalTest]:
    saved = cross.to_dict()["collections"]
    return [
        ExternalTest(
            name=score.name,
            images=score.labels.images,
            values=score.values,
            intervals=score.intervals,
            notes=(*score.notes, *(_dropped(metric, drop) for metric, drop in score.drops.items())),
            facts=None if score.report is None else score.report.facts,
            report=score.report,
            saved=plain,
        )
        for score, plain in zip(cross.collections[1:], saved[1:], strict=True)
    ]


def _dropped(metric: str, drop: Any) -> str:
    if drop.drop != drop.drop:
        return f"{metric}: no drop can be told"
    span = f" ({drop.interval})" if drop.interval.low == drop.interval.low else ""
    return f"{metric}: {drop.drop:.3f}{span} below that of the first collection, {drop.first:.3f}"
