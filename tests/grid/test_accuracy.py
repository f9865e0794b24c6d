"""The grid engine against dense quadrature by another method.

The reference lays tensor Gauss-Legendre nodes over the overall mean and the scales, and integrates
each unit out in its standardised effect by a fine trapezoid sum. It shares no code and no node with
the engine, works with likelihoods that are not rescaled, and knows nothing of messages downwards:
moments of a unit or a group come from weighted integrals under each node.
"""

import math
from typing import NamedTuple

import numpy as np
import pytest
from numpy.polynomial.legendre import leggauss
from numpy.typing import NDArray
from scipy.integrate import dblquad, quad
from scipy.interpolate import CubicSpline
from scipy.special import expit, gammaln
from scipy.stats import halfnorm, norm
from scipy.stats import t as student

from models.grid import HalfT, fit_pooled, fit_subgroup, fit_tree

type Array = NDArray[np.float64]

# Promised are means and standard deviations within 1e-4 on the logit scale; both quadratures are
# better than 2e-6 on these data, so a tenth of the promise still leaves room for the reference.
TOLERANCE = 1e-5


def legendre(low: float, high: float, size: int) -> tuple[Array, Array]:
    nodes, weights = leggauss(size)
    return low + 0.5 * (high - low) * (nodes + 1.0), 0.5 * (high - low) * weights


def moments(masses: Array, values: Array) -> tuple[float, float]:
    mean = float(masses @ values)
    return mean, float(np.sqrt(masses @ (values - mean) ** 2))


def pmf(x: int, n: int, theta: Array, softplus: Array) -> Array:
    ways = gammaln(n + 1) - gammaln(x + 1) - gammaln(n - x + 1)
    return np.exp(ways + x * theta - n * softplus)


class PooledReference(NamedTuple):
    """Log evidence; mean and sd of mu and tau; means and sds of the units."""

    log_marginal: float
    mu: tuple[float, float]
    tau: tuple[float, float]
    average_mean: float
    unit_mean: Array
    unit_sd: Array
    rate_mean: Array


def pooled_reference(
    events: list[int],
    total: list[int],
    mu: tuple[float, float] = (0.0, 1.5),
    tau_prior=None,
    box: tuple[float, float] | None = None,
    tau_most: float = 6.0,
    size: tuple[int, int] = (70, 110),
) -> PooledReference:
    """Return the pooled posterior by tensor quadrature; priors are SciPy distributions."""
    tau_prior = halfnorm(scale=1.0) if tau_prior is None else tau_prior
    taus, tau_weights = legendre(0.0, tau_most, size[0])
    low, high = box or (mu[0] - 7.0 * mu[1], mu[0] + 7.0 * mu[1])
    means, mean_weights = legendre(low, high, size[1])
    shape = (size[0], size[1], len(events))
    message, first, second, rate = (np.empty(shape) for _ in range(4))
    average = np.empty(shape[:2])
    # Half a posterior standard deviation of the sharpest unit at most.
    spacing = 0.05 if max(total) > 100 else 0.12
    for a, tau in enumerate(taus):
        z = np.linspace(-8.0, 8.0, max(61, int(16.0 * tau / spacing)))
        weights = norm.pdf(z) * (z[1] - z[0])
        theta = means[:, None] + tau * z
        softplus, p = np.logaddexp(0.0, theta), expit(theta)
        average[a] = p @ weights
        for i, (x, n) in enumerate(zip(events, total, strict=True)):
            product = pmf(x, n, theta, softplus) * weights
            message[a, :, i] = product.sum(axis=1)
            first[a, :, i] = (product * theta).sum(axis=1)
            second[a, :, i] = (product * theta**2).sum(axis=1)
            rate[a, :, i] = (product * p).sum(axis=1)
    message = np.maximum(message, 1e-300)
    log_joint = np.log(message).sum(axis=2)
    log_joint += (np.log(tau_weights) + tau_prior.logpdf(taus))[:, None]
    log_joint += np.log(mean_weights) + norm.logpdf(means, *mu)
    top = log_joint.max()
    joint = np.exp(log_joint - top)
    evidence = joint.sum()
    joint /= evidence
    unit_mean = np.einsum("am,ami->i", joint, first / message)
    unit_square = np.einsum("am,ami->i", joint, second / message)
    return PooledReference(
        float(top + np.log(evidence)),
        moments(joint.sum(axis=0), means),
        moments(joint.sum(axis=1), taus),
        float((joint * average).sum()),
        unit_mean,
        np.sqrt(unit_square - unit_mean**2),
        np.einsum("am,ami->i", joint, rate / message),
    )


POOLED = {
    "one study": ([3], [20], {}),
    "one patient, no event": ([0], [1], {}),
    "one patient, one event": ([1], [1], {}),
    "five of five": ([5], [5], {}),
    "rare": ([0], [60], {}),
    "two far apart": ([1, 99], [100, 100], {}),
    "extremes": ([0, 5, 0, 1, 180], [200, 5, 1, 1, 362], {"box": (-8.0, 8.0), "size": (60, 240)}),
    "large trials": ([3, 180, 350], [362, 362, 362], {}),
    "no events": ([0] * 10, [20] * 10, {}),
    "nothing but events": ([1] * 6, [1] * 6, {}),
    "homogeneous": ([20] * 12, [100] * 12, {"box": (-2.6, -0.4), "size": (120, 110)}),
    "an empty row": ([0, 3, 4], [0, 10, 30], {}),
}


@pytest.mark.parametrize("case", POOLED)
def test_pooled_moments_equal_dense_quadrature(case):
    events, total, settings = POOLED[case]
    reference = pooled_reference(events, total, **settings)
    fit = fit_pooled(events, total)
    assert fit.quadrature_error < 1e-4
    assert (fit.mu.mean, fit.mu.sd) == pytest.approx(reference.mu, abs=TOLERANCE)
    assert (fit.tau.mean, fit.tau.sd) == pytest.approx(reference.tau, abs=TOLERANCE)
    np.testing.assert_allclose(fit.studies.mean, reference.unit_mean, atol=TOLERANCE)
    np.testing.assert_allclose(fit.studies.sd, reference.unit_sd, atol=TOLERANCE)
    np.testing.assert_allclose(fit.studies.rate_mean, reference.rate_mean, atol=TOLERANCE)
    assert fit.average_rate.mean == pytest.approx(reference.average_mean, abs=TOLERANCE)
    assert fit.new_study.rate_mean == pytest.approx(reference.average_mean, abs=TOLERANCE)
    assert fit.log_marginal_likelihood == pytest.approx(reference.log_marginal, abs=TOLERANCE)


@pytest.mark.parametrize("case", ["rare", "extremes", "two far apart"])
def test_leave_one_out_is_the_ratio_of_evidences(case):
    """``p(x_i | x_-i) = p(x) / p(x_-i)``, and the prediction is the posterior of an empty row."""
    events, total, settings = POOLED[case]
    loo = fit_pooled(events, total).leave_one_out()
    everything = pooled_reference(events, total, **settings).log_marginal
    for i in range(min(len(events), 2)):
        fewer, smaller = list(events), list(total)
        fewer[i] = smaller[i] = 0
        others = pooled_reference(fewer, smaller, **settings)
        expected = everything - others.log_marginal
        assert loo.log_density[i] == pytest.approx(expected, abs=TOLERANCE)
        assert loo.rate_mean[i] == pytest.approx(others.rate_mean[i], abs=TOLERANCE)


CHUGH_EVENTS = [2, 0, 1, 6, 7, 3, 5, 1, 0, 3]
CHUGH_TOTAL = [15, 13, 12, 28, 29, 29, 26, 5, 2, 20]


@pytest.mark.parametrize("df", [1.0, 3.0])
def test_half_t_priors_equal_dense_quadrature(df):
    class Folded:
        """SciPy's t, folded at zero."""

        def logpdf(self, x):
            return np.log(2.0) + student(df, scale=0.5).logpdf(x)

    # With these data the posterior has less than 1e-12 beyond tau = 8.
    reference = pooled_reference(
        CHUGH_EVENTS,
        CHUGH_TOTAL,
        tau_prior=Folded(),
        box=(-6.0, 1.5),
        tau_most=8.0,
        size=(150, 120),
    )
    fit = fit_pooled(CHUGH_EVENTS, CHUGH_TOTAL, tau_prior=HalfT(0.5, df))
    assert (fit.mu.mean, fit.mu.sd) == pytest.approx(reference.mu, abs=TOLERANCE)
    assert (fit.tau.mean, fit.tau.sd) == pytest.approx(reference.tau, abs=TOLERANCE)
    assert fit.log_marginal_likelihood == pytest.approx(reference.log_marginal, abs=TOLERANCE)


def test_one_study_equals_adaptive_quadrature():
    """QUADPACK throughout: over tau, over mu, and over the study's effect under them."""
    x, n = 2, 9
    ways = math.comb(n, x)

    def normal(z, sd=1.0):
        return math.exp(-0.5 * (z / sd) ** 2) / (sd * math.sqrt(2.0 * math.pi))

    def study(z, mu, tau):
        p = 1.0 / (1.0 + math.exp(-mu - tau * z))
        return ways * p**x * (1.0 - p) ** (n - x) * normal(z)

    def joint(mu, tau):
        likelihood = quad(study, -6.5, 6.5, args=(mu, tau), epsabs=1e-7, epsrel=1e-6)[0]
        return likelihood * normal(mu, 1.5) * 2.0 * normal(tau)

    # The evidence is about 0.09: absolute errors of 3e-7 are relative ones of 3e-6.
    options = {"epsabs": 3e-7, "epsrel": 1e-5}
    evidence = dblquad(joint, 0.0, 5.2, -7.5, 7.5, **options)[0]
    mean = dblquad(lambda mu, tau: mu * joint(mu, tau), 0.0, 5.2, -7.5, 7.5, **options)[0]
    fit = fit_pooled([x], [n])
    assert fit.log_marginal_likelihood == pytest.approx(math.log(evidence), abs=TOLERANCE)
    assert fit.mu.mean == pytest.approx(mean / evidence, abs=TOLERANCE)


class TreeReference(NamedTuple):
    """Log evidence; mean and sd of mu and scales; of the families, and a mean product."""

    log_marginal: float
    mu: tuple[float, float]
    outer: tuple[float, float]
    inner: tuple[float, float]
    family_mean: Array
    family_sd: Array
    family_product: float


def tree_reference(events: list[int], total: list[int], parent: list[int]) -> TreeReference:
    """Return the posterior of a tree by tensor quadrature; parent -1 is the root."""
    family_of = np.array(parent)
    families = family_of.max() + 1
    outer, outer_weights = legendre(0.0, 5.6, 40)
    inner, inner_weights = legendre(0.0, 5.6, 32)
    means, mean_weights = legendre(-8.5, 7.0, 76)
    z = np.linspace(-7.0, 7.0, 401)
    normal = norm.pdf(z) * (z[1] - z[0])
    a = np.linspace(-7.0, 7.0, 57)
    steps = norm.pdf(a) * (a[1] - a[0])

    def unit(i: int, theta: Array, softplus: Array) -> Array:
        return np.log(np.maximum(pmf(events[i], total[i], theta, softplus) @ normal, 1e-280))

    log_joint = np.zeros((outer.size, inner.size, means.size))
    for i in np.flatnonzero(family_of < 0):
        for s, scale in enumerate(outer):
            theta = means[:, None] + scale * z
            log_joint[s] += unit(i, theta, np.logaddexp(0.0, theta))
    table = np.arange(-52.0, 52.01, 0.08)
    first, second = (np.empty((families, *log_joint.shape)) for _ in range(2))
    eta = means[None, :, None] + outer[:, None, None] * a
    for b, scale in enumerate(inner):
        theta = table[:, None] + scale * z
        softplus = np.logaddexp(0.0, theta)
        for family in range(families):
            units = np.flatnonzero(family_of == family)
            log_likelihood = sum(unit(i, theta, softplus) for i in units)
            weighted = np.exp(CubicSpline(table, log_likelihood)(eta)) * steps
            likelihood = weighted.sum(axis=-1)
            log_joint[:, b] += np.log(likelihood)
            first[family, :, b] = (weighted * eta).sum(axis=-1) / likelihood
            second[family, :, b] = (weighted * eta**2).sum(axis=-1) / likelihood
    log_joint += (np.log(outer_weights) + halfnorm.logpdf(outer))[:, None, None]
    log_joint += (np.log(inner_weights) + halfnorm.logpdf(inner))[:, None]
    log_joint += np.log(mean_weights) + norm.logpdf(means, 0.0, 1.5)
    top = log_joint.max()
    joint = np.exp(log_joint - top)
    evidence = joint.sum()
    joint /= evidence
    family_mean = np.einsum("abm,fabm->f", joint, first)
    family_square = np.einsum("abm,fabm->f", joint, second)
    return TreeReference(
        float(top + np.log(evidence)),
        moments(joint.sum(axis=(0, 1)), means),
        moments(joint.sum(axis=(1, 2)), outer),
        moments(joint.sum(axis=(0, 2)), inner),
        family_mean,
        np.sqrt(family_square - family_mean**2),
        # Families are independent given mean and scales.
        float((joint * first[0] * first[-1]).sum()),
    )


def test_subgroup_moments_equal_dense_quadrature():
    events, total, group = [3, 7, 5, 1, 0], [38, 40, 5, 1, 20], [0, 0, 1, 1, 2]
    reference = tree_reference(events, total, group)
    fit = fit_subgroup(events, total, group)
    assert (fit.mu.mean, fit.mu.sd) == pytest.approx(reference.mu, abs=TOLERANCE)
    sigma, tau = fit.sigma_group, fit.tau
    assert (sigma.mean, sigma.sd) == pytest.approx(reference.outer, abs=TOLERANCE)
    assert (tau.mean, tau.sd) == pytest.approx(reference.inner, abs=TOLERANCE)
    np.testing.assert_allclose(fit.groups.mean, reference.family_mean, atol=TOLERANCE)
    np.testing.assert_allclose(fit.groups.sd, reference.family_sd, atol=TOLERANCE)
    assert fit.log_marginal_likelihood == pytest.approx(reference.log_marginal, abs=TOLERANCE)

    # Draws are joint: the mean product of two groups' logits, which no marginal tells.
    drawn = fit.draws(200_000, seed=1).group_logit
    product = drawn[:, 0] * drawn[:, -1]
    error = product.std() / np.sqrt(product.size)
    assert product.mean() == pytest.approx(reference.family_product, abs=4.0 * error)


def test_tree_moments_equal_dense_quadrature():
    events, total, parent = [3, 7, 9, 1, 2], [38, 20, 30, 10, 9], [-1, 0, 0, -1, 0]
    reference = tree_reference(events, total, parent)
    fit = fit_tree(events, total, [None if label < 0 else "family" for label in parent])
    assert (fit.mu.mean, fit.mu.sd) == pytest.approx(reference.mu, abs=TOLERANCE)
    child = fit.sigma_child
    assert child is not None
    assert (fit.sigma.mean, fit.sigma.sd) == pytest.approx(reference.outer, abs=TOLERANCE)
    assert (child.mean, child.sd) == pytest.approx(reference.inner, abs=TOLERANCE)
    np.testing.assert_allclose(fit.families.mean, reference.family_mean, atol=TOLERANCE)
    np.testing.assert_allclose(fit.families.sd, reference.family_sd, atol=TOLERANCE)
    assert fit.log_marginal_likelihood == pytest.approx(reference.log_marginal, abs=TOLERANCE)
