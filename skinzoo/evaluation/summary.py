"""The top of a report's page: what was found, in figures and in words, and what speaks against it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from skinzoo import html
from skinzoo.evaluation.facts import NO_OVERLAP
from skinzoo.evaluation.text import count_of, interval_note, unit_of
from skinzoo.evaluation.titles import HEADLINES

if TYPE_CHECKING:
    from skinzoo.evaluation.report import Report

LEADING = (
    "balanced_accuracy",
    "macro_auc",
    "malignant/auc",
    "malignant/sensitivity",
    "malignant/specificity",
    "ece",
    "dice",
    "iou",
)
"""Shown in large type, unless a report has fewer than four of them: then all headlines are."""
FEW = 20
"""A class with fewer images is named among the limits."""


def summary(report: Report) -> str:
    """Sentences, tiles, checks and limits."""
    return (
        html.paragraph(" ".join(sentences(report)))
        + _tiles(report)
        + html.about(f"{interval_note(report)}; n is what a figure was counted on." if report.intervals else "")
        + html.card(html.heading("Can these figures be trusted?"), html.checks(_checks(report)), kind="trust")
    )


def sentences(report: Report) -> Iterator[str]:
    """What was scored and what came out, in words."""
    facts, o = report.facts, report.outcome
    unit = unit_of(report)
    clusters = "" if unit == "images" else f" of {report.num_clusters:,} {unit}"
    part = f", part {facts['part']}" if facts.get("part", "all") != "all" else ""
    whence = f" from {facts['collection']}{part}" if "collection" in facts else ""
    yield f"{facts.get('model', 'The model')} was scored on {len(o.ids):,} images{clusters}{whence}."
    if report.classification is not None:
        present = len(np.unique(o.labels[o.labels >= 0]))
        classes = "class" if present == 1 else "classes"
        yield _found(report, "balanced_accuracy", f"Its balanced accuracy over {present} {classes} is {{}}.")
        threshold = f"{report.malignant_threshold:.3g}"
        yield _found(
            report, "malignant/sensitivity", f"At a threshold of {threshold} it calls {{}} of what is malignant,"
        )
        yield _found(report, "malignant/specificity", "and lets pass {} of what is benign.")
    if report.segmentation is not None:
        yield _found(report, "dice", "Its masks reach a mean Dice of {}.")


def _found(report: Report, key: str, sentence: str) -> str:
    value = report.values.get(key, float("nan"))
    if value != value:
        return ""
    interval = report.intervals.get(key)
    known = interval is not None and interval.low == interval.low
    return sentence.format(f"{value:.3f} ({interval})" if known else f"{value:.3f}")


def _tiles(report: Report) -> str:
    keys = [key for key in LEADING if key in report.values]
    if len(keys) < 4:
        keys = [key for key in HEADLINES if key in report.values]
    values, notes, ranges = {}, {}, {}
    for key in keys:
        value, title, interval = report.values[key], HEADLINES[key], report.intervals.get(key)
        known = interval is not None and interval.low == interval.low and value == value
        values[title] = html.number(value)
        span = str(interval) if known else "no interval" if value == value else report.undefined.get(key, "undefined")
        notes[title] = [span, count_of(report, key)]
        if known and interval is not None:
            ranges[title] = html.interval_bar(value, *interval)
    return html.tiles(values, notes, ranges)


def _checks(report: Report) -> Iterator[tuple[html.Tone, str]]:
    yield from _of_facts(report)
    unit = unit_of(report)
    if report.groups is None:
        yield "warn", "Patients and lesions are not known: intervals take the images for independent."
    else:
        yield "good", f"Intervals come from whole {unit}, {report.num_clusters:,} of them."
    if report.classification is not None and report.outcome.probabilities is not None:
        said = str(report.facts.get("probabilities", ""))
        if said and "not calibrated" in said:
            yield "warn", "Probabilities are the softmax, not calibrated."
        elif said:
            yield "good", f"Probabilities: {said}."
        if report.operating_points is None:
            yield "warn", "No operating points were chosen: 0.5 divides malignant from benign."
        elif points := report.facts.get("operating points"):
            yield "good", f"Operating points: {points}."
        rows = report.classification.per_class.items()
        small = [f"{code} ({row['support']:.0f})" for code, row in rows if row["support"] < FEW]
        if small:
            yield "warn", f"Classes with fewer than {FEW} images, whose figures say little: {', '.join(small)}."
    small_groups = [
        f"{table.column} {s.label} ({s.num_images})"
        for table in report.subgroups
        for s in table
        if s.known and any(e.value != e.value for e in s.figures.values())
    ]
    if small_groups:
        yield "warn", f"Groups too small for some figures: {', '.join(small_groups)}."
    if report.undefined:
        yield "warn", f"Undefined figures: {len(report.undefined):,}; the last section says why."


def _of_facts(report: Report) -> Iterator[tuple[html.Tone, str]]:
    overlap = str(report.facts.get("overlap with training", "not known"))
    if overlap.startswith(NO_OVERLAP):
        yield "good", f"Overlap with the training: {overlap}."
    else:
        yield "warn" if overlap.startswith("not known") else "bad", f"Overlap with the training: {overlap}."
    exposed = str(report.facts.get("exposed to training", ""))
    if exposed:
        yield "good" if exposed.startswith("none") else "bad", f"Exposure: {exposed}."
    integrity = str(report.facts.get("integrity", "not looked at"))
    yield "good" if integrity.endswith("nothing found") else "warn", f"Integrity of the files: {integrity}."
    if split := report.facts.get("split hash"):
        yield "good", f"The images scored have the split hash {split}."
