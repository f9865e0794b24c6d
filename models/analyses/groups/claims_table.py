"""The claims table: each conclusion of the paper with prior, posterior and what it rests on."""

import math
from collections.abc import Mapping
from typing import Final

import pandas as pd

from models.analyses.groups.assumptions import (
    ASSUMPTIONS,
    MAIN,
    OWN_TAU,
    PRIOR_DRAWS,
    UNPOOLED,
    draws_of,
)
from models.analyses.groups.claims import (
    CLAIMS,
    DIRECTION,
    DUAL,
    EQUIVALENCE,
    IMMUNO,
    MONO,
    NARROW_MARGIN,
    SIMILAR_ODDS,
    TKI,
    Claim,
    similarity,
)
from models.analyses.groups.means import prior_rates, typical_rates
from models.analyses.groups.summary import SubgroupAnalysis
from models.analyses.pools.summary import PooledPosterior
from models.estimands.contrasts import DEFAULT_MARGIN, NOT_RANDOMISED
from models.render.format import points, probability, rate
from models.render.templates import page

SIMILAR_PAIRS: Final = ((DUAL, MONO), (IMMUNO, MONO), (TKI, MONO))
"""The pairs that the paper calls similar, and one that it does not, to set beside them."""
SIMILARITY_DRAWS: Final = 100_000
BESIDE: Final = {MAIN: "", UNPOOLED: "_unpooled", OWN_TAU: "_own_tau"}
"""Assumptions with columns of their own in the claims table, and their suffix."""


def paper_claims(
    assumptions: pd.DataFrame,
    analyses: Mapping[str, SubgroupAnalysis],
    overall: Mapping[str, PooledPosterior],
    printed: Mapping[str, str],
) -> pd.DataFrame:
    """Judge the conclusions of the paper that concern treatment, line and toxicity.

    Parameters
    ----------
    assumptions
        From `models.analyses.groups.assumptions.assumptions_table`.
    analyses
        Subgroup analyses by name; they give the number of draws.
    overall
        Pooled posteriors of all arms by outcome code.
    printed
        The printed overall pools by outcome code, for the wording.

    Returns
    -------
    pandas.DataFrame
        One row a claim: ``claim_id``, ``claim``, ``place``, ``event`` (empty for a plain
        estimate), ``probability`` in the main analysis and its Monte Carlo standard error ``mcse``
        (0 where it is by quadrature), ``prior_probability``; both with unpooled means
        (``..._unpooled``) and with a tau of its own for each group (``..._own_tau``); ``lowest``
        and ``highest`` probability over all assumptions; ``estimand``, ``median``, ``lower``,
        ``upper`` (95 % equal-tailed; differences are proportions), ``odds_ratio_*``; ``verdict``
        and ``verdict_unpooled``.
    """
    rows = [_judged(claim, assumptions, analyses[claim.analysis]) for claim in CLAIMS]
    rows += [
        _overall("C13", "response", printed["orr"], "Abstract; 3.4; Discussion", overall["orr"]),
        _overall("C14", "disease control", printed["dcr"], "Abstract; 3.4", overall["dcr"]),
        _overall("C15", "grade 3-5 TRAE", printed["trae"], "Abstract; 3.4.4", overall["trae"]),
    ]
    return pd.DataFrame(rows)


def _judged(
    claim: Claim, assumptions: pd.DataFrame, analysis: SubgroupAnalysis
) -> dict[str, object]:
    own = assumptions[assumptions["claim_id"] == claim.claim_id].set_index("scenario")
    main = own.loc[MAIN]
    p = float(main["probability"])
    by_quadrature = claim.pair is not None and not claim.similar
    beside = {
        f"{name}{suffix}": float(own.loc[scenario, name])
        for scenario, suffix in BESIDE.items()
        for name in ("probability", "prior_probability")
    }
    return {
        "claim_id": claim.claim_id,
        "claim": claim.claim,
        "place": claim.place,
        "event": claim.event,
        "mcse": 0.0 if by_quadrature else math.sqrt(p * (1 - p) / analysis.posterior["tau"].size),
        **beside,
        "lowest": float(own["probability"].min()),
        "highest": float(own["probability"].max()),
        "estimand": claim.estimand,
        **{part: float(main[f"estimate_{part}"]) for part in ("median", "lower", "upper")},
        **{name: float(main[name]) for name in own if str(name).startswith("odds_ratio")},
        "verdict": claim.verdict(p),
        "verdict_unpooled": claim.verdict(beside["probability_unpooled"]),
    }


def _overall(
    claim_id: str, name: str, printed: str, place: str, bayes: PooledPosterior
) -> dict[str, object]:
    average = rate(bayes.average["median"], bayes.average["lower"], bayes.average["upper"])
    return {
        "claim_id": claim_id,
        "claim": f"The overall {name} rate is {printed}",
        "place": place,
        "event": "",
        "estimand": f"typical rate of all arms; average rate {average}",
        **bayes.typical,
        "verdict": "estimate",
    }


def similarity_table(analysis: SubgroupAnalysis, seed: int) -> pd.DataFrame:
    """Return how probable it is that two treatments are similar, by three margins.

    Returns
    -------
    pandas.DataFrame
        ``a``, ``b``, ``scenario`` (groups that borrow from each other, or unpooled means),
        ``change`` (the same in words); ``within_10_points``, ``within_5_points`` and
        ``within_odds`` (odds ratio from 2/3 to 1.5), and the same of the prior, ``prior_...``.
    """
    groups = [str(group) for group in analysis.review["group"].cat.categories]
    rows = []
    for scenario in (MAIN, UNPOOLED):
        means = ASSUMPTIONS[scenario][1]
        if scenario == MAIN:
            rates = draws_of(analysis.posterior["typical_rate"])
        else:
            rates = typical_rates(analysis.review, means, SIMILARITY_DRAWS, seed)
        prior = prior_rates(groups, means, PRIOR_DRAWS, seed)
        for pair in SIMILAR_PAIRS:
            before = {f"prior_{name}": p for name, p in similarity(prior, pair).items()}
            place = {"a": pair[0], "b": pair[1], "scenario": scenario, "change": means.label}
            rows.append({**place, **similarity(rates, pair), **before})
    return pd.DataFrame(rows)


def claims_frame(claims: pd.DataFrame) -> pd.DataFrame:
    """Return the claims as a frame of texts."""
    rows = []
    for c in claims.itertuples():
        difference = str(c.estimand).startswith("risk difference")
        show = points if difference else rate
        shown = show(c.median, c.lower, c.upper) + (" points" if difference else "")
        if not pd.isna(c.odds_ratio_median):
            odds = rate(c.odds_ratio_median, c.odds_ratio_lower, c.odds_ratio_upper, 2)
            shown += f", odds ratio {odds}"
        row = {"id": c.claim_id, "claim": c.claim, "where": c.place, "event judged": c.event or "-"}
        if pd.isna(c.probability):
            row |= dict.fromkeys(("groups borrow", "the same, own tau", "unpooled means"), "-")
        else:
            row |= {
                name: f"{probability(before)} -> {probability(after)}"
                for name, before, after in (
                    ("groups borrow", c.prior_probability, c.probability),
                    ("the same, own tau", c.prior_probability_own_tau, c.probability_own_tau),
                    ("unpooled means", c.prior_probability_unpooled, c.probability_unpooled),
                )
            }
        row["estimate (95 % interval)"] = f"{shown}: {c.estimand}"
        row["in words"] = c.verdict
        rows.append(row)
    return pd.DataFrame(rows)


def similarity_frame(table: pd.DataFrame) -> pd.DataFrame:
    """Return the table of similar treatments as a frame of texts."""
    names = {
        "within_10_points": f"within {100 * DEFAULT_MARGIN:g} points",
        "within_5_points": f"within {100 * NARROW_MARGIN:g} points",
        "within_odds": f"odds ratio {1 / SIMILAR_ODDS:.2f} to {SIMILAR_ODDS:g}",
    }
    rows = []
    for row in table.to_dict("records"):
        shown = {
            words: f"{probability(row[f'prior_{name}'])} -> {probability(row[name])}"
            for name, words in names.items()
        }
        rows.append({"pair": f"{row['a']} v. {row['b']}", "group means": row["change"], **shown})
    return pd.DataFrame(rows)


def claims_markdown(claims: pd.DataFrame, similar: pd.DataFrame) -> str:
    """Return the page of claims."""
    judged = claims[claims["probability"].notna()]
    passed = judged.loc[judged["verdict"].isin([word for _, word in DIRECTION]), "probability"]
    return page(
        "analyses/groups/claims.md",
        not_randomised=NOT_RANDOMISED,
        direction=[(f"{least:g}", word) for least, word in DIRECTION],
        equivalence=[(f"{least:g}", word) for least, word in EQUIVALENCE],
        judged=len(judged),
        named=len(passed),
        expected_wrong=float((1 - passed).sum()),
        claims=claims_frame(claims),
        similar=similarity_frame(similar),
        margin=f"{100 * DEFAULT_MARGIN:g}",
    )
