"""Class weights against imbalance."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

import torch
from torch import Tensor

from skinzoo.errors import ConfigError
from skinzoo.registry import did_you_mean

Scheme = Literal["inverse", "sqrt_inverse", "effective"]
_SCHEMES: tuple[str, ...] = get_args(Scheme)


def class_weights(counts: Sequence[int], scheme: Scheme = "inverse", *, beta: float = 0.9999) -> Tensor:
    """Weights that give rare classes more say.

    With n samples of a class: `"inverse"` is 1 / n, `"sqrt_inverse"` 1 / sqrt(n), and `"effective"`
    (1 - beta) / (1 - beta^n), the inverse of the effective number of samples of Cui et al. 2019, "Class-Balanced Loss
    Based on Effective Number of Samples", arXiv 1901.05555.

    Args:
        counts: Training samples of each class, such as `dataset.class_counts().values()`.
        scheme: See above.
        beta: For `"effective"`, in [0, 1): 0 gives equal weights, near 1 inverse frequencies.

    Returns:
        float32 tensor (C,) whose mean over the classes with samples is 1. A class without samples gets 0: no training
        sample can carry that weight, and 1 / 0 has no meaning.

    Raises:
        ConfigError: An unknown scheme, counts that are not whole numbers >= 0 or are all 0, or `beta` out of range.

    Example:
        >>> class_weights([10, 30, 0]).tolist()
        [1.5, 0.5, 0.0]
    """
    if scheme not in _SCHEMES:
        raise ConfigError(f"unknown scheme of class weights {scheme!r}; {did_you_mean(str(scheme), _SCHEMES)}")
    if not 0 <= beta < 1:
        raise ConfigError(f"beta must lie in [0, 1); got {beta}.")
    n = torch.tensor([float(c) for c in counts], dtype=torch.float64)
    if not len(n) or not bool(((n >= 0) & (n == n.floor()) & n.isfinite()).all()) or not n.any():
        raise ConfigError(f"counts must be whole numbers >= 0, at least one above 0; got {list(counts)}.")
    present = n > 0
    if scheme == "inverse":
        weights = 1 / n
    elif scheme == "sqrt_inverse":
        weights = n.rsqrt()
    else:
        weights = (1 - beta) / (1 - beta**n)
    weights = torch.where(present, weights, 0)
    return (weights / weights[present].mean()).float()
