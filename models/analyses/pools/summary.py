"""One review pooled three ways, and the same numbers for tables, JSON and figures."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from models.fitting.fit import Fit
from models.frequentist.freeman_tukey import FreemanTukeyPool
from models.frequentist.glmm import GlmmFit
from models.grid import PooledPosterior as ExactPool
from models.grid.marginals import Summary

if TYPE_CHECKING:
    import xarray as xr


@dataclass(frozen=True)
class PooledPosterior:
    """Summaries of a pooled posterior; every interval is 95 % equal-tailed.

    Attributes
    ----------
    mu
        ``mean``, ``sd``: logit of the typical rate.
    tau
        ``mean``, ``sd``, ``median``, ``lower``, ``upper``: standard deviation between studies,
        logit scale.
    typical, average
        ``median``, ``lower``, ``upper``: rates, probability scale.
    new_study
        ``mean``, ``median``, ``lower``, ``upper``: predictive distribution of the rate in a new
        study.
    studies
        One row a study: ``study``, ``events``, ``total``, ``median``, ``lower``, ``upper`` of its
        rate (shrunken estimate).
    """

    mu: dict[str, float]
    tau: dict[str, float]
    typical: dict[str, float]
    average: dict[str, float]
    new_study: dict[str, float]
    studies: pd.DataFrame

    def as_dict(self) -> dict[str, Any]:
        """Return the ``bayes`` part of the JSON output."""
        return {
            "mu": self.mu,
            "tau": self.tau,
            "typical": self.typical,
            "average": self.average,
            "new_study": self.new_study,
            "studies": [
                {
                    "study": row.study,
                    "events": int(row.events),
                    "total": int(row.total),
                    "median": float(row.median),
                    "lower": float(row.lower),
                    "upper": float(row.upper),
                }
                for row in self.studies.itertuples()
            ],
        }


def summarise_pooled(posterior: "xr.Dataset", review: pd.DataFrame) -> PooledPosterior:
    """Summarise draws of the pooled model.

    Parameters
    ----------
    posterior
        ``mu``, ``tau`` and the estimands of ``models.estimands.rates.pooled_estimands``.
    review
        The review that was fitted; gives the counts of the studies table, in its order.
    """
    # Only here: an exact posterior needs no xarray, whose import takes longer than its fit.
    from models.estimands import rates as estimands

    mu, tau = posterior["mu"], posterior["tau"]
    rates = [
        estimands.summarise(posterior["study_rate"].sel(study=str(study)))
        for study in review["study"]
    ]
    studies = pd.concat(
        [
            review[["study", "events", "total"]].reset_index(drop=True),
            pd.DataFrame(rates, columns=["median", "lower", "upper"]),
        ],
        axis=1,
    )
    return PooledPosterior(
        mu={"mean": float(mu.mean()), "sd": float(mu.std(ddof=1))},
        tau={"mean": float(tau.mean()), "sd": float(tau.std(ddof=1)), **estimands.summarise(tau)},
        typical=estimands.summarise(posterior["typical_rate"]),
        average=estimands.summarise(posterior["average_rate"]),
        new_study=estimands.summarise_new_study(mu, tau),
        studies=studies,
    )


def interval(summary: Summary) -> dict[str, float]:
    """Return median and 95 % equal-tailed interval of one parameter as plain numbers."""
    return {name: float(getattr(summary, name)) for name in ("median", "lower", "upper")}


def moments(summary: Summary) -> dict[str, float]:
    """Return mean, standard deviation, median and interval of one parameter."""
    return {"mean": float(summary.mean), "sd": float(summary.sd), **interval(summary)}


def summarise_exact(exact: ExactPool, review: pd.DataFrame) -> PooledPosterior:
    """Summarise a grid posterior as `summarise_pooled` does draws.

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
    return PooledPosterior(
        mu={"mean": float(exact.mu.mean), "sd": float(exact.mu.sd)},
        tau=moments(exact.tau.summary()),
        typical=interval(exact.mu.rate_summary()),
        average=interval(exact.average_rate.summary()),
        new_study={"mean": float(new_study.mean), **interval(new_study)},
        studies=counts.assign(median=rates.median, lower=rates.lower, upper=rates.upper),
    )


def summarise(fit: Fit, review: pd.DataFrame) -> PooledPosterior:
    """Summarise a fit of the pooled model: by quadrature if it is exact, else from its draws."""
    if fit.exact is not None:
        return summarise_exact(fit.exact, review)
    return summarise_pooled(fit.posterior, review)


def freeman_tukey_dict(pool: FreemanTukeyPool) -> dict[str, float | None]:
    """Return the ``freeman_tukey`` part of the JSON output (tau2 on the full FT scale)."""
    return {
        "estimate": pool.estimate,
        "ci_lower": pool.lower,
        "ci_upper": pool.upper,
        "tau2": pool.tau2,
        "q": pool.q,
        "q_p": pool.q_p,
        "i2": pool.i2,
    }


def glmm_dict(fit: GlmmFit) -> dict[str, float | None]:
    """Return the ``glmm`` part of the JSON output (mu, its SE and tau2 on the logit scale)."""
    return {
        "mu": fit.mu,
        "mu_se": fit.mu_se,
        "tau2": fit.tau2,
        "estimate": fit.estimate,
        "ci_lower": fit.lower,
        "ci_upper": fit.upper,
    }
