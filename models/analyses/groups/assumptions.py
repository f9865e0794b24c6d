"""Each claim under every assumption about the groups: the same arms, other priors and models."""

import math
from collections.abc import Mapping
from typing import Final

import pandas as pd
import xarray as xr

from models.analyses.groups.claims import CLAIMS, Claim, Draws, Rates
from models.analyses.groups.means import Means, prior_rates, typical_rates
from models.analyses.groups.summary import SubgroupAnalysis
from models.fitting.fit import Fit
from models.grid import HalfNormal, HalfT
from models.priors import DEFAULT_PRIORS

DRAWS: Final = 20_000
PRIOR_DRAWS: Final = 400_000
"""Probabilities to 0.0035 and to 0.0008; resampled ones somewhat less."""

MAIN, UNPOOLED, OWN_TAU, ALONE = "main", "unpooled", "own_tau", "alone"
EARLIER_RATE: Final = 0.14
"""Response rate of the earlier meta-analysis that the paper cites (P104)."""
PC_RATE: Final = -math.log(0.05)
"""Of the penalised-complexity prior: exponential with P(sigma_group > 1) = 0.05 (Simpson et al.
2017, Stat Sci 32:1)."""

GROUPS, PRIORS = "how alike the groups are", "priors of mean and tau"
ASSUMPTIONS: Final[Mapping[str, tuple[str, Means]]] = {
    MAIN: (GROUPS, Means("groups borrow from each other: HalfNormal(1)")),
    "hn025": (GROUPS, Means("sigma_group ~ HalfNormal(0.25)", HalfNormal(0.25))),
    "pc": (GROUPS, Means("sigma_group ~ Exponential(3.0)", exponential_rate=PC_RATE)),
    "hc05": (GROUPS, Means("sigma_group ~ half-Cauchy(0.5)", HalfT(0.5, 1))),
    "hn05": (GROUPS, Means("sigma_group ~ HalfNormal(0.5)", HalfNormal(0.5))),
    "hc1": (GROUPS, Means("sigma_group ~ half-Cauchy(1)", HalfT(1.0, 1))),
    "ht1": (GROUPS, Means("sigma_group ~ half-t(3, 1)", HalfT(1.0, 3))),
    "hn2": (GROUPS, Means("sigma_group ~ HalfNormal(2)", HalfNormal(2.0))),
    "log_odds": (GROUPS, Means("log odds ratio ~ N(0, 1)", log_odds_sd=1.0)),
    OWN_TAU: (GROUPS, Means("the same with a tau of its own for each group", own_tau=True)),
    UNPOOLED: (GROUPS, Means("no group learns from another: unpooled means", sigma=None)),
    ALONE: (GROUPS, Means("each group on its own: own mean, own tau", sigma=None, own_tau=True)),
    "mu14": (
        PRIORS,
        Means("mu ~ N(logit 0.14, 1)", mu_mean=math.log(0.14 / 0.86), mu_sd=1.0),
    ),
    "mu1": (PRIORS, Means("mu ~ N(0, 1)", mu_sd=1.0)),
    "mu25": (PRIORS, Means("mu ~ N(0, 2.5)", mu_sd=2.5)),
    "tau05": (PRIORS, Means("tau ~ HalfNormal(0.5)", tau=HalfNormal(0.5))),
    "tau2": (PRIORS, Means("tau ~ HalfNormal(2)", tau=HalfNormal(2.0))),
    "tau_t": (PRIORS, Means("tau ~ half-t(3, 1)", tau=HalfT(1.0, 3))),
}
"""Section and assumption by id, the main analysis first."""
PUBLICATION: Final = "publication"


def fits(means: Means, groups: int, outcome: str) -> bool:
    """Return whether an assumption makes sense for a number of groups and an outcome."""
    if means.log_odds_sd is not None:
        return groups == 2
    # a prior at a response rate is no prior of another outcome
    return outcome == "orr" or means.mu_mean == DEFAULT_PRIORS.mu_mean


def assumptions_table(
    analyses: Mapping[str, SubgroupAnalysis], publication: Fit, seed: int
) -> pd.DataFrame:
    """Judge every claim under every assumption.

    Parameters
    ----------
    analyses
        Subgroup analyses by name, those of ``CLAIMS`` at least; they hold the main analysis.
    publication
        The fit of the response rate by treatment in which arms of one publication correlate.
    seed
        Of the draws.

    Returns
    -------
    pandas.DataFrame
        One row a claim and assumption: ``claim_id``, ``section``, ``scenario``, ``change`` (in
        words), ``arms``, ``patients``, ``arms_a``, ``arms_b`` (of the groups compared), what
        `Claim.summary` gives, and ``prior_probability`` (NaN where the prior was not simulated).
    """
    rows = []
    by_analysis: dict[str, list[Claim]] = {}
    for claim in CLAIMS:
        by_analysis.setdefault(claim.analysis, []).append(claim)
    for name, claims in by_analysis.items():
        analysis = analyses[name]
        groups = [str(group) for group in analysis.review["group"].cat.categories]
        for scenario, (section, means) in ASSUMPTIONS.items():
            if not fits(means, len(groups), claims[0].outcome):
                continue
            rates: Rates
            if scenario == MAIN:
                rates = draws_of(analysis.posterior["typical_rate"])
            else:
                rates = typical_rates(analysis.review, means, DRAWS, seed)
            prior = prior_rates(groups, means, PRIOR_DRAWS, seed)
            for claim in claims:
                row = claim_row(claim, analysis.review, rates)
                if scenario == MAIN:
                    row |= exact_probability(claim, analysis)
                place = {"section": section, "scenario": scenario, "change": means.label}
                chance = {"prior_probability": float(claim.holds(prior).mean())}
                rows.append(row | place | chance)
        if name == "orr_treatment":
            correlated = draws_of(publication.posterior["typical_rate"])
            place = {
                "section": GROUPS,
                "scenario": PUBLICATION,
                "change": "arms of one publication correlated",
            }
            rows += [claim_row(c, analysis.review, correlated) | place for c in claims]
    table = pd.DataFrame(rows)
    # the publication effect comes last of its section
    table = table.sort_values(
        ["claim_id", "section"],
        key=lambda column: (
            column.map({GROUPS: 0, PRIORS: 1}) if column.name == "section" else column
        ),
        kind="stable",
        ignore_index=True,
    )
    first = ["claim_id", "section", "scenario", "change"]
    return table[first + [name for name in table if name not in first]]


def draws_of(typical: xr.DataArray) -> dict[str, Draws]:
    """Return the draws of each group's rate, flat."""
    return {str(g): typical.sel(group=g).values.ravel() for g in typical["group"].values}


def claim_row(claim: Claim, review: pd.DataFrame, rates: Rates) -> dict[str, object]:
    """Return what draws of the rates say of a claim, with the arms that they rest on."""
    arms = review["group"].astype(str).value_counts()
    a, b = (*claim.groups, "")[:2]
    return {
        "claim_id": claim.claim_id,
        "arms": len(review),
        "patients": int(review["total"].sum()),
        "arms_a": int(arms.get(a, 0)),
        "arms_b": int(arms[b]) if b else math.nan,
        **claim.summary(rates),
    }


def exact_probability(claim: Claim, analysis: SubgroupAnalysis) -> dict[str, float]:
    """Return the probability of an order of two groups as the contrasts have it: by quadrature."""
    if claim.pair is None or claim.similar:
        return {}
    a, b = claim.pair
    swapped = not ((analysis.contrasts["a"] == a) & (analysis.contrasts["b"] == b)).any()
    row = analysis.contrast(*((b, a) if swapped else (a, b)), "odds_ratio")
    p = float(row["p_superior"])
    return {"probability": 1 - p if swapped else p}
