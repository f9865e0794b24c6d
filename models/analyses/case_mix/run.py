"""The case-mix part of the main job: the exact fit, what changes it, and the approximation."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
import xarray as xr

from models.analyses.case_mix.summary import (
    CaseMixResult,
    contrast_frame,
    identification,
    parameter_frame,
    summarise_case_mix,
    unadjusted,
)
from models.analyses.case_mix.variants import evaluable_only, single_arms, without_arms
from models.case_mix import build_case_mix_model
from models.case_mix_approximation import build_case_mix_approximation_model
from models.estimands.case_mix import case_mix_estimands, patient_mix, treatment_mix
from models.evidence.case_mix import paper_review
from models.evidence.load import Evidence
from models.fitting.fit import FittedModel, Fitter, SamplerSettings
from models.fitting.lattice_sampler import LatticeSampler
from models.fitting.saved_fits import SavedFits
from models.priors import Priors
from models.reviews.case_mix import CaseMixReview

type Keep = Callable[[str, str, Any], None]

MAIN, EVALUABLE, MIXED, APPROXIMATION = (
    "main",
    "evaluable patients",
    "without arms of one histology",
    "fast approximation",
)
FITS: Final = {
    MAIN: ("case_mix", "case mix"),
    EVALUABLE: ("case_mix_evaluable", "case mix, evaluable patients"),
    MIXED: ("case_mix_mixed_arms", "case mix, without arms of one histology"),
    APPROXIMATION: ("case_mix_approximation", "case mix, fast approximation"),
}
"""Name and description of every fit."""
SETTINGS: Final = SamplerSettings(draws=1200, tune=800, target_accept=0.99)
"""Of the main fit, but for the seed: effective sample sizes above three times the gate's least."""
HIGHEST: Final = "ASPS"
"""The most responsive of the larger subtypes."""
BRIEF: Final = {"draws": 1000, "tune": 600}
"""Of the variants."""


@dataclass(frozen=True, eq=False)
class CaseMixResults:
    """What the case-mix part of the job made.

    Attributes
    ----------
    result
        The exact fit to the paper's review.
    sensitivity
        Contrasts under every variant: ``analysis``, ``a``, ``b``, ``scale`` and the columns of
        `models.analyses.case_mix.summary.CaseMixResult.contrasts`.
    variants
        ``analysis``, ``parameter``, ``median``, ``lower``, ``upper``.
    identification
        From `models.analyses.case_mix.summary.identification`.
    facts
        ``name``, ``value``: counts that the text cites.
    fits
        By analysis.
    """

    result: CaseMixResult
    sensitivity: pd.DataFrame
    variants: pd.DataFrame
    identification: pd.DataFrame
    facts: pd.DataFrame
    fits: dict[str, FittedModel]

    @property
    def passed(self) -> bool:
        """Whether every fit passed the gate."""
        return all(fit.gate.passed for fit in self.fits.values())


def number_of_fits() -> int:
    """Return how many fits the stage makes, for the progress bar."""
    return len(FITS)


def fit_case_mix(
    review: CaseMixReview,
    sampler: Fitter,
    priors: Priors,
    name: str = "",
    mix: pd.Series | None = None,
    **settings: Any,
) -> FittedModel:
    """Fit the case-mix model.

    Parameters
    ----------
    review
        The review.
    sampler
        Saved fits, or a sampler whose seed is used: this model has a sampler of its own.
    priors
        Prior settings.
    name
        Name of the saved fit.
    mix
        Shares by subtype for the standardised rates; by default the review's.
    **settings
        In place of those of ``SETTINGS``.
    """
    estimands = case_mix_estimands(
        patient_mix(review) if mix is None else mix, treatment_mix(review)
    )
    provider: Fitter = sampler
    if not isinstance(sampler, SavedFits):
        provider = LatticeSampler(replace(SETTINGS, seed=sampler.settings.seed, **settings))
    fit: FittedModel = provider.fit(build_case_mix_model, review.ledger(), priors, estimands, name)
    return fit


def fit_approximation(
    review: CaseMixReview,
    sampler: Fitter,
    priors: Priors,
    name: str = "",
    mix: pd.Series | None = None,
) -> FittedModel:
    """Fit the fast approximation; parameters as for `fit_case_mix`."""
    estimands = case_mix_estimands(
        patient_mix(review) if mix is None else mix, treatment_mix(review)
    )
    fit: FittedModel = sampler.fit(
        build_case_mix_approximation_model, review.ledger(), priors, estimands, name
    )
    return fit


def run_case_mix(evidence: Evidence, sampler: Fitter, priors: Priors, keep: Keep) -> CaseMixResults:
    """Fit the paper's review and its variants.

    Parameters
    ----------
    evidence
        The validated evidence.
    sampler
        Provides fits.
    priors
        Prior settings.
    keep
        Called with name, description and fit of each.
    """
    review = paper_review(evidence)
    outcome = evidence.outcome("orr").set_index("study")
    mix = patient_mix(review)
    reviews = {
        MAIN: review,
        EVALUABLE: evaluable_only(review, outcome["total"].to_dict()),
        MIXED: without_arms(review, single_arms(review)),
    }
    fits: dict[str, FittedModel] = {}
    for analysis, variant in reviews.items():
        brief = {} if analysis == MAIN else BRIEF
        shares = mix[variant.subtypes] / mix[variant.subtypes].sum()
        name, description = FITS[analysis]
        fits[analysis] = fit_case_mix(variant, sampler, priors, name, shares, **brief)
        keep(name, description, fits[analysis])
    name, description = FITS[APPROXIMATION]
    fits[APPROXIMATION] = fit_approximation(review, sampler, priors, name)
    keep(name, description, fits[APPROXIMATION])

    seed = sampler.settings.seed
    without = {MAIN: unadjusted(review, priors, seed)}
    without[APPROXIMATION] = without[MAIN]
    without |= {name: unadjusted(reviews[name], priors, seed) for name in (EVALUABLE, MIXED)}
    result = summarise_case_mix(fits[MAIN], review, without[MAIN], seed)
    sensitivity = sensitivity_frame(fits, without, review.treatments)
    variants = [
        parameter_frame(fit.posterior, without[analysis], seed).assign(analysis=analysis)
        for analysis, fit in fits.items()
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
    fits: dict[str, FittedModel], without: dict[str, xr.Dataset], treatments: list[str]
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
    odds = sensitivity[sensitivity["scale"] == "odds_ratio"].set_index(["analysis", "a", "b"])
    exact, fast = odds.loc[MAIN], odds.loc[APPROXIMATION]
    log_exact, log_fast = (
        np.log(f[["adjusted_lower", "adjusted_median", "adjusted_upper"]]) for f in (exact, fast)
    )
    width = (log_fast["adjusted_upper"] - log_fast["adjusted_lower"]) / (
        log_exact["adjusted_upper"] - log_exact["adjusted_lower"]
    )
    shift = (log_fast["adjusted_median"] - log_exact["adjusted_median"]).abs()
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
        "approximation_shift": float(shift.max()),
        "approximation_width_least": float(width.min()),
        "approximation_width_most": float(width.max()),
    }
    return pd.DataFrame({"name": list(values), "value": list(values.values())})


def case_mix_outputs(
    evidence: Evidence, sampler: Fitter, priors: Priors, keep: Keep, out: Path
) -> CaseMixResults:
    """Fit everything and write every table and figure of the case mix.

    Parameters
    ----------
    evidence, sampler, priors, keep
        As in `run_case_mix`.
    out
        Folder of the results: tables go to ``out/tables``, figures to ``out``.
    """
    from models.analyses.case_mix.tables import write_case_mix

    results = run_case_mix(evidence, sampler, priors, keep)
    write_case_mix(results, out)
    return results
