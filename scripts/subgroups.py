"""Compare groups of studies: contrasts on three scales, ranks, league table."""

from models.interface.cli import run

from pathlib import Path

from cyclopts import App

from models.interface.options import Folder, GroupPriors, Outcome, Review, Sampling
from models.interface.reading import Reading

app = App(help=__doc__, version_flags=[])


@app.default
def subgroups(
    review: Review = None,
    *,
    outcome: Outcome | None = None,
    by: str | None = None,
    margin: float = 0.10,
    lower_is_better: bool = False,
    full: bool = False,
    reading: Reading = Reading(),
    sampling: Sampling = Sampling(),
    priors: GroupPriors = GroupPriors(),
    json: Path | None = None,
    out: Folder = None,
) -> None:
    """Fit partially pooled groups and print every contrast.

    Parameters
    ----------
    review
        A review of your own: CSV, Excel or Stata with study, events, total and the column named by
        --by.
    outcome
        Outcome of the paper's data (orr by default); not together with a review.
    by
        Grouping: treatment (default), line, line_with_unknown, line_in_chemotherapy, target,
        doxorubicin, pd1_chemotherapy, or a column of the review.
    margin
        Margin of the risk difference, as a proportion (0.10 = 10 percentage points).
    lower_is_better
        Rank the lowest rate best; always so for trae.
    full
        Print average rates, Freeman-Tukey pools, thresholds and shrinkage as well.
    json
        Write every number, unrounded, to this file.
    out
        Folder for draws and run record, which scripts/discussion.py reads (engine nuts).
    """
    from models.interface import commands

    commands.subgroups(
        review,
        outcome,
        by,
        margin=margin,
        lower_is_better=lower_is_better,
        full=full,
        reading=reading,
        sampling=sampling,
        priors=priors.priors(),
        json=json,
        out=out,
    )


if __name__ == "__main__":
    run(app)
