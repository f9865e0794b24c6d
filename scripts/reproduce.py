"""The whole job on the paper's data: fits, tables, figures and the comparison with the paper."""

from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from models.interface.cli import run

app = App(help=__doc__, version_flags=[])


@app.default
def reproduce(
    *,
    seed: int = 20250107,
    draws: int = 2000,
    out: Path | None = None,
    fresh: Annotated[bool, Parameter(negative=())] = False,
    quick: Annotated[bool, Parameter(negative=())] = False,
) -> None:
    """Compute what has changed since the last run, and write it to one folder.

    Parameters
    ----------
    seed
        Seed of every fit; never changed to make a fit pass.
    draws
        Draws kept per chain (four chains); fewer than about 1000 may fail the gate.
    out
        Folder of the results: a folder for each part of the analysis, and fits/ (draws and run
        records). By default figures/ of the project, with --quick figures-quick/.
    fresh
        Compute everything anew, also what has not changed.
    quick
        Only the paper's values and the pools, with half the draws: a first look.
    """
    from models.common.constants import FIGURES_DIR
    from models.interface.reproduce import reproduce as job

    folder = out or FIGURES_DIR.with_name("figures-quick" if quick else "figures")
    job(folder, draws=draws // 2 if quick else draws, seed=seed, fresh=fresh, quick=quick)


if __name__ == "__main__":
    run(app)
