"""The subtypes on the console: options in, a judged answer out, shown and written."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pandas as pd

from models.analyses.review.run import made_by
from models.analyses.review.words import interval, sentence_interval
from models.common.errors import GateError, InputError
from models.common.files import write_json
from models.interface.console.terminal import show_cautions, show_lines, show_table, working
from models.interface.options import check_outputs, check_priors, check_run_options
from models.priors import ExnexPriors, Priors
from models.render.format import probability, rate

if TYPE_CHECKING:
    from models.analyses.subtypes.summary import SubtypeResult
    from models.fitting.fit import Fit, Fitter

OWN_OPTIONS: Final[dict[str, tuple[str, ...]]] = {
    "exchangeable": (),
    "exnex": ("nex_mean", "nex_sd", "p_exchangeable"),
    "by-treatment": ("prior_sigma_scale", "prior_interaction_scale"),
}
"""Options that belong to one model only."""
NEX: Final = (
    "a stratum on its own has the prior mean logit(0.14), the rate of an earlier review of "
    "sarcoma; set --nex-mean for another disease"
)
DRAWS: Final = {"exchangeable": 2000, "exnex": 10000, "by-treatment": 2000}
"""Draws kept per chain unless another number is asked for."""


@dataclass(frozen=True, eq=False)
class Answer:
    """A fit, what it says of every stratum, and of every cell if treatment is modelled."""

    source: str
    fit: "Fit"
    result: "SubtypeResult"
    cells: "pd.DataFrame | None" = None
    made: Mapping[str, Any] = field(default_factory=dict)


def estimate(
    model: str,
    data: Path | None,
    *,
    priors: Mapping[str, float],
    own: Mapping[str, float | None],
    engine: str | None,
    draws: int | None,
    seed: int,
    json: Path | None,
) -> Answer:
    """Fit one of the subtype models to the paper's strata or a user's.

    Parameters
    ----------
    model, engine
        As ``scripts/subtypes.py`` names them.
    data
        The user's file; the paper's data if None.
    priors
        Settings of the priors that all models have.
    own
        Options of a single model, None where not given.
    draws
        Draws kept per chain; None for the model's own number.
    seed
        Seed of the sampler, or of the grid's draws.
    json
        The file that `report` is to write.

    Raises
    ------
    InputError
        If an option does not apply or has a value that cannot be, or the data have a fault.
    """
    given = {name: value for name, value in own.items() if value is not None}
    for name in given:
        if name not in OWN_OPTIONS[model]:
            option = "--" + name.replace("_", "-")
            raise InputError(f"{option} does not apply to --model {model}")
    if engine is None:
        engine = "exact" if model == "exchangeable" else "nuts"
    if engine != "nuts" and model != "exchangeable":
        raise InputError(
            f"--engine exact does not cover --model {model}: its posterior is no tree of normal "
            "effects; use --engine nuts"
        )
    kept = DRAWS[model] if draws is None else draws
    check_run_options(kept, seed)
    check_outputs(json, inputs=[data])
    values = dict(priors) | {name.removeprefix("prior_"): value for name, value in given.items()}
    # bad settings are refused before the data are read and the sampler is loaded
    settings = ExnexPriors(**values) if model == "exnex" else Priors(**values)
    check_priors(settings)
    frame, source = _read(model, data)
    if model == "exnex" and data is not None and "nex_mean" not in given:
        show_cautions([NEX])
    with working(f"{model}: {'computing' if engine != 'nuts' else 'sampling (up to a minute)'}"):
        answer = _fit(model, frame, source, settings, _fitter(engine, kept, seed))
    options = {"model": model, "engine": engine, "draws": kept, "seed": seed}
    made = made_by(data, len(frame), len(frame), **options)
    return replace(answer, made=made | {"priors": settings.as_dict()})


def _read(model: str, data: Path | None) -> tuple["pd.DataFrame", str]:
    """Return strata, or cells for the subtype by treatment model, and what they are called."""
    from models.evidence.load import load_evidence, paper_cells
    from models.reviews.strata import read_cells, read_strata

    by_treatment = model == "by-treatment"
    if data is not None:
        return (read_cells(data) if by_treatment else read_strata(data)), str(data)
    if by_treatment:
        return paper_cells(load_evidence()), "the paper's subtypes by treatment group"
    return load_evidence().strata(), "the paper's disjoint subtypes"


def _fitter(engine: str, draws: int, seed: int) -> "Fitter":
    if engine != "nuts":
        from models.fitting.exact import Exact

        return Exact(draws, seed)
    from models.fitting.fit import SamplerSettings
    from models.fitting.sampler import Sampler

    return Sampler(SamplerSettings(draws=draws, seed=seed))


def _fit(
    model: str, frame: "pd.DataFrame", source: str, priors: Priors, fitter: "Fitter"
) -> Answer:
    from models.analyses.subtypes.fits import fit_by_treatment, fit_exchangeable, fit_exnex
    from models.analyses.subtypes.summary import summarise_cells

    if model == "by-treatment":
        fit, result = fit_by_treatment(frame, fitter, priors)
        return Answer(source, fit, result, summarise_cells(fit.posterior, frame))
    return Answer(
        source, *(fit_exnex if model == "exnex" else fit_exchangeable)(frame, fitter, priors)
    )


def report(answer: Answer, json: Path | None, *, full: bool = False) -> None:
    """Write an answer as JSON, then print it.

    Raises
    ------
    GateError
        If the fit did not pass the gate.
    """
    from models.analyses.subtypes.summary import as_records

    gate = answer.fit.gate
    if json is not None:
        content = {**answer.result.as_dict(), "diagnostics": gate.as_dict()}
        content["answer"] = sentence(answer.result)
        content["provenance"] = answer.made
        if answer.cells is not None:
            content["cells"] = as_records(answer.cells)
        write_json(json, content)
    show(answer.result, answer.source, gate.sentence(), full=full)
    if answer.cells is not None:
        show_cells(answer.cells)
    show_lines(sentence(answer.result))
    if not gate.passed:
        raise GateError(f"the fit did not pass the gate; do not use it. {gate.sentence()}")


def show(result: "SubtypeResult", source: str, gate: str, *, full: bool) -> None:
    """Print the estimates of strata and families."""
    events, total = int(result.strata["events"].sum()), int(result.strata["total"].sum())
    show_lines(
        f"{source}: model {result.model}: {len(result.strata)} strata, {events} events in {total} "
        f"patients ({100 * events / total:.1f} %)"
    )
    rows = result.strata.to_dict("records") + result.families.to_dict("records")
    rows = sorted(rows, key=lambda row: -row["median"])
    exnex = "p_exchangeable" in result.strata
    show_table("Strata", pd.DataFrame([_cells(row, exnex=exnex) for row in rows]))
    if full:
        show_table("Borrowing", pd.DataFrame(list(map(_borrowing, rows))))
        show_lines(
            "shrinkage: 0 the raw rate is kept, 1 the others decide, by posterior means (a dash "
            "where it is neither); borrowed: information beyond the stratum's own, in patients"
        )
    print()
    if len(result.families):
        show_lines("* patient-weighted mean of the strata with this parent")
    for name, numbers in result.parameters.items():
        values = rate(numbers["median"], numbers["lower"], numbers["upper"], 2)
        show_lines(f"{name} (logit scale): {values}")
    show_lines(f"gate: {gate}")


def _name(row: Mapping[Any, Any]) -> str:
    return str(row["stratum"]) if "p_top_three" in row else f"{row['stratum']} *"


def _cells(row: Mapping[Any, Any], *, exnex: bool) -> dict[str, str]:
    """Return the texts of a stratum's or a family's row."""
    family = "p_top_three" not in row
    cells = {
        "stratum": _name(row),
        "events/n": f"{row['events']}/{row['total']}",
        "raw %": f"{100 * row['raw']:.1f}",
        "estimated % (95 %)": interval(row),
        "P(top 3)": "" if family else probability(row["p_top_three"]),
    }
    if exnex:
        cells["P(exch.)"] = "" if family else probability(row["p_exchangeable"])
    return cells


def _borrowing(row: Mapping[Any, Any]) -> dict[str, str]:
    shrinkage = float(row["shrinkage"])
    kept = math.isfinite(shrinkage) and -0.005 <= shrinkage <= 1.005
    return {
        "stratum": _name(row),
        "shrinkage": f"{abs(shrinkage):.2f}" if kept else "-",
        "borrowed": f"{row['borrowed']:.0f}",
    }


def show_cells(cells: "pd.DataFrame") -> None:
    """Print the rates of all combinations of stratum and treatment."""
    rows = [
        {
            "stratum": row["stratum"],
            "treatment": row["treatment"],
            "events/total": f"{row['events']}/{row['total']}" if row["total"] else "-",
            "estimated % (95 %)": interval(row),
            "": "predicted" if row["basis"] == "prediction" else "",
        }
        for row in cells.to_dict("records")
    ]
    show_table("Stratum by treatment", pd.DataFrame(rows))


def sentence(result: "SubtypeResult") -> str:
    """Return the answer in a sentence."""
    best = result.strata.loc[result.strata["median"].idxmax()].to_dict()
    named = {f"typical_{part}": best[part] for part in ("median", "lower", "upper")}
    return (
        f"{best['stratum']} has the highest estimated rate of {len(result.strata)} strata, "
        f"{sentence_interval(named, 'typical', '95 % interval')}, from {best['events']} events in "
        f"{best['total']} patients."
    )
