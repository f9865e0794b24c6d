"""A review of your own in one command: forest plot, pools, groups, influence, priors, text."""

from models.interface.cli import run

from pathlib import Path
from typing import Literal

from cyclopts import App

from models.interface.options import Engine, Folder, Repeated, Whole
from models.interface.reading import Reading

app = App(help=__doc__, version_flags=[])


@app.default
def review(
    review: Path,
    *,
    by: str | None = None,
    covariates: str | None = None,
    cluster: str | None = None,
    reading: Reading = Reading(),
    threshold: list[float] | None = None,
    level: float = 0.95,
    prior: Repeated = None,
    event: str = "an event",
    direction: Literal["higher", "lower"] | None = None,
    margin: float = 0.10,
    predict: Whole | None = None,
    order: str | None = None,
    engine: Engine = "exact",
    seed: Whole = 20250107,
    full: bool = False,
    json: Path | None = None,
    out: Folder = None,
) -> None:
    """Analyse a review: one row a study, with its events and its patients.

    Parameters
    ----------
    review
        CSV (comma, semicolon or tab), Excel (.xlsx) or Stata (.dta) with the columns study, events,
        total, or under the names of metafor, meta and RevMan; columns rob_* (risk of bias) are
        drawn beside the forest plot.
    by
        Column of groups to compare.
    covariates
        Columns of a regression, separated by commas; it is sampled.
    cluster
        Column whose rows of one value are correlated, such as the trial of several arms.
    threshold
        Rate as a proportion: how probable is it that the typical rate, and that of a new study,
        lies above? May be repeated.
    level
        Probability content of all intervals.
    prior
        mu=normal(0,1.5), tau=half-normal(1), half-t(3,1), half-cauchy(0.5) or fixed(0.5), and sigma
        (between groups or clusters) likewise; logit scale. May be repeated.
    event
        What is counted, as in "patients with an event".
    direction
        Which rate is good; by default nothing is called good.
    margin
        Margin of the risk difference between groups, as a proportion.
    predict
        Patients of a new study whose events are predicted.
    order
        Column by which studies are added one by one; year, if there is one.
    engine
        exact: by quadrature; nuts: sample the pool.
    seed
        Seed of the draws for contrasts, and of the sampler.
    full
        Print every table.
    json
        Write every number, unrounded, and what made it to this file.
    out
        Folder for report.html, forest plot (SVG, PDF, PNG), tables, text and review.json.
    """
    from models.interface.console.review import analyse

    options = {name: value for name, value in locals().items() if name != "analyse"}
    analyse(**options)


if __name__ == "__main__":
    run(app)
