"""What the scripts of long stored runs share: their options, and running with a progress bar."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from models.common.errors import InputError
from models.common.files import check_output_folder
from models.interface.options import SIMULATIONS, Whole, check_outputs, check_parallel_options

if TYPE_CHECKING:
    import pandas as pd

    from models.common.study import Study


@Parameter(name="*")
@dataclass(frozen=True)
class StudyOptions:
    """Options of a long run, which goes on where it stopped."""

    simulations: Annotated[
        Whole | None, Parameter(help="Simulations of each model, design or scenario.")
    ] = None
    seed: Annotated[Whole, Parameter(help="Seed of the simulations.")] = 20250107
    workers: Annotated[Whole, Parameter(help="Processes of this machine.")] = 2
    scheduler: Annotated[
        str | None, Parameter(help="Address of a dask scheduler, in place of own processes.")
    ] = None
    store: Annotated[
        Path | None, Parameter(help="Folder of the single simulations (figures/fits/...).")
    ] = None
    out: Annotated[
        Path | None, Parameter(help="Folder of the results (figures/validation/...).")
    ] = None

    def check(self) -> None:
        """Refuse what would fail later.

        Raises
        ------
        models.common.errors.InputError
            Naming the option and its value.
        """
        check_parallel_options(self.workers, self.scheduler, self.seed)
        if self.simulations is not None and self.simulations < SIMULATIONS:
            raise InputError(
                f"--simulations must be at least {SIMULATIONS}, got {self.simulations}"
            )
        if self.store is not None:
            check_output_folder(self.store, "--store")
        check_outputs(out=self.out)

    def planned(self, number: int) -> int:
        """Return the number of simulations asked for, by default the planned one."""
        return number if self.simulations is None else self.simulations

    def run(self, study: "Study", store: Path) -> "pd.DataFrame":
        """Run what a store lacks, with a progress bar; return all simulations."""
        with counting(study.name, study.simulations * len(study.cells)) as advance:
            return study.run(store, workers=self.workers, scheduler=self.scheduler, advance=advance)


@contextmanager
def counting(words: str, total: int) -> Iterator[Callable[[int], None]]:
    """Show a progress bar on standard error; yield what advances it by a number."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    times = (TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(*columns, *times, console=Console(stderr=True)) as progress:
        bar = progress.add_task(words, total=total)
        yield lambda number: progress.advance(bar, number)
