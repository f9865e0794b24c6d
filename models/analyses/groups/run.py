"""Every grouping, the claims under every assumption, the two randomised comparisons."""

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any, Final

import pandas as pd
from matplotlib.figure import Figure

from models.analyses.groups.assumptions import assumptions_table
from models.analyses.groups.claims_table import paper_claims, similarity_table
from models.analyses.groups.contrast_forest import contrast_forest
from models.analyses.groups.forest import group_forest
from models.analyses.groups.pages import groupings_table
from models.analyses.groups.randomised import randomised_table
from models.analyses.groups.ranks import rank_heatmap
from models.analyses.groups.summary import SubgroupAnalysis, analyse_groups
from models.estimands.contrasts import DEFAULT_MARGIN
from models.evidence.groupings import GROUPINGS, grouped_outcome
from models.evidence.load import Evidence
from models.evidence.vocabulary import OUTCOMES
from models.fitting.checked import Checked
from models.fitting.fit import Fit, Fitter, Wanted
from models.fitting.registry import INDEPENDENT_GROUPS, PUBLICATION
from models.grid.fits import fit_unpooled
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

UNPOOLED: Final = (
    "orr_treatment",
    "dcr_treatment",
    "trae_treatment",
    "orr_line",
    "dcr_line",
    "orr_line_in_chemotherapy",
)
"""Analyses whose unpooled group means are sampled too: those that the claims rest on."""

DRAWN: Final = ("orr_treatment", "dcr_treatment", "trae_treatment")
"""Analyses that are drawn, side by side."""


def analysis_title(outcome: str, by: str) -> str:
    """Return the title of an analysis."""
    return f"{OUTCOMES[outcome].capitalize()}: {GROUPINGS[by].description}"


def run(evidence: Evidence, fit: Fitter, done: Mapping[str, Output]) -> Output:
    """Fit every grouping, judge the claims, and show what they rest on."""
    checked = Checked(fit)
    analyses = {
        f"{outcome}_{by}": analyse_groups(
            grouped_outcome(evidence, outcome, by),
            checked,
            outcome=outcome,
            by=by,
            margin=DEFAULT_MARGIN,
            higher_is_better=outcome != "trae",
            description=analysis_title(outcome, by),
        )
        for outcome, by in ANALYSES
    }
    for name in UNPOOLED:
        check_unpooled(name, analyses[name].review, checked, fit)
    assumptions = assumptions_table(
        analyses, _publication(analyses["orr_treatment"], fit), fit.seed
    )
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
            "assumptions": assumptions,
            "similarity": similarity_table(analyses["orr_treatment"], fit.seed),
            "randomised": randomised_table(evidence),
            "claims": judge_claims(evidence, analyses, assumptions, pools),
            "groups_sampler": checked.table(),
        },
        figures=_figures(analyses, pools),
    )


def check_unpooled(name: str, review: pd.DataFrame, checked: Checked, fit: Fitter) -> None:
    """Hold the sampler's unpooled group means against the exact ones."""
    sampled = fit(
        Wanted(
            INDEPENDENT_GROUPS,
            review,
            name=f"unpooled_{name}",
            description=f"{name}, unpooled group means",
        )
    )
    exact = fit_unpooled(
        review["events"],
        review["total"],
        list(review["group"]),
        groups=[str(group) for group in review["group"].cat.categories],
        mu_mean=DEFAULT_PRIORS.mu_mean,
        mu_sd=DEFAULT_PRIORS.mu_sd,
        tau_scale=DEFAULT_PRIORS.tau_scale,
    )
    means = {"typical_rate": exact.groups.rate_mean, "tau": exact.tau.mean}
    checked.compare(f"unpooled_{name}", means, sampled.posterior)


def judge_claims(
    evidence: Evidence,
    analyses: Mapping[str, SubgroupAnalysis],
    assumptions: pd.DataFrame,
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
    return paper_claims(assumptions, analyses, overall, printed)


def _publication(main: SubgroupAnalysis, fit: Fitter) -> Fit:
    """Return the fit in which arms of one publication correlate."""
    return fit(
        Wanted(
            PUBLICATION,
            main.review,
            name="publication_orr_treatment",
            description="ORR by treatment, publication effect",
        )
    )


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
