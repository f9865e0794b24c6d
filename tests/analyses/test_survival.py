"""Survival end points against metafor, brute force, and what the paper prints."""

import json

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from models.analyses.survival.normal_normal import fit_normal_normal
from models.analyses.survival.pool import (
    cloglog,
    from_cloglog,
    median_variances,
    pool_medians,
    pool_rates,
    rate_values,
)
from models.analyses.survival.report import EndPoint, paper_end_points, read_medians, read_rates
from models.common.constants import PROJECT_ROOT
from models.common.errors import InputError
from models.frequentist.random_effects import pool_values
from models.priors import Priors

PINS = json.loads((PROJECT_ROOT / "tests" / "reference" / "survival_metafor.json").read_text())
NAMES = {"rate": lambda x: x, "logit": lambda x: 1 / (1 + np.exp(-x)), "cloglog": from_cloglog}


def rates_of(evidence, outcome: str) -> pd.DataFrame:
    arms = evidence.outcome(outcome)
    arms = arms[(arms["events"] > 0) & (arms["events"] < arms["total"])]
    frame = pd.DataFrame({"rate": arms["events"] / arms["total"], "total": arms["total"]})
    return frame.astype("float64").assign(lower=np.nan, upper=np.nan)


@pytest.mark.parametrize("outcome", ["dcr", "orr"])
@pytest.mark.parametrize("scale", ["rate", "logit", "cloglog"])
@pytest.mark.parametrize(("method", "name"), [("DL", "DL z"), ("REML", "REML knha")])
def test_pools_are_those_of_metafor(evidence, outcome, scale, method, name):
    pin = PINS["data_sets"][outcome][scale][name]
    y, v = rate_values(rates_of(evidence, outcome), scale)
    theta, se, tau2, q = pool_values(y, v, method=method, hartung_knapp=method == "REML")
    found = NAMES[scale](theta + np.array([0.0, -1.0, 1.0]) * q * se)
    assert found == pytest.approx([pin["estimate"], pin["lower"], pin["upper"]], abs=1e-8)
    assert np.sqrt(tau2) == pytest.approx(pin["tau"], abs=1e-6)


def test_the_pool_as_printed_and_its_heterogeneity(evidence):
    found = pool_rates(rates_of(evidence, "dcr"))
    pin = PINS["data_sets"]["dcr"]["rate"]["DL z"]
    row = found.rows.iloc[0]
    assert row["estimator"] == "DerSimonian-Laird, rate"
    assert row["estimate"] == pytest.approx(pin["estimate"], abs=1e-8)
    assert found.i2 == pytest.approx(pin["i2"], abs=1e-5)


def test_the_bayesian_model_by_brute_force():
    y, v = np.array([0.4, -0.3, 1.2, 0.1]), np.array([0.05, 0.2, 0.1, 0.02])
    priors = Priors(mu_mean=0.2, mu_sd=1.1, tau_scale=0.7)
    mu, tau = np.linspace(-4, 5, 1501)[:, None], np.linspace(1e-4, 4, 1601)
    log_p = norm.logpdf(mu, 0.2, 1.1) + norm.logpdf(tau, 0, 0.7)
    for value, variance in zip(y, v, strict=True):
        log_p = log_p + norm.logpdf(value, mu, np.sqrt(variance + tau**2))
    weight = np.exp(log_p - log_p.max())
    weight /= weight.sum()
    found = fit_normal_normal(y, v, priors)
    of_mu, of_tau = weight.sum(axis=1).cumsum(), weight.sum(axis=0).cumsum()
    for p in (0.025, 0.5, 0.975):
        assert found.mu(p) == pytest.approx(float(np.interp(p, of_mu, mu[:, 0])), abs=0.006)
        assert found.tau_quantile(p) == pytest.approx(float(np.interp(p, of_tau, tau)), abs=0.004)
        sd = np.sqrt(found.sd**2 + found.tau**2)
        below = found.weight @ norm.cdf((found.new_study(p) - found.mean) / sd)
        assert below == pytest.approx(p, abs=1e-9)


def test_without_data_the_posterior_is_the_prior():
    found = fit_normal_normal(np.array([]), np.array([]), Priors(mu_mean=1.0, mu_sd=0.5))
    assert found.mu(0.975) == pytest.approx(1.0 + 0.5 * norm.ppf(0.975), abs=1e-6)
    assert found.tau_quantile(0.5) == pytest.approx(norm.ppf(0.75), abs=1e-4)


def test_the_scale_goes_there_and_back():
    rates = np.array([0.01, 0.3, 0.656, 0.99])
    assert from_cloglog(cloglog(rates)) == pytest.approx(rates)
    assert (np.diff(cloglog(rates)) > 0).all()


def test_standard_errors_from_intervals_and_from_patients():
    table = pd.DataFrame(
        {
            "rate": [0.5, 0.5, 0.0],
            "lower": [0.3, np.nan, 0.0],
            "upper": [0.7, np.nan, 0.2],
            "total": [np.nan, 24.0, 12.0],
        }
    )
    _, v = rate_values(table, "rate")
    z = norm.ppf(0.975)
    assert v[0] == pytest.approx((0.4 / (2 * z)) ** 2)
    assert v[1] == pytest.approx(0.25 / 24)
    # no event: half of one is added to either side
    assert v[2] == pytest.approx((0.5 / 13) * (12.5 / 13) / 12)
    y, v = rate_values(table, "logit")
    assert y[2] == pytest.approx(np.log(0.5 / 12.5))
    assert v[1] == pytest.approx(1 / 12 + 1 / 12)


def test_medians_exponential_and_weibull():
    table = pd.DataFrame(
        {
            "median": [4.0, 4.0, 6.0, 9.0],
            "lower": [np.nan, np.nan, 3.0, np.nan],
            "upper": [np.nan, np.nan, 12.0, np.nan],
            "events": [25.0, np.nan, np.nan, np.nan],
            "total": [np.nan, 40.0, np.nan, np.nan],
            "follow_up": [np.nan, 8.0, np.nan, np.nan],
        }
    )
    variance = median_variances(table, 1.0)
    assert variance[0] == pytest.approx(1 / 25)
    # by 8 months, two medians, three quarters had the event
    assert variance[1] == pytest.approx(1 / 30)
    assert variance[2] == pytest.approx((np.log(4) / (2 * norm.ppf(0.975))) ** 2)
    assert np.isnan(variance[3])
    assert median_variances(table, 2.0)[0] == pytest.approx(1 / 100)
    rows = pool_medians(table).rows.set_index("estimator")
    assert rows.loc["median of medians, range"].tolist()[:3] == [5.0, 4.0, 9.0]
    reml = rows.loc["REML, Hartung-Knapp, log", "estimate"]
    assert 4.0 < reml < 6.0


def test_the_papers_end_points_are_not_compared_before_all_are_there(evidence):
    found = {e.name: e for e in paper_end_points(evidence, "cloglog", 1.0)}
    three = found["PFS at 3 months"]
    assert three.printed == {"k": 8.0, "estimate": 60.32, "lower": 50.18, "upper": 70.46}
    assert three.verdict == f"{three.pool.k} of 8 at hand: not compared"
    assert found["median PFS"].printed["k"] == 34


def test_complete_end_points_are_compared():
    table = pd.DataFrame({"rate": [0.5, 0.6], "total": [40.0, 60.0]})
    pool = pool_rates(table.assign(lower=np.nan, upper=np.nan))
    row = 100 * pool.rows.iloc[0][["estimate", "lower", "upper"]].astype(float)
    same = EndPoint("x", True, pool, {"k": 2.0, **row.round(2).to_dict()})
    other = EndPoint("x", True, pool, {"k": 2.0, **(row + 1).to_dict()})
    assert same.verdict.startswith("agrees")
    assert other.verdict == "differs from the printed value (by at most 1.00)"


@pytest.mark.parametrize(
    ("read", "text", "words"),
    [
        (read_rates, "study,months,rate,total\nA,3,1.2,20\n", "row 2, column 'rate'"),
        (read_rates, "study,months,rate\nA,3,0.2\n", "give the number of patients"),
        (read_rates, "study,months,rate,total\nA,3,half,20\n", "'half' is not a number"),
        (read_rates, "study,rate,total\nA,0.2,20\n", "column 'months': no such column"),
        (read_rates, "study,months,rate,total\nA,3,.2,9\nA,3,.3,9\n", "row 3, column 'study'"),
        (read_rates, "study,months,rate,lower,upper\nA,3,.2,.3,.4\n", "must not exceed rate"),
        (read_medians, "study,median\nA,-1\n", "-1: must be positive"),
        (read_medians, "study,median\n", "no rows"),
    ],
)
def test_faults_name_row_column_and_value(read, text, words, tmp_path):
    path = tmp_path / "my.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError) as fault:
        read(path)
    assert words in str(fault.value)
    assert "my.csv" in str(fault.value)


def test_a_users_files(tmp_path, capsys):
    from models.interface.survival import survival

    rates, medians, out = (tmp_path / n for n in ("r.csv", "m.csv", "o.json"))
    rates.write_text("study,months,rate,total\nA,3,0.4,20\nB,3,0.6,30\nA,6,0.2,20\nB,6,0.5,30\n")
    medians.write_text("study,median,events\nA,2.5,18\nB,5,20\n")
    survival(rates, medians, "logit", 1.0, Priors(), out)
    found = json.loads(out.read_text())
    names = [e["end_point"] for e in found]
    assert names == ["PFS at 3 months", "PFS at 6 months", "median survival"]
    assert found[0]["estimates"][0]["estimator"] == "DerSimonian-Laird, rate"
    assert found[0]["patients"] == 50
    assert found[0]["verdict"] is None
    assert "median survival: 2 studies" in capsys.readouterr().out
