"""Paragraphs for a methods and a discussion section, every number taken from the tables.

The methods give what the Bayesian analysis reporting guideline (Kruschke 2021, Nat Hum Behav
5:1282) asks for, as far as it has been done: model and priors with reasons, estimands and
thresholds, computation and its checks, sensitivity to the prior, reproducibility.
"""

from pathlib import Path
from typing import Any

from models.analyses.groups.claims import CHEMO, DUAL, IMMUNO, MONO, TKI, WORDS
from models.common.files import write_csv, write_text
from models.render.citations import Citations
from models.report.case_mix import case_mix_paragraphs
from models.report.checks import model_checks, sensitivity_results
from models.report.subtypes import (
    simulation_results,
    subtype_methods,
    subtype_results,
    tiny_subtype,
)

FIRST, LATER = "first line", ">= second line"


def methods(cite: Citations, *, paper: bool = True) -> str:
    """Return the methods paragraph; ``paper`` adds what was done for the paper's data only."""

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
        "where said, the average rate over studies; contrasts compare typical "
        "rates. All intervals are "
        f"{cite.percent('settings', 'value', name='interval')} equal-tailed posterior intervals "
        "around the posterior median, and probabilities are posterior probabilities given model "
        f"and priors. The margin of a relevant difference was {_margin(cite)}. "
        f"Posteriors were sampled with PyMC {package['pymc']} and nutpie {package['nutpie']} "
        f"(No-U-Turn sampler, {setting('chains')} chains, {setting('tune')} tuning and "
        f"{setting('draws')} kept draws each, target acceptance "
        f"{setting('target_accept', 2)}, seed "
        f"{setting('seed')}) and checked with ArviZ {package['arviz']}: every free variable and "
        f"estimand had to show R-hat of at most {setting('rhat_limit', 2)} and bulk and tail "
        f"effective sample sizes of at least {setting('ess_limit')}, and every fit no divergent "
        "transition, no saturated tree and a Bayesian fraction of missing information of at "
        f"least {setting('bfmi_limit', 1)}. A fit that failed was refitted with twice the draws "
        f"and tuning and a higher target acceptance; {_escalated(cite)}. The largest R-hat over "
        f"all fits was {cite.number('diagnostics', 'rhat_max', 4, fit=worst)}, the smallest tail "
        f"effective sample size {cite.number('diagnostics', 'ess_tail_min', 0, fit=scarce)}. "
        "Software versions, seeds and checksums of the inputs are kept with every fit."
        + (_paper_methods(cite) if paper else "")
    )


def _escalated(cite: Citations) -> str:
    """Say which fits needed the escalation."""
    table = cite.tables["diagnostics"]
    refitted = table[table["escalations"] > 0]
    if refitted.empty:
        return "none needed it"
    parts = [
        f"{row.fit} needed it ({cite.number('diagnostics', 'draws', fit=row.fit)} draws in all, "
        f"target acceptance {cite.number('diagnostics', 'target_accept', 3, fit=row.fit)})"
        for row in refitted.itertuples()
    ]
    return ", ".join(parts)


def _paper_methods(cite: Citations) -> str:
    """Return what was done for the paper's data only."""
    scale = ", ".join(
        f"{words} from {cite.plain('settings', 'value', name=f'wording: {words}')}"
        for _, words in WORDS[:-1]
    )
    return (
        " Contrasts were repeated under other priors of sigma_group and with unpooled group means "
        "(sensitivity). The conclusions of the published analysis were worded by their posterior "
        f"probability: {scale}, below that {WORDS[-1][1]}. As a check of the data and of the "
        "model, the published Freeman-Tukey pools were recomputed from the same counts and set "
        "beside the posterior. The binomial-normal model is that of Stijnen et al. (Stat Med, "
        "volume 29, page 3046), the diagnostics are those of Vehtari et al. (Bayesian Anal, volume "
        f"16, page 667). {subtype_methods(cite)} Data and code are public."
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
            f"{cite.percent('pools', 'ft_estimate', **key)} "
            f"({cite.number('pools', 'ft_lower', 0, 100.0, **key)} to "
            f"{cite.number('pools', 'ft_upper', 0, 100.0, **key)}). Arms differed widely (tau "
            f"{cite.ratio('pools', 'tau_', **key)}): the underlying rate of a new "
            "study is predicted between "
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
    main: dict[str, Any] = {**sensitivity, "prior": "HalfNormal(1)"}
    dcr: dict[str, Any] = {"claim_id": "C07"}
    return (
        "The published test between the five treatment groups has p = "
        f"{cite.number('published_comparison', 'p', 3, id='P012')}, and the standard deviation "
        "between groups is not told from zero (sigma_group "
        f"{cite.ratio('sigma_sensitivity', 'sigma_', **main)}). "
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
        f"{cite.chance('sigma_sensitivity', 'p_superior', **unpooled)}), and that {TKI} is best "
        f"had probability {cite.chance('claims', 'probability_unpooled', claim_id='C01')}; the "
        f"similarity of {DUAL} and {IMMUNO} to {MONO} fell to "
        f"{cite.chance('claims', 'probability_unpooled', claim_id='C05')} and "
        f"{cite.chance('claims', 'probability_unpooled', claim_id='C06')}. Disease control was "
        f"highest with {TKI} with probability {cite.chance('claims', 'probability', **dcr)} "
        f"({cite.chance('claims', 'probability_unpooled', **dcr)} with unpooled means)."
    )


def _unpooled_sentence(cite: Citations, claim: str) -> str:
    """Say what a claim's probability is if no group learns from another's mean."""
    return (
        "With unpooled group means the probability is "
        f"{cite.chance('claims', 'probability_unpooled', claim_id=claim)} instead of "
        f"{cite.chance('claims', 'probability', claim_id=claim)}: with so few groups the prior of "
        "sigma_group matters."
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
        f"{cite.number(within, 'events', group=FIRST)} of "
        f"{cite.number(within, 'total', group=FIRST)} against "
        f"{cite.number(within, 'events', group=LATER)} of "
        f"{cite.number(within, 'total', group=LATER)} patients, "
        f"{_contrast(cite, within, FIRST, LATER)}. {_unpooled_sentence(cite, 'C08')} Line and "
        "treatment cannot be told apart in these data."
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
        f"{cite.number(table, 'k', group=CHEMO)} arms here. For {TKI}: "
        f"{_unpooled_sentence(cite, 'C11')}"
    )


def randomised_results(cite: Citations) -> str:
    """Return the paragraph on the two randomised trials."""
    parts = []
    for row in cite.tables["randomised"].itertuples():
        key: dict[str, Any] = {"a": row.a, "counts": row.counts}
        parts.append(
            f"{row.a} against {row.b}, counts of the {row.counts}: "
            f"{cite.number('randomised', 'events_a', **key)} of "
            f"{cite.number('randomised', 'total_a', **key)} against "
            f"{cite.number('randomised', 'events_b', **key)} of "
            f"{cite.number('randomised', 'total_b', **key)}, a difference of "
            f"{cite.points('randomised', '', **key)}, probability of a higher rate "
            f"{cite.chance('randomised', 'p_superior', **key)}"
        )
    return (
        "Two trials randomised between arms of this review. " + "; ".join(parts) + ". The "
        "denominators are evaluable patients, the first trial was not designed to compare its "
        "arms, and with one event or none the posterior of the second leans on its prior."
    )


def limits(cite: Citations) -> str:
    """Return the paragraph on limits."""
    rho: dict[str, Any] = {
        "analysis": "groups_orr_treatment",
        "a": TKI,
        "prior": f"HalfNormal({cite.value('settings', 'value', name='prior_sigma_scale'):g}), "
        "publication effect",
    }
    return (
        "Apart from those two trials, every contrast compares arms of different trials. Treatment "
        "groups differ in histology, line, period and response criteria; apart from the section at "
        "equal histology, the posterior probabilities above do not account for that confounding. "
        f"With arms of one publication correlated, the odds ratio of {TKI} against {MONO} was "
        f"{cite.ratio('sigma_sensitivity', 'odds_ratio_', **rho)} (probability "
        f"{cite.chance('sigma_sensitivity', 'p_superior', **rho)}); the correlation itself, "
        f"{cite.ratio('sigma_sensitivity', 'rho_', **rho)}, is hardly known from three pairs of "
        "arms. Small-study effects were not tested: with proportions, the standard error depends "
        "on the rate itself, so that tests of funnel asymmetry mix the two, and "
        "the risk-of-bias scores of the single trials are not in "
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
        ("Histologic subtypes", subtype_results),
        ("A subtype with two patients", tiny_subtype),
        ("What the methods make of small subtypes", simulation_results),
        ("Randomised comparisons", randomised_results),
        ("Sensitivity", sensitivity_results),
        ("Model comparison and predictive checks", model_checks),
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
    pages = [(title, section(cite)) for title, section in sections]
    # equal histology goes before sensitivity, checks and limits, which close the page
    pages[-3:-3] = case_mix_paragraphs(cite)
    for title, text in pages:
        parts += [f"## {title}", "", text, ""]
    return "\n".join(parts)


def write_discussion(text: str, cite: "Citations", out: Path) -> list[Path]:
    """Write the paragraphs as Markdown and LaTeX, and where each number is from."""
    from models.render.format import latex_text

    page, source = out / "discussion.md", out / "discussion.tex"
    write_text(page, text)
    write_text(source, latex_text(text))
    numbers = write_csv(cite.frame(), out / "tables" / "discussion_numbers.csv")
    return [page, source, numbers]
