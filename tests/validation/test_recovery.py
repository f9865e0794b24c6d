"""Parameter recovery: the summary, and the stored results."""

import json

import numpy as np
import pandas as pd
import pytest

from models.validation.recovery.run import (
    RATES,
    RESULTS,
    STUDIES,
    TAUS,
    designs,
    recovery_study,
    run_replicates,
    summarise_recovery,
)
from models.validation.recovery.tables import recovery_markdown


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    return pd.read_csv(RESULTS / "recovery_study.csv")


def test_stored_study_belongs_to_its_sources(table: pd.DataFrame) -> None:
    record = json.loads((RESULTS / "recovery_study.json").read_text(encoding="utf-8"))
    study = recovery_study(record["replicates"], record["settings"]["seed"])
    assert record["settings"] == json.loads(json.dumps(study.settings))
    assert len(table) == len(designs()) * 4
    assert set(table["replicates"]) == {record["replicates"]}
    assert record["replicates"] >= 100
    # means and standard deviations of the grid are promised to 1e-4 (models/grid/solve.py)
    assert record["largest_quadrature_error"] < 1e-4


def test_the_committed_page_is_what_the_table_says(table: pd.DataFrame) -> None:
    page = (RESULTS / "recovery_study.md").read_text(encoding="utf-8")
    assert recovery_markdown(table) == page


def test_summary_of_replicates_worked_by_hand() -> None:
    base = {"k": 5, "rate": 0.15, "tau": 0.0, "quadrature_error": 0.0}
    rows = [
        {
            **base,
            "replicate": i,
            "parameter": name,
            "truth": truth,
            "median": truth + shift,
            "lower": truth + low,
            "upper": truth + 1.0 + i,
        }
        for name, truth in (("mu", -1.0), ("tau", 0.0))
        for i, (shift, low) in enumerate([(0.3, -1.0), (-0.1, 0.1)])
    ]
    found = summarise_recovery(pd.DataFrame(rows)).set_index("parameter")
    mu = found.loc["mu"]
    assert mu["bias"] == pytest.approx(0.1)
    assert mu["rmse"] == pytest.approx(np.sqrt((0.09 + 0.01) / 2))
    assert mu["coverage"] == 0.5
    assert mu["coverage_mc_error"] == pytest.approx(np.sqrt(0.25 / 2))
    assert mu["bias_mc_error"] == pytest.approx(0.2)
    assert mu["width"] == pytest.approx((2.0 + 1.9) / 2)
    # at tau = 0 coverage does not exist
    assert pd.isna(found.loc["tau", "coverage"])
    assert found.loc["tau", "upper_50"] == pytest.approx(1.5)


def test_replicates_are_repeatable_and_hold_their_truths() -> None:
    first = run_replicates(5, 0.15, 0.5, 3, 5, 1)
    again = run_replicates(5, 0.15, 0.5, 4, 5, 1)
    pd.testing.assert_frame_equal(first[first["replicate"] == 4].reset_index(drop=True), again)
    truth = again.set_index("parameter")["truth"]
    assert truth["mu"] == pytest.approx(np.log(0.15 / 0.85))
    assert truth["typical_rate"] == 0.15
    # rates below one half: the average lies above the typical rate
    assert truth["average_rate"] > 0.15
    assert (again["lower"] < again["median"]).all()
    assert (again["median"] < again["upper"]).all()


def test_with_many_studies_the_truth_is_recovered(table: pd.DataFrame) -> None:
    """At 200 studies the data outweigh the prior: intervals cover, estimates are close."""
    many = table[(table["k"] == 200) & (table["tau"] > 0)]
    assert len(many) == 4 * len(RATES) * (len(TAUS) - 1)
    # 24 coverages: four standard errors of one, and one point for the prior's pull
    error = np.sqrt(0.95 * 0.05 / many["replicates"])
    assert (np.abs(many["coverage"] - 0.95) < 4 * error + 0.01).all()
    mu = many[many["parameter"] == "mu"]
    # the median study's rate is known to less than a tenth of its odds
    assert (mu["bias"].abs() < 0.1).all()


def test_errors_fall_with_the_number_of_studies(table: pd.DataFrame) -> None:
    wide = table[table["parameter"] == "mu"].pivot_table(
        index=["rate", "tau"], columns="k", values="rmse"
    )
    assert list(wide.columns) == list(STUDIES)
    # only the ends: between neighbours the prior may help the smaller one
    assert (wide[200] < wide[5]).all()


def test_without_heterogeneity_the_upper_limit_of_tau_falls(table: pd.DataFrame) -> None:
    zero = table[(table["parameter"] == "tau") & (table["tau"] == 0)]
    wide = zero.pivot_table(index="rate", columns="k", values="upper_50")
    assert (wide.diff(axis=1).iloc[:, 1:] < 0).all(axis=None)
    # forty times the studies: less than half the limit, even where events are rare
    assert (wide[200] < wide[5] / 2).all()
