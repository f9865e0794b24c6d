"""Check the workflow: predictive checks, leave-one-out, influence, sensitivity, calibration."""

from models.interface.cli import fail, run

from pathlib import Path
from typing import TYPE_CHECKING

from cyclopts import App

from models.interface import options

if TYPE_CHECKING:
    from models.fitting.fit import Fit, Wanted

app = App(help=__doc__, version_flags=[])


@app.default
def check(
    *, out: Path = Path("figures"), draws: options.Whole = 2000, seed: options.Whole = 20250107
) -> None:
    """Run every check that takes minutes at most and write OUT/checks/checks.md.

    The exit code is 1 if a check or the gate of a fit failed. What only asks for attention, a
    statistic that the model does not reproduce or a conclusion that depends on a choice, does not
    change it. The checks read the other parts: what of these is there, of scripts/reproduce.py or
    an earlier run, is used.

    Parameters
    ----------
    out
        Folder of the results.
    draws
        Draws kept per chain of the models that are sampled.
    seed
        Seed of all draws.
    """
    options.check_run_options(draws, seed)
    options.check_outputs(out=out)
    from rich.console import Console

    console = Console(highlight=False)
    console.print("loading the evidence and the sampler (about ten seconds)")

    from models.analyses.checks.verdicts import PASS
    from models.common.constants import DATA_DIR
    from models.evidence.load import load_evidence
    from models.fitting.fit import SamplerSettings
    from models.fitting.records import Recorder
    from models.fitting.sampler import Sampler
    from models.interface.job import PARTS, Run, run_job
    from models.interface.reproduce import MEMORY

    def announce(part: str, computed: bool) -> None:
        words = "computing" if computed else "nothing has changed since the last run"
        console.print(f"{part}: {words}", markup=False)

    def report(wanted: "Wanted", fit: "Fit | None") -> None:
        if fit is not None:
            console.print(f"{wanted.name}: {fit.gate.sentence()}", markup=False)

    evidence, settings = load_evidence(), SamplerSettings(draws=draws, seed=seed)
    inputs = sorted(DATA_DIR.glob("*.csv"))
    recorder = Recorder(Sampler(settings), out / "fits", settings, inputs=inputs, report=report)
    needs = next(part.needs for part in PARTS if part.name == "checks")
    parts = tuple(part for part in PARTS if part.name in (*needs, "checks"))
    run = Run(
        out=out,
        memory=out / "fits" / MEMORY,
        evidence=evidence,
        recorder=recorder,
        settings=settings,
        parts=parts,
        report=announce,
    )
    done = run_job(run)["checks"]
    for one in done.tables["checks"].itertuples():
        if one.verdict != PASS:
            console.print(f"{one.verdict}: {one.check}: {one.figure}", markup=False)
    page = out / "checks" / "checks.md"
    console.print(f"written: {page}", markup=False)
    if done.problems:
        fail(f"a check failed: see {page}", 1)


if __name__ == "__main__":
    run(app)
