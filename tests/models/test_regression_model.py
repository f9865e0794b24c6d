"""The regression against a likelihood of its own, lme4 and metafor, quadrature, simulation.

The chain of evidence: the model's density equals one written in NumPy from the docstring; the
marginal likelihood formed of that has its maximum where lme4 and metafor have theirs; and the
posterior that it makes with the priors, by quadrature, is the sampler's.
"""

import json
from typing import Any

import arviz_stats as azs
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy import optimize, stats
from scipy.special import expit, logsumexp

from models.common.constants import PROJECT_ROOT
from models.estimands.regression import (
    arm_rates,
    covariate_part,
    prior_share_explained,
    rates_at,
    regression_estimands,
)
from models.evidence.covariates import COVARIATES, paper_covariates, with_covariates
from models.evidence.groupings import grouped_outcome
from models.fitting.fit import Wanted
from models.fitting.registry import REGRESSION
from models.priors import DEFAULT_PRIORS, DEFAULT_REGRESSION_PRIORS, RegressionPriors
from models.regression import build_regression_model
from models.reviews.covariates import COLUMN, Covariate, Design, design_matrix, make_design
from models.subgroup import build_subgroup_model

REFERENCE = PROJECT_ROOT / "tests" / "reference"
INPUTS: dict[str, Any] = json.loads((REFERENCE / "inputs_regression.json").read_text())["data_sets"]
PINS: dict[str, Any] = json.loads((REFERENCE / "regression_metafor_lme4.json").read_text())[
    "data_sets"
]
# a tenth of a standard deviation: the narrowest likelihood, of 97 patients, spans three
NODES = np.linspace(-7, 7, 141)
LOG_WEIGHTS = stats.norm.logpdf(NODES) - logsumexp(stats.norm.logpdf(NODES))


def marginal(events, total, eta, tau):
    """Return the log likelihood with study effects integrated out; eta (..., arms), tau (...)."""
    logit = eta[..., None] + np.asarray(tau)[..., None, None] * NODES
    terms = events[:, None] * logit - total[:, None] * np.logaddexp(0, logit)
    return logsumexp(terms + LOG_WEIGHTS, axis=-1).sum(-1)


@pytest.fixture(scope="module")
def design(evidence) -> Design:
    """Return the paper's arms with missing numbers, levels and groups."""
    arms = with_covariates(grouped_outcome(evidence, "orr", "treatment"), evidence)
    names = ["asps_share", "age_median", "female_percent", "line"]
    return make_design(arms, paper_covariates(names), "the paper")


def density(frame: pd.DataFrame, priors: RegressionPriors, point: dict[str, Any]) -> float:
    """Return the log density of the model, from the mathematics of its docstring."""
    matrix, _ = design_matrix(frame)
    row, column = np.nonzero(np.isnan(matrix))
    for k, (i, j) in enumerate(zip(row, column, strict=True)):
        known = matrix[:, j][~np.isnan(design_matrix(frame)[0][:, j])]
        matrix[i, j] = known.mean() + known.std(ddof=1) * point["missing_value"][k]
    eta = point["mu"] + matrix @ point["coefficient"] + point["tau"] * point["z"]
    codes = frame["group"].cat.codes.to_numpy()
    eta = eta + point["sigma_group"] * point["group_effect"][codes]
    found = stats.binom.logpmf(frame["events"], frame["total"], expit(eta)).sum()
    found += stats.norm.logpdf(point["mu"], priors.mu_mean, priors.mu_sd)
    found += stats.norm.logpdf(point["coefficient"], 0, priors.coefficient_sd).sum()
    found += stats.halfnorm.logpdf(point["tau"], scale=priors.tau_scale)
    found += stats.halfnorm.logpdf(point["sigma_group"], scale=priors.sigma_scale)
    for name in ("z", "group_effect", "missing_value"):
        found += stats.norm.logpdf(point[name]).sum()
    return float(found)


def test_density_is_that_of_the_docstring(design) -> None:
    priors = RegressionPriors(-0.5, 1.2, 0.7, 0.9, 0.5, 1.3)
    model = build_regression_model(design.frame, priors)
    logp = model.compile_logp(jacobian=False)
    rng = np.random.default_rng(4)
    assert np.isnan(design_matrix(design.frame)[0]).sum(axis=1).max() > 1  # an arm lacks several
    for _ in range(5):
        point, free = {}, {}
        for variable in model.free_RVs:
            value = model.rvs_to_values[variable]
            drawn = rng.normal(size=model.initial_point()[value.name].shape)
            free[value.name] = drawn
            point[variable.name] = np.exp(drawn) if value.name.endswith("_log__") else drawn
        # logs of gamma functions of thousands are subtracted: rounding, relative to the sum
        assert logp(free) == pytest.approx(density(design.frame, priors, point), rel=1e-9)


@pytest.mark.parametrize("name", PINS)
def test_maximum_is_that_of_lme4_and_metafor(name: str) -> None:
    """Tolerance: lme4 knows the optimum to about 1e-5, metafor uses 7 nodes (see test_glmm)."""
    assert set(PINS) == set(INPUTS)
    data = INPUTS[name]
    events, total = np.array(data["events"]), np.array(data["total"])
    x = np.column_stack([data["covariates"][c] for c in data["covariates"]])
    centred = x - x.mean(axis=0)

    def loss(theta):
        return -marginal(events, total, theta[0] + centred @ theta[2:], np.exp(theta[1]))

    start = np.concatenate([[-1.7, -0.2], np.zeros(x.shape[1])])
    best = optimize.minimize(loss, start, method="BFGS", options={"gtol": 1e-7}).x
    for software, tolerance in (("glmer_25", 5e-5), ("rma.glmm", 2e-4)):
        pin = PINS[name][software]
        assert best[2:] == pytest.approx(pin["slopes"], abs=tolerance)
        assert np.exp(2 * best[1]) == pytest.approx(pin["tau2"], abs=tolerance)
        intercept = pin["intercept"] + float(np.dot(x.mean(axis=0), pin["slopes"]))
        assert best[0] == pytest.approx(intercept, abs=tolerance)


def wanted(design: Design) -> Wanted:
    return Wanted(REGRESSION, design.frame, DEFAULT_REGRESSION_PRIORS, given={"design": design})


@pytest.mark.slow
@pytest.mark.mcmc
def test_posterior_is_that_of_quadrature(sampler, evidence) -> None:
    """One covariate without groups: mean of every parameter within five Monte Carlo errors."""
    arms = with_covariates(evidence.outcome("orr"), evidence)
    design = make_design(arms, [Covariate("year", 3.0)], "the paper")
    fit = sampler(wanted(design))
    assert fit.gate.passed, fit.gate.sentence()
    mu, beta = np.linspace(-2.9, -0.5, 31), np.linspace(-0.9, 1.6, 31)
    tau = np.linspace(0.02, 2.5, 40)
    x = design_matrix(design.frame)[0][:, 0]
    events, total = (design.frame[c].to_numpy() for c in ("events", "total"))
    log = np.empty((31, 31, 40))
    for i, m in enumerate(mu):
        for j, b in enumerate(beta):
            log[i, j] = marginal(events, total, np.tile(m + b * x, (40, 1)), tau)
    log += stats.norm.logpdf(mu, 0, 1.5)[:, None, None] + stats.norm.logpdf(beta)[:, None]
    log += stats.halfnorm.logpdf(tau)
    weight = np.exp(log - log.max())
    weight /= weight.sum()
    posterior = fit.posterior
    for axis, (values, draws) in enumerate(
        (
            (mu, posterior["mu"]),
            (beta, posterior["coefficient"].isel(term=0)),
            (tau, posterior["tau"]),
        )
    ):
        other = tuple(k for k in range(3) if k != axis)
        exact = float(values @ weight.sum(axis=other))
        error = float(azs.mcse(xr.Dataset({"x": draws}), method="mean")["x"])
        assert abs(float(draws.mean()) - exact) < 5 * error


def test_without_effect_of_the_covariates_it_is_the_subgroup_model(evidence) -> None:
    arms = with_covariates(grouped_outcome(evidence, "orr", "treatment"), evidence)
    design = make_design(arms, [Covariate("year", 3.0)], "the paper")
    ours = build_regression_model(design.frame).compile_logp(jacobian=False)
    theirs = build_subgroup_model(arms, DEFAULT_PRIORS)
    rng = np.random.default_rng(1)
    point = {n: rng.normal(size=v.shape) for n, v in theirs.initial_point().items()}
    zero = {"coefficient": np.zeros(1)}
    expected = float(theirs.compile_logp(jacobian=False)(point)) + stats.norm.logpdf(0)
    assert float(ours(point | zero)) == pytest.approx(float(expected), abs=1e-8)


def draws_of(design: Design, rng: np.random.Generator) -> xr.Dataset:
    matrix, terms = design_matrix(design.frame)
    groups = [str(g) for g in design.frame["group"].cat.categories]
    arms = design.frame["arm"].to_numpy()
    shape = (2, 3)
    dims = ("chain", "draw")
    return xr.Dataset(
        {
            "mu": (dims, rng.normal(size=shape)),
            "tau": (dims, rng.gamma(2, size=shape)),
            "sigma_group": (dims, rng.gamma(2, size=shape)),
            "coefficient": ((*dims, "term"), rng.normal(size=(*shape, len(terms)))),
            "group_effect": ((*dims, "group"), rng.normal(size=(*shape, len(groups)))),
            "z": ((*dims, "study"), rng.normal(size=(*shape, len(arms)))),
            "missing_value": (
                (*dims, "missing"),
                rng.normal(size=(*shape, int(np.isnan(matrix).sum()))),
            ),
        },
        coords={"term": terms, "group": groups, "study": arms},
    )


def test_estimands_are_those_of_their_definitions(design) -> None:
    """Each draw computed apart: loops over arms, scipy's integral over study effects."""
    posterior = draws_of(design, np.random.default_rng(5))
    found = regression_estimands(design)(posterior, 0)
    matrix, terms = design_matrix(design.frame)
    one = posterior.isel(chain=1, draw=2)
    row, column = np.nonzero(np.isnan(matrix))
    mean, sd = np.nanmean(matrix, axis=0), np.nanstd(matrix, axis=0, ddof=1)
    matrix[row, column] = mean[column] + sd[column] * one["missing_value"].values
    part = matrix @ one["coefficient"].values
    np.testing.assert_allclose(covariate_part(posterior, design).isel(chain=1, draw=2), part)
    tau = float(one["tau"])
    share = part.var() / (part.var() + tau**2)
    assert float(found["share_explained"].isel(chain=1, draw=2)) == pytest.approx(share)
    logit = float(one["mu"] + one["sigma_group"] * one["group_effect"].sel(group="ICI + TKI"))
    z = np.linspace(-9, 9, 4001)
    density = stats.norm.pdf(z) / stats.norm.pdf(z).sum()
    average = np.mean([expit(logit + p + tau * z) @ density for p in part])
    rate = found["average_rate"].sel(group="ICI + TKI").isel(chain=1, draw=2)
    assert float(rate) == pytest.approx(average, abs=1e-5)
    k = int(np.flatnonzero(design.frame["group"] == "ICI + TKI")[0])
    arm = arm_rates(posterior, design).isel(chain=1, draw=2, study=k)
    assert float(arm) == pytest.approx(expit(logit + part[k] + tau * float(one["z"][k])))

    at = rates_at(posterior, design, {"asps_share": 1.0, "line": "first line"})
    column_of = dict(zip(terms, one["coefficient"].values, strict=True))
    by_label = {term.label: term for term in design.terms}
    expected = logit + column_of["asps_share"] * (1 - by_label["asps_share"].centre)
    for level in ("line = unknown", "line = first line"):
        expected += column_of[level] * (float("first" in level) - by_label[level].centre)
    typical = at["typical_rate"].sel(group="ICI + TKI").isel(chain=1, draw=2)
    assert float(typical) == pytest.approx(expit(expected))


def test_prior_of_the_share_explained(design) -> None:
    """With one arm-level covariate the ratio has a closed form: V = beta**2 v."""
    frame = design.frame[["arm", "events", "total", COLUMN + "line = unknown"]]
    simple = Design(frame, tuple(t for t in design.terms if t.label == "line = unknown"))
    draws = prior_share_explained(simple, RegressionPriors(), draws=200_000, seed=1)
    variance = design_matrix(frame)[0].var()
    # beta / tau of two standard normals is Cauchy, whose median of the absolute value is 1
    assert np.median(draws) == pytest.approx(variance / (variance + 1), abs=0.005)


def test_prior_predictive_rates_prefer_nothing_and_reach_both_ends(design) -> None:
    """Arms of average and of extreme covariates: every rate is thought of beforehand."""
    import pymc as pm

    with build_regression_model(design.frame):
        drawn = pm.sample_prior_predictive(draws=2000, random_seed=3)
    rate = drawn["prior_predictive"]["responders"].values[0] / design.frame["total"].to_numpy()
    assert 0.4 < np.median(rate) < 0.6
    assert (rate < 0.1).mean() > 0.1
    assert (rate > 0.9).mean() > 0.1


@pytest.mark.slow
@pytest.mark.mcmc
@pytest.mark.parametrize("seed", [1, 2])
def test_the_paper_passes_the_gate_and_keeps_its_direction(evidence, seed) -> None:
    from models.fitting.fit import SamplerSettings
    from models.fitting.sampler import Sampler

    arms = with_covariates(grouped_outcome(evidence, "orr", "treatment"), evidence)
    design = make_design(arms, paper_covariates(["asps_share"]), "the paper")
    fit = Sampler(SamplerSettings(seed=seed))(wanted(design))
    assert fit.gate.passed, fit.gate.sentence()
    assert fit.sampling["escalations"] == 0
    slope = fit.posterior["coefficient"].values.ravel()
    assert (slope > 0).mean() > 0.99


def test_every_covariate_of_the_paper_makes_a_design(evidence) -> None:
    arms = with_covariates(evidence.outcome("trae"), evidence)
    design = make_design(arms, paper_covariates(list(COVARIATES)), "the paper")
    matrix = design_matrix(design.frame)[0]
    np.testing.assert_allclose(np.nanmean(matrix, axis=0), 0, atol=1e-12)
    shares = with_covariates(evidence.outcome("orr"), evidence).set_index("arm_id")["asps_share"]
    assert shares["Shi2020"] == 1.0
    assert shares["Liu2022"] == pytest.approx(0.4)
    assert shares[["Day2023", "Zhou2023"]].isna().all()
    assert shares.drop(["Day2023", "Zhou2023"]).notna().all()
