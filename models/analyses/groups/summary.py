"""Analyse one grouping: partially pooled groups, their contrasts, ranks and shrinkage."""

from models.estimands.rates import estimands_for
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from models.estimands.contrasts import (
    contrast_table,
    rank_probabilities,
    rank_table,
    threshold_table,
)
from models.estimands.rates import EstimandFunction, group_estimands, shrinkage, summarise
from models.fitting.fit import FittedModel, Fitter
from models.frequentist.freeman_tukey import FreemanTukeyPool, between_groups, freeman_tukey_pool
from models.grid.fits import fit_pooled, fit_subgroup
from models.priors import Priors


@dataclass(frozen=True)
class SubgroupAnalysis:
    """One grouping, analysed; rates on the probability scale, intervals 95 % equal-tailed.

    Attributes
    ----------
    name, outcome, by
        File stem, outcome code (or ``events``) and grouping.
    review
        The studies with their ``group``.
    fit
        The fit of the subgroup model.
    groups
        One row a group: ``group``, ``k``, ``events``, ``total``, ``crude``, ``typical_*`` and
        ``average_*`` (median, lower, upper), ``average_mean``, ``others_mean`` (predictive mean
        of the average rate given the other groups only), ``shrinkage``, ``p_above_10/20/30``
        (typical rate), ``sucra``, ``p_best``, and the published estimator's ``ft_*``.
    contrasts
        See ``models.estimands.contrasts.contrast_table``.
    ranks
        Probability of each rank, by group.
    sigma_group, tau
        Median and interval, logit scale.
    higher_is_better
        Which end is best in the ranks.
    ft_between_p
        p value of the published between-group test, recomputed; None for a single group.
    log_bayes_factor
        Log marginal likelihood of the grouped model less that of the pooled one on the same
        studies; positive speaks for the grouping.
    """

    name: str
    outcome: str
    by: str
    review: pd.DataFrame
    fit: Any
    groups: pd.DataFrame
    contrasts: pd.DataFrame
    ranks: pd.DataFrame
    sigma_group: dict[str, float]
    tau: dict[str, float]
    higher_is_better: bool
    ft_between_p: float | None
    log_bayes_factor: float

    def contrast(self, a: str, b: str, scale: str, estimand: str = "typical") -> "pd.Series":
        """Return the row of one contrast, ``a`` v. ``b`` in the table's orientation."""
        table = self.contrasts
        rows = table[
            (table["a"] == a)
            & (table["b"] == b)
            & (table["scale"] == scale)
            & (table["estimand"] == estimand)
        ]
        return rows.iloc[0]

    def group(self, name: str) -> "pd.Series":
        """Return the row of one group."""
        return self.groups.set_index("group").loc[name]

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON output: unrounded, null where nothing exists."""
        groups = [
            {
                "group": row["group"],
                "k": int(row["k"]),
                "events": int(row["events"]),
                "total": int(row["total"]),
                **{
                    rate: {part: row[f"{rate}_{part}"] for part in ("median", "lower", "upper")}
                    for rate in ("typical", "average")
                },
                "shrinkage": _number(row["shrinkage"]),
            }
            for row in self.groups.to_dict("records")
        ]
        contrasts = [
            {key: _number(value) for key, value in row.items() if key != "p_within"}
            for row in self.contrasts.to_dict("records")
        ]
        ranks = [
            {"group": row["group"], "sucra": _number(row["sucra"]), "p_best": row["p_best"]}
            for row in self.groups.to_dict("records")
        ]
        return {
            "groups": groups,
            "sigma_group": self.sigma_group,
            "tau": self.tau,
            "contrasts": contrasts,
            "ranks": ranks,
            "best": "highest" if self.higher_is_better else "lowest",
            "diagnostics": self.fit.gate.as_dict(),
        }


def _number(value: Any) -> Any:
    """Return a value for JSON; what does not exist is None."""
    return None if value is None or (isinstance(value, float) and np.isnan(value)) else value


def analyse_groups(
    review: pd.DataFrame,
    sampler: Fitter,
    priors: Priors,
    *,
    outcome: str,
    by: str,
    margin: float,
    higher_is_better: bool,
) -> SubgroupAnalysis:
    """Fit the subgroup model to a grouped review and form everything that is reported.

    Parameters
    ----------
    review
        Columns ``study``, ``events``, ``total`` and the categorical ``group``.
    sampler, priors
        Sampling layer and prior settings.
    outcome, by
        Names for the output.
    margin
        Margin on the risk difference.
    higher_is_better
        Which end of the ranks is best.
    """
    # sampling brings PyMC; a saved fit is analysed without it
    from models.subgroup import build_subgroup_model

    name = f"groups_{outcome}_{by}"
    fit = sampler.fit(build_subgroup_model, review, priors, estimands_for(review), name)
    return form_analysis(
        fit,
        review,
        outcome=outcome,
        by=by,
        margin=margin,
        higher_is_better=higher_is_better,
    )


def form_analysis(
    fit: FittedModel,
    review: pd.DataFrame,
    *,
    outcome: str,
    by: str,
    margin: float,
    higher_is_better: bool,
) -> SubgroupAnalysis:
    """Form everything that is reported from a fit of the subgroup model, new or saved.

    Parameters
    ----------
    fit
        A fit of the subgroup model to ``review``.
    review, outcome, by, margin, higher_is_better
        As in ``analyse_groups``.
    """
    posterior, priors = fit.posterior, fit.priors
    typical, average = posterior["typical_rate"], posterior["average_rate"]
    grid = fit_subgroup(
        review["events"],
        review["total"],
        review["group"].astype(str).tolist(),
        groups=[str(g) for g in review["group"].cat.categories],
        mu_mean=priors.mu_mean,
        mu_sd=priors.mu_sd,
        sigma_scale=priors.sigma_scale,
        tau_scale=priors.tau_scale,
    )
    pooled = fit_pooled(
        review["events"],
        review["total"],
        mu_mean=priors.mu_mean,
        mu_sd=priors.mu_sd,
        tau_scale=priors.tau_scale,
    )
    others = grid.leave_one_group_out().average_mean
    pools: list[FreemanTukeyPool] = []
    rows = []
    for i, name in enumerate(review["group"].cat.categories):
        part = review[review["group"] == name]
        pool = freeman_tukey_pool(part["events"], part["total"])
        pools.append(pool)
        events, total = int(part["events"].sum()), int(part["total"].sum())
        mean = float(average.sel(group=str(name)).mean())
        row: dict[str, Any] = {
            "group": str(name),
            "k": len(part),
            "events": events,
            "total": total,
            "crude": events / total,
        }
        for rate, draws in (("typical", typical), ("average", average)):
            summary = summarise(draws.sel(group=str(name)))
            row |= {f"{rate}_{part}": value for part, value in summary.items()}
        row |= {
            "average_mean": mean,
            "others_mean": float(others[i]),
            "shrinkage": shrinkage(mean, events / total, float(others[i])),
            "ft_estimate": pool.estimate,
            "ft_lower": pool.lower,
            "ft_upper": pool.upper,
            "ft_i2": pool.i2,
        }
        rows.append(row)
    groups = pd.DataFrame(rows).merge(threshold_table(typical).reset_index(), on="group")
    groups = groups.merge(rank_table(typical, higher_is_better=higher_is_better), on="group")
    return SubgroupAnalysis(
        name=f"groups_{outcome}_{by}",
        outcome=outcome,
        by=by,
        review=review,
        fit=fit,
        groups=groups,
        contrasts=contrast_table(posterior, margin),
        ranks=rank_probabilities(typical, higher_is_better=higher_is_better),
        sigma_group=summarise(posterior["sigma_group"]),
        tau=summarise(posterior["tau"]),
        higher_is_better=higher_is_better,
        ft_between_p=between_groups(pools).p if len(pools) > 1 else None,
        log_bayes_factor=grid.log_marginal_likelihood - pooled.log_marginal_likelihood,
    )
