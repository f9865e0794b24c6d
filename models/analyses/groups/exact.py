"""The subgroup model on the grid: single estimands by quadrature, contrasts and ranks by draws."""

from dataclasses import replace

import numpy as np
import pandas as pd

from models.analyses.groups.summary import SubgroupAnalysis, form_analysis
from models.analyses.pools.summary import interval
from models.estimands.contrasts import THRESHOLDS
from models.estimands.rates import shrinkage
from models.fitting.exact import GridFit
from models.grid import SubgroupPosterior, fit_subgroup
from models.priors import Priors


def fit_groups(review: pd.DataFrame, priors: Priors) -> SubgroupPosterior:
    """Return the exact posterior of the subgroup model.

    Parameters
    ----------
    review
        ``study``, ``events``, ``total`` and the categorical ``group``.
    priors
        ``mu_mean``, ``mu_sd``, ``sigma_scale`` and ``tau_scale`` are used.
    """
    return fit_subgroup(
        review["events"].to_numpy(),
        review["total"].to_numpy(),
        review["group"].astype(str).tolist(),
        study=list(review["study"]),
        groups=[str(label) for label in review["group"].cat.categories],
        mu_mean=priors.mu_mean,
        mu_sd=priors.mu_sd,
        sigma_scale=priors.sigma_scale,
        tau_scale=priors.tau_scale,
    )


def analyse_groups_exactly(
    review: pd.DataFrame,
    priors: Priors,
    *,
    outcome: str,
    by: str,
    margin: float,
    higher_is_better: bool,
    draws: int,
    seed: int,
) -> SubgroupAnalysis:
    """Form what `models.analyses.groups.summary.analyse_groups` forms, without a sampler.

    Parameters
    ----------
    review, priors, outcome, by, margin, higher_is_better
        As there.
    draws
        Independent joint draws in each of four chains, for contrasts, ranks, SUCRA and P(best).
    seed
        Their seed.

    Returns
    -------
    SubgroupAnalysis
        Rates, probabilities of thresholds, shrinkage and both scales are those of the quadrature.
    """
    exact = fit_groups(review, priors)
    analysis = form_analysis(
        GridFit.of(exact, priors, draws=draws, seed=seed),
        review,
        outcome=outcome,
        by=by,
        margin=margin,
        higher_is_better=higher_is_better,
    )
    return replace(
        analysis,
        groups=_exact_columns(analysis.groups, exact),
        sigma_group=interval(exact.sigma_group.summary()),
        tau=interval(exact.tau.summary()),
    )


def _exact_columns(groups: pd.DataFrame, exact: SubgroupPosterior) -> pd.DataFrame:
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
    return groups.assign(**columns)
