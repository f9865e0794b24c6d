"""The case mix: the exact fit, what changes it, and the fast approximation."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

import numpy as np
import pandas as pd

from models.analyses.case_mix.external import trials_not_pooled
from models.analyses.case_mix.identification import identification
from models.analyses.case_mix.plots import adjusted_contrasts, arms_by_composition
from models.analyses.case_mix.summary import (
    CaseMixResult,
    CaseMixResults,
    contrast_frame,
    parameter_frame,
    summarise_case_mix,
    unadjusted,
    unadjusted_unpooled,
)
from models.analyses.case_mix.variants import single_arms
from models.analyses.case_mix.wanted import (
    APPROXIMATION,
    COVARIATES,
    EVALUABLE,
    MAIN,
    MIXED,
    UNPOOLED,
    UNPOOLED_MIXED,
    reviews_of,
    wanted,
)
from models.estimands.case_mix_unpooled import as_pooled
from models.estimands.rates import summarise
from models.evidence.load import Evidence
from models.fitting.exact import exact_posterior
from models.fitting.fit import Fit, Fitter
from models.fitting.registry import SUBTYPE
from models.priors import DEFAULT_PRIORS
from models.render.output import Output
from models.render.style import mark_failed
from models.reviews.case_mix import CaseMixReview

HIGHEST: Final = "ASPS"
"""The most responsive of the larger subtypes."""


def fit_case_mix(evidence: Evidence, fit: Fitter) -> CaseMixResults:
    """Fit the paper's review and its variants."""
    reviews = reviews_of(evidence)
    fits = {analysis: fit(one) for analysis, one in wanted(reviews, evidence).items()}
    review, mixed = reviews[MAIN], reviews[MIXED]
    without = {name: unadjusted(r, DEFAULT_PRIORS, fit.seed) for name, r in reviews.items()}
    without |= {
        UNPOOLED: unadjusted_unpooled(review, DEFAULT_PRIORS, fit.seed),
        UNPOOLED_MIXED: unadjusted_unpooled(mixed, DEFAULT_PRIORS, fit.seed),
    }
    draws = {
        name: as_pooled(one.posterior) if name in (UNPOOLED, UNPOOLED_MIXED) else one.posterior
        for name, one in fits.items()
    }
    contrasts, variants = [], []
    for analysis, posterior in draws.items():
        other = without.get(analysis, without[MAIN])
        frame = contrast_frame(posterior, other, review.treatments)
        contrasts.append(frame.assign(analysis=analysis))
        of = reviews.get(analysis, mixed if analysis == UNPOOLED_MIXED else review)
        numbers = parameter_frame(posterior, other, of, fits[analysis].priors, fit.seed)
        variants.append(numbers.assign(analysis=analysis))
    sensitivity = pd.concat(contrasts, ignore_index=True)
    result = summarise_case_mix(fits[MAIN], review, without[MAIN], fit.seed)
    return CaseMixResults(
        result=replace(result, subtypes=with_subtype_model(result.subtypes, evidence)),
        sensitivity=sensitivity[["analysis", *[c for c in sensitivity if c != "analysis"]]],
        variants=pd.concat(variants, ignore_index=True),
        covariates=covariate_frame(fits),
        external=trials_not_pooled(evidence, {name: draws[name] for name in (MAIN, UNPOOLED)}),
        identification=identification(review),
        facts=facts(result, evidence, reviews, sensitivity),
        fits=fits,
    )


def with_subtype_model(subtypes: pd.DataFrame, evidence: Evidence) -> pd.DataFrame:
    """Add the rates of the subtype model, which has no arm effects: ``no_arm_effect_...``."""
    strata = evidence.strata()
    rates = exact_posterior(SUBTYPE, strata).units.rate_summary()
    columns = {f"no_arm_effect_{p}": getattr(rates, p) for p in ("median", "lower", "upper")}
    other = pd.DataFrame({"subtype": strata["stratum"].astype(str), **columns})
    return subtypes.merge(other, on="subtype", how="left")


def covariate_frame(fits: Mapping[str, Fit]) -> pd.DataFrame:
    """Return the covariates' odds ratios: ``analysis``, ``term``, numbers, ``p_above_one``."""
    rows: list[dict[str, object]] = []
    for analysis in COVARIATES:
        coefficient = fits[analysis].posterior["coefficient"]
        for term in coefficient["term"].values:
            draws = coefficient.sel(term=term)
            ratio = {part: float(np.exp(value)) for part, value in summarise(draws).items()}
            above = float((draws > 0).mean())
            rows.append({"analysis": analysis, "term": str(term), **ratio, "p_above_one": above})
    return pd.DataFrame(rows)


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
        "arms_mixed": len(reviews[MIXED].arms),
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
        "covariates": results.covariates,
        "external": results.external,
        "set_aside": result.review.set_aside[["arm", "reason"]],
        "facts": results.facts,
    }
    return Output(
        tables={f"case_mix_{name}": frame for name, frame in tables.items()}, figures=figures
    )
