"""Simulate reviews like the paper's and see what each method makes of its subtypes.

Bias, error, coverage and interval width of Freeman-Tukey pools, crude rates, the GLMM and the
hierarchical models, over the paper's own arms, subtypes and patients. Replicates are stored as they
finish; a run that was interrupted goes on where it stopped. The full run takes about an hour on two
cores.
"""

from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from models.interface.cli import run

app = App(help=__doc__, version_flags=[])


@app.default
def simulate(
    *,
    replicates: Annotated[int, Parameter(help="Reviews a scenario, a multiple of 25.")] = 2000,
    seed: Annotated[int, Parameter(help="Seed of the simulation.")] = 20250107,
    workers: Annotated[int, Parameter(help="Processes of this machine.")] = 2,
    scheduler: Annotated[
        str | None, Parameter(help="Address of a dask scheduler, in place of own processes.")
    ] = None,
    store: Annotated[
        Path | None, Parameter(help="Folder of the single replicates (figures/fits/simulation).")
    ] = None,
    out: Annotated[
        Path | None, Parameter(help="Folder of the results (figures/simulation).")
    ] = None,
    check_sampler: Annotated[
        int,
        Parameter(
            help="Instead: fit this many replicates of every scenario by sampling as well, and "
            "compare with the stored ones; exits with 1 if they differ."
        ),
    ] = 0,
) -> None:
    """Run what is not yet stored, then write tables and figures."""
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
    from models.common.parallel import stored_results
    from models.interface.cli import check_parallel_options, fail
    from models.validation.small_subtypes.run import CHUNK, RESULTS, SCENARIOS, run_simulation

    check_parallel_options(workers, scheduler, seed)
    folder, results = store or FIGURES_DIR / "fits" / "simulation", out or RESULTS
    console = Console(highlight=False)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TimeElapsedColumn(), TimeRemainingColumn(), console=console) as bar:
        if check_sampler:
            from models.validation.small_subtypes.against_sampler import (
                check_against_sampler,
                write_check,
            )

            task = bar.add_task("fits by sampling", total=2 * check_sampler * len(SCENARIOS))
            check = check_against_sampler(check_sampler, seed, lambda: bar.advance(task))
            sentence, passed = write_check(check, results)
            console.print(sentence)
            if not passed:
                fail("sampler and quadrature differ", 1)
            return
        task = bar.add_task("replicates", total=replicates * len(SCENARIOS))
        run_simulation(
            folder,
            replicates,
            seed,
            workers=workers,
            scheduler=scheduler,
            advance=lambda name: bar.advance(task, CHUNK),
        )
        from models.validation.small_subtypes.tables import write_simulation

        stored = stored_results(folder)
        write_simulation(stored[stored["replicate"] < replicates], replicates, seed, results)
    console.print(f"tables and figures: {results}")


if __name__ == "__main__":
    run(app)
