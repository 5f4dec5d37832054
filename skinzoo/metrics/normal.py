"""The normal distribution, as far as intervals and tests need it."""

from __future__ import annotations

import math
from statistics import NormalDist

from skinzoo.errors import ConfigError


def normal_quantile(level: float) -> float:
    """How many standard errors on each side hold the share `level`: 1.96 for 0.95.

    Raises:
        ConfigError: The level does not lie between 0 and 1.
    """
    return NormalDist().inv_cdf((1 + check_level(level)) / 2)


def check_level(level: float) -> float:
    """The confidence level.

    Raises:
        ConfigError: It does not lie between 0 and 1.
    """
    if isinstance(level, bool) or not isinstance(level, int | float) or not 0 < level < 1:
        raise ConfigError(f"level must lie between 0 and 1, such as 0.95; got {level!r}.")
    return float(level)


def two_sided_p(statistic: float) -> float:
    """Probability that a standard normal number is as far from 0 as `statistic`; its square is chi-square of 1 df."""
    return math.erfc(abs(statistic) / math.sqrt(2))
