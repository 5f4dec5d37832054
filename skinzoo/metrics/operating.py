"""Single decisions: where to draw the line, and what follows from drawing it there.

An image counts as positive if its score is at or above the threshold. A threshold that is chosen on the same images
that it is scored on looks better than it is; choose it on validation images.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from skinzoo.errors import ConfigError
from skinzoo.metrics.arrays import FloatArray, real_numbers
from skinzoo.metrics.interval import Interval
from skinzoo.metrics.probabilities import binary_scores, in_unit_interval
from skinzoo.metrics.proportion import wilson_bounds
from skinzoo.metrics.ranking import counts_at_scores
from skinzoo.registry import did_you_mean

Rule: TypeAlias = str | tuple[str, float]
"""`"youden"`, `"f1"`, `("sensitivity", 0.95)` or `("specificity", 0.9)`."""
_BEST, _AT_LEAST = ("youden", "f1"), ("sensitivity", "specificity")


class OperatingFigures(NamedTuple):
    """What a threshold does.

    Attributes:
        threshold: At or above which a score is positive.
        values: `sensitivity`, `specificity`, `ppv`, `npv`, each in [0, 1] or NaN, and `net_benefit`.
        intervals: Wilson intervals of the first four.
        undefined: Why a value is NaN.
        counts: Images by outcome: `tp`, `fp`, `fn`, `tn`.
    """

    threshold: float
    values: dict[str, float]
    intervals: dict[str, Interval]
    undefined: dict[str, str]
    counts: dict[str, int]


class DecisionCurve(NamedTuple):
    """Net benefit over thresholds, arrays (P,); NaN without images.

    Attributes:
        thresholds: Probability from which one would act.
        model: Net benefit of acting on the model's probabilities.
        treat_all: Of acting on every image.
        treat_none: Of never acting: 0.
    """

    thresholds: FloatArray
    model: FloatArray
    treat_all: FloatArray
    treat_none: FloatArray


def best_threshold(labels: ArrayLike, scores: ArrayLike, *, rule: Rule) -> float:
    """The threshold that a rule picks from the scores that occur.

    | rule                    | threshold                                                                        |
    |-------------------------|----------------------------------------------------------------------------------|
    | `"youden"`              | highest sensitivity + specificity - 1 (Youden 1950); of equal ones the highest    |
    | `"f1"`                  | highest F1; of equal ones the highest threshold                                   |
    | `("sensitivity", 0.95)` | the highest with a sensitivity of at least 0.95                                   |
    | `("specificity", 0.9)`  | the lowest with a specificity of at least 0.9; infinite if even the highest score |
    |                         | does not reach it                                                                 |

    Args:
        labels: 1 (or True) for positives, 0 for negatives, shape (N,).
        scores: Real numbers, higher means more positive, shape (N,).
        rule: See the table.

    Returns:
        NaN where the rule needs positives or negatives and there are none.

    Raises:
        ConfigError: An unknown rule, or a share outside (0, 1]; lengths differ, or a score is NaN.
        LabelError: A label other than 0 and 1.
    """
    name, share = checked_rule(rule)
    positive, numbers = binary_scores(labels, scores)
    thresholds, hits, alarms = counts_at_scores(positive, numbers)
    num_positive, num_negative = int(positive.sum()), int((~positive).sum())
    if (name != "specificity" and not num_positive) or (name in ("youden", "specificity") and not num_negative):
        return float("nan")
    if name == "youden":
        return float(thresholds[np.argmax(hits * num_negative - alarms * num_positive)])
    if name == "f1":
        return float(thresholds[np.argmax(2 * hits / (hits + alarms + num_positive))])
    if name == "sensitivity":
        return float(thresholds[np.argmax(hits / num_positive >= share)])
    enough = np.flatnonzero((num_negative - alarms) / num_negative >= share)
    return float(thresholds[enough[-1]]) if len(enough) else float("inf")


def checked_rule(rule: Rule) -> tuple[str, float]:
    """A rule's name, and the share that it asks for; NaN for none.

    Raises:
        ConfigError: An unknown rule, or a share outside (0, 1].
    """
    if isinstance(rule, str) and rule in _BEST:
        return rule, float("nan")
    name, share = rule if isinstance(rule, list | tuple) and len(rule) == 2 else (rule, None)
    if name in _AT_LEAST and isinstance(share, int | float) and not isinstance(share, bool) and 0 < share <= 1:
        return str(name), float(share)
    known = [repr(n) for n in _BEST] + [f"({n!r}, 0.95)" for n in _AT_LEAST]
    hint = f" {did_you_mean(name, (*_BEST, *_AT_LEAST))}" if isinstance(name, str) and name not in _AT_LEAST else ""
    raise ConfigError(f"rule must be {', '.join(known[:-1])} or {known[-1]}, shares in (0, 1]; got {rule!r}.{hint}")


def operating_figures(
    labels: ArrayLike, scores: ArrayLike, threshold: float, *, level: float = 0.95
) -> OperatingFigures:
    """Sensitivity, specificity, predictive values and net benefit at a threshold.

    The predictive values hold for the share of positives among these images; where the disease is rarer, the positive
    one is lower. For the net benefit the threshold is also taken as the probability from which one would act; see
    `decision_curve`. Intervals take the images for independent of each other.

    Args:
        labels: 1 (or True) for positives, 0 for negatives, shape (N,).
        scores: Higher means more positive, shape (N,).
        threshold: At or above which a score is positive.
        level: Of the Wilson intervals, in (0, 1).

    Raises:
        ConfigError: Lengths differ, a score or the threshold is NaN, or a level outside (0, 1).
        LabelError: A label other than 0 and 1.
    """
    positive, numbers = binary_scores(labels, scores)
    if not isinstance(threshold, int | float | np.number) or threshold != threshold:
        raise ConfigError(f"threshold must be a number; got {threshold!r}.")
    called = numbers >= threshold
    tp, fp = int((called & positive).sum()), int((called & ~positive).sum())
    fn, tn = int((~called & positive).sum()), int((~called & ~positive).sum())
    shares = {
        "sensitivity": (tp, tp + fn, "no positive images"),
        "specificity": (tn, tn + fp, "no negative images"),
        "ppv": (tp, tp + fp, "no image is called positive"),
        "npv": (tn, tn + fn, "no image is called negative"),
    }
    values = {name: hits / total if total else float("nan") for name, (hits, total, _) in shares.items()}
    undefined = {name: reason for name, (_, total, reason) in shares.items() if not total}
    bounds = wilson_bounds(*np.array([s[:2] for s in shares.values()]).T, level=level)
    values["net_benefit"] = float("nan")
    if not len(numbers):
        undefined = dict.fromkeys(values, "no images")
    elif not 0 <= threshold < 1 or numbers.min() < 0 or numbers.max() > 1:
        undefined["net_benefit"] = "scores or threshold are no probabilities"
    else:
        values["net_benefit"] = (tp - fp * float(threshold) / (1 - float(threshold))) / len(numbers)
    return OperatingFigures(
        threshold=float(threshold),
        values=values,
        intervals={name: Interval(float(bounds.low[k]), float(bounds.high[k])) for k, name in enumerate(shares)},
        undefined=undefined,
        counts={"tp": tp, "fp": fp, "fn": fn, "tn": tn},
    )


def decision_curve(labels: ArrayLike, scores: ArrayLike, thresholds: ArrayLike | None = None) -> DecisionCurve:
    """Net benefit of acting on a model, over the thresholds (Vickers and Elkin 2006, doi 10.1177/0272989X06295361).

    Whoever acts from a probability of t on holds a missed positive for (1 - t) / t times as bad as a false alarm. So
    the net benefit is (true positives - false positives * t / (1 - t)) / images: the positives found per image, less
    the false alarms at that rate. A model is of use at t if its curve lies above both others.

    Args:
        labels: 1 (or True) for positives, 0 for negatives, shape (N,).
        scores: Calibrated probabilities of being positive, in [0, 1], shape (N,).
        thresholds: In [0, 1), shape (P,); None for 0.01, 0.02 ... 0.99.

    Raises:
        ConfigError: Lengths differ, or scores or thresholds are NaN or out of range.
        LabelError: A label other than 0 and 1.
    """
    positive, numbers = binary_scores(labels, scores)
    in_unit_interval(numbers)
    at = np.arange(1, 100) / 100 if thresholds is None else real_numbers(thresholds, what="thresholds", ndim=1)
    if at.size and (at.min() < 0 or at.max() >= 1):
        raise ConfigError(f"thresholds must lie in [0, 1); got {at.min():.4g} to {at.max():.4g}.")
    n = len(numbers) or float("nan")
    odds, present = at / (1 - at), int(positive.sum())
    hits = present - np.searchsorted(np.sort(numbers[positive]), at, side="left")
    alarms = len(numbers) - present - np.searchsorted(np.sort(numbers[~positive]), at, side="left")
    return DecisionCurve(
        thresholds=at,
        model=(hits - alarms * odds) / n,
        treat_all=(present - (len(numbers) - present) * odds) / n,
        treat_none=np.zeros(len(at)) * n,
    )
