"""The simulation's quadrature held against the sampler, on a sample of its data sets."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

import arviz_stats as azs
import numpy as np
import pandas as pd
import xarray as xr

from models.common.constants import INTERVAL_PROBS
from models.common.files import write_csv
from models.evidence.load import load_evidence
from models.fitting.fit import Wanted
from models.fitting.registry import EXNEX, SUBTYPE
from models.fitting.sampler import Sampler
from models.priors import DEFAULT_EXNEX_PRIORS
from models.validation.small_subtypes.replicate import estimate_all, simulated_counts
from models.validation.small_subtypes.run import SCENARIOS
from models.validation.small_subtypes.truth import paper_design

LARGEST: Final = 5.0
"""Greatest difference accepted, in Monte Carlo standard errors."""
LARGE: Final = 3.0
LARGE_SHARE: Final = 0.01
"""At most this share of the differences may exceed this many Monte Carlo standard errors."""
_COLUMNS: Final = {"estimate": 0.5, "lower": INTERVAL_PROBS[0], "upper": INTERVAL_PROBS[1]}


def check_against_sampler(
    replicates: int, seed: int, advance: Callable[[], None] = lambda: None
) -> pd.DataFrame:
    """Fit the first replicates of every scenario by NUTS and set them beside the quadrature.

    Parameters
    ----------
    replicates
        Data sets of every scenario.
    seed
        Of the simulation.
    advance
        Called after each fit.

    Returns
    -------
    pandas.DataFrame
        One row a data set, model, subtype and quantity (``estimate``, ``mean``, ``lower``,
        ``upper``): ``quadrature``, ``sampler``, ``mcse`` (of the sampler's value), ``difference``
        (in those) and ``gate`` (whether the fit passed).
    """
    design = paper_design(load_evidence())
    total = np.bincount(design.subtype, design.size, len(design.unit)).astype("int64")
    sampler = Sampler()
    rows: list[pd.DataFrame] = []
    for name in SCENARIOS:
        for replicate in range(replicates):
            responders = simulated_counts(name, replicate, seed)
            events = np.bincount(design.subtype, responders, len(design.unit)).astype("int64")
            strata = pd.DataFrame(
                {"stratum": design.unit, "events": events, "total": total, "parent": design.parent}
            )
            quadrature = estimate_all(design, responders).set_index(["method", "unit"])
            fits = {
                "exchangeable": sampler(Wanted(SUBTYPE, strata)),
                "exnex": sampler(Wanted(EXNEX, strata, DEFAULT_EXNEX_PRIORS)),
            }
            for model, fit in fits.items():
                found = _compare(fit.posterior["stratum_rate"], quadrature.loc[model])
                rows.append(
                    found.assign(
                        scenario=name, replicate=replicate, model=model, gate=fit.gate.passed
                    )
                )
                advance()
    table = pd.concat(rows, ignore_index=True)
    first = ["scenario", "replicate", "model", "unit", "quantity"]
    return table[first + [column for column in table if column not in first]]


def _compare(rates: xr.DataArray, quadrature: pd.DataFrame) -> pd.DataFrame:
    units = [str(label) for label in rates["stratum"].values]
    parts = []
    for quantity, probability in ({"mean": None} | _COLUMNS).items():
        if probability is None:
            value = rates.mean(("chain", "draw"))
            mcse = azs.mcse(rates.to_dataset(name="rate"), method="mean")["rate"]
        else:
            value = rates.quantile(probability, ("chain", "draw"))
            mcse = azs.mcse(rates.to_dataset(name="rate"), method="quantile", prob=probability)
            mcse = mcse["rate"]
        exact = quadrature.loc[units, quantity].to_numpy(np.float64)
        parts.append(
            pd.DataFrame(
                {
                    "unit": units,
                    "quantity": quantity,
                    "quadrature": exact,
                    "sampler": value.values,
                    "mcse": mcse.values,
                    "difference": (value.values - exact) / mcse.values,
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


def write_check(check: pd.DataFrame, out: Path) -> tuple[str, bool]:
    """Write ``sampler_check.csv`` (by scenario and model); return the verdict in words, and it."""
    size = check["difference"].abs()
    grouped = check.assign(size=size, large=size > LARGE).groupby(["scenario", "model"], sort=False)
    table = grouped.agg(
        data_sets=("replicate", "nunique"),
        differences=("size", "size"),
        largest=("size", "max"),
        above_three=("large", "sum"),
    ).reset_index()
    fits = check.drop_duplicates(["scenario", "replicate", "model"])
    failed = fits[~fits["gate"]].groupby(["scenario", "model"]).size()
    table["gate_failed"] = [
        int(failed.get((row.scenario, row.model), 0)) for row in table.itertuples()
    ]
    write_csv(table, out / "sampler_check.csv")
    share = float((size > LARGE).mean())
    passed = bool(size.max() <= LARGEST and share <= LARGE_SHARE)
    sentence = (
        f"{len(fits)} fits by sampling ({int((~fits['gate']).sum())} did not pass the gate): "
        f"largest difference {size.max():.1f} Monte Carlo standard errors (at most {LARGEST:.0f}), "
        f"{100 * share:.2f} % of {len(check):,} above {LARGE:.0f} (at most {100 * LARGE_SHARE:.0f} "
        "%)"
    )
    return sentence, passed
