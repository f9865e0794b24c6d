"""One question, every analysis: each claim with other assumptions, histology, arms and counts.

Assumptions about the groups and priors come from `models.analyses.groups.assumptions`, contrasts at
equal histology from the case mix. Here every claim is judged anew with the arms and counts of each
scenario of `models.analyses.checks.scenarios`, exactly as in the main analysis; a scenario that
leaves the arms of a claim as they are has no row, so that no number is a copy of another.
"""

from typing import Final

import pandas as pd

from models.analyses.checks.loo import pool_numbers
from models.analyses.checks.scenarios import Scenario, scenarios
from models.analyses.groups.assumptions import (
    ASSUMPTIONS,
    DRAWS,
    MAIN,
    PRIORS,
    claim_row,
)
from models.analyses.groups.claims import CLAIMS, Claim
from models.analyses.groups.means import Means, typical_rates
from models.evidence.groupings import grouped_outcome
from models.evidence.load import Evidence
from models.evidence.vocabulary import OUTCOMES
from models.frequentist.freeman_tukey import freeman_tukey_pool
from models.grid import fit_pooled

SECTIONS: Final = {
    "paper": "which trials: the paper's own analyses",
    "correction": "which counts: those of trial reports",
    "population": "which tumours",
}
HISTOLOGY: Final = "at equal histology"
NO_ARM: Final = "a group has no arm left"
ADJUSTED, UNADJUSTED = "adjusted", "not adjusted"


def one_question(
    evidence: Evidence,
    assumptions: pd.DataFrame,
    case_mix: pd.DataFrame,
    seed: int,
    *,
    draws: int = DRAWS,
    wanted: list[Scenario] | None = None,
) -> pd.DataFrame:
    """Set every analysis of each claim side by side.

    Parameters
    ----------
    evidence
        The validated evidence.
    assumptions
        From `models.analyses.groups.assumptions.assumptions_table`.
    case_mix
        Contrasts in every variant of the case mix (``case_mix_sensitivity``).
    seed, draws
        Of the scenarios' draws.
    wanted
        Scenarios; all of them by default.

    Returns
    -------
    pandas.DataFrame
        One row a claim and analysis, in the columns of ``assumptions``, and ``note``: why a row has
        no numbers. Cells that an analysis does not have are empty.

    Raises
    ------
    models.common.errors.InputError
        If a correction does not stand in the trial report it cites.
    """
    rows: list[dict[str, object]] = []
    for scenario in wanted or scenarios(evidence):
        rows += _scenario_rows(evidence, scenario, draws, seed)
    for claim in CLAIMS:
        if claim.analysis == "orr_treatment" and claim.pair and not claim.similar:
            rows += _histology_rows(claim, case_mix)
    table = pd.concat([assumptions, pd.DataFrame(rows)], ignore_index=True)
    table["note"] = table["note"].fillna("") if "note" in table else ""
    order = {claim.claim_id: place for place, claim in enumerate(CLAIMS)}
    return table.sort_values("claim_id", key=lambda ids: ids.map(order), kind="stable").reset_index(
        drop=True
    )


def _scenario_rows(
    evidence: Evidence, scenario: Scenario, draws: int, seed: int
) -> list[dict[str, object]]:
    """Judge the claims whose arms or counts a scenario changes."""
    rows: list[dict[str, object]] = []
    place = {
        "section": SECTIONS[scenario.kind],
        "scenario": scenario.scenario_id,
        "change": scenario.label,
    }
    by_analysis: dict[tuple[str, str], list[Claim]] = {}
    for claim in CLAIMS:
        by_analysis.setdefault((claim.outcome, claim.grouping), []).append(claim)
    for key, claims in by_analysis.items():
        main = grouped_outcome(evidence, *key)
        review = scenario.change(key[0], main)
        if same_arms(review, main):
            continue
        review = review.assign(group=review["group"].cat.remove_unused_categories())
        left = set(review["group"].cat.categories)
        judged = [c for c in claims if left.issuperset(c.groups) and len(left) > 1]
        if judged:
            rates = typical_rates(review, ASSUMPTIONS[MAIN][1], draws, seed)
            rows += [claim_row(claim, review, rates) | place for claim in judged]
        rows += [
            {"claim_id": c.claim_id, **place, "arms": len(review), "note": NO_ARM}
            for c in claims
            if c not in judged
        ]
    return rows


def _histology_rows(claim: Claim, case_mix: pd.DataFrame) -> list[dict[str, object]]:
    """Return a claim's contrast in every variant of the case mix, adjusted and not."""
    assert claim.pair is not None
    a, b = claim.pair
    own = case_mix[(case_mix["a"] == a) & (case_mix["b"] == b)].set_index(["analysis", "scale"])
    rows, shown = [], set()
    for variant in dict.fromkeys(own.index.get_level_values("analysis")):
        odds, difference = own.loc[(variant, "odds_ratio")], own.loc[(variant, "risk_difference")]
        for prefix, words in (("adjusted", ADJUSTED), ("unadjusted", UNADJUSTED)):
            parts = ("median", "lower", "upper")
            key = (prefix, *(odds[f"{prefix}_{part}"] for part in parts))
            if key in shown:  # variants of the same arms share what is not adjusted
                continue
            shown.add(key)
            rows.append(
                {
                    "claim_id": claim.claim_id,
                    "section": HISTOLOGY,
                    "scenario": f"{prefix}: {variant}",
                    "change": f"{variant}, {words}",
                    "probability": odds[f"{prefix}_p_superior"],
                    **{f"odds_ratio_{part}": odds[f"{prefix}_{part}"] for part in parts},
                    **{f"estimate_{part}": difference[f"{prefix}_{part}"] for part in parts},
                }
            )
    return rows


def same_arms(a: pd.DataFrame, b: pd.DataFrame) -> bool:
    """Return whether two frames of arms have the same arms with the same counts."""
    columns = ["arm_id", "events", "total"]
    return a[columns].reset_index(drop=True).equals(b[columns].reset_index(drop=True))


def question_ranges(table: pd.DataFrame) -> pd.DataFrame:
    """Return how far each section of analyses moves each claim.

    Returns
    -------
    pandas.DataFrame
        One row a claim and section (and ``all``): ``claim_id``, ``section``, ``analyses`` (with a
        probability), ``lowest`` and ``highest`` probability.
    """
    judged = table[table["probability"].notna()]
    parts = [judged, judged.assign(section="all")]
    grouped = pd.concat(parts).groupby(["claim_id", "section"], sort=False)["probability"]
    found = grouped.agg(analyses="size", lowest="min", highest="max").reset_index()
    return found.sort_values("claim_id", kind="stable").reset_index(drop=True)


def pool_sensitivity(evidence: Evidence) -> pd.DataFrame:
    """Repeat the pools of all arms under other priors, arms and counts.

    Returns
    -------
    pandas.DataFrame
        One row a scenario and outcome that it touches, the main analysis first: ``scenario``,
        ``section``, ``change``, ``outcome``, ``k``; ``typical_*``, ``average_*``, ``tau_*``
        (median, lower, upper) and ``quadrature_error``; ``ft_*`` (the published estimator on the
        same counts); ``typical_shift`` (median less that of the main analysis, a proportion);
        ``published`` and ``reason``.
    """
    original = {outcome: evidence.outcome(outcome) for outcome in OUTCOMES}
    rows = []
    for name, (section, means) in ASSUMPTIONS.items():
        if name != MAIN and section != PRIORS:
            continue
        words = "main analysis" if name == MAIN else means.label
        for outcome, arms in original.items():
            if outcome == "orr" or means.mu_mean == ASSUMPTIONS[MAIN][1].mu_mean:
                place = {"scenario": name, "section": section, "change": words, "outcome": outcome}
                rows.append(place | pool_row(arms, means))
    for scenario in scenarios(evidence):
        for outcome, arms in original.items():
            changed = scenario.change(outcome, arms)
            if not same_arms(changed, arms):
                rows.append(
                    {
                        "scenario": scenario.scenario_id,
                        "section": SECTIONS[scenario.kind],
                        "change": scenario.label,
                        "outcome": outcome,
                        **pool_row(changed, ASSUMPTIONS[MAIN][1]),
                        "published": scenario.published,
                        "reason": scenario.reason,
                    }
                )
    table = pd.DataFrame(rows)
    main = table[table["scenario"] == MAIN].set_index("outcome")["typical_median"]
    return table.assign(typical_shift=table["typical_median"] - table["outcome"].map(main))


def pool_ranges(table: pd.DataFrame) -> pd.DataFrame:
    """Return the largest shift of each pooled rate by section: ``largest_shift``, a proportion."""
    moved = table[table["scenario"] != MAIN].assign(shift=lambda rows: rows["typical_shift"].abs())
    found = moved.groupby(["section", "outcome"], sort=False)["shift"]
    return found.agg(scenarios="size", largest_shift="max").reset_index()


def pool_row(arms: pd.DataFrame, means: Means) -> dict[str, object]:
    """Return median and interval of typical and average rate and of tau, and the paper's pool."""
    exact = fit_pooled(
        *(arms["events"], arms["total"]),
        mu_mean=means.mu_mean,
        mu_sd=means.mu_sd,
        tau_prior=means.tau,
    )
    published = freeman_tukey_pool(arms["events"], arms["total"])
    return {
        "k": len(arms),
        **pool_numbers(exact),
        "ft_estimate": published.estimate,
        "ft_lower": published.lower,
        "ft_upper": published.upper,
    }
