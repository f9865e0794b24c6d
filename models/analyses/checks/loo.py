"""Leave-one-study-out: predictive densities with the study effect integrated out.

With one effect a study, the likelihood given that effect barely predicts: leaving a study out
changes its own effect beyond what importance sampling can bridge. So the effect is integrated out
first::

    p(x_i | mu, tau) = integral of Binomial(x_i | n_i, expit(mu + tau z)) Normal(z; 0, 1) dz

and the importance sampling of PSIS-LOO (Vehtari, Gelman and Gabry 2017, Stat Comput 27:1413) works
on these. The grid engine gives the same predictive densities exactly, which is the check of it.

``leave_one_study_out`` is not an approximation at all: the pool is computed anew without each
study.
"""

from collections.abc import Mapping
from typing import Any, Final

import arviz_stats as azs
import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray
from scipy.special import gammaln

from models.analyses.pools.summary import interval
from models.fitting.exact import exact_posterior, fit_review
from models.fitting.registry import POOLED
from models.grid import PooledPosterior, SubgroupPosterior
from models.numerics.binomial_normal import log_marginal
from models.priors import DEFAULT_PRIORS, Priors

type FloatArray = NDArray[np.float64]

OBSERVED: Final = "responders"
PSIS_ERROR_MAX: Final = 0.1
"""Largest difference of a study's PSIS from its exact log density: a tenth of the 1 that would
count as a visible difference between models for one study."""


def log_coefficient(events: Any, total: Any) -> FloatArray:
    """Return the log of the binomial coefficient."""
    x, n = (np.asarray(values, dtype=np.float64) for values in (events, total))
    return np.asarray(gammaln(n + 1) - gammaln(x + 1) - gammaln(n - x + 1))


def integrated_log_likelihood(posterior: xr.Dataset, review: pd.DataFrame) -> xr.DataArray:
    """Return the log likelihood of each study's count with its effect integrated out.

    Parameters
    ----------
    posterior
        ``mu`` and ``tau`` and, for a grouped model, ``sigma_group`` and ``group_effect``; dims
        ``chain``, ``draw`` first.
    review
        ``study``, ``events``, ``total`` and, for a grouped model, ``group``.

    Returns
    -------
    xarray.DataArray
        Dims chain, draw, study; natural log, binomial coefficient included.
    """
    mean, tau = posterior["mu"], posterior["tau"]
    studies = review["study"].astype(str).to_numpy()
    if "group_effect" in posterior:
        mean = mean + posterior["sigma_group"] * posterior["group_effect"]
        label = xr.DataArray(review["group"].astype(str).to_numpy(), dims="study")
        mean = mean.sel(group=label).drop_vars("group")
    else:
        mean = mean.expand_dims(study=len(studies)).transpose(..., "study")
    columns = [
        log_marginal(x, n, mean.isel(study=i).values, tau.values)
        for i, (x, n) in enumerate(zip(review["events"], review["total"], strict=True))
    ]
    values = np.stack(columns, axis=-1) + log_coefficient(review["events"], review["total"])
    return xr.DataArray(values, dims=("chain", "draw", "study"), coords={"study": studies})


def with_log_likelihood(posterior: xr.Dataset, log_likelihood: xr.DataArray) -> xr.DataTree:
    """Return what ``arviz_stats.loo`` and ``compare`` read."""
    return xr.DataTree.from_dict(
        {"posterior": posterior, "log_likelihood": xr.Dataset({OBSERVED: log_likelihood})}
    )


def psis(tree: xr.DataTree) -> Any:
    """Return ArviZ's pointwise PSIS-LOO; draws of the grid are independent, hence ``reff`` 1."""
    return azs.loo(tree, pointwise=True, var_name=OBSERVED)


def loo_table(
    review: pd.DataFrame, tree: xr.DataTree, exact: PooledPosterior | SubgroupPosterior
) -> pd.DataFrame:
    """Set PSIS-LOO beside exact leave-one-out, study by study.

    Returns
    -------
    pandas.DataFrame
        ``study``, ``events``, ``total``, ``elpd_psis``, ``elpd_exact`` (log predictive density of
        the study's count given the others), ``difference`` and ``pareto_k``.
    """
    found = psis(tree)
    exact_density = exact.leave_one_out().log_density
    table = review[["study", "events", "total"]].reset_index(drop=True)
    table["elpd_psis"] = found.elpd_i.values
    table["elpd_exact"] = exact_density
    table["difference"] = table["elpd_psis"] - table["elpd_exact"]
    table["pareto_k"] = found.pareto_k.values
    return table


def leave_one_study_out(
    reviews: Mapping[str, pd.DataFrame], priors: Priors = DEFAULT_PRIORS
) -> pd.DataFrame:
    """Compute the pool anew without each study, exactly.

    Parameters
    ----------
    reviews
        By outcome code; ``study``, ``events``, ``total``.
    priors
        ``mu_mean``, ``mu_sd`` and ``tau_scale`` are used.

    Returns
    -------
    pandas.DataFrame
        One row an outcome and study left out: ``outcome``, ``study``, ``events``, ``total``,
        ``typical_*`` and ``average_*`` (median, lower, upper), ``tau_median``, the shifts of the
        medians against the pool of all studies (proportions; tau on the logit scale), and
        ``quadrature_error`` (logit scale).
    """
    rows: list[dict[str, object]] = []
    for outcome, review in reviews.items():
        everyone = pool_numbers(exact_posterior(POOLED, review, priors))
        for position, study in enumerate(review["study"]):
            kept = review.drop(index=review.index[position])
            found = pool_numbers(fit_review(kept, priors))
            left = review.iloc[position]
            rows.append(
                {
                    "outcome": outcome,
                    "study": study,
                    "events": int(left["events"]),
                    "total": int(left["total"]),
                    **found,
                    **{
                        f"{name}_shift": found[f"{name}_median"] - everyone[f"{name}_median"]
                        for name in ("typical", "average", "tau")
                    },
                }
            )
    return pd.DataFrame(rows)


def pool_numbers(exact: PooledPosterior) -> dict[str, float]:
    """Return ``typical_*``, ``average_*``, ``tau_*`` (median, lower, upper), quadrature error."""
    summaries = {
        "typical": exact.mu.rate_summary(),
        "average": exact.average_rate.summary(),
        "tau": exact.tau.summary(),
    }
    row = {
        f"{name}_{part}": value
        for name, summary in summaries.items()
        for part, value in interval(summary).items()
    }
    return row | {"quadrature_error": exact.quadrature_error}


def loo_pit(
    review: pd.DataFrame, posterior: xr.Dataset, tree: xr.DataTree, seed: int
) -> pd.DataFrame:
    """Return the LOO-PIT of every count, lower, mid and randomised, without simulation.

    For a count, ``P(X < x)`` and ``P(X <= x)`` differ; under a true model a value drawn uniformly
    between them is uniform. Both are sums of integrated likelihoods, weighted by the smoothed
    importance weights of leaving the study out.

    Returns
    -------
    pandas.DataFrame
        ``study``, ``below`` = P(X < x | others), ``mid`` = P(X < x) + P(X = x) / 2, and
        ``randomised``.
    """
    values = tree["log_likelihood"][OBSERVED]
    log_weights, _ = values.azstats.psislw(dim=["chain", "draw"])
    weights = np.exp(log_weights)
    rng = np.random.default_rng(seed)
    rows = []
    for i, row in enumerate(review.reset_index(drop=True).itertuples()):
        one = pd.DataFrame(
            {
                "study": [str(c) for c in range(int(row.events) + 1)],
                "events": range(int(row.events) + 1),
                "total": int(row.total),
            }
        )
        if "group" in review:
            one["group"] = str(row.group)
        weight = weights.isel(study=i)
        masses = np.exp(integrated_log_likelihood(posterior, one))
        mass = (masses * weight).sum(("chain", "draw")).values / float(weight.sum())
        below, at = float(mass[:-1].sum()), float(mass[-1])
        rows.append(
            {
                "study": row.study,
                "below": below,
                "mid": below + at / 2,
                "randomised": below + at * rng.random(),
            }
        )
    return pd.DataFrame(rows)
