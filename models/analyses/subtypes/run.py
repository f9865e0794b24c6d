"""The subtype part of the main job: three models, what they say of each subtype, and why."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pandas as pd

from models.analyses.paper.cells import RecoveredRow, recover_cells
from models.analyses.paper.lps import lps_groups, lps_steps
from models.analyses.subtypes.summary import (
    SubtypeResult,
    equal_mix,
    histology_sensitivity,
    summarise_cells,
    summarise_subtypes,
)
from models.estimands.predictions import (
    predict_exchangeable,
    predict_exnex,
    predict_subtype_treatment,
)
from models.estimands.subtypes import (
    exnex_estimands,
    subtype_estimands,
    subtype_treatment_estimands,
)
from models.evidence.load import Evidence, paper_cells
from models.exnex import build_exnex_model
from models.fitting.fit import FittedModel, Fitter
from models.priors import Priors, as_exnex_priors
from models.reviews.strata import family_codes, strata_of_cells
from models.subtype import build_subtype_model
from models.subtype_treatment import build_subtype_treatment_model

EXCHANGEABLE, EXNEX, BY_TREATMENT = "exchangeable", "exnex", "by-treatment"
MODELS: Final = (EXCHANGEABLE, EXNEX, BY_TREATMENT)
"""The subtype models, as the command line names them."""
OWN_MIX, EQUAL_MIX = "own", "equal weights"

type Keep = Callable[[str, str, Any], None]


@dataclass(frozen=True)
class SubtypeResults:
    """What the subtype part of the job made.

    Attributes
    ----------
    results
        One result a model, and the subtype by treatment model at equal weights of the treatment
        groups; by model and treatment mix (empty where treatment is not modelled).
    cells
        Rates of all combinations of subtype and treatment, predictions marked.
    histology
        What joining angiosarcoma and its epithelioid variant changes.
    lps_steps, lps_groups
        Why the printed LPS lies below its parts.
    recovered
        The recovery of the cells.
    fits
        The three fits by model.
    """

    results: dict[tuple[str, str], SubtypeResult]
    cells: pd.DataFrame
    histology: pd.DataFrame
    lps_steps: pd.DataFrame
    lps_groups: pd.DataFrame
    recovered: list[RecoveredRow]
    fits: dict[str, FittedModel]

    @property
    def passed(self) -> bool:
        """Whether all three fits passed the gate."""
        return all(fit.gate.passed for fit in self.fits.values())


def number_of_fits() -> int:
    """Return how many fits the stage makes, for the progress bar.

    A prediction that importance weights cannot give adds a refit.
    """
    return len(MODELS)


def fit_exchangeable(
    strata: pd.DataFrame, sampler: Fitter, priors: Priors, name: str = ""
) -> tuple[FittedModel, SubtypeResult]:
    """Fit the subtype model and summarise it."""
    fit = sampler.fit(build_subtype_model, strata, priors, subtype_estimands(strata), name)
    predictions = predict_exchangeable(strata, priors)
    return fit, summarise_subtypes(EXCHANGEABLE, fit.posterior, strata, predictions)


def fit_exnex(
    strata: pd.DataFrame, sampler: Fitter, priors: Priors, name: str = ""
) -> tuple[FittedModel, SubtypeResult]:
    """Fit EXNEX and summarise it."""
    settings = as_exnex_priors(priors)
    estimands = exnex_estimands(strata, settings)
    fit = sampler.fit(build_exnex_model, strata, settings, estimands, name)
    predictions = predict_exnex(fit.posterior, strata, settings)
    return fit, summarise_subtypes(EXNEX, fit.posterior, strata, predictions)


def fit_by_treatment(
    cells: pd.DataFrame,
    strata: pd.DataFrame,
    sampler: Fitter,
    priors: Priors,
    name: str = "",
    keep: Keep | None = None,
) -> tuple[FittedModel, SubtypeResult]:
    """Fit the subtype by treatment model and summarise it at each stratum's own mix.

    A prediction that importance weights cannot give reliably is taken from a fit without the
    stratum's counts; ``keep`` is called with each such fit.
    """
    estimands = subtype_treatment_estimands(cells, strata)
    fit = sampler.fit(build_subtype_treatment_model, cells, priors, estimands, name)
    predictions = predict_subtype_treatment(fit.posterior, cells, strata)
    codes, families = family_codes(strata)
    for label in [label for label, value in predictions.items() if math.isnan(value)]:
        family = label in families
        left_out = codes == families.index(label) if family else strata["stratum"] == label
        blank = cells["stratum"].isin(strata.loc[left_out, "stratum"])
        without = cells.assign(**{n: cells[n].mask(blank, 0) for n in ("events", "total")})
        refit = sampler.fit(
            build_subtype_treatment_model, without, priors, estimands, f"{name}_without_{label}"
        )
        if keep is not None:
            keep(f"{name}_without_{label}", f"subtype by treatment, without {label}", refit)
        rate, dim = ("family_rate", "family") if family else ("stratum_rate", "stratum")
        if refit.gate.passed:
            predictions[label] = float(refit.posterior[rate].sel({dim: label}).mean())
    return fit, summarise_subtypes(BY_TREATMENT, fit.posterior, strata, predictions)


def run_subtypes(evidence: Evidence, sampler: Fitter, priors: Priors, keep: Keep) -> SubtypeResults:
    """Fit the three models to the paper's subtypes.

    Parameters
    ----------
    evidence
        The validated evidence.
    sampler
        Provides fits.
    priors
        Prior settings; EXNEX completes them with its own defaults.
    keep
        Called with name, description and fit of each.
    """
    strata, cells = evidence.strata(), paper_cells(evidence)
    fits: dict[str, FittedModel] = {}
    results: dict[tuple[str, str], SubtypeResult] = {}

    fits[EXCHANGEABLE], results[EXCHANGEABLE, ""] = fit_exchangeable(
        strata, sampler, priors, "subtypes_exchangeable"
    )
    keep("subtypes_exchangeable", "subtypes, exchangeable", fits[EXCHANGEABLE])
    fits[EXNEX], results[EXNEX, ""] = fit_exnex(strata, sampler, priors, "subtypes_exnex")
    keep("subtypes_exnex", "subtypes, EXNEX", fits[EXNEX])
    by_treatment, results[BY_TREATMENT, OWN_MIX] = fit_by_treatment(
        cells, strata_of_cells(cells), sampler, priors, "subtypes_by_treatment", keep
    )
    fits[BY_TREATMENT] = by_treatment
    keep("subtypes_by_treatment", "subtype by treatment", by_treatment)
    results[BY_TREATMENT, EQUAL_MIX] = equal_mix(by_treatment.posterior, strata_of_cells(cells))
    return SubtypeResults(
        results=results,
        cells=summarise_cells(by_treatment.posterior, cells),
        histology=histology_sensitivity(strata, priors),
        lps_steps=lps_steps(evidence),
        lps_groups=lps_groups(evidence),
        recovered=recover_cells(evidence),
        fits=fits,
    )


def subtype_outputs(
    evidence: Evidence, sampler: Fitter, priors: Priors, keep: Keep, out: Path
) -> SubtypeResults:
    """Fit the three models and write every table and figure of the subtypes.

    Parameters
    ----------
    evidence, sampler, priors, keep
        As in `run_subtypes`.
    out
        Folder of the results: tables go to ``out/tables``, figures to ``out``.
    """
    from models.analyses.subtypes.tables import write_subtypes

    results = run_subtypes(evidence, sampler, priors, keep)
    write_subtypes(results, evidence, out)
    return results
