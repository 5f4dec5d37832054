"""What `evaluate_across` found: printed, saved, drawn."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from skinzoo.errors import UnknownNameError
from skinzoo.evaluation.report import Report
from skinzoo.evaluation.text import csv_cell, markdown_row, number_text, span_text
from skinzoo.files import folder_for, write_csv, write_json, write_text
from skinzoo.html import DISCLAIMER
from skinzoo.metrics import Interval
from skinzoo.registry import did_you_mean
from skinzoo.taxonomy import Alignment

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Labels:
    """What became of a collection's labels in the model's classes.

    Attributes:
        alignment: The rules; None for a model without classes, or whose classes have no names.
        images: Number of images.
        scored: Images whose label is one of the model's classes.
        unlabelled: Images that never had a label.
        unmatched: Images of each class without a counterpart, by the collection's code; they are scored in no class.
        merged: The model's classes that several of the collection's go to, each with those that have images.
        absent: The model's classes without an image.
        malignant: Images that count as malignant, by the collection's own classes.
        benign: Images that count as benign.
    """

    alignment: Alignment | None
    images: int
    scored: int
    unlabelled: int
    unmatched: Mapping[str, int]
    merged: Mapping[str, tuple[str, ...]]
    absent: tuple[str, ...]
    malignant: int
    benign: int


@dataclass(frozen=True)
class Drop:
    """How far a figure lies below that of the first collection.

    Attributes:
        first: The figure of the first collection; one over classes is over those that both have.
        here: The figure of this collection, over the same classes.
        drop: `first - here`; negative if this collection is easier.
        interval: 95 % interval of the drop; the two collections are resampled independently.
        classes: The classes that both have, over which both figures are; empty where classes do not matter.
    """

    first: float
    here: float
    drop: float
    interval: Interval
    classes: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class CollectionScore:
    """One collection's figures.

    Attributes:
        name: The collection, and its part in brackets.
        labels: What became of its labels.
        masks: Images with a mask that were scored.
        values: Metrics by name, over the classes that have images; NaN where undefined.
        intervals: Their 95 % intervals, by resampling lesions or patients.
        drops: From the first collection, by metric; empty for the first.
        undefined: Why a figure is NaN.
        notes: What a reader has to know.
        report: The full report, which can be saved; None if no label or mask can be scored in the model's classes.
    """

    name: str
    labels: Labels
    masks: int
    values: Mapping[str, float]
    intervals: Mapping[str, Interval]
    drops: Mapping[str, Drop]
    undefined: Mapping[str, str]
    notes: tuple[str, ...] = ()
    report: Report | None = None


@dataclass(eq=False)
class CrossReport:
    """One model on several collections; `print` it, `save` it.

    Attributes:
        title: The model.
        facts: What was done, by name.
        metrics: Names, the first to look at first.
        collections: One for each, the internal one first.
    """

    title: str
    facts: dict[str, Any]
    metrics: tuple[str, ...]
    collections: list[CollectionScore] = field(default_factory=list)

    def __getitem__(self, name: str) -> CollectionScore:
        """One collection's figures by its name.

        Raises:
            UnknownNameError: There is none of that name.
        """
        for score in self.collections:
            if score.name == name:
                return score
        raise UnknownNameError(f"no collection {name!r}; {did_you_mean(name, [c.name for c in self.collections])}")

    def text(self) -> str:
        """Facts, the figures of all collections, their drops, and what became of the labels, as plain text."""
        width = max(len(k) for k in self.facts)
        lines = [self.title, "=" * len(self.title)]
        lines += [f"{name:<{width}}  {value}" for name, value in self.facts.items()]
        first = max(len(c.name) for c in self.collections)
        for metric in self.metrics:
            lines += ["", metric]
            for c in self.collections:
                lines.append(f"  {c.name:<{first}}  {_figure(c, metric)}{_drop_text(c, metric, self.first.name)}")
        for c in self.collections:
            lines += ["", c.name, *(f"  {line}" for line in account(c))]
        return "\n".join(lines) + "\n"

    def __str__(self) -> str:
        return self.text()

    @property
    def first(self) -> CollectionScore:
        """The internal collection."""
        return self.collections[0]

    def markdown(self) -> str:
        """The same in Markdown."""
        lines = [f"# {self.title}", "", *(f"- {name}: {value}" for name, value in self.facts.items()), ""]
        head = ["collection", "images", *self.metrics]
        lines += [markdown_row(head), markdown_row(["---"] * len(head))]
        for c in self.collections:
            lines.append(markdown_row([c.name, str(c.labels.images), *(_figure(c, m) for m in self.metrics)]))
        if len(self.collections) > 1:
            lines += ["", f"## Drop from {self.first.name}", ""]
            head = ["collection", *self.metrics]
            lines += [markdown_row(head), markdown_row(["---"] * len(head))]
            for c in self.collections[1:]:
                cells = [f"{number_text(c.drops[m].drop)}{span_text(c.drops[m].interval)}" for m in self.metrics]
                lines.append(markdown_row([c.name, *cells]))
        for c in self.collections:
            lines += ["", f"## {c.name}", "", *(f"- {line}" for line in account(c))]
        lines += ["", f"*{DISCLAIMER}*"]
        return "\n".join(lines) + "\n"

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "title": self.title,
            "facts": self.facts,
            "metrics": list(self.metrics),
            "collections": [_plain(c) for c in self.collections],
        }

    def figure(self) -> Figure:
        """Every metric of every collection with its interval."""
        from skinzoo.plotting import ForestRow, forest_plot

        rows = [
            ForestRow(metric, c.name, c.values[metric], *c.intervals[metric], n=_counted(c, metric))
            for metric in self.metrics
            for c in self.collections
        ]
        return forest_plot(rows, title=self.title, value_label="figure and 95 % interval")

    def save(self, directory: str | os.PathLike[str]) -> Path:
        """Write everything to a folder, made if absent.

        `external.json`, `external.csv` (a row for each collection and metric), `external.md`, the figure as
        `external.png` and `external.svg`, and each collection's report in a folder of its own, such as
        `1-ham10000-test`.

        Returns:
            Path of `external.md`.

        Raises:
            ConfigError: There is a file of the folder's name.
        """
        from skinzoo.plotting.saving import save_figure

        folder = folder_for(directory, "the report")
        write_json(folder / "external.json", self.to_dict())
        head = ["collection", "metric", "images", "value", "low", "high", "drop", "drop_low", "drop_high"]
        write_csv(folder / "external.csv", head, self._csv_rows())
        save_figure(self.figure(), folder / "external")
        for number, c in enumerate(self.collections, start=1):
            if c.report is not None:
                slug = re.sub(r"[^\w]+", "-", c.name).strip("-")[:60]
                c.report.save(folder / f"{number}-{slug}")
        return write_text(folder / "external.md", self.markdown())

    def _csv_rows(self) -> Iterator[list[object]]:
        for c in self.collections:
            for metric in self.metrics:
                cells: list[float] = [c.values[metric], *c.intervals[metric]]
                drop = c.drops.get(metric)
                below = [None] * 3 if drop is None else [drop.drop, *drop.interval]
                yield [
                    c.name,
                    metric,
                    _counted(c, metric),
                    *map(csv_cell, cells + below),
                ]


def account(score: CollectionScore) -> list[str]:
    """What was scored and what was not, a sentence a line."""
    labels = score.labels
    lines = [f"{labels.images} images"]
    if labels.alignment is not None or labels.scored:
        lines[0] += f", {labels.scored} scored in the model's classes"
    if score.masks:
        lines[0] += f", {score.masks} scored by their masks"
    if labels.unlabelled:
        lines.append(f"{labels.unlabelled} have no label")
    for code, count in labels.unmatched.items():
        assert labels.alignment is not None
        lines.append(f"{count} of {code} are not annotated: {labels.alignment.unmatched[code]}")
    lines += [f"{' and '.join(several)} become one: {code}" for code, several in labels.merged.items()]
    if labels.absent and labels.scored:
        lines.append(f"no images of {', '.join(labels.absent)}: what is predicted as one of these counts as wrong")
    if labels.malignant or labels.benign:
        lines.append(f"by its own classes {labels.malignant} are malignant and {labels.benign} benign")
    for drop in score.drops.values():
        if drop.classes:
            lines.append(f"drops in classes are over the {len(drop.classes)} that both have: {', '.join(drop.classes)}")
            break
    lines += [f"undefined: {name} ({reason})" for name, reason in score.undefined.items()]
    return lines + list(score.notes)


def _counted(score: CollectionScore, metric: str) -> int:
    if metric.startswith("malignant/"):
        return score.labels.malignant + score.labels.benign
    return score.masks if is_of_masks(metric) else score.labels.scored


def is_of_masks(metric: str) -> bool:
    """True for a figure of masks, such as `"dice"`."""
    return metric in ("dice", "iou", "dice_pooled", "iou_pooled", "thresholded_jaccard")


def _figure(score: CollectionScore, metric: str) -> str:
    return f"{number_text(score.values[metric])}{span_text(score.intervals[metric])}"


def _drop_text(score: CollectionScore, metric: str, first: str) -> str:
    drop = score.drops.get(metric)
    if drop is None or drop.drop != drop.drop:
        return ""
    return f"; drop from {first} {number_text(drop.drop)}{span_text(drop.interval)}"


def _plain(score: CollectionScore) -> dict[str, Any]:
    labels = score.labels
    return {
        "name": score.name,
        "images": labels.images,
        "scored": labels.scored,
        "masks": score.masks,
        "unlabelled": labels.unlabelled,
        "unmatched": dict(labels.unmatched),
        "merged": {code: list(several) for code, several in labels.merged.items()},
        "absent": list(labels.absent),
        "malignant": labels.malignant,
        "benign": labels.benign,
        "alignment": labels.alignment.to_dict() if labels.alignment else None,
        "values": dict(score.values),
        "intervals": {m: list(interval) for m, interval in score.intervals.items()},
        "drops": {
            m: {
                "first": d.first,
                "here": d.here,
                "drop": d.drop,
                "interval": list(d.interval),
                "classes": list(d.classes),
            }
            for m, d in score.drops.items()
        },
        "undefined": dict(score.undefined),
        "notes": list(score.notes),
    }
