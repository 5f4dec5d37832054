"""Several models' answers brought into one order of the same samples, or a refusal that says where they differ."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skinzoo.errors import ConfigError, LabelError
from skinzoo.evaluation.inference import Outcome
from skinzoo.evaluation.report import Report
from skinzoo.evaluation.saved.reading import load_report
from skinzoo.types import IGNORE_INDEX

Source = Report | str | os.PathLike[str]

_SHOWN = 8


@dataclass(frozen=True, eq=False)
class Matched:
    """Answers of several models on N samples.

    Attributes:
        outcomes: Of each model, by its name: the same samples, labels and classes in the same order.
        labels: True class indices (N,), `IGNORE_INDEX` without one.
        groups: Lesion or patient of each sample (N,); None if no report knows.
        malignant: The malignant classes.
        thresholds: Of each model, the malignant probability from which on it calls a sample malignant.
        notes: What a reader has to know about the samples.
    """

    outcomes: dict[str, Outcome]
    labels: NDArray[np.int64]
    groups: NDArray[np.str_] | None
    malignant: frozenset[str]
    thresholds: dict[str, float]
    notes: list[str]

    def owners(self) -> NDArray[Any]:
        """What is drawn when resampling: the lesion or patient of each sample, else the sample itself (N,)."""
        return np.arange(len(self.labels)) if self.groups is None else self.groups

    def same_answers(self, model: str, other: str) -> bool:
        """True if two models said exactly the same of every sample."""
        first, second = self.outcomes[model], self.outcomes[other]
        pairs = [(first.probabilities, second.probabilities), (first.mask_counts, second.mask_counts)]
        return all(a is b or (a is not None and b is not None and np.array_equal(a, b)) for a, b in pairs)


def named_reports(reports: Mapping[str, Source] | Sequence[Source], names: Sequence[str] | None) -> dict[str, Report]:
    """Reports by name, those given as folders loaded.

    Without names they are called as their titles begin; equal ones are numbered.

    Raises:
        ConfigError: Fewer than two, something that is no report, or names that do not fit.
    """
    if isinstance(reports, str | os.PathLike | Report) or not isinstance(reports, Mapping | Sequence):
        raise ConfigError(f"reports must be a mapping of names to reports, or a list; got {type(reports).__name__}.")
    if isinstance(reports, Mapping) and names is not None:
        raise ConfigError("names= is for a list of reports; a mapping has the names as its keys.")
    sources = list(reports.values()) if isinstance(reports, Mapping) else list(reports)
    if len(sources) < 2:
        raise ConfigError(f"a comparison needs two reports or more; got {len(sources)}.")
    loaded = [_loaded(source) for source in sources]
    if isinstance(reports, Mapping):
        names = list(reports)
    elif names is None:
        names = _titles([report.title for report in loaded])
    if isinstance(names, str) or len(names) != len(loaded) or not all(isinstance(n, str) and n.strip() for n in names):
        raise ConfigError(f"names must be one text for each of the {len(loaded)} reports; got {names!r}.")
    if len(set(names)) < len(names):
        raise ConfigError(f"each name must stand once; got {list(names)}.")
    return dict(zip(names, loaded, strict=True))


def match_reports(reports: Mapping[str, Report], *, common_only: bool = False) -> Matched:
    """Bring the answers into the order of the first report.

    Args:
        reports: By name; two or more.
        common_only: Take the samples that all reports have, and leave the others out.

    Raises:
        ConfigError: The samples, lesions, masks or malignant classes differ, or a sample stands twice.
        LabelError: The classes or labels differ.
    """
    rows, notes = _shared_rows(reports, common_only)
    first = next(iter(reports))
    ids = [reports[first].outcome.ids[k] for k in rows[first]]
    classifiers = {n: r for n, r in reports.items() if r.outcome.probabilities is not None and r.label_space}
    classes, orders = _classes(classifiers)
    labels = _labels(classifiers, rows, orders, ids)
    mask_rows, mask_counts = _masks(reports, rows, ids, notes)
    groups = _groups(reports, rows, ids)
    if groups is None:
        notes.append(
            "No report knows lesions or patients: each image counts as independent, so that intervals are too narrow "
            "if some show the same lesion."
        )
    malignant = {name: report.label_space.malignant for name, report in classifiers.items() if report.label_space}
    if len(set(malignant.values())) > 1:
        told = "; ".join(f"{name}: {', '.join(sorted(codes)) or 'none'}" for name, codes in malignant.items())
        raise ConfigError(f"the reports do not agree on the malignant classes: {told}. Evaluate with one label space.")
    outcomes = {}
    for name, report in reports.items():
        answers = report.outcome.probabilities if name in classifiers else None
        outcomes[name] = Outcome(
            ids=ids,
            labels=labels,
            logits=None,
            probabilities=None if answers is None else answers[rows[name]][:, orders[name]],
            mask_counts=mask_counts.get(name),
            mask_rows=mask_rows if name in mask_counts else np.zeros(0, np.int64),
            loss_sums={},
            loss=None,
            classes=classes if name in classifiers else (),
        )
    return Matched(
        outcomes=outcomes,
        labels=labels,
        groups=groups,
        malignant=next(iter(malignant.values()), frozenset()),
        thresholds={name: report.malignant_threshold for name, report in reports.items()},
        notes=notes,
    )


def _loaded(source: Source) -> Report:
    if isinstance(source, Report):
        return source
    if isinstance(source, str | os.PathLike):
        return load_report(source)
    raise ConfigError(f"a report must be a Report or the folder of a saved one; got {type(source).__name__}.")


def _titles(titles: Sequence[str]) -> list[str]:
    ends = {title.partition(" on ")[2] for title in titles}
    starts = [title.partition(" on ")[0] if len(ends) == 1 else title for title in titles]
    return [
        start if starts.count(start) == 1 else f"{start} ({starts[:k].count(start) + 1})"
        for k, start in enumerate(starts)
    ]


def _shared_rows(reports: Mapping[str, Report], common_only: bool) -> tuple[dict[str, NDArray[np.int64]], list[str]]:
    """For each report, where the shared samples stand in it, in the first report's order."""
    places = {name: {key: k for k, key in enumerate(report.outcome.ids)} for name, report in reports.items()}
    for name, report in reports.items():
        if twice := len(report.outcome.ids) - len(places[name]):
            raise ConfigError(f"{name} has {twice} samples whose id stands twice; evaluate it again.")
    first, *others = places
    shared = [key for key in places[first] if all(key in places[other] for other in others)]
    notes = []
    dropped = {name: len(place) - len(shared) for name, place in places.items() if len(place) > len(shared)}
    if dropped:
        told = ", ".join(f"{name} has {count:,} more" for name, count in dropped.items())
        if not common_only:
            missing = [key for name in places for key in places[name] if any(key not in p for p in places.values())]
            raise ConfigError(
                f"the reports are not of the same samples: {len(shared):,} are in all, {told}, such as "
                f"{', '.join(map(repr, dict.fromkeys(missing[:_SHOWN])))}. Evaluate all models on one collection, or "
                "compare on the common samples with common_only=True."
            )
        notes.append(f"Only the {len(shared):,} samples that all reports have are compared: {told}.")
    if not shared:
        raise ConfigError("the reports have no sample in common, so there is nothing to compare.")
    rows = {name: np.array([place[key] for key in shared], dtype=np.int64) for name, place in places.items()}
    return rows, notes


def _classes(reports: Mapping[str, Report]) -> tuple[tuple[str, ...], dict[str, list[int]]]:
    """The first report's classes, and for each report where these stand among its own."""
    classes: tuple[str, ...] = ()
    orders = {}
    for name, report in reports.items():
        assert report.label_space is not None
        own = report.label_space.classes
        classes = classes or own
        if set(own) != set(classes):
            raise LabelError(
                f"{name} has the classes {', '.join(own)}, {next(iter(reports))} {', '.join(classes)}; models of "
                "different classes cannot be compared. Map the collections to one label space first."
            )
        orders[name] = [own.index(code) for code in classes]
    return classes, orders


def _labels(
    reports: Mapping[str, Report],
    rows: Mapping[str, NDArray[np.int64]],
    orders: Mapping[str, list[int]],
    ids: Sequence[str],
) -> NDArray[np.int64]:
    labels: NDArray[np.int64] | None = None
    for name, report in reports.items():
        own = report.outcome.labels[rows[name]]
        mapped = np.where(own >= 0, np.argsort(orders[name])[np.maximum(own, 0)], IGNORE_INDEX).astype(np.int64)
        labels = mapped if labels is None else labels
        if (wrong := np.flatnonzero(mapped != labels)).size:
            shown = ", ".join(repr(ids[k]) for k in wrong[:_SHOWN])
            raise LabelError(
                f"{name} and {next(iter(reports))} disagree about the true label of {wrong.size:,} of {len(ids):,} "
                f"samples: {shown}{' ...' if wrong.size > _SHOWN else ''}. Evaluate both on the same table."
            )
    return np.full(len(ids), IGNORE_INDEX, dtype=np.int64) if labels is None else labels


def _masks(
    reports: Mapping[str, Report], rows: Mapping[str, NDArray[np.int64]], ids: Sequence[str], notes: list[str]
) -> tuple[NDArray[np.int64], dict[str, NDArray[np.int64]]]:
    """Where masks are, and the pixel counts of each model there."""
    found: dict[str, NDArray[np.int64]] = {}
    masked: NDArray[np.bool_] = np.zeros(len(ids), dtype=np.bool_)
    for name, report in reports.items():
        o = report.outcome
        if o.mask_counts is None or not len(o.mask_rows):
            continue
        spread = np.full((len(o.ids), 3), -1, dtype=np.int64)
        spread[o.mask_rows] = o.mask_counts
        found[name] = spread[rows[name]]
        own = found[name][:, 0] >= 0
        masked = own if len(found) == 1 else masked
        if (wrong := np.flatnonzero(own != masked)).size:
            shown = ", ".join(repr(ids[k]) for k in wrong[:_SHOWN])
            raise ConfigError(
                f"{name} and {next(iter(found))} were not scored on the same masks: {wrong.size:,} samples have one in "
                f"only one of them, such as {shown}. Evaluate both on the same collection."
            )
    positions = np.flatnonzero(masked)
    counts = {name: values[positions] for name, values in found.items()}
    areas = {values[:, 1].tobytes() for values in counts.values()}
    if len(areas) > 1:
        notes.append(
            "The true masks differ in pixels, because each model was scored at its own input size: small differences "
            "of Dice and IoU may come from that."
        )
    return positions, counts


def _groups(
    reports: Mapping[str, Report], rows: Mapping[str, NDArray[np.int64]], ids: Sequence[str]
) -> NDArray[np.str_] | None:
    groups: NDArray[np.str_] | None = None
    source = ""
    for name, report in reports.items():
        if report.groups is None:
            continue
        own = np.asarray(report.groups, dtype=np.str_)[rows[name]]
        if groups is None:
            groups, source = own, name
        if (wrong := np.flatnonzero(own != groups)).size:
            raise ConfigError(
                f"{name} and {source} name other lesions or patients for {wrong.size:,} of {len(ids):,} samples, such "
                f"as {ids[wrong[0]]!r}: {str(own[wrong[0]])!r} and {str(groups[wrong[0]])!r}. Evaluate both on the "
                "same table."
            )
    return groups
