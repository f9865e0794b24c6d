"""The three subtype models, each fitted and summarised."""

import math

import pandas as pd

from models.analyses.subtypes.summary import (
    BY_TREATMENT,
    EXCHANGEABLE,
    EXNEX,
    SubtypeResult,
    summarise_subtypes,
)
from models.estimands.predictions import (
    predict_exchangeable,
    predict_exnex,
    predict_subtype_treatment,
)
from models.fitting import registry
from models.fitting.exact import exact_posterior
from models.fitting.fit import Fit, Fitter, Wanted
from models.priors import DEFAULT_PRIORS, Priors, as_exnex_priors
from models.reviews.strata import cell_table, family_codes, strata_of_cells


def fit_exchangeable(
    strata: pd.DataFrame, fit: Fitter, priors: Priors = DEFAULT_PRIORS
) -> tuple[Fit, SubtypeResult]:
    """Fit the subtype model and summarise it; what the others predict is exact in any case."""
    made = fit(
        Wanted(
            registry.SUBTYPE,
            strata,
            priors,
            name="subtypes_exchangeable",
            description="subtypes, exchangeable",
        )
    )
    predictions = predict_exchangeable(exact_posterior(registry.SUBTYPE, strata, priors))
    return made, summarise_subtypes(EXCHANGEABLE, made, strata, predictions)


def fit_exnex(
    strata: pd.DataFrame, fit: Fitter, priors: Priors = DEFAULT_PRIORS
) -> tuple[Fit, SubtypeResult]:
    """Fit EXNEX and summarise it."""
    settings = as_exnex_priors(priors)
    made = fit(
        Wanted(
            registry.EXNEX, strata, settings, name="subtypes_exnex", description="subtypes, EXNEX"
        )
    )
    predictions = predict_exnex(made.posterior, strata, settings)
    return made, summarise_subtypes(EXNEX, made, strata, predictions)


def fit_by_treatment(
    cells: pd.DataFrame, fit: Fitter, priors: Priors = DEFAULT_PRIORS
) -> tuple[Fit, SubtypeResult]:
    """Fit the subtype by treatment model and summarise it at each stratum's own mix.

    A prediction that importance weights cannot give reliably is taken from a fit without the
    stratum's counts.
    """
    strata = strata_of_cells(cells)
    wanted = Wanted(
        registry.SUBTYPE_TREATMENT,
        cells,
        priors,
        name="subtypes_by_treatment",
        description="subtype by treatment",
    )
    made = fit(wanted)
    predictions = predict_subtype_treatment(made.posterior, cells, strata)
    _, families = family_codes(strata)
    for label in [label for label, value in predictions.items() if math.isnan(value)]:
        without = fit(leave_out(wanted, label))
        rate, dim = ("family_rate", "family") if label in families else ("stratum_rate", "stratum")
        if without.gate.passed:
            predictions[label] = float(without.posterior[rate].sel({dim: label}).mean())
    return made, summarise_subtypes(BY_TREATMENT, made, strata, predictions)


def leave_out(wanted: Wanted, label: str) -> Wanted:
    """Return a fit of the subtype by treatment model without a stratum's or a family's counts.

    Its estimands keep the treatment mix of the patients left out.
    """
    cells = wanted.frame
    strata = strata_of_cells(cells)
    codes, families = family_codes(strata)
    family = label in families
    left_out = codes == families.index(label) if family else strata["stratum"] == label
    gone = strata.loc[left_out, "stratum"]
    blank = cells["stratum"].isin(gone)
    return Wanted(
        wanted.model,
        cells.assign(**{n: cells[n].mask(blank, 0) for n in ("events", "total")}),
        wanted.priors,
        name=f"{wanted.name}_without_{label}",
        description=f"{wanted.description}, without {label}",
        given=cell_table(cells, "total").loc[gone].to_dict("index"),
    )
