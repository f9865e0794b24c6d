"""The response regressed on covariates of the arms: each alone, and beside the treatments."""

from collections.abc import Mapping
from typing import Final

import pandas as pd

from models.analyses.regression.plots import bubbles
from models.analyses.regression.summary import RegressionAnalysis, form_analysis
from models.analyses.regression.wanted import ALONE, TOGETHER, TREATMENT, Asked, regression
from models.estimands.contrasts import DEFAULT_MARGIN, contrast_table
from models.evidence.groupings import grouped_outcome
from models.evidence.load import Evidence
from models.fitting.exact import Exact
from models.fitting.fit import Fitter, Wanted
from models.fitting.registry import SUBGROUP
from models.priors import DEFAULT_REGRESSION_PRIORS
from models.render.output import Output
from models.render.style import mark_failed

NONE: Final = f"none, by {TREATMENT}"
"""The treatments without any covariate, beside which adjusted contrasts are read."""
EXACT_DRAWS: Final = 10_000
"""In each of four chains, for the contrasts without covariates."""
DRAWN: Final = ("asps_share", "ss_mls_share", "year", "log2_enrolled")
"""Covariates of the bubble plot."""


def run(evidence: Evidence, fit: Fitter, done: Mapping[str, Output]) -> Output:
    """Fit every regression; tables of coefficients, scales and contrasts, and a bubble plot."""
    analyses: dict[Asked, RegressionAnalysis] = {}
    for asked in (*ALONE, *TOGETHER):
        wanted, design = regression(evidence, asked)
        analyses[asked] = form_analysis(fit(wanted), design, DEFAULT_REGRESSION_PRIORS)
    figure = bubbles(evidence.outcome("orr"), [analyses[Asked((name,))] for name in DRAWN])
    if not all(analysis.fit.gate.passed for analysis in analyses.values()):
        mark_failed(figure)
    return Output(
        tables={
            "regression_coefficients": pd.concat(map(coefficients, analyses, analyses.values())),
            "regression_scales": pd.DataFrame(map(scales, analyses, analyses.values())),
            "regression_contrasts": pd.concat(
                [
                    unadjusted(evidence, fit.seed),
                    *(
                        analysis.contrasts.assign(regression=asked.label)
                        for asked, analysis in analyses.items()
                        if asked.by == TREATMENT
                    ),
                ],
                ignore_index=True,
            ).drop(columns="p_within"),
        },
        figures={"regression_bubbles": figure},
    )


def coefficients(asked: Asked, analysis: RegressionAnalysis) -> pd.DataFrame:
    """Return one row a term: ``regression``, ``term``, unit, odds ratio, what is missing."""
    terms = [term.label for term in analysis.design.terms]
    frame = pd.DataFrame(analysis.coefficients)
    frame.insert(0, "regression", asked.label)
    frame.insert(1, "term", terms)
    return frame.astype({"unit": str})


def scales(asked: Asked, analysis: RegressionAnalysis) -> dict[str, object]:
    """Return the standard deviations and the share explained of one regression."""
    row: dict[str, object] = {
        "regression": asked.label,
        "covariates": ", ".join(asked.covariates),
        "by": asked.by or "",
        "arms": len(analysis.design.frame),
    }
    for name in ("tau", "sigma_group", "share_explained"):
        numbers = getattr(analysis, name) or {}
        row |= {f"{name}_{part}": numbers.get(part) for part in ("median", "lower", "upper")}
    return row | {"prior_share": analysis.prior_share}


def unadjusted(evidence: Evidence, seed: int) -> pd.DataFrame:
    """Return the contrasts of treatments without covariates, from the exact posterior."""
    arms = grouped_outcome(evidence, "orr", TREATMENT)
    posterior = Exact(EXACT_DRAWS, seed)(Wanted(SUBGROUP, arms)).posterior
    return contrast_table(posterior, DEFAULT_MARGIN).assign(regression=NONE)
