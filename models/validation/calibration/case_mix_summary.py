"""Summary of the stored simulation-based calibration of the case-mix model, and its verdict."""

from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

from models.common.files import write_csv, write_json
from models.common.study import Study
from models.validation.calibration.case_mix import CHAINS, DRAWS, THIN
from models.validation.calibration.quantities import covered
from models.validation.calibration.summary import uniformity_tests

STEM: Final = "case_mix"
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
    wide = _wide(results)
    # stored are (rank + 1/2) / (draws + 1); the test works on the ranks
    ranks = np.round(wide * (RANKED + 1) - 0.5).astype("int64").reset_index()
    tests = uniformity_tests(ranks, RANKED)
    pit = wide.to_numpy()
    return tests.rename(columns={"p_value": "p_uniform"}).assign(
        coverage_50=covered(pit, 0.5).mean(axis=0),
        coverage_90=covered(pit, 0.9).mean(axis=0),
        passed=~tests["rejected"],
    )


def write_case_mix(study: Study, results: pd.DataFrame, out: Path) -> pd.DataFrame:
    """Write PIT values, verdicts and settings of a finished run; return the verdicts.

    Parameters
    ----------
    study
        Says what the results belong to.
    results
        As in `summarise_calibration`.
    out
        Folder to write to.
    """
    summary = summarise_calibration(results)
    extra = results.groupby("simulation").agg(
        rhat_max=("rhat", "max"),
        ess_bulk_min=("ess_bulk", "min"),
        divergences=("divergences", "max"),
    )
    write_csv(_wide(results).join(extra).reset_index(), out / f"{STEM}_pit.csv")
    write_csv(summary, out / f"{STEM}.csv")
    write_json(out / f"{STEM}.json", {**study.settings, "simulations": study.simulations})
    return summary


def _wide(results: pd.DataFrame) -> pd.DataFrame:
    """Return PIT values, one row a simulation, one column a quantity."""
    wide = results.pivot_table(index="simulation", columns="quantity", values="pit")
    return wide[list(dict.fromkeys(results["quantity"]))]
