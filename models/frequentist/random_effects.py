"""Random-effects pools of transformed rates: DerSimonian-Laird, REML and Hartung-Knapp.

What metafor's ``rma(yi, vi, method = "DL" | "REML", test = "z" | "knha")`` gives for the
double arcsine (``escalc(measure = "PFT")``) and for the logit (``measure = "PLO"``, half an event
added to both sides of a study without events or without their opposite). They stand beside the
published estimator so that a reader sees what the choice of estimator does; they inherit its
weakness, that within-study variances are taken for known.

References
----------
DerSimonian R, Laird N. Meta-analysis in clinical trials. Control Clin Trials 1986;7:177-188.
Hartung J, Knapp G. A refined method for the meta-analysis of controlled clinical trials with binary
outcome. Stat Med 2001;20:3875-3889.
Viechtbauer W. Conducting meta-analyses in R with the metafor package. J Stat Softw 2010;36(3).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import optimize, special

from models.common.constants import CI_PROB
from models.common.errors import InputError
from models.frequentist.freeman_tukey import (
    double_arcsine,
    double_arcsine_variance,
    inverse_double_arcsine,
)
from models.numerics.counts import as_counts

type FloatArray = NDArray[np.float64]
type Scale = Literal["double arcsine", "logit"]
type Method = Literal["DL", "REML"]


@dataclass(frozen=True, slots=True)
class RandomEffectsPool:
    """A pooled rate.

    Attributes
    ----------
    estimate, lower, upper
        Rate and confidence interval, probability scale.
    prediction_lower, prediction_upper
        Prediction interval of the rate of a new study, probability scale, with the quantile of the
        confidence interval, as metafor gives it.
    theta, theta_se
        Pooled value and its standard error on the scale of the transformation (the double arcsine
        in full, 0 to pi).
    tau2
        Variance between studies on that scale.
    """

    estimate: float
    lower: float
    upper: float
    prediction_lower: float
    prediction_upper: float
    theta: float
    theta_se: float
    tau2: float


def random_effects_pool(
    events: ArrayLike,
    total: ArrayLike,
    *,
    scale: Scale = "double arcsine",
    method: Method = "REML",
    hartung_knapp: bool = False,
    ci_prob: float = CI_PROB,
) -> RandomEffectsPool:
    """Pool the rates of two studies or more.

    Parameters
    ----------
    events, total
        Counts, one pair a study, shape (k,).
    scale
        Transformation of the rates.
    method
        Estimator of the variance between studies.
    hartung_knapp
        Interval of Hartung and Knapp, t with k - 1 degrees of freedom, in place of the normal one.
    ci_prob
        Probability content of both intervals, equal-tailed.

    Raises
    ------
    InputError
        For impossible counts, fewer than two studies or ``ci_prob`` outside (0, 1).
    """
    x, n = as_counts(events, total)
    if x.size < 2:
        raise InputError("a variance between studies needs two studies at least")
    if not 0 < ci_prob < 1:
        raise InputError(f"ci_prob = {ci_prob!r}: outside (0, 1)")
    y, v, back = _transformed(x, n, scale)
    theta, se, tau2, quantile = pool_values(
        y, v, method=method, hartung_knapp=hartung_knapp, ci_prob=ci_prob
    )
    half, wide = quantile * se, quantile * np.hypot(se, np.sqrt(tau2))
    rates = back(theta + np.array([0.0, -half, half, -wide, wide]))
    estimate, lower, upper, new_lower, new_upper = map(float, rates)
    return RandomEffectsPool(estimate, lower, upper, new_lower, new_upper, theta, se, tau2)


def pool_values(
    y: FloatArray,
    v: FloatArray,
    *,
    method: Method = "REML",
    hartung_knapp: bool = False,
    ci_prob: float = CI_PROB,
) -> tuple[float, float, float, float]:
    """Pool values whose variances are known.

    Parameters
    ----------
    y, v
        Values and their variances, two at least, shape (k,).
    method, hartung_knapp, ci_prob
        As in `random_effects_pool`.

    Returns
    -------
    tuple of float
        Pooled value, its standard error, the variance between studies, and the quantile of which
        the interval is made.
    """
    tau2 = _dersimonian_laird(y, v) if method == "DL" else _reml(y, v)
    weight = 1 / (v + tau2)
    theta = float(np.average(y, weights=weight))
    tail = (1 + ci_prob) / 2
    if hartung_knapp:
        spread = float(np.sum(weight * (y - theta) ** 2) / (y.size - 1))
        se, quantile = float(np.sqrt(spread / weight.sum())), special.stdtrit(y.size - 1, tail)
    else:
        se, quantile = float(weight.sum() ** -0.5), special.ndtri(tail)
    return theta, se, tau2, float(quantile)


def _transformed(
    x: FloatArray, n: FloatArray, scale: Scale
) -> tuple[FloatArray, FloatArray, Callable[[FloatArray], FloatArray]]:
    """Return transformed rates, their variances and the way back."""
    if scale == "double arcsine":
        harmonic = x.size / np.sum(1 / n)
        back = lambda t: inverse_double_arcsine(t, harmonic)  # noqa: E731
        return double_arcsine(x, n), double_arcsine_variance(n), back
    added = np.where((x == 0) | (x == n), 0.5, 0.0)
    yes, no = x + added, n - x + added
    return np.log(yes / no), 1 / yes + 1 / no, lambda t: np.asarray(special.expit(t))


def _dersimonian_laird(y: FloatArray, v: FloatArray) -> float:
    weight = 1 / v
    q = float(np.sum(weight * (y - np.average(y, weights=weight)) ** 2))
    scale = float(weight.sum() - (weight**2).sum() / weight.sum())
    return max(0.0, (q - (y.size - 1)) / scale)


def _reml(y: FloatArray, v: FloatArray) -> float:
    """Return the variance at the greatest restricted likelihood, zero if it is greatest there."""

    def score(tau2: float) -> float:
        """Twice the derivative of the log restricted likelihood."""
        weight = 1 / (v + tau2)
        residual = y - np.average(y, weights=weight)
        penalty = weight.sum() - (weight**2).sum() / weight.sum()
        return float((weight**2 * residual**2).sum() - penalty)

    def log_likelihood(tau2: float) -> float:
        weight = 1 / (v + tau2)
        residual = y - np.average(y, weights=weight)
        fit = np.log(weight).sum() - np.log(weight.sum()) - (weight * residual**2).sum()
        return float(0.5 * fit)

    # beyond this the score is negative: no residual is wider than the range
    widest = float(np.ptp(y) ** 2 * y.size) + 1e-12
    grid = np.concatenate([[0.0], np.geomspace(1e-9, 1.0, 120) * widest])
    scores = [score(float(t)) for t in grid]
    falls = [i for i in range(grid.size - 1) if scores[i] > 0 >= scores[i + 1]]
    peaks = [float(optimize.brentq(score, grid[i], grid[i + 1], xtol=1e-14)) for i in falls]
    return max([0.0, *peaks], key=log_likelihood)
