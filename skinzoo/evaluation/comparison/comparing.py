"""Compare models on the same samples, with tests of their differences."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np

from skinzoo.errors import ConfigError, UnknownNameError
from skinzoo.evaluation.comparison.matching import Matched, Source, match_reports, named_reports
from skinzoo.evaluation.comparison.measuring import measure
from skinzoo.evaluation.comparison.paired import (
    ModelFigures,
    analytic_test,
    bootstrap_p_value,
    difference_interval,
)
from skinzoo.evaluation.comparison.result import Comparison, Difference, Score, is_significant
from skinzoo.metrics.interval import UNDEFINED
from skinzoo.metrics.multiplicity import Correction, adjusted_p_values
from skinzoo.metrics.normal import check_level
from skinzoo.registry import did_you_mean

DEFAULT_METRICS = (
    "balanced_accuracy",
    "macro_f1",
    "macro_auc",
    "accuracy",
    "malignant/auc",
    "malignant/sensitivity",
    "dice",
    "iou",
)

_SAME = 1e-12
FEW_GROUPS = 20
"""With fewer lesions, resampling cannot tell how far a figure may be off."""


def compare(
    reports: Mapping[str, Source] | Sequence[Source],
    *,
    names: Sequence[str] | None = None,
    metrics: Sequence[str] | None = None,
    resamples: int = 2000,
    level: float = 0.95,
    correction: Correction = "holm",
    common_only: bool = False,
    seed: int = 0,
) -> Comparison:
    """Compare models that were evaluated on the same samples.

    Each difference has an interval from resamples of the lesions (or patients), in which both models are scored on the
    same draws. Its p-value is DeLong's for areas under ROC curves and McNemar's for accuracy, both in the form that
    allows for several images of one lesion, and that of the resamples for all other metrics. The p-values of all pairs
    and metrics are adjusted together.

    `malignant/sensitivity` and `malignant/specificity` are at each model's own operating point, and at a malignant
    probability of 0.5 for a model without one.

    Args:
        reports: Reports or folders of saved ones, by the models' names or in a list.
        names: Of the models, for a list; None takes them from the reports' titles.
        metrics: `"macro_f1"`, `"MEL/auc"`, `"malignant/auc"` ...; None for those of `DEFAULT_METRICS` that at least two
            models have. The models are ordered by the first.
        resamples: How many; a p-value from them is at least 2 / (resamples + 1).
        level: Confidence of the intervals, in (0, 1); differences count where the adjusted p-value is at most
            1 - level.
        correction: For the number of tests: `"holm"`, `"benjamini-hochberg"` or `"none"`.
        common_only: Compare on the samples that all reports have, instead of refusing reports of different samples.
        seed: Of the resamples; the same seed gives the same comparison.

    Raises:
        ConfigError: Fewer than two reports, reports of different samples, lesions or masks, or an option that makes no
            sense.
        LabelError: The reports do not agree on the classes, or on a label.
        UnknownNameError: A metric that no model has.
        DatasetNotFoundError, TableError: A folder that holds no report, or a damaged one.

    Examples:
        >>> comparison = compare({"resnet18": report, "efficientnet": "runs/efficientnet/report"})
        >>> print(comparison)
        >>> comparison.save("runs/comparison")
    """
    check_level(level)
    adjusted_p_values([], correction)
    matched = match_reports(named_reports(reports, names), common_only=common_only)
    figures = {
        name: measure(
            outcome,
            matched.owners(),
            malignant=matched.malignant,
            threshold=matched.thresholds[name],
            resamples=resamples,
            level=level,
            seed=seed,
        )
        for name, outcome in matched.outcomes.items()
    }
    chosen = _metrics(figures, metrics)
    ranked = _best_first(figures, chosen[0])
    found = [
        _difference(matched, figures, (a, b), metric, level=level)
        for metric in chosen
        for a, b in combinations(ranked, 2)
        if metric in figures[a].values and metric in figures[b].values
    ]
    adjusted = adjusted_p_values([d.p_value for d in found], correction)
    differences = tuple(d._replace(adjusted=float(p)) for d, p in zip(found, adjusted, strict=True))
    known = {name: [metric for metric in chosen if metric in figures[name].values] for name in ranked}
    return Comparison(
        models=tuple(ranked),
        metrics=tuple(chosen),
        scores={
            name: {metric: Score(figures[name].values[metric], figures[name].intervals[metric]) for metric in of}
            for name, of in known.items()
        },
        differences=differences,
        level=level,
        facts=_facts(matched, resamples, level, correction, seed),
        notes=(*_verdict(differences, matched, resamples, level, correction), *matched.notes),
        undefined={
            name: {metric: figures[name].reasons[metric] for metric in of if metric in figures[name].reasons}
            for name, of in known.items()
        },
    )


def _metrics(figures: Mapping[str, ModelFigures], metrics: Sequence[str] | None) -> list[str]:
    known = dict.fromkeys(metric for of in figures.values() for metric in of.values)
    shared = [metric for metric in known if sum(metric in of.values for of in figures.values()) > 1]
    if metrics is None:
        if not (chosen := [metric for metric in DEFAULT_METRICS if metric in shared]):
            raise ConfigError("the models have no metric in common; compare models of one task on annotated samples.")
        return chosen
    if isinstance(metrics, str) or not metrics:
        raise ConfigError(f"metrics must be a list of names; got {metrics!r}.")
    for metric in metrics:
        if metric not in known:
            raise UnknownNameError(f"no model has the metric {metric!r}; {did_you_mean(str(metric), known)}")
        if metric not in shared:
            raise ConfigError(f"only one model has the metric {metric!r}, so there is nothing to compare it with.")
    return list(dict.fromkeys(metrics))


def _best_first(figures: Mapping[str, ModelFigures], metric: str) -> list[str]:
    def key(name: str) -> tuple[bool, float]:
        value = figures[name].values.get(metric, math.nan)
        return value != value, -value if value == value else 0.0

    return sorted(figures, key=key)


def _difference(
    matched: Matched,
    figures: Mapping[str, ModelFigures],
    pair: tuple[str, str],
    metric: str,
    *,
    level: float,
) -> Difference:
    """A difference with its test; not adjusted yet."""
    first, second = (figures[name] for name in pair)
    value = first.values[metric] - second.values[metric]
    if value != value:
        return Difference(*pair, metric, value, UNDEFINED, "none", math.nan, math.nan, math.nan)
    if all(np.ptp(f.resampled[metric]) < _SAME for f in (first, second)) and not matched.same_answers(*pair):
        # figures that no resample changes would pass for exact ones
        return Difference(*pair, metric, value, UNDEFINED, "none", math.nan, math.nan, math.nan)
    resampled = first.resampled[metric] - second.resampled[metric]
    p_bootstrap = bootstrap_p_value(resampled, strata=first.strata[metric])
    interval = difference_interval(resampled, level=level, strata=first.strata[metric])
    test, p_value = analytic_test(matched, *pair, metric) or ("bootstrap", p_bootstrap)
    test = test if p_value == p_value else "none"
    return Difference(*pair, metric, value, interval, test, p_value, math.nan, p_bootstrap)


def _facts(matched: Matched, resamples: int, level: float, correction: str, seed: int) -> dict[str, Any]:
    facts: dict[str, Any] = {"samples": len(matched.labels)}
    if labelled := int((matched.labels >= 0).sum()):
        facts["with a label"] = labelled
    if masked := max(len(o.mask_rows) for o in matched.outcomes.values()):
        facts["with a mask"] = masked
    if matched.malignant and any(t != 0.5 for t in matched.thresholds.values()):
        facts["malignant from"] = ", ".join(f"{name}: {t:.3g}" for name, t in matched.thresholds.items())
    drawn = "images"
    if matched.groups is not None:
        facts["lesions or patients"] = len(np.unique(matched.groups))
        drawn = "lesions or patients"
    return facts | {
        "intervals": f"{level:.0%}, from {resamples:,} resamples of {drawn} (seed {seed})",
        "correction": {"holm": "Holm", "benjamini-hochberg": "Benjamini-Hochberg"}.get(correction, "none"),
    }


def _verdict(
    differences: Sequence[Difference], matched: Matched, resamples: int, level: float, correction: str
) -> list[str]:
    """What the tests say, in sentences."""
    tests = [d for d in differences if d.p_value == d.p_value]
    holding = [d for d in tests if is_significant(d, level)]
    after = "" if correction == "none" else f" after correction for {len(tests)} tests"
    notes = []
    if not tests:
        notes.append("No difference could be tested.")
    elif not holding:
        notes.append(
            f"No difference between the models is significant{after}: these samples do not tell which model is better. "
            "That is no proof that they are equal."
        )
    else:
        notes.append(f"{len(holding)} of {len(tests)} differences are significant{after}; a star marks them.")
    if (num_groups := len(np.unique(matched.owners()))) < FEW_GROUPS:
        notes.append(
            f"There are only {num_groups} independent lesions, patients or images, too few to judge models: intervals "
            f"and p-values from fewer than {FEW_GROUPS} cannot be relied on."
        )
    if correction == "none" or not any(d.test == "bootstrap" for d in tests):
        return notes
    if resamples + 1 < (needed := math.ceil(2 * len(tests) / (1 - level))):
        enough = -(-2 * needed // 1000) * 1000
        notes.append(
            f"The smallest p-value that {resamples:,} resamples can give does not hold against {len(tests)} tests; "
            f"take resamples={enough} or more, or compare fewer metrics."
        )
    return notes
