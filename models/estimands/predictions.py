"""What all other strata predict for a stratum, under each of the three subtype models.

Shrinkage is measured from here: the predictive mean of a stratum's rate given the others only. For
a family it is the prediction for its strata, weighted by their patients, given all strata outside
the family.

Given what the strata share (``mu``, ``tau``, …) they are independent. With ``m_s`` the probability
of a stratum's counts given the shared parameters and ``r_s`` its expected rate given them,

    E[rate_s | others] = E[r_s / m_s] / E[1 / m_s]

over the posterior of the shared parameters. For exchangeable strata the expectation is taken on the
grid (`models.grid`), which is exact; for the other two over the draws.
"""

import math
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd
import xarray as xr
from arviz_stats.base import array_stats
from numpy.typing import NDArray

from models.estimands.rates import average_rate
from models.exnex import ex_log_marginal, mixture, nex_log_marginal
from models.numerics.binomial_normal import log_marginal
from models.priors import ExnexPriors
from models.reviews.strata import cell_table, family_codes

if TYPE_CHECKING:
    from models.grid import TreePosterior

type FloatArray = NDArray[np.float64]

PARETO_LIMIT: Final = 0.7
"""Pareto k above which an importance-weighted mean is not reported (Vehtari et al. 2024)."""
_THINNED: Final = 2000
_INNER_NODES: Final = 13
_STEPS: Final = np.linspace(-5.5, 5.5, 89)


def predict_exchangeable(posterior: "TreePosterior") -> dict[str, float]:
    """Return predictions under the subtype model, exactly.

    Parameters
    ----------
    posterior
        The exact posterior of the strata.

    Returns
    -------
    dict
        Predictive mean of the rate by label of the stratum or family, probability scale.
    """
    rates = map(float, posterior.leave_one_out().rate_mean)
    found = dict(zip(posterior.unit, rates, strict=True))
    if posterior.family:
        # every member of a family has the same prediction
        means = posterior.leave_one_family_out().average_mean
        found |= dict(zip(posterior.family, map(float, means), strict=True))
    return found


def predict_exnex(
    posterior: xr.Dataset, strata: pd.DataFrame, priors: ExnexPriors
) -> dict[str, float]:
    """Return predictions under EXNEX, from the draws of ``mu`` and ``tau``.

    The weights are bounded, since ``m_s`` is at least ``1 - w`` times its part that does not
    depend on the draws.

    Parameters
    ----------
    posterior
        Draws of ``mu`` and ``tau``.
    strata, priors
        The strata and settings fitted.

    Returns
    -------
    dict
        As `predict_exchangeable`.
    """
    mu, tau = posterior["mu"].values.ravel(), posterior["tau"].values.ravel()
    ex = ex_log_marginal(strata, mu, tau)
    log_m = mixture(ex, nex_log_marginal(strata, priors), priors.p_exchangeable)
    w = priors.p_exchangeable
    shared = average_rate(posterior["mu"], posterior["tau"]).values.ravel()
    alone = float(average_rate(xr.DataArray(priors.nex_mean), xr.DataArray(priors.nex_sd)))
    expected = np.repeat((w * shared + (1 - w) * alone)[:, None], len(strata), axis=1)
    return _weighted(expected, log_m, strata, bounded=True)


def predict_subtype_treatment(
    posterior: xr.Dataset, cells: pd.DataFrame, strata: pd.DataFrame
) -> dict[str, float]:
    """Return predictions under the subtype by treatment model, at each stratum's own mix.

    The probability of a stratum's counts is integrated over the interactions by Gauss-Hermite and
    over the subtype's effect by the trapezoid rule, for an evenly thinned set of draws.

    Parameters
    ----------
    posterior
        Draws of ``mu``, ``tau``, ``sigma_treatment``, ``sigma_interaction``, ``treatment_effect``.
    cells, strata
        The cells fitted and their sums by stratum.

    Returns
    -------
    dict
        As `predict_exchangeable`; NaN where the weights' Pareto k exceeds ``PARETO_LIMIT``.
    """
    from scipy.special import logsumexp

    stacked = posterior.stack(sample=("chain", "draw"))
    keep = np.linspace(0, stacked.sizes["sample"] - 1, _THINNED).astype(int)
    draws = stacked.isel(sample=np.unique(keep))
    mu, tau = draws["mu"].values, draws["tau"].values
    interaction = draws["sigma_interaction"].values
    treatment = (draws["sigma_treatment"] * draws["treatment_effect"]).transpose(
        "sample", "treatment"
    )
    x, n = cell_table(cells, "events").to_numpy(), cell_table(cells, "total").to_numpy()
    centre = mu[:, None] + treatment.values
    spread = np.hypot(tau, interaction)[:, None]
    typical = average_rate(
        xr.DataArray(centre), xr.DataArray(np.broadcast_to(spread, centre.shape))
    )
    expected = typical.values @ (n / n.sum(axis=1, keepdims=True)).T

    log_density = -0.5 * _STEPS**2 + math.log((_STEPS[1] - _STEPS[0]) / math.sqrt(2 * math.pi))
    log_m = np.empty((mu.size, len(strata)))
    for s in range(len(strata)):
        log_terms = np.broadcast_to(log_density, (mu.size, _STEPS.size)).copy()
        for g in np.flatnonzero(n[s]):
            mean = centre[:, g, None] + tau[:, None] * _STEPS
            log_terms += log_marginal(
                float(x[s, g]), float(n[s, g]), mean, interaction[:, None], nodes=_INNER_NODES
            )
        log_m[:, s] = logsumexp(log_terms, axis=1)
    return _weighted(expected, log_m, strata, bounded=False)


def _weighted(
    expected: FloatArray, log_m: FloatArray, strata: pd.DataFrame, *, bounded: bool
) -> dict[str, float]:
    """Return the weighted means for strata and families; NaN where the weights are unreliable.

    Parameters
    ----------
    expected, log_m
        ``r_s`` and ``log m_s`` by draw, shape (draws, k).
    strata
        The strata.
    bounded
        Whether the weights are bounded, so that their tail needs no smoothing.
    """
    codes, families = family_codes(strata)
    patients = strata["total"].to_numpy()
    found = {
        str(label): _importance_mean(expected[:, s], log_m[:, s], bounded=bounded)
        for s, label in enumerate(strata["stratum"])
    }
    for f, label in enumerate(families):
        members = codes == f
        rate = np.average(expected[:, members], axis=1, weights=patients[members])
        found[label] = _importance_mean(rate, log_m[:, members].sum(axis=1), bounded=bounded)
    return found


def _importance_mean(values: FloatArray, log_m: FloatArray, *, bounded: bool) -> float:
    """Return the mean of values with weights ``1 / m``, a heavy tail Pareto-smoothed."""
    log_weights = -log_m
    # smoothing cannot be fitted to weights that are all the same, and they need none
    if not bounded and np.ptp(log_m) > 1e-9:
        # it takes log likelihoods, as for leave-one-out, and weights by their inverse
        log_weights, k = array_stats.psislw(log_m)
        if not float(k) <= PARETO_LIMIT:
            return math.nan
    return float(np.average(values, weights=np.exp(log_weights - log_weights.max())))
