"""What the three subtype models estimate, draw by draw; all of it is judged by the gate.

``stratum_rate``
    Response rate of each stratum. In the subtype by treatment model it belongs to a treatment mix:
    here the stratum's own observed mix, the patient-weighted mean over its cells.
``family_rate``
    The patient-weighted mean of the rates of a family's strata.
``typical_rate``, ``new_stratum_rate``
    ``expit(mu)``, the rate of the median stratum, and the rate of a stratum not in the data.
"""

from functools import partial
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd
import xarray as xr
from scipy.special import expit

from models.reviews.strata import family_codes

FAMILY_RATES: Final = {
    "stratum_rate": "family_rate",
    "equal_mix_rate": "equal_mix_family_rate",
}
"""Rates of strata, and what their patient-weighted mean over a family is called."""

if TYPE_CHECKING:
    from models.estimands.rates import EstimandFunction
    from models.priors import ExnexPriors


def subtype_estimands(strata: pd.DataFrame) -> "EstimandFunction":
    """Return the estimands' function of the subtype model.

    Parameters
    ----------
    strata
        The strata fitted.

    Returns
    -------
    callable
        Of the posterior and a seed; it returns ``stratum_rate`` (stratum), ``family_rate``
        (family), ``typical_rate`` and ``new_stratum_rate``.
    """
    return partial(_subtype_estimands, strata=strata)


def _subtype_estimands(posterior: xr.Dataset, seed: int, strata: pd.DataFrame) -> xr.Dataset:
    codes, families = family_codes(strata)
    deviation = posterior["tau"] * posterior["z"]
    if families:
        of = xr.DataArray(codes.clip(min=0), dims="stratum")
        child = posterior["tau"] * posterior["family_effect"].isel(family=of).drop_vars("family")
        child = child + posterior["tau_child"] * posterior["z"]
        deviation = child.where(xr.DataArray(codes >= 0, dims="stratum"), deviation)
    rate = _dims_first(xr.apply_ufunc(expit, posterior["mu"] + deviation))
    return _with_families(_common(posterior, seed).assign(stratum_rate=rate), strata)


def exnex_estimands(strata: pd.DataFrame, priors: "ExnexPriors") -> "EstimandFunction":
    """Return the estimands' function of EXNEX.

    Parameters
    ----------
    strata
        The strata fitted.
    priors
        The settings fitted.

    Returns
    -------
    callable
        Of the posterior and a seed; it returns ``p_exchangeable`` (stratum; given ``mu`` and
        ``tau``, so that which of the two holds is averaged analytically) and what
        `subtype_estimands` returns. Rates are drawn from their exact conditionals.
    """
    return partial(_exnex_estimands, strata=strata, priors=priors)


def _exnex_estimands(
    posterior: xr.Dataset, seed: int, strata: pd.DataFrame, priors: "ExnexPriors"
) -> xr.Dataset:
    from models.exnex import ex_log_marginal, mixture, nex_log_marginal
    from models.grid.drawing.sampling import draw_units

    x, n = (strata[name].to_numpy("float64") for name in ("events", "total"))
    mu, tau = posterior["mu"].values.ravel(), posterior["tau"].values.ravel()
    nex = nex_log_marginal(strata, priors)
    ex = ex_log_marginal(strata, mu, tau)
    mixed = mixture(ex, nex, priors.p_exchangeable)
    p_exchangeable = np.exp(np.log(priors.p_exchangeable) + ex - mixed)

    rng = np.random.default_rng(seed)
    exchangeable = rng.random(ex.shape) < p_exchangeable
    centre = np.where(exchangeable, mu[:, None], priors.nex_mean)
    spread = np.where(exchangeable, tau[:, None], priors.nex_sd)
    rate = np.empty_like(ex)
    for s in range(len(strata)):
        one = slice(s, s + 1)
        z = draw_units(x[one], n[one], centre[:, one], spread[:, s], rng)
        rate[:, s] = expit(centre[:, s] + spread[:, s] * z[:, 0])

    def labelled(values: np.ndarray) -> xr.DataArray:
        shape = (*posterior["mu"].shape, len(strata))
        coords = {**posterior["mu"].coords, "stratum": strata["stratum"].to_numpy()}
        return xr.DataArray(values.reshape(shape), coords, ("chain", "draw", "stratum"))

    estimands = _common(posterior, seed).assign(
        stratum_rate=labelled(rate), p_exchangeable=labelled(p_exchangeable)
    )
    return _with_families(estimands, strata)


def subtype_treatment_estimands(cells: pd.DataFrame, strata: pd.DataFrame) -> "EstimandFunction":
    """Return the estimands' function of the subtype by treatment model.

    Parameters
    ----------
    cells
        The cells fitted: ``stratum``, ``treatment``, ``events``, ``total``.
    strata
        Their sums by stratum, with ``parent`` if there are families.

    Returns
    -------
    callable
        Of the posterior and a seed; it returns ``cell_rate`` (stratum, treatment),
        ``stratum_rate`` (own treatment mix), ``equal_mix_rate`` (stratum; the mean over the
        treatment groups), ``family_rate`` and ``equal_mix_family_rate``, ``typical_rate`` and
        ``new_stratum_rate`` (the last two at the middle of the treatment groups).
    """
    return partial(_subtype_treatment_estimands, cells=cells, strata=strata)


def _subtype_treatment_estimands(
    posterior: xr.Dataset, seed: int, cells: pd.DataFrame, strata: pd.DataFrame
) -> xr.Dataset:
    from models.reviews.strata import cell_table

    logit = (
        posterior["mu"]
        + posterior["tau"] * posterior["subtype_effect"]
        + posterior["sigma_treatment"] * posterior["treatment_effect"]
        + posterior["sigma_interaction"] * posterior["interaction_effect"]
    )
    rate = _dims_first(xr.apply_ufunc(expit, logit))
    table = cell_table(cells, "total")
    share = xr.DataArray(
        table.div(table.sum(axis=1), axis=0).to_numpy(),
        {"stratum": table.index.to_numpy(), "treatment": table.columns.to_numpy()},
        ("stratum", "treatment"),
    )
    estimands = _common(posterior, seed).assign(
        cell_rate=rate,
        stratum_rate=(rate * share).sum("treatment"),
        equal_mix_rate=rate.mean("treatment"),
    )
    return _with_families(estimands, strata)


def _common(posterior: xr.Dataset, seed: int) -> xr.Dataset:
    mu, tau = posterior["mu"], posterior["tau"]
    new_z = np.random.default_rng([seed, 1]).standard_normal(mu.shape)
    return xr.Dataset(
        {
            "typical_rate": xr.apply_ufunc(expit, mu),
            "new_stratum_rate": xr.apply_ufunc(expit, mu + tau * new_z),
        }
    )


def _with_families(estimands: xr.Dataset, strata: pd.DataFrame) -> xr.Dataset:
    """Add the patient-weighted mean rate of each family."""
    codes, families = family_codes(strata)
    if not families:
        return estimands
    member = codes[:, None] == np.arange(len(families))[None, :]
    patients = member * strata["total"].to_numpy()[:, None]
    weights = xr.DataArray(
        patients / patients.sum(axis=0),
        {"stratum": strata["stratum"].to_numpy(), "family": families},
        ("stratum", "family"),
    )
    for name, family_name in FAMILY_RATES.items():
        if name in estimands:
            rate = xr.dot(estimands[name], weights, dim="stratum")
            estimands = estimands.assign({family_name: rate})
    return estimands


def _dims_first(array: xr.DataArray) -> xr.DataArray:
    return array.transpose("chain", "draw", ...)
