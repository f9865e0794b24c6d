"""Shrinkage estimates for subtypes: disjoint strata that learn from each other."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from cyclopts import App

from models.interface.cli import run

if TYPE_CHECKING:
    import pandas as pd

app = App(help=__doc__, version_flags=[])

EXNEX_ONLY = ("nex_mean", "nex_sd", "p_exchangeable")
DRAWS, EXNEX_DRAWS = 2000, 10000
BY_TREATMENT_ONLY = ("prior_sigma_scale", "prior_interaction_scale")


@app.default
def subtypes(
    *,
    model: Literal["exchangeable", "exnex", "by-treatment"] = "exchangeable",
    engine: Literal["nuts", "grid"] = "nuts",
    data: Path | None = None,
    prior_mu_mean: float = 0.0,
    prior_mu_sd: float = 1.5,
    prior_tau_scale: float = 1.0,
    nex_mean: float | None = None,
    nex_sd: float | None = None,
    p_exchangeable: float | None = None,
    prior_sigma_scale: float | None = None,
    prior_interaction_scale: float | None = None,
    draws: int | None = None,
    seed: int = 20250107,
    json: Path | None = None,
) -> None:
    """Estimate the response rate of every stratum.

    Parameters
    ----------
    model
        exchangeable: strata are draws of one population, those with a parent one level deeper;
        exnex: each stratum exchangeable or on its own (parents serve for their sum only);
        by-treatment: subtype and treatment group, additive with interaction.
    engine
        nuts: sample; grid: the same posterior by quadrature, with independent draws for ranks
        (model exchangeable only).
    data
        CSV with the columns stratum, events, total and, if wanted, parent: the name of the family
        that the stratum belongs to, blank for none. Strata must be disjoint: a parent is a name,
        not a row. With --model by-treatment the column treatment as well, one row a combination.
        By default the paper's 24 disjoint subtypes, or their 83 cells.
    prior_mu_mean
        Mean of the normal prior of mu (logit of the typical rate).
    prior_mu_sd
        Standard deviation of the normal prior of mu.
    prior_tau_scale
        Scale of the half-normal prior of tau (SD between strata, and of a family's members).
    nex_mean
        EXNEX: mean of the logit of a stratum on its own; by default the logit of 0.14.
    nex_sd
        EXNEX: its standard deviation; by default 2.9, the information of about one patient.
    p_exchangeable
        EXNEX: prior probability that a stratum is exchangeable; by default 0.5.
    prior_sigma_scale
        By treatment: scale of the half-normal prior of the SD between treatments; default 1.
    prior_interaction_scale
        By treatment: scale of the half-normal prior of the SD of interactions; default 0.5.
    draws
        Draws kept per chain (four chains); by default 2000, and 10000 for EXNEX, whose two
        parameters are quickly drawn and mix more slowly.
    seed
        Seed of the sampler, or of the grid's independent draws.
    json
        Write every number, unrounded, to this file.
    """
    from models.common.errors import GateError, InputError

    options = {
        "nex_mean": nex_mean,
        "nex_sd": nex_sd,
        "p_exchangeable": p_exchangeable,
        "prior_sigma_scale": prior_sigma_scale,
        "prior_interaction_scale": prior_interaction_scale,
    }
    given = {name: value for name, value in options.items() if value is not None}
    owned = {"exnex": EXNEX_ONLY, "by-treatment": BY_TREATMENT_ONLY}
    for name in given:
        if name not in owned.get(model, ()):
            option = "--" + name.replace("_", "-")
            raise InputError(f"{option} does not apply to --model {model}")
    if engine == "grid" and model != "exchangeable":
        raise InputError(
            f"--engine grid does not cover --model {model}: its posterior is no tree of normal "
            "effects; use --engine nuts"
        )
    if draws is not None and draws < 100:
        raise InputError(f"--draws must be at least 100, got {draws}")
    settings = {"mu_mean": prior_mu_mean, "mu_sd": prior_mu_sd, "tau_scale": prior_tau_scale}
    settings |= {name.removeprefix("prior_"): value for name, value in given.items()}
    frame, source = _read(model, data)

    kept = draws or (EXNEX_DRAWS if model == "exnex" else DRAWS)
    cells: pd.DataFrame | None = None
    if engine == "grid":
        from models.analyses.subtypes.exact import fit_exchangeable_exactly
        from models.priors import Priors

        fit, result = fit_exchangeable_exactly(frame, Priors(**settings), draws=kept, seed=seed)
    else:
        from rich.console import Console

        with Console(stderr=True).status("compiling and sampling (up to a minute)"):
            fit, result, cells = _fit(model, frame, settings, kept, seed)
    show(result, source, fit.gate.sentence())
    if cells is not None:
        show_cells(cells)
    if json is not None:
        from models.analyses.subtypes.summary import as_records
        from models.common.files import write_json

        content = {**result.as_dict(), "diagnostics": fit.gate.as_dict()}
        if cells is not None:
            content["cells"] = as_records(cells)
        write_json(json, content)
    if not fit.gate.passed:
        raise GateError(f"the fit did not pass the gate; do not use it. {fit.gate.sentence()}")


def _read(model: str, data: Path | None) -> tuple["pd.DataFrame", str]:
    """Return strata, or cells for the subtype by treatment model, and what they are called."""
    from models.reviews.strata import read_cells, read_strata

    if data is not None:
        return (read_cells(data) if model == "by-treatment" else read_strata(data)), str(data)
    from models.evidence.load import load_evidence

    evidence = load_evidence()
    if model == "by-treatment":
        from models.evidence.load import paper_cells

        return paper_cells(evidence), "the paper's subtypes by treatment group"
    return evidence.strata(), "the paper's disjoint subtypes"


def _fit(
    model: str, frame: "pd.DataFrame", settings: dict[str, float], draws: int, seed: int
) -> tuple[Any, Any, "pd.DataFrame | None"]:
    """Fit a model; return fit, result and, for the subtype by treatment model, all cells."""
    from models.analyses.subtypes.run import fit_by_treatment, fit_exchangeable, fit_exnex
    from models.analyses.subtypes.summary import summarise_cells
    from models.priors import ExnexPriors, Priors
    from models.reviews.strata import strata_of_cells

    # bad settings are refused before the sampler is loaded
    priors = ExnexPriors(**settings) if model == "exnex" else Priors(**settings)
    from models.fitting.fit import SamplerSettings
    from models.fitting.sampler import Sampler

    sampler = Sampler(SamplerSettings(draws=draws, seed=seed))
    if model == "exnex":
        return *fit_exnex(frame, sampler, priors), None
    if model == "exchangeable":
        return *fit_exchangeable(frame, sampler, priors), None
    fit, result = fit_by_treatment(frame, strata_of_cells(frame), sampler, priors)
    return fit, result, summarise_cells(fit.posterior, frame)


def show(result: Any, source: str, gate: str) -> None:
    """Print the estimates of strata and families."""
    import math

    from rich.console import Console
    from rich.table import Table

    from models.render.format import probability, rate

    out = Console(highlight=False)
    events, total = int(result.strata["events"].sum()), int(result.strata["total"].sum())
    out.print(
        f"[bold]{source}[/], model {result.model}: {len(result.strata)} strata, {events} events in "
        f"{total} patients (crude {events / total:.3f})"
    )
    exnex = "p_exchangeable" in result.strata
    table = Table(box=None, pad_edge=False)
    headings = ["stratum", "events/n", "raw", "median (95 % interval)", "shrinkage", "borrowed"]
    headings += ["P(top 3)"] + (["P(exch.)"] if exnex else [])
    for heading in headings:
        side: Literal["left", "right"] = "left" if heading == "stratum" else "right"
        table.add_column(heading, justify=side, no_wrap=heading != "stratum")
    rows = result.strata.to_dict("records") + result.families.to_dict("records")
    for row in sorted(rows, key=lambda row: -row["median"]):
        family = "p_top_three" not in row
        cells = [
            f"{row['stratum']} *" if family else row["stratum"],
            f"{row['events']}/{row['total']}",
            f"{row['raw']:.3f}",
            rate(row["median"], row["lower"], row["upper"]),
            "" if math.isnan(row["shrinkage"]) else f"{row['shrinkage']:.2f}",
            f"{row['borrowed']:.0f}",
            "" if family else probability(row["p_top_three"]),
        ]
        if exnex:
            cells.append("" if family else probability(row["p_exchangeable"]))
        table.add_row(*cells)
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
    out.print(f"  gate: {gate}")


def show_cells(cells: "pd.DataFrame") -> None:
    """Print the rates of all combinations of stratum and treatment."""
    from rich.console import Console
    from rich.table import Table

    from models.render.format import rate

    table = Table(title="Stratum by treatment", title_justify="left", box=None, pad_edge=False)
    for heading in ("stratum", "treatment", "events/total", "posterior median (95 % interval)"):
        table.add_column(heading, justify="right" if heading[0] in "ep" else "left")
    table.add_column("")
    for row in cells.itertuples():
        table.add_row(
            str(row.stratum),
            str(row.treatment),
            f"{row.events}/{row.total}" if row.total else "-",
            rate(row.median, row.lower, row.upper),
            "prediction" if row.basis == "prediction" else "",
        )
    Console(highlight=False).print(table)


if __name__ == "__main__":
    run(app)
