"""Committed results: what small subtypes stored."""

import itertools
import json

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from models.evidence.load import Evidence
from models.frequentist.freeman_tukey import exact_interval, freeman_tukey_pool
from models.validation.small_subtypes.replicate import (
    METHODS,
)
from models.validation.small_subtypes.run import RESULTS, SCENARIOS, simulation_study
from models.validation.small_subtypes.summary import by_size
from models.validation.small_subtypes.tables import stored_page


def test_stored_results_belong_to_this_code() -> None:
    record = json.loads((RESULTS / "settings.json").read_text(encoding="utf-8"))
    current = json.loads(
        json.dumps(simulation_study(record["replicates"], record["seed"]).settings)
    )
    stale = {key for key in current if record[key] != current[key]}
    assert not stale, "run scripts/verify/simulate_subtypes.py"
    assert record["replicates"] >= 2000
    units = pd.read_csv(RESULTS / "simulation_units.csv")
    assert (units["replicates"] == record["replicates"]).all()
    assert len(units) == len(SCENARIOS) * 25 * len(METHODS)
    stored = pd.read_csv(RESULTS / "simulation_sizes.csv")
    pd.testing.assert_frame_equal(by_size(units), stored, check_dtype=False, rtol=1e-12)


def test_the_committed_page_is_what_the_tables_say() -> None:
    page = (RESULTS / "simulation.md").read_text(encoding="utf-8")
    assert stored_page(RESULTS) == page


def test_known_behaviour_of_the_exact_interval() -> None:
    """Clopper-Pearson covers at least 95 % wherever all patients of a subtype share one rate."""
    units = pd.read_csv(RESULTS / "simulation_units.csv")
    crude = units[(units["method"] == "crude") & (units["scenario"].str.startswith("all "))]
    assert (crude["coverage"] > 0.95 - 4 * crude["coverage_mcse"]).all()
    assert (crude["bias"].abs() < 4.5 * crude["bias_mcse"]).all()


@pytest.mark.parametrize("unit", ["EHE", "DSRCT", "SMRT"])
@pytest.mark.parametrize("rate", [0.05, 0.20])
def test_stored_results_equal_complete_enumeration(
    unit: str, rate: float, evidence: Evidence
) -> None:
    """Bias, error and coverage of two methods over every possible outcome, without simulation."""
    cells = evidence.cells()
    sizes = cells.loc[cells["subtype"] == unit, "total"].to_list()
    expected: dict[str, list[tuple[float, float, bool]]] = {"ft_published": [], "crude": []}
    weights = []
    for events in itertools.product(*(range(n + 1) for n in sizes)):
        weights.append(np.prod(stats.binom.pmf(events, sizes, rate)))
        pool = freeman_tukey_pool(events, sizes)
        low, high = (float(x[0]) for x in exact_interval([sum(events)], [sum(sizes)]))
        crude = sum(events) / sum(sizes)
        for name, estimate, lower, upper in (
            ("ft_published", pool.estimate, pool.lower, pool.upper),
            ("crude", crude, low, high),
        ):
            error = estimate - rate
            expected[name].append((error, error**2, lower <= rate <= upper))
    units = pd.read_csv(RESULTS / "simulation_units.csv")
    chosen = (units["unit"] == unit) & (units["scenario"] == f"all {100 * rate:.0f} %")
    for name, values in expected.items():
        bias, squared, coverage = np.array(weights) @ np.array(values, dtype=float)
        row = units[chosen & (units["method"] == name)].iloc[0]
        # 36 comparisons at 4.5 Monte Carlo standard errors: a chance of 3e-4 in all
        assert abs(row["bias"] - bias) < 4.5 * row["bias_mcse"]
        n = row["replicates"]
        assert abs(row["coverage"] - coverage) < 4.5 * np.sqrt(coverage * (1 - coverage) / n) + 1e-9
        errors = np.array(values, dtype=float)[:, 1]
        mcse = np.sqrt((np.array(weights) @ errors**2 - squared**2) / n)
        assert abs(row["rmse"] ** 2 - squared) < 4.5 * mcse
