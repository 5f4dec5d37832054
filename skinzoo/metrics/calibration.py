"""Whether probabilities mean what they say: of all predictions made with 0.8, are 80 % right?

A calibration error sorts predictions into bins by their probability and compares the mean probability of each bin with
the share that came true:

    sum over bins of (images in the bin / all images) * |share that came true - mean probability|

Bins of equal width are closed on the right, as in Guo et al. 2017 (arXiv:1706.04599). Adaptive bins hold equally many
images (Nguyen and O'Connor 2015, arXiv:1508.05154; Nixon et al. 2019, arXiv:1904.01685); equal probabilities share a
bin. The estimate is never negative, so that chance alone lifts it above 0 even for a perfectly calibrated model: the
fewer images in a bin, the higher. Errors can be compared between models on the same images, less so between
collections of different size.

The Brier score and the negative log-likelihood need no bins; both are proper scores, lowest for the true probabilities.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skinzoo.errors import ConfigError
from skinzoo.metrics.arrays import FloatArray, IntArray
from skinzoo.metrics.probabilities import binary_scores, class_probabilities, in_unit_interval
from skinzoo.metrics.proportion import wilson_bounds

BINS = 15
_EPSILON = float(np.finfo(np.float64).eps)


class ReliabilityCurve(NamedTuple):
    """What was said against what came true, arrays (bins,), in the order of the probabilities; NaN for an empty bin.

    Attributes:
        confidence: Mean probability of each bin.
        accuracy: Share of the bin that came true.
        count: Images in the bin.
        low: Lower end of the Wilson interval of `accuracy`.
        high: Upper end.
    """

    confidence: FloatArray
    accuracy: FloatArray
    count: IntArray  # type: ignore[assignment]  # hides tuple.count, which nobody needs here
    low: FloatArray
    high: FloatArray


def expected_calibration_error(
    labels: ArrayLike, probabilities: ArrayLike, *, bins: int = BINS, adaptive: bool = False
) -> float:
    """Calibration error of the predicted class: its probability against how often it is right.

    Args:
        labels: True class indices in [0, C), shape (N,); samples with `IGNORE_INDEX` are left out.
        probabilities: After the softmax, shape (N, C).
        bins: How many.
        adaptive: Bins of equally many images instead of equal width.

    Returns:
        In [0, 1], 0 is best; NaN without labelled samples.

    Raises:
        ConfigError: Shapes do not agree, the rows are no distributions, or `bins` is no whole number of at least 1.
        LabelError: A label outside [0, C).

    Example:
        >>> round(expected_calibration_error([0, 0, 1], [[0.9, 0.1], [0.8, 0.2], [0.7, 0.3]]), 3)
        0.333
    """
    truth, scores = class_probabilities(labels, probabilities)
    confidence, right = top_label(truth, scores)
    return _error(confidence, right, bin_of(confidence, bins, adaptive=adaptive), bins)


def classwise_calibration_error(labels: ArrayLike, probabilities: ArrayLike, *, bins: int = BINS) -> float:
    """Mean over the classes of the calibration error of each class's probability, with bins of equal width.

    Unlike the error of the predicted class, it sees the probabilities of rare classes (Nixon et al. 2019, there static
    calibration error; Kull et al. 2019, arXiv:1910.12656). A class without test images counts too: it came true never.

    Args:
        labels: True class indices in [0, C), shape (N,); samples with `IGNORE_INDEX` are left out.
        probabilities: After the softmax, shape (N, C).
        bins: How many.

    Returns:
        In [0, 1], 0 is best; NaN without labelled samples.

    Raises:
        ConfigError: As for `expected_calibration_error`.
        LabelError: A label outside [0, C).
    """
    truth, scores = class_probabilities(labels, probabilities)
    return float(
        np.mean([_error(p, truth == c, bin_of(p, bins, adaptive=False), bins) for c, p in enumerate(scores.T)])
    )


def brier_score(labels: ArrayLike, probabilities: ArrayLike) -> float:
    """Mean squared distance of the probabilities from what came true (Brier 1950).

    For several classes it is the sum over the classes, as Brier wrote it, in [0, 2]. For a binary problem it is the
    mean of (probability - outcome) squared, in [0, 1]: half of what the sum over two classes gives.

    Args:
        labels: True class indices in [0, C), shape (N,), samples with `IGNORE_INDEX` left out; or 0 and 1.
        probabilities: After the softmax, shape (N, C); or of the positive class, shape (N,).

    Returns:
        0 is best; NaN without labelled samples.

    Raises:
        ConfigError: Shapes do not agree, or a probability lies outside [0, 1].
        LabelError: A label outside the range.
    """
    if np.ndim(probabilities) == 1:
        positive, numbers = binary_scores(labels, probabilities)
        return _mean((in_unit_interval(numbers) - positive) ** 2)
    return _mean(squared_distances(*class_probabilities(labels, probabilities)))


def negative_log_likelihood(labels: ArrayLike, probabilities: ArrayLike) -> float:
    """Mean of -log(probability of the true class), in nats.

    Probabilities below the float64 epsilon (2.2e-16) count as that, so that one sample costs 36 nats at most.

    Args:
        labels: True class indices in [0, C), shape (N,); samples with `IGNORE_INDEX` are left out.
        probabilities: After the softmax, shape (N, C).

    Returns:
        0 is best, log C what equal probabilities give; NaN without labelled samples.

    Raises:
        ConfigError: Shapes do not agree, or the rows are no distributions.
        LabelError: A label outside [0, C).
    """
    return _mean(surprises(*class_probabilities(labels, probabilities)))


def calibration_metrics(labels: ArrayLike, probabilities: ArrayLike) -> dict[str, float]:
    """`ece`, `ece_adaptive`, `classwise_ece` (15 bins each), `brier` (sum over classes) and `nll` (nats).

    All are better the lower they are, and all are NaN, for the reason `NO_IMAGES`, exactly where no sample is labelled.

    Args:
        labels: True class indices in [0, C), shape (N,); samples with `IGNORE_INDEX` are left out.
        probabilities: After the softmax, shape (N, C).

    Raises:
        ConfigError: Shapes do not agree, or the rows are no distributions.
        LabelError: A label outside [0, C).
    """
    return {
        "ece": expected_calibration_error(labels, probabilities),
        "ece_adaptive": expected_calibration_error(labels, probabilities, adaptive=True),
        "classwise_ece": classwise_calibration_error(labels, probabilities),
        "brier": brier_score(labels, probabilities),
        "nll": negative_log_likelihood(labels, probabilities),
    }


def reliability_curve(
    labels: ArrayLike,
    probabilities: ArrayLike,
    *,
    class_index: int | None = None,
    bins: int = BINS,
    adaptive: bool = False,
    level: float = 0.95,
) -> ReliabilityCurve:
    """Mean probability and share that came true, bin by bin.

    Args:
        labels: True class indices in [0, C), shape (N,); samples with `IGNORE_INDEX` are left out.
        probabilities: After the softmax, shape (N, C).
        class_index: The class whose probability is looked at; None for the predicted class of each image.
        bins: How many.
        adaptive: Bins of equally many images instead of equal width.
        level: Of the Wilson intervals, in (0, 1).

    Raises:
        ConfigError: As for `expected_calibration_error`, no such class, or a level outside (0, 1).
        LabelError: A label outside [0, C).
    """
    truth, scores = class_probabilities(labels, probabilities)
    if class_index is None:
        said, came_true = top_label(truth, scores)
    else:
        num_classes = scores.shape[1]
        if not isinstance(class_index, int | np.integer) or not 0 <= class_index < num_classes:
            raise ConfigError(f"class_index must lie between 0 and {num_classes - 1}; got {class_index!r}.")
        said, came_true = scores[:, class_index], truth == class_index
    index = bin_of(said, bins, adaptive=adaptive)
    count = np.bincount(index, minlength=bins)
    hits = np.bincount(index, came_true, minlength=bins)
    filled = np.where(count > 0, count, np.nan)
    return ReliabilityCurve(
        confidence=np.bincount(index, said, minlength=bins) / filled,
        accuracy=hits / filled,
        count=count.astype(np.int64),
        **wilson_bounds(hits, count, level=level)._asdict(),
    )


def top_label(truth: IntArray, scores: FloatArray) -> tuple[FloatArray, NDArray[np.bool_]]:
    """Probability of the predicted class (of equal ones the first), and whether it is right: both (N,)."""
    predicted = scores.argmax(axis=1)
    return scores.max(axis=1), predicted == truth


def squared_distances(truth: IntArray, scores: FloatArray) -> FloatArray:
    """Of each sample, the sum over the classes of (probability - outcome) squared (N,)."""
    own = scores[np.arange(len(truth)), truth]
    return np.asarray((scores**2).sum(axis=1) - 2 * own + 1)


def surprises(truth: IntArray, scores: FloatArray) -> FloatArray:
    """Of each sample, -log of the true class's probability (N,)."""
    return np.asarray(-np.log(np.clip(scores[np.arange(len(truth)), truth], _EPSILON, 1.0)))


def bin_of(said: FloatArray, bins: int, *, adaptive: bool) -> IntArray:
    """The bin of each probability (N,), from 0.

    Raises:
        ConfigError: `bins` is no whole number of at least 1.
    """
    if isinstance(bins, bool) or not isinstance(bins, int | np.integer) or bins < 1:
        raise ConfigError(f"bins must be a whole number of at least 1; got {bins!r}.")
    if adaptive:
        rank = np.searchsorted(np.sort(said), said, side="left")  # equal values have equal ranks, whatever the order
        return np.asarray(rank * bins // max(len(said), 1), dtype=np.int64)
    edges = np.linspace(0, 1, bins + 1)
    return np.asarray(np.maximum(np.searchsorted(edges, said, side="left") - 1, 0), dtype=np.int64)


def _error(said: FloatArray, came_true: NDArray[np.bool_], index: IntArray, bins: int) -> float:
    gaps = np.bincount(index, said - came_true, minlength=bins)
    return float(np.abs(gaps).sum() / len(said)) if len(said) else float("nan")


def _mean(values: FloatArray) -> float:
    return float(values.mean()) if values.size else float("nan")
