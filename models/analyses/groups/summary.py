"""Analyse one grouping: partially pooled groups, their contrasts, ranks and shrinkage."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from models.analyses.pools.summary import interval
from models.estimands.contrasts import (
    THRESHOLDS,
    contrast_table,
    rank_probabilities,
    rank_table,
    threshold_table,
)
from models.estimands.rates import shrinkage, summarise
from models.fitting.exact import exact_posterior
from models.fitting.fit import Fit, Fitter, Wanted
from models.fitting.registry import POOLED, SUBGROUP
from models.frequentist.freeman_tukey import FreemanTukeyPool, between_groups, freeman_tukey_pool
from models.grid import SubgroupPosterior
from models.priors import DEFAULT_PRIORS, Priors


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
        The fit of the subgroup model; None where only tables are at hand.
    gate
        Its verdict, in one line.
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
    fit: Fit | None
    gate: str
    groups: pd.DataFrame
    contrasts: pd.DataFrame
    ranks: pd.DataFrame
    sigma_group: dict[str, float]
    tau: dict[str, float]
    higher_is_better: bool
    ft_between_p: float | None
    log_bayes_factor: float

    @property
    def posterior(self) -> xr.Dataset:
        """The draws of the fit, dims ``chain``, ``draw`` first."""
        assert self.fit is not None, "only the tables of this analysis are at hand"
        return self.fit.posterior

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
            "diagnostics": self.fit.gate.as_dict() if self.fit else None,
        }


def _number(value: Any) -> Any:
    """Return a value for JSON; what does not exist is None."""
    return None if value is None or (isinstance(value, float) and np.isnan(value)) else value


def analyse_groups(
    review: pd.DataFrame,
    fit: Fitter,
    priors: Priors = DEFAULT_PRIORS,
    *,
    outcome: str,
    by: str,
    margin: float,
    higher_is_better: bool,
    description: str = "",
) -> SubgroupAnalysis:
    """Fit the subgroup model to a grouped review and form everything that is reported.

    Parameters
    ----------
    review
        Columns ``study``, ``events``, ``total`` and the categorical ``group``.
    fit, priors
        Provides the fit; prior settings.
    outcome, by
        Names for the output.
    margin
        Margin on the risk difference.
    higher_is_better
        Which end of the ranks is best.
    description
        Of the fit, for the table of diagnostics.
    """
    name = f"groups_{outcome}_{by}"
    return form_analysis(
        fit(Wanted(SUBGROUP, review, priors, name, description)),
        review,
        outcome=outcome,
        by=by,
        margin=margin,
        higher_is_better=higher_is_better,
    )


def form_analysis(
    fit: Fit,
    review: pd.DataFrame,
    *,
    outcome: str,
    by: str,
    margin: float,
    higher_is_better: bool,
) -> SubgroupAnalysis:
    """Form everything that is reported from a fit of the subgroup model.

    Contrasts and ranks come from the fit's draws. Of an exact fit, rates, probabilities of
    thresholds and of the order of two typical rates, SUCRA, shrinkage and both scales are those of
    the quadrature.

    Parameters
    ----------
    fit
        A fit of the subgroup model to ``review``: sampled, exact or saved.
    review, outcome, by, margin, higher_is_better
        As in ``analyse_groups``.
    """
    posterior, priors = fit.posterior, fit.priors
    typical, average = posterior["typical_rate"], posterior["average_rate"]
    grid = exact_posterior(SUBGROUP, review, priors)
    pooled = exact_posterior(POOLED, review, priors)
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
    contrasts = contrast_table(posterior, margin)
    if fit.exact is not None:
        above = fit.exact.prob_greater()
        groups = _exact_columns(groups, fit.exact, above, higher_is_better=higher_is_better)
        contrasts = _exact_orders(contrasts, fit.exact.group, above)
    return SubgroupAnalysis(
        name=f"groups_{outcome}_{by}",
        outcome=outcome,
        by=by,
        review=review,
        fit=fit,
        gate=fit.gate.sentence(),
        groups=groups,
        contrasts=contrasts,
        ranks=rank_probabilities(typical, higher_is_better=higher_is_better),
        sigma_group=_scale(fit, "sigma_group"),
        tau=_scale(fit, "tau"),
        higher_is_better=higher_is_better,
        ft_between_p=between_groups(pools).p if len(pools) > 1 else None,
        log_bayes_factor=grid.log_marginal_likelihood - pooled.log_marginal_likelihood,
    )


def _scale(fit: Fit, name: str) -> dict[str, float]:
    if fit.exact is not None:
        return interval(getattr(fit.exact, name).summary())
    return summarise(fit.posterior[name])


def _exact_orders(
    contrasts: pd.DataFrame, group: tuple[str, ...], above: NDArray[np.float64]
) -> pd.DataFrame:
    """Give the contrasts of typical rates the quadrature's probability that a exceeds b."""
    place = {name: i for i, name in enumerate(group)}
    typical = contrasts["estimand"] == "typical"
    pairs = contrasts.loc[typical, ["a", "b"]].itertuples(index=False)
    exact = [float(above[place[a], place[b]]) for a, b in pairs]
    found = contrasts.copy()
    found.loc[typical, "p_superior"] = exact
    return found


def _exact_columns(
    groups: pd.DataFrame,
    exact: SubgroupPosterior,
    above: NDArray[np.float64],
    *,
    higher_is_better: bool,
) -> pd.DataFrame:
    """Replace what was summarised from draws by the quadrature's numbers."""
    typical = exact.groups.rate_summary()
    averages = [rate.summary() for rate in exact.average_rates]
    mean = np.array([float(summary.mean) for summary in averages])
    columns: dict[str, object] = {
        f"typical_{part}": getattr(typical, part) for part in ("median", "lower", "upper")
    }
    for part in ("median", "lower", "upper"):
        columns[f"average_{part}"] = [float(getattr(summary, part)) for summary in averages]
    columns["average_mean"] = mean
    rows = zip(mean, groups["crude"], groups["others_mean"], strict=True)
    columns["shrinkage"] = [shrinkage(*map(float, row)) for row in rows]
    for threshold in THRESHOLDS:
        columns[f"p_above_{100 * threshold:.0f}"] = exact.groups.prob_rate_above(threshold)
    if len(groups) > 1:
        # SUCRA is the mean probability of being better than another group; the diagonal is a half
        better = above if higher_is_better else above.T
        columns["sucra"] = (better.sum(axis=1) - 0.5) / (len(groups) - 1)
    return groups.assign(**columns)
