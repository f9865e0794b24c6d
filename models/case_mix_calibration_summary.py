"""Summary of the stored simulation-based calibration of the case-mix model, and its verdict."""

import json
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
import xarray as xr

from models.case_mix_calibration import settings
from models.constants import FIGURES_DIR
from models.errors import InputError
from models.outputs import write_csv
from models.parallel import stored_results
from models.runs import write_json

FOLDER: Final = FIGURES_DIR / "calibration"
STEM: Final = "case_mix"
ALPHA: Final = 0.01
"""Level of the family of tests of uniformity: that of ArviZ's envelope."""


def uniformity(pit: np.ndarray) -> float:
    """Return the p-value of ArviZ's default test of uniformity (``pot_c``)."""
    from arviz_stats.base import array_stats

    result: Any = array_stats.uniformity_test(np.asarray(pit, dtype=float), method="pot_c")
    return float(np.asarray(result[0]))


def holm(p: np.ndarray) -> np.ndarray:
    """Return p-values adjusted by Holm's step-down method."""
    order = np.argsort(p)
    stepped = np.maximum.accumulate((p.size - np.arange(p.size)) * p[order])
    adjusted = np.empty_like(stepped)
    adjusted[order] = np.minimum(stepped, 1.0)
    return adjusted


def summarise_calibration(results: pd.DataFrame) -> pd.DataFrame:
    """Judge every quantity.

    Parameters
    ----------
    results
        One row a simulation and quantity, as `models.case_mix_calibration.run_simulation` returns.

    Returns
    -------
    pandas.DataFrame
        ``quantity``, ``simulations``, ``mean_pit``, ``coverage_50`` and ``coverage_90`` of central
        intervals, ``p_uniform``, ``p_holm`` and ``passed``.
    """
    rows = []
    for name, part in results.groupby("quantity", sort=False):
        pit = part["pit"].to_numpy()
        rows.append(
            {
                "quantity": name,
                "simulations": len(part),
                "mean_pit": float(pit.mean()),
                "coverage_50": float((np.abs(pit - 0.5) < 0.25).mean()),
                "coverage_90": float((np.abs(pit - 0.5) < 0.45).mean()),
                "p_uniform": uniformity(pit),
            }
        )
    summary = pd.DataFrame(rows)
    summary["p_holm"] = holm(summary["p_uniform"].to_numpy())
    summary["passed"] = summary["p_holm"] > ALPHA
    return summary


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
    drop = {"simulation", "rhat_max", "ess_bulk_min", "divergences"}
    values = {name: (("sample",), wide[name].to_numpy()) for name in wide if name not in drop}
    return xr.DataTree.from_dict({"prior_sbc": xr.Dataset(values)})
