"""Groups against each other, and unpooled groups: against draws, one group, dense quadrature."""

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit
from scipy.stats import norm

from models.evidence.groupings import grouped_outcome
from models.grid.fits import fit_pooled, fit_subgroup, fit_unpooled
from models.numerics.binomial_normal import NODES, log_marginal


def arguments(frame: pd.DataFrame) -> tuple:
    return frame["events"], frame["total"], frame["group"].astype(str).tolist()


@pytest.fixture(
    scope="module",
    params=[
        ("orr", "treatment"),
        pytest.param(("orr", "line"), marks=pytest.mark.slow),
        ("trae", "treatment"),
    ],
)
def frame(request, evidence) -> pd.DataFrame:
    return grouped_outcome(evidence, *request.param)


def test_probabilities_of_pairs_are_those_of_draws(frame):
    """Five binomial standard errors of 100,000 independent draws."""
    exact = fit_subgroup(*arguments(frame))
    found = exact.prob_greater()
    logit = exact.draws(100_000, seed=3).group_logit
    for a in range(logit.shape[1]):
        for b in range(a):
            share = float((logit[:, a] > logit[:, b]).mean())
            error = np.sqrt(found[a, b] * (1 - found[a, b]) / len(logit))
            assert abs(share - found[a, b]) < 5 * error, (a, b)
    np.testing.assert_allclose(found + found.T, 1.0)


@pytest.mark.parametrize("sigma", [1e-3, 0.05, 0.3, 1.0, 5.0])
def test_probabilities_of_two_large_groups_are_normal(sigma):
    """Without heterogeneity two binomials of thousands are normal on the logit scale."""
    events, total = np.array([300, 340]), np.array([2000, 2000])
    exact = fit_subgroup(events, total, ["a", "b"], sigma_scale=sigma, tau_scale=1e-4, mu_sd=5.0)
    logit = np.log(events / (total - events))
    v = 1 / events + 1 / (total - events)
    # given sigma the difference of the means is normal; its prior is Normal(0, 2 sigma^2)
    s = (np.arange(40_000) + 0.5) * 8 * sigma / 40_000
    prior = 2 * s**2
    weight = norm.pdf(s, 0, sigma) * norm.pdf(logit[1] - logit[0], 0, np.sqrt(v.sum() + prior))
    mean = (logit[1] - logit[0]) * prior / (prior + v.sum())
    sd = np.sqrt(prior * v.sum() / (prior + v.sum()))
    expected = float(weight @ norm.cdf(mean / sd) / weight.sum())
    # the normal approximation of the binomials errs by about 1e-3 here
    assert exact.prob_greater()[1, 0] == pytest.approx(expected, abs=2e-3)


def test_one_unpooled_group_is_the_pooled_model(evidence):
    arms = evidence.outcome("orr")
    one = fit_unpooled(arms["events"], arms["total"], ["all"] * len(arms))
    pooled = fit_pooled(arms["events"], arms["total"])
    assert one.quadrature_error < 1e-4
    np.testing.assert_allclose(one.groups.mean[0], pooled.mu.mean, atol=1e-7)
    np.testing.assert_allclose(one.groups.sd[0], pooled.mu.sd, atol=1e-7)
    assert one.tau.mean == pytest.approx(pooled.tau.mean, abs=1e-7)
    assert one.average_rates[0].mean == pytest.approx(pooled.average_rate.mean, abs=1e-7)
    assert one.log_marginal_likelihood == pytest.approx(pooled.log_marginal_likelihood, abs=1e-7)


def test_unpooled_groups_equal_dense_quadrature(frame):
    """Written apart: adaptive Gauss-Hermite for the studies, a dense grid for means and tau."""
    found = fit_unpooled(*arguments(frame))
    mu, tau = np.linspace(-7, 5, 241), np.linspace(0, 4, 81)[1:]
    by_tau = norm.logpdf(tau)
    densities = []
    for label in found.group:
        part = frame[frame["group"].astype(str) == label]
        logs = norm.logpdf(mu, 0, 1.5)[:, None] + sum(
            log_marginal(x, n, mu[:, None], tau[None, :], nodes=NODES)
            for x, n in zip(part["events"], part["total"], strict=True)
        )
        top = logs.max(axis=0)
        density = np.exp(logs - top)
        by_tau = by_tau + np.log(density.sum(axis=0)) + top
        densities.append(density / density.sum(axis=0))
    weight = np.exp(by_tau - by_tau.max())
    weight /= weight.sum()
    for g, density in enumerate(densities):
        marginal = density @ weight
        mean = float(mu @ marginal)
        assert found.groups.mean[g] == pytest.approx(mean, abs=2e-4)
        assert found.groups.sd[g] == pytest.approx(
            float(np.sqrt(mu**2 @ marginal - mean**2)), abs=2e-4
        )
    assert found.tau.mean == pytest.approx(float(tau @ weight), abs=1e-3)
    below = [np.cumsum(d, axis=0) - d / 2 for d in densities]
    expected = float(((densities[1] * below[0]).sum(axis=0)) @ weight)
    assert found.prob_greater()[1, 0] == pytest.approx(expected, abs=1e-3)


def test_draws_of_unpooled_groups_are_those_of_the_quadrature(frame):
    found = fit_unpooled(*arguments(frame))
    draws = found.draws(50_000, seed=5)
    rates = expit(draws.group_logit)
    summary = found.groups.rate_summary()
    error = summary.sd / np.sqrt(len(rates))
    assert (abs(rates.mean(axis=0) - summary.mean) < 5 * error).all()
    for part, p in (("lower", 0.025), ("median", 0.5), ("upper", 0.975)):
        below = (rates < getattr(summary, part)).mean(axis=0)
        assert (abs(below - p) < 5 * np.sqrt(p * (1 - p) / len(rates))).all()
