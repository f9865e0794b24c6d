"""One form for a long stored run: what is computed, in which parts, and what it rests on."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from models.common.errors import InputError
from models.common.parallel import Task, run_stored, stored_results

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Study:
    """Simulations by the thousand, in cells (a scenario, a design), computed in parts.

    Attributes
    ----------
    name
        What messages call it.
    function
        ``function(*cell, first, stop, seed)`` returns the simulations ``first`` to ``stop - 1`` of
        a cell, each the same in whatever part it is computed.
    cells
        Label and leading arguments of each cell.
    simulations
        Number in each cell, a multiple of ``chunk``.
    chunk
        Simulations a part: some seconds of work.
    seed
        Of the simulations.
    settings
        What the results depend on, the hash of the code among it as ``sources``.
    column
        Numbers the simulations in what the function returns.
    part
        Name of a part, from ``cell``, ``first`` and ``stop``.

    Raises
    ------
    models.common.errors.InputError
        If the number of simulations is no multiple of ``chunk``.
    """

    name: str
    function: "Callable[..., pd.DataFrame]"
    cells: Mapping[str, tuple[Any, ...]]
    simulations: int
    chunk: int
    seed: int
    settings: Mapping[str, Any]
    column: str = "simulation"
    part: str = "{cell}_{first:05}_{stop:05}"

    def __post_init__(self) -> None:
        if self.simulations < self.chunk or self.simulations % self.chunk:
            raise InputError(
                f"--simulations must be a multiple of {self.chunk} for {self.name}, "
                f"got {self.simulations}"
            )

    def tasks(self) -> list[Task]:
        """Return the parts, all cells in turn so that they advance together."""
        return [
            (
                self.part.format(cell=cell, first=first, stop=first + self.chunk),
                (*arguments, first, first + self.chunk, self.seed),
            )
            for first in range(0, self.simulations, self.chunk)
            for cell, arguments in self.cells.items()
        ]

    def run(
        self,
        folder: Path,
        *,
        workers: int = 2,
        scheduler: str | None = None,
        advance: Callable[[int], None] = lambda simulations: None,
    ) -> "pd.DataFrame":
        """Compute the parts that a folder lacks and return all simulations, part after part.

        Parameters
        ----------
        folder
            The store.
        workers, scheduler
            As in `models.common.parallel.run_stored`.
        advance
            Called with the number of simulations of each part that is done or found done.

        Raises
        ------
        models.common.errors.InputError
            As `models.common.parallel.run_stored`; or if there are not as many simulations as
            were asked for.
        """
        tasks = self.tasks()
        run_stored(
            self.function,
            tasks,
            folder,
            self.settings,
            workers=workers,
            scheduler=scheduler,
            advance=lambda name: advance(self.chunk),
        )
        found = stored_results([name for name, _ in tasks], folder, self.settings)
        counts = found[self.column].value_counts()
        if sorted(counts.index) != list(range(self.simulations)) or counts.nunique() != 1:
            raise InputError(f"{folder}: holds other simulations than 0 to {self.simulations - 1}")
        return found

    def sample(self, simulations: int) -> "pd.DataFrame":
        """Return the first simulations of every cell, computed here and now."""
        import pandas as pd

        parts = [self.function(*cell, 0, simulations, self.seed) for cell in self.cells.values()]
        return pd.concat(parts, ignore_index=True)
