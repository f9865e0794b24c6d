"""Paragraphs on what the conclusions rest on: sensitivity, model comparison, predictive checks."""

from typing import Any, Final

from models.analyses.checks.posterior_predictive import NEW
from models.analyses.groups.claims import MONO, TKI
from models.render.citations import Citations

SCENARIOS, SUMMARY = "sensitivity", "sensitivity_summary"
COMPARED, STATISTICS = "loo_comparison", "predictive_posterior"
CLAIM: Final = "C02"
"""The claim that is followed through the scenarios: ICI + TKI above monotherapy."""
KINDS: Final = (
    ("prior", "other priors"),
    ("paper", "the paper's own analyses"),
    ("correction", "the counts of trial reports"),
    ("population", "exclusion of the ASPS-only arms"),
)


def _small_arm(cite: Citations) -> str:
    return cite.number("settings", "value", name="small_arm")


def _scenario(cite: Citations, scenario: str, words: str) -> str:
    key: dict[str, Any] = {"scenario": scenario}
    return (
        f"{words} ({cite.number(SCENARIOS, 'k', quantity='orr', **key)} arms) "
        f"{cite.rate(SCENARIOS, 'typical_', quantity='orr', **key)} and "
        f"{cite.chance(SCENARIOS, 'probability', quantity=CLAIM, **key)}"
    )


def sensitivity_results(cite: Citations) -> str:
    """Return the paragraph on whether any conclusion changes."""
    prior: dict[str, Any] = {"kind": "prior"}
    rate: dict[str, Any] = {"quantity": "orr"}
    claim: dict[str, Any] = {"quantity": CLAIM}
    followed = (
        ("paper2_enrolled", f"arms of {_small_arm(cite)} enrolled patients or more"),
        ("paper2_evaluable", f"arms of {_small_arm(cite)} evaluable patients or more"),
        ("paper3", "phase II single-arm trials only"),
        ("paper4", "RECIST 1.1 only"),
        ("paper6", "without drugs that no regulator had approved"),
        ("corrections", "with the counts of the trial reports"),
        ("no_asps", "without the arms that enrolled ASPS only"),
    )
    changed = [
        f"{cite.number(SUMMARY, 'changed', kind=kind, quantity='claims')} of "
        f"{cite.number(SUMMARY, 'scenarios', kind=kind, quantity='claims')} by {words}"
        for kind, words in KINDS
    ]
    return (
        f"Over {cite.number(SUMMARY, 'scenarios', **prior, **rate)} other priors of the mean, of "
        "tau and of sigma_group the typical response rate of all arms moved by at most "
        f"{cite.number(SUMMARY, 'largest_shift', 1, 100.0, **prior, **rate)} percentage points "
        f"and the probability that response is higher with {TKI} than with {MONO} by at most "
        f"{cite.number(SUMMARY, 'largest_shift', 1, 100.0, **prior, **claim)}. The paper states "
        "of its own sensitivity analyses only that they changed nothing significantly; they were "
        "repeated as far as it tells which arms they keep, and the same probability moved by up "
        f"to {cite.number(SUMMARY, 'largest_shift', 1, 100.0, kind='paper', **claim)} points. "
        "Typical response rate and that probability: "
        f"{_scenario(cite, 'main', 'main analysis')}; "
        + "; ".join(_scenario(cite, scenario, words) for scenario, words in followed)
        + ". Claims that take another wording, their probability moved by "
        f"{cite.number('settings', 'value', 0, 100.0, name='visible_shift')} points or more: "
        + ", ".join(changed)
        + " (`tables/sensitivity.md`)."
    )


def model_checks(cite: Citations) -> str:
    """Return the paragraph on model comparison and posterior predictive checks."""
    table = cite.tables[COMPARED]
    best, others = table.iloc[0]["model"], table.iloc[1:]
    apart = others.loc[others["verdict"] == "predicts worse", "model"]
    judged = (
        f"Worse than it predicts: {', '.join(apart)}."
        if len(apart)
        else "None of them is told apart from it by so few arms."
    )
    differences = "; ".join(
        f"{name} {cite.number(COMPARED, 'elpd_diff', 1, model=name)} (SE "
        f"{cite.number(COMPARED, 'dse', 1, model=name)})"
        for name in others["model"]
    )
    statistics = cite.tables[STATISTICS]
    noted = statistics[(statistics["replicates"] == NEW) & statistics["noted"]]
    found = "; ".join(
        f"{row.part}, {row.statistic}, model {row.model}: observed "
        f"{cite.number(STATISTICS, 'observed', 2, **_key(row))}, replicates "
        f"{cite.number(STATISTICS, 'lower', 2, **_key(row))} to "
        f"{cite.number(STATISTICS, 'upper', 2, **_key(row))}"
        for row in noted.itertuples()
    )
    return (
        "Models of the response rate were compared on the same arms by leave-one-out predictive "
        "density with the study effects integrated out. Highest was that of the model "
        f'"{best}"; the others differ from it by: {differences}. {judged} Differences below '
        f"{cite.number('settings', 'value', name='small_difference')} say nothing. Counts "
        "replicated with new study effects were held against the observed ones (arms without a "
        "responder, highest rate, spread, crude rate; all arms and each treatment group). Beyond "
        f"the central {cite.percent('settings', 'value', name='interval')} of the replicates: "
        f"{found or 'none'}."
    )


def _key(row: Any) -> dict[str, Any]:
    return {
        "model": row.model,
        "replicates": row.replicates,
        "part": row.part,
        "statistic": row.statistic,
    }
