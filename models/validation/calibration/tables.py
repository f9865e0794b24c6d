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
from models.common.study import Study
from models.fitting.gate import BFMI_MIN, ESS_MIN
from models.render.format import probability
from models.render.templates import page
from models.validation.calibration.plan import CASE_MIX, SIMULATIONS
from models.validation.calibration.run import ENGINES, kept_draws, models_of
from models.validation.calibration.summary import (
    ALL_UNITS,
    FAMILY_WISE_ERROR,
    WILD_RHAT,
    coverage_table,
    gate_counts,
    uniformity_tests,
)

ENGINE_NAMES = {"nuts": "NUTS", "grid": "grid", "arms": "NUTS"}


def write_runs(
    runs: Sequence[tuple[Study, pd.DataFrame]], out: Path, pictures: Path | None = None
) -> pd.DataFrame:
    """Write what came of the runs of an engine and all tables that follow.

    Parameters
    ----------
    runs
        Studies with their simulations.
    out, pictures
        As in `write_calibration`.

    Returns
    -------
    pandas.DataFrame
        One row a run: ``model``, ``simulations``, ``tests``, ``passed``, ``smallest_p_holm``,
        ``smallest_p_quantity``.
    """
    for study, ranks in runs:
        if study.name == CASE_MIX:
            from models.validation.calibration.case_mix_summary import write_case_mix

            return pd.DataFrame([_verdict(write_case_mix(study, ranks, out))]).assign(
                model=study.name, simulations=study.simulations
            )
        store_ranks(study, ranks, out)
    table = write_calibration(out, pictures)
    ran = {study.name for study, _ in runs}
    return table[(table["engine"] + "_" + table["model"]).isin(ran)]


def sentences(table: pd.DataFrame) -> list[str]:
    """Return the verdict on each run in words, from `write_runs`."""
    return [
        f"{row.model} ({row.simulations} simulations, {row.tests} tests): "
        f"{'not rejected' if row.passed else 'REJECTED'}, smallest p {row.smallest_p_holm:.3f} "
        f"({row.smallest_p_quantity})"
        for row in table.itertuples()
    ]


def _verdict(tested: pd.DataFrame) -> dict[str, Any]:
    """Return number of tests, the worst of them and the verdict."""
    worst = tested.loc[tested["p_holm"].idxmin()]
    return {
        "tests": len(tested),
        "smallest_p_holm": float(worst["p_holm"]),
        "smallest_p_quantity": worst["quantity"],
        "passed": not tested["rejected"].any(),
    }


def store_ranks(study: Study, ranks: pd.DataFrame, out: Path) -> None:
    """Write the ranks of a model and what they belong to.

    Raises
    ------
    models.common.errors.InputError
        If the folder holds more simulations of the same settings.
    """
    check_not_fewer(study, out)
    write_csv(ranks, out / f"sbc_{study.name}.csv")
    write_json(
        out / f"sbc_{study.name}.json",
        {
            "simulations": len(ranks),
            "kept_draws": kept_draws(study.settings["engine"], study.settings["model"]),
            "settings": study.settings,
            "versions": versions(),
        },
    )


def check_not_fewer(study: Study, out: Path) -> None:
    """Refuse to put fewer simulations in the place of more.

    Raises
    ------
    models.common.errors.InputError
        If the folder holds more simulations of the same settings.
    """
    path = out / f"sbc_{study.name}.json"
    if not path.exists():
        return
    found = json.loads(path.read_text(encoding="utf-8"))
    same = found["settings"]["sources"] == study.settings["sources"]
    if same and found["simulations"] > study.simulations:
        raise InputError(
            f"{path}: holds {found['simulations']} simulations of these models, more than the "
            f"{study.simulations} asked for; name another folder with --out"
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
        rows.append(
            {
                **place,
                "simulations": len(ranks),
                "planned": SIMULATIONS[setting["engine"]],
                "kept_draws": draws,
                **_verdict(tested),
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


def write_calibration(out: Path, pictures: Path | None = None) -> pd.DataFrame:
    """Write tables, page and figure from the stored ranks; return the table of runs.

    Files ``sbc_runs.csv``, ``sbc_tests.csv``, ``sbc_coverage.csv``, ``calibration.md`` and
    ``sbc_coverage.png``; to ``pictures``, if a folder is given, one picture of PIT values a run.
    """
    from models.render.style import save_png
    from models.validation.calibration.plots import coverage_figure, pit_figure

    runs = stored_runs(out)
    table, tests, covers = calibration_tables(runs)
    write_csv(table, out / "sbc_runs.csv")
    write_csv(tests, out / "sbc_tests.csv")
    write_csv(covers, out / "sbc_coverage.csv")
    write_text(out / "calibration.md", calibration_markdown(table, tests, covers))
    save_png(coverage_figure(covers), out / "sbc_coverage", 150)
    if pictures is None:
        return table
    for record, ranks in runs:
        engine, model = record["settings"]["engine"], record["settings"]["model"]
        mine = tests[(tests["engine"] == engine) & (tests["model"] == model)]
        figure = pit_figure(ranks, int(record["kept_draws"]), mine)
        save_png(figure, pictures / f"sbc_{engine}_{model}", 110)
    return table


def _run_rows(table: pd.DataFrame) -> pd.DataFrame:
    rows = []
    for r in table.to_dict("records"):
        nuts = r["engine"] != "grid"
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


def _lacking(table: pd.DataFrame) -> list[str]:
    """Return in words which runs are missing or have fewer simulations than planned."""
    done = table.set_index(["engine", "model"])["simulations"].to_dict()
    return [
        f"{model} by {ENGINE_NAMES[engine]} has {done.get((engine, model), 0)} of "
        f"{SIMULATIONS[engine]} simulations"
        for engine in ENGINES
        for model in models_of(engine, None)
        if done.get((engine, model), 0) < SIMULATIONS[engine]
    ]


def calibration_markdown(table: pd.DataFrame, tests: pd.DataFrame, covers: pd.DataFrame) -> str:
    """Return the page for readers."""
    rejected = [
        f"{r.quantity} ({r.model}, {ENGINE_NAMES[r.engine]}, p {probability(r.p_holm)})"
        for r in tests[tests["rejected"]].itertuples()
    ]
    return page(
        "validation/calibration/calibration.md",
        error=f"{100 * FAMILY_WISE_ERROR:.0f}",
        rejected=rejected,
        lacking=_lacking(table),
        runs=_run_rows(table),
        ess=f"{ESS_MIN:.0f}",
        rhat=WILD_RHAT,
        bfmi=BFMI_MIN,
        coverage=_coverage_rows(covers),
    )
