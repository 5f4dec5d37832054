"""Fitting what turns logits into probabilities that mean what they say.

Both methods minimise the negative log-likelihood of the given labels (Guo et al. 2017, arXiv:1706.04599) with a light
penalty: the squares of the log scales and of the biases, over 8, added to the sum over all samples. That is a normal
prior of standard deviation 2 around doing nothing. It counts as much as a few samples, and keeps what the samples leave
open finite: a scale where every prediction is right, the bias of a class that is absent. As doing nothing has no
penalty, the likelihood on the given samples never gets worse. Everything is computed in float64 on the CPU and nothing
is drawn at random.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from skinzoo.errors import ConfigError
from skinzoo.metrics.arrays import class_indices, real_numbers, same_length
from skinzoo.models import Calibration
from skinzoo.types import IGNORE_INDEX

MIN_SAMPLES = 20
"""Labelled samples that a temperature needs."""
MIN_SAMPLES_PER_CLASS = 10
"""Labelled samples per class that vector scaling needs, on average over the classes."""
_PRIOR = 2.0
_MAX_LOG_SCALE = math.log(1e4)
_STEPS = 60


class _Samples(NamedTuple):
    logits: Tensor
    labels: Tensor


def fit_temperature(logits: ArrayLike, labels: ArrayLike, *, source: str = "") -> Calibration:
    """Temperature scaling: one number that all logits are divided by. The predicted classes stay what they are.

    Args:
        logits: Before the softmax, uncalibrated, shape (N, C).
        labels: True class indices in [0, C), shape (N,); samples with `IGNORE_INDEX` are left out.
        source: What they come from, kept in the result.

    Raises:
        ConfigError: Fewer than 20 labelled samples, one class, shapes that do not agree, or logits that are not finite.
        LabelError: A label outside [0, C).
    """
    samples = _samples(logits, labels, method="temperature")
    return Calibration("temperature", (math.exp(_log_scale(samples)),), source=source)


def fit_vector(logits: ArrayLike, labels: ArrayLike, *, source: str = "") -> Calibration:
    """Vector scaling: a scale and a bias for each class, which can also correct how often each class is predicted.

    Args:
        logits: Before the softmax, uncalibrated, shape (N, C).
        labels: True class indices in [0, C), shape (N,); samples with `IGNORE_INDEX` are left out.
        source: What they come from, kept in the result.

    Raises:
        ConfigError: Fewer than 20 labelled samples or 10 a class, labels of one class only, shapes that do not agree,
            or logits that are not finite.
        LabelError: A label outside [0, C).
    """
    samples = _samples(logits, labels, method="vector")
    num_classes = samples.logits.shape[1]
    start = _log_scale(samples)
    log_scale = torch.full((num_classes,), start, dtype=torch.float64, requires_grad=True)
    bias = torch.zeros(num_classes, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS(
        [log_scale, bias],
        max_iter=300,
        history_size=2 * num_classes,
        tolerance_grad=1e-9,
        tolerance_change=1e-14,
        line_search_fn="strong_wolfe",
    )

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = _cost(samples, log_scale, bias)
        loss.backward()  # type: ignore[no-untyped-call]
        return loss

    with torch.enable_grad():
        optimizer.step(closure)  # type: ignore[no-untyped-call]
    zeros = torch.zeros(num_classes, dtype=torch.float64)
    with torch.no_grad():
        # the search can only fail on absurd logits; one scale for all, or none, is then the better answer
        candidates = [(log_scale.clamp(-_MAX_LOG_SCALE, _MAX_LOG_SCALE), bias), (zeros + start, zeros), (zeros, zeros)]
        costs = np.array([float(_cost(samples, *candidate)) for candidate in candidates])
    log_scale, bias = candidates[int(np.nanargmin(costs))]
    return Calibration("vector", tuple(log_scale.exp().tolist()), tuple(bias.tolist()), source)


def _log_scale(samples: _Samples) -> float:
    """Log of the best single scale: the lowest of a grid, then bisection of the slope around it."""
    grid = np.linspace(-_MAX_LOG_SCALE, _MAX_LOG_SCALE, 61)
    costs = [float(_cost(samples, torch.tensor([u], dtype=torch.float64))) for u in grid]
    k = int(np.argmin(costs))
    low, high = float(grid[max(k - 1, 0)]), float(grid[min(k + 1, len(grid) - 1)])
    for _ in range(_STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if _slope(samples, middle) < 0 else (low, middle)
    found = (low + high) / 2
    at_found, at_zero = (float(_cost(samples, torch.tensor([u], dtype=torch.float64))) for u in (found, 0.0))
    return found if at_found <= at_zero else 0.0


def _slope(samples: _Samples, log_scale: float) -> float:
    """Derivative of the cost with respect to the log of a single scale."""
    scaled = samples.logits * math.exp(log_scale)
    expected = (scaled.softmax(1) * scaled).sum(1) - scaled.gather(1, samples.labels[:, None])[:, 0]
    return float(expected.mean()) + log_scale / _PRIOR**2 / len(scaled)


def _cost(samples: _Samples, log_scale: Tensor, bias: Tensor | None = None) -> Tensor:
    """Negative log-likelihood and penalty, per sample."""
    scaled, parameters = samples.logits * log_scale.exp(), log_scale
    if bias is not None:
        scaled, parameters = scaled + bias, torch.cat([log_scale, bias])
    likelihood = torch.nn.functional.cross_entropy(scaled, samples.labels)
    return likelihood + parameters.square().sum() / (2 * _PRIOR**2 * len(scaled))


def _samples(logits: ArrayLike, labels: ArrayLike, *, method: str) -> _Samples:
    numbers = real_numbers(logits, what="logits", ndim=2)
    given = np.asarray(labels)
    if given.ndim != 1:
        raise ConfigError(f"labels must have the shape (N,); got {given.shape}.")
    same_length(len(given), len(numbers), what="labels and rows of logits")
    if not np.isfinite(numbers).all():
        raise ConfigError("logits hold infinite values, so no scale fits them; look for the sample that gave them.")
    labelled = given != IGNORE_INDEX
    num_classes = numbers.shape[1]
    truth, numbers = class_indices(given[labelled], num_classes, what="labels"), numbers[labelled]
    if num_classes < 2:
        raise ConfigError(f"calibration needs logits of at least 2 classes; got {num_classes}.")
    needed = max(MIN_SAMPLES, MIN_SAMPLES_PER_CLASS * num_classes if method == "vector" else 0)
    if len(truth) < needed:
        other = " or fit a temperature, which needs fewer" if needed > MIN_SAMPLES else ""
        raise ConfigError(
            f"{method} scaling of {num_classes} classes needs at least {needed} labelled samples; got {len(truth)}. "
            f"Use a larger validation set{other}."
        )
    if method == "vector" and len(np.unique(truth)) < 2:
        raise ConfigError("all labels are of one class, from which vector scaling would learn to say no other.")
    centred = numbers - numbers.max(axis=1, keepdims=True)
    return _Samples(torch.from_numpy(centred if method == "temperature" else numbers), torch.from_numpy(truth))
