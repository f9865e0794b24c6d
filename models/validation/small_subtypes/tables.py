"""Tables, page and figures of the simulation of subtypes, from the stored replicates."""

import json
from pathlib import Path
from typing import Any, Final

import pandas as pd

from models.common.constants import CI_PROB
from models.common.files import write_csv, write_json, write_text
from models.common.sources import versions
from models.common.study import Study
from models.evidence.load import load_evidence
from models.render.templates import page
from models.validation.small_subtypes.replicate import METHODS
from models.validation.small_subtypes.run import SCENARIOS
from models.validation.small_subtypes.summary import METHOD_WORDS, by_size, summarise_simulation
from models.validation.small_subtypes.truth import paper_design, scenarios

LOW_COVERAGE: Final = 0.90


def write_simulation(study: Study, results: pd.DataFrame, out: Path) -> pd.DataFrame:
    """Write ``simulation_units.csv``, ``simulation_sizes.csv``, text, figures and settings.

    Parameters
    ----------
    study
        Says what the replicates belong to.
    results
        All replicates.
    out
        Folder to write to.

    Returns
    -------
    pandas.DataFrame
        The summary by size.
    """
    from models.render.style import save
    from models.validation.small_subtypes.plots import simulation_figure

    design = paper_design(load_evidence())
    totals = dict(zip(design.units, (int(n) for n in design.total()), strict=True))
    units = summarise_simulation(results, totals, SCENARIOS)
    sizes = by_size(units)
    write_csv(units, out / "simulation_units.csv")
    write_csv(sizes, out / "simulation_sizes.csv")
    record: dict[str, Any] = {"replicates": study.simulations, **study.settings}
    write_json(out / "settings.json", {**record, "versions": versions()})
    write_text(out / "simulation.md", simulation_markdown(sizes, study.simulations, study.seed))
    save(simulation_figure(sizes), out / "simulation")
    return sizes


def stored_page(folder: Path) -> str:
    """Return the page anew from what a folder holds."""
    record = json.loads((folder / "settings.json").read_text(encoding="utf-8"))
    sizes = pd.read_csv(folder / "simulation_sizes.csv")
    return simulation_markdown(sizes, record["replicates"], record["seed"])


def simulation_markdown(sizes: pd.DataFrame, replicates: int, seed: int) -> str:
    """Return the page for readers.

    Parameters
    ----------
    sizes
        As `models.validation.small_subtypes.summary.by_size` returns it.
    replicates
        Replicates of each scenario.
    seed
        Of the simulation, which the scenarios depend on.
    """
    evidence = load_evidence()
    return page(
        "validation/small_subtypes/simulation.md",
        replicates=f"{replicates:,}",
        level=f"{100 * CI_PROB:.0f}",
        low=f"{100 * LOW_COVERAGE:.0f}",
        smallest_error=_smallest_error(sizes),
        lowest_coverage=_lowest_coverage(sizes),
        methods=METHOD_WORDS.values(),
        scenarios=scenarios(evidence, paper_design(evidence), seed),
        bias=_pivot(sizes, "bias", "{:+.1f}", 100),
        bias_size=_pivot(sizes, "rms_bias", "{:.1f}", 100),
        rmse=_pivot(sizes, "rmse", "{:.1f}", 100, bold=True),
        coverage=_pivot(sizes, "coverage", "{:.1f}", 100),
        width=_pivot(sizes, "width", "{:.1f}", 100),
        failures=_failures(sizes),
    )


def _smallest_error(sizes: pd.DataFrame) -> pd.DataFrame:
    """Count by scenario at how many sizes each method errs least; the likelihood is not ranked."""
    rows = sizes[sizes["method"] != "glmm"]
    best = rows.loc[rows.groupby(["scenario", "size"], sort=False)["rmse"].idxmin()]
    records = []
    for scenario, part in best.groupby("scenario", sort=False):
        counts = part["method"].value_counts()
        ranked = {METHOD_WORDS[m]: f"{counts.get(m, 0)}" for m in METHODS if m != "glmm"}
        records.append({"scenario": scenario, **ranked, "sizes": f"{len(part)}"})
    return pd.DataFrame(records)


def _lowest_coverage(sizes: pd.DataFrame) -> pd.DataFrame:
    """Name each method's lowest coverage, and how often it is low."""
    records = []
    for method in METHODS:
        own = sizes[sizes["method"] == method]
        worst = own.loc[own["coverage"].idxmin()]
        below = int((own["coverage"] < LOW_COVERAGE).sum())
        records.append(
            {
                "method": METHOD_WORDS[method],
                f"coverage below {100 * LOW_COVERAGE:.0f} %": f"{below} of {len(own)}",
                "lowest coverage (%)": f"{100 * worst['coverage']:.1f}",
                "there": f"{worst['scenario']}, {worst['size']} patients",
            }
        )
    return pd.DataFrame(records)


def _pivot(
    sizes: pd.DataFrame, name: str, form: str, factor: float, *, bold: bool = False
) -> pd.DataFrame:
    """Return a number by scenario, size and method; ``bold``: the smallest in Markdown's bold."""
    records = []
    for (scenario, size), part in sizes.groupby(["scenario", "size"], sort=False):
        values = part.set_index("method")
        cells = {m: form.format(factor * values.loc[m, name]) for m in METHODS if m in values.index}
        if bold:
            rivals = values.drop(index="glmm", errors="ignore")[name]
            least = str(rivals.idxmin())
            cells[least] = f"**{cells[least]}**"
            if "glmm" in cells:
                same = form.format(factor * values.loc["glmm", f"crude_{name}"])
                cells["glmm"] = f"{cells['glmm']} ({same})"
        row = {"scenario": scenario, "patients": size}
        records.append(row | {METHOD_WORDS[m]: cells.get(m, "-") for m in METHODS})
    return pd.DataFrame(records)


def _failures(sizes: pd.DataFrame) -> pd.DataFrame:
    """Return how often GLMM was not applicable / failed, by patients of the subtype."""
    glmm = sizes[sizes["method"] == "glmm"]
    records = []
    for scenario, part in glmm.groupby("scenario", sort=False):
        row = {"scenario": scenario}
        for line in part.itertuples():
            applicable = line.fitted / (1 - line.failed)
            row[line.size] = f"{100 * (1 - applicable):.0f} % / {100 * line.failed:.0f} %"
        records.append(row)
    return pd.DataFrame(records).fillna("-")
