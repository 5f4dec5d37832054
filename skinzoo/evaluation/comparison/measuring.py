"""All figures of an outcome, with their values in resamples of the lesions or patients."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skinzoo.errors import ConfigError, UnknownNameError
from skinzoo.evaluation.comparison.paired import ModelFigures
from skinzoo.evaluation.inference import Outcome
from skinzoo.metrics import classification_metrics, segmentation_metrics
from skinzoo.metrics.bootstrap import bootstrap_classification, bootstrap_segmentation
from skinzoo.metrics.resampling import clusters
from skinzoo.metrics.strata import classification_strata
from skinzoo.models import SkinModel
from skinzoo.registry import did_you_mean

LEVEL = 0.95
"""Confidence level of the intervals."""

BoolArray = NDArray[np.bool_]
_FIRST = ("balanced_accuracy", "macro_auc", "malignant/sensitivity", "malignant/specificity", "dice")


def measure(
    outcome: Outcome,
    groups: NDArray[Any],
    *,
    malignant: Collection[str] = (),
    threshold: float = 0.5,
    resamples: int = 1000,
    level: float = LEVEL,
    seed: int = 0,
) -> ModelFigures:
    """Measure everything, and again in resamples of the lesions or patients.

    The draws depend on the seed and on the groups of the annotated samples alone: two outcomes on the same samples are
    drawn alike, so that their resampled figures can be subtracted pairwise.

    Args:
        outcome: What a model said of N samples.
        groups: Lesion or patient of each (N,).
        malignant: Codes of the malignant classes.
        threshold: Summed probability of these at or above which an image is called malignant.
        resamples: How many.
        level: Of the intervals.
        seed: Of the draws.
    """
    found = ModelFigures()
    labelled = outcome.labels >= 0
    if outcome.probabilities is not None and labelled.any():
        given = (outcome.labels, outcome.probabilities, outcome.classes)
        metrics = classification_metrics(*given, malignant=malignant, malignant_threshold=threshold)
        drawn = bootstrap_classification(
            *given,
            groups=groups,
            malignant=malignant,
            malignant_threshold=threshold,
            resamples=resamples,
            level=level,
            seed=seed,
        )
        is_malignant = np.array([code in malignant for code in outcome.classes])
        strata = classification_strata(
            outcome.labels[labelled],
            clusters(groups[labelled])[0],
            outcome.classes,
            malignant=is_malignant if metrics.binary else None,
        )
        by_class = {
            f"{code}/{name}": value
            for code, scores in metrics.per_class.items()
            for name, value in scores.items()
            if name != "support"
        }
        found.add(by_class | metrics.values, metrics.undefined, drawn, strata)
    if outcome.mask_counts is not None and len(outcome.mask_rows):
        counts = tuple(outcome.mask_counts.T)
        of_masks = segmentation_metrics(*counts)
        drawn = bootstrap_segmentation(
            *counts, groups=groups[outcome.mask_rows], resamples=resamples, level=level, seed=seed
        )
        found.add(of_masks.values, of_masks.undefined, drawn, {})
    return found


def rows_of(outcome: Outcome, rows: BoolArray) -> Outcome:
    """The outcome of some samples, a boolean (N,); it has no losses."""
    position = np.cumsum(rows) - 1
    masked = rows[outcome.mask_rows]
    return replace(
        outcome,
        ids=[name for name, kept in zip(outcome.ids, rows.tolist(), strict=True) if kept],
        labels=outcome.labels[rows],
        logits=None if outcome.logits is None else outcome.logits[rows],
        probabilities=None if outcome.probabilities is None else outcome.probabilities[rows],
        mask_counts=None if outcome.mask_counts is None else outcome.mask_counts[masked],
        mask_rows=position[outcome.mask_rows[masked]],
        loss_sums={},
        loss=None,
    )


def choose_metrics(wanted: Sequence[str] | None, measured: Mapping[str, float]) -> tuple[str, ...]:
    """The metrics that are asked for, each once; None for the first ones to look at, among those that were measured.

    Raises:
        ConfigError: It is no list of names, or an empty one.
        UnknownNameError: One was not measured; the message lists close matches.
    """
    if wanted is None:
        return tuple(name for name in _FIRST if name in measured)
    if isinstance(wanted, str) or not len(wanted):
        raise ConfigError(f"metrics must be a list of names, such as ['macro_auc'], got {wanted!r}.")
    for name in wanted:
        if name not in measured:
            raise UnknownNameError(f"no metric {name!r} of this model on these images; {did_you_mean(name, measured)}")
    return tuple(dict.fromkeys(wanted))


def malignant_threshold(model: SkinModel) -> float:
    """The model's operating point for malignant lesions; 0.5 if it has none."""
    points = model.operating_points
    return 0.5 if points is None or points.malignant is None else float(points.malignant)
