"""The command on the next trial: question in, plan out, written and shown."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from models.common.errors import InputError
from models.interface.options import check_outputs
from models.priors import Priors

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr
    from rich.console import Console

    from models.analyses.next_trial.plan import Design, Plan
    from models.analyses.next_trial.prior import MapPrior

CONTROL: Final = "ICI monotherapy"
"""Group of the control arm, unless another is named, of the paper's treatments."""
LEAST: Final = 2


@dataclass(frozen=True)
class Asked:
    """Which arm is planned, as the options say it; see ``scripts/next_trial.py``."""

    review: Path | None
    outcome: str | None
    where: list[str]
    by: str | None
    treatment: str | None
    subtype: str | None
    mix: Path | None
    control: str | None


def check_design(design: "Design") -> None:
    """Refuse a design that cannot be.

    Raises
    ------
    InputError
        Naming the option and its value.
    """
    from models.analyses.next_trial.randomised import LARGEST as MOST_COMPARED
    from models.analyses.next_trial.rules import LARGEST

    for option, size, most in (
        ("--n", design.n, LARGEST),
        ("--n-control", design.n_control, MOST_COMPARED),
    ):
        if size is not None and not LEAST <= size <= most:
            raise InputError(f"{option} must lie between {LEAST} and {most}, got {size}")
    named = {
        "--null": design.null,
        "--level": design.level,
        "--power": design.power,
        "--confidence": design.confidence,
        "--robust": design.robust,
    }
    if design.alternative is not None:
        named["--alternative"] = design.alternative
    for option, value in named.items():
        if not 0.0 < value < 1.0:
            raise InputError(f"{option} must lie between 0 and 1, got {value:g}")
    if design.alternative is not None and design.alternative <= design.null:
        raise InputError(
            f"--alternative must exceed --null ({design.null:g}), got {design.alternative:g}"
        )


def next_trial(
    asked: Asked, design: "Design", priors: Priors, json: Path | None, out: Path | None
) -> None:
    """Plan the next trial; parameters as in ``scripts/next_trial.py``."""
    check_design(design)
    check_outputs(json, out, [asked.review, asked.mix])
    if asked.review is not None and asked.outcome is not None:
        raise InputError("give either a review file or --outcome")
    if asked.outcome == "trae":
        raise InputError("--outcome trae: a rule of success asks for a high rate; give orr or dcr")
    if asked.review is not None and asked.by is None and asked.treatment is not None:
        raise InputError("--treatment names a group: --by says which column holds the groups")
    if asked.subtype is not None and asked.mix is not None:
        raise InputError("give either --subtype or --mix")
    plan = _plan(asked, design, priors)

    from models.common.files import write_json

    if out is not None:
        write_plan(plan, out)
    if json is not None:
        write_json(json, plan.as_dict())
    show(plan)


def _plan(asked: Asked, design: "Design", priors: Priors) -> "Plan":
    from models.analyses.next_trial.plan import make_plan
    from models.analyses.next_trial.prior import PAPER, RESPONSE, group_priors, pooled_prior

    counted = RESPONSE if asked.review is not None else PAPER[asked.outcome or "orr"]
    if asked.subtype is not None or asked.mix is not None:
        return make_plan(_case_mix(asked, priors), design)
    studies, source = _studies(asked)
    if asked.treatment is None:
        if asked.by is not None:
            known = ", ".join(map(str, studies["group"].cat.categories))
            raise InputError(f"--by {asked.by}: --treatment says which group is planned: {known}")
        if asked.control is not None:
            raise InputError("--control belongs to --treatment")
        return make_plan(pooled_prior(studies, source, priors, counted), design)
    groups = group_priors(studies, source, priors, counted)
    control = asked.control
    if control is None and CONTROL in groups.prior and asked.treatment != CONTROL:
        control = CONTROL
    if control is not None:
        groups.of(control)
        if control == asked.treatment:
            raise InputError(f"--control {control!r} is the treatment itself")
        _check_compared(design)
    return make_plan(groups.of(asked.treatment), design, groups, asked.treatment, control)


def _check_compared(design: "Design") -> None:
    from models.analyses.next_trial.randomised import LARGEST

    if design.n > LARGEST:
        raise InputError(
            f"--n must be at most {LARGEST} for a comparison with a control arm, got {design.n}"
        )


def _studies(asked: Asked) -> tuple["pd.DataFrame", str]:
    """Return the arms, with ``group`` if one is asked for, and what they are called."""
    from models.reviews.conditions import select
    from models.reviews.groups import group_by
    from models.reviews.reader import read_review

    if asked.review is not None:
        source = str(asked.review)
        frame = select(read_review(asked.review), asked.where, source)
        return (frame if asked.by is None else group_by(frame, asked.by, source)), source
    from models.evidence.groupings import grouped_outcome
    from models.evidence.load import load_evidence
    from models.evidence.vocabulary import OUTCOMES

    outcome = asked.outcome or "orr"
    evidence, source = load_evidence(), f"the paper's review ({OUTCOMES[outcome]})"
    grouped = asked.by is not None or asked.treatment is not None
    if grouped:
        frame = grouped_outcome(evidence, outcome, asked.by or "treatment")
    else:
        frame = evidence.outcome(outcome)
    frame = select(frame, asked.where, source)
    if grouped:
        frame["group"] = frame["group"].cat.remove_unused_categories()
    return frame, source


def _case_mix(asked: Asked, priors: Priors) -> "MapPrior":
    """Return the prior of an arm of one histology, or of a mix, in a treatment of the paper."""
    import pandas as pd

    from models.analyses.next_trial.prior import case_mix_prior
    from models.evidence.case_mix import paper_review
    from models.evidence.load import load_evidence
    from models.reviews.case_mix import read_mix

    option = "--subtype" if asked.subtype is not None else "--mix"
    if asked.treatment is None:
        raise InputError(f"{option} needs --treatment")
    if asked.review is not None or asked.by is not None or asked.where or asked.control is not None:
        raise InputError(f"{option} takes the paper's review as it is, with --treatment")
    if asked.outcome == "dcr":
        raise InputError(f"{option}: subtypes are known for objective response only")
    review = paper_review(load_evidence())
    for name, label, known in (
        ("--treatment", asked.treatment, review.treatments),
        ("--subtype", asked.subtype, review.subtypes),
    ):
        if label is not None and label not in known:
            raise InputError(f"{name} {label!r}: the review has {', '.join(known)}")
    if asked.mix is not None:
        shares, patients = read_mix(asked.mix, review.subtypes), f"the mix of {asked.mix}"
    else:
        shares = pd.Series(0.0, index=review.subtypes)
        shares[str(asked.subtype)] = 1.0
        patients = str(asked.subtype)
    draws = _case_mix_draws(review.ledger(), priors)
    return case_mix_prior(draws, review, asked.treatment, shares, patients, priors)


def _case_mix_draws(ledger: "pd.DataFrame", priors: Priors) -> "xr.Dataset":
    """Return the draws of the case-mix model: of the main job if it has run, else sampled."""
    from models.common.constants import FIGURES_DIR
    from models.fitting.fit import Wanted
    from models.fitting.records import Saved
    from models.fitting.registry import CASE_MIX
    from models.interface.commands import fitted, require
    from models.interface.options import Sampling

    length = {"draws": 1200, "tune": 800}
    wanted = Wanted(CASE_MIX, ledger, priors, "case_mix", "case mix", settings=length)
    try:
        fit = Saved(FIGURES_DIR / "fits")(wanted)
    except InputError:
        fit = fitted(Sampling(), wanted)
    require(fit)
    return fit.posterior


def write_plan(plan: "Plan", out: Path) -> None:
    """Write tables, both figures, the paragraph and the mixtures that RBesT reads."""
    from models.analyses.next_trial.figures import prior_figure, rules_figure
    from models.analyses.next_trial.tables import protocol
    from models.common.files import write_json
    from models.render.output import Output, write_output

    tables = {
        "rules": plan.rules_frame(),
        "predictive": plan.predictive(),
        "operating_characteristics": plan.curves(),
    }
    if plan.control is not None:
        tables |= {"randomised": plan.randomised, "randomised_drift": plan.drift}
    figures = {"prior": prior_figure(plan), "rules": rules_figure(plan)}
    write_output(Output(tables, figures, {"protocol.md": protocol(plan)}), out)
    write_json(out / "map.json", plan.mixture.rbest())
    write_json(out / "map_robust.json", plan.mixture.robust(plan.design.robust).rbest())


def show(plan: "Plan") -> None:
    """Print a plan."""
    import pandas as pd
    from rich.console import Console

    from models.analyses.next_trial.rules import LARGEST
    from models.analyses.next_trial.tables import (
        asked,
        prior_words,
        protocol,
        randomised_table,
        rules_table,
        smallest_table,
    )
    from models.render.escape import terminal

    out, design = Console(highlight=False), plan.design
    for line in prior_words(plan):
        out.print(terminal(line), soft_wrap=True)
    rules = rules_table(plan.rules_frame(), design.null, design.alternative)
    print_frame(out, f"Rules of success: {asked(design)}", rules)
    if design.alternative is not None and not any(rule.first for rule in plan.rules):
        out.print("no two-stage design of a reasonable size keeps both error rates")
    title = f"Patients from which on (to {LARGEST}) the exact test keeps an assurance"
    print_frame(out, title, smallest_table(pd.DataFrame(plan.smallest)))
    if plan.control is not None:
        name, prior = plan.control
        title = f"Randomised against {name}; type I error and power with its arm's rate at "
        title += f"{100 * float(prior.summary().mean):.1f} %, largest error over all true rates"
        print_frame(out, title, randomised_table(plan.randomised))
    out.print()
    for paragraph in protocol(plan).strip().splitlines():
        out.print(terminal(paragraph))


def print_frame(out: "Console", title: str, frame: "pd.DataFrame") -> None:
    """Print a frame of texts under a title."""
    from rich.table import Table

    from models.render.escape import terminal

    table = Table(title=terminal(title), title_justify="left", box=None, pad_edge=False)
    for column in frame.columns:
        table.add_column(terminal(column), overflow="fold")
    for row in frame.itertuples(index=False):
        table.add_row(*map(terminal, row))
    out.print()
    out.print(table)
