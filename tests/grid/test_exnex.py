"""EXNEX by quadrature against published numbers and against quadrature of another kind."""

import numpy as np
import pytest
from scipy import integrate, stats
from scipy.special import expit

from models.common.errors import InputError
from models.grid.exnex import ExnexGrid
from models.numerics.binomial_normal import log_marginal
from models.priors import DEFAULT_EXNEX_PRIORS, ExnexPriors

CHUGH_EVENTS = np.array([2, 0, 1, 6, 7, 3, 5, 1, 0, 3])
CHUGH_TOTAL = np.array([15, 13, 12, 28, 29, 29, 26, 5, 2, 20])


@pytest.fixture(scope="module")
def default_grid() -> ExnexGrid:
    return ExnexGrid()


def test_imatinib_in_ten_sarcomas() -> None:
    """Chugh et al. 2009 under EXNEX: means and probabilities at every digit given."""
    priors = ExnexPriors(
        mu_mean=-1.735, mu_sd=0.146**-0.5, nex_mean=-1.734, nex_sd=0.128**-0.5, p_exchangeable=0.5
    )
    fit = ExnexGrid(priors).posterior(CHUGH_EVENTS, CHUGH_TOTAL)
    means = [0.1506, 0.0531, 0.1275, 0.1883, 0.2047, 0.1314, 0.1766, 0.1784, 0.1311, 0.1572]
    exchangeable = [0.740, 0.288, 0.655, 0.758, 0.719, 0.714, 0.775, 0.689, 0.539, 0.765]
    # half a unit of the last digit given
    np.testing.assert_allclose(fit.rate_mean, means, atol=5.1e-5)
    np.testing.assert_allclose(fit.p_exchangeable, exchangeable, atol=5.1e-4)


@pytest.mark.parametrize(
    ("events", "total"),
    [
        (CHUGH_EVENTS, CHUGH_TOTAL),
        ([0, 1, 3, 5], [200, 40, 10, 5]),  # a rare and an extreme stratum
        ([60, 25, 30, 10, 11, 0], [150, 231, 162, 147, 34, 2]),
    ],
)
def test_against_adaptive_quadrature(
    default_grid: ExnexGrid, events: list[int], total: list[int]
) -> None:
    """Gauss-Hermite at each of a Gauss-Legendre lattice's nodes: another rule throughout."""
    fit = default_grid.posterior(events, total)
    x, n = np.asarray(events, float), np.asarray(total, float)
    priors = DEFAULT_EXNEX_PRIORS
    mu, mu_weight = np.polynomial.legendre.leggauss(160)
    tau, tau_weight = np.polynomial.legendre.leggauss(80)
    mu, tau = 7 * mu, 2.25 * (tau + 1)
    prior = stats.norm.pdf(mu, 0, priors.mu_sd)[None, :] * stats.halfnorm.pdf(tau)[:, None]
    ex = np.exp(log_marginal(x, n, mu[None, :, None], tau[:, None, None], nodes=61))
    nex = np.exp(log_marginal(x, n, priors.nex_mean, priors.nex_sd, nodes=161))
    mixed = priors.p_exchangeable * ex + (1 - priors.p_exchangeable) * nex
    weight = prior * mu_weight[None, :] * tau_weight[:, None] * np.prod(mixed, axis=2)
    weight /= weight.sum()
    p_exchangeable = np.einsum("tm,tms->s", weight, priors.p_exchangeable * ex / mixed)
    # the mesh's step is the error's source: 0.05 against likelihoods no narrower than 0.16
    np.testing.assert_allclose(fit.p_exchangeable, p_exchangeable, atol=2e-4)
    np.testing.assert_allclose(fit.mu_mean, (weight * mu[None, :]).sum(), atol=5e-4)
    np.testing.assert_allclose(fit.tau_mean, (weight * tau[:, None]).sum(), atol=5e-4)
    np.testing.assert_allclose(fit.masses.sum(axis=1), 1.0, atol=1e-10)


def test_quantiles_of_one_stratum_are_those_of_its_density(default_grid: ExnexGrid) -> None:
    fit = default_grid.posterior([3], [10])
    priors = DEFAULT_EXNEX_PRIORS
    # one stratum alone: the exchangeable part is mu + tau z, whose prior is integrated over tau
    tau, weight = np.polynomial.legendre.leggauss(200)
    tau, weight = 3 * (tau + 1), weight * stats.halfnorm.pdf(3 * (tau + 1))
    weight /= weight.sum()

    def density(theta: float) -> float:
        ex = weight @ stats.norm.pdf(theta, 0, np.hypot(priors.mu_sd, tau))
        nex = stats.norm.pdf(theta, priors.nex_mean, priors.nex_sd)
        return float(0.5 * (ex + nex) * expit(theta) ** 3 * expit(-theta) ** 7)

    whole = integrate.quad(density, -15, 10, epsabs=0, limit=200)[0]
    for p, rate in zip((0.025, 0.5, 0.975), fit.rate_quantile([0.025, 0.5, 0.975])[0], strict=True):
        logit = np.log(rate / (1 - rate))
        below = integrate.quad(density, -15, logit, epsabs=0, limit=200)[0] / whole
        assert below == pytest.approx(p, abs=2e-4)


def test_joint_draws_have_the_marginals(default_grid: ExnexGrid) -> None:
    fit = default_grid.posterior(CHUGH_EVENTS, CHUGH_TOTAL)
    chosen = np.array([1, 4, 7])
    draws = fit.rate_draws(chosen, 4000, np.random.default_rng(3))
    levels = np.linspace(0.001, 0.999, 999)
    quantiles = fit.rate_quantile(levels)
    for column, stratum in enumerate(chosen):
        u = np.interp(draws[:, column], quantiles[stratum], levels)
        assert stats.kstest(u, "uniform").pvalue > 0.001


def test_impossible_counts_are_refused(default_grid: ExnexGrid) -> None:
    with pytest.raises(InputError):
        default_grid.posterior([3], [2])
