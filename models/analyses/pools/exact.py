"""The pooled model on the grid, in the form of the sampler's results."""

from typing import TYPE_CHECKING

from models.analyses.pools.summary import PooledPosterior as PooledSummary
from models.grid import PooledPosterior, fit_pooled
from models.grid.marginals import Summary
from models.priors import Priors

if TYPE_CHECKING:
    import pandas as pd


def fit_review(review: "pd.DataFrame", priors: Priors) -> PooledPosterior:
    """Return the exact posterior of the pooled model for a review.

    Parameters
    ----------
    review
        ``study``, ``events``, ``total``.
    priors
        ``mu_mean``, ``mu_sd`` and ``tau_scale`` are used.
    """
    return fit_pooled(
        review["events"].to_numpy(),
        review["total"].to_numpy(),
        study=list(review["study"]),
        mu_mean=priors.mu_mean,
        mu_sd=priors.mu_sd,
        tau_scale=priors.tau_scale,
    )


def interval(summary: Summary) -> dict[str, float]:
    """Return median and 95 % equal-tailed interval of one parameter as plain numbers."""
    return {name: float(getattr(summary, name)) for name in ("median", "lower", "upper")}


def moments(summary: Summary) -> dict[str, float]:
    """Return mean, standard deviation, median and interval of one parameter."""
    return {"mean": float(summary.mean), "sd": float(summary.sd), **interval(summary)}


def summarise_exact(exact: PooledPosterior, review: "pd.DataFrame") -> PooledSummary:
    """Summarise a grid posterior as `models.analyses.pools.summary.summarise_pooled` does draws.

    Parameters
    ----------
    exact
        The posterior of ``review``.
    review
        The review that was fitted; gives the counts of the studies table, in its order.
    """
    new_study = exact.new_study.rate_summary()
    rates = exact.studies.rate_summary()
    counts = review[["study", "events", "total"]].reset_index(drop=True)
    return PooledSummary(
        mu={"mean": float(exact.mu.mean), "sd": float(exact.mu.sd)},
        tau=moments(exact.tau.summary()),
        typical=interval(exact.mu.rate_summary()),
        average=interval(exact.average_rate.summary()),
        new_study={"mean": float(new_study.mean), **interval(new_study)},
        studies=counts.assign(median=rates.median, lower=rates.lower, upper=rates.upper),
    )
