"""What the case-mix model estimates, draw by draw.

conditional odds ratio
    ``exp(treatment_a - treatment_b)``: two patients of the same subtype and the same study effect.
standardised rate
    Rate of a treatment in a typical study (``z = 0``), averaged over a patient mix:
    ``sum_s w_s expit(mu + subtype_s + treatment_g)``. Risk differences and risk ratios compare
    these.
marginal odds ratio
    Odds ratio of two standardised rates. It lies nearer to 1 than the conditional one although
    nothing confounds: odds ratios cannot be averaged (non-collapsibility; Greenland, Robins and
    Pearl 1999, Stat Sci 14:29).
adjusted subtype rate
    Rate of a subtype in a typical study, averaged over the review's treatments.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd
import xarray as xr
from scipy.special import expit

from models.estimands.contrasts import group_pairs, pair_label
from models.estimands.rates import EstimandFunction
from models.reviews.case_mix import CaseMixReview


def patient_mix(review: CaseMixReview) -> pd.Series:
    """Return the share of every subtype among the review's patients."""
    shares = review.cells.groupby("subtype", observed=False)["total"].sum() / review.total.sum()
    return pd.Series(shares.to_numpy(), index=review.subtypes)


def treatment_mix(review: CaseMixReview) -> pd.Series:
    """Return the share of every treatment among the review's patients."""
    shares = review.cells.groupby("treatment", observed=False)["total"].sum() / review.total.sum()
    return pd.Series(shares.to_numpy(), index=review.treatments)


def effects(posterior: xr.Dataset) -> tuple[xr.DataArray, xr.DataArray]:
    """Return ``mu + subtype_s`` (subtype) and ``treatment_g`` (treatment), logit scale.

    Without subtypes the first is ``mu`` alone, without that dimension.
    """
    subtype = posterior["mu"]
    if "subtype_effect" in posterior:
        subtype = subtype + posterior["sigma_subtype"] * posterior["subtype_effect"]
    return subtype, posterior["sigma_treatment"] * posterior["treatment_effect"]


def standardised_rates(posterior: xr.Dataset, mix: pd.Series) -> xr.DataArray:
    """Return the rate of every treatment in a typical study over a patient mix.

    Parameters
    ----------
    posterior
        Draws of the model.
    mix
        Shares by subtype.
    """
    subtype, treatment = effects(posterior)
    rates = xr.apply_ufunc(expit, subtype + treatment)
    return _average(rates, mix, "subtype")


def _average(rates: xr.DataArray, shares: pd.Series, dim: str) -> xr.DataArray:
    """Average over a labelled dimension, if it is there."""
    if dim not in rates.dims:
        return rates
    weights = xr.DataArray(shares.to_numpy("float64"), dims=dim, coords={dim: list(shares.index)})
    return xr.dot(rates, weights, dim=dim)


def case_mix_estimands(
    mix: Mapping[str, float] | pd.Series, treatments: Mapping[str, float] | pd.Series
) -> EstimandFunction:
    """Return the function that forms the estimands from draws.

    Parameters
    ----------
    mix
        Share of every subtype, for the standardised rates.
    treatments
        Share of every treatment, for the subtypes' rates.

    Returns
    -------
    callable
        Of posterior and seed (not used); returns ``standardised_rate`` (treatment),
        ``subtype_rate`` (subtype), and by ``contrast`` ``log_odds_ratio`` (conditional),
        ``log_marginal_odds_ratio``, ``log_risk_ratio`` and ``risk_difference``.
    """
    subtype_shares, treatment_shares = pd.Series(mix), pd.Series(treatments)

    def estimands(posterior: xr.Dataset, seed: int) -> xr.Dataset:
        rates = standardised_rates(posterior, subtype_shares)
        subtype, treatment = effects(posterior)
        found = xr.Dataset({"standardised_rate": rates})
        if "subtype" in subtype.dims:
            by_treatment = xr.apply_ufunc(expit, subtype + treatment)
            found["subtype_rate"] = _average(by_treatment, treatment_shares, "treatment")
        return found.merge(contrasts(rates, treatment))

    return estimands


def contrasts(rates: xr.DataArray, treatment: xr.DataArray) -> xr.Dataset:
    """Return the contrasts of every pair of treatments.

    Parameters
    ----------
    rates
        Standardised rates (chain, draw, treatment).
    treatment
        Treatment effects, logit scale, same dims.

    Returns
    -------
    xarray.Dataset
        As `case_mix_estimands` says; empty with one treatment.
    """
    pairs = group_pairs([str(label) for label in rates["treatment"].values])
    if not pairs:
        return xr.Dataset()

    def take(values: xr.DataArray, place: int) -> xr.DataArray:
        labels = xr.DataArray([pair[place] for pair in pairs], dims="contrast")
        return values.sel(treatment=labels).drop_vars("treatment")

    a, b = take(rates, 0), take(rates, 1)
    log_ratio = np.log(a) - np.log(b)
    found = xr.Dataset(
        {
            "log_odds_ratio": take(treatment, 0) - take(treatment, 1),
            "log_marginal_odds_ratio": log_ratio - np.log1p(-a) + np.log1p(-b),
            "log_risk_ratio": log_ratio,
            "risk_difference": a - b,
        }
    )
    return found.assign_coords(contrast=[pair_label(*pair) for pair in pairs])


def prediction_logits(posterior: xr.Dataset, subtype: str, treatment: str) -> xr.DataArray:
    """Return the logit of a patient group's rate in a typical study, draw by draw."""
    by_subtype, by_treatment = effects(posterior)
    if "subtype" in by_subtype.dims:
        by_subtype = by_subtype.sel(subtype=subtype, drop=True)
    return by_subtype + by_treatment.sel(treatment=treatment, drop=True)
