"""Summary of the stored simulation-based calibration of the case-mix model, and its verdict."""

import json
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
import xarray as xr

from models.common.constants import FIGURES_DIR
from models.common.errors import InputError
from models.common.files import write_csv, write_json
from models.common.parallel import stored_results
from models.validation.calibration.case_mix import CHAINS, DRAWS, THIN, settings
from models.validation.calibration.summary import uniformity_tests

FOLDER: Final = FIGURES_DIR / "calibration"
STEM: Final = "case_mix"
META: Final = ("simulation", "rhat_max", "ess_bulk_min", "divergences")
"""Columns of the stored values that are not PIT values."""
RANKED: Final = CHAINS * DRAWS // THIN
"""Draws that a true value is ranked among."""


def summarise_calibration(results: pd.DataFrame) -> pd.DataFrame:
    """Judge every quantity.

    Parameters
    ----------
    results
        One row a simulation and quantity, as
        `models.validation.calibration.case_mix.run_simulation` returns.

    Returns
    -------
    pandas.DataFrame
        As `models.validation.calibration.summary.uniformity_tests` (``p_uniform`` is its calibrated
        p-value), with ``coverage_50`` and ``coverage_90`` of central intervals, and ``passed``.
    """
    wide = results.pivot_table(index="simulation", columns="quantity", values="pit")
    wide = wide[list(dict.fromkeys(results["quantity"]))]
    # stored are (rank + 1/2) / (draws + 1); the test works on the ranks
    ranks = np.round(wide * (RANKED + 1) - 0.5).astype("int64").reset_index()
    tests = uniformity_tests(ranks, RANKED)
    distance = np.abs(wide - 0.5).to_numpy()
    return tests.rename(columns={"p_value": "p_uniform"}).assign(
        coverage_50=(distance < 0.25).mean(axis=0),
        coverage_90=(distance < 0.45).mean(axis=0),
        passed=~tests["rejected"],
    )


def write_calibration(store: Path, out: Path | None = None) -> pd.DataFrame:
    """Write PIT values, verdicts and settings of a finished run.

    Parameters
    ----------
    store
        Folder of the single results.
    out
        Folder to write to; ``figures/calibration`` by default.

    Returns
    -------
    pandas.DataFrame
        As `summarise_calibration`.
    """
    folder = out or FOLDER
    results = stored_results(store)
    summary = summarise_calibration(results)
    wide = results.pivot_table(index="simulation", columns="quantity", values="pit")
    wide = wide[list(dict.fromkeys(results["quantity"]))]
    extra = results.groupby("simulation").agg(
        rhat_max=("rhat", "max"),
        ess_bulk_min=("ess_bulk", "min"),
        divergences=("divergences", "max"),
    )
    write_csv(wide.join(extra).reset_index(), folder / f"{STEM}_pit.csv")
    write_csv(summary, folder / f"{STEM}.csv")
    write_json(folder / f"{STEM}.json", {**settings(), "simulations": len(wide)})
    return summary


def stored_calibration(folder: Path = FOLDER) -> pd.DataFrame:
    """Return the stored verdicts.

    Raises
    ------
    InputError
        If they are not there, or belong to other settings, another design or other sources.
    """
    path = folder / f"{STEM}.json"
    if not path.exists():
        raise InputError(f"{path}: not there; run scripts/case_mix.py calibrate")
    stored = json.loads(path.read_text(encoding="utf-8"))
    for name, value in json.loads(json.dumps(settings())).items():
        if stored.get(name) != value:
            raise InputError(f"{path}: {name} has changed; run scripts/case_mix.py calibrate")
    return pd.read_csv(folder / f"{STEM}.csv")


def pit_tree(wide: pd.DataFrame) -> xr.DataTree:
    """Return stored PIT values as ``arviz_plots.plot_ecdf_pit`` takes them."""
    values = {name: (("sample",), wide[name].to_numpy()) for name in wide if name not in META}
    return xr.DataTree.from_dict({"prior_sbc": xr.Dataset(values)})
