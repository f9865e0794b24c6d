"""Every grouping, the claims, the prior of sigma_group, the two randomised comparisons."""

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any, Final

import pandas as pd
from matplotlib.figure import Figure

from models.analyses.groups.claims import CHEMO, MONO, TKI, paper_claims
from models.analyses.groups.contrast_forest import contrast_forest
from models.analyses.groups.forest import group_forest
from models.analyses.groups.pages import groupings_table
from models.analyses.groups.randomised import randomised_table
from models.analyses.groups.ranks import rank_heatmap
from models.analyses.groups.sigma import contrast_row, sigma_sensitivity
from models.analyses.groups.summary import SubgroupAnalysis, analyse_groups
from models.estimands.contrasts import DEFAULT_MARGIN
from models.estimands.rates import summarise
from models.evidence.groupings import GROUPINGS, grouped_outcome
from models.evidence.load import Evidence
from models.evidence.vocabulary import OUTCOMES, TREATMENTS
from models.fitting.fit import Fit, Fitter, Wanted
from models.fitting.registry import INDEPENDENT_GROUPS, PUBLICATION
from models.priors import DEFAULT_PRIORS
from models.render.output import Output
from models.render.style import mark_failed

ANALYSES: Final = (
    ("orr", "treatment"),
    ("dcr", "treatment"),
    ("trae", "treatment"),
    ("orr", "line"),
    ("dcr", "line"),
    ("orr", "line_with_unknown"),
    ("orr", "line_in_chemotherapy"),
    ("orr", "target"),
    ("orr", "doxorubicin"),
    ("orr", "pd1_chemotherapy"),
)
"""Outcome and grouping of every analysis of the main job."""

FIRST, LATER = "first line", ">= second line"
SENSITIVE: Final = (
    ("orr_treatment", TKI, MONO),
    ("orr_treatment", CHEMO, MONO),
    ("trae_treatment", TKI, MONO),
    ("orr_line", FIRST, LATER),
    ("orr_line_in_chemotherapy", FIRST, LATER),
)
"""Contrasts that are repeated under other models of the group means."""

UNPOOLED: Final = (
    "orr_treatment",
    "dcr_treatment",
    "trae_treatment",
    "orr_line",
    "dcr_line",
    "orr_line_in_chemotherapy",
)
"""Analyses that are also fitted with unpooled group means: those that the claims rest on."""

DRAWN: Final = ("orr_treatment", "dcr_treatment", "trae_treatment")
"""Analyses that are drawn, side by side."""


def analysis_title(outcome: str, by: str) -> str:
    """Return the title of an analysis."""
    return f"{OUTCOMES[outcome].capitalize()}: {GROUPINGS[by].description}"


def run(evidence: Evidence, fit: Fitter, done: Mapping[str, Output]) -> Output:
    """Fit every grouping, judge the claims, and show what they rest on."""
    analyses = {
        f"{outcome}_{by}": analyse_groups(
            grouped_outcome(evidence, outcome, by),
            fit,
            outcome=outcome,
            by=by,
            margin=DEFAULT_MARGIN,
            higher_is_better=outcome != "trae",
            description=analysis_title(outcome, by),
        )
        for outcome, by in ANALYSES
    }
    unpooled = {
        name: fit(
            Wanted(
                INDEPENDENT_GROUPS,
                analyses[name].review,
                name=f"unpooled_{name}",
                description=f"{name}, unpooled group means",
            )
        )
        for name in UNPOOLED
    }
    pools = done["pools"].tables["pools"]
    titles = {a.name: analysis_title(a.outcome, a.by) for a in analyses.values()}
    tables: dict[str, pd.DataFrame] = {}
    for analysis in analyses.values():
        tables[analysis.name] = analysis.groups
        tables[f"{analysis.name}_contrasts"] = analysis.contrasts
        tables[f"{analysis.name}_ranks"] = analysis.ranks.reset_index()
    return Output(
        tables=tables
        | {
            "groupings": groupings_table(titles, list(analyses.values())),
            "sigma_sensitivity": _sensitivity(analyses, unpooled, fit),
            "randomised": randomised_table(evidence),
            "claims": judge_claims(evidence, analyses, unpooled, pools),
        },
        figures=_figures(analyses, pools),
    )


def judge_claims(
    evidence: Evidence,
    analyses: Mapping[str, SubgroupAnalysis],
    unpooled: Mapping[str, Fit],
    pools: pd.DataFrame,
) -> pd.DataFrame:
    """Set the paper's conclusions against the posteriors."""
    parts = ("median", "lower", "upper")
    overall: dict[str, Any] = {
        row["outcome"]: SimpleNamespace(
            **{name: {p: row[f"{name}_{p}"] for p in parts} for name in ("typical", "average")}
        )
        for row in pools[pools["label"] == "overall"].to_dict("records")
    }
    values = evidence.published_values
    printed = {
        row.outcome: f"{row.printed_estimate} ({row.printed_lower}-{row.printed_upper})"
        for row in values[values["subgroup"] == "overall"].itertuples()
    }
    return paper_claims(analyses, unpooled, overall, printed)


def _sensitivity(
    analyses: Mapping[str, SubgroupAnalysis], unpooled: Mapping[str, Fit], fit: Fitter
) -> pd.DataFrame:
    tables = [
        sigma_sensitivity(analyses[name], a, b, unpooled[name], DEFAULT_PRIORS, fit.seed)
        for name, a, b in SENSITIVE
    ]
    # arms of one publication correlated: do the main contrasts change?
    main = analyses["orr_treatment"]
    correlated = fit(
        Wanted(
            PUBLICATION,
            main.review,
            name="publication_orr_treatment",
            description="ORR by treatment, publication effect",
        )
    ).posterior
    typical = correlated["typical_rate"]
    for a in TREATMENTS[1:]:
        row = contrast_row(
            f"HalfNormal({DEFAULT_PRIORS.sigma_scale:g}), publication effect",
            typical.sel(group=a).values.ravel(),
            typical.sel(group=MONO).values.ravel(),
            correlated["sigma_group"].values.ravel(),
        )
        rho = {f"rho_{part}": v for part, v in summarise(correlated["rho"]).items()}
        tables.append(pd.DataFrame([{"analysis": main.name, "a": a, "b": MONO, **row, **rho}]))
    return pd.concat(tables, ignore_index=True)


def _figures(analyses: Mapping[str, SubgroupAnalysis], pools: pd.DataFrame) -> dict[str, Figure]:
    alone = {
        (row.outcome, row.label): (row.typical_median, row.typical_lower, row.typical_upper)
        for row in pools.itertuples()
    }
    drawn = [analyses[name] for name in DRAWN]
    single = [{str(g): alone[a.outcome, str(g)] for g in a.groups["group"]} for a in drawn]
    return {
        "groups": _marked(group_forest(drawn, single), *drawn),
        "contrasts": _marked(contrast_forest(drawn, DEFAULT_MARGIN), *drawn),
        "ranks": _marked(rank_heatmap(drawn), *drawn),
    }


def _marked(figure: Figure, *analyses: SubgroupAnalysis) -> Figure:
    if not all(analysis.fit and analysis.fit.gate.passed for analysis in analyses):
        mark_failed(figure)
    return figure
