"""Whether any conclusion changes. Pools and claims under other priors, exclusions and counts.

Every scenario of `models.analyses.checks.scenarios` is computed by the grid engine: pools exactly,
the claims of `models.analyses.groups.claims` from independent joint draws of the exact posterior,
with one seed, so that scenarios differ by what was changed and by a Monte Carlo error of at most
``0.5 / sqrt(DRAWS)``, 0.0056. Only scales and group means are drawn, since no claim needs the
effects of single studies, and what a scenario leaves as it is is not computed again.
"""

from collections.abc import Hashable, Mapping
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit

from models.analyses.checks.loo import pool_numbers
from models.analyses.checks.scenarios import PriorSet, Scenario, scenarios
from models.analyses.groups.claims import CLAIMS, VISIBLE_SHIFT, Claim, wording
from models.evidence.groupings import grouped_outcome
from models.evidence.load import Evidence
from models.evidence.vocabulary import OUTCOMES
from models.frequentist.freeman_tukey import freeman_tukey_pool
from models.grid import fit_pooled, fit_subgroup
from models.grid.drawing.sampling import draw_families, draw_scales_and_mean

DRAWS: Final = 8_000
_TOLERANCE: Final = 1e-3
"""Of means and standard deviations behind the draws, logit scale: a tenth of what 8000 draws can
tell, since no posterior standard deviation here is below 0.1."""


def groups_of_arms(evidence: Evidence) -> dict[tuple[str, str], pd.Series]:
    """Return the group of each arm that has one, by outcome and grouping of the claims.

    A scenario leaves arms out or counts anew; it moves no arm to another group.
    """
    return {
        key: grouped_outcome(evidence, *key).set_index("arm_id")["group"]
        for key in dict.fromkeys((claim.outcome, claim.grouping) for claim in CLAIMS)
    }


def typical_rates(
    review: pd.DataFrame, priors: PriorSet, draws: int, seed: int
) -> dict[str, NDArray[np.float64]]:
    """Return independent draws of the typical rate of each group that has arms."""
    if review.empty:
        return {}
    groups = [str(group) for group in review["group"].cat.categories]
    exact = fit_subgroup(
        review["events"],
        review["total"],
        list(review["group"]),
        groups=groups,
        mu_sd=priors.mu_sd,
        sigma_prior=priors.sigma,
        tau_prior=priors.tau,
        tolerance=_TOLERANCE,
    )
    state, rng = exact.solution.state, np.random.default_rng(seed)
    mu, sigma, tau = draw_scales_and_mean(state, draws, rng)
    effects = draw_families(state, mu, sigma, tau, rng)
    rates = expit(mu[:, None] + sigma[:, None] * effects)
    return {group: rates[:, column] for column, group in enumerate(groups)}


def pool_row(arms: pd.DataFrame, priors: PriorSet) -> dict[str, float]:
    """Return median and interval of typical and average rate and of tau, and the paper's pool."""
    exact = fit_pooled(arms["events"], arms["total"], mu_sd=priors.mu_sd, tau_prior=priors.tau)
    published = freeman_tukey_pool(arms["events"], arms["total"])
    return {
        "k": len(arms),
        **pool_numbers(exact),
        "ft_estimate": published.estimate,
        "ft_lower": published.lower,
        "ft_upper": published.upper,
    }


def _changed(a: pd.DataFrame, b: pd.DataFrame) -> bool:
    return _counts(a) != _counts(b)


class _Engine:
    """Computes each combination of counts and priors once."""

    def __init__(self, evidence: Evidence, draws: int, seed: int) -> None:
        self.draws, self.seed = draws, seed
        self._groups = groups_of_arms(evidence)
        self._rates: dict[Hashable, dict[str, NDArray[np.float64]]] = {}
        self._pools: dict[Hashable, dict[str, float]] = {}

    def rates(
        self, arms: pd.DataFrame, claim: Claim, priors: PriorSet
    ) -> dict[str, NDArray[np.float64]]:
        groups = self._groups[claim.outcome, claim.grouping]
        kept = arms[arms["arm_id"].isin(groups.index)]
        group = groups.loc[kept["arm_id"]].cat.remove_unused_categories()
        review = kept.assign(group=group.array)
        key = (_counts(review), claim.grouping, priors)
        if key not in self._rates:
            self._rates[key] = typical_rates(review, priors, self.draws, self.seed)
        return self._rates[key]

    def pool(self, arms: pd.DataFrame, priors: PriorSet) -> dict[str, float]:
        key = (_counts(arms), priors.mu_sd, priors.tau)
        if key not in self._pools:
            self._pools[key] = pool_row(arms, priors)
        return self._pools[key]


def _counts(arms: pd.DataFrame) -> tuple[tuple[object, ...], ...]:
    return tuple(arms[["arm_id", "events", "total"]].itertuples(index=False, name=None))


def _claims(
    scenario: Scenario, arms: Mapping[str, pd.DataFrame], engine: _Engine
) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    for claim in CLAIMS:
        found = engine.rates(arms[claim.outcome], claim, scenario.priors)
        judged = all(group in found for group in claim.groups) and len(found) > 1
        p = float(claim.holds(found).mean()) if judged else float("nan")
        rows.append(
            {
                "quantity": claim.claim_id,
                "label": claim.label,
                "probability": p,
                "verdict": wording(p) if judged else "a group has no arm left",
            }
        )
    return rows


def sensitivity_table(
    evidence: Evidence, seed: int, *, draws: int = DRAWS, wanted: list[Scenario] | None = None
) -> pd.DataFrame:
    """Repeat the pools of all arms and the claims in every scenario.

    Parameters
    ----------
    evidence
        The validated evidence.
    seed, draws
        Of the joint draws behind the claims.
    wanted
        Scenarios, the main analysis first; all of them by default.

    Returns
    -------
    pandas.DataFrame
        One row a scenario and quantity. Pools (``quantity`` = outcome code): ``k``,
        ``typical_*``, ``average_*`` and ``tau_*`` (median, lower, upper), ``ft_*`` (the published
        estimator on the same counts: estimate, lower, upper), ``typical_shift`` and
        ``average_shift`` (medians less those of the main analysis, proportions). Claims
        (``quantity`` = claim id): ``probability``, ``verdict``, ``probability_shift`` and
        ``verdict_changed``; ``conclusion_changed`` if the probability moved by ``VISIBLE_SHIFT``
        at least, too. ``same_data`` is true where a scenario leaves the counts of an
        outcome as they are.

    Raises
    ------
    models.common.errors.InputError
        If a correction does not stand in the trial report it cites.
    """
    original = {outcome: evidence.outcome(outcome) for outcome in OUTCOMES}
    engine, tables = _Engine(evidence, draws, seed), []
    for scenario in wanted or scenarios(evidence):
        arms = {outcome: scenario.change(outcome, frame) for outcome, frame in original.items()}
        rows: list[dict[str, object]] = [
            {
                "quantity": outcome,
                "label": OUTCOMES[outcome],
                "same_data": not _changed(arms[outcome], original[outcome]),
                **engine.pool(arms[outcome], scenario.priors),
            }
            for outcome in OUTCOMES
        ]
        outcome_of = {claim.claim_id: claim.outcome for claim in CLAIMS}
        for row in _claims(scenario, arms, engine):
            outcome = outcome_of[str(row["quantity"])]
            same = not _changed(arms[outcome], original[outcome])
            rows.append(row | {"same_data": same})
        table = pd.DataFrame(rows)
        table.insert(0, "scenario", scenario.scenario_id)
        table.insert(1, "kind", scenario.kind)
        table.insert(2, "change", scenario.label)
        tables.append(table.assign(published=scenario.published, reason=scenario.reason))
    return _against_main(pd.concat(tables, ignore_index=True))


def _against_main(table: pd.DataFrame) -> pd.DataFrame:
    main = table[table["scenario"] == "main"].set_index("quantity")
    for column in ("typical_median", "average_median", "probability"):
        base = table["quantity"].map(main[column])
        table[f"{column.removesuffix('_median')}_shift"] = table[column] - base
    words = table["quantity"].map(main["verdict"])
    judged = table["probability"].notna()
    table["verdict_changed"] = judged & (table["verdict"] != words)
    moved = table["probability_shift"].abs() >= VISIBLE_SHIFT
    table["conclusion_changed"] = table["verdict_changed"] & moved
    return table


def sensitivity_summary(table: pd.DataFrame) -> pd.DataFrame:
    """Return how far each kind of scenario moved the pooled response rate and each claim.

    Parameters
    ----------
    table
        See `sensitivity_table`.

    Returns
    -------
    pandas.DataFrame
        One row a kind (the main analysis left out) and quantity, the response rate (``orr``) or a
        claim: ``kind``, ``quantity``, ``scenarios`` (in which it could be judged), ``lowest``,
        ``highest`` and ``largest_shift`` (absolute) of the typical rate or of the probability,
        and ``changed``: in how many scenarios a conclusion changed (claims; 0 for the rate).
        A last row a kind, ``quantity`` = ``claims``, counts the claims (``scenarios``) and those
        that changed in one scenario at least (``changed``).
    """
    rows: list[dict[str, object]] = []
    for kind, inside in table[table["kind"] != "main"].groupby("kind", sort=False):
        wanted = inside["quantity"].eq("orr") | inside["probability"].notna()
        changed = 0
        for quantity, found in inside[wanted].groupby("quantity", sort=False):
            name = "typical" if quantity == "orr" else "probability"
            values = found["typical_median" if quantity == "orr" else "probability"]
            times = int(found["conclusion_changed"].sum())
            changed += times > 0
            rows.append(
                {
                    "kind": kind,
                    "quantity": quantity,
                    "scenarios": len(found),
                    "lowest": values.min(),
                    "highest": values.max(),
                    "largest_shift": found[f"{name}_shift"].abs().max(),
                    "changed": times,
                }
            )
        rows.append(
            {"kind": kind, "quantity": "claims", "scenarios": len(CLAIMS), "changed": changed}
        )
    return pd.DataFrame(rows)
