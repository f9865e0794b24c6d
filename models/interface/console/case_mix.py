"""The case mix on the console: options in, a judged answer out, shown and written."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from models.analyses.review.run import made_by
from models.analyses.review.words import records
from models.common.errors import GateError, InputError
from models.common.files import write_json
from models.common.sources import sha256
from models.interface.console.terminal import show_cautions, show_lines, show_table, working
from models.interface.options import (
    check_outputs,
    check_priors,
    check_run_options,
)
from models.priors import Priors
from models.render.format import probability, rate

if TYPE_CHECKING:
    import pandas as pd

    from models.analyses.case_mix.summary import CaseMixResult
    from models.fitting.fit import Fit
    from models.reviews.case_mix import CaseMixReview

NO_TOTALS: Final = (
    "no subtype_treatment.csv: without responders by subtype the table of arms and subtypes is "
    "wide open, and contrasts at equal histology rest on composition alone; should the "
    "diagnostics fail, use --approximate"
)
TUNE: Final = 800
"""Iterations of tuning of the model with the latent table."""


@dataclass(frozen=True, eq=False)
class Answer:
    """A fit and what it says; ``patients`` are subtype and treatment of a group asked for."""

    source: str
    fit: "Fit"
    result: "CaseMixResult"
    exact: bool
    patients: tuple[str, str] | None
    made: Mapping[str, Any] = field(default_factory=dict)


def estimate(
    data: Path | None,
    mix: Path | None,
    *,
    priors: Mapping[str, float],
    patients: tuple[str | None, str | None],
    approximate: bool,
    draws: int,
    seed: int,
    json: Path | None,
) -> Answer:
    """Fit the case-mix model, or its approximation, to the paper's review or a user's.

    Parameters
    ----------
    data
        Folder of the user's review; the paper's if None.
    mix
        File of a patient mix; the review's own if None.
    priors
        Prior settings by name.
    patients
        Subtype and treatment of the patient group to predict for, or twice None.
    approximate
        Fit the approximation.
    draws
        Draws kept per chain.
    seed
        Seed of the sampler.
    json
        The file that `report` is to write.

    Raises
    ------
    InputError
        If an option has a value that cannot be, or the review has a fault.
    """
    check_run_options(draws, seed)
    check_outputs(json, inputs=[mix, *(data.glob("*.csv") if data is not None else ())])
    subtype, treatment = patients
    if (subtype is None) != (treatment is None):
        raise InputError("--subtype and --treatment go together")
    settings = Priors(**priors)
    check_priors(settings)
    review, source = _read(data)
    for option, label, known in (
        ("--subtype", subtype, review.subtypes),
        ("--treatment", treatment, review.treatments),
    ):
        if label is not None and label not in known:
            raise InputError(f"{option} {label!r}: the review has {', '.join(known)}")
    if len(review.treatments) < 2:
        raise InputError(f"{source}: a single treatment; there is nothing to compare")
    if approximate and len(review.subtypes) < 2:
        raise InputError("--approximate: the review has a single subtype; fit it without")
    given = _given(mix, review)
    if not approximate and _without_totals(review):
        show_cautions([NO_TOTALS])
    with working("sampling (seconds; ten more where nothing is compiled yet)"):
        fit, result = _fit(review, given, settings, approximate=approximate, draws=draws, seed=seed)
    made = made_by(
        None,
        len(review.arms),
        len(review.arms),
        data=None if data is None else data.name,
        files={p.name: sha256(p) for p in sorted(data.glob("*.csv"))} if data is not None else {},
        mix=None if mix is None else mix.name,
        approximate=approximate,
        draws=draws,
        seed=seed,
    )
    asked = None if subtype is None or treatment is None else (subtype, treatment)
    made |= {"priors": settings.as_dict()}
    return Answer(source, fit, result, not approximate, asked, made)


def _without_totals(review: "CaseMixReview") -> bool:
    """Return whether no total of a subtype in a treatment group is known."""
    from models.reviews.case_mix import REST

    return bool((review.margins["subtype"] == REST).all())


def _read(data: Path | None) -> tuple["CaseMixReview", str]:
    """Return the review and what it is called."""
    from models.evidence.case_mix import paper_review
    from models.evidence.load import load_evidence
    from models.reviews.case_mix import read_case_mix

    if data is not None:
        return read_case_mix(data), str(data)
    return paper_review(load_evidence()), "the paper's review"


def _given(mix: Path | None, review: "CaseMixReview") -> dict[str, dict[str, float]]:
    """Return a patient mix as the model's estimands take it; nothing for the review's own."""
    from models.reviews.case_mix import read_mix

    return {} if mix is None else {"mix": read_mix(mix, review.subtypes).to_dict()}


def _fit(
    review: "CaseMixReview",
    given: Mapping[str, Mapping[str, float]],
    priors: Priors,
    *,
    approximate: bool,
    draws: int,
    seed: int,
) -> tuple["Fit", "CaseMixResult"]:
    from models.analyses.case_mix.summary import summarise_case_mix, unadjusted
    from models.fitting.fit import SamplerSettings, Wanted
    from models.fitting.registry import CASE_MIX, CASE_MIX_APPROXIMATION
    from models.fitting.sampler import Sampler

    wanted = Wanted(
        CASE_MIX_APPROXIMATION if approximate else CASE_MIX,
        review.ledger(),
        priors,
        given=given,
        settings={} if approximate else {"tune": TUNE},
    )
    fit = Sampler(SamplerSettings(draws=draws, seed=seed))(wanted)
    return fit, summarise_case_mix(fit, review, unadjusted(review, priors, seed), seed)


def report(answer: Answer, json: Path | None) -> None:
    """Write an answer as JSON, then print it.

    Raises
    ------
    GateError
        If the fit did not pass the gate.
    """
    gate = answer.fit.gate
    if json is not None:
        content = answer.result.as_dict()
        content["diagnostics"] = gate.as_dict()
        content["treatments"] = records(answer.result.treatments)
        content["predictions"] = records(answer.result.predictions)
        content["answer"] = sentence(answer)
        content["provenance"] = answer.made
        if not answer.exact:
            content["cells"] = None
        write_json(json, content)
    show(answer)
    show_lines(sentence(answer))
    if answer.patients is not None:
        show_prediction(answer.result.predictions, *answer.patients)
    if not gate.passed:
        advice = " Try --approximate." if answer.exact else ""
        raise GateError(f"the fit did not pass the gate; do not use it.{advice} {gate.sentence()}")


def show(answer: Answer) -> None:
    """Print contrasts, standard deviations, subtypes and the gate."""
    from models.analyses.case_mix.pages import NOTE
    from models.analyses.case_mix.tables import (
        contrasts_frame,
        parameters_frame,
        subtypes_frame,
        treatments_frame,
    )

    result, review, cells = answer.result, answer.result.review, answer.result.cells
    show_lines(
        f"{answer.source}: {len(review.arms)} arms, {review.total.sum()} patients, "
        f"{int(review.arms['events'].sum())} responders, {len(review.subtypes)} subtypes"
    )
    if answer.exact:
        show_lines(
            f"arm by subtype table: {cells.cells} cells, {cells.fixed} with one possible value, "
            f"{cells.moving} inferred, {cells.resting} free but hardly moving"
        )
    for row in review.set_aside.itertuples():
        show_lines(f"  set aside: {row.arm}: {row.reason}")
    contrasts = contrasts_frame(result.contrasts)
    short = contrasts.rename(columns={"P(a > b)": "P", "P(a > b), unadjusted": "P, unadj."})
    pairs = short["a"] + " v. " + short["b"]
    for scale, part in short.groupby("scale", sort=False):
        table = part.drop(columns=["a", "b", "scale"])
        table.insert(0, "contrast", pairs[part.index])
        show_table(f"Contrasts: {scale}", table)
    for title, frame in (
        ("Standard deviations (logit scale)", parameters_frame(result.parameters)),
        ("Rates of a typical study", treatments_frame(result.treatments)),
        ("Subtypes", subtypes_frame(result.subtypes)),
    ):
        show_table(title, frame)
    print()
    show_lines(NOTE)
    show_lines(f"gate: {answer.fit.gate.sentence()}")


def sentence(answer: Answer) -> str:
    """Return the answer in a sentence: the contrast at equal histology that is surest."""
    table = answer.result.contrasts
    table = table[table["scale"] == table["scale"].iloc[0]].reset_index(drop=True)
    row = table.loc[(table["adjusted_p_superior"] - 0.5).abs().idxmax()]
    a, b, p = row["a"], row["b"], float(row["adjusted_p_superior"])
    if p < 0.5:
        a, b, p = b, a, 1 - p
    among = f" (the surest of {len(table)} comparisons)" if len(table) > 1 else ""
    return (
        f"That the rate at an equal mix of patients is higher with {a} than with {b} has a "
        f"probability of {probability(p)}{among}."
    )


def show_prediction(predictions: "pd.DataFrame", subtype: str, treatment: str) -> None:
    """Print the response predicted for one patient group."""
    chosen = predictions["subtype"].eq(subtype) & predictions["treatment"].eq(treatment)
    row = predictions[chosen].iloc[0]
    typical, new = (
        rate(row[f"{p}_median"], row[f"{p}_lower"], row[f"{p}_upper"]) for p in ("typical", "new")
    )
    words = (
        f"{subtype} with {treatment} ({row['total']} such patients in the review): rate in a "
        f"typical study {typical}; in a new trial {new}, mean {row['new_mean']:.3f}"
    )
    show_lines(words)
