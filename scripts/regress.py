"""Regress an outcome on covariates of the arms."""

from models.interface.cli import run

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import App, Parameter

if TYPE_CHECKING:
    from models.reviews.covariates import Design

app = App(help=__doc__, version_flags=[])


@app.default
def regress(
    review: Path | None = None,
    *,
    covariates: str,
    outcome: Literal["orr", "dcr", "trae"] | None = None,
    by: str | None = None,
    unit: Annotated[list[str], Parameter(negative=())] | None = None,
    prior_mu_mean: float = 0.0,
    prior_mu_sd: float = 1.5,
    prior_tau_scale: float = 1.0,
    prior_sigma_scale: float = 1.0,
    prior_coefficient_sd: float = 1.0,
    draws: int = 2000,
    seed: int = 20250107,
    json: Path | None = None,
) -> None:
    """Fit the regression and print the odds ratio of a unit of every covariate.

    Parameters
    ----------
    review
        CSV with the columns study, events, total and the covariates; a column of numbers is
        counted in its standard deviation unless --unit says otherwise, a column of words is
        compared with its most frequent level. Blank numbers are estimated with the rest, blank
        words are a level of their own.
    covariates
        Names, separated by commas. The paper's are asps_share, ss_mls_share, lms_share, year,
        log2_enrolled, age_median, female_percent, design, line, response_criteria, target.
    outcome
        Instead of a file: an outcome of the paper (orr by default).
    by
        Groups with partially pooled means, for contrasts at equal covariates: a column, or of the
        paper also treatment and the other groupings of scripts/subgroups.py.
    unit
        The step that an odds ratio stands for, for example --unit year=3; may be repeated.
    prior_mu_mean
        Mean of the normal prior of mu (logit of the rate at average covariates).
    prior_mu_sd
        Standard deviation of the normal prior of mu.
    prior_tau_scale
        Scale of the half-normal prior of tau (SD between arms of equal covariates).
    prior_sigma_scale
        Scale of the half-normal prior of sigma_group (SD between groups).
    prior_coefficient_sd
        Standard deviation of the normal prior of a coefficient (log odds ratio of a unit).
    draws
        Draws kept per chain (four chains).
    seed
        Seed of the sampler.
    json
        Write every number, unrounded, to this file.
    """
    from models.interface.cli import check_run_options

    from models.common.errors import GateError, InputError
    from models.priors import RegressionPriors

    if review is not None and outcome is not None:
        raise InputError("give either a review file or --outcome")
    check_run_options(draws, seed, json)
    priors = RegressionPriors(
        mu_mean=prior_mu_mean,
        mu_sd=prior_mu_sd,
        tau_scale=prior_tau_scale,
        sigma_scale=prior_sigma_scale,
        coefficient_sd=prior_coefficient_sd,
    )
    names = [name.strip() for name in covariates.split(",") if name.strip()]
    design = _design(review, outcome or "orr", names, by, unit or [])

    from rich.console import Console

    with Console(stderr=True).status("compiling and sampling the regression"):
        from models.analyses.regression.summary import analyse_regression
        from models.fitting.fit import SamplerSettings
        from models.fitting.sampler import Sampler

        sampler = Sampler(SamplerSettings(draws=draws, seed=seed))
        analysis = analyse_regression(design, sampler, priors)
    from models.analyses.regression.tables import print_analysis

    print_analysis(analysis, str(review) if review else f"the paper's {outcome or 'orr'}")
    if json is not None:
        from models.common.files import write_json

        write_json(json, analysis.as_dict())
    if not analysis.fit.gate.passed:
        raise GateError(
            f"the fit did not pass the gate; do not use it. {analysis.fit.gate.sentence()}"
        )


def _design(
    path: Path | None, outcome: str, names: list[str], by: str | None, unit: list[str]
) -> "Design":
    """Return the design of a user's file or of the paper's arms."""
    from models.common.errors import InputError
    from models.reviews.covariates import Covariate, make_design, parse_units, with_units

    units = parse_units(unit, names)
    if by in names:
        raise InputError(f"--by {by!r} is a covariate as well; it can be only one of them")
    if path is not None:
        from models.reviews.groups import group_by
        from models.reviews.reader import read_review

        frame = read_review(path)
        frame = frame if by is None else group_by(frame, by, str(path))
        chosen = [Covariate(name) for name in names]
        return make_design(frame, with_units(chosen, units), str(path))
    from models.evidence.covariates import paper_covariates, with_covariates
    from models.evidence.groupings import grouped_outcome
    from models.evidence.load import load_evidence

    evidence, chosen = load_evidence(), paper_covariates(names)
    arms = evidence.outcome(outcome) if by is None else grouped_outcome(evidence, outcome, by)
    source = f"the paper's {outcome} data"
    return make_design(with_covariates(arms, evidence), with_units(chosen, units), source)


if __name__ == "__main__":
    run(app)
