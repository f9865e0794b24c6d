"""The subgroup part of the main job: every grouping, the claims, the sensitivity, the trials."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pandas as pd

from models.analyses.groups.claims import CHEMO, MONO, TKI, claims_frame, claims_markdown
from models.analyses.groups.randomised import randomised_table
from models.analyses.groups.sigma import (
    contrast_row,
    sensitivity_frame,
    sensitivity_markdown,
    sigma_sensitivity,
)
from models.analyses.groups.summary import SubgroupAnalysis, analyse_groups
from models.estimands.rates import estimands_for
from models.analyses.groups.tables import write_analysis
from models.common.files import write_csv, write_text
from models.estimands.contrasts import DEFAULT_MARGIN, NOT_RANDOMISED
from models.estimands.rates import summarise
from models.evidence.groupings import GROUPINGS, grouped_outcome
from models.evidence.load import Evidence
from models.evidence.vocabulary import OUTCOMES, TREATMENTS
from models.fitting.fit import FittedModel, Fitter
from models.independent_groups import build_independent_groups_model
from models.priors import Priors
from models.publication import build_publication_model
from models.render.format import frame_markdown, latex, points, probability

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

type Keep = Callable[[str, str, Any], None]


@dataclass(frozen=True)
class GroupResults:
    """What the subgroup part of the job made.

    Attributes
    ----------
    analyses
        By ``outcome_grouping``.
    unpooled
        Fits with unpooled group means, by the same names.
    sensitivity
        Contrasts under other models of the group means.
    randomised
        The two randomised comparisons.
    """

    analyses: dict[str, SubgroupAnalysis]
    unpooled: dict[str, FittedModel]
    sensitivity: pd.DataFrame
    randomised: pd.DataFrame


def number_of_fits() -> int:
    """Return how many fits the stage makes, for the progress bar."""
    return len(ANALYSES) + len(UNPOOLED) + 1


def analysis_title(outcome: str, by: str) -> str:
    """Return the title of an analysis."""
    return f"{OUTCOMES[outcome].capitalize()}: {GROUPINGS[by].description}"


def run_groups(evidence: Evidence, sampler: Fitter, priors: Priors, keep: Keep) -> GroupResults:
    """Fit every grouping; ``keep`` is called with name, description and fit of each."""
    analyses: dict[str, SubgroupAnalysis] = {}
    for outcome, by in ANALYSES:
        analysis = analyse_groups(
            grouped_outcome(evidence, outcome, by),
            sampler,
            priors,
            outcome=outcome,
            by=by,
            margin=DEFAULT_MARGIN,
            higher_is_better=outcome != "trae",
        )
        keep(analysis.name, analysis_title(outcome, by), analysis.fit)
        analyses[f"{outcome}_{by}"] = analysis
    unpooled: dict[str, FittedModel] = {}
    for name in UNPOOLED:
        review = analyses[name].review
        fit = sampler.fit(
            build_independent_groups_model,
            review,
            priors,
            estimands_for(review),
            f"unpooled_{name}",
        )
        keep(f"unpooled_{name}", f"{name}, unpooled group means", fit)
        unpooled[name] = fit
    return GroupResults(
        analyses=analyses,
        unpooled=unpooled,
        sensitivity=_sensitivity(analyses, unpooled, sampler, priors, keep),
        randomised=randomised_table(evidence),
    )


def _sensitivity(
    analyses: dict[str, SubgroupAnalysis],
    unpooled: dict[str, FittedModel],
    sampler: Fitter,
    priors: Priors,
    keep: Keep,
) -> pd.DataFrame:
    seed = sampler.settings.seed
    tables = [
        sigma_sensitivity(analyses[name], a, b, unpooled[name], priors, seed)
        for name, a, b in SENSITIVE
    ]
    # arms of one publication correlated: do the main contrasts change?
    main = analyses["orr_treatment"]
    name = "publication_orr_treatment"
    estimands = estimands_for(main.review)
    fit = sampler.fit(build_publication_model, main.review, priors, estimands, name)
    keep(name, "ORR by treatment, publication effect", fit)
    typical = fit.posterior["typical_rate"]
    for a in TREATMENTS[1:]:
        row = contrast_row(
            f"HalfNormal({priors.sigma_scale:g}), publication effect",
            typical.sel(group=a).values.ravel(),
            typical.sel(group=MONO).values.ravel(),
            fit.posterior["sigma_group"].values.ravel(),
        )
        rho = {f"rho_{part}": v for part, v in summarise(fit.posterior["rho"]).items()}
        tables.append(pd.DataFrame([{"analysis": main.name, "a": a, "b": MONO, **row, **rho}]))
    return pd.concat(tables, ignore_index=True)


def write_groups(results: GroupResults, claims: pd.DataFrame, out: Path) -> None:
    """Write the tables and pages of the subgroup part."""
    tables = out / "tables"
    for analysis in results.analyses.values():
        title = analysis_title(analysis.outcome, analysis.by)
        write_analysis(analysis, title, DEFAULT_MARGIN, out)
    write_csv(results.sensitivity, tables / "sigma_sensitivity.csv")
    write_text(tables / "sigma_sensitivity.md", sensitivity_markdown(results.sensitivity))
    write_csv(results.randomised, tables / "randomised.csv")
    write_text(tables / "randomised.md", randomised_markdown(results.randomised))
    write_csv(claims, tables / "claims.csv")
    write_text(tables / "claims.md", claims_markdown(claims))
    for stem, frame, caption in (
        ("claims", claims_frame(claims), f"The paper's conclusions. {NOT_RANDOMISED}"),
        (
            "sigma_sensitivity",
            sensitivity_frame(results.sensitivity),
            f"Contrasts and the prior of sigma_group. {NOT_RANDOMISED}",
        ),
        ("randomised", randomised_frame(results.randomised), "The two randomised comparisons."),
    ):
        write_text(tables / f"{stem}.tex", latex(frame, caption))


def randomised_frame(table: pd.DataFrame) -> pd.DataFrame:
    """Return the randomised comparisons as a frame of texts."""
    rows = [
        {
            "counts from": r.counts,
            "a": r.a,
            "events/total, a": f"{r.events_a}/{r.total_a}",
            "b": r.b,
            "events/total, b": f"{r.events_b}/{r.total_b}",
            "difference a - b (points)": points(r.median, r.lower, r.upper),
            "P(a > b)": probability(r.p_superior),
            "Fisher's exact p": f"{r.fisher_p:.2f}",
        }
        for r in table.itertuples()
    ]
    return pd.DataFrame(rows)


def randomised_markdown(table: pd.DataFrame) -> str:
    """Return the page of the two randomised comparisons."""
    return "\n".join(
        [
            "# The two randomised comparisons",
            "",
            "Objective response in the two trials that randomised between arms of this review. "
            "Denominators are evaluable patients, not all those randomised, and D'Angelo 2018 was "
            "not designed to compare its arms. Posterior with independent Jeffreys priors, "
            "Beta(1/2, 1/2), in each arm; risk difference with 95 % equal-tailed interval. With "
            "one event or none, as in Chawla 2022, the posterior leans on the prior.",
            "",
            frame_markdown(randomised_frame(table)),
            "",
        ]
    )
