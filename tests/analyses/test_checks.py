"""The checks: a fault fails, what the data show is noted."""

import json
from pathlib import Path

import pandas as pd
import pytest

from models.analyses.checks.verdicts import (
    FAIL,
    NOTED,
    PASS,
    calibration_checks,
    check_table,
    comparison_checks,
    failed,
    gate_checks,
    loo_checks,
    power_checks,
    prior_checks,
)
from models.validation.calibration.case_mix import SIMULATIONS, sources
from models.validation.calibration.run import model_hash


def test_a_fit_that_did_not_pass_its_gate_fails_a_check() -> None:
    table = check_table([*prior_checks(priors(0.03)), *gate_checks(["x did not pass the gate"])])
    assert table["verdict"].tolist() == [PASS, FAIL]
    assert failed(table) == ["gate: a fit that other checks rest on: x did not pass the gate"]
    assert failed(table.iloc[:1]) == []


def priors(value: float) -> pd.DataFrame:
    row = {"quantity": "p_or_above_20", "meaning": "m", "value": value, "mcse": 0.0, "reason": "r"}
    return pd.DataFrame([row | {"limit": 0.05}])


def test_strong_priors_fail() -> None:
    assert [c.verdict for c in prior_checks(priors(0.03))] == [PASS]
    assert [c.verdict for c in prior_checks(priors(0.06))] == [FAIL]


def test_psis_that_misses_the_exact_density_fails() -> None:
    pit = pd.DataFrame({"randomised": [0.1, 0.4, 0.6, 0.9]})
    for error, verdict in ((0.05, PASS), (0.2, FAIL), (-0.2, FAIL)):
        table = pd.DataFrame({"difference": [0.0, error]})
        assert loo_checks({"m": table}, {"m": pit})[0].verdict == verdict
    crowded = pd.DataFrame({"randomised": [0.001] * 20})
    assert loo_checks({"m": table}, {"m": crowded})[1].verdict == NOTED


def test_large_pareto_k_fails() -> None:
    row = {"model": "a", "elpd_diff": 0.0, "dse": 0.0, "verdict": "highest elpd"}
    for k, verdict in ((0.69, PASS), (0.71, FAIL), (float("nan"), FAIL)):
        assert comparison_checks(pd.DataFrame([row | {"pareto_k_max": k}]))[0].verdict == verdict


@pytest.mark.parametrize(
    ("simulations", "p", "stale", "verdict"),
    [(500, 0.2, False, PASS), (170, 0.2, False, NOTED), (500, 0.04, False, FAIL),
     (170, 0.04, False, FAIL), (500, 0.2, True, FAIL), (500, float("nan"), False, FAIL)],
)  # fmt: skip
def test_stored_calibration(
    tmp_path: Path, simulations: int, p: float, stale: bool, verdict: str
) -> None:
    row = {
        "engine": "nuts",
        "model": "pooled",
        "simulations": simulations,
        "tests": 7,
        "smallest_p_holm": p,
        "sources": "0" * 64 if stale else model_hash("nuts", "pooled"),
    }
    pd.DataFrame([row]).to_csv(tmp_path / "sbc_runs.csv", index=False)
    found = {check.check.partition(",")[0]: check for check in calibration_checks(tmp_path)}
    assert found["pooled by NUTS"].verdict == verdict
    # what was planned and is not there is said, too
    assert found["exnex by NUTS"].verdict == NOTED
    assert found["exnex by NUTS"].figure == "0 of 500 simulations"
    assert found["case mix"].verdict == NOTED


def test_stored_calibration_of_the_case_mix(tmp_path: Path) -> None:
    pd.DataFrame({"p_holm": [0.3, 1.0]}).to_csv(tmp_path / "case_mix.csv", index=False)
    for found, verdict in ((sources(), PASS), ("0" * 64, FAIL)):
        record = {"simulations": SIMULATIONS, "sources": found}
        (tmp_path / "case_mix.json").write_text(json.dumps(record), encoding="utf-8")
        assert calibration_checks(tmp_path)[-1].verdict == verdict


def test_sensitive_estimands_are_noted_by_name() -> None:
    table = pd.DataFrame({"analysis": "a", "estimand": ["mu", "tau"], "prior": [0.01, 0.06]})
    (check,) = power_checks(table)
    assert check.verdict == NOTED
    assert check.figure == "tau 0.060"
    assert power_checks(table.assign(prior=0.01))[0].verdict == PASS
