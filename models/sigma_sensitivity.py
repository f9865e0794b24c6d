"""How much a contrast depends on the prior of sigma_group.

With two groups the data hold one difference, which can tell little about the spread of a
population of groups; with five it is hardly better. The prior of ``sigma_group`` then decides how
far the groups are pulled together. The table repeats a contrast under several priors, and with
unpooled group means (the limit of no pulling).
"""

from typing import Final

import numpy as np
import pandas as pd

from models.constants import INTERVAL_PROBS
from models.grid.fits import fit_subgroup
from models.independent_groups import build_independent_groups_model
from models.priors import Priors
from models.sampling import Fit, Sampler
from models.subgroup_job import SubgroupAnalysis, estimands_for

SIGMA_SCALES: Final = (0.25, 0.5, 1.0, 2.0)
DRAWS: Final = 20000


def _row(
    prior: str, rate_a: np.ndarray, rate_b: np.ndarray, sigma: "np.ndarray | None"
) -> dict[str, object]:
    row: dict[str, object] = {"prior": prior, "p_superior": float((rate_a > rate_b).mean())}
    log_odds = np.log(rate_a / (1 - rate_a)) - np.log(rate_b / (1 - rate_b))
    quantities = {
        "risk_difference": rate_a - rate_b,
        "odds_ratio": np.exp(log_odds),
        "rate_a": rate_a,
        "rate_b": rate_b,
    }
    if sigma is not None:
        quantities["sigma"] = sigma
    for name, values in quantities.items():
        lower, median, upper = np.quantile(values, [INTERVAL_PROBS[0], 0.5, INTERVAL_PROBS[1]])
        row |= {
            f"{name}_median": float(median),
            f"{name}_lower": float(lower),
            f"{name}_upper": float(upper),
        }
    return row


def sigma_sensitivity(
    analysis: SubgroupAnalysis, a: str, b: str, sampler: Sampler, priors: Priors
) -> tuple[pd.DataFrame, Fit]:
    """Repeat one contrast of typical rates under other priors of sigma_group.

    Parameters
    ----------
    analysis
        The grouping; its studies are used.
    a, b
        The contrast, ``a`` v. ``b``.
    sampler, priors
        For the fit with unpooled means, and the priors of mu and tau.

    Returns
    -------
    table : pandas.DataFrame
        One row a prior: ``analysis``, ``a``, ``b``, ``prior``, ``p_superior``,
        ``risk_difference_*``, ``odds_ratio_*``, ``rate_a_*``, ``rate_b_*`` (median, lower,
        upper; typical rates) and ``sigma_*`` (logit scale; missing for unpooled means). The
        half-normal rows are independent draws from the exact posterior (grid).
    fit : Fit
        The fit with unpooled means, for the gate.
    """
    review = analysis.review
    groups = [str(g) for g in review["group"].cat.categories]
    rows = []
    for scale in SIGMA_SCALES:
        grid = fit_subgroup(
            review["events"],
            review["total"],
            review["group"].astype(str).tolist(),
            groups=groups,
            mu_mean=priors.mu_mean,
            mu_sd=priors.mu_sd,
            tau_scale=priors.tau_scale,
            sigma_scale=scale,
        )
        draws = grid.draws(DRAWS, seed=sampler.settings.seed)
        rate_a = draws.typical_rate[:, groups.index(a)]
        rate_b = draws.typical_rate[:, groups.index(b)]
        rows.append(_row(f"HalfNormal({scale:g})", rate_a, rate_b, draws.sigma_group))
    fit = sampler.fit(build_independent_groups_model, review, priors, estimands_for(review))
    typical = fit.posterior["typical_rate"]
    rows.append(
        _row(
            "unpooled means",
            typical.sel(group=a).values.ravel(),
            typical.sel(group=b).values.ravel(),
            None,
        )
    )
    table = pd.DataFrame(rows)
    table.insert(0, "analysis", analysis.name)
    table.insert(1, "a", a)
    table.insert(2, "b", b)
    return table, fit
