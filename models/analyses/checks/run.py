"""The checks run: one function for each part, and what the main job and the command both call."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pandas as pd

from models.analyses.checks.comparison import FITS, compare_models, comparison_trees
from models.analyses.checks.loo import (
    integrated_log_likelihood,
    leave_one_study_out,
    loo_pit,
    loo_table,
    with_log_likelihood,
)
from models.analyses.checks.posterior_predictive import NEW, predictive_table, predictive_tree
from models.analyses.checks.power import log_likelihood, power_scaling, saved_power_scaling
from models.analyses.checks.prior_predictive import prior_draws, prior_table
from models.analyses.checks.sensitivity import sensitivity_summary, sensitivity_table
from models.analyses.checks.verdicts import (
    FAIL,
    Check,
    calibration_checks,
    comparison_checks,
    influence_checks,
    loo_checks,
    power_checks,
    predictive_checks,
    prior_checks,
    sensitivity_checks,
)
from models.analyses.groups.exact import fit_groups
from models.analyses.groups.run import ANALYSES
from models.analyses.subtypes.exact import fit_strata
from models.common.constants import FIGURES_DIR
from models.evidence.groupings import grouped_outcome
from models.evidence.load import Evidence
from models.evidence.vocabulary import OUTCOMES
from models.fitting.datatree import to_datatree
from models.grid import fit_pooled
from models.priors import Priors

if TYPE_CHECKING:
    import xarray as xr

    from models.analyses.checks.prior_predictive import PriorDraws
    from models.fitting.fit import Fitter

DRAWS: Final = 2000
"""Independent draws of the grid engine in each of four chains."""

type Keep = Callable[[str, str, Any], None]


@dataclass(frozen=True)
class CheckResults:
    """The checks and the tables and draws behind them."""

    checks: tuple[Check, ...]
    tables: dict[str, pd.DataFrame]
    prior: "PriorDraws"
    replicates: "xr.DataTree"

    @property
    def failed(self) -> list[str]:
        """What failed, in words."""
        return [f"{c.area}: {c.check}: {c.figure}" for c in self.checks if c.verdict == FAIL]

    def frame(self) -> pd.DataFrame:
        """Return one row a check."""
        return pd.DataFrame([asdict(check) for check in self.checks])


def number_of_fits() -> int:
    """Return how many fits the stage makes, for the progress bar."""
    return len(FITS)


@dataclass(frozen=True)
class ExactFit:
    """A posterior from the grid engine with independent draws, and the data it belongs to."""

    name: str
    arms: pd.DataFrame
    exact: Any
    posterior: "xr.Dataset"


def exact_fits(evidence: Evidence, priors: Priors, seed: int) -> list[ExactFit]:
    """Compute the three pools of all arms and every grouping of the main job."""
    fits: list[tuple[str, pd.DataFrame, Any]] = []
    for outcome in OUTCOMES:
        arms = evidence.outcome(outcome)
        exact = fit_pooled(
            arms["events"],
            arms["total"],
            study=list(arms["study"]),
            mu_mean=priors.mu_mean,
            mu_sd=priors.mu_sd,
            tau_scale=priors.tau_scale,
        )
        fits.append((f"{outcome} pooled", arms, exact))
    for outcome, by in ANALYSES:
        arms = grouped_outcome(evidence, outcome, by)
        fits.append((f"{outcome} by {by}", arms, fit_groups(arms, priors)))
    return [
        ExactFit(
            name,
            arms,
            exact,
            to_datatree(exact, priors=priors, draws=DRAWS, seed=seed)["posterior"].to_dataset(),
        )
        for name, arms, exact in fits
    ]


def power_table(
    evidence: Evidence, fits: list[ExactFit], priors: Priors, seed: int, saved: Path
) -> pd.DataFrame:
    """Return the power-scaling sensitivity of the estimands of every model.

    Parameters
    ----------
    evidence, priors, seed
        As in `run_checks`.
    fits
        Pools and groupings.
    saved
        Folder of the main job's fits: EXNEX, subtype by treatment and case mix are read there.
    """
    tables = []
    for fit in fits:
        studies = fit.arms["study"].astype(str).to_list()
        likelihood = log_likelihood(fit.posterior["study_rate"].sel(study=studies), fit.arms)
        tables.append(power_scaling(fit.posterior, likelihood, priors, fit.name))
    strata = evidence.strata()
    tree = to_datatree(fit_strata(strata, priors), priors=priors, draws=DRAWS, seed=seed)
    posterior = tree["posterior"].to_dataset()
    rate = posterior["stratum_rate"].sel(stratum=strata["stratum"].to_list())
    tables.append(
        power_scaling(posterior, log_likelihood(rate, strata), priors, "subtypes_exchangeable")
    )
    return pd.concat([*tables, saved_power_scaling(evidence, saved)], ignore_index=True)


def run_checks(
    evidence: Evidence,
    sampler: "Fitter",
    priors: Priors,
    keep: Keep,
    *,
    calibration: Path,
    saved: Path,
) -> CheckResults:
    """Run every check that is affordable; three small models are sampled, the rest is exact.

    Parameters
    ----------
    evidence, priors
        The evidence and the priors of the main analysis.
    sampler
        Provides the fits of the model comparison.
    keep
        Called with name, description and fit of each; it judges the gate.
    calibration
        Folder of the stored calibration.
    saved
        Folder of the main job's fits.

    Returns
    -------
    CheckResults

    Raises
    ------
    models.common.errors.InputError
        If a fit of the main job is missing or stale, or a correction is not in its trial report.
    """
    seed = sampler.settings.seed
    fits = exact_fits(evidence, priors, seed)
    predictive, loo, pits = [], {}, {}
    for fit in fits:
        if fit.name not in ("orr pooled", "orr by treatment"):
            continue
        predictive.append(predictive_table(fit.posterior, fit.arms, fit.name, seed))
        likelihood = integrated_log_likelihood(fit.posterior, fit.arms)
        tree = with_log_likelihood(fit.posterior, likelihood)
        loo[fit.name] = loo_table(fit.arms, tree, fit.exact)
        pits[fit.name] = loo_pit(fit.arms, fit.posterior, tree, seed)
    compared = compare_models(comparison_trees(evidence, sampler, priors, keep))
    draws = prior_draws(evidence, priors, seed)
    reviews = {outcome: evidence.outcome(outcome) for outcome in OUTCOMES}
    scenarios = sensitivity_table(evidence, seed)
    tables = {
        "predictive_prior": prior_table(draws),
        "predictive_posterior": pd.concat(predictive, ignore_index=True),
        "loo": pd.concat(
            [loo[m].merge(pits[m], on="study").assign(model=m) for m in loo], ignore_index=True
        ),
        "loo_comparison": compared.table,
        "loo_comparison_studies": compared.pointwise,
        "loo_influence": leave_one_study_out(reviews, priors),
        "sensitivity": scenarios,
        "sensitivity_summary": sensitivity_summary(scenarios),
        "sensitivity_power": power_table(evidence, fits, priors, seed, saved),
    }
    checks = (
        *prior_checks(tables["predictive_prior"]),
        *predictive_checks(tables["predictive_posterior"]),
        *loo_checks(loo, pits),
        *comparison_checks(compared.table),
        *influence_checks(tables["loo_influence"]),
        *sensitivity_checks(tables["sensitivity"]),
        *power_checks(tables["sensitivity_power"]),
        *calibration_checks(calibration),
    )
    replicates = predictive_tree(fits[0].posterior, fits[0].arms, NEW, seed)
    return CheckResults(checks, tables, draws, replicates)


def check_outputs(
    evidence: Evidence, sampler: "Fitter", priors: Priors, keep: Keep, saved: Path, out: Path
) -> CheckResults:
    """Run the checks and write page, tables and figures.

    Parameters
    ----------
    evidence, sampler, priors, keep, saved
        As in `run_checks`; the calibration is the project's own.
    out
        Folder of the results.
    """
    from models.analyses.checks.tables import write_checks

    calibration = FIGURES_DIR / "validation" / "calibration"
    results = run_checks(evidence, sampler, priors, keep, calibration=calibration, saved=saved)
    write_checks(results, out)
    return results
