"""Paragraphs on treatment contrasts at equal histology."""

from typing import Any, Final

from models.analyses.groups.claims import CHEMO, MONO, TKI
from models.render.citations import Citations

CONTRASTS, FACTS, PARAMETERS = "case_mix_contrasts", "case_mix_facts", "case_mix_parameters"
EXPLAINED: Final[dict[str, Any]] = {"parameter": "tau_squared_explained"}
SURVIVES: Final = 0.90
"""Least posterior probability, and least odds ratio relative to the unadjusted one, in words."""


def _fact(cite: Citations, name: str, digits: int = 0) -> str:
    return cite.number(FACTS, "value", digits, name=name)


def case_mix_methods(cite: Citations) -> str:
    """Return what the methods section says of the case mix."""
    return (
        "Treatments were compared at equal histology with a model in which the patients of an arm "
        "and a subtype respond with a logit that adds effects of the subtype, the treatment group "
        "and the study. Known are the responders of every arm and those of every subtype in each "
        f"treatment group; the table between them ({_fact(cite, 'cells')} cells) was sampled "
        "jointly with the parameters, among all tables that have these margins and agree with "
        f"what trial reports state of {_fact(cite, 'cells_stated')} cells, so that no patient is "
        f"used twice. The margins and these reports leave one value to "
        f"{_fact(cite, 'cells_fixed')} cells; the other {_fact(cite, 'cells_free')} were inferred "
        "(Markov chain Monte Carlo; moves along cycles of cells reach every such table). "
        f"Denominators are patients enrolled; of {_fact(cite, 'enrolled')}, "
        f"{_fact(cite, 'without_subtype')} have no subtype in the paper and were left out. The "
        f"{_fact(cite, 'not_evaluable')} who could not be evaluated count as non-responders. The "
        "reports of both arms of D'Angelo 2018 count other numbers of responders than the paper "
        "does, and were not used. The unadjusted comparison is the model of treatment groups "
        "fitted to the same arms and denominators. Odds ratios are conditional on subtype and "
        "study; rates are those of a typical study averaged over the patients of the review."
    )


def _pair(a: str, b: str, scale: str = "odds_ratio") -> dict[str, Any]:
    return {"a": a, "b": b, "scale": scale}


def _verdict(cite: Citations) -> str:
    """Answer whether the advantage of the combination with a TKI survives adjustment."""
    key = _pair(TKI, MONO)
    probability = cite.value(CONTRASTS, "adjusted_p_superior", **key)
    adjusted = cite.value(CONTRASTS, "adjusted_median", **key)
    unadjusted = cite.value(CONTRASTS, "unadjusted_median", **key)
    if probability < SURVIVES:
        return f"The advantage of {TKI} over {MONO} does not clearly survive adjustment"
    if adjusted >= unadjusted:
        return f"The advantage of {TKI} over {MONO} survives adjustment for histology and grows"
    return f"The advantage of {TKI} over {MONO} survives adjustment for histology but shrinks"


def _odds(cite: Citations, a: str, b: str) -> str:
    key = _pair(a, b)
    return (
        f"{cite.ratio(CONTRASTS, 'adjusted_', **key)} (probability of a higher rate "
        f"{cite.chance(CONTRASTS, 'adjusted_p_superior', **key)}), unadjusted "
        f"{cite.ratio(CONTRASTS, 'unadjusted_', **key)} (probability "
        f"{cite.chance(CONTRASTS, 'unadjusted_p_superior', **key)})"
    )


def case_mix_results(cite: Citations) -> str:
    """Return the paragraph on treatment contrasts at equal histology."""
    marginal, difference = (
        _pair(TKI, MONO, "marginal_odds_ratio"),
        _pair(TKI, MONO, "risk_difference"),
    )
    best = _pair(CHEMO, TKI)
    mixed = {"analysis": "without arms of one histology", **_pair(TKI, MONO)}
    return (
        f"{_verdict(cite)}: at equal histology the odds ratio is {_odds(cite, TKI, MONO)}. It "
        "leans on the arms of one histology: without them the probability is "
        f"{cite.chance('case_mix_sensitivity', 'adjusted_p_superior', **mixed)}. "
        f"Averaged over the review's patients this is a difference of "
        f"{cite.points(CONTRASTS, 'adjusted_', **difference)} and a marginal odds ratio of "
        f"{cite.ratio(CONTRASTS, 'adjusted_', **marginal)}; the marginal one lies nearer to one "
        "because odds ratios do not average, not because anything confounds. The mix is one "
        f"reason: {_fact(cite, 'asps_arms_first')} of the {_fact(cite, 'asps_arms')} arms that "
        "enrolled alveolar soft part sarcoma only, the most responsive of the larger subtypes, "
        f"gave {MONO}, whose standardised rate is "
        f"{cite.rate('case_mix_treatments', 'adjusted_', treatment=MONO)} instead of "
        f"{cite.percent('case_mix_treatments', 'unadjusted_median', treatment=MONO)}. "
        f"{CHEMO} gains more: its odds ratio against {MONO} is {_odds(cite, CHEMO, MONO)}. "
        f"Whether {CHEMO} or {TKI} is the better one stays open (odds ratio "
        f"{cite.ratio(CONTRASTS, 'adjusted_', **best)}, probability "
        f"{cite.chance(CONTRASTS, 'adjusted_p_superior', **best)}). {_explained(cite)}"
    )


def _explained(cite: Citations) -> str:
    """Say how much of the heterogeneity histology explains."""
    return (
        "The standard deviation between studies falls from "
        f"{cite.ratio(PARAMETERS, '', parameter='tau_unadjusted')} to "
        f"{cite.ratio(PARAMETERS, '', parameter='tau')}: histology explains "
        f"{cite.percent(PARAMETERS, 'median', **EXPLAINED)} of its square (95 % interval "
        f"{cite.number(PARAMETERS, 'lower', 0, 100.0, **EXPLAINED)} to "
        f"{cite.number(PARAMETERS, 'upper', 0, 100.0, **EXPLAINED)}; probability that it explains "
        f"anything {cite.chance(PARAMETERS, 'p_positive', **EXPLAINED)})."
    )


def case_mix_limits(cite: Citations) -> str:
    """Return the paragraph on what identifies these contrasts."""
    pair: dict[str, Any] = {"a": TKI, "b": MONO}

    def odds(analysis: str) -> str:
        key: dict[str, Any] = {"analysis": analysis, **_pair(TKI, MONO)}
        return (
            f"{cite.ratio('case_mix_sensitivity', 'adjusted_', **key)} (probability "
            f"{cite.chance('case_mix_sensitivity', 'adjusted_p_superior', **key)})"
        )

    table = "case_mix_identification"
    both = cite.tables[table]
    named = both[both["single_shared_count"] > 0]
    direct = "; ".join(f"{r.a} and {r.b} ({r.single_shared})" for r in named.itertuples())
    rest = (
        "Only these pairs of treatments share a histology that both tested in arms of that "
        f"histology alone: {direct}. "
        if direct
        else "No pair of treatments shares a histology that both tested in arms of it alone. "
    )
    return (
        "What identifies these contrasts: how many patients of a subtype responded to a treatment "
        "group is counted, patient by patient; which arm of the group they came from is in part "
        f"inferred from the arms' totals and composition (ecological). {rest}Every other contrast, "
        f"that of {TKI} with {MONO} among them, sets patients of arms with mixed histology against "
        "others and rests on composition within arms: it takes the effect of a study to be the "
        "same for all its subtypes and the effect of a treatment the same for all subtypes. For "
        f"{TKI} against {MONO}, {cite.number(table, 'shared_subtypes', **pair)} subtypes with "
        f"{cite.number(table, 'patients_a', **pair)} and "
        f"{cite.number(table, 'patients_b', **pair)} patients occur in both, "
        f"{cite.number(table, 'single_b', **pair)} of the latter in arms of one histology; by "
        "counting alone, the odds ratio over those of them whose totals are printed is "
        f"{cite.number(table, 'mantel_haenszel', 2, **pair)} (Mantel-Haenszel, blind to "
        "differences between studies). "
        f"Without the {_fact(cite, 'single_arms')} arms of one histology "
        f"({_fact(cite, 'single_patients')} patients) its odds ratio is "
        f"{odds('without arms of one histology')}; with evaluable patients as denominators "
        f"{odds('evaluable patients')}. The approximation without a latent table gives "
        f"{odds('fast approximation')}; over all contrasts its interval's width on the log scale "
        f"is {_fact(cite, 'approximation_width_least', 2)} to "
        f"{_fact(cite, 'approximation_width_most', 2)} times the exact one. Line of treatment, "
        "period and selection by biomarkers are not adjusted for, and none of these comparisons is "
        "randomised."
    )


def case_mix_paragraphs(cite: Citations) -> list[tuple[str, str]]:
    """Return titles and paragraphs on the case mix, in order."""
    return [
        ("Methods: equal histology", case_mix_methods(cite)),
        ("Treatment at equal histology", case_mix_results(cite)),
        ("What identifies these contrasts", case_mix_limits(cite)),
    ]
