"""Check that the models recover what their data were simulated from.

Simulation-based calibration: parameters drawn from the prior, responders from the parameters over
the paper's own arms and subtypes, a fit, and the rank of each truth among the posterior draws.
Simulations are stored as they finish; a run that was interrupted, or whose workers died, goes on
where it stopped. The full run by NUTS takes one processor about an hour, that by the grid some ten
minutes. Exits with 1 if calibration is rejected.
"""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

from models.interface.cli import run

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

app = App(help=__doc__, version_flags=[])


def _advance(progress: "Progress", bar: "TaskID", step: int, _: str) -> None:
    progress.advance(bar, step)


@app.default
def calibrate(
    *,
    model: Annotated[
        str | None,
        Parameter(help="pooled, subtype, subgroup, exnex or subtype_treatment; by default all."),
    ] = None,
    engine: Annotated[str, Parameter(help="nuts, or grid (the first three models).")] = "nuts",
    simulations: Annotated[
        int | None,
        Parameter(help="Simulations a model (500 by NUTS, 2000 by grid), a multiple of 10 or 50."),
    ] = None,
    recovery: Annotated[
        bool,
        Parameter(
            help="Instead: bias and coverage of the pooled model at fixed truths, over numbers of "
            "studies, rates and tau (by grid; 500 replicates a design).",
            negative="",
        ),
    ] = False,
    seed: Annotated[int, Parameter(help="Seed of the simulations.")] = 20250107,
    workers: Annotated[int, Parameter(help="Processes of this machine.")] = 2,
    scheduler: Annotated[
        str | None, Parameter(help="Address of a dask scheduler, in place of own processes.")
    ] = None,
    resume: Annotated[
        Path | None,
        Parameter(help="Folder of the stored simulations to go on with (figures/fits/...)."),
    ] = None,
    out: Annotated[
        Path | None, Parameter(help="Folder of the results (figures/calibration).")
    ] = None,
) -> None:
    """Run what is not yet stored, then write ranks, tables and figures."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    from models.common.constants import FIGURES_DIR
    from models.common.errors import InputError
    from models.interface.cli import check_parallel_options, fail
    from models.validation.calibration.run import CHUNK, RESULTS, SIMULATIONS, STORE, models_of

    check_parallel_options(workers, scheduler, seed)
    results = out or RESULTS
    console = Console(highlight=False)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    progress = Progress(*columns, TimeElapsedColumn(), TimeRemainingColumn(), console=console)

    if recovery:
        if model is not None:
            raise InputError("--model does not go with --recovery, which is of the pooled model")
        from models.validation.recovery import run as study
        from models.validation.recovery.tables import write_recovery

        count = simulations or study.REPLICATES
        with progress:
            bar = progress.add_task("replicates", total=count * len(study.designs()))
            found = study.run_recovery(
                count,
                seed,
                resume or FIGURES_DIR / "fits" / "recovery_study",
                workers=workers,
                scheduler=scheduler,
                advance=partial(_advance, progress, bar, study.CHUNK),
            )
        write_recovery(found, seed, results)
        console.print(f"table and figures: {results}")
        return

    from models.validation.calibration.run import run_calibration
    from models.validation.calibration.tables import check_not_fewer, store_ranks, write_calibration

    names = models_of(engine, model)
    count = simulations or SIMULATIONS[engine]
    for name in names:
        check_not_fewer(engine, name, count, seed, results)
    with progress:
        for name in names:
            bar = progress.add_task(f"{name} ({engine})", total=count)
            ranks = run_calibration(
                engine,
                name,
                count,
                seed,
                resume or STORE,
                workers=workers,
                scheduler=scheduler,
                advance=partial(_advance, progress, bar, CHUNK[engine]),
            )
            store_ranks(engine, name, ranks, seed, results)
    table = write_calibration(results)
    mine = table[(table["engine"] == engine) & table["model"].isin(names)]
    for row in mine.to_dict("records"):
        verdict = "not rejected" if row["passed"] else "REJECTED"
        console.print(
            f"{row['model']} ({row['simulations']} simulations, {row['tests']} tests): {verdict}, "
            f"smallest p {row['smallest_p_holm']:.3f} ({row['smallest_p_quantity']})"
        )
    console.print(f"tables and figures: {results}")
    if not mine["passed"].all():
        fail(f"calibration is rejected for {', '.join(mine[~mine['passed']]['model'])}", 1)


if __name__ == "__main__":
    run(app)
