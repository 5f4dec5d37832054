"""Drawing patients or lesions with replacement.

Images of one lesion look alike, so a test set of 100 lesions with three images each tells less than 300 lesions would.
Resampling therefore draws whole clusters: a resample has as many clusters as the test set, and each image counts as
often as its cluster was drawn. A resample is a row of these multiplicities, and nothing is ever copied.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skinzoo.errors import ConfigError
from skinzoo.metrics.arrays import FloatArray, IntArray

_BATCH_CELLS = 2**16  # weights of a batch: what is computed from them then stays in the processor's cache
_OWN_NAME = "Give a sample without a lesion or patient a name of its own, such as its id."


def cluster_weights(groups: ArrayLike, resamples: int = 1000, seed: int = 0) -> Iterator[FloatArray]:
    """How often each sample counts in each resample, a batch of resamples at a time.

    The draws depend on the seed and on the clusters in the order of their sorted names only: two models that were
    scored on the same clusters are compared on the same resamples, in whatever order their samples come.

    Args:
        groups: Lesion or patient of each sample, names or numbers, shape (N,). For independent samples give their ids.
        resamples: How many, B.
        seed: Of the draws.

    Yields:
        Whole numbers as float64, shape (b, N); together B rows, the same however they are cut into batches.

    Raises:
        ConfigError: Not one name for each sample, no sample, or an option out of range.
    """
    owner, num_clusters = clusters(groups)
    require_draws(resamples, seed)
    if not num_clusters:
        raise ConfigError("there is no sample to draw from; give at least one group.")
    return _batches(owner, num_clusters, resamples, seed)


def clusters(groups: ArrayLike) -> tuple[IntArray, int]:
    """Which cluster each sample belongs to (N,), numbered by sorted name, and how many there are.

    Raises:
        ConfigError: Not one name or number for each sample.
    """
    names: NDArray[Any] = np.asarray(groups)
    if names.ndim != 1 or (names.size and names.dtype.kind not in "biufUO"):
        raise ConfigError(f"groups must hold one name for each sample, shape (N,); got {names.dtype}, {names.shape}.")
    if names.dtype.kind == "O":
        if all(isinstance(name, str) for name in names.tolist()):
            names = names.astype(np.str_)
        else:
            kinds = ", ".join(sorted({type(name).__name__ for name in names.tolist()}))
            raise ConfigError(f"groups must be all strings or all numbers; got {kinds}. {_OWN_NAME}")
    if (missing := int(((names == "") if names.dtype.kind == "U" else names != names).sum())) > 0:
        raise ConfigError(f"{missing} of {len(names)} samples have no group. {_OWN_NAME}")
    found, owner = np.unique(names, return_inverse=True)
    return owner.astype(np.int64), len(found)


def require_draws(resamples: int, seed: int) -> None:
    """Check the options of a bootstrap.

    Raises:
        ConfigError: One is not a whole number in its range.
    """
    for name, value, least in (("resamples", resamples, 1), ("seed", seed, 0)):
        if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
            raise ConfigError(f"{name} must be a whole number of at least {least}; got {value!r}.")


def _batches(owner: IntArray, num_clusters: int, resamples: int, seed: int) -> Iterator[FloatArray]:
    generator = np.random.default_rng(seed)
    size = max(1, _BATCH_CELLS // len(owner))
    for start in range(0, resamples, size):
        rows = min(size, resamples - start)
        drawn = generator.integers(0, num_clusters, (rows, num_clusters))
        cells = (drawn + num_clusters * np.arange(rows)[:, None]).ravel()
        times = np.bincount(cells, minlength=rows * num_clusters).reshape(rows, num_clusters)
        yield np.take(times.astype(np.float64), owner, axis=1)
