"""Check that the models recover what their data were simulated from.

Simulation-based calibration: parameters drawn from the prior, responders from the parameters over
the paper's own arms and subtypes, a fit, and the rank of each truth among the posterior draws.
Simulations are stored as they finish; a run that was interrupted, or whose workers died, goes on
where it stopped. The full run by NUTS takes one processor about an hour, that by the grid some ten
minutes. Exits with 1 if calibration is rejected.
"""

from models.interface.cli import fail, run

from typing import Annotated

from cyclopts import App, Parameter

from models.interface.studies import StudyOptions

app = App(help=__doc__, version_flags=[])
DEFAULTS = StudyOptions()


@app.default
def calibrate(
    *,
    model: Annotated[
        str | None,
        Parameter(help="pooled, subtype, subgroup, exnex or subtype_treatment; by default all."),
    ] = None,
    engine: Annotated[
        str,
        Parameter(
            help="nuts, grid (the first three models), arms (regression and joint) or lattice "
            "(the case-mix model)."
        ),
    ] = "nuts",
    recovery: Annotated[
        bool,
        Parameter(
            help="Instead: bias and coverage of the pooled model at fixed truths, over numbers of "
            "studies, rates and tau (by grid; 500 replicates a design).",
            negative="",
        ),
    ] = False,
    pictures: Annotated[
        bool, Parameter(help="Draw PIT values of every run beside the store.", negative="")
    ] = False,
    options: StudyOptions = DEFAULTS,
) -> None:
    """Run what is not yet stored, then write ranks, tables and figures."""
    from models.common.errors import InputError

    options.check()
    if recovery and model is not None:
        raise InputError("--model does not go with --recovery, which is of the pooled model")
    if recovery:
        from models.validation.recovery.run import REPLICATES, RESULTS, STORE, recovery_study
        from models.validation.recovery.tables import write_recovery

        study = recovery_study(options.planned(REPLICATES), options.seed)
        write_recovery(study, options.run(study, options.store or STORE), options.out or RESULTS)
        print(f"table and figures: {options.out or RESULTS}")
        return

    from models.validation.calibration.plan import SIMULATIONS
    from models.validation.calibration.run import RESULTS, STORE, models_of, study_of
    from models.validation.calibration.tables import check_not_fewer, sentences, write_runs

    results, store = options.out or RESULTS, options.store or STORE
    studies = [
        study_of(engine, name, options.planned(SIMULATIONS[engine]), options.seed)
        for name in models_of(engine, model)
    ]
    for study in studies:
        check_not_fewer(study, results)
    runs = [(study, options.run(study, store / study.name)) for study in studies]
    table = write_runs(runs, results, store if pictures else None)
    print(*sentences(table), f"tables and figures: {results}", sep="\n")
    if rejected := list(table.loc[~table["passed"], "model"]):
        fail(f"calibration is rejected for {', '.join(rejected)}", 1)


if __name__ == "__main__":
    run(app)
