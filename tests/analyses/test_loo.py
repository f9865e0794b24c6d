"""Leave-one-out: integrated likelihoods, exact refits, and the comparison of models."""

import itertools

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy import integrate, stats
from scipy.special import expit

from models.analyses.checks.comparison import (
    beta_binomial_log_likelihood,
    compare_models,
    comparison_trees,
    regression_log_likelihood,
    student_t_log_likelihood,
    verdict,
)
from models.analyses.checks.loo import (
    PSIS_ERROR_MAX,
    integrated_log_likelihood,
    leave_one_study_out,
    loo_pit,
    loo_table,
    with_log_likelihood,
)
from models.evidence.load import Evidence
from models.fitting.exact import Exact, to_datatree
from models.fitting.fit import Wanted
from models.fitting.records import Recorder
from models.fitting.registry import POOLED
from models.grid import fit_pooled
from models.reviews.covariates import COLUMN

REVIEW = pd.DataFrame({"study": ["a", "b", "c"], "events": [0, 7, 20], "total": [12, 40, 79]})


def point(**values: float) -> xr.Dataset:
    return xr.Dataset({k: (("chain", "draw"), [[v]]) for k, v in values.items()})


def by_quad(x: int, n: int, mu: float, tau: float, density: object) -> float:
    def integrand(z: float) -> float:
        return stats.binom.pmf(x, n, expit(mu + tau * z)) * density.pdf(z)  # type: ignore[attr-defined]

    # a t distribution has mass far out: 5e-7 beyond 60
    edges = (-np.inf, -60.0, -6.0, -2.0, 0.0, 2.0, 6.0, 60.0, np.inf)
    parts = [
        integrate.quad(integrand, a, b, epsabs=1e-14, limit=400)[0]
        for a, b in itertools.pairwise(edges)
    ]
    return float(np.log(sum(parts)))


@pytest.mark.parametrize(("mu", "tau"), [(-1.7, 0.9), (-3.0, 0.2), (0.5, 1.8)])
def test_integrated_likelihoods_against_adaptive_quadrature(mu: float, tau: float) -> None:
    """Tolerance 1e-6: the stated error of the 41-node rule; the t rule was made to match it."""
    normal = integrated_log_likelihood(point(mu=mu, tau=tau), REVIEW).values.ravel()
    heavy = student_t_log_likelihood(point(mu=mu, tau=tau), REVIEW).values.ravel()
    for i, row in enumerate(REVIEW.itertuples()):
        assert normal[i] == pytest.approx(
            by_quad(row.events, row.total, mu, tau, stats.norm), abs=1e-6
        )
        assert heavy[i] == pytest.approx(
            by_quad(row.events, row.total, mu, tau, stats.t(4)), abs=1e-6
        )


def test_beta_binomial_likelihood_against_scipy() -> None:
    found = beta_binomial_log_likelihood(point(mu=-1.5, rho=0.13), REVIEW).values.ravel()
    phi, mean = 1 / 0.13 - 1, float(expit(-1.5))
    exact = stats.betabinom.logpmf(REVIEW["events"], REVIEW["total"], mean * phi, (1 - mean) * phi)
    np.testing.assert_allclose(found, exact, atol=1e-10)  # the same formula, rounding apart


def test_regression_integrates_effect_and_missing_covariate() -> None:
    """Known covariate: shifts the mean; missing: its own normal part widens the effect."""
    posterior = point(mu=-1.0, tau=0.5, sigma_group=2.0)
    posterior["group_effect"] = (("chain", "draw", "group"), [[[0.1, -0.4]]])
    posterior["coefficient"] = (("chain", "draw", "term"), [[[0.8]]])
    posterior = posterior.assign_coords(group=["s", "t"], term=["x"])
    x = np.array([0.5, np.nan, -1.5])
    design = pd.DataFrame(
        {
            "arm": REVIEW["study"][:3],
            "events": REVIEW["events"][:3],
            "total": REVIEW["total"][:3],
            "group": pd.Categorical(["t", "s", "t"], categories=["s", "t"]),
            COLUMN + "x": x,
        }
    )
    found = regression_log_likelihood(posterior, design).values.ravel()
    centre, spread = np.nanmean(x), np.nanstd(x, ddof=1)
    means = (-1.8 + 0.8 * 0.5, -0.8 + 0.8 * centre, -1.8 - 0.8 * 1.5)
    sds = (0.5, float(np.hypot(0.5, 0.8 * spread)), 0.5)
    for value, mean, sd, row in zip(found, means, sds, design.itertuples(), strict=True):
        exact = by_quad(row.events, row.total, mean, sd, stats.norm)
        assert value == pytest.approx(exact, abs=1e-6)


def test_exact_refits_leave_the_study_out_of_everything(evidence: Evidence) -> None:
    """Against the engine's own cavity computation, another algorithm; 1e-5 covers both errors."""
    reviews = {outcome: evidence.outcome(outcome) for outcome in ("orr", "dcr", "trae")}
    table = leave_one_study_out(reviews)
    assert table.groupby("outcome", sort=False).size().tolist() == [38, 35, 20]
    review = reviews["orr"]
    exact = fit_pooled(review["events"], review["total"])
    mu, tau_mean, _ = exact.without_each_study()
    median = mu.rate_summary().median
    rows = table[table["outcome"] == "orr"]
    np.testing.assert_allclose(rows["typical_median"], median, atol=1e-5)
    assert np.corrcoef(rows["tau_median"], tau_mean)[0, 1] > 0.99
    assert (rows["study"].to_numpy() == review["study"].to_numpy()).all()


def test_psis_and_pit_against_exact_leave_one_out(evidence: Evidence) -> None:
    """8000 independent draws: PSIS within a tenth of a nat of the exact density for each arm."""
    review = evidence.outcome("orr")
    exact = fit_pooled(review["events"], review["total"], study=list(review["study"]))
    posterior = to_datatree(exact, draws=2000, seed=3)["posterior"].to_dataset()
    tree = with_log_likelihood(posterior, integrated_log_likelihood(posterior, review))
    table = loo_table(review, tree, exact)
    assert table["difference"].abs().max() < PSIS_ERROR_MAX
    pit = loo_pit(review, posterior, tree, 1)
    # P(X = x | others) is twice the distance from the lower end to the middle
    mass = 2 * (pit["mid"] - pit["below"])
    np.testing.assert_allclose(np.log(mass), table["elpd_exact"], atol=PSIS_ERROR_MAX)
    assert pit["randomised"].between(pit["below"], pit["below"] + mass + 1e-12).all()


def test_no_winner_among_near_models() -> None:
    assert verdict(0.0, 0.0) == "highest elpd"
    assert verdict(-3.9, 0.5).startswith("not told apart")
    assert verdict(-6.0, 3.5).startswith("not told apart")
    assert verdict(-9.0, 3.0) == "predicts worse"


@pytest.mark.slow  # its three fits also pass the gate of every run of the main job
def test_compared_models_pass_the_gate_on_the_same_arms(
    evidence: Evidence, sampler: object
) -> None:
    recorder = Recorder(sampler)  # type: ignore[arg-type]
    trees = comparison_trees(evidence, recorder, Exact(2000, recorder.seed))
    assert [row["gate"] for row in recorder.rows] == ["passed"] * 3
    assert recorder.problems == []
    assert len(trees) == 6
    compared = compare_models(trees)
    counts = compared.pointwise.groupby("model")["study"].apply(list)
    assert all(studies == counts["pooled"] for studies in counts)
    assert len(counts["pooled"]) == 38
    assert (compared.table["pareto_k_max"] <= 0.7).all()


@pytest.mark.slow
@pytest.mark.mcmc
def test_one_exact_refit_against_the_sampler(evidence: Evidence, sampler: object) -> None:
    """The arm with the largest influence; five Monte Carlo standard errors of the mean."""
    import arviz_stats as azs

    review = evidence.outcome("orr")
    kept = review[review["arm_id"] != "Chawla2022_atezo"].reset_index(drop=True)
    fit = sampler(Wanted(POOLED, kept))  # type: ignore[operator]
    assert fit.gate.passed
    exact = fit_pooled(kept["events"], kept["total"])
    rate = fit.posterior[["typical_rate"]]
    error = 5 * float(azs.mcse(rate, method="mean")["typical_rate"])
    assert abs(float(rate["typical_rate"].mean()) - float(exact.mu.rate_mean)) < error
