"""How often each sample is drawn, against imbalance."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from skinzoo.datasets.base import SkinDataset
from skinzoo.errors import ConfigError
from skinzoo.registry import did_you_mean
from skinzoo.types import IGNORE_INDEX

Scheme = Literal["uniform", "balanced", "sqrt", "effective"]
SCHEMES: tuple[Scheme, ...] = get_args(Scheme)


def sampling_weights(dataset: SkinDataset, scheme: Scheme = "balanced", *, beta: float = 0.9999) -> NDArray[np.float64]:
    """Probability of each sample in a draw with replacement, for `make_loader(weights=...)`.

    A sample of a class with n samples weighs, among the labelled ones:

    - `"uniform"`: 1; but for the replacement, no sampling at all.
    - `"balanced"`: 1 / n, so that each class that occurs is drawn equally often.
    - `"sqrt"`: 1 / sqrt(n), half way between the two.
    - `"effective"`: (1 - beta) / (1 - beta^n), by the effective number of samples of Cui et al. 2019, arXiv 1901.05555.

    Samples without a label keep the share of the draws that they have of the collection.

    Args:
        dataset: The training part.
        scheme: See above.
        beta: For `"effective"`, in [0, 1): 0 is uniform, near 1 balanced.

    Returns:
        float64 array (N,) that sums to 1.

    Raises:
        ConfigError: An unknown scheme, `beta` out of range, or no sample has a label to weigh it by.
    """
    if scheme not in SCHEMES:
        raise ConfigError(f"unknown scheme of sampling {scheme!r}; {did_you_mean(str(scheme), SCHEMES)}")
    if not 0 <= beta < 1:
        raise ConfigError(f"beta must lie in [0, 1); got {beta}.")
    labels = dataset.records.labels
    labelled = labels != IGNORE_INDEX
    if scheme == "uniform":
        return np.full(len(labels), 1 / max(len(labels), 1))
    if not labelled.any():
        raise ConfigError(f"{dataset.name} has no labels to sample by; use 'uniform'.")
    _, members, counts = np.unique(labels[labelled], return_inverse=True, return_counts=True)
    n = counts.astype(np.float64)
    weight = {"balanced": 1 / n, "sqrt": n**-0.5, "effective": (1 - beta) / (1 - beta**n)}[scheme][members]
    weights = np.full(len(labels), 1 / len(labels))
    weights[labelled] = weight / weight.sum() * labelled.mean()
    return weights
