"""Power-scaling: how far each estimand moves when prior or likelihood is made a little stronger.

Only the priors of the hyperparameters are scaled (the mean and the scales): the effects'
Normal(0, 1) and EXNEX's second component are the model, not a prior one could choose otherwise.
The likelihood is that of the counts given their own rates. The case-mix model sums over tables
that fit the margins; what a stronger likelihood would be is not plain there, and only its priors
are scaled.

References
----------
Kallioinen N, Paananen T, Bürkner PC, Vehtari A. Detecting and diagnosing prior and likelihood
sensitivity with power-scaling. Stat Comput 2024;34:57.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Final

import arviz_stats as azs
import numpy as np
import pandas as pd
import xarray as xr
from scipy.special import xlog1py, xlogy
from scipy.stats import halfnorm, norm

from models.fitting.fit import Fit, Wanted
from models.fitting.registry import EXNEX, POOLED, SUBGROUP, SUBTYPE, SUBTYPE_TREATMENT
from models.priors import Priors

THRESHOLD: Final = 0.05
"""ArviZ's: above it an estimand is called sensitive."""
SCALES: Final = {
    "tau": "tau_scale",
    "tau_child": "tau_scale",
    "sigma_group": "sigma_scale",
    "sigma_treatment": "sigma_scale",
    "sigma_subtype": "tau_scale",
    "sigma_interaction": "interaction_scale",
}
"""Half-normal hyperparameters and the setting that is their scale."""
ESTIMANDS: Final = (
    *("mu", *SCALES),
    *("typical_rate", "average_rate", "new_study_rate", "new_stratum_rate"),
    *("stratum_rate", "family_rate", "equal_mix_rate", "cell_rate"),
    *("standardised_rate", "subtype_rate"),
    *("risk_difference", "log_risk_ratio", "log_odds_ratio", "log_marginal_odds_ratio"),
)
"""Every estimand that the tables report, where a model has it."""


def log_prior(posterior: xr.Dataset, priors: Priors) -> xr.Dataset:
    """Return the log prior density of each hyperparameter, draw by draw."""
    density = {"mu": norm(priors.mu_mean, priors.mu_sd)} | {
        name: halfnorm(scale=getattr(priors, setting)) for name, setting in SCALES.items()
    }
    return xr.Dataset(
        {
            name: xr.apply_ufunc(distribution.logpdf, posterior[name])
            for name, distribution in density.items()
            if name in posterior
        }
    )


def log_likelihood(rate: xr.DataArray, review: pd.DataFrame) -> xr.Dataset:
    """Return the log likelihood of each count given its own rate, without the coefficient.

    Parameters
    ----------
    rate
        Dims chain, draw and one more, which runs along the rows of ``review``.
    review
        ``events`` and ``total``.
    """
    dim = str(next(name for name in rate.dims if name not in ("chain", "draw")))
    x, n = (xr.DataArray(review[c].to_numpy(), dims=dim) for c in ("events", "total"))
    return xr.Dataset({"responders": xr.apply_ufunc(np.add, xlogy(x, rate), xlog1py(n - x, -rate))})


def power_scaling(
    posterior: xr.Dataset, likelihood: xr.Dataset | None, priors: Priors, analysis: str
) -> pd.DataFrame:
    """Return the power-scaling sensitivity of every estimand of a fit.

    Parameters
    ----------
    posterior
        Draws of the hyperparameters and estimands.
    likelihood
        See ``log_likelihood``; None if only the priors are to be scaled.
    priors
        The priors of the fit.
    analysis
        What the fit is called in the table.

    Returns
    -------
    pandas.DataFrame
        ``analysis``, ``estimand``, ``prior`` and ``likelihood`` (sensitivities, ArviZ's
        ``psense``; 0 is none, missing if not scaled).
    """
    prior = log_prior(posterior, priors)
    groups = {"posterior": posterior, "log_prior": prior}
    if likelihood is not None:
        groups["log_likelihood"] = likelihood
    tree = xr.DataTree.from_dict(groups)
    wanted = [name for name in ESTIMANDS if name in posterior]
    names = {"prior": list(prior.data_vars), "likelihood": ["responders"]}
    columns = {}
    for group in ("prior", "likelihood")[: len(groups) - 1]:
        found = azs.psense(tree, var_names=wanted, group=group, group_var_names=names[group])
        columns[group] = pd.Series(dict(_named_values(found)))
    table = pd.DataFrame(columns).reindex(columns=["prior", "likelihood"])
    table = table.rename_axis("estimand").reset_index()
    table.insert(0, "analysis", analysis)
    return table


def _named_values(found: xr.Dataset) -> list[tuple[str, float]]:
    """Return every number of a data set with a label such as ``typical_rate[ICI + TKI]``."""
    rows = []
    for name, values in found.data_vars.items():
        for place in np.ndindex(values.shape):
            here = values[place]
            labels = [str(here.coords[dim].item()) for dim in values.dims]
            rows.append((f"{name}[{', '.join(labels)}]" if labels else str(name), float(here)))
    return rows


def _study_rates(posterior: xr.Dataset, review: pd.DataFrame) -> xr.DataArray:
    return posterior["study_rate"].sel(study=review["study"].astype(str).to_list())


def _stratum_rates(posterior: xr.Dataset, strata: pd.DataFrame) -> xr.DataArray:
    return posterior["stratum_rate"].sel(stratum=strata["stratum"].to_list())


def _cell_rates(posterior: xr.Dataset, cells: pd.DataFrame) -> xr.DataArray:
    rate = posterior["cell_rate"].sel(
        stratum=xr.DataArray(cells["stratum"].to_list(), dims="cell"),
        treatment=xr.DataArray(cells["treatment"].astype(str).to_list(), dims="cell"),
    )
    return rate.drop_vars(["stratum", "treatment"])


RATES: Final[Mapping[str, Callable[[xr.Dataset, pd.DataFrame], xr.DataArray]]] = {
    POOLED.name: _study_rates,
    SUBGROUP.name: _study_rates,
    SUBTYPE.name: _stratum_rates,
    EXNEX.name: _stratum_rates,
    SUBTYPE_TREATMENT.name: _cell_rates,
}
"""Rate behind each count of a model's frame; only the priors of another model are scaled."""


def power_table(fits: Iterable[tuple[Wanted, Fit]]) -> pd.DataFrame:
    """Return the power-scaling sensitivity of the estimands of every fit.

    Parameters
    ----------
    fits
        What was wanted, its name being what it is called in the table, and its fit.
    """
    tables = []
    for wanted, fit in fits:
        likelihood, rates = None, RATES.get(wanted.model.name)
        if rates is not None:
            likelihood = log_likelihood(rates(fit.posterior, wanted.frame), wanted.frame)
        tables.append(power_scaling(fit.posterior, likelihood, wanted.priors, wanted.name))
    return pd.concat(tables, ignore_index=True)
