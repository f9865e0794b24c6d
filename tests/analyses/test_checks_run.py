"""Power-scaling, the summary of scenarios, and the committed page of checks."""

from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy import stats

from models.analyses.checks.power import (
    SCALES,
    log_likelihood,
    log_prior,
    power_scaling,
    power_table,
)
from models.analyses.checks.wanted import exact_fits, sampled_fits
from models.common.errors import InputError
from models.evidence.load import Evidence
from models.fitting.exact import Exact, to_datatree
from models.fitting.fit import SamplerSettings, Wanted
from models.fitting.records import Recorder, Saved, save_fit
from models.fitting.registry import POOLED
from models.grid import fit_pooled
from models.priors import DEFAULT_PRIORS, Priors


@pytest.fixture(scope="module")
def pooled(evidence: Evidence) -> xr.Dataset:
    review = evidence.outcome("orr")
    exact = fit_pooled(review["events"], review["total"], study=list(review["study"]))
    return to_datatree(exact, draws=2000, seed=4)["posterior"].to_dataset()


@pytest.mark.parametrize("alpha", [0.8, 1.25])
def test_scaled_priors_reweight_to_the_exact_refit(
    evidence: Evidence, pooled: xr.Dataset, alpha: float
) -> None:
    """A normal or half-normal to a power is one with another scale: the grid computes that fit.

    Only mean and scale are reweighted, not the effects' Normal(0, 1). Five standard errors of
    8000 weighted independent draws.
    """
    review = evidence.outcome("orr")
    values = log_prior(pooled, DEFAULT_PRIORS)
    assert list(values.data_vars) == ["mu", "tau"]
    weight = np.exp((alpha - 1) * (values["mu"] + values["tau"])).values.ravel()
    weight /= weight.sum()
    exact = fit_pooled(
        review["events"],
        review["total"],
        mu_sd=DEFAULT_PRIORS.mu_sd / alpha**0.5,
        tau_scale=DEFAULT_PRIORS.tau_scale / alpha**0.5,
    )
    for draws, mean in (
        (pooled["mu"], exact.mu.summary().mean),
        (pooled["tau"], exact.tau.summary().mean),
    ):
        x = draws.values.ravel()
        found = float(weight @ x)
        error = float(np.sqrt(weight**2 @ (x - found) ** 2))
        assert abs(found - float(np.squeeze(mean))) < 5 * error


def test_each_scale_has_the_prior_of_its_own_setting() -> None:
    priors = Priors(mu_mean=-1.0, mu_sd=2.0, tau_scale=0.7, sigma_scale=1.3, interaction_scale=0.4)
    posterior = xr.Dataset({name: (("chain", "draw"), [[0.5]]) for name in ("mu", *SCALES)})
    found = log_prior(posterior, priors)
    assert found["mu"].item() == pytest.approx(stats.norm(-1, 2).logpdf(0.5))
    for name, scale in (
        ("tau", 0.7),
        ("tau_child", 0.7),
        ("sigma_subtype", 0.7),
        ("sigma_group", 1.3),
        ("sigma_treatment", 1.3),
        ("sigma_interaction", 0.4),
    ):
        # twice a normal density on the positive side
        expected = np.log(2) + stats.norm(0, scale).logpdf(0.5)
        assert found[name].item() == pytest.approx(expected), name


def test_likelihood_is_the_binomial_without_its_coefficient() -> None:
    review = pd.DataFrame({"events": [0, 7], "total": [12, 40]})
    rate = xr.DataArray([[[0.1, 0.3]]], dims=("chain", "draw", "study"))
    found = log_likelihood(rate, review)["responders"].values.ravel()
    for value, p, (x, n) in zip(found, (0.1, 0.3), ((0, 12), (7, 40)), strict=True):
        full = stats.binom(n, p).logpmf(x) - np.log(stats.binom(n, 0.5).pmf(x) * 2.0**n)
        assert value == pytest.approx(full, abs=1e-10)


def test_every_number_of_a_fit_is_scaled(evidence: Evidence, pooled: xr.Dataset) -> None:
    review = evidence.outcome("orr")
    likelihood = log_likelihood(pooled["study_rate"], review)
    both = power_scaling(pooled, likelihood, DEFAULT_PRIORS, "orr")
    assert both["estimand"].tolist() == [
        "mu", "tau", "typical_rate", "average_rate", "new_study_rate",
    ]  # fmt: skip
    assert (both[["prior", "likelihood"]] > 0).all(axis=None)
    alone = power_scaling(pooled, None, DEFAULT_PRIORS, "orr")
    pd.testing.assert_series_equal(alone["prior"], both["prior"])
    assert alone["likelihood"].isna().all()
    # a prior twenty times as narrow is felt, the other way round it is not
    strong = power_scaling(pooled, None, Priors(mu_sd=0.1, tau_scale=0.1), "orr")
    assert strong["prior"].min() > 10 * both["prior"].min()


def test_saved_fits_that_are_not_there_are_named(evidence: Evidence, tmp_path: Path) -> None:
    saved = Saved(tmp_path)
    for wanted in sampled_fits(evidence):
        with pytest.raises(InputError, match=rf"{wanted.name}\.nc: no saved fit"):
            saved(wanted)


def test_a_fit_on_disk_is_not_missing(evidence: Evidence, tmp_path: Path) -> None:
    """What the command announces as missing is what it would make."""
    settings = SamplerSettings(draws=100)
    wanted = Wanted(POOLED, evidence.outcome("trae"), name="here")
    made = replace(Exact(100, 1)(wanted), sampling={"first_attempt": asdict(settings)})
    recorder = Recorder(Exact(100, 1), tmp_path, settings)
    assert not recorder.has(wanted)
    save_fit(made, tmp_path, "here", ())
    assert recorder.has(wanted)
    assert not recorder.has(replace(wanted, frame=evidence.outcome("dcr")))
    assert not Recorder(Exact(100, 1), tmp_path, SamplerSettings(draws=200)).has(wanted)


def test_power_scaling_takes_the_counts_and_priors_of_each_fit(evidence: Evidence) -> None:
    exact = Exact(500, 4)
    first, *_, last = exact_fits(evidence)
    pool, subtypes = ((wanted, exact(wanted)) for wanted in (first, last))
    table = power_table([pool, subtypes])
    assert table["analysis"].unique().tolist() == ["orr pooled", "subtypes_exchangeable"]
    assert table["likelihood"].notna().all()
    likelihood = log_likelihood(pool[1].posterior["study_rate"], evidence.outcome("orr"))
    alone = power_scaling(pool[1].posterior, likelihood, DEFAULT_PRIORS, "orr pooled")
    pd.testing.assert_frame_equal(table[table["analysis"] == "orr pooled"], alone)
