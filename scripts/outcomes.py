"""Response, disease control and toxicity together: what a treatment does and what it costs."""

from models.interface.cli import run

from pathlib import Path

from cyclopts import App

from models.interface.options import JointOptions, Review, Sampled

app = App(help=__doc__, version_flags=[])


@app.default
def outcomes(
    review: Review = None,
    *,
    sampling: Sampled = Sampled(),
    priors: JointOptions = JointOptions(),
    json: Path | None = None,
) -> None:
    """Fit the joint model and print what each treatment does and what it costs.

    Parameters
    ----------
    review
        CSV with the columns study, total, cr, responders, controlled, toxicity, toxicity_total
        and, to compare treatments, treatment. Complete responders are among the responders, these
        among the controlled; a blank cell is not reported, and the arm stays in. By default the
        paper's arms.
    json
        Write every number, unrounded, to this file.
    """
    from models.interface import modelling

    modelling.outcomes(review, sampling, priors.priors(), json)


if __name__ == "__main__":
    run(app)
