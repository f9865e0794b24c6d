"""Committed results: what calibration stored."""

import json

import numpy as np
import pandas as pd
import pytest

from models.validation.calibration.run import (
    ARM_MODELS,
    GRID_MODELS,
    NUTS_MODELS,
    RESULTS,
    kept_draws,
    model_hash,
)
from models.validation.calibration.summary import (
    FAMILY_WISE_ERROR,
    arviz_p_values,
    coverage_table,
    gate_counts,
    holm,
    prior_sbc,
    ranked_columns,
)
from models.validation.calibration.tables import calibration_markdown

PLANNED = [
    *(("nuts", model) for model in NUTS_MODELS),
    *(("grid", model) for model in GRID_MODELS),
    *(("arms", model) for model in ARM_MODELS),
]


STORED = [pair for pair in PLANNED if (RESULTS / f"sbc_{pair[0]}_{pair[1]}.json").exists()]


@pytest.mark.parametrize(("engine", "model"), STORED)
def test_stored_results_belong_to_the_present_models(engine: str, model: str) -> None:
    record = json.loads((RESULTS / f"sbc_{engine}_{model}.json").read_text(encoding="utf-8"))
    assert record["settings"]["sources"] == model_hash(engine, model), (
        f"the sources of {model} have changed: scripts/verify/calibrate.py --engine {engine} "
        f"--model {model}"
    )
    stored = pd.read_csv(RESULTS / f"sbc_{engine}_{model}.csv")
    assert stored["simulation"].tolist() == list(range(record["simulations"]))
    labels = ranked_columns(stored)
    assert stored[labels].notna().all(axis=None)
    assert stored[labels].min(axis=None) >= 0
    assert stored[labels].max(axis=None) <= record["kept_draws"] == kept_draws(engine, model)


def test_the_committed_page_is_what_the_tables_say() -> None:
    tables = (pd.read_csv(RESULTS / f"sbc_{name}.csv") for name in ("runs", "tests", "coverage"))
    page = (RESULTS / "calibration.md").read_text(encoding="utf-8")
    assert calibration_markdown(*tables) == page


def test_stored_tables_follow_from_the_stored_ranks() -> None:
    runs = pd.read_csv(RESULTS / "sbc_runs.csv")
    tests = pd.read_csv(RESULTS / "sbc_tests.csv")
    covers = pd.read_csv(RESULTS / "sbc_coverage.csv")
    assert list(zip(runs["engine"], runs["model"], strict=True)) == STORED
    for run in runs.to_dict("records"):
        place = (tests["engine"] == run["engine"]) & (tests["model"] == run["model"])
        mine = tests[place].set_index("quantity")
        stored = pd.read_csv(RESULTS / f"sbc_{run['engine']}_{run['model']}.csv")
        pit = prior_sbc(stored, run["kept_draws"])["prior_sbc"].to_dataset().isel(chain=0)
        found = arviz_p_values(pit)
        for label in ranked_columns(stored):
            # the same computation on the same integers
            assert mine.loc[label, "p_arviz"] == pytest.approx(float(found[label]), rel=1e-9)
        assert np.allclose(mine["p_holm"], holm(mine["p_value"].to_numpy()), rtol=1e-12)
        assert run["passed"] == (mine["p_holm"].min() >= FAMILY_WISE_ERROR)
        place = (covers["engine"] == run["engine"]) & (covers["model"] == run["model"])
        fresh = coverage_table(stored, run["kept_draws"])
        assert np.allclose(covers.loc[place, "coverage"], fresh["coverage"], rtol=1e-12)
        if run["engine"] != "grid":
            counts = gate_counts(stored, run["kept_draws"])
            assert {name: run[name] for name in counts} == counts
