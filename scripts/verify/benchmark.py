"""Measure the grid against samplers: effective draws a second, and time to the first answer.

Peers that are not installed are listed as absent; NumPyro can be lent for a run by
``uv run --with numpyro scripts/verify/benchmark.py``, brms and rstanarm are taken from R. Every
measurement is stored as it is done, so that an interrupted run goes on where it stopped.
"""

from models.interface.cli import run

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import App, Parameter

from models.interface.options import Whole

app = App(help=__doc__, version_flags=[])


@app.default
def benchmark(
    *,
    peer: Annotated[
        list[Literal["grid", "nutpie", "pymc", "numpyro", "brms", "rstanarm"]] | None,
        Parameter(negative=()),
    ] = None,
    runs: Whole = 5,
    quick: bool = False,
    store: Path | None = None,
    out: Path | None = None,
) -> None:
    """Run what is not yet stored, then write benchmark.md and benchmark.png.

    Parameters
    ----------
    peer
        Peers to measure, by default all; may be repeated.
    runs
        Runs of each peer on the paper's data; their median is reported.
    quick
        One run of the pooled model, growth to 100 studies only (to a folder of its own).
    store
        Folder of the single measurements (figures/fits/benchmark).
    out
        Folder of the results (figures/validation/benchmark).
    """
    from rich.console import Console
    from rich.progress import MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from models.common.errors import InputError
    from models.validation.benchmark import run as benchmarks
    from models.validation.benchmark.tables import write_benchmark

    if runs < 1:
        raise InputError(f"--runs must be at least 1, got {runs}")
    folder = store or (benchmarks.QUICK / "fits" if quick else benchmarks.STORE)
    wanted = tuple(name for name in benchmarks.PEERS if peer is None or name in peer)
    measurements = (
        benchmarks.plan(wanted, benchmarks.MODELS[:1], benchmarks.SIZES[:3], 1)
        if quick
        else benchmarks.plan(wanted, benchmarks.MODELS, benchmarks.SIZES, runs)
    )

    columns = (TextColumn("{task.description}"), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        bar = progress.add_task("measuring", total=len(measurements))
        benchmarks.run_benchmark(
            measurements,
            folder,
            lambda measurement: progress.update(bar, description=measurement.name, advance=1),
        )
    records = [r for r in benchmarks.read_records(folder) if r["peer"] in wanted]
    print(write_benchmark(records, out or (benchmarks.QUICK if quick else benchmarks.RESULTS)))


if __name__ == "__main__":
    run(app)
