"""Predictive distribution of the count of an arm that was not fitted."""

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

from models.common.constants import INTERVAL_PROBS
from models.numerics.binomial_normal import log_marginal

type FloatArray = NDArray[np.float64]


def count_distribution(mean: FloatArray, sd: FloatArray, total: int) -> FloatArray:
    """Return the predictive probabilities of 0 to ``total`` responders.

    The study effect of every draw is integrated out, so the only Monte Carlo noise is that of the
    draws themselves.

    Parameters
    ----------
    mean, sd
        Draws of the mean and the standard deviation of the arm's logit, shape (draws,); a standard
        deviation of 0 is a known study effect.
    total
        Patients.

    Returns
    -------
    numpy.ndarray
        Shape (total + 1,), sums to 1.
    """
    x = np.arange(total + 1)
    log_choose = gammaln(total + 1) - gammaln(x + 1) - gammaln(total - x + 1)
    found = np.array(
        [np.exp(log_marginal(count, total, mean, sd) + log_choose[count]).mean() for count in x]
    )
    return np.asarray(found / found.sum())


def count_summary(probabilities: FloatArray, events: int) -> dict[str, float]:
    """Return median and interval of a predictive count, and where an observed one lies.

    Returns
    -------
    dict
        ``median``, ``lower``, ``upper`` (95 % equal-tailed, patients), ``p_at_most`` and
        ``p_at_least`` the observed count.
    """
    below = probabilities.cumsum()
    quantiles = {"lower": INTERVAL_PROBS[0], "median": 0.5, "upper": INTERVAL_PROBS[1]}
    return {
        **{name: float(np.searchsorted(below, level)) for name, level in quantiles.items()},
        "p_at_most": float(below[events]),
        "p_at_least": float(1 - below[events] + probabilities[events]),
    }
