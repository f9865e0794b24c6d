"""What the models estimate, named once.

Three rates that are easily confused, all on the probability scale:

typical rate
    ``expit(mu)``, the rate of the median study. This is what tracks the published Freeman-Tukey
    pool most closely.
average rate
    ``E[expit(mu + tau z)]`` over ``z ~ Normal(0, 1)``, the mean rate over the population of
    studies. Above the typical rate when rates lie below one half.
new-study rate
    ``expit(mu + tau z)`` for a study yet to be done: its predictive distribution.
"""

from collections.abc import Callable
from functools import partial

import numpy as np
import pandas as pd
import xarray as xr
from numpy.polynomial.hermite_e import hermegauss
from scipy.special import expit, ndtr

from models.common.constants import INTERVAL_PROBS
from models.estimands.contrasts import contrast_draws

_NODES, _WEIGHTS = hermegauss(41)
_WEIGHTS = _WEIGHTS / _WEIGHTS.sum()
_WIDE = 3.0
"""Standard deviation from which on Gauss-Hermite nodes lie too far apart."""
_NOISE = np.arange(-40.0, 40.5, 0.5)
_LOGISTIC = 0.25 / np.cosh(0.5 * _NOISE) ** 2
_LOGISTIC = _LOGISTIC / _LOGISTIC.sum()
_BLOCK = 10_000


def average_rate(mu: xr.DataArray, tau: xr.DataArray) -> xr.DataArray:
    """Return the average rate, draw by draw.

    Parameters
    ----------
    mu, tau
        Draws, logit scale; any dims that broadcast.

    Returns
    -------
    xarray.DataArray
        ``E[expit(mu + tau z)]``, probability scale: up to a tau of 3 by Gauss-Hermite quadrature
        with 41 nodes, error below 1e-10 up to 1.5, 2e-8 up to 2 and 4e-6 up to 3; above by the
        trapezoid rule for ``E[ndtr((mu + l) / tau)]`` with a standard logistic ``l``, error below
        1e-14 however large tau is.
    """
    nodes = xr.DataArray(_NODES, dims="node")
    weights = xr.DataArray(_WEIGHTS, dims="node")
    result = xr.dot(xr.apply_ufunc(expit, mu + tau * nodes), weights, dim="node")
    if not (tau > _WIDE).any():
        return result
    centre, scale, result = xr.broadcast(mu, tau, result)
    values = result.values.copy()
    wide = np.nonzero(scale.values > _WIDE)
    for start in range(0, wide[0].size, _BLOCK):
        part = tuple(axis[start : start + _BLOCK] for axis in wide)
        shifted = (centre.values[part][:, None] + _NOISE) / scale.values[part][:, None]
        values[part] = ndtr(shifted) @ _LOGISTIC
    return result.copy(data=values)


def pooled_estimands(posterior: xr.Dataset, seed: int) -> xr.Dataset:
    """Return the estimands of the pooled model, draw by draw.

    Parameters
    ----------
    posterior
        ``mu``, ``tau`` (dims chain, draw) and ``z`` (dims chain, draw, study).
    seed
        Seed of the new study's effect.

    Returns
    -------
    xarray.Dataset
        ``typical_rate``, ``average_rate``, ``new_study_rate`` (chain, draw) and ``study_rate``
        (chain, draw, study), probability scale.
    """
    mu, tau, z = posterior["mu"], posterior["tau"], posterior["z"]
    new_z = np.random.default_rng(seed).standard_normal(mu.shape)
    return xr.Dataset(
        {
            "typical_rate": xr.apply_ufunc(expit, mu),
            "average_rate": average_rate(mu, tau),
            "new_study_rate": xr.apply_ufunc(expit, mu + tau * new_z),
            "study_rate": xr.apply_ufunc(expit, mu + tau * z),
        }
    )


def group_estimands(posterior: xr.Dataset, seed: int, group_of: xr.DataArray) -> xr.Dataset:
    """Return the estimands of a grouped model, draw by draw.

    Parameters
    ----------
    posterior
        ``tau``, ``z`` (study) and either ``mu`` (group), or ``mu``, ``sigma_group`` and
        ``group_effect`` (group); logit scale.
    seed
        Not used: nothing is drawn here.
    group_of
        Label of the group of every study (dims study).

    Returns
    -------
    xarray.Dataset
        ``typical_rate`` and ``average_rate`` (chain, draw, group), ``study_rate`` (chain, draw,
        study), and the contrasts of ``models.estimands.contrasts.contrast_draws``.
    """
    mu = posterior["mu"]
    if "group_effect" in posterior:
        mu = mu + posterior["sigma_group"] * posterior["group_effect"]
    estimands = xr.Dataset(
        {
            "typical_rate": xr.apply_ufunc(expit, mu),
            "average_rate": average_rate(mu, posterior["tau"]),
        }
    )
    if "publication_effect" not in posterior:
        study_logit = mu.sel(group=group_of).drop_vars("group")
        study_logit = study_logit + posterior["tau"] * posterior["z"]
        estimands["study_rate"] = xr.apply_ufunc(expit, study_logit)
    return estimands.merge(contrast_draws(estimands))


def summarise(draws: xr.DataArray) -> dict[str, float]:
    """Return median and 95 % equal-tailed interval of a scalar's draws (unrounded)."""
    lower, median, upper = np.quantile(draws.values, [INTERVAL_PROBS[0], 0.5, INTERVAL_PROBS[1]])
    return {"median": float(median), "lower": float(lower), "upper": float(upper)}


def summarise_new_study(mu: xr.DataArray, tau: xr.DataArray) -> dict[str, float]:
    """Return mean, median and interval of the rate of a new study.

    Its predictive distribution on the logit scale is the mixture of ``Normal(mu, tau)`` over the
    draws, so mean and quantiles are taken from the mixture itself. This leaves out the Monte
    Carlo noise that drawing one effect a posterior draw would add, largest in the tails.
    """
    centre, scale = mu.values.ravel(), np.maximum(tau.values.ravel(), 1e-12)

    def quantile(prob: float) -> float:
        spread = 10 * scale.max()
        low, high = centre.min() - spread, centre.max() + spread
        for _ in range(60):
            middle = (low + high) / 2
            below = ndtr((middle - centre) / scale).mean()
            low, high = (middle, high) if below < prob else (low, middle)
        return float(expit((low + high) / 2))

    return {
        "mean": float(average_rate(mu, tau).mean()),
        "median": quantile(0.5),
        "lower": quantile(INTERVAL_PROBS[0]),
        "upper": quantile(INTERVAL_PROBS[1]),
    }


def shrinkage(posterior_mean: float, raw: float, prediction: float) -> float | None:
    """Return how far an estimate moved from its raw rate towards the prediction of the others.

    Parameters
    ----------
    posterior_mean, raw
        Posterior mean and observed proportion of a unit, probability scale.
    prediction
        The unit's predictive mean given the other units only.

    Returns
    -------
    float or None
        ``1 - (posterior_mean - prediction) / (raw - prediction)``: 0 means the raw rate is kept,
        1 that the unit's own data are ignored. None where raw and prediction differ by less than
        0.01, since the ratio then says nothing.
    """
    if abs(raw - prediction) < 0.01:
        return None
    return 1 - (posterior_mean - prediction) / (raw - prediction)


type EstimandFunction = Callable[[xr.Dataset, int], xr.Dataset]


def group_labels(review: pd.DataFrame) -> xr.DataArray:
    """Return the group of every study as a labelled array (dims study)."""
    return xr.DataArray(
        review["group"].astype(str).to_numpy(),
        dims="study",
        coords={"study": review["study"].astype(str).to_numpy()},
    )


def estimands_for(review: pd.DataFrame) -> EstimandFunction:
    """Return the estimand function of a grouped review."""
    return partial(group_estimands, group_of=group_labels(review))
