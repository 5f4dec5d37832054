"""Figures of several collections, and how far they lie apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from skinzoo.datasets import SkinDataset
from skinzoo.evaluation.comparison.measuring import LEVEL, choose_metrics, measure, rows_of
from skinzoo.evaluation.comparison.paired import ModelFigures, difference_interval
from skinzoo.evaluation.external.report import CollectionScore, Drop, Labels, is_of_masks
from skinzoo.evaluation.inference import Outcome
from skinzoo.evaluation.report import Report
from skinzoo.metrics.interval import UNDEFINED
from skinzoo.taxonomy import DIAGNOSES, Alignment, LabelSpace, meaning
from skinzoo.types import IGNORE_INDEX

_NAN = float("nan")
_BINARY = ("benign", "cancer")  # not "malignant": its figures would have the keys of malignant against benign


@dataclass(frozen=True, eq=False)
class Scored:
    """A collection with what the model said of it.

    Attributes:
        name: The collection, and its part in brackets.
        dataset: In its own classes.
        alignment: The rules to the model's classes; None where there are none.
        outcome: What the model said, with labels in the model's classes.
        report: The full report; None if no label or mask can be scored in the model's classes.
        binary: The outcome as benign (0) or malignant (1), by the collection's own classes; None if nobody says.
        notes: What a reader has to know.
        seed: Of its resamples.
    """

    name: str
    dataset: SkinDataset
    alignment: Alignment | None
    outcome: Outcome
    report: Report | None
    binary: Outcome | None
    notes: list[str]
    seed: int

    @property
    def present(self) -> set[int]:
        """Class indices that have images."""
        return set(self.outcome.labels[self.outcome.labels >= 0].tolist())


class ScoredCollections:
    """Figures of several collections, and their differences from the first.

    Args:
        entries: The collections, the internal one first.
        threshold: Summed probability of the malignant classes at or above which an image is called malignant.
        resamples: Of the intervals.
    """

    def __init__(self, entries: Sequence[Scored], threshold: float, resamples: int) -> None:
        self._entries = entries
        self._threshold, self._resamples = threshold, resamples
        self._figures = [self._measured(entry) for entry in entries]

    def choose_metrics(self, wanted: Sequence[str] | None) -> tuple[str, ...]:
        """The metrics to report; see `choose_metrics`."""
        known = {name: value for figures in self._figures for name, value in figures.values.items()}
        return choose_metrics(wanted, known)

    def score(self, position: int, metrics: Sequence[str]) -> CollectionScore:
        """The figures of one collection."""
        entry, figures = self._entries[position], self._figures[position]
        values = {m: figures.values.get(m, _NAN) for m in metrics}
        missing = {m: figures.reasons.get(m, _absent(m)) for m, value in values.items() if value != value}
        return CollectionScore(
            name=entry.name,
            labels=_labels(entry),
            masks=0 if entry.outcome.mask_counts is None else len(entry.outcome.mask_rows),
            values=values,
            intervals={m: figures.intervals.get(m, UNDEFINED) for m in metrics},
            drops=self._drops(position, metrics) if position else {},
            undefined=missing,
            notes=tuple(entry.notes),
            report=entry.report,
        )

    def _measured(self, entry: Scored, classes: set[int] | None = None) -> ModelFigures:
        """Everything about one collection, or only the figures over classes on the images of some of them."""
        outcome, groups = entry.outcome, entry.dataset.records.groups
        if classes is not None:
            rows = np.isin(outcome.labels, sorted(classes))
            outcome, groups = rows_of(outcome, rows), groups[rows]
        found = measure(outcome, groups, resamples=self._resamples, seed=entry.seed)
        if classes is None and entry.binary is not None:
            two = measure(
                entry.binary,
                groups,
                malignant=_BINARY[1:],
                threshold=self._threshold,
                resamples=self._resamples,
                seed=entry.seed,
            )
            for name in ("values", "intervals", "resampled", "strata", "reasons"):
                of_two = {k: v for k, v in getattr(two, name).items() if k.startswith("malignant/")}
                getattr(found, name).update(of_two)
        return found

    def _drops(self, position: int, metrics: Sequence[str]) -> dict[str, Drop]:
        first, entry = self._entries[0], self._entries[position]
        common = first.present & entry.present
        codes = tuple(code for c, code in enumerate(entry.outcome.classes) if c in common)
        there, here = self._figures[0], self._figures[position]
        over_classes = [m for m in metrics if not m.startswith("malignant/") and not is_of_masks(m)]
        shared_there, shared_here = there, here
        if over_classes and common:
            shared_there, shared_here = self._measured(first, common), self._measured(entry, common)
        drops = {}
        for m in metrics:
            if m in over_classes:
                one, other = (shared_there, shared_here) if common else (ModelFigures(), ModelFigures())
                drops[m] = _drop(one, other, m, codes)
            else:
                drops[m] = _drop(there, here, m, ())
        return drops


def _drop(first: ModelFigures, here: ModelFigures, metric: str, classes: tuple[str, ...]) -> Drop:
    a, b = first.values.get(metric, _NAN), here.values.get(metric, _NAN)
    interval = UNDEFINED
    known = all(metric in f.intervals and f.intervals[metric].low == f.intervals[metric].low for f in (first, here))
    if known:  # a figure that is the same in every resample would pass for an exact one
        interval = difference_interval(
            first.resampled[metric] - here.resampled[metric],
            level=LEVEL,
            strata=first.strata[metric] + here.strata[metric],
        )
    return Drop(a, b, a - b, interval, classes)


def benign_or_malignant(space: LabelSpace | None, dataset: SkinDataset, outcome: Outcome) -> Outcome | None:
    """The outcome as malignant (1) against benign (0), by what the collection itself says; None if nobody says.

    Args:
        space: The model's classes.
        dataset: The collection, in its own classes.
        outcome: What the model said.
    """
    if space is None or outcome.probabilities is None or not 0 < len(space.malignant) < len(space):
        return None
    own = malignancy(dataset.label_space)
    kinds = np.array([IGNORE_INDEX if own[code] is None else int(bool(own[code])) for code in dataset.label_space])
    given = dataset.records.labels
    labels = np.where(given == IGNORE_INDEX, IGNORE_INDEX, kinds[np.where(given == IGNORE_INDEX, 0, given)])
    columns = np.array([code in space.malignant for code in space])
    summed = outcome.probabilities[:, columns].sum(axis=1).clip(0, 1)
    return replace(
        outcome,
        labels=labels.astype(np.int64),
        logits=None,
        probabilities=np.stack([1 - summed, summed], axis=1),
        mask_counts=None,
        mask_rows=np.zeros(0, dtype=np.int64),
        loss_sums={},
        loss=None,
        classes=_BINARY,
    )


def malignancy(space: LabelSpace) -> dict[str, bool | None]:
    """Whether each class is malignant, by its code; None where nobody knows.

    A label space that names malignant classes is believed. In another, a class is what all of its diagnoses are.
    """
    if space.malignant:
        return {code: code in space.malignant for code in space}
    found: dict[str, bool | None] = {}
    for code in space:
        kinds = {DIAGNOSES[name].kind if name in DIAGNOSES else "undetermined" for name in meaning(space, code)}
        found[code] = None if len(kinds) != 1 or "undetermined" in kinds else kinds == {"malignant"}
    return found


def _labels(entry: Scored) -> Labels:
    given: NDArray[np.int64] = entry.dataset.records.labels
    known = given != IGNORE_INDEX
    counts = {code: int((given == c).sum()) for c, code in enumerate(entry.dataset.label_space)}
    alignment = entry.alignment
    merged = {}
    if alignment is not None:
        with_images = {code: tuple(s for s in several if counts[s]) for code, several in alignment.merged.items()}
        merged = {code: several for code, several in with_images.items() if len(several) > 1}
    kinds = np.zeros(0) if entry.binary is None else entry.binary.labels
    return Labels(
        alignment=alignment,
        images=len(given),
        scored=int((entry.outcome.labels >= 0).sum()) if entry.outcome.probabilities is not None else 0,
        unlabelled=int((~known).sum()),
        unmatched={} if alignment is None else {c: counts[c] for c in alignment.unmatched if counts[c]},
        merged=merged,
        absent=tuple(code for c, code in enumerate(entry.outcome.classes) if c not in entry.present),
        malignant=int((kinds == 1).sum()),
        benign=int((kinds == 0).sum()),
    )


def _absent(metric: str) -> str:
    if is_of_masks(metric):
        return "no test images with a mask"
    if metric.startswith("malignant/"):
        return "no test images that are known to be malignant or benign"
    return "no test images in the model's classes"
