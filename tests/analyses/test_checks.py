"""The checks: a fault of the computation fails, what the data show asks for attention."""

import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from models.analyses.checks.calibration import calibration_checks, detectable
from models.analyses.checks.verdicts import (
    ATTENTION,
    FAIL,
    PASS,
    check_table,
    choice_checks,
    claim_checks,
    failed,
    gate_checks,
    influence_checks,
    loo_checks,
    power_checks,
    prior_checks,
    quadrature_checks,
    sampler_checks,
)
from models.validation.calibration.case_mix import SIMULATIONS, sources
from models.validation.calibration.run import model_hash, models_of


def test_a_fit_that_did_not_pass_its_gate_fails_a_check() -> None:
    table = check_table([*prior_checks(priors(0.03)), *gate_checks(["x did not pass the gate"])])
    assert table["verdict"].tolist() == [PASS, FAIL]
    assert failed(table) == ["fits that these checks rest on: x did not pass the gate"]
    assert failed(table.iloc[:1]) == []
    assert gate_checks([])[0].verdict == PASS


def priors(value: float) -> pd.DataFrame:
    row = {"quantity": "p_or_beyond_20", "meaning": "m", "value": value, "mcse": 0.0, "reason": "r"}
    return pd.DataFrame([row | {"limit": 0.05}])


def test_strong_priors_ask_for_attention() -> None:
    """None of the limits is exempt."""
    assert [c.verdict for c in prior_checks(priors(0.03))] == [PASS]
    assert [c.verdict for c in prior_checks(priors(0.0528))] == [ATTENTION]


def test_a_sampler_far_from_the_exact_posterior_fails() -> None:
    table = pd.DataFrame({"fit": "f", "quantity": ["a", "b"], "difference": [0.5, -2.0]})
    assert sampler_checks({"pools": table})[0].verdict == PASS
    (check,) = sampler_checks({"pools": table.assign(difference=[0.5, -5.0])})
    assert check.verdict == FAIL
    assert "f, b" in check.figure


def test_quadrature_errors_that_are_large_or_missing_fail() -> None:
    for error, verdict in ((1e-6, PASS), (1e-3, FAIL), (math.nan, FAIL)):
        table = pd.DataFrame({"quadrature_error": [1e-7, error]})
        assert quadrature_checks([table])[0].verdict == verdict


def test_a_wording_within_monte_carlo_error_fails() -> None:
    claims = pd.DataFrame({"claim_id": ["C01", "C07"], "probability": [0.5, 0.951], "mcse": 0.001})
    assert claim_checks(claims)[0].verdict == FAIL
    assert claim_checks(claims.assign(probability=[0.5, 0.9601]))[0].verdict == PASS
    # by quadrature there is none
    assert claim_checks(claims.assign(mcse=[0.001, 0.0]))[0].verdict == PASS


def test_psis_that_misses_the_exact_density_fails() -> None:
    pit = pd.DataFrame({"randomised": [0.1, 0.4, 0.6, 0.9]})
    compared = pd.DataFrame({"pareto_k_max": [0.2, 0.69]})
    for error, verdict in ((0.05, PASS), (0.2, FAIL), (-0.2, FAIL)):
        table = pd.DataFrame({"difference": [0.0, error]})
        assert loo_checks({"m": table}, {"m": pit}, compared)[0].verdict == verdict
    crowded = pd.DataFrame({"randomised": [0.001] * 20})
    assert loo_checks({"m": table}, {"m": crowded}, compared)[1].verdict == ATTENTION
    table = pd.DataFrame({"difference": [0.0]})
    for k in (0.71, float("nan")):
        large = pd.DataFrame({"pareto_k_max": [0.2, k]})
        assert loo_checks({"m": table}, {"m": pit}, large)[0].verdict == FAIL


def test_influence_can_be_too_large() -> None:
    row = {"outcome": "orr", "study": "A", "typical_lower": 0.1, "typical_upper": 0.2}
    for shift, verdict in ((0.01, PASS), (-0.02, ATTENTION)):
        assert (
            influence_checks(pd.DataFrame([row | {"typical_shift": shift}]))[0].verdict == verdict
        )


def test_claims_that_are_worded_otherwise_are_named() -> None:
    rows = [("C01", "main", "m", 0.5), ("C01", "s", "x", 0.6), ("C02", "main", "m", 0.96),
            ("C02", "s", "x", 0.90), ("C02", "t", "y", 0.965)]  # fmt: skip
    claims = [f"C{i:02d}" for i in range(3, 13)]
    rows += [(claim, "main", "m", 0.5) for claim in claims]
    table = pd.DataFrame(rows, columns=["claim_id", "scenario", "section", "probability"])
    table["section"] = table["section"].where(table["scenario"] != "main", "m")
    found = {check.check.rpartition(" ")[2]: check for check in choice_checks(table)}
    assert {name: check.verdict for name, check in found.items()} == {"x": ATTENTION, "y": PASS}
    assert found["x"].figure == "C02 0.96 (possible): 0.90 to 0.90"


def test_power_of_the_calibration_by_simulation() -> None:
    """A shift of the size named is detected in 80 of 100 runs by the mean of the transforms."""
    from scipy.stats import norm

    shift, rng = detectable(500, 36), np.random.default_rng(2)
    pit = norm.cdf(rng.standard_normal((2000, 500)) - shift)
    z = (pit.mean(axis=1) - 0.5) / np.sqrt(1 / 12 / 500)
    detected = (np.abs(z) > norm.isf(0.05 / 2 / 36)).mean()
    assert shift == pytest.approx(0.185, abs=0.002)
    assert detected == pytest.approx(0.8, abs=0.03)


def stored(simulations: int, p: float, *, stale: bool = False) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "engine": "nuts",
            "model": model,
            "simulations": simulations,
            "tests": 7,
            "smallest_p_holm": p,
            "sources": "0" * 64 if stale else model_hash("nuts", model),
        }
        for model in models_of("nuts", None)
    )


@pytest.mark.parametrize(
    ("simulations", "p", "stale", "verdict"),
    [(500, 0.2, False, PASS), (170, 0.2, False, ATTENTION), (500, 0.04, False, FAIL),
     (170, 0.04, False, FAIL), (500, 0.2, True, FAIL), (500, float("nan"), False, FAIL)],
)  # fmt: skip
def test_stored_calibration(
    tmp_path: Path, simulations: int, p: float, stale: bool, verdict: str
) -> None:
    stored(simulations, p, stale=stale).to_csv(tmp_path / "sbc_runs.csv", index=False)
    sampled, *others = calibration_checks(tmp_path)
    assert "exnex" in sampled.check
    assert sampled.verdict == verdict
    # what was planned and is not there is said, too
    assert len(others) > 1
    assert {check.verdict for check in others} == {ATTENTION}
    assert all("incomplete" in check.figure for check in others)


def test_stored_calibration_of_the_case_mix(tmp_path: Path) -> None:
    pd.DataFrame({"quantity": ["a", "b"], "p_holm": [0.3, 1.0]}).to_csv(
        tmp_path / "case_mix.csv", index=False
    )
    for found, verdict in ((sources(), PASS), ("0" * 64, FAIL)):
        record = {"simulations": SIMULATIONS, "sources": found}
        (tmp_path / "case_mix.json").write_text(json.dumps(record), encoding="utf-8")
        assert calibration_checks(tmp_path)[-1].verdict == verdict


def test_sensitive_estimands_ask_for_attention_by_name() -> None:
    table = pd.DataFrame({"analysis": "a", "estimand": ["mu", "tau"], "prior": [0.01, 0.06]})
    (check,) = power_checks(table)
    assert check.verdict == ATTENTION
    assert "tau 0.06 (a)" in check.figure
    assert power_checks(table.assign(prior=0.01))[0].verdict == PASS


@pytest.mark.parametrize(
    ("first", "second", "done", "verdict"),
    [
        (0.30, 0.01, SIMULATIONS, PASS),
        (0.03, 0.40, SIMULATIONS, ATTENTION),
        (0.03, 0.40, SIMULATIONS - 1, FAIL),
        (0.03, 0.02, SIMULATIONS, FAIL),
    ],
)
def test_an_independent_repeat_decides_on_what_the_first_run_rejects(
    tmp_path: Path, first: float, second: float, done: int, verdict: str
) -> None:
    for name, p, number in (("case_mix", first, SIMULATIONS), ("case_mix_repeat", second, done)):
        table = pd.DataFrame({"quantity": ["a", "b"], "p_holm": [p, 1.0]})
        table.to_csv(tmp_path / f"{name}.csv", index=False)
        record = {"simulations": number, "sources": sources()}
        (tmp_path / f"{name}.json").write_text(json.dumps(record), encoding="utf-8")
    check = calibration_checks(tmp_path)[-1]
    assert check.verdict == verdict
    assert ("rejected: a" in check.figure) == (first < 0.05)
