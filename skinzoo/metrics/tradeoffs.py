"""What a ROC curve gives where it has to be good: at a high specificity or a high sensitivity.

| figure                     | definition                                                                             |
|----------------------------|----------------------------------------------------------------------------------------|
| sensitivity at specificity | highest sensitivity over the thresholds with at least that specificity                 |
| specificity at sensitivity | highest specificity over the thresholds with at least that sensitivity                 |
| partial area               | area between the curve and a false-positive rate of 1, above a sensitivity (ISIC 2024) |

A threshold is one of the scores, or none at all (sensitivity 0, specificity 1). Nothing is interpolated between two
thresholds, as no threshold would reach what lies there; the partial area, as the whole one, takes tied scores as a
straight line. All are NaN where the positives or the negatives are absent. The thresholds are chosen on the images that
are scored, so each figure is that of the best threshold in hindsight: a fixed threshold will do a little worse.
"""

from __future__ import annotations

from numpy.typing import ArrayLike

from skinzoo.errors import ConfigError
from skinzoo.metrics.probabilities import binary_scores
from skinzoo.metrics.ranked import area_above, curve_of, sensitivity_at, specificity_at


def partial_auc(labels: ArrayLike, scores: ArrayLike, *, min_tpr: float = 0.8) -> float:
    """Area under the part of the ROC curve with a high sensitivity, the score of the ISIC 2024 challenge.

    The challenge computes it as the area up to a false-positive rate of `1 - min_tpr` on flipped labels and scores. It
    lies between 0 and `1 - min_tpr`; a random score gets `(1 - min_tpr)^2 / 2`, 0.02 for 0.8.

    Args:
        labels: 1 (or True) for positives, 0 for negatives, shape (N,).
        scores: Any real numbers, higher means more positive, shape (N,).
        min_tpr: Sensitivity above which the area is taken, in [0, 1); 0 gives the whole area.

    Returns:
        In [0, 1 - min_tpr]; NaN if the positives or the negatives are absent.

    Raises:
        ConfigError: Lengths differ, a score is NaN, or `min_tpr` is out of range.
        LabelError: A label other than 0 and 1.
    """
    if not 0 <= min_tpr < 1:
        raise ConfigError(f"min_tpr must be a sensitivity of at least 0 and below 1, such as 0.8; got {min_tpr!r}.")
    return float(area_above(curve_of(*binary_scores(labels, scores)), min_tpr)[0])


def sensitivity_at_specificity(labels: ArrayLike, scores: ArrayLike, *, specificity: float) -> float:
    """Highest sensitivity over the thresholds with at least the given specificity.

    Args:
        labels: 1 (or True) for positives, 0 for negatives, shape (N,).
        scores: Any real numbers, higher means more positive, shape (N,).
        specificity: In [0, 1].

    Returns:
        In [0, 1]; NaN if the positives or the negatives are absent.

    Raises:
        ConfigError: Lengths differ, a score is NaN, or the specificity is out of range.
        LabelError: A label other than 0 and 1.

    Example:
        >>> sensitivity_at_specificity([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8], specificity=0.9)
        0.5
    """
    _require_share(specificity, "specificity")
    return float(sensitivity_at(curve_of(*binary_scores(labels, scores)), specificity)[0])


def specificity_at_sensitivity(labels: ArrayLike, scores: ArrayLike, *, sensitivity: float) -> float:
    """Highest specificity over the thresholds with at least the given sensitivity.

    Args:
        labels: 1 (or True) for positives, 0 for negatives, shape (N,).
        scores: Any real numbers, higher means more positive, shape (N,).
        sensitivity: In [0, 1].

    Returns:
        In [0, 1]; NaN if the positives or the negatives are absent.

    Raises:
        ConfigError: Lengths differ, a score is NaN, or the sensitivity is out of range.
        LabelError: A label other than 0 and 1.
    """
    _require_share(sensitivity, "sensitivity")
    return float(specificity_at(curve_of(*binary_scores(labels, scores)), sensitivity)[0])


def _require_share(value: float, name: str) -> None:
    if not 0 <= value <= 1:
        raise ConfigError(f"{name} must lie in [0, 1], such as 0.9; got {value!r}.")
