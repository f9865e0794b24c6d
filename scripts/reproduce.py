"""The whole job on the paper's data: fits, tables, figures and the comparison with the paper."""

from pathlib import Path

from cyclopts import App

from models.interface.cli import fail, run

app = App(help=__doc__, version_flags=[])


@app.default
def reproduce(
    *,
    seed: int = 20250107,
    draws: int = 2000,
    out: Path | None = None,
    quick: bool = False,
) -> None:
    """Run everything and write it to one folder.

    Parameters
    ----------
    seed
        Seed of every fit; never changed to make a fit pass.
    draws
        Draws kept per chain (four chains); fewer than about 1000 may fail the gate.
    out
        Folder of the results: tables/, the figures, diagnostics/ and fits/ (draws and run
        records). By default figures/, with --quick figures-quick/.
    quick
        Only the three pools of all arms, with half the draws: a first look.
    """
    import time

    from rich.console import Console

    from models.interface.cli import check_run_options

    check_run_options(draws, seed)
    started = time.perf_counter()
    console = Console(highlight=False)
    console.print("loading the evidence and the sampler (about ten seconds)")

    from models.interface.job import Job

    folder = out or Path("figures-quick" if quick else "figures")
    job = Job(out=folder, seed=seed, draws=draws // 2 if quick else draws, quick=quick)
    problems = job.run(console)
    console.print(f"finished in {time.perf_counter() - started:.0f} s; results in {folder}/")
    if problems:
        fail("; ".join(problems), 1)


if __name__ == "__main__":
    run(app)
