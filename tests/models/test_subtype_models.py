"""The subtype models against the exact grid, a plain quadrature, and published numbers.

Monte Carlo tolerance: five standard errors of the sampler's mean or standard deviation. With some
two hundred comparisons a correct sampler exceeds it about once in ten thousand runs, and the seed
is fixed.
"""

import importlib.util
import json
from dataclasses import dataclass
from pathlib import Path

import arviz_stats as azs
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy import stats
from scipy.special import expit

from models.analyses.subtypes.summary import summarise_cells, summarise_subtypes
from models.common.constants import PROJECT_ROOT
from models.estimands.predictions import (
    predict_exchangeable,
    predict_exnex,
    predict_subtype_treatment,
)
from models.evidence.load import Evidence, paper_cells
from models.fitting.exact import exact_posterior
from models.fitting.fit import Fit, SamplerSettings, Wanted
from models.fitting.registry import EXNEX, SUBTYPE, SUBTYPE_TREATMENT
from models.fitting.sampler import Sampler
from models.grid.fits import fit_pooled, fit_tree
from models.priors import ExnexPriors, Priors
from models.reviews.strata import strata_of_cells

pytestmark = pytest.mark.mcmc

CHUGH = pd.DataFrame(
    {
        "stratum": [f"histology {i + 1}" for i in range(10)],
        "events": [2, 0, 1, 6, 7, 3, 5, 1, 0, 3],
        "total": [15, 13, 12, 28, 29, 29, 26, 5, 2, 20],
    }
)
"""Imatinib in ten sarcoma histologies (Chugh et al. 2009, J Clin Oncol 27:3148)."""
CHUGH_PRIORS = ExnexPriors(
    mu_mean=-1.735, mu_sd=0.146**-0.5, nex_mean=-1.734, nex_sd=0.128**-0.5, p_exchangeable=0.5
)
"""Neuenschwander et al. 2016."""
CHUGH_MEANS = [0.1506, 0.0531, 0.1275, 0.1883, 0.2047, 0.1314, 0.1766, 0.1784, 0.1311, 0.1572]
CHUGH_EXCHANGEABLE = [0.740, 0.288, 0.655, 0.758, 0.719, 0.714, 0.775, 0.689, 0.539, 0.765]
TINY = 1e-3
"""Scale of a prior that switches a standard deviation off: rates move by less than 0.0003."""


def within_mcse(draws: xr.DataArray, mean: float, sd: float | None = None) -> None:
    """Assert that mean (and sd) of draws equal exact ones within five Monte Carlo errors."""
    data = xr.Dataset({"x": draws})
    error = float(azs.mcse(data, method="mean")["x"])
    assert abs(float(draws.mean()) - mean) < 5 * error
    if sd is not None:
        error = float(azs.mcse(data, method="sd")["x"])
        assert abs(float(draws.std()) - sd) < 5 * error


@dataclass(frozen=True)
class PlainExnex:
    """EXNEX by brute force: sums over a grid of mu and tau, and over one of the logit."""

    rate_mean: np.ndarray
    p_exchangeable: np.ndarray
    prediction: np.ndarray
    mu: float
    tau: float


def plain_exnex(strata: pd.DataFrame, priors: ExnexPriors) -> PlainExnex:
    """Integrate EXNEX without the code under test."""
    x, n = strata["events"].to_numpy(), strata["total"].to_numpy()
    mu = np.linspace(-6, 3, 91)
    # the first cell stands for tau near 0; 4.5 is beyond all of the posterior
    tau = (np.arange(90) + 0.5) * 0.05
    # fine enough for the narrowest normal, and cell masses instead of densities below that
    edges = np.linspace(-22, 14, 3601)
    rate = expit((edges[1:] + edges[:-1]) / 2)
    likelihood = np.exp(x[:, None] * np.log(rate) + (n - x)[:, None] * np.log1p(-rate))

    def integrals(mean: float, sd: float) -> tuple[np.ndarray, np.ndarray, float]:
        masses = np.diff(stats.norm.cdf(edges, mean, sd))
        return likelihood @ masses, (likelihood * rate) @ masses, float(rate @ masses)

    nex, nex_rate, nex_mean = integrals(priors.nex_mean, priors.nex_sd)
    w = priors.p_exchangeable
    k, shape = len(strata), (mu.size, tau.size)
    ex, ex_rate = np.empty((*shape, k)), np.empty((*shape, k))
    shared = np.empty(shape)
    for i, m in enumerate(mu):
        for j, t in enumerate(tau):
            ex[i, j], ex_rate[i, j], shared[i, j] = integrals(m, t)
    mixed = w * ex + (1 - w) * nex
    log_joint = (
        stats.norm.logpdf(mu, priors.mu_mean, priors.mu_sd)[:, None]
        + stats.halfnorm.logpdf(tau, scale=priors.tau_scale)
        + np.log(mixed).sum(axis=2)
    )
    joint = np.exp(log_joint - log_joint.max())
    joint /= joint.sum()

    def mean_over(values: np.ndarray) -> np.ndarray:
        return np.tensordot(joint, values, axes=((0, 1), (0, 1)))

    others = (w * shared + (1 - w) * nex_mean)[:, :, None] / mixed
    return PlainExnex(
        rate_mean=mean_over((w * ex_rate + (1 - w) * nex_rate) / mixed),
        p_exchangeable=mean_over(w * ex / mixed),
        prediction=mean_over(others) / mean_over(1 / mixed),
        mu=float(joint.sum(axis=1) @ mu),
        tau=float(joint.sum(axis=0) @ tau),
    )


@pytest.fixture(scope="module")
def strata(evidence: Evidence) -> pd.DataFrame:
    return evidence.strata()


@pytest.fixture(scope="module")
def exchangeable(sampler: Sampler, strata: pd.DataFrame) -> Fit:
    fit = sampler(Wanted(SUBTYPE, strata))
    assert fit.gate.passed, fit.gate.sentence()
    return fit


def fit_exnex_to(sampler: Sampler, strata: pd.DataFrame, priors: ExnexPriors) -> Fit:
    fit = sampler(Wanted(EXNEX, strata, priors))
    assert fit.gate.passed, fit.gate.sentence()
    return fit


@pytest.fixture(scope="module")
def long_sampler() -> Sampler:
    """Many draws, for EXNEX: with them its probabilities have Monte Carlo errors of 0.001."""
    return Sampler(SamplerSettings(draws=10_000, tune=1000, target_accept=0.95, seed=1))


@pytest.fixture(scope="module")
def chugh(long_sampler: Sampler) -> Fit:
    return fit_exnex_to(long_sampler, CHUGH, CHUGH_PRIORS)


def test_subtype_model_equals_the_grid(exchangeable: Fit, strata: pd.DataFrame) -> None:
    parents = [None if pd.isna(label) else label for label in strata["parent"]]
    exact = fit_tree(strata["events"], strata["total"], parents, unit=strata["stratum"])
    posterior = exchangeable.posterior
    within_mcse(posterior["mu"], float(exact.mu.mean), float(exact.mu.sd))
    within_mcse(posterior["tau"], exact.sigma.mean, exact.sigma.sd)
    assert exact.sigma_child is not None
    within_mcse(posterior["tau_child"], exact.sigma_child.mean, exact.sigma_child.sd)
    for i, stratum in enumerate(strata["stratum"]):
        rates = posterior["stratum_rate"].sel(stratum=stratum)
        within_mcse(rates, float(exact.units.rate_mean[i]), float(exact.units.rate_sd[i]))


def test_lps_is_the_weighted_mean_of_its_members(exchangeable: Fit, strata: pd.DataFrame) -> None:
    result = summarise_subtypes("exchangeable", exchangeable, strata, {})
    members = result.strata[strata["parent"].eq("LPS").to_numpy()]
    lps = result.families.iloc[0]
    assert (lps["events"], lps["total"]) == (22, 159)
    weighted = np.average(members["mean"], weights=members["total"])
    assert lps["mean"] == pytest.approx(weighted)
    # unlike the published row, it stays with its parts and with its patients
    assert members["mean"].min() < lps["mean"] < members["mean"].max()
    assert lps["exact_lower"] < lps["median"] < lps["exact_upper"]


def test_ranks_and_shrinkage_of_the_paper(exchangeable: Fit, strata: pd.DataFrame) -> None:
    predictions = predict_exchangeable(exact_posterior(SUBTYPE, strata))
    table = summarise_subtypes("exchangeable", exchangeable, strata, predictions).strata
    assert table["expected_rank"].mean() == pytest.approx(12.5)
    assert table["p_top_three"].sum() == pytest.approx(3)
    shrinkage = table.set_index("stratum")["shrinkage"]
    # one patient keeps little of its raw rate, 168 nearly all
    assert shrinkage["EAS"] > 0.85
    assert shrinkage["ASPS"] < 0.1


@pytest.mark.slow
def test_a_family_of_one_model_without_families(sampler: Sampler) -> None:
    """Without parents the model is the pooled model over strata; with them it is not."""
    priors = Priors(mu_sd=2.0)
    fit = sampler(Wanted(SUBTYPE, CHUGH, priors))
    assert fit.gate.passed, fit.gate.sentence()
    exact = fit_pooled(CHUGH["events"], CHUGH["total"], mu_sd=2.0)
    within_mcse(fit.posterior["mu"], float(exact.mu.mean), float(exact.mu.sd))
    within_mcse(fit.posterior["tau"], exact.tau.mean, exact.tau.sd)
    # full exchangeability with these priors: mu -1.7359 (sd 0.260), tau 0.333
    assert float(exact.mu.mean) == pytest.approx(-1.7359, abs=0.003)
    assert float(exact.mu.sd) == pytest.approx(0.260, abs=0.003)
    assert exact.tau.mean == pytest.approx(0.333, abs=0.003)
    result = summarise_subtypes("exchangeable", fit, CHUGH, {})
    assert result.families.empty
    assert "tau_child" not in result.parameters
    assert "family_effect" not in fit.posterior


def test_exnex_reproduces_the_published_numbers(chugh: Fit) -> None:
    # 0.003: Monte Carlo errors of about 0.001 here, and the published numbers have theirs
    means = chugh.posterior["stratum_rate"].mean(("chain", "draw")).values
    assert means == pytest.approx(CHUGH_MEANS, abs=0.003)
    exchangeable = chugh.posterior["p_exchangeable"].mean(("chain", "draw")).values
    assert exchangeable == pytest.approx(CHUGH_EXCHANGEABLE, abs=0.003)


def test_plain_quadrature_reproduces_the_published_numbers() -> None:
    exact = plain_exnex(CHUGH, CHUGH_PRIORS)
    assert exact.rate_mean == pytest.approx(CHUGH_MEANS, abs=0.003)
    assert exact.p_exchangeable == pytest.approx(CHUGH_EXCHANGEABLE, abs=0.003)


@pytest.mark.parametrize(
    "data", [pytest.param(name, marks=pytest.mark.slow) for name in ("chugh", "paper")]
)
def test_exnex_equals_plain_quadrature(
    long_sampler: Sampler, strata: pd.DataFrame, data: str
) -> None:
    # ten strata of the paper, so that one compilation serves both; the extremes are among them
    names = ["ASPS", "EAS", "LMS", "SS", "UPS", "MLS", "EHE", "Myofibrosarcoma", "AS", "SMRT"]
    some = strata[strata["stratum"].isin(names)].reset_index(drop=True)[list(CHUGH)]
    frame, priors = (CHUGH, CHUGH_PRIORS) if data == "chugh" else (some, ExnexPriors())
    fit = fit_exnex_to(long_sampler, frame, priors)
    posterior = fit.posterior
    exact = plain_exnex(frame, priors)
    within_mcse(posterior["mu"], exact.mu)
    within_mcse(posterior["tau"], exact.tau)
    predictions = predict_exnex(posterior, frame, priors)
    for i, stratum in enumerate(frame["stratum"]):
        one = posterior.sel(stratum=stratum)
        within_mcse(one["stratum_rate"], float(exact.rate_mean[i]))
        within_mcse(one["p_exchangeable"], float(exact.p_exchangeable[i]))
        # a mean over weighted draws: 0.003 is more than four Monte Carlo errors
        assert predictions[stratum] == pytest.approx(float(exact.prediction[i]), abs=0.003)
    result = summarise_subtypes("exnex", fit, frame, predictions)
    assert result.strata["p_exchangeable"].between(0, 1).all()


CELL_PRIORS = {
    "subtypes": Priors(sigma_scale=TINY, interaction_scale=TINY),
    "treatments": Priors(tau_scale=TINY, interaction_scale=TINY),
    "cells": Priors(tau_scale=TINY, sigma_scale=TINY, interaction_scale=1.0),
}


@pytest.mark.parametrize(
    "left",
    [*(pytest.param(part, marks=pytest.mark.slow) for part in ("subtypes", "treatments")), "cells"],
)
def test_each_part_of_subtype_by_treatment_alone_equals_the_grid(
    sampler: Sampler, evidence: Evidence, left: str
) -> None:
    """With two of its three standard deviations switched off the model is a pooled model."""
    cells = paper_cells(evidence)
    sums = strata_of_cells(cells)
    fit = sampler(Wanted(SUBTYPE_TREATMENT, cells, CELL_PRIORS[left]))
    assert fit.gate.passed, fit.gate.sentence()
    posterior = fit.posterior
    if left == "subtypes":
        units, scale, rates = sums, "tau", posterior["stratum_rate"]
        labels = [{"stratum": label} for label in units["stratum"]]
        predictions = predict_subtype_treatment(posterior, cells, sums)
        exact = fit_pooled(units["events"], units["total"])
        for i, label in enumerate(units["stratum"]):
            # 2000 draws of means that spread by about 0.03
            expected = float(exact.leave_one_out().rate_mean[i])
            assert predictions[label] == pytest.approx(expected, abs=0.004)
    elif left == "treatments":
        units = cells.groupby("treatment", observed=False)[["events", "total"]].sum().reset_index()
        scale, rates = "sigma_treatment", posterior["cell_rate"].sel(stratum="LMS", drop=True)
        labels = [{"treatment": label} for label in units["treatment"]]
        exact = fit_pooled(units["events"], units["total"])
    else:
        units, scale, rates = cells, "sigma_interaction", posterior["cell_rate"]
        labels = [
            {"stratum": row.stratum, "treatment": row.treatment} for row in cells.itertuples()
        ]
        exact = fit_pooled(units["events"], units["total"])
        # a combination without patients is predicted as a new unit
        empty = posterior["cell_rate"].sel(stratum="EAS", treatment="ICI + TKI")
        within_mcse(empty, float(exact.new_study.rate_mean))
    within_mcse(posterior["mu"], float(exact.mu.mean))
    within_mcse(posterior[scale], exact.tau.mean)
    for i, label in enumerate(labels):
        # what is left of the parts switched off moves a rate by less than 0.001
        found = rates.sel(label)
        error = float(azs.mcse(xr.Dataset({"x": found}), method="mean")["x"])
        assert abs(float(found.mean()) - float(exact.studies.rate_mean[i])) < 5 * error + 0.001


def test_cells_are_estimates_or_predictions(sampler: Sampler, evidence: Evidence) -> None:
    cells = paper_cells(evidence)
    fit = sampler(Wanted(SUBTYPE_TREATMENT, cells))
    assert fit.gate.passed, fit.gate.sentence()
    table = summarise_cells(fit.posterior, cells)
    assert table["basis"].value_counts().to_dict() == {"estimate": 83, "prediction": 37}
    assert table.loc[table["basis"] == "prediction", "raw"].isna().all()
    # the rate at a subtype's own mix is the patient-weighted mean of its cells
    mine = table[table["stratum"] == "AS"]
    own = float(fit.posterior["stratum_rate"].sel(stratum="AS").mean())
    assert np.average(mine["mean"], weights=mine["total"]) == pytest.approx(own)
    equal = float(fit.posterior["equal_mix_rate"].sel(stratum="AS").mean())
    assert mine["mean"].mean() == pytest.approx(equal)


def test_the_script_writes_its_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from models.interface.cli import run

    path = PROJECT_ROOT / "scripts" / "subtypes.py"
    spec = importlib.util.spec_from_file_location("subtypes_script", path)
    assert spec is not None
    assert spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    data, target = tmp_path / "chugh.csv", tmp_path / "out.json"
    CHUGH.to_csv(data, index=False)
    run(script.app, ["--data", str(data), "--prior-mu-sd", "2", "--json", str(target)])
    content = json.loads(target.read_text(encoding="utf-8"))
    assert content["diagnostics"]["passed"] is True
    # full exchangeability: mu -1.7359 (sd 0.260), tau 0.333; Monte Carlo errors are about 0.004
    assert content["mu"]["mean"] == pytest.approx(-1.7359, abs=0.02)
    assert content["mu"]["sd"] == pytest.approx(0.260, abs=0.02)
    assert content["tau"]["mean"] == pytest.approx(0.333, abs=0.02)
    assert [row["stratum"] for row in content["strata"]] == list(CHUGH["stratum"])
    keys = {"stratum", "events", "total", "mean", "sd", "median", "lower", "upper", "shrinkage"}
    assert keys <= set(content["strata"][0])
    assert "gate: passed" in capsys.readouterr().out
