"""The stored results of simulation-based calibration, their tables and the page for readers.

``sbc_ENGINE_MODEL.csv`` holds the ranks and the gate's verdict of every simulation, and
``sbc_ENGINE_MODEL.json`` what they belong to. All tables are made from these files.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from models.common.errors import InputError
from models.common.files import write_csv, write_json, write_text
from models.common.sources import versions
from models.render.format import frame_markdown, probability
from models.validation.calibration.run import ENGINES, SIMULATIONS, kept_draws, models_of, settings
from models.validation.calibration.summary import (
    ALL_UNITS,
    FAMILY_WISE_ERROR,
    coverage_table,
    gate_counts,
    uniformity_tests,
)

ENGINE_NAMES = {"nuts": "NUTS", "grid": "grid"}


def store_ranks(engine: str, model: str, ranks: pd.DataFrame, seed: int, out: Path) -> None:
    """Write the ranks of a model and what they belong to.

    Raises
    ------
    models.common.errors.InputError
        If the folder holds more simulations of the same settings.
    """
    record = settings(engine, model, seed)
    check_not_fewer(engine, model, len(ranks), seed, out)
    write_csv(ranks, out / f"sbc_{engine}_{model}.csv")
    write_json(
        out / f"sbc_{engine}_{model}.json",
        {
            "simulations": len(ranks),
            "kept_draws": kept_draws(engine, model),
            "settings": record,
            "versions": versions(),
        },
    )


def check_not_fewer(engine: str, model: str, simulations: int, seed: int, out: Path) -> None:
    """Refuse to put fewer simulations in the place of more.

    Raises
    ------
    models.common.errors.InputError
        If the folder holds more simulations of the same settings.
    """
    path = out / f"sbc_{engine}_{model}.json"
    if not path.exists():
        return
    found = json.loads(path.read_text(encoding="utf-8"))
    same = found["settings"]["sources"] == settings(engine, model, seed)["sources"]
    if same and found["simulations"] > simulations:
        raise InputError(
            f"{path}: holds {found['simulations']} simulations of these models, more than the "
            f"{simulations} asked for; name another folder with --out"
        )


def stored_runs(out: Path) -> list[tuple[dict[str, Any], pd.DataFrame]]:
    """Return records and ranks of every run in a folder, samplers first.

    Raises
    ------
    models.common.errors.InputError
        If there is none.
    """
    runs = []
    for engine in ENGINES:
        for model in models_of(engine, None):
            path = out / f"sbc_{engine}_{model}.json"
            if path.exists():
                record = json.loads(path.read_text(encoding="utf-8"))
                runs.append((record, pd.read_csv(path.with_suffix(".csv"))))
    if not runs:
        raise InputError(f"{out}: holds no results; run scripts/verify/calibrate.py first")
    return runs


def calibration_tables(
    runs: Sequence[tuple[dict[str, Any], pd.DataFrame]],
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Return the tables of runs, tests and coverage; all start with ``engine`` and ``model``.

    Returns
    -------
    tuple of pandas.DataFrame
        Runs: one row an engine and model with the number of tests, the smallest adjusted p-value,
        the verdict, the gate's counts, the settings and the hash of the sources. Tests and
        coverage: as `uniformity_tests` and `coverage_table`.
    """
    rows, tests, covers = [], [], []
    for record, ranks in runs:
        setting, draws = record["settings"], int(record["kept_draws"])
        place = {"engine": setting["engine"], "model": setting["model"]}
        tested = uniformity_tests(ranks, draws)
        worst = tested.loc[tested["p_holm"].idxmin()]
        rows.append(
            {
                **place,
                "simulations": len(ranks),
                "planned": SIMULATIONS[setting["engine"]],
                "kept_draws": draws,
                "tests": len(tested),
                "smallest_p_holm": float(worst["p_holm"]),
                "smallest_p_quantity": worst["quantity"],
                "passed": not tested["rejected"].any(),
                **gate_counts(ranks, draws),
                "seconds_median": float(ranks["seconds"].median()),
                **{key: setting.get(key) for key in ("draws", "tune", "chains", "target_accept")},
                "thin": setting.get("thin", 1),
                "seed": setting["seed"],
                "sources": setting["sources"],
            }
        )
        tests.append(tested.assign(**place)[[*place, *tested]])
        cover = coverage_table(ranks, draws)
        covers.append(cover.assign(**place)[[*place, *cover]])
    return pd.DataFrame(rows), pd.concat(tests, ignore_index=True), pd.concat(covers)


def write_calibration(out: Path) -> pd.DataFrame:
    """Write tables, page and figures from the stored ranks; return the table of runs.

    Files ``sbc_runs.csv``, ``sbc_tests.csv``, ``sbc_coverage.csv``, ``calibration.md``, one picture
    of PIT values a run, and ``sbc_coverage.png``.
    """
    from models.render.style import save_png
    from models.validation.calibration.plots import coverage_figure, pit_figure

    runs = stored_runs(out)
    table, tests, covers = calibration_tables(runs)
    write_csv(table, out / "sbc_runs.csv")
    write_csv(tests, out / "sbc_tests.csv")
    write_csv(covers, out / "sbc_coverage.csv")
    write_text(out / "calibration.md", calibration_markdown(table, tests, covers))
    for record, ranks in runs:
        engine, model = record["settings"]["engine"], record["settings"]["model"]
        mine = tests[(tests["engine"] == engine) & (tests["model"] == model)]
        figure = pit_figure(ranks, int(record["kept_draws"]), mine)
        save_png(figure, out / f"sbc_{engine}_{model}", 110)
    save_png(coverage_figure(covers), out / "sbc_coverage", 150)
    return table


def _run_rows(table: pd.DataFrame) -> pd.DataFrame:
    rows = []
    for r in table.to_dict("records"):
        nuts = r["engine"] == "nuts"
        smallest = probability(r["smallest_p_holm"])
        rows.append(
            {
                "engine": ENGINE_NAMES[r["engine"]],
                "model": r["model"],
                "simulations": f"{r['simulations']} of {r['planned']}",
                "ranked among": f"{r['kept_draws']} draws",
                "tests": str(r["tests"]),
                "smallest p (Holm)": f"{smallest} ({r['smallest_p_quantity']})",
                "verdict": "not rejected" if r["passed"] else "REJECTED",
                "failed the gate": f"{r['failed_gate']:.0f}" if nuts else "-",
                "of these not by length alone": f"{r['failed_beyond_length']:.0f}" if nuts else "-",
                "fits with divergences": f"{r['with_divergences']:.0f}" if nuts else "-",
                "fits with fewer effective than ranked draws": f"{r['ess_below_draws']:.0f}"
                if nuts
                else "-",
            }
        )
    return pd.DataFrame(rows)


def _coverage_rows(covers: pd.DataFrame) -> pd.DataFrame:
    """Return coverage by model: all units with their error, and the range over the rest."""
    rows = []
    for (engine, model), part in covers.groupby(["engine", "model"], sort=False):
        row = {"engine": ENGINE_NAMES[engine], "model": model}
        for level, cell in part.groupby("level"):
            units = cell[cell["quantity"] == ALL_UNITS].iloc[0]
            rest = cell[cell["quantity"] != ALL_UNITS]
            name = f"{100 * float(level):.0f} %"
            row[f"{name}: all units"] = (
                f"{100 * units['coverage']:.1f} ({100 * units['mc_error']:.1f})"
            )
            row[f"{name}: quantities"] = (
                f"{100 * rest['coverage'].min():.1f} to {100 * rest['coverage'].max():.1f} "
                f"({100 * rest['mc_error'].iloc[0]:.1f})"
            )
        rows.append(row)
    return pd.DataFrame(rows)


def _lacking(table: pd.DataFrame) -> str:
    """Return in words which runs are missing or have fewer simulations than planned."""
    done = table.set_index(["engine", "model"])["simulations"].to_dict()
    return "; ".join(
        f"{model} by {ENGINE_NAMES[engine]} has {done.get((engine, model), 0)} of "
        f"{SIMULATIONS[engine]} simulations"
        for engine in ENGINES
        for model in models_of(engine, None)
        if done.get((engine, model), 0) < SIMULATIONS[engine]
    )


def calibration_markdown(table: pd.DataFrame, tests: pd.DataFrame, covers: pd.DataFrame) -> str:
    """Return the page for readers."""
    rejected = tests[tests["rejected"]]
    found = (
        "No quantity is rejected."
        if rejected.empty
        else "Rejected: "
        + "; ".join(
            f"{r.quantity} ({r.model}, {ENGINE_NAMES[r.engine]}, p {probability(r.p_holm)})"
            for r in rejected.itertuples()
        )
        + "."
    )
    lacking = _lacking(table)
    if lacking:
        found += f" **Incomplete: {lacking}.** A small run rejects only large faults."
    return (
        "# Simulation-based calibration\n\n"
        "Parameters are drawn from the prior and responders from the parameters, over the paper's "
        "own arms, subtypes, groups and patients; the model is fitted to them, and the truth "
        "ranked among the posterior draws. If model, priors and computation agree, every rank is "
        "equally probable (Talts et al. 2018). The generator is written apart from the models. "
        "Ranked are hyperparameters and estimands one by one, the rate of one unit drawn at "
        "random in each simulation (ranks of all units together would depend on each other), the "
        "largest rate and the log likelihood (Modrák et al. 2023).\n\n"
        "Test of uniformity: ArviZ's `pot_c` on (rank + 1/2) / (draws + 1), its p-value taken "
        "against simulated uniform ranks of the same number and resolution, adjusted by Holm over "
        f"all tests of a model at a family-wise error of {100 * FAMILY_WISE_ERROR:.0f} %. "
        f"{found}\n\n"
        f"{frame_markdown(_run_rows(table))}\n\n"
        "Fits that failed the gate stay in. The chains here are short on purpose, so many fall "
        "below the gate's effective sample size of 400; *not by length alone* counts R-hat above "
        "1.05, divergences, saturated trees or a BFMI below 0.3.\n\n"
        "## Coverage of central intervals, per cent\n\n"
        "In brackets the Monte Carlo standard error. *all units*: every arm, subtype or cell; "
        "*quantities*: smallest and largest coverage over everything else that was ranked, which "
        "strays further from the nominal level the more quantities there are.\n\n"
        f"{frame_markdown(_coverage_rows(covers))}\n"
    )
