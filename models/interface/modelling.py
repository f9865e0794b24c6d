"""What the commands of the regression and the joint model do: read, fit, write, then print."""

from pathlib import Path
from typing import TYPE_CHECKING

from models.analyses.review.run import made_by
from models.common.errors import InputError
from models.interface.commands import Shown, require
from models.interface.console.terminal import show_lines
from models.interface.options import Sampled, Sampling, check_outputs
from models.interface.reading import Reading
from models.priors import JointPriors, Priors, RegressionPriors
from models.render.format import probability

if TYPE_CHECKING:
    from models.analyses.regression.summary import RegressionAnalysis
    from models.reviews.covariates import Design


def regress(
    review: Path | None,
    covariates: str,
    outcome: str | None,
    by: str | None,
    unit: list[str],
    reading: Reading,
    sampled: Sampled,
    priors: Priors,
    json: Path | None,
) -> None:
    """Fit the regression; parameters as in ``scripts/regress.py``."""
    if review is not None and outcome is not None:
        raise InputError("give either a review file or --outcome")
    sampling = Sampling(engine="nuts", draws=sampled.draws, seed=sampled.seed)
    sampling.check()
    check_outputs(json, inputs=[review])
    names = [name.strip() for name in covariates.split(",") if name.strip()]
    design, notes = _design(review, outcome or "orr", names, by, unit, reading)

    from models.analyses.regression.summary import analyse_regression
    from models.analyses.regression.tables import print_analysis
    from models.common.files import write_json

    assert isinstance(priors, RegressionPriors)
    analysis = analyse_regression(design, Shown(sampling), priors)
    answer = _regression_answer(analysis)
    if json is not None:
        rows = len(design.frame)
        made = made_by(review, rows, rows, covariates=names, by=by, unit=unit, **reading.options())
        made |= {"priors": priors.as_dict(), "seed": sampled.seed, "draws": 4 * sampled.draws}
        extra = {"notes": notes, "answer": answer, "provenance": made}
        write_json(json, analysis.as_dict() | extra)
    for note in notes:
        show_lines(note)
    print_analysis(analysis, str(review) if review else f"the paper's {outcome or 'orr'}")
    show_lines(answer)
    require(analysis.fit)


def _regression_answer(analysis: "RegressionAnalysis") -> str:
    """Return the answer in a sentence: the covariate of whose direction one is surest."""
    surest = max(analysis.coefficients, key=lambda row: abs(row["p_above_one"] - 0.5))
    p = float(surest["p_above_one"])
    way, chance = ("higher", p) if p >= 0.5 else ("lower", 1 - p)
    name, unit = surest["covariate"], surest["unit"]
    step = (
        f"{unit:.3g} more of {name}" if not isinstance(unit, str) else f"{name} {surest['level']}"
    )
    against = f" {unit}" if isinstance(unit, str) else ""
    return (
        f"Between studies, {step}{against} goes with a {way} rate with a probability of "
        f"{probability(chance)}; it need not hold between patients."
    )


def outcomes(review: Path | None, sampled: Sampled, priors: Priors, json: Path | None) -> None:
    """Fit the joint model; parameters as in ``scripts/outcomes.py``."""
    sampling = Sampling(engine="nuts", draws=sampled.draws, seed=sampled.seed)
    sampling.check()
    check_outputs(json, inputs=[review])
    if review is not None:
        from models.reviews.joint import read_joint

        frame = read_joint(review)
    else:
        from models.evidence.joint import paper_joint
        from models.evidence.load import load_evidence

        frame = paper_joint(load_evidence())

    from models.analyses.outcomes.summary import analyse_outcomes
    from models.analyses.outcomes.tables import print_analysis
    from models.common.files import write_json

    assert isinstance(priors, JointPriors)
    analysis = analyse_outcomes(frame, Shown(sampling), priors)
    if json is not None:
        write_json(json, analysis.as_dict())
    print_analysis(analysis, str(review) if review is not None else "the paper's arms")
    require(analysis.fit)


def _design(
    path: Path | None,
    outcome: str,
    names: list[str],
    by: str | None,
    unit: list[str],
    reading: Reading,
) -> "tuple[Design, list[str]]":
    """Return the design of a user's file or of the paper's arms, and how it was read."""
    from models.reviews.covariates import Covariate, make_design, parse_units, with_units

    units = parse_units(unit, names)
    if by in names:
        raise InputError(f"--by {by!r} is a covariate as well; it can be only one of them")
    if path is not None:
        from models.reviews.groups import group_by

        frame, notes, _ = reading.read(path)
        frame = frame if by is None else group_by(frame, by, str(path))
        chosen = [Covariate(name) for name in names]
        return make_design(frame, with_units(chosen, units), str(path)), notes
    from models.evidence.covariates import paper_covariates, with_covariates
    from models.evidence.groupings import grouped_outcome
    from models.evidence.load import load_evidence

    evidence, chosen = load_evidence(), paper_covariates(names)
    arms = evidence.outcome(outcome) if by is None else grouped_outcome(evidence, outcome, by)
    source = f"the paper's {outcome} data"
    frame = reading.kept(with_covariates(arms, evidence), source)
    return make_design(frame, with_units(chosen, units), source), []
