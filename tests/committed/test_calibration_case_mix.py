"""The stored simulation-based calibration belongs to this code, and passes."""

import json

import numpy as np
import pandas as pd
import pytest

from models.validation.calibration.case_mix import SIMULATIONS, case_mix_study
from models.validation.calibration.case_mix_summary import RANKED, STEM, summarise_calibration
from models.validation.calibration.run import RESULTS


@pytest.fixture(scope="module")
def summary() -> pd.DataFrame:
    return pd.read_csv(RESULTS / f"{STEM}.csv")


@pytest.mark.parametrize("stem", [STEM, f"{STEM}_repeat"])
def test_stored_calibration_is_of_this_code(stem: str) -> None:
    """Fails with the name of what changed if model, step, design or settings are others."""
    record = json.loads((RESULTS / f"{stem}.json").read_text(encoding="utf-8"))
    current = json.loads(json.dumps(case_mix_study(SIMULATIONS, record["seed"]).settings))
    changed = {key for key in current if record[key] != current[key]}
    assert not changed, "run scripts/verify/calibrate.py --engine lattice"
    assert record["simulations"] >= SIMULATIONS
    assert (pd.read_csv(RESULTS / f"{stem}.csv")["simulations"] >= SIMULATIONS).all()


def test_no_quantity_is_rejected_twice(summary: pd.DataFrame) -> None:
    """One of twenty right models is rejected by chance; an independent repeat decides."""
    seeds = {
        json.loads((RESULTS / f"{stem}.json").read_text(encoding="utf-8"))["seed"]
        for stem in (STEM, f"{STEM}_repeat")
    }
    assert len(seeds) == 2
    repeat = pd.read_csv(RESULTS / f"{STEM}_repeat.csv")
    both = [set(table.loc[~table["passed"], "quantity"]) for table in (summary, repeat)]
    assert both[0] & both[1] == set()


def test_stored_verdicts_follow_from_the_stored_ranks(summary: pd.DataFrame) -> None:
    wide = pd.read_csv(RESULTS / f"{STEM}_pit.csv")
    long = wide.melt("simulation", list(summary["quantity"]), "quantity", "pit")
    again = summarise_calibration(long).set_index("quantity").loc[summary["quantity"]]
    np.testing.assert_allclose(again["p_uniform"], summary["p_uniform"], rtol=1e-6)


def test_central_intervals_hold_the_truth_as_often_as_they_say(summary: pd.DataFrame) -> None:
    """Recovery: coverage of 50 and 90 % intervals within four binomial standard errors."""
    for level in (0.5, 0.9):
        error = np.sqrt(level * (1 - level) / summary["simulations"])
        assert (abs(summary[f"coverage_{100 * level:.0f}"] - level) < 4 * error).all()


def test_a_biased_sampler_is_rejected() -> None:
    """Uniform ranks pass; those of a posterior half a standard deviation off do not."""
    rng = np.random.default_rng(3)
    ranks = rng.integers(0, RANKED + 1, 200)
    shifted = np.round(RANKED * (ranks / RANKED) ** 1.8)
    long = pd.concat(
        pd.DataFrame(
            {
                "simulation": range(200),
                "quantity": name,
                "pit": (values + 0.5) / (RANKED + 1),
            }
        )
        for name, values in (("uniform", ranks), ("shifted", shifted))
    )
    summary = summarise_calibration(long).set_index("quantity")
    assert bool(summary.loc["uniform", "passed"])
    assert not summary.loc["shifted", "passed"]
