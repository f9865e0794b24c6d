"""Tables and figures of the simulation of subtypes, from the stored replicates."""

from pathlib import Path
from typing import Any

import pandas as pd

from models.common.files import write_csv, write_json, write_text
from models.common.sources import versions
from models.evidence.load import load_evidence
from models.render.style import save_png
from models.validation.small_subtypes.plots import bias_figure, bias_size_figure, coverage_figure
from models.validation.small_subtypes.run import SCENARIOS, settings
from models.validation.small_subtypes.summary import (
    by_size,
    simulation_markdown,
    summarise_simulation,
)
from models.validation.small_subtypes.truth import paper_design, scenarios


def write_simulation(results: pd.DataFrame, replicates: int, seed: int, out: Path) -> pd.DataFrame:
    """Write ``simulation_units.csv``, ``simulation_sizes.csv``, text, figures and settings.

    Parameters
    ----------
    results
        All replicates (`models.common.parallel.stored_results`).
    replicates, seed
        Of the simulation.
    out
        Folder to write to.

    Returns
    -------
    pandas.DataFrame
        The summary by size.
    """
    evidence = load_evidence()
    design = paper_design(evidence)
    totals = dict(zip(design.units, (int(n) for n in design.total()), strict=True))
    units = summarise_simulation(results, totals, SCENARIOS)
    sizes = by_size(units)
    words = {scenario.name: scenario.words for scenario in scenarios(evidence, design, seed)}
    write_csv(units, out / "simulation_units.csv")
    write_csv(sizes, out / "simulation_sizes.csv")
    write_text(out / "simulation.md", simulation_markdown(sizes, words, replicates))
    for name, figure in (
        ("simulation_bias", bias_figure(sizes)),
        ("simulation_bias_size", bias_size_figure(sizes)),
        ("simulation_coverage", coverage_figure(sizes)),
    ):
        save_png(figure, out / name, dpi=200)
    record: dict[str, Any] = {"replicates": replicates, **settings(seed), "versions": versions()}
    write_json(out / "settings.json", record)
    return sizes
