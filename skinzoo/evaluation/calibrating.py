"""After training: make a model's probabilities mean what they say, and choose where its decisions are drawn."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from skinzoo.datasets import SkinDataset, split_indices
from skinzoo.errors import ConfigError, SplitError
from skinzoo.evaluation.batching import BatchSize
from skinzoo.evaluation.inference import Outcome, collect_dataset
from skinzoo.evaluation.scaling import fit_temperature, fit_vector
from skinzoo.evaluation.scoring import check_dataset
from skinzoo.metrics.calibration import calibration_metrics
from skinzoo.metrics.operating import Rule, best_threshold, checked_rule
from skinzoo.metrics.selective import abstention_threshold, risk_coverage_curve
from skinzoo.models import Calibration, OperatingPoints, SkinModel
from skinzoo.registry import did_you_mean
from skinzoo.types import IGNORE_INDEX

Method = Literal["temperature", "vector"]
_FITS: dict[str, Callable[..., Calibration]] = {"temperature": fit_temperature, "vector": fit_vector}
_FOLDS = 5


@dataclass(frozen=True)
class CalibrationResult:
    """What calibration changed, measured on the images that it was fitted on.

    Attributes:
        calibration: What the model has now; fitted on all images.
        before: `ece`, `ece_adaptive`, `classwise_ece`, `brier` and `nll` of the plain softmax.
        after: The same when each image is calibrated by a fit on the others: five folds that keep lesions and patients
            together. This is what to expect on new images; NaN where there were too few for that.
        fitted: The same with the calibration itself. It has seen these images, so these are a little too good.
        num_samples: Labelled images.
        undefined: Why `after` is NaN.
    """

    calibration: Calibration
    before: dict[str, float]
    after: dict[str, float]
    fitted: dict[str, float]
    num_samples: int
    undefined: dict[str, str] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "calibration": self.calibration.to_dict(),
            "before": self.before,
            "after": self.after,
            "fitted": self.fitted,
            "num_samples": self.num_samples,
            "undefined": self.undefined,
        }

    def text(self) -> str:
        """A table of the figures before and after."""
        method = self.calibration.method
        how = f", temperature {self.calibration.temperature:.3f}" if method == "temperature" else ""
        lines = [f"{method} scaling{how}, fitted on {self.calibration.source}", ""]
        lines.append(f"{'':<14}{'before':>10}{'after, cross-fitted':>22}{'after, same images':>22}")
        lines += [
            f"{name:<14}{self.before[name]:>10.4f}{_cell(self.after[name]):>22}{self.fitted[name]:>22.4f}"
            for name in self.before
        ]
        lines += [f"n/a: {reason}" for reason in dict.fromkeys(self.undefined.values())]
        return "\n".join(lines) + "\n"

    def __str__(self) -> str:
        return self.text()


def calibrate(
    model: SkinModel,
    dataset: SkinDataset,
    *,
    method: Method = "temperature",
    batch_size: BatchSize = "auto",
    num_workers: int = 0,
) -> CalibrationResult:
    """Fit `model.calibration` on a validation part, so that its probabilities mean what they say.

    It is fitted on the model's raw logits; an earlier calibration is replaced, and `before` is without any. Operating
    points that were chosen before belong to other probabilities and are dropped. Use images that the model was not
    trained on, and score it on others again.

    Args:
        model: A model that predicts classes; it gets the calibration.
        dataset: Labelled images in the model's classes, 20 or more.
        method: `"temperature"`, one number that keeps the predicted classes; or `"vector"`, a scale and a bias for each
            class, which needs 10 images a class and may change the predicted classes.
        batch_size: Images at a time; `"auto"` for as many as fit into memory, as for `predict`.
        num_workers: Processes that load data.

    Raises:
        ConfigError: An unknown method, a model without classes, or too few labelled images.
        EmptyLoaderError: The collection is empty.
        LabelError: The collection's classes are not the model's.
    """
    if method not in _FITS:
        raise ConfigError(f"unknown method {method!r}; {did_you_mean(str(method), _FITS)}")
    outcome = _answers(model, dataset, batch_size=batch_size, num_workers=num_workers)
    logits, labels, fit = outcome.logits, outcome.labels, _FITS[method]
    assert logits is not None
    calibration = fit(logits, labels, source=_source(dataset, labels))
    crossed, reason = _cross_fitted(logits, labels, dataset, method)
    before = calibration_metrics(labels, _softmax(logits))
    after = dict.fromkeys(before, math.nan) if crossed is None else calibration_metrics(labels, crossed)
    model.calibration, model.operating_points = calibration, None
    return CalibrationResult(
        calibration=calibration,
        before=before,
        after=after,
        fitted=calibration_metrics(labels, _calibrated(calibration, logits)),
        num_samples=int((labels != IGNORE_INDEX).sum()),
        undefined=dict.fromkeys(after, reason) if reason else {},
    )


def choose_operating_points(
    model: SkinModel,
    dataset: SkinDataset,
    *,
    rule: Rule | None = "youden",
    malignant_rule: Rule | None = ("sensitivity", 0.95),
    max_risk: float | None = None,
    coverage: float | None = None,
    batch_size: BatchSize = "auto",
    num_workers: int = 0,
) -> OperatingPoints:
    """Choose `model.operating_points` on a validation part: where a probability becomes a decision.

    The thresholds are for the model's probabilities as they are now, so calibrate it first. They fit these images best;
    on new ones they do a little worse. Where a rule has nothing to go by, as for a class without images, there is no
    threshold, and `rule` of the result says so.

    Args:
        model: A model that predicts classes; it gets the operating points.
        dataset: Labelled images in the model's classes.
        rule: For each class against all others; see `skinzoo.metrics.best_threshold`. None for no such thresholds.
        malignant_rule: For the summed probability of the label space's malignant classes; None for no threshold.
        max_risk: Leave the least confident images to a human until at most this share of the other answers is wrong.
        coverage: Or leave as many to a human as still answers this share of the images. Without either, none is left.
        batch_size: Images at a time; `"auto"` for as many as fit into memory, as for `predict`.
        num_workers: Processes that load data.

    Raises:
        ConfigError: A model without classes, no labelled image, an unknown rule, both `max_risk` and `coverage`, or a
            risk that no threshold meets.
        EmptyLoaderError: The collection is empty.
        LabelError: The collection's classes are not the model's.
    """
    for given in (rule, malignant_rule):
        if given is not None:
            checked_rule(given)
    outcome = _answers(model, dataset, batch_size=batch_size, num_workers=num_workers)
    space = model.label_space
    assert outcome.probabilities is not None
    assert space is not None
    labelled = outcome.labels != IGNORE_INDEX
    labels, probabilities = outcome.labels[labelled], outcome.probabilities[labelled]
    malignant = np.array([code in space.malignant for code in space])
    words = []
    per_class: dict[str, float] = {}
    if rule is not None:
        found = {code: _threshold(labels == c, probabilities[:, c], rule) for c, code in enumerate(space)}
        per_class = {code: value for code, value in found.items() if isinstance(value, float)}
        words += [f"each class: {_words(rule)}", *(f"{c}: {why}" for c, why in found.items() if isinstance(why, str))]
    threshold: float | None = None
    if malignant_rule is not None and malignant.any():
        summed = np.minimum(probabilities[:, malignant].sum(axis=1), 1.0)
        value = _threshold(malignant[labels], summed, malignant_rule)
        threshold = value if isinstance(value, float) else None
        words.append(f"malignant: {_words(malignant_rule) if isinstance(value, float) else value}")
    abstain: float | None = None
    if max_risk is not None or coverage is not None:
        abstain = _abstain_below(labels, probabilities, max_risk, coverage)
        words.append(f"risk at most {max_risk:g}" if coverage is None else f"coverage at least {coverage:g}")
    model.operating_points = OperatingPoints(
        per_class, threshold, abstain, rule="; ".join(words), source=_source(dataset, outcome.labels)
    )
    return model.operating_points


def _answers(model: SkinModel, dataset: SkinDataset, *, batch_size: BatchSize, num_workers: int) -> Outcome:
    """What the model says about images that it may be tuned on."""
    if not model.task.has_labels:
        raise ConfigError(f"{model.config.architecture} predicts no class, so there is no probability to calibrate.")
    check_dataset(model, dataset)
    if len(dataset) and not dataset.has_labels:
        raise ConfigError(f"{dataset.name} has no class labels; calibration and thresholds need them.")
    return collect_dataset(model, dataset, batch_size=batch_size, num_workers=num_workers)


def _cross_fitted(
    logits: NDArray[np.float64], labels: NDArray[np.int64], dataset: SkinDataset, method: str
) -> tuple[NDArray[np.float64] | None, str]:
    """Probabilities (N, C) of each image by a fit on others; None, and why, where there are too few."""
    labelled = np.flatnonzero(labels != IGNORE_INDEX)
    r = dataset.records.take(labelled)
    probabilities = np.full(logits.shape, 1 / logits.shape[1])
    try:
        shares = (1 / _FOLDS,) * _FOLDS
        folds = split_indices(r.ids, r.labels, r.groups, shares, seed=0, even=True, allow_missing_classes=True)
        for fold in folds:
            rows, others = labelled[fold], np.delete(labelled, fold)
            probabilities[rows] = _calibrated(_FITS[method](logits[others], labels[others]), logits[rows])
    except (SplitError, ConfigError) as error:
        return None, f"too little for {_FOLDS} folds ({str(error).rstrip('.')})"
    return probabilities, ""


def _softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(torch.from_numpy(logits).softmax(1).numpy())


def _calibrated(calibration: Calibration, logits: NDArray[np.float64]) -> NDArray[np.float64]:
    return _softmax(calibration.apply(torch.from_numpy(logits)).numpy())


def _threshold(positive: NDArray[np.bool_], scores: NDArray[np.float64], rule: Rule) -> float | str:
    """A threshold that can be met by a probability, or why there is none."""
    value = best_threshold(positive, scores, rule=rule)
    if math.isnan(value):
        return "no threshold, as there are no other images" if positive.any() else "no threshold, as it has no images"
    return value if value <= 1 else f"no threshold has {_words(rule)}"


def _abstain_below(
    labels: NDArray[np.int64], probabilities: NDArray[np.float64], max_risk: float | None, coverage: float | None
) -> float:
    value = abstention_threshold(labels, probabilities, max_risk=max_risk, coverage=coverage)
    if math.isnan(value):
        lowest = risk_coverage_curve(labels, probabilities).risk.min()
        raise ConfigError(
            f"max_risk={max_risk} cannot be met: even of the most confident answers {lowest:.3g} are wrong at the "
            "least. Allow more, or give a coverage."
        )
    return value


def _words(rule: Rule) -> str:
    name, share = checked_rule(rule)
    return name if math.isnan(share) else f"{name} at least {share:g}"


def _source(dataset: SkinDataset, labels: NDArray[np.int64]) -> str:
    """The collection, how many labelled images and groups, and a fingerprint of their ids."""
    chosen = dataset.records.take(labels != IGNORE_INDEX)
    ids = "\n".join(sorted(chosen.ids.tolist()))
    unit = "" if dataset.info.group == "image" else f" of {len(np.unique(chosen.groups))} {dataset.info.group}s"
    return f"{dataset.name}, {len(chosen)} images{unit}, sha256 of ids {hashlib.sha256(ids.encode()).hexdigest()[:12]}"


def _cell(value: float) -> str:
    return "n/a" if math.isnan(value) else f"{value:.4f}"
