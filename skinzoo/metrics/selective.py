"""Selective prediction: what a model gains by leaving the images that it is least sure of to a human.

El-Yaniv and Wiener 2010 (JMLR 11:1605-1641): coverage is the share of images that the model answers, risk the share of
wrong answers among those. Images of equal confidence are answered or left together, so that no figure depends on the
order of the images.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from skinzoo.errors import ConfigError
from skinzoo.metrics.arrays import FloatArray, real_numbers, same_length
from skinzoo.metrics.calibration import top_label
from skinzoo.metrics.probabilities import class_probabilities
from skinzoo.types import IGNORE_INDEX


class RiskCoverage(NamedTuple):
    """Risk at every coverage that can be had, the most confident images first.

    Attributes:
        coverage: Share of the images that are answered, in (0, 1], shape (P,), rising to 1.
        risk: Share of wrong answers among them, in [0, 1], shape (P,).
        thresholds: Confidence at or above which an image is answered, shape (P,), falling.
        aurc: Area under the curve, the mean risk over the confidences of all images (Geifman et al. 2019,
            arXiv:1805.08206); NaN without labelled images.
        eaurc: How much of it a perfect ordering by confidence would save: `aurc` less the smallest area that the same
            number of wrong answers can have. 0 if all wrong answers come last.
    """

    coverage: FloatArray
    risk: FloatArray
    thresholds: FloatArray
    aurc: float
    eaurc: float


def risk_coverage_curve(
    labels: ArrayLike, probabilities: ArrayLike, *, confidence: ArrayLike | None = None
) -> RiskCoverage:
    """Risk against coverage.

    Args:
        labels: True class indices in [0, C), shape (N,); samples with `IGNORE_INDEX` are left out.
        probabilities: After the softmax, shape (N, C); the answer is the class of the highest one.
        confidence: What to order the images by, higher is surer, shape (N,); None for the highest probability.

    Raises:
        ConfigError: Shapes do not agree, the rows are no distributions, or a confidence is NaN.
        LabelError: A label outside [0, C).
    """
    truth, scores = class_probabilities(labels, probabilities)
    sureness, right = top_label(truth, scores)
    if confidence is not None:
        given = real_numbers(confidence, what="confidence", ndim=1)
        same_length(len(given), len(np.asarray(labels)), what="confidences and labels")
        sureness = given[np.asarray(labels) != IGNORE_INDEX]
    n = len(truth)
    order = np.argsort(-sureness, kind="stable")
    ranked, wrong = sureness[order], np.cumsum(~right[order])
    last = np.flatnonzero(np.append(ranked[1:] != ranked[:-1], [True] * bool(n)))
    risk = wrong[last] / (last + 1)
    aurc = float(np.diff(last, prepend=-1) @ risk / n) if n else float("nan")
    return RiskCoverage((last + 1) / max(n, 1), risk, ranked[last], aurc, aurc - _smallest_area(n, int((~right).sum())))


def abstention_threshold(
    labels: ArrayLike,
    probabilities: ArrayLike,
    *,
    max_risk: float | None = None,
    coverage: float | None = None,
) -> float:
    """The highest probability below which an image had better be left to a human.

    It is chosen on the images given, so that the risk on new ones is on average higher than `max_risk`: keep other
    images to measure it on.

    Args:
        labels: True class indices in [0, C), shape (N,); samples with `IGNORE_INDEX` are left out.
        probabilities: After the softmax, shape (N, C).
        max_risk: Largest share of wrong answers, in [0, 1]: gives the threshold that answers most images within it.
        coverage: Smallest share of images to answer, in (0, 1]: gives the highest threshold that answers as many.

    Returns:
        In [0, 1]; 0 where every image may be answered. NaN if no threshold meets `max_risk`, or if no image is
        labelled.

    Raises:
        ConfigError: Not exactly one of `max_risk` and `coverage`, or out of range; or as for `risk_coverage_curve`.
        LabelError: A label outside [0, C).
    """
    if (max_risk is None) == (coverage is None):
        raise ConfigError(f"give either max_risk or coverage; got max_risk={max_risk!r} and coverage={coverage!r}.")
    name, value = ("max_risk", max_risk) if coverage is None else ("coverage", coverage)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1 or coverage == 0:
        raise ConfigError(f"{name} must be a share {'in [0, 1]' if coverage is None else 'in (0, 1]'}; got {value!r}.")
    curve = risk_coverage_curve(labels, probabilities)
    fits = np.flatnonzero(curve.risk <= value if coverage is None else curve.coverage >= value)
    if not len(fits):
        return float("nan")
    chosen = fits[-1] if coverage is None else fits[0]
    return 0.0 if chosen == len(curve.risk) - 1 else float(curve.thresholds[chosen])


def _smallest_area(n: int, wrong: int) -> float:
    """Area under the curve if all wrong answers came last, each with a confidence of its own."""
    return float((np.arange(1, wrong + 1) / np.arange(n - wrong + 1, n + 1)).sum() / n) if n else float("nan")
