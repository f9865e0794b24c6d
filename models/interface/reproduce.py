"""The job as the commands run it: with a sampler, or from saved fits; progress and problems."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from models.common.constants import DATA_DIR, FIGURES_DIR, PROJECT_ROOT
from models.common.errors import GateError
from models.common.files import held
from models.interface.job import PARTS, Run, run_job, write_index, write_report, write_texts
from models.interface.options import check_outputs, check_run_options
from models.render.escape import say

if TYPE_CHECKING:
    from models.fitting.fit import Fit, SamplerSettings, Wanted
    from models.render.output import Output

LOCK = "job.lock"
"""Held, beside the fits, by the run that writes them."""
QUICK = ("paper", "pools")
"""Parts of a first look."""
MEMORY = "parts"
"""Folder beside the fits that remembers what each part made."""


class LazySampler:
    """A sampler that is imported when the first fit has to be made.

    Parameters
    ----------
    settings
        Of the sampler.
    """

    def __init__(self, settings: "SamplerSettings") -> None:
        self.settings = settings
        self._sampler: Any = None

    @property
    def seed(self) -> int:
        """Seed of every fit."""
        return self.settings.seed

    def __call__(self, wanted: "Wanted") -> "Fit":
        """Return the fit."""
        if self._sampler is None:
            import pytensor

            # code from the cache of an earlier process rounds differently (1e-12), and chains
            # amplify that: without it every run gives the same draws
            pytensor.config.numba__cache = False
            from models.fitting.sampler import Sampler

            self._sampler = Sampler(self.settings)
        fit: Fit = self._sampler(wanted)
        return fit


def reproduce(out: Path, *, draws: int, seed: int, fresh: bool, quick: bool) -> None:
    """Run the whole job; parameters as in ``scripts/reproduce.py``.

    Raises
    ------
    GateError
        Naming every fit that failed its gate, every published pool that is missed and every new
        disagreement with the paper; all results are written before.
    models.common.errors.OutputError
        If another run is writing to the folder.
    """
    check_run_options(draws, seed)
    check_outputs(out=out)
    with held(out / "fits" / LOCK):
        _reproduce(out, draws=draws, seed=seed, fresh=fresh, quick=quick)


def _reproduce(out: Path, *, draws: int, seed: int, fresh: bool, quick: bool) -> None:
    started = time.perf_counter()

    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    from models.evidence.load import load_evidence
    from models.fitting.fit import SamplerSettings
    from models.fitting.records import Recorder

    console = Console(stderr=True, highlight=False)
    settings = SamplerSettings(draws=draws, seed=seed)
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        bar = progress.add_task("loading", total=None)

        def fitting(wanted: "Wanted", fit: "Fit | None") -> None:
            words = f"fitting {wanted.description}" if fit is None else "tables and figures"
            progress.update(bar, description=words)

        recorder = Recorder(
            LazySampler(settings),
            out / "fits",
            settings,
            inputs=sorted(DATA_DIR.glob("*.csv")),
            fresh=fresh,
            report=fitting,
        )
        run = Run(
            out=out,
            memory=out / "fits" / MEMORY,
            evidence=load_evidence(),
            recorder=recorder,
            settings=settings,
            fresh=fresh,
            parts=tuple(part for part in PARTS if not quick or part.name in QUICK),
            report=lambda name, computed: progress.console.print(
                f"{name.replace('_', ' ')}: {'computing' if computed else 'unchanged'}"
            ),
        )
        done = run_job(run)
        if not quick:
            progress.update(bar, description="texts")
            write_texts(run, done)
            progress.update(bar, description="report")
            write_report(run)
            write_index(run)
            if out.resolve() == FIGURES_DIR:
                from models.report.readme import update_readme

                update_readme(PROJECT_ROOT / "README.md", out)
    _summary(recorder.rows, recorder.made, done)
    say(f"finished in {time.perf_counter() - started:.0f} s; results in {out}/")
    problems = [problem for output in done.values() for problem in output.problems]
    problems += [f"{row['fit']} failed the gate" for row in recorder.rows if _failed(row)]
    if problems:
        raise GateError("; ".join(dict.fromkeys(problems)))


def _failed(row: dict[str, object]) -> bool:
    return row["gate"] != "passed"


def _summary(rows: list[dict[str, object]], made: int, done: "dict[str, Output]") -> None:
    """Print what was found, in a few lines."""
    import pandas as pd

    from models.analyses.paper.recompute import agreement_counts

    counts = agreement_counts(done["paper"].tables["published_comparison"])
    for basis, row in counts.iterrows():
        words = str(basis).replace("_", " ")
        print(f"published values, {words}: {row['agrees']} of {row['total']} agree")
    pools = done["pools"].tables["pools"]
    verdicts = pools["verdict"].value_counts()
    print(
        "published pools against the typical rate: "
        + ", ".join(f"{n} {v}" for v, n in verdicts.items())
    )
    table = pd.DataFrame(rows)
    failed = sum(map(_failed, rows))
    print(
        f"gate: {len(table) - failed} of {len(table)} fits passed, {made} made now "
        f"(worst R-hat {table['rhat_max'].max():.4f}, "
        f"least ESS {table[['ess_bulk_min', 'ess_tail_min']].min().min():.0f}, "
        f"{table['divergences'].sum():.0f} divergences, "
        f"{int((table['escalations'] > 0).sum())} refitted)"
    )


def discuss(fits: Path, out: Path | None) -> list[Path]:
    """Write the discussion from saved fits; parameters as in ``scripts/discussion.py``.

    For the paper's data this is the job with saved fits in place of the sampler.

    Raises
    ------
    models.common.errors.InputError
        If a fit is missing or stale.
    """
    check_outputs(out=out)
    from models.fitting.records import GROUPS_REVIEW, POOL_REVIEW, Recorder, Saved

    if any((fits / f"{name}.nc").exists() for name in (POOL_REVIEW, GROUPS_REVIEW)):
        from models.report.user import write_user_texts

        return write_user_texts(fits, out or fits)
    from models.evidence.load import load_evidence

    saved = Saved(fits)
    folder = out or fits.parent
    run = Run(
        out=folder,
        memory=fits / MEMORY,
        evidence=load_evidence(),
        recorder=Recorder(saved),
        settings=saved.settings,
        figures=False,
    )
    with held(fits / LOCK):
        write_texts(run, run_job(run))
    return [folder / name for name in ("discussion.md", "discussion.tex")]
