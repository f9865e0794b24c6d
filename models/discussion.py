"""Paragraphs for a methods and a discussion section, every number taken from the tables.

The methods follow the items of the Bayesian analysis reporting guideline (Kruschke 2021, Nat Hum
Behav 5:1282): model and priors with reasons, computation and its checks, estimands and decision
thresholds, sensitivity.
"""

from typing import Any

from models.citations import Citations
from models.claims import CHEMO, DUAL, IMMUNO, MONO, TKI, wording

FIRST, LATER = "first line", ">= second line"


def methods(cite: Citations) -> str:
    """Return the methods paragraph."""

    def setting(name: str, digits: int = 0) -> str:
        return cite.number("settings", "value", digits, name=name)

    package = {
        name: cite.words("software", "version", package=name)
        for name in ("pymc", "nutpie", "arviz")
    }
    diagnostics = cite.tables["diagnostics"]
    worst = diagnostics.loc[diagnostics["rhat_max"].idxmax(), "fit"]
    scarce = diagnostics.loc[diagnostics["ess_tail_min"].idxmin(), "fit"]
    return (
        "We re-analysed the published arm-level counts with hierarchical binomial-logit models. "
        "The number of patients with an event in arm i was binomial; the logit of its rate was "
        "the sum of an overall mean mu, a group effect (in subgroup analyses) and a normally "
        "distributed arm effect with standard deviation tau. Zero counts thus needed neither "
        "correction nor transformation. Group effects were exchangeable with standard deviation "
        "sigma_group, so that groups were partially pooled. Priors were weakly informative on "
        f"the logit scale: mu normal with mean {setting('prior_mu_mean')} and standard deviation "
        f"{setting('prior_mu_sd', 1)}, which is about uniform on the probability scale; tau and "
        f"sigma_group half-normal with scale {setting('prior_tau_scale')}, which allows for very "
        "large heterogeneity. We report the typical rate (the rate of the median study) and, "
        "where said, the average rate over studies; contrasts are risk differences and odds "
        "ratios of typical rates. All intervals are "
        f"{cite.percent('settings', 'value', name='interval')} equal-tailed posterior intervals "
        "around the posterior median, and probabilities are posterior probabilities given model "
        f"and priors. The margin of a relevant difference was {_margin(cite)}. "
        f"Posteriors were sampled with PyMC {package['pymc']} and nutpie {package['nutpie']} "
        f"(No-U-Turn sampler, {setting('chains')} chains, {setting('tune')} tuning and "
        f"{setting('draws')} kept draws each) and checked with ArviZ {package['arviz']}: every "
        f"model and estimand had to show R-hat of at most {setting('rhat_limit', 2)}, bulk and "
        f"tail effective sample sizes of at least {setting('ess_limit')}, no divergent "
        f"transition and a Bayesian fraction of missing information of at least "
        f"{setting('bfmi_limit', 1)}. The largest R-hat over all fits was "
        f"{cite.number('diagnostics', 'rhat_max', 4, fit=worst)}, the smallest tail effective "
        f"sample size {cite.number('diagnostics', 'ess_tail_min', 0, fit=scarce)}. As a check of "
        "the data and of the model, the published Freeman-Tukey pools were recomputed from the "
        "same counts and set beside the posterior."
    )


def _margin(cite: Citations) -> str:
    return f"{cite.number('settings', 'value', 0, 100.0, name='margin')} percentage points"


def overall_results(cite: Citations) -> str:
    """Return the paragraph on the overall rates."""
    parts = []
    for pool, name in (
        ("P001", "objective response"),
        ("P002", "disease control"),
        ("P003", "grade 3-5 treatment-related adverse events"),
    ):
        key: dict[str, Any] = {"id": pool}
        parts.append(
            f"For {name} ({cite.number('pools', 'events', **key)} of "
            f"{cite.number('pools', 'total', **key)} patients in "
            f"{cite.number('pools', 'k', **key)} arms), the typical rate was "
            f"{cite.rate('pools', 'typical_', **key)} and the average rate "
            f"{cite.rate('pools', 'average_', **key)}; the Freeman-Tukey pool was "
            f"{cite.percent('pools', 'ft_estimate', **key)}. Arms differed widely (tau "
            f"{cite.ratio('pools', 'tau_', **key)}): the rate of a new study is predicted between "
            f"{cite.number('pools', 'new_study_lower', 0, 100.0, **key)} % and "
            f"{cite.number('pools', 'new_study_upper', 0, 100.0, **key)} %."
        )
    return " ".join(parts)


def _contrast(cite: Citations, table: str, a: str, b: str) -> str:
    key: dict[str, Any] = {"a": a, "b": b, "scale": "risk_difference", "estimand": "typical"}
    ratio: dict[str, Any] = {**key, "scale": "odds_ratio"}
    name = f"{table}_contrasts"
    return (
        f"{cite.points(name, '', **key)}; odds ratio {cite.ratio(name, '', **ratio)}; "
        f"probability that {a} is higher {cite.chance(name, 'p_superior', **key)}"
    )


def treatment_results(cite: Citations) -> str:
    """Return the paragraph on response by treatment group."""
    table, contrasts = "groups_orr_treatment", "groups_orr_treatment_contrasts"
    margin: dict[str, Any] = {"scale": "risk_difference", "estimand": "typical", "b": MONO}
    sensitivity: dict[str, Any] = {"analysis": table, "a": TKI, "b": MONO}
    unpooled: dict[str, Any] = {**sensitivity, "prior": "unpooled means"}
    return (
        f"Response was {cite.rate(table, 'typical_', group=TKI)} with {TKI} and "
        f"{cite.rate(table, 'typical_', group=MONO)} with {MONO} (typical rates, partially pooled; "
        f"{_contrast(cite, table, TKI, MONO)}). That the difference exceeds {_margin(cite)} had "
        f"probability {cite.chance(contrasts, 'p_margin', a=TKI, **margin)}, that {TKI} is the "
        f"best of the five groups {cite.chance(table, 'p_best', group=TKI)}. In the "
        f"wording used here, the claim that {TKI} is best is "
        f"{cite.words('claims', 'verdict', claim_id='C01')}. "
        f"{CHEMO} against {MONO}: {_contrast(cite, table, CHEMO, MONO)}. The difference from "
        f"{MONO} lay within {_margin(cite)} with probability "
        f"{cite.chance(contrasts, 'p_within', a=DUAL, **margin)} for {DUAL} and "
        f"{cite.chance(contrasts, 'p_within', a=IMMUNO, **margin)} for {IMMUNO}. The contrast "
        "depends on how much the groups are assumed to resemble each other: with unpooled group "
        f"means the odds ratio of {TKI} against {MONO} was "
        f"{cite.ratio('sigma_sensitivity', 'odds_ratio_', **unpooled)} (probability "
        f"{cite.chance('sigma_sensitivity', 'p_superior', **unpooled)})."
    )


def line_results(cite: Citations) -> str:
    """Return the paragraph on the line of treatment."""
    within = "groups_orr_line_in_chemotherapy"
    return (
        f"First-line arms had a typical response rate of "
        f"{cite.rate('groups_orr_line', 'typical_', group=FIRST)}, arms in second line or beyond "
        f"{cite.rate('groups_orr_line', 'typical_', group=LATER)} "
        f"({_contrast(cite, 'groups_orr_line', FIRST, LATER)}). The first-line evidence is "
        f"{cite.number('groups_orr_line', 'k', group=FIRST)} arms with "
        f"{cite.number('groups_orr_line', 'events', group=FIRST)} responders among "
        f"{cite.number('groups_orr_line', 'total', group=FIRST)} patients, and all of them "
        "received chemotherapy as well. Among ICI + chemotherapy arms only, the contrast was "
        f"{_contrast(cite, within, FIRST, LATER)}. Line and treatment cannot be told apart in "
        "these data."
    )


def toxicity_results(cite: Citations) -> str:
    """Return the paragraph on toxicity."""
    table = "groups_trae_treatment"
    return (
        f"Grade 3-5 treatment-related adverse events were estimated at "
        f"{cite.rate(table, 'typical_', group=TKI)} with {TKI}, "
        f"{cite.rate(table, 'typical_', group=CHEMO)} with {CHEMO} and "
        f"{cite.rate(table, 'typical_', group=MONO)} with {MONO} (typical rates). {TKI} against "
        f"{MONO}: {_contrast(cite, table, TKI, MONO)}. {CHEMO} against {MONO}: "
        f"{_contrast(cite, table, CHEMO, MONO)}. {CHEMO} rests on "
        f"{cite.number(table, 'k', group=CHEMO)} arms here."
    )


def randomised_results(cite: Citations) -> str:
    """Return the paragraph on the two randomised trials."""
    parts = []
    for row in cite.tables["randomised"].itertuples():
        key: dict[str, Any] = {"a": row.a}
        parts.append(
            f"{row.a}: {cite.number('randomised', 'events_a', **key)} of "
            f"{cite.number('randomised', 'total_a', **key)} against "
            f"{cite.number('randomised', 'events_b', **key)} of "
            f"{cite.number('randomised', 'total_b', **key)} with {row.b}, a difference of "
            f"{cite.points('randomised', '', **key)}, probability of a higher rate "
            f"{cite.chance('randomised', 'p_superior', **key)} "
            f"({wording(cite.value('randomised', 'p_superior', **key))})"
        )
    return (
        "Two trials randomised between arms of this review. " + "; ".join(parts) + ". These are "
        "the only contrasts of this review that rest on randomisation."
    )


def limits(cite: Citations) -> str:
    """Return the paragraph on limits."""
    rho: dict[str, Any] = {
        "analysis": "groups_orr_treatment",
        "prior": f"HalfNormal({cite.value('settings', 'value', name='prior_sigma_scale'):g}), "
        "publication effect",
    }
    return (
        "Apart from those two trials, every contrast compares arms of different trials. Treatment "
        "groups differ in histology, line, period and response criteria, and the posterior "
        "probabilities above do not account for that confounding. "
        f"Correlating arms of one publication left the contrast of {TKI} with {MONO} at an odds "
        f"ratio of {cite.ratio('sigma_sensitivity', 'odds_ratio_', **rho)}. Small-study effects "
        "were not tested: with proportions, the standard error depends on the rate itself, so "
        "funnel-type tests mislead, and the risk-of-bias scores of the single trials are not in "
        "the paper's text, so that no analysis by risk of bias could be made. Responses are as "
        "the paper counts them; where a trial report gives another count, the difference is "
        "listed with the data."
    )


def discussion_markdown(cite: Citations) -> str:
    """Return the whole page for the paper's own data."""
    sections = (
        ("Methods", methods),
        ("Overall rates", overall_results),
        ("Treatment groups", treatment_results),
        ("Line of treatment", line_results),
        ("Toxicity", toxicity_results),
        ("Randomised comparisons", randomised_results),
        ("Limits", limits),
    )
    parts = [
        "# Paragraphs for a discussion section",
        "",
        "Ready to adapt. Every number is taken from the tables beside this file; "
        "`tables/discussion_numbers.csv` says from which cell.",
        "",
    ]
    if (cite.tables["diagnostics"]["gate"] != "passed").any():
        parts += ["**A fit did not pass the gate: do not use these paragraphs.**", ""]
    for title, section in sections:
        parts += [f"## {title}", "", section(cite), ""]
    return "\n".join(parts)
