"""Simulate reviews like the paper's and see what each method makes of its subtypes.

Bias, error, coverage and interval width of Freeman-Tukey pools, crude rates, the GLMM and the
hierarchical models, over the paper's own arms, subtypes and patients. Replicates are stored as they
finish; a run that was interrupted goes on where it stopped. The full run takes about an hour on two
cores.
"""

from models.interface.cli import fail, run

from typing import Annotated

from cyclopts import App, Parameter

from models.interface.options import Whole
from models.interface.studies import StudyOptions, counting

app = App(help=__doc__, version_flags=[])
DEFAULTS = StudyOptions()


@app.default
def simulate(
    *,
    check_sampler: Annotated[
        Whole,
        Parameter(
            help="Instead: fit this many replicates of every scenario by sampling as well, and "
            "compare with the stored ones; exits with 1 if they differ."
        ),
    ] = 0,
    options: StudyOptions = DEFAULTS,
) -> None:
    """Run what is not yet stored, then write tables and figures."""
    from models.common.errors import InputError
    from models.validation.small_subtypes.run import (
        REPLICATES,
        RESULTS,
        SCENARIOS,
        STORE,
        simulation_study,
    )

    options.check()
    if check_sampler < 0:
        raise InputError(f"--check-sampler must be at least 0, got {check_sampler}")
    results = options.out or RESULTS
    if check_sampler:
        from models.validation.small_subtypes.against_sampler import (
            check_against_sampler,
            write_check,
        )

        with counting("fits by sampling", 2 * check_sampler * len(SCENARIOS)) as advance:
            check = check_against_sampler(check_sampler, options.seed, lambda: advance(1))
        sentence, passed = write_check(check, results)
        print(sentence)
        if not passed:
            fail("sampler and quadrature differ", 1)
        return

    from models.validation.small_subtypes.tables import write_simulation

    study = simulation_study(options.planned(REPLICATES), options.seed)
    write_simulation(study, options.run(study, options.store or STORE), results)
    print(f"tables and figures: {results}")


if __name__ == "__main__":
    run(app)
