"""The sampled models against the exact grid posterior, and the sampling layer itself.

Tolerance: five Monte Carlo standard errors of the sampler's mean or quantile. With some hundred
comparisons a correct sampler exceeds it about once in ten thousand runs, and the seed is fixed.
"""

import shutil
from pathlib import Path

import arviz_stats as azs
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy.special import expit

from models.analyses.pools.summary import summarise_pooled
from models.common.constants import PROJECT_ROOT
from models.common.sources import Sources
from models.estimands.rates import summarise
from models.evidence.groupings import grouped_outcome
from models.fitting.fit import ESCALATION, SamplerSettings, Wanted
from models.fitting.records import Recorder, Saved, load_fit, save_fit
from models.fitting.registry import INDEPENDENT_GROUPS, POOLED, SUBGROUP
from models.fitting.sampler import Sampler
from models.grid.fits import fit_pooled, fit_subgroup
from models.priors import DEFAULT_PRIORS, Priors
from models.publication import build_publication_model
from models.reviews.padding import pad_review

pytestmark = pytest.mark.mcmc


def within_mcse(draws: xr.DataArray, mean: float, sd: float | None = None) -> None:
    """Assert that mean (and sd) of draws equal the exact ones within five Monte Carlo errors."""
    data = xr.Dataset({"x": draws})
    error = float(azs.mcse(data, method="mean")["x"])
    assert abs(float(draws.mean()) - mean) < 5 * error
    if sd is not None:
        error = float(azs.mcse(data, method="sd")["x"])
        assert abs(float(draws.std()) - sd) < 5 * error


@pytest.fixture(scope="module")
def orr(evidence) -> pd.DataFrame:
    return evidence.outcome("orr")


@pytest.fixture(scope="module")
def orr_fit(sampler, orr):
    fit = sampler(Wanted(POOLED, orr))
    assert fit.gate.passed, fit.gate.sentence()
    return fit


def test_pooled_orr_equals_the_grid(orr_fit, orr):
    exact = fit_pooled(orr["events"], orr["total"])
    posterior = orr_fit.posterior
    within_mcse(posterior["mu"], float(exact.mu.mean), float(exact.mu.sd))
    within_mcse(posterior["tau"], exact.tau.mean, exact.tau.sd)
    within_mcse(posterior["average_rate"], exact.average_rate.mean)
    for i, study in enumerate(orr["study"]):
        within_mcse(posterior["study_rate"].sel(study=study), float(exact.studies.rate_mean[i]))


def test_pooled_orr_meets_the_known_answer(orr_fit):
    # long runs and independent quadrature: mu -1.660 (sd 0.181), tau mean 0.920
    within_mcse(orr_fit.posterior["mu"], -1.660, 0.181)
    within_mcse(orr_fit.posterior["tau"], 0.920)


EDGES = {
    "one study": ([3], [20]),
    "all zero": ([0, 0, 0, 0], [12, 30, 7, 50]),
    "all events": ([5, 12], [5, 12]),
    "five arms": ([8, 14, 11, 7, 6], [32, 46, 30, 14, 46]),
}


@pytest.mark.parametrize("name", EDGES)
def test_small_and_extreme_reviews_equal_the_grid(sampler, name):
    events, total = EDGES[name]
    review = pd.DataFrame(
        {"study": [f"S{i}" for i in range(len(events))], "events": events, "total": total}
    )
    fit = sampler(Wanted(POOLED, review))
    assert fit.gate.passed, fit.gate.sentence()
    exact = fit_pooled(events, total)
    within_mcse(fit.posterior["mu"], float(exact.mu.mean))
    within_mcse(fit.posterior["tau"], exact.tau.mean)
    # padding is dropped everywhere
    assert fit.posterior.sizes["study"] == len(events)
    assert not fit.gate.table["parameter"].str.contains("padding").any()
    assert fit.tree["observed_data"]["responders"].values.tolist() == events


def test_priors_are_passed_to_a_compiled_model(sampler, orr):
    priors = Priors(mu_mean=-1.0, mu_sd=0.5, tau_scale=0.3)
    fit = sampler(Wanted(POOLED, orr, priors))
    exact = fit_pooled(orr["events"], orr["total"], mu_mean=-1.0, mu_sd=0.5, tau_scale=0.3)
    within_mcse(fit.posterior["mu"], float(exact.mu.mean))
    within_mcse(fit.posterior["tau"], exact.tau.mean)


@pytest.fixture(scope="module")
def by_treatment(evidence) -> pd.DataFrame:
    return grouped_outcome(evidence, "orr", "treatment")


def test_subgroups_equal_the_grid(sampler, by_treatment):
    fit = sampler(Wanted(SUBGROUP, by_treatment))
    assert fit.gate.passed, fit.gate.sentence()
    exact = fit_subgroup(
        by_treatment["events"],
        by_treatment["total"],
        by_treatment["group"].astype(str).tolist(),
        groups=[str(g) for g in by_treatment["group"].cat.categories],
    )
    posterior = fit.posterior
    within_mcse(posterior["sigma_group"], exact.sigma_group.mean)
    within_mcse(posterior["tau"], exact.tau.mean)
    for i, group in enumerate(posterior["group"].values):
        within_mcse(posterior["typical_rate"].sel(group=group), float(exact.groups.rate_mean[i]))
        within_mcse(posterior["average_rate"].sel(group=group), exact.average_rates[i].mean)


@pytest.mark.slow
def test_unpooled_means_of_one_group_equal_the_pooled_grid(sampler, orr):
    one = orr.assign(group=pd.Categorical(["all"] * len(orr)))
    fit = sampler(Wanted(INDEPENDENT_GROUPS, one))
    exact = fit_pooled(orr["events"], orr["total"])
    within_mcse(fit.posterior["mu"].sel(group="all"), float(exact.mu.mean))


def test_arms_of_one_publication_share_their_effect(by_treatment):
    """The publication effect and the arm effect make a total variance of tau squared."""
    model = build_publication_model(pad_review(by_treatment, 40, 8), DEFAULT_PRIORS)
    assert len(model.coords["publication"]) == 35
    arms = by_treatment["study"].tolist()
    index = model["publication_of"].get_value()
    pairs = [i for i, a in enumerate(arms) if "D'Angelo" in a]
    assert len(pairs) == 2
    assert index[pairs[0]] == index[pairs[1]]


def test_a_fit_that_fails_is_escalated_with_the_same_seed(orr):
    settings = SamplerSettings(draws=20, tune=50, seed=11)
    fit = Sampler(settings)(Wanted(POOLED, orr))
    assert not fit.gate.passed
    how = fit.sampling
    assert len(how["failed_attempts"]) == len(ESCALATION)
    assert (how["draws"], how["tune"]) == (40, 100)
    assert (how["target_accept"], how["seed"]) == (0.999, 11)
    assert how["first_attempt"]["draws"] == 20


def test_a_saved_fit_answers_for_the_sampler(tmp_path, orr_fit, orr):
    save_fit(orr_fit, tmp_path, "pool_P001", [Path(__file__)])
    saved = Saved(tmp_path)
    again = saved(Wanted(POOLED, orr, name="pool_P001"))
    assert again.gate.passed
    assert again.gate.sentence() == orr_fit.gate.sentence()
    ours, theirs = summarise_pooled(again.posterior, orr), summarise_pooled(orr_fit.posterior, orr)
    assert ours.typical == theirs.typical
    assert saved.seed == orr_fit.sampling["seed"]
    with pytest.raises(Exception, match="other counts"):
        saved(Wanted(POOLED, orr.iloc[1:], name="pool_P001"))
    with pytest.raises(Exception, match="other priors"):
        saved(Wanted(POOLED, orr, Priors(mu_sd=1.0), name="pool_P001"))


@pytest.mark.parametrize(
    ("place", "before", "after"),
    [
        ("pooled.py", "mu + tau * z", "mu + 2 * tau * z"),
        ("estimands/rates.py", "mu + tau * new_z", "mu + 3 * tau * new_z"),
    ],
    ids=["model", "estimands"],
)
def test_a_saved_fit_of_other_code_is_refused(tmp_path, orr_fit, monkeypatch, place, before, after):
    """Changed estimands once went unseen: texts cited old quantities under new definitions."""
    save_fit(orr_fit, tmp_path / "fits", "pool_P001", [])
    assert load_fit(tmp_path / "fits", "pool_P001")
    package = tmp_path / "models"
    shutil.copytree(PROJECT_ROOT / "models", package)
    text = (package / place).read_text(encoding="utf-8")
    assert before in text
    (package / place).write_text(text.replace(before, after), encoding="utf-8")
    monkeypatch.setattr("models.fitting.registry._code_hash", Sources(package).code_hash)
    with pytest.raises(Exception, match="have changed"):
        load_fit(tmp_path / "fits", "pool_P001")


def test_a_recorder_makes_a_fit_once_and_says_how_it_passed(tmp_path, sampler, orr):
    made = []

    def counting(wanted):
        made.append(wanted.name)
        return sampler(wanted)

    counting.seed = sampler.seed
    wanted = Wanted(POOLED, orr, name="pool_P001", description="orr, overall")
    first = Recorder(counting, tmp_path, sampler.settings)
    one, two = first(wanted), first(wanted)
    assert one is two
    assert [row["gate"] for row in first.rows] == ["passed"]
    # another run with the same settings reads the fit; with others, or fresh, it is made anew
    again = Recorder(counting, tmp_path, sampler.settings)
    np.testing.assert_array_equal(again(wanted).posterior["mu"], one.posterior["mu"])
    assert (made, again.made) == (["pool_P001"], 0)
    assert again.rows == first.rows
    for other in (
        Recorder(counting, tmp_path, SamplerSettings(draws=1001, tune=500, seed=1)),
        Recorder(counting, tmp_path, sampler.settings, fresh=True),
    ):
        other(wanted)
    assert len(made) == 3
    with pytest.raises(ValueError, match="two different fits"):
        first(Wanted(POOLED, orr.iloc[1:], name="pool_P001"))


def test_the_same_seed_gives_the_same_draws(sampler, orr, orr_fit):
    again = sampler(Wanted(POOLED, orr))
    np.testing.assert_array_equal(again.posterior["mu"], orr_fit.posterior["mu"])


def test_estimands_are_functions_of_the_same_draws(orr_fit):
    posterior = orr_fit.posterior
    np.testing.assert_allclose(posterior["typical_rate"], expit(posterior["mu"]))
    assert summarise(posterior["typical_rate"])["median"] == pytest.approx(
        float(expit(np.median(posterior["mu"]))), abs=1e-4
    )
