"""The subtypes on the console: options in, a judged answer out, shown and written."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from rich.console import Console
from rich.table import Table

from models.common.errors import GateError, InputError
from models.common.files import write_json
from models.interface.options import check_outputs, check_priors, check_run_options
from models.priors import ExnexPriors, Priors
from models.render.escape import terminal, titled
from models.render.format import probability, rate

if TYPE_CHECKING:
    import pandas as pd
    from rich.text import Text

    from models.analyses.subtypes.summary import SubtypeResult
    from models.fitting.fit import Fit, Fitter

OWN_OPTIONS: Final[dict[str, tuple[str, ...]]] = {
    "exchangeable": (),
    "exnex": ("nex_mean", "nex_sd", "p_exchangeable"),
    "by-treatment": ("prior_sigma_scale", "prior_interaction_scale"),
}
"""Options that belong to one model only."""
DRAWS: Final = {"exchangeable": 2000, "exnex": 10000, "by-treatment": 2000}
"""Draws kept per chain unless another number is asked for."""


@dataclass(frozen=True, eq=False)
class Answer:
    """A fit, what it says of every stratum, and of every cell if treatment is modelled."""

    source: str
    fit: "Fit"
    result: "SubtypeResult"
    cells: "pd.DataFrame | None" = None


def estimate(
    model: str,
    data: Path | None,
    *,
    priors: Mapping[str, float],
    own: Mapping[str, float | None],
    engine: str,
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
    if engine == "grid" and model != "exchangeable":
        raise InputError(
            f"--engine grid does not cover --model {model}: its posterior is no tree of normal "
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
    with Console(stderr=True).status("compiling and sampling (up to a minute)"):
        return _fit(model, frame, source, settings, _fitter(engine, kept, seed))


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
    if engine == "grid":
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


def report(answer: Answer, json: Path | None) -> None:
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
        if answer.cells is not None:
            content["cells"] = as_records(answer.cells)
        write_json(json, content)
    show(answer.result, answer.source, gate.sentence())
    if answer.cells is not None:
        show_cells(answer.cells)
    if not gate.passed:
        raise GateError(f"the fit did not pass the gate; do not use it. {gate.sentence()}")


def show(result: "SubtypeResult", source: str, gate: str) -> None:
    """Print the estimates of strata and families."""
    out = Console(highlight=False)
    events, total = int(result.strata["events"].sum()), int(result.strata["total"].sum())
    out.print(
        titled(
            source,
            f"model {result.model}: {len(result.strata)} strata, {events} events in {total} "
            f"patients (crude {events / total:.3f})",
        )
    )
    exnex = "p_exchangeable" in result.strata
    table = Table(box=None, pad_edge=False)
    headings = ["stratum", "events/n", "raw", "median (95 % interval)", "shrinkage", "borrowed"]
    headings += ["P(top 3)"] + (["P(exch.)"] if exnex else [])
    for heading in headings:
        first = heading == "stratum"
        table.add_column(heading, justify="left" if first else "right", no_wrap=not first)
    rows = result.strata.to_dict("records") + result.families.to_dict("records")
    for row in sorted(rows, key=lambda row: -row["median"]):
        table.add_row(*_cells(row, exnex=exnex))
    out.print(table)
    if len(result.families):
        out.print("  * patient-weighted mean of the strata with this parent")
    for name, numbers in result.parameters.items():
        values = rate(numbers["median"], numbers["lower"], numbers["upper"])
        out.print(f"  {name} (logit scale)  {values}")
    out.print(
        "  shrinkage: 0 the raw rate is kept, 1 the others decide, by posterior means; borrowed: "
        "information beyond the stratum's own, in patients"
    )
    out.print(terminal(f"  gate: {gate}"))


def _cells(row: Mapping[Any, Any], *, exnex: bool) -> list["str | Text"]:
    """Return the texts of a stratum's or a family's row."""
    family = "p_top_three" not in row
    cells: list[str | Text] = [
        terminal(f"{row['stratum']} *" if family else row["stratum"]),
        f"{row['events']}/{row['total']}",
        f"{row['raw']:.3f}",
        rate(row["median"], row["lower"], row["upper"]),
        "" if math.isnan(row["shrinkage"]) else f"{row['shrinkage']:.2f}",
        f"{row['borrowed']:.0f}",
        "" if family else probability(row["p_top_three"]),
    ]
    if exnex:
        cells.append("" if family else probability(row["p_exchangeable"]))
    return cells


def show_cells(cells: "pd.DataFrame") -> None:
    """Print the rates of all combinations of stratum and treatment."""
    table = Table(title="Stratum by treatment", title_justify="left", box=None, pad_edge=False)
    for heading in ("stratum", "treatment", "events/total", "posterior median (95 % interval)"):
        table.add_column(heading, justify="right" if heading[0] in "ep" else "left")
    table.add_column("")
    for row in cells.itertuples():
        table.add_row(
            terminal(row.stratum),
            terminal(row.treatment),
            f"{row.events}/{row.total}" if row.total else "-",
            rate(row.median, row.lower, row.upper),
            "prediction" if row.basis == "prediction" else "",
        )
    Console(highlight=False).print(table)
