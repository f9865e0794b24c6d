"""The case mix: the exact fit, what changes it, and the fast approximation."""

from collections.abc import Mapping
from typing import Final

import numpy as np
import pandas as pd
import xarray as xr

from models.analyses.case_mix.identification import identification
from models.analyses.case_mix.plots import adjusted_contrasts, arms_by_composition
from models.analyses.case_mix.summary import (
    CaseMixResult,
    CaseMixResults,
    contrast_frame,
    parameter_frame,
    summarise_case_mix,
    unadjusted,
)
from models.analyses.case_mix.table_plot import inferred_table
from models.analyses.case_mix.variants import evaluable_only, single_arms, without_arms
from models.estimands.case_mix import patient_mix
from models.evidence.case_mix import paper_review
from models.evidence.load import Evidence
from models.fitting.fit import Fit, Fitter, Wanted
from models.fitting.registry import CASE_MIX, CASE_MIX_APPROXIMATION
from models.priors import DEFAULT_PRIORS
from models.render.output import Output
from models.render.style import mark_failed
from models.reviews.case_mix import CaseMixReview

MAIN, EVALUABLE, MIXED, APPROXIMATION = (
    "main",
    "evaluable patients",
    "without arms of one histology",
    "fast approximation",
)
LENGTH: Final = {"draws": 1200, "tune": 800}
"""Of the main fit: effective sample sizes above three times the gate's least."""
BRIEF: Final = {"draws": 1000, "tune": 600}
"""Of the variants."""
HIGHEST: Final = "ASPS"
"""The most responsive of the larger subtypes."""


def reviews_of(evidence: Evidence) -> dict[str, CaseMixReview]:
    """Return the paper's review and its variants, by analysis."""
    review = paper_review(evidence)
    evaluable = evidence.outcome("orr").set_index("study")["total"].to_dict()
    return {
        MAIN: review,
        EVALUABLE: evaluable_only(review, evaluable),
        MIXED: without_arms(review, single_arms(review)),
    }


def wanted(reviews: Mapping[str, CaseMixReview]) -> dict[str, Wanted]:
    """Return the fits by analysis; rates of the variants are for the patients of the main one."""
    mix = patient_mix(reviews[MAIN])

    def variant(analysis: str, name: str) -> Wanted:
        review = reviews[analysis]
        shares = mix[review.subtypes] / mix[review.subtypes].sum()
        return Wanted(
            CASE_MIX,
            review.ledger(),
            name=name,
            description=f"case mix, {analysis}",
            given={"mix": shares.to_dict()},
            settings=BRIEF,
        )

    main = reviews[MAIN].ledger()
    return {
        MAIN: Wanted(CASE_MIX, main, name="case_mix", description="case mix", settings=LENGTH),
        EVALUABLE: variant(EVALUABLE, "case_mix_evaluable"),
        MIXED: variant(MIXED, "case_mix_mixed_arms"),
        APPROXIMATION: Wanted(
            CASE_MIX_APPROXIMATION,
            main,
            name="case_mix_approximation",
            description=f"case mix, {APPROXIMATION}",
        ),
    }


def fit_case_mix(evidence: Evidence, fit: Fitter) -> CaseMixResults:
    """Fit the paper's review and its variants."""
    reviews = reviews_of(evidence)
    fits = {analysis: fit(one) for analysis, one in wanted(reviews).items()}
    without = {name: unadjusted(r, DEFAULT_PRIORS, fit.seed) for name, r in reviews.items()}
    without[APPROXIMATION] = without[MAIN]
    review = reviews[MAIN]
    result = summarise_case_mix(fits[MAIN], review, without[MAIN], fit.seed)
    sensitivity = sensitivity_frame(fits, without, review.treatments)
    variants = [
        parameter_frame(one.posterior, without[analysis], fit.seed).assign(analysis=analysis)
        for analysis, one in fits.items()
    ]
    return CaseMixResults(
        result=result,
        sensitivity=sensitivity,
        variants=pd.concat(variants, ignore_index=True),
        identification=identification(review),
        facts=facts(result, evidence, reviews, sensitivity),
        fits=fits,
    )


def sensitivity_frame(
    fits: dict[str, Fit], without: dict[str, xr.Dataset], treatments: list[str]
) -> pd.DataFrame:
    """Return the contrasts of every analysis."""
    frames = [
        contrast_frame(fit.posterior, without[analysis], treatments).assign(analysis=analysis)
        for analysis, fit in fits.items()
    ]
    joined = pd.concat(frames, ignore_index=True)
    return joined[["analysis", *[c for c in joined if c != "analysis"]]]


def facts(
    result: CaseMixResult,
    evidence: Evidence,
    reviews: dict[str, CaseMixReview],
    sensitivity: pd.DataFrame,
) -> pd.DataFrame:
    """Return the counts that the text cites, one row a name."""
    review, cells = result.review, result.cells
    outcome = evidence.outcome("orr")
    single = review.cells[review.cells["arm"].isin(single_arms(review))]
    values: dict[str, float] = {
        "enrolled": int(outcome["enrolled"].sum()),
        "patients": int(review.total.sum()),
        "without_subtype": int(outcome["enrolled"].sum() - review.total.sum()),
        "responders": int(review.arms["events"].sum()),
        "arms": len(review.arms),
        "not_evaluable": int(review.total.sum() - reviews[EVALUABLE].total.sum()),
        "cells": cells.cells,
        "cells_stated": int(review.known.sum()),
        "cells_fixed": cells.fixed,
        "cells_free": cells.cells - cells.fixed,
        "cells_moving": cells.moving,
        "cells_resting": cells.resting,
        "resting_difference": cells.resting_difference,
        "single_arms": single["arm"].nunique(),
        "single_patients": int(single["total"].sum()),
        "asps_arms": int((single["subtype"] == HIGHEST).sum()),
        "asps_arms_first": int(
            ((single["subtype"] == HIGHEST) & (single["treatment"] == review.treatments[0])).sum()
        ),
        **_approximation(sensitivity),
    }
    return pd.DataFrame({"name": list(values), "value": list(values.values())})


def _approximation(sensitivity: pd.DataFrame) -> dict[str, float]:
    """Compare the approximation's odds ratios with the exact fit's, log scale."""
    odds = sensitivity[sensitivity["scale"] == "odds_ratio"].set_index(["analysis", "a", "b"])
    exact, fast = odds.loc[MAIN], odds.loc[APPROXIMATION]
    log_exact, log_fast = (
        np.log(f[["adjusted_lower", "adjusted_median", "adjusted_upper"]]) for f in (exact, fast)
    )
    width = (log_fast["adjusted_upper"] - log_fast["adjusted_lower"]) / (
        log_exact["adjusted_upper"] - log_exact["adjusted_lower"]
    )
    shift = (log_fast["adjusted_median"] - log_exact["adjusted_median"]).abs()
    return {
        "approximation_shift": float(shift.max()),
        "approximation_width_least": float(width.min()),
        "approximation_width_most": float(width.max()),
    }


def run(evidence: Evidence, fit: Fitter, done: Mapping[str, Output]) -> Output:
    """Fit everything; show contrasts, arms by their histology, and the inferred table."""
    results = fit_case_mix(evidence, fit)
    result = results.result
    figures = {
        "case_mix_contrasts": adjusted_contrasts(result),
        "case_mix_arms": arms_by_composition(result),
        "case_mix_table": inferred_table(result),
    }
    if not results.passed:
        for figure in figures.values():
            mark_failed(figure)
    tables = {
        "contrasts": result.contrasts,
        "parameters": result.parameters,
        "treatments": result.treatments,
        "subtypes": result.subtypes,
        "table": result.table,
        "predictions": result.predictions,
        "identification": results.identification,
        "sensitivity": results.sensitivity,
        "variants": results.variants,
        "set_aside": result.review.set_aside[["arm", "reason"]],
        "facts": results.facts,
    }
    return Output(
        tables={f"case_mix_{name}": frame for name, frame in tables.items()}, figures=figures
    )
