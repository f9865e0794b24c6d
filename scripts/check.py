"""Check the workflow: predictive checks, leave-one-out, influence, sensitivity, calibration."""

from models.interface.cli import fail, run

from pathlib import Path
from typing import TYPE_CHECKING

from cyclopts import App

from models.interface import options

if TYPE_CHECKING:
    from models.fitting.fit import Fit

app = App(help=__doc__, version_flags=[])


@app.default
def check(
    *,
    out: Path = Path("figures"),
    fits: Path = Path("figures/fits"),
    draws: options.Whole = 2000,
    seed: options.Whole = 20250107,
) -> None:
    """Run every check that takes minutes at most and write OUT/checks.md.

    The exit code is 1 if a check or the gate of a fit failed. What is only noted, a statistic
    that the model does not reproduce or a conclusion that depends on a choice, does not change it.

    Parameters
    ----------
    out
        Folder of the results.
    fits
        Folder of the fits of scripts/reproduce.py; those that only a sampler gives are read there.
    draws
        Draws kept per chain of the three models that are sampled.
    seed
        Seed of all draws.
    """
    options.check_run_options(draws, seed)
    options.check_outputs(out=out)
    from rich.console import Console

    from models.analyses.checks.run import check_outputs
    from models.analyses.checks.verdicts import PASS
    from models.evidence.load import load_evidence
    from models.fitting.fit import SamplerSettings
    from models.fitting.sampler import Sampler
    from models.priors import DEFAULT_PRIORS

    console = Console(highlight=False)

    def keep(name: str, description: str, fit: "Fit") -> None:
        console.print(f"{name}: {fit.gate.sentence()}", markup=False)
        # nothing is written from draws that did not pass
        if not fit.gate.passed:
            fail(f"{name} ({description}) did not pass the gate", 1)

    results = check_outputs(
        load_evidence(),
        Sampler(SamplerSettings(draws=draws, seed=seed)),
        DEFAULT_PRIORS,
        keep,
        fits,
        out,
    )
    for one in results.checks:
        if one.verdict != PASS:
            console.print(f"{one.verdict}: {one.area}: {one.check}: {one.figure}", markup=False)
    console.print(f"written: {out / 'checks.md'}", markup=False)
    if results.failed:
        fail(f"a check failed: see {out / 'checks.md'}", 1)


if __name__ == "__main__":
    run(app)
