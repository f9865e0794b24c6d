"""Binomial probabilities from `scipy.special` alone: SciPy's distributions take long to import."""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import betainc, gammaln, xlog1py, xlogy


def pmf(count: ArrayLike, n: ArrayLike, rate: ArrayLike) -> NDArray[np.float64]:
    """Return ``P(X = count)``; arguments broadcast, 0 outside of 0 to n."""
    x, n, p = (np.asarray(value, dtype=np.float64) for value in (count, n, rate))
    inside = (x >= 0) & (x <= n)
    x = np.where(inside, x, 0.0)
    ways = gammaln(n + 1.0) - gammaln(x + 1.0) - gammaln(n - x + 1.0)
    return np.asarray(np.where(inside, np.exp(ways + xlogy(x, p) + xlog1py(n - x, -p)), 0.0))


def at_least(count: ArrayLike, n: ArrayLike, rate: ArrayLike) -> NDArray[np.float64]:
    """Return ``P(X >= count)``; arguments broadcast."""
    x, n, p = (np.asarray(value, dtype=np.float64) for value in (count, n, rate))
    # the incomplete beta function takes positive shapes only
    tail = betainc(np.clip(x, 1.0, np.maximum(n, 1.0)), np.maximum(n - x + 1.0, 1.0), p)
    return np.asarray(np.where(x <= 0, 1.0, np.where(x > n, 0.0, tail)))
