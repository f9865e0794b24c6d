"""How much a contrast depends on the prior of sigma_group.

With two groups the data hold one difference, which can tell little about the spread of a
population of groups; with five it is hardly better. The prior of ``sigma_group`` then decides how
far the groups are pulled together. The table repeats a contrast under several priors, and with
unpooled group means (the limit of no pulling).
"""

from dataclasses import replace
from typing import Final

import numpy as np
import pandas as pd
from scipy.special import ndtri

from models.analyses.groups.summary import SubgroupAnalysis
from models.common.constants import INTERVAL_PROBS
from models.fitting.exact import exact_posterior
from models.fitting.fit import Fit
from models.fitting.registry import SUBGROUP
from models.priors import Priors

SIGMA_SCALES: Final = (0.25, 0.5, 1.0, 2.0)
DRAWS: Final = 20000


def contrast_row(
    prior: str, rate_a: np.ndarray, rate_b: np.ndarray, sigma: "np.ndarray | None"
) -> dict[str, object]:
    """Summarise one contrast of typical rates from joint draws, under a named prior."""
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


def _prior_of_sigma(scale: float) -> dict[str, float]:
    """Return median and interval of the half-normal prior itself, to set beside the posterior."""
    probs = (0.5, *INTERVAL_PROBS)
    median, lower, upper = (float(scale * ndtri((1 + p) / 2)) for p in probs)
    return {
        "sigma_prior_median": median,
        "sigma_prior_lower": lower,
        "sigma_prior_upper": upper,
    }


def sigma_sensitivity(
    analysis: SubgroupAnalysis,
    a: str,
    b: str,
    unpooled: Fit,
    priors: Priors,
    seed: int,
) -> pd.DataFrame:
    """Repeat one contrast of typical rates under other priors of sigma_group.

    Parameters
    ----------
    analysis
        The grouping; its studies are used.
    a, b
        The contrast, ``a`` v. ``b``.
    unpooled
        The fit of the same studies with unpooled group means.
    priors
        Priors of mu and tau.
    seed
        Seed of the independent draws.

    Returns
    -------
    pandas.DataFrame
        One row a prior: ``analysis``, ``a``, ``b``, ``prior``, ``p_superior``,
        ``risk_difference_*``, ``odds_ratio_*``, ``rate_a_*``, ``rate_b_*`` (median, lower,
        upper; typical rates), ``sigma_*`` (posterior, logit scale; missing for unpooled means)
        and ``sigma_prior_*``. The half-normal rows are independent draws from the exact
        posterior (grid).
    """
    review = analysis.review
    groups = [str(g) for g in review["group"].cat.categories]
    rows = []
    for scale in SIGMA_SCALES:
        grid = exact_posterior(SUBGROUP, review, replace(priors, sigma_scale=scale))
        draws = grid.draws(DRAWS, seed=seed)
        rate_a = draws.typical_rate[:, groups.index(a)]
        rate_b = draws.typical_rate[:, groups.index(b)]
        row = contrast_row(f"HalfNormal({scale:g})", rate_a, rate_b, draws.sigma_group)
        rows.append(row | _prior_of_sigma(scale))
    typical = unpooled.posterior["typical_rate"]
    rows.append(
        contrast_row(
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
    return table
