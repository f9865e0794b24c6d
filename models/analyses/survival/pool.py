"""Rates at a landmark and medians of survival, pooled as printed and otherwise.

Rates: on their own scale by DerSimonian and Laird, as the paper pooled them; on the logit or the
complementary log-log scale by REML with Hartung and Knapp's interval and by the Bayesian model,
which cannot leave 0 to 1. Medians: the median of medians with their range, as printed; the pooled
log median, whose standard error is ``1 / (shape sqrt(events))`` in a Weibull model (``shape`` 1:
exponential). Standard errors come from the printed interval if there is one, otherwise from the
number of patients (rates) or events (medians).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit, logit, ndtri

from models.analyses.survival.normal_normal import fit_normal_normal
from models.common.constants import CI_PROB
from models.frequentist.random_effects import pool_values
from models.priors import DEFAULT_PRIORS, Priors

type Array = NDArray[np.float64]
type Scale = Literal["logit", "cloglog"]
type _Row = tuple[str, float, float, float, float | None]
"""Estimator, estimate, lower, upper, tau."""

_Z: Final = float(ndtri((1 + CI_PROB) / 2))
MONTHS: Final = 6.0
"""Centre of the prior of a median, months; its log has the standard deviation of the priors."""


def cloglog(rate: Array) -> Array:
    """Return the complementary log-log of a survival rate: the log cumulative hazard, negated.

    Negated, so that it rises with the rate.
    """
    return np.asarray(-np.log(-np.log(rate)))


def from_cloglog(value: Array) -> Array:
    """Return the rate of a value of `cloglog`."""
    return np.asarray(np.exp(-np.exp(-value)))


_SCALES: Final[dict[str, tuple[Callable[[Array], Array], Callable[[Array], Array]]]] = {
    "logit": (logit, expit),
    "cloglog": (cloglog, from_cloglog),
}


@dataclass(frozen=True)
class SurvivalPool:
    """One pooled end point.

    Attributes
    ----------
    k, patients
        Studies, and their patients as far as known.
    i2
        Share of the variance that is between studies, per cent, on the scale of DerSimonian-Laird;
        None with one study.
    rows
        One row an estimator: ``estimator``, ``estimate``, ``lower``, ``upper``, and ``tau`` on its
        scale. Rates are proportions, medians months.
    """

    k: int
    patients: int | None
    i2: float | None
    rows: pd.DataFrame


def rate_values(table: pd.DataFrame, scale: str) -> tuple[Array, Array]:
    """Return rates on a scale (``rate``, ``logit``, ``cloglog``), and their variances.

    Parameters
    ----------
    table
        ``rate``; ``lower`` and ``upper``, or ``total``. A rate of 0 or 1, or an interval that ends
        there, is taken with half an event added to either side, by ``total``.
    scale
        Of the values.
    """
    rate, lower, upper, n = (
        table[name].to_numpy("float64") for name in ("rate", "lower", "upper", "total")
    )
    inside = (rate > 0) & (rate < 1)
    rate = np.where(inside, rate, (rate * n + 0.5) / (n + 1.0))
    if scale == "rate":
        by_interval = (upper - lower) / (2 * _Z)
        value, slope = rate, np.ones_like(rate)
    else:
        forth, _ = _SCALES[scale]
        with np.errstate(divide="ignore", invalid="ignore"):
            by_interval = (forth(upper) - forth(lower)) / (2 * _Z)
        value = forth(rate)
        slope = 1 / (rate * (1 - rate)) if scale == "logit" else 1 / (rate * -np.log(rate))
    with np.errstate(invalid="ignore"):
        by_number = np.sqrt(rate * (1 - rate) / n) * slope
    usable = np.isfinite(by_interval) & (by_interval > 0) & inside
    return value, np.where(usable, by_interval, by_number) ** 2


def pool_rates(
    table: pd.DataFrame, scale: Scale = "cloglog", priors: Priors = DEFAULT_PRIORS
) -> SurvivalPool:
    """Pool rates of one landmark.

    Parameters
    ----------
    table
        As in `rate_values`, one row a study, one at least.
    scale
        Of REML and of the Bayesian model.
    priors
        Of the Bayesian model, on that scale.
    """
    y, v = rate_values(table, "rate")
    rows = [] if len(table) < 2 else [_frequentist(y, v, "DL", "rate", lambda x: x)]
    y2, v2 = rate_values(table, scale)
    rows += _others(y2, v2, scale, _SCALES[scale][1], priors)
    return _pool(table, y, v, rows)


def pool_medians(
    table: pd.DataFrame, shape: float = 1.0, priors: Priors = DEFAULT_PRIORS
) -> SurvivalPool:
    """Pool medians of survival.

    Parameters
    ----------
    table
        ``median`` (months); ``lower`` and ``upper``, ``events`` or ``total`` and ``follow_up``
        (months). Rows that have none of these count for the median of medians only.
    shape
        Of the Weibull distribution; 1 is exponential.
    priors
        Standard deviations of the Bayesian model (log months, centred at `MONTHS`).
    """
    median = table["median"].to_numpy("float64")
    middle, least, most = (float(f(median)) for f in (np.median, np.min, np.max))
    rows: list[_Row] = [("median of medians, range", middle, least, most, None)]
    variance = median_variances(table, shape)
    known = np.isfinite(variance)
    y, v = np.log(median[known]), variance[known]
    centred = Priors(mu_mean=float(np.log(MONTHS)), mu_sd=priors.mu_sd, tau_scale=priors.tau_scale)
    if known.any():
        rows += _others(y, v, "log", np.exp, centred)
    return _pool(table, y, v, rows)


def median_variances(table: pd.DataFrame, shape: float) -> Array:
    """Return the variances of the log medians; NaN where a row does not give one."""
    lower, upper, events, n, follow_up, median = (
        table[name].to_numpy("float64")
        for name in ("lower", "upper", "events", "total", "follow_up", "median")
    )
    by_interval = ((np.log(upper) - np.log(lower)) / (2 * _Z)) ** 2
    # patients who had the event by the median follow-up
    expected = n * (1 - 0.5 ** ((follow_up / median) ** shape))
    had = np.where(np.isfinite(events), events, expected)
    return np.where(np.isfinite(by_interval), by_interval, 1 / (shape**2 * had))


def _others(
    y: Array, v: Array, scale: str, back: Callable[[Array], Array], priors: Priors
) -> list[_Row]:
    rows = [] if y.size < 2 else [_frequentist(y, v, "REML", scale, back)]
    found = fit_normal_normal(y, v, priors).summary()
    tau = found["tau"][0]
    for name, words in (("mu", "typical study"), ("new_study", "new study")):
        values = [float(x) for x in back(np.array(found[name]))]
        rows.append((f"Bayes, {scale}: {words}", values[0], values[1], values[2], tau))
    return rows


def _frequentist(
    y: Array, v: Array, method: Literal["DL", "REML"], scale: str, back: Callable[[Array], Array]
) -> _Row:
    knapp = method == "REML"
    theta, se, tau2, quantile = pool_values(y, v, method=method, hartung_knapp=knapp)
    values = back(theta + np.array([0.0, -1.0, 1.0]) * quantile * se)
    name = {"DL": "DerSimonian-Laird", "REML": "REML, Hartung-Knapp"}[method]
    estimate, lower, upper = map(float, values)
    return f"{name}, {scale}", estimate, lower, upper, float(np.sqrt(tau2))


def _pool(table: pd.DataFrame, y: Array, v: Array, rows: list[_Row]) -> SurvivalPool:
    names = ["estimator", "estimate", "lower", "upper", "tau"]
    i2 = None
    if y.size > 1:
        weight = 1 / v
        q = float((weight * (y - np.average(y, weights=weight)) ** 2).sum())
        i2 = 100 * max(0.0, 1 - (y.size - 1) / q) if q > 0 else 0.0
    total = table["total"]
    patients = None if total.isna().all() else int(total.sum())
    return SurvivalPool(len(table), patients, i2, pd.DataFrame(rows, columns=names))
