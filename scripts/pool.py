"""Pool one review: the published estimator, the ML GLMM and the Bayesian model."""

from models.interface.cli import run

from pathlib import Path

from cyclopts import App

from models.interface.options import (
    Folder,
    Outcome,
    PoolPriors,
    Review,
    Sampling,
    Whole,
)
from models.interface.reading import Reading

app = App(help=__doc__, version_flags=[])


@app.default
def pool(
    review: Review = None,
    *,
    outcome: Outcome | None = None,
    reading: Reading = Reading(),
    sampling: Sampling = Sampling(),
    priors: PoolPriors = PoolPriors(),
    json: Path | None = None,
    out: Folder = None,
    batch: Path | None = None,
    scheduler: str | None = None,
    workers: Whole | None = None,
) -> None:
    """Pool the proportions of one review, or of many.

    Parameters
    ----------
    review
        CSV, Excel or Stata with the columns study, events, total (further columns allowed).
    outcome
        Instead of a file: an outcome of the paper (orr: objective response, dcr: disease
        control, trae: grade 3-5 treatment-related adverse events).
    json
        Write every number, unrounded, to this file.
    out
        Folder for draws and run record, which scripts/discussion.py reads (engine nuts); with
        --batch the table to write, one row a review, whose name ends in .parquet or .csv.
    batch
        Pool many reviews by the grid: a folder of CSV files (study, events, total; one review
        each), or one Parquet file with the column review besides.
    scheduler
        Run --batch on the dask scheduler at this address.
    workers
        Processes of this machine that --batch uses; by default one a core.
    """
    from models.interface import commands

    if batch is not None:
        options = reading.options()
        commands.refuse_with("--batch", REVIEW=review, outcome=outcome, json=json, **options)
        commands.pool_batch(batch, out, priors.priors(), scheduler, workers)
        return
    commands.refuse_without("--batch", scheduler=scheduler, workers=workers)
    commands.pool(review, outcome, reading, sampling, priors.priors(), json, out)


if __name__ == "__main__":
    run(app)
