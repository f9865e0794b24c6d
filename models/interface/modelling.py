"""What the commands of the regression and the joint model do: read, fit, write, then print."""

from pathlib import Path
from typing import TYPE_CHECKING

from models.common.errors import InputError
from models.interface.commands import Shown, require
from models.interface.options import Sampled, Sampling, check_outputs
from models.priors import JointPriors, Priors, RegressionPriors

if TYPE_CHECKING:
    from models.reviews.covariates import Design


def regress(
    review: Path | None,
    covariates: str,
    outcome: str | None,
    by: str | None,
    unit: list[str],
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
    design = _design(review, outcome or "orr", names, by, unit)

    from models.analyses.regression.summary import analyse_regression
    from models.analyses.regression.tables import print_analysis
    from models.common.files import write_json

    assert isinstance(priors, RegressionPriors)
    analysis = analyse_regression(design, Shown(sampling), priors)
    if json is not None:
        write_json(json, analysis.as_dict())
    print_analysis(analysis, str(review) if review else f"the paper's {outcome or 'orr'}")
    require(analysis.fit)


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
    path: Path | None, outcome: str, names: list[str], by: str | None, unit: list[str]
) -> "Design":
    """Return the design of a user's file or of the paper's arms."""
    from models.reviews.covariates import Covariate, make_design, parse_units, with_units

    units = parse_units(unit, names)
    if by in names:
        raise InputError(f"--by {by!r} is a covariate as well; it can be only one of them")
    if path is not None:
        from models.reviews.groups import group_by
        from models.reviews.reader import read_review

        frame = read_review(path)
        frame = frame if by is None else group_by(frame, by, str(path))
        chosen = [Covariate(name) for name in names]
        return make_design(frame, with_units(chosen, units), str(path))
    from models.evidence.covariates import paper_covariates, with_covariates
    from models.evidence.groupings import grouped_outcome
    from models.evidence.load import load_evidence

    evidence, chosen = load_evidence(), paper_covariates(names)
    arms = evidence.outcome(outcome) if by is None else grouped_outcome(evidence, outcome, by)
    source = f"the paper's {outcome} data"
    return make_design(with_covariates(arms, evidence), with_units(chosen, units), source)
