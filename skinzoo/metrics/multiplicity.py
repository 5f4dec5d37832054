"""p-values of many tests made comparable with one threshold.

Of twenty tests without any difference, one falls below 0.05. An adjusted p-value can be compared with 0.05 whatever
the number of tests: Holm's keeps the chance of any false finding below it, Benjamini and Hochberg's the expected share
of false ones among the findings.
"""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike

from skinzoo.errors import ConfigError
from skinzoo.metrics.arrays import FloatArray
from skinzoo.registry import did_you_mean

Correction = Literal["holm", "benjamini-hochberg", "none"]


def adjusted_p_values(p_values: ArrayLike, correction: Correction = "holm") -> FloatArray:
    """Adjusted p-values (N,), in the order given.

    Args:
        p_values: In [0, 1], shape (N,); a NaN stays one and does not count as a test.
        correction: `"holm"` (1979, Scandinavian Journal of Statistics 6:65), valid however the tests depend on each
            other; `"benjamini-hochberg"` (1995, doi 10.1111/j.2517-6161.1995.tb02031.x), for independent or positively
            dependent tests; `"none"`.

    Raises:
        ConfigError: Not one-dimensional, a value outside [0, 1], or an unknown correction.

    Example:
        >>> adjusted_p_values([0.01, 0.04, 0.03]).tolist()
        [0.03, 0.06, 0.06]
    """
    if correction not in get_args(Correction):
        raise ConfigError(f"unknown correction {correction!r}; {did_you_mean(str(correction), get_args(Correction))}")
    given = np.asarray(p_values)
    if given.ndim != 1 or (given.size and given.dtype.kind not in "iuf") or ((given < 0) | (given > 1)).any():
        raise ConfigError(f"p-values must be numbers in [0, 1] of shape (N,); got {p_values!r}.")
    values = given.astype(np.float64)
    tested = np.flatnonzero(~np.isnan(values))
    count = len(tested)
    if correction == "none" or not count:
        return values
    order = tested[np.argsort(values[tested], kind="stable")]
    ranks = np.arange(1, count + 1)
    if correction == "holm":
        steps = np.maximum.accumulate(values[order] * (count + 1 - ranks))
    else:
        steps = np.minimum.accumulate((values[order] * count / ranks)[::-1])[::-1]
    values[order] = np.minimum(steps, 1.0)
    return values
