"""Plan the next trial: a prior for its arm, what it is worth, and rules of success."""

from models.interface.cli import run

from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from models.interface.options import Conditions, Folder, GroupPriors, Outcome, Review, Whole

app = App(help=__doc__, version_flags=[])


@app.default
def next_trial(
    review: Review = None,
    *,
    outcome: Outcome | None = None,
    where: Conditions = None,
    by: str | None = None,
    treatment: Annotated[str | None, Parameter(name=["--treatment", "--group"])] = None,
    subtype: str | None = None,
    mix: Path | None = None,
    n: Whole = 40,
    null: float = 0.10,
    alternative: float | None = None,
    control: str | None = None,
    n_control: Whole | None = None,
    level: float = 0.05,
    power: float = 0.80,
    confidence: float = 0.95,
    robust: float = 0.20,
    priors: GroupPriors = GroupPriors(),
    json: Path | None = None,
    out: Folder = None,
) -> None:
    """Predict the true rate of a new arm and judge rules of success by it.

    Parameters
    ----------
    review
        A review of your own: CSV with study, events, total; with --by the column of the groups.
    outcome
        Outcome of the paper's data: orr (default) or dcr; not together with a review.
    where
        Keep the rows with COLUMN=VALUE; may be repeated.
    by
        Column of the groups; treatment by default of the paper's data if --treatment is given.
    treatment
        Group of the new arm, groups partially pooled; without it an arm like any of the review.
    subtype
        Histology of all patients of the new arm (with --treatment; paper's data).
    mix
        Patient mix of the new arm: CSV with subtype, patients (with --treatment; paper's data).
    n
        Patients of the new arm.
    null
        Rate that would not be enough.
    alternative
        Rate that would be; needed for power and Simon's designs.
    control
        Group of the control arm of a randomised trial; ICI monotherapy of the paper's treatments.
    n_control
        Patients of the control arm; as many as --n by default.
    level
        One-sided type I error of the exact test and Simon's designs.
    power
        Power of Simon's designs.
    confidence
        Posterior probability that makes a success of the Bayesian rules.
    robust
        Prior weight of the uniform component of the robust MAP prior.
    json
        Write every number, unrounded, to this file.
    out
        Folder for tables, figures, the protocol's paragraph and the priors as RBesT reads them.
    """
    from models.analyses.next_trial.plan import Design
    from models.interface import next_trial as command

    asked = command.Asked(review, outcome, where or [], by, treatment, subtype, mix, control)
    design = Design(n, null, alternative, level, power, confidence, robust, n_control)
    command.next_trial(asked, design, priors.priors(), json, out)


if __name__ == "__main__":
    run(app)
