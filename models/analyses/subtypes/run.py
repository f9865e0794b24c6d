"""The subtypes: three models, and what they say of each."""

from collections.abc import Mapping

from models.analyses.subtypes.claims import subtype_claims
from models.analyses.subtypes.exact_exnex import exnex_by_quadrature
from models.analyses.subtypes.fits import fit_by_treatment, fit_exchangeable, fit_exnex
from models.analyses.subtypes.heatmap import subtype_heatmap
from models.analyses.subtypes.histology import histology_sensitivity
from models.analyses.subtypes.shrinkage import shrinkage_plot
from models.analyses.subtypes.summary import (
    BY_TREATMENT,
    EQUAL_MIX,
    EXCHANGEABLE,
    EXNEX,
    OWN_MIX,
    SubtypeResults,
    equal_mix,
    summarise_cells,
)
from models.analyses.subtypes.tables import estimates_table, parameters_table
from models.evidence.load import Evidence, paper_cells
from models.fitting.checked import Checked
from models.fitting.fit import Fitter
from models.render.output import Output
from models.render.style import mark_failed
from models.reviews.strata import strata_of_cells


def fit_subtypes(evidence: Evidence, fit: Checked) -> SubtypeResults:
    """Fit the three models to the paper's subtypes: two exactly, one by the sampler."""
    strata, cells = evidence.strata(), paper_cells(evidence)
    exchangeable, result = fit_exchangeable(strata, fit)
    exnex, sampled = fit_exnex(strata, fit)
    exnex_result = exnex_by_quadrature(sampled, exnex, strata, fit)
    by_treatment, own = fit_by_treatment(cells, fit)
    return SubtypeResults(
        results={
            (EXCHANGEABLE, ""): result,
            (EXNEX, ""): exnex_result,
            (BY_TREATMENT, OWN_MIX): own,
            (BY_TREATMENT, EQUAL_MIX): equal_mix(by_treatment.posterior, strata_of_cells(cells)),
        },
        cells=summarise_cells(by_treatment.posterior, cells),
        fits={EXCHANGEABLE: exchangeable, EXNEX: exnex, BY_TREATMENT: by_treatment},
    )


def run(evidence: Evidence, fit: Fitter, done: Mapping[str, Output]) -> Output:
    """Fit the three models; show raw rates, estimates and all cells."""
    checked = Checked(fit)
    results = fit_subtypes(evidence, checked)
    estimates = estimates_table(results, evidence)
    own = results.results[BY_TREATMENT, OWN_MIX].strata
    figures = {
        "subtype_shrinkage": shrinkage_plot(estimates),
        "subtype_by_treatment": subtype_heatmap(results.cells, own),
    }
    if not results.passed:
        for figure in figures.values():
            mark_failed(figure)
    return Output(
        tables={
            "subtypes": estimates,
            "subtype_parameters": parameters_table(results),
            "subtype_by_treatment": results.cells.rename(columns={"stratum": "subtype"}),
            "histology_sensitivity": histology_sensitivity(evidence.strata()),
            "subtype_claims": subtype_claims(evidence, results, estimates),
            "subtypes_sampler": checked.table(),
        },
        figures=figures,
    )
