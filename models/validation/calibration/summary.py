"""From ranks to verdicts: uniformity tests, family-wise error, coverage.

The test is ArviZ's default (``pot_c`` of ``plot_ecdf_pit``: Tesso & Vehtari 2026, arXiv:2603.02928;
beta tests of every order statistic, joined by a truncated Cauchy combination), computed by ArviZ's
own function. Two things make its p-values a little too small in the tail that a correction for
many tests uses: the combination is approximate, and PIT values of ranks are discrete. With 500
simulations ranked among 119 draws it rejects about twice as often as it should at the 0.5 % level.
So the p-value that is judged is the share of `NULL_REPLICATES` simulated sets of uniform ranks, of
the same number and resolution, whose ArviZ p-value is as small. Both are reported.
"""

from functools import cache
from typing import Final

import arviz_stats  # noqa: F401  (registers the accessor azstats)
import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from models.fitting.gate import BFMI_MIN
from models.validation.calibration.quantities import LEVELS, covered, pit_values

type FloatArray = NDArray[np.float64]

FAMILY_WISE_ERROR: Final = 0.05
WILD_RHAT: Final = 1.05
"""Short chains are bound to exceed the gate's limit of R-hat, but not this one."""
NULL_REPLICATES: Final = 10_000
_NULL_SEED: Final = 20250107
_BLOCK: Final = 500
META: Final = (
    *("simulation", "seconds", "quadrature_error", "passed", "rhat_max", "ess_bulk_min"),
    *("ess_tail_min", "divergences", "saturated_trees", "bfmi_min"),
    *(f"units_{100 * level:.0f}" for level in LEVELS),
)
"""Columns of stored simulations that are no ranks."""
ALL_UNITS: Final = "all units"


def ranked_columns(ranks: pd.DataFrame) -> list[str]:
    """Return the labels of what was ranked."""
    return [str(column) for column in ranks if column not in META]


def prior_sbc(ranks: pd.DataFrame, draws: int) -> xr.DataTree:
    """Return PIT values in the form of simuk's results, for ``az.plot_ecdf_pit``.

    Parameters
    ----------
    ranks
        One row a simulation, one column a quantity (and columns of `META`).
    draws
        Number of draws that the truths were ranked among.

    Returns
    -------
    xarray.DataTree
        Group ``prior_sbc``, dims ``chain`` (1) and ``draw`` (the simulations).
    """
    pit = {
        name: (("chain", "draw"), pit_values(ranks[name].to_numpy("int64"), draws)[None, :])
        for name in ranked_columns(ranks)
    }
    return xr.DataTree.from_dict({"prior_sbc": xr.Dataset(pit)})


def arviz_p_values(pit: xr.Dataset) -> xr.Dataset:
    """Return the p-values that ``az.plot_ecdf_pit`` prints, over the dim ``draw``."""
    p_values: xr.Dataset = pit.azstats.uniformity_test(dim=["draw"], method="pot_c")[0]
    return p_values


@cache
def null_p_values(simulations: int, draws: int, replicates: int) -> FloatArray:
    """Return ArviZ's p-values for uniform ranks, sorted."""
    rng = np.random.default_rng([_NULL_SEED, simulations, draws])
    found = []
    for first in range(0, replicates, _BLOCK):
        shape = (min(_BLOCK, replicates - first), simulations)
        pit = pit_values(rng.integers(0, draws + 1, shape), draws)
        found.append(arviz_p_values(xr.Dataset({"pit": (("set", "draw"), pit)}))["pit"].values)
    return np.sort(np.concatenate(found))


def holm(p_values: FloatArray) -> FloatArray:
    """Return p-values adjusted for their number by Holm's method (Holm 1979)."""
    order = np.argsort(p_values)
    steps = p_values[order] * np.arange(p_values.size, 0, -1)
    adjusted = np.empty_like(p_values)
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return adjusted


def uniformity_tests(
    ranks: pd.DataFrame, draws: int, replicates: int = NULL_REPLICATES
) -> pd.DataFrame:
    """Test every quantity of a model for uniform ranks.

    Parameters
    ----------
    ranks, draws
        As in `prior_sbc`.
    replicates
        Sets of uniform ranks that calibrate the p-values.

    Returns
    -------
    pandas.DataFrame
        One row a quantity: ``quantity``, ``simulations``, ``draws``, ``p_arviz``, ``p_value``
        (calibrated), ``p_holm`` (adjusted over the rows), ``tests`` (their number), ``rejected``
        (``p_holm`` below `FAMILY_WISE_ERROR`), ``mean_pit``.
    """
    pit = prior_sbc(ranks, draws)["prior_sbc"].to_dataset().isel(chain=0)
    found = arviz_p_values(pit)
    names = ranked_columns(ranks)
    p_arviz = np.array([float(found[name]) for name in names])
    null = null_p_values(len(ranks), draws, replicates)
    # one is added: the observed set is itself one of those possible (Davison & Hinkley 1997)
    p_value = (1 + np.searchsorted(null, p_arviz, side="right")) / (1 + null.size)
    p_holm = holm(p_value)
    return pd.DataFrame(
        {
            "quantity": names,
            "simulations": len(ranks),
            "draws": draws,
            "p_arviz": p_arviz,
            "p_value": p_value,
            "p_holm": p_holm,
            "tests": len(names),
            "rejected": p_holm < FAMILY_WISE_ERROR,
            "mean_pit": [float(pit[name].mean()) for name in names],
        }
    )


def coverage_table(ranks: pd.DataFrame, draws: int) -> pd.DataFrame:
    """Count how often central intervals cover the truth.

    Returns
    -------
    pandas.DataFrame
        One row a quantity and level: ``quantity``, ``level``, ``simulations``, ``coverage``,
        ``mc_error``: the standard error of the coverage of a calibrated interval, or for all units
        together, which depend on each other within a simulation, that of the mean over simulations.
    """
    rows = []
    for name in ranked_columns(ranks):
        pit = pit_values(ranks[name].to_numpy("int64"), draws)
        for level in LEVELS:
            error = np.sqrt(level * (1 - level) / len(ranks))
            rows.append((name, level, len(ranks), covered(pit, level).mean(), error))
    for level in LEVELS:
        share = ranks[f"units_{100 * level:.0f}"]
        error = share.std(ddof=1) / np.sqrt(len(share))
        rows.append((ALL_UNITS, level, len(ranks), share.mean(), error))
    columns = ["quantity", "level", "simulations", "coverage", "mc_error"]
    return pd.DataFrame(rows, columns=columns)


def gate_counts(ranks: pd.DataFrame, draws: int) -> dict[str, int]:
    """Count the fits that fail the gate, by reason; all of them stay in the tests.

    Returns
    -------
    dict
        ``failed_gate``; of these ``failed_beyond_length``: for a reason other than an effective
        sample size below 400 or an R-hat between 1.01 and 1.05, which short chains are bound to
        show; ``rhat_above_1.05``, ``ess_below_draws`` (fewer effective draws in some quantity than
        truths are ranked among), ``with_divergences``, ``with_saturated_trees``.
    """
    if "passed" not in ranks:
        return {}
    wild = ranks["rhat_max"] > WILD_RHAT
    diverging, saturated = ranks["divergences"] > 0, ranks["saturated_trees"] > 0
    low_energy = ~(ranks["bfmi_min"] >= BFMI_MIN)
    return {
        "failed_gate": int((~ranks["passed"].astype(bool)).sum()),
        "failed_beyond_length": int((wild | diverging | saturated | low_energy).sum()),
        f"rhat_above_{WILD_RHAT}": int(wild.sum()),
        "ess_below_draws": int((ranks["ess_bulk_min"] < draws).sum()),
        "with_divergences": int(diverging.sum()),
        "with_saturated_trees": int(saturated.sum()),
    }
