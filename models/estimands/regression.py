"""What the regression on covariates estimates, draw by draw.

odds ratio of a unit
    ``exp(beta_j)``: two arms that differ by one named unit of a covariate and in nothing else that
    is in the model.
typical rate
    ``expit(mu + group)``: the median arm whose covariates are at their mean over the arms.
average rate
    Mean over the arms' own covariates and over study effects ``z ~ Normal(0, 1)``: the rate that
    the arms of the review would have on average, had all been treated like the group.
share explained
    ``V / (V + tau**2)`` with ``V`` the variance over the arms of ``sum_j X_ij beta_j``: the share
    that the covariates account for of the variance between arms, that between treatments' means
    apart. ``V`` is over all arms: with treatments in the model it still holds what the covariates
    differ between treatments, so it is not the share within a treatment. ``V`` and ``tau`` are of
    the same draw, so this is a quantity of one posterior. It has a prior of its own (see
    `prior_share_explained`) beside which it has to be read: it is never negative.
"""

from collections.abc import Mapping

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.special import expit

from models.estimands.contrasts import contrast_draws
from models.estimands.rates import EstimandFunction, average_rate
from models.priors import RegressionPriors
from models.reviews.covariates import Design, design_matrix

type FloatArray = NDArray[np.float64]


def covariate_part(posterior: xr.Dataset, design: Design) -> xr.DataArray:
    """Return ``sum_j X_ij beta_j`` of every arm, missing values as drawn.

    Returns
    -------
    xarray.DataArray
        Dims chain, draw, study; logit scale, 0 for an arm with average covariates.
    """
    matrix, terms = design_matrix(design.frame)
    coefficient = posterior["coefficient"].sel(term=terms).transpose("chain", "draw", "term").values
    drawn = np.empty((*coefficient.shape[:-1], 0))
    if "missing_value" in posterior:
        drawn = posterior["missing_value"].transpose("chain", "draw", "missing").values
    part = _linear(matrix, coefficient, drawn)
    arms = design.frame["arm"].astype(str).to_numpy()
    return xr.DataArray(part, dims=("chain", "draw", "study"), coords={"study": arms})


def _linear(matrix: FloatArray, coefficient: FloatArray, missing: FloatArray) -> FloatArray:
    """Return ``X beta``, shape (..., arms), with the standardised missing values put in."""
    row, column = np.nonzero(np.isnan(matrix))
    mean, sd = np.nanmean(matrix, axis=0)[column], np.nanstd(matrix, axis=0, ddof=1)[column]
    known: FloatArray = coefficient @ np.nan_to_num(matrix).T
    return known + (coefficient[..., column] * (mean + sd * missing)) @ np.eye(len(matrix))[row]


def group_logit(posterior: xr.Dataset) -> xr.DataArray:
    """Return the logit at average covariates: of every group (dims group), or without groups."""
    if "group_effect" not in posterior:
        return posterior["mu"]
    return posterior["mu"] + posterior["sigma_group"] * posterior["group_effect"]


def arm_rates(posterior: xr.Dataset, design: Design) -> xr.DataArray:
    """Return the rate of every arm, its study effect included (dims chain, draw, study)."""
    logit = covariate_part(posterior, design) + posterior["tau"] * posterior["z"]
    if "group_effect" in posterior:
        group = xr.DataArray(
            design.frame["group"].astype(str).to_numpy(),
            dims="study",
            coords={"study": logit["study"]},
        )
        return xr.apply_ufunc(expit, logit + group_logit(posterior).sel(group=group, drop=True))
    return xr.apply_ufunc(expit, logit + posterior["mu"])


def rates_at(
    posterior: xr.Dataset, design: Design, values: Mapping[str, float | str]
) -> xr.Dataset:
    """Return the rates of arms with given covariates.

    Parameters
    ----------
    posterior
        Draws of the model.
    design
        The design it was fitted to.
    values
        By covariate, in its own units; those not given are at their mean over the arms.

    Returns
    -------
    xarray.Dataset
        ``typical_rate`` (median arm) and ``average_rate`` (mean over study effects), dims chain,
        draw and, with groups, group.

    Raises
    ------
    models.common.errors.InputError
        If a name or a level does not exist.
    """
    terms = [term.label for term in design.terms]
    row = xr.DataArray(design.row(values), dims="term", coords={"term": terms})
    logit = group_logit(posterior) + xr.dot(posterior["coefficient"], row, dim="term")
    return xr.Dataset(
        {
            "typical_rate": xr.apply_ufunc(expit, logit),
            "average_rate": average_rate(logit, posterior["tau"]),
        }
    )


def share_explained(part: xr.DataArray, tau: xr.DataArray) -> xr.DataArray:
    """Return the share of the variance between arms that the covariates account for."""
    variance = part.var(dim="study")
    return variance / (variance + tau**2)


def prior_share_explained(
    design: Design, priors: RegressionPriors, *, draws: int = 20_000, seed: int = 0
) -> FloatArray:
    """Return draws of the share explained from the prior alone.

    Parameters
    ----------
    design
        Gives the arms' covariates; missing ones are drawn.
    priors
        ``coefficient_sd`` and ``tau_scale`` are used.

    Returns
    -------
    numpy.ndarray
        Shape (draws,), in [0, 1].
    """
    rng = np.random.default_rng(seed)
    matrix = design_matrix(design.frame)[0]
    coefficient = rng.normal(0.0, priors.coefficient_sd, (draws, matrix.shape[1]))
    missing = rng.normal(0.0, 1.0, (draws, int(np.isnan(matrix).sum())))
    variance = _linear(matrix, coefficient, missing).var(axis=1)
    tau = rng.normal(0.0, priors.tau_scale, draws)
    return variance / (variance + tau**2)


def regression_estimands(design: Design) -> EstimandFunction:
    """Return the function that forms the estimands from draws.

    Returns
    -------
    callable
        Of posterior and seed (not used); returns ``typical_rate`` and ``average_rate`` (with
        groups: dims group, and the contrasts of `models.estimands.contrasts.contrast_draws`,
        adjusted for the covariates) and ``share_explained``.
    """

    def estimands(posterior: xr.Dataset, seed: int) -> xr.Dataset:
        part, logit = covariate_part(posterior, design), group_logit(posterior)
        found = xr.Dataset(
            {
                "typical_rate": xr.apply_ufunc(expit, logit),
                "average_rate": _standardised(logit, part, posterior["tau"]),
                "share_explained": share_explained(part, posterior["tau"]),
            }
        )
        return found.merge(contrast_draws(found)) if "group" in found.dims else found

    return estimands


def _standardised(logit: xr.DataArray, part: xr.DataArray, tau: xr.DataArray) -> xr.DataArray:
    """Average a rate over the arms' covariates and over study effects.

    One arm at a time: all of them at once need arms x groups x nodes numbers a draw.
    """
    arms = [
        average_rate(logit + part.isel(study=i, drop=True), tau) for i in range(part.sizes["study"])
    ]
    return sum(arms[1:], arms[0]) / len(arms)
