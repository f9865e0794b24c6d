"""Checks of priors, fit and conclusions; what is known of the methods' calibration."""

from collections.abc import Mapping
from typing import Final

import pandas as pd
from matplotlib.figure import Figure

from models.analyses.checks.calibration import calibration_checks
from models.analyses.checks.comparison import compare_models, comparison_trees
from models.analyses.checks.loo import (
    integrated_log_likelihood,
    leave_one_study_out,
    loo_pit,
    loo_table,
    with_log_likelihood,
)
from models.analyses.checks.loo_plot import influence_figure
from models.analyses.checks.posterior_predictive import predictive_table
from models.analyses.checks.power import power_table
from models.analyses.checks.predictive_plot import prior_figure
from models.analyses.checks.prior_predictive import PriorDraws, prior_draws, prior_table
from models.analyses.checks.question_plot import question_figure
from models.analyses.checks.questions import (
    one_question,
    pool_ranges,
    pool_sensitivity,
    question_ranges,
)
from models.analyses.checks.verdicts import (
    check_table,
    choice_checks,
    claim_checks,
    comparison_checks,
    failed,
    gate_checks,
    influence_checks,
    loo_checks,
    pool_checks,
    power_checks,
    predictive_checks,
    prior_checks,
    quadrature_checks,
    sampler_checks,
)
from models.analyses.checks.wanted import exact_fits, grouping, of_other_parts, pool
from models.analyses.groups.claims import CLAIMS
from models.common.constants import FIGURES_DIR
from models.evidence.load import Evidence
from models.evidence.vocabulary import OUTCOMES
from models.fitting.exact import Exact
from models.fitting.fit import Fitter, Wanted
from models.fitting.records import Recorder
from models.priors import DEFAULT_PRIORS
from models.render.output import Output

CHECKED_PARTS: Final = ("pools", "groups", "subtypes")
"""Parts whose exact posteriors a sampler checks."""
DRAWN: Final = ("C02", "C03", "C08", "C11")
"""Claims with a figure of every analysis."""
DRAWS: Final = 2000
"""Independent draws of the exact engine in each of four chains."""


def run(evidence: Evidence, fit: Fitter, done: Mapping[str, Output]) -> Output:
    """Run every check that takes minutes at most; what the engine lacks is sampled."""
    # these two remember by name, so nothing is asked for twice, and note what failed its gate
    sampled, exact = Recorder(fit), Recorder(Exact(DRAWS, fit.seed))
    pooled = pool(evidence, "orr")
    predictive, loo, pits = _predicted([pooled, grouping(evidence, "orr", "treatment")], exact)
    compared = compare_models(comparison_trees(evidence, sampled, exact))
    priors = prior_draws(evidence, DEFAULT_PRIORS, fit.seed)
    groups, case_mix = done["groups"].tables, done["case_mix"].tables
    questions = one_question(
        evidence, groups["assumptions"], case_mix["case_mix_sensitivity"], fit.seed
    )
    pools = pool_sensitivity(evidence)
    asked = [(exact, exact_fits(evidence)), (sampled, of_other_parts(evidence))]
    tables = {
        "predictive_prior": prior_table(priors),
        "predictive_posterior": predictive,
        "loo": pd.concat(
            [loo[m].merge(pits[m], on="study").assign(model=m) for m in loo], ignore_index=True
        ),
        "loo_comparison": compared.table,
        "loo_comparison_studies": compared.pointwise,
        "loo_influence": leave_one_study_out({o: evidence.outcome(o) for o in OUTCOMES}),
        "one_question": questions,
        "one_question_ranges": question_ranges(questions),
        "sensitivity": pools,
        "pool_ranges": pool_ranges(pools),
        "sensitivity_power": power_table(
            (wanted, fitter(wanted)) for fitter, listed in asked for wanted in listed
        ),
    }
    tables["checks"] = check_table(
        (
            *sampler_checks({part: done[part].tables[f"{part}_sampler"] for part in CHECKED_PARTS}),
            *quadrature_checks([tables["loo_influence"], tables["sensitivity"]]),
            *claim_checks(groups["claims"]),
            *pool_checks(done["pools"].tables["pools"]),
            *calibration_checks(FIGURES_DIR / "validation" / "calibration"),
            *gate_checks([*exact.problems, *sampled.problems]),
            *loo_checks(loo, pits, compared.table),
            *prior_checks(tables["predictive_prior"]),
            *predictive_checks(predictive),
            *comparison_checks(compared.table),
            *choice_checks(questions),
            *influence_checks(tables["loo_influence"]),
            *power_checks(tables["sensitivity_power"]),
        )
    )
    return Output(
        tables=tables,
        figures=_figures(tables, priors),
        problems=failed(tables["checks"]),
    )


def _predicted(
    models: list[Wanted], exact: Fitter
) -> tuple[pd.DataFrame, dict[str, pd.DataFrame], dict[str, pd.DataFrame]]:
    """Return replicated statistics, and by model leave-one-out densities and their PIT."""
    predictive, loo, pits = [], {}, {}
    for wanted in models:
        fit, arms, name = exact(wanted), wanted.frame, wanted.name
        predictive.append(predictive_table(fit.posterior, arms, name, exact.seed))
        likelihood = integrated_log_likelihood(fit.posterior, arms)
        tree = with_log_likelihood(fit.posterior, likelihood)
        loo[name] = loo_table(arms, tree, fit.exact)
        pits[name] = loo_pit(arms, fit.posterior, tree, exact.seed)
    return pd.concat(predictive, ignore_index=True), loo, pits


def _figures(tables: Mapping[str, pd.DataFrame], priors: PriorDraws) -> dict[str, Figure]:
    return {
        **{
            f"one_question_{claim.claim_id}": question_figure(tables["one_question"], claim)
            for claim in CLAIMS
            if claim.claim_id in DRAWN
        },
        "predictive_prior": prior_figure(priors),
        "loo_influence": influence_figure(tables["loo_influence"], OUTCOMES),
    }
