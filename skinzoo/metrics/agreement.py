"""Agreement of predictions and truth beyond chance.

With `n` images, `c` of them right, `t_k` images of class k and `p_k` predictions of it:

- Cohen's kappa `(c n - sum t_k p_k) / (n^2 - sum t_k p_k)` (Cohen 1960, doi 10.1177/001316446002000104);
- Matthews' correlation coefficient `(c n - sum t_k p_k) / sqrt((n^2 - sum t_k^2) (n^2 - sum p_k^2))`, the form for more
  than two classes by Gorodkin 2004 (doi 10.1016/j.compbiolchem.2004.09.006).

Both lie in [-1, 1], and 0 is chance. Kappa is NaN if truth and predictions are all of one and the same class; the
correlation if either is constant (scikit-learn gives 0 there).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from skinzoo.metrics.classification import square_counts
from skinzoo.metrics.counts import agreement


def cohen_kappa(confusion: ArrayLike) -> float:
    """Cohen's kappa, unweighted, in [-1, 1]; NaN where the module says so, and without images.

    Args:
        confusion: Counts, shape (C, C), rows are the true class.

    Raises:
        ConfigError: Not a square matrix of counts.

    Example:
        >>> cohen_kappa([[20, 5], [10, 15]])
        0.4
    """
    return float(agreement(square_counts(confusion)[None].astype(np.float64))[0][0])


def matthews_corrcoef(confusion: ArrayLike) -> float:
    """Matthews' correlation coefficient, in [-1, 1]; NaN where the module says so, and without images.

    Args:
        confusion: Counts, shape (C, C), rows are the true class.

    Raises:
        ConfigError: Not a square matrix of counts.
    """
    return float(agreement(square_counts(confusion)[None].astype(np.float64))[1][0])
