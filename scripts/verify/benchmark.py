"""Measure the grid against samplers: effective draws a second, and time to the first answer.

Peers that are not installed are listed as absent; NumPyro can be lent for a run by
``uv run --with numpyro scripts/verify/benchmark.py``, brms and rstanarm are taken from R. Every
measurement is stored as it is done, so that an interrupted run goes on where it stopped.
"""

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import App, Parameter

from models.interface.cli import run

app = App(help=__doc__, version_flags=[])


@app.default
def benchmark(
    *,
    peer: Annotated[
        list[Literal["grid", "nutpie", "pymc", "numpyro", "brms", "rstanarm"]] | None,
        Parameter(negative=()),
    ] = None,
    runs: int = 5,
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
        Folder of the results (figures).
    """
    from rich.console import Console
    from rich.progress import MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from models.common.constants import FIGURES_DIR, PROJECT_ROOT
    from models.common.errors import InputError
    from models.validation.benchmark.run import (
        PEERS,
        SIZES,
        Measurement,
        plan,
        read_records,
        run_benchmark,
    )

    if runs < 1:
        raise InputError(f"--runs must be at least 1, got {runs}")
    results = out or (PROJECT_ROOT / "figures-quick" if quick else FIGURES_DIR)
    folder = store or results / "fits" / "benchmark"
    models = ("pooled",) if quick else ("pooled", "subgroup", "subtype")
    sizes = SIZES[:3] if quick else SIZES
    wanted = tuple(name for name in PEERS if peer is None or name in peer)
    measurements = plan(wanted, models, sizes, 1 if quick else runs)

    columns = (TextColumn("{task.description}"), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        bar = progress.add_task("measuring", total=len(measurements))

        def advance(measurement: Measurement) -> None:
            progress.update(bar, description=measurement.name, advance=1)

        run_benchmark(measurements, folder, advance)

    records = [record for record in read_records(folder) if record["peer"] in wanted]
    from models.common.files import write_csv, write_text
    from models.render.style import save_png
    from models.validation.benchmark.plots import benchmark as draw
    from models.validation.benchmark.tables import benchmark_markdown, medians, records_frame

    table = medians(records_frame(records))
    write_csv(table, results / "tables" / "benchmark.csv")
    page = benchmark_markdown(records)
    write_text(results / "benchmark.md", page)
    save_png(draw(table), results / "benchmark", dpi=300)
    print(page)


if __name__ == "__main__":
    run(app)
