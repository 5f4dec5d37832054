"""McNemar's test: do two models get equally many of the same samples right?

Only samples that one model gets right and the other wrong tell (McNemar 1947, doi 10.1007/BF02295996). If the models
are equally good, each of them is a fair coin. Several images of one lesion are not independent coins: with `groups`, a
lesion on which one model has d right answers more than the other counts as one coin that is worth d. The exact test is
the distribution of the sum of such coins; with one sample in each group it is the binomial distribution. The
chi-square of large samples is (|sum d| - step)^2 / sum d^2 (Yang, Sun and Hardin 2010, doi 10.1002/bimj.201000035, with
a continuity correction of half the distance between possible sums), which for single samples is Edwards's
(|b - c| - 1)^2 / (b + c).
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skinzoo.errors import ConfigError
from skinzoo.metrics.arrays import IntArray, same_length
from skinzoo.metrics.normal import two_sided_p
from skinzoo.metrics.resampling import clusters
from skinzoo.registry import did_you_mean

Method = Literal["auto", "exact", "mid-p", "chi-square"]

MAX_EXACT = 1000
"""Up to how many discordant groups `"auto"` is exact."""

_LONGEST = 1 << 26  # coins times possible sums: half a second


class McNemar(NamedTuple):
    """Where two models are not both right or both wrong.

    Attributes:
        only_a: Samples that only the first model gets right.
        only_b: Samples that only the second model gets right.
        both: Samples that both get right.
        neither: Samples that both get wrong.
        statistic: Chi-square with 1 degree of freedom; NaN for an exact test.
        p_value: Two-sided; 1 if no sample tells.
        method: How it was found: `"exact"`, `"mid-p"` or `"chi-square"`.
    """

    only_a: int
    only_b: int
    both: int
    neither: int
    statistic: float
    p_value: float
    method: str


def mcnemar_test(
    correct_a: ArrayLike, correct_b: ArrayLike, *, groups: ArrayLike | None = None, method: Method = "auto"
) -> McNemar:
    """Compare two models' right and wrong answers on the same samples.

    Args:
        correct_a: Whether the first model is right, boolean (N,).
        correct_b: The same of the second.
        groups: Lesion or patient of each sample, shape (N,); None if the samples are independent.
        method: `"exact"`; `"mid-p"`, which counts half of the probability of what was seen, and is less conservative
            (Fagerland et al. 2013, doi 10.1186/1471-2288-13-91); `"chi-square"`; or `"auto"`: exact up to `MAX_EXACT`
            discordant groups, then chi-square.

    Raises:
        ConfigError: Not boolean, other lengths, a missing group, an unknown method, or too much for an exact test.
    """
    if method not in get_args(Method):
        raise ConfigError(f"unknown method {method!r}; {did_you_mean(str(method), get_args(Method))}")
    a, b = _boolean(correct_a), _boolean(correct_b)
    same_length(len(a), len(b), what="answers of the two models")
    leads = _leads(a.astype(np.int64) - b, groups)
    chosen = method
    if chosen == "auto":
        chosen = "exact" if len(leads) <= MAX_EXACT and _size(leads) <= _LONGEST else "chi-square"
    statistic = float("nan")
    if chosen == "chi-square":
        statistic = _chi_square(leads)
        p_value = two_sided_p(statistic**0.5)
    else:
        p_value = _exact(leads, half=chosen == "mid-p")
    only_a, only_b, both, neither = (int(n.sum()) for n in (a & ~b, b & ~a, a & b, ~a & ~b))
    return McNemar(only_a, only_b, both, neither, statistic, p_value, chosen)


def _boolean(values: ArrayLike) -> NDArray[np.bool_]:
    array: NDArray[Any] = np.asarray(values)
    if array.ndim != 1 or (array.size and array.dtype != np.bool_):
        raise ConfigError(
            "whether a model is right must be a boolean array of shape (N,), such as `predicted == labels`; "
            f"got {array.dtype} of shape {array.shape}."
        )
    return array.astype(np.bool_)


def _leads(differences: IntArray, groups: ArrayLike | None) -> IntArray:
    """By how many answers the first model leads in each group where it does not draw."""
    if groups is not None:
        owner, num_groups = clusters(groups)
        same_length(len(owner), len(differences), what="groups and answers")
        differences = np.bincount(owner, weights=differences, minlength=num_groups).astype(np.int64)
    leads: IntArray = differences[differences != 0]
    return leads


def _size(leads: IntArray) -> int:
    return len(leads) * (int(np.abs(leads).sum()) + 1)


def _exact(leads: IntArray, *, half: bool) -> float:
    """Probability that a sum of fair coins worth +-|lead| is as far from 0 as the sum of the leads."""
    if not len(leads):
        return 1.0
    if _size(leads) > _LONGEST:
        raise ConfigError(f"an exact test of {len(leads)} discordant groups takes too long; use method='chi-square'.")
    worth = np.abs(leads)
    total = int(worth.sum())
    chance = np.zeros(total + 1)  # of k = the worth of the coins that fall for the first model; the sum is 2 k - total
    chance[0] = 1.0
    for value in worth.tolist():
        chance[value:] = (chance[value:] + chance[:-value]) / 2
        chance[:value] /= 2
    seen = (total - abs(int(leads.sum()))) // 2
    p_value = 2 * float(chance[: seen + 1].sum()) - half * float(chance[seen])
    return min(p_value, 1.0)


def _chi_square(leads: IntArray) -> float:
    if not len(leads):
        return 0.0
    step = int(np.gcd.reduce(leads))
    return float(max(abs(int(leads.sum())) - step, 0) ** 2 / (leads**2).sum())
