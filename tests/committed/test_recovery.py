"""Committed results: what recovery stored."""

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
