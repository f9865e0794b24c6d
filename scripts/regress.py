"""Regress an outcome on covariates of the arms."""

from models.interface.cli import run

from pathlib import Path

from cyclopts import App

from models.interface.options import Conditions, Outcome, RegressionOptions, Review, Sampled
from models.interface.reading import Reading

app = App(help=__doc__, version_flags=[])


@app.default
def regress(
    review: Review = None,
    *,
    covariates: str,
    outcome: Outcome | None = None,
    by: str | None = None,
    unit: Conditions = None,
    reading: Reading = Reading(),
    sampling: Sampled = Sampled(),
    priors: RegressionOptions = RegressionOptions(),
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
    json
        Write every number, unrounded, to this file.
    """
    from models.interface import modelling

    chosen = priors.priors()
    names = (covariates, outcome, by, unit or [])
    modelling.regress(review, *names, reading, sampling, chosen, json)


if __name__ == "__main__":
    run(app)
