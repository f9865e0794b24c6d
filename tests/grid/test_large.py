"""Very large totals and very many studies, against quadrature of another kind.

The reference integrates the logits of units by Gauss-Legendre nodes within nine standard errors of
the observed ones, with binomial likelihoods as they are, and the scale by Gauss-Legendre panels
that shrink geometrically towards zero. With one or two units the overall mean is integrated out in
closed form; with more it has nodes of its own.
"""

import json
import math
import subprocess
import sys
from dataclasses import dataclass

import numpy as np
import pytest
from numpy.polynomial.legendre import leggauss
from numpy.typing import NDArray
from scipy.special import gammaln, log_expit
from scipy.stats import halfnorm, multivariate_normal, norm

from models.grid import PooledPosterior, fit_pooled

type Array = NDArray[np.float64]

TOLERANCE = 1e-4
"""What is promised of means and standard deviations, logit scale."""
MU_SD = 1.5
MARGIN = 6.0


def nodes_of_tau(least: float) -> tuple[Array, Array]:
    edges = np.concatenate(([0.0], np.geomspace(least, 9.0, 60)))
    z, w = leggauss(16)
    half = 0.5 * np.diff(edges)
    tau = (edges[:-1] + half)[:, None] + half[:, None] * z
    return tau.ravel(), (half[:, None] * w).ravel()


def nodes_of_logit(x: int, n: int, size: int) -> tuple[Array, Array, Array]:
    """Return logits, weights and log binomial probabilities over their maximum."""
    y, sd = math.log(x / (n - x)), math.sqrt(1.0 / x + 1.0 / (n - x))
    z, w = leggauss(size)
    p = x / n
    delta = 9.0 * sd * z
    return y + delta, 9.0 * sd * w, x * delta - n * np.log1p(p * np.expm1(delta))


def log_peak(x: int, n: int) -> float:
    """Return the log of the largest binomial probability, by Stirling's series where it serves."""
    if n < 10_000:
        y = math.log(x / (n - x))
        coefficient = gammaln(n + 1.0) - gammaln(x + 1.0) - gammaln(n - x + 1.0)
        return float(coefficient + x * log_expit(y) + (n - x) * log_expit(-y))
    rest = [1.0 / (12.0 * m) - 1.0 / (360.0 * m**3) for m in (n, x, n - x)]
    return 0.5 * math.log(n / (2.0 * math.pi * x * (n - x))) + rest[0] - rest[1] - rest[2]


@dataclass
class Reference:
    """Log marginal likelihood, means and standard deviations, and P(mu <= x)."""

    log_marginal: float
    mu: tuple[float, float]
    tau: tuple[float, float]
    units: list[tuple[float, float]]
    mu_below: list[float]


def moments(mass: Array, values: Array) -> tuple[float, float]:
    mean = float((mass * values).sum())
    return mean, math.sqrt(float((mass * (values - mean) ** 2).sum()))


def one_or_two(events: list[int], total: list[int], at: tuple[float, ...] = ()) -> Reference:
    """Return the posterior of one or two units, the overall mean integrated in closed form."""
    # with tau near zero P(mu <= x) is nearly a step at x, which takes many nodes
    size = 2000 if len(events) == 1 else 40
    units = [nodes_of_logit(x, n, size) for x, n in zip(events, total, strict=True)]
    grids = np.meshgrid(*(unit[0] for unit in units), indexing="ij")
    logit = np.stack([grid.ravel() for grid in grids], axis=-1)
    likelihood = np.ones(logit.shape[0])
    for axis, (_, weight, log_likelihood) in enumerate(units):
        shape = [1] * len(units)
        shape[axis] = -1
        one = (weight * np.exp(log_likelihood)).reshape(shape)
        likelihood *= np.broadcast_to(one, grids[0].shape).ravel()
    k = len(units)
    taus, weights = nodes_of_tau(1e-7)
    mass = np.empty((taus.size, logit.shape[0]))
    mean, sd = np.empty_like(mass), np.empty(taus.size)
    for i, tau in enumerate(taus):
        covariance = tau**2 * np.eye(k) + MU_SD**2
        if k == 1:
            density = norm.pdf(logit[:, 0], 0.0, math.sqrt(covariance[0, 0]))
        else:
            # sums and differences: the matrix is nearly singular where tau is small
            total_sd = math.sqrt(2.0 * tau**2 + 4.0 * MU_SD**2)
            density = 2.0 * norm.pdf(logit.sum(axis=1), 0.0, total_sd)
            density *= norm.pdf(logit[:, 0] - logit[:, 1], 0.0, math.sqrt(2.0) * tau)
        mass[i] = density * likelihood * weights[i] * halfnorm.pdf(tau)
        precision = MU_SD**-2 + k / tau**2
        mean[i], sd[i] = logit.sum(axis=1) / tau**2 / precision, precision**-0.5
    total_mass = float(mass.sum())
    mass /= total_mass
    mu_mean = float((mass * mean).sum())
    mu_square = float((mass * ((mean - mu_mean) ** 2 + sd[:, None] ** 2)).sum())
    peaks = sum(log_peak(x, n) for x, n in zip(events, total, strict=True))
    return Reference(
        math.log(total_mass) + peaks,
        (mu_mean, math.sqrt(mu_square)),
        moments(mass.sum(axis=1), taus),
        [moments(mass.sum(axis=0), logit[:, i]) for i in range(k)],
        [float((mass * norm.cdf((x - mean) / sd[:, None])).sum()) for x in at],
    )


def normal(events: Array, total: Array) -> Reference:
    """Return the posterior with normal likelihoods, everything but tau in closed form.

    Their skewness, 0.9 standard errors of 1e-4 or less for ten million patients, moves means by a
    thousandth of a standard error at most.
    """
    y, variance = np.log(events / (total - events)), 1.0 / events + 1.0 / (total - events)
    taus, weights = nodes_of_tau(1e-7)
    prior, k = MU_SD**-2, y.size
    log_mass, mu_mean, mu_sd = np.empty((3, taus.size))
    unit_mean, unit_square = np.empty((2, taus.size, k))
    for i, tau in enumerate(taus):
        weight = 1.0 / (variance + tau**2)
        precision = weight.sum() + prior
        mu_mean[i], mu_sd[i] = (weight @ y) / precision, precision**-0.5
        residual = weight @ y**2 - precision * mu_mean[i] ** 2
        log_mass[i] = 0.5 * (np.log(weight).sum() + math.log(prior / precision) - residual)
        share = tau**2 * weight
        unit_mean[i] = share * y + (1.0 - share) * mu_mean[i]
        unit_square[i] = share * variance + ((1.0 - share) * mu_sd[i]) ** 2
    log_mass += halfnorm.logpdf(taus) + np.log(weights) + 0.5 * np.log(variance).sum()
    top = float(log_mass.max())
    mass = np.exp(log_mass - top)
    log_marginal = top + math.log(mass.sum())
    mass /= mass.sum()
    mean = float(mass @ mu_mean)
    centre = mass @ unit_mean
    spread = np.sqrt(mass @ (unit_square + (unit_mean - centre) ** 2))
    peaks = sum(log_peak(int(x), int(n)) for x, n in zip(events, total, strict=True))
    return Reference(
        log_marginal + peaks,
        (mean, math.sqrt(float(mass @ ((mu_mean - mean) ** 2 + mu_sd**2)))),
        moments(mass, taus),
        list(zip(centre.tolist(), spread.tolist(), strict=True)),
        [],
    )


def many(events: Array, total: Array) -> Reference:
    """Return the posterior of units that lie much further apart than they are wide."""
    raw = np.log(events / (total - events))
    z, w = leggauss(160)
    mu, mu_weight = raw.mean() + 2.5 * z, 2.5 * w
    tau, tau_weight = 0.05 + 1.95 * (z + 1.0), 1.95 * w
    log_joint = norm.logpdf(mu, 0.0, MU_SD)[:, None] + halfnorm.logpdf(tau) + np.log(tau_weight)
    log_joint = log_joint + np.log(mu_weight)[:, None]
    first, second = [], []
    for x, n in zip(events, total, strict=True):
        size = 24 if n > 10_000 else 300
        logit, weight, log_likelihood = nodes_of_logit(int(x), int(n), size)
        kernel = norm.pdf(logit, mu[:, None, None], tau[:, None]) * weight * np.exp(log_likelihood)
        message = kernel.sum(axis=-1)
        log_joint += np.log(np.maximum(message, 1e-300))
        message = np.maximum(message, 1e-300)
        centre = math.log(x / (n - x))
        first.append(kernel @ (logit - centre) / message)
        second.append(kernel @ (logit - centre) ** 2 / message)
    top = float(log_joint.max())
    mass = np.exp(log_joint - top)
    log_marginal = top + math.log(mass.sum())
    mass /= mass.sum()
    units = []
    for centre, one, two in zip(raw, first, second, strict=True):
        mean = float((mass * one).sum())
        units.append((centre + mean, math.sqrt(float((mass * two).sum()) - mean**2)))
    peaks = sum(log_peak(int(x), int(n)) for x, n in zip(events, total, strict=True))
    return Reference(
        log_marginal + peaks,
        moments(mass.sum(axis=1), mu),
        moments(mass.sum(axis=0), tau),
        units,
        [],
    )


def check(fit: PooledPosterior, reference: Reference, at: tuple[float, ...] = ()) -> None:
    assert fit.quadrature_error <= TOLERANCE
    assert fit.log_marginal_likelihood == pytest.approx(reference.log_marginal, abs=TOLERANCE)
    assert (float(fit.mu.mean), float(fit.mu.sd)) == pytest.approx(reference.mu, abs=TOLERANCE)
    assert (fit.tau.mean, fit.tau.sd) == pytest.approx(reference.tau, abs=TOLERANCE)
    for i, (mean, sd) in enumerate(reference.units):
        assert fit.studies.mean[i] == pytest.approx(mean, abs=1e-3 * sd)
        assert fit.studies.sd[i] == pytest.approx(sd, rel=1e-3)
        below, above = fit.studies.cdf(mean - sd)[i], fit.studies.cdf(mean + sd)[i]
        assert above - below == pytest.approx(math.erf(math.sqrt(0.5)), abs=1e-3)
        quantile = float(fit.studies.quantile(norm.cdf(1.0))[i])
        assert quantile == pytest.approx(mean + sd, abs=5e-3 * sd)
        peak = float(fit.studies.density(np.array([mean]))[0, i])
        assert peak == pytest.approx(norm.pdf(0.0) / sd, rel=1e-2)
    for x, below in zip(at, reference.mu_below, strict=True):
        assert float(fit.mu.cdf(x)) == pytest.approx(below, abs=TOLERANCE)


def test_the_reference_agrees_with_itself() -> None:
    # 200 quadrature nodes of a bivariate density against the closed form used above
    logit = np.array([0.2, -0.4])
    tau = 0.3
    whole = multivariate_normal.pdf(logit, cov=tau**2 * np.eye(2) + MU_SD**2)
    parts = 2.0 * norm.pdf(logit.sum(), 0.0, math.sqrt(2.0 * tau**2 + 4.0 * MU_SD**2))
    parts *= norm.pdf(logit[0] - logit[1], 0.0, math.sqrt(2.0) * tau)
    assert parts == pytest.approx(whole, rel=1e-12)
    # Stirling's series against the logarithm of the gamma function
    n, x = 20_000, 6_000
    y = math.log(x / (n - x))
    exact = gammaln(n + 1.0) - gammaln(x + 1.0) - gammaln(n - x + 1.0)
    exact += x * log_expit(y) + (n - x) * log_expit(-y)
    assert log_peak(x, n) == pytest.approx(exact, abs=1e-8)


@pytest.mark.parametrize("total", [1_000, 10_000, 10**6, 10**7, 10**9])
def test_one_study_of_any_size(total: int) -> None:
    events = 3 * total // 10
    y = math.log(events / (total - events))
    at = tuple(y + shift for shift in (-0.5, -0.1, 0.03, 0.1, 0.3))
    check(fit_pooled([events], [total]), one_or_two([events], [total], at), at)


@pytest.mark.parametrize(
    ("events", "total"),
    [
        ([300_000, 400_000], [10**6, 10**6]),
        ([300_000_000, 6_000_000], [10**9, 10**7]),
    ],
    ids=["apart", "unequal"],
)
def test_two_studies_and_each_without_the_other(events: list[int], total: list[int]) -> None:
    fit, reference = fit_pooled(events, total), one_or_two(events, total)
    check(fit, reference)
    for i in range(2):
        alone = one_or_two([events[1 - i]], [total[1 - i]])
        expected = reference.log_marginal - alone.log_marginal
        assert fit.leave_one_out().log_density[i] == pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize(
    ("events", "total"),
    [
        ([3 * 10**6] * 2, [10**7] * 2),
        ([300_000_000, 300_030_000], [10**9] * 2),
        ([300_000_000] * 20, [10**9] * 20),
        ([300_000_000 + 15_000 * i for i in range(30)], [10**9] * 30),
        ([3 * 10**6, 300_002_000, 30_000_500], [10**7, 10**9, 10**8]),
    ],
    ids=["two alike", "two near", "twenty alike", "thirty near", "unequal"],
)
def test_large_studies_that_agree(events: list[int], total: list[int]) -> None:
    x, n = np.array(events, dtype=np.float64), np.array(total, dtype=np.float64)
    fit, reference = fit_pooled(x, n), normal(x, n)
    assert fit.quadrature_error <= TOLERANCE
    assert fit.log_marginal_likelihood == pytest.approx(reference.log_marginal, abs=TOLERANCE)
    for (mean, sd), (ours, our_sd) in (
        (reference.mu, (float(fit.mu.mean), float(fit.mu.sd))),
        (reference.tau, (fit.tau.mean, fit.tau.sd)),
    ):
        assert ours == pytest.approx(mean, abs=min(TOLERANCE, 0.02 * sd))
        assert our_sd == pytest.approx(sd, abs=min(TOLERANCE, 0.02 * sd))
    for i, (mean, sd) in enumerate(reference.units):
        assert fit.studies.mean[i] == pytest.approx(mean, abs=2e-3 * sd)
        assert fit.studies.sd[i] == pytest.approx(sd, rel=2e-3)
        rest = normal(np.delete(x, i), np.delete(n, i))
        expected = reference.log_marginal - rest.log_marginal
        assert fit.leave_one_out().log_density[i] == pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize("total", [10**5, 10**6, 10**9])
def test_many_large_studies_that_differ(total: int) -> None:
    rng = np.random.default_rng(3)
    rate = 1.0 / (1.0 + np.exp(1.0 - 0.6 * rng.standard_normal(12)))
    events = np.rint(total * rate)
    totals = np.full(12, float(total))
    fit = fit_pooled(events, totals)
    check(fit, many(events, totals))
    draws = fit.draws(4000, 1)
    error = draws.study_rate.mean(axis=0) - fit.studies.rate_mean
    assert np.all(np.abs(error) < 5.0 * fit.studies.rate_sd / math.sqrt(4000.0))
    assert np.isfinite(fit.leave_one_out().log_density).all()


@pytest.mark.slow
def test_large_and_small_studies_together() -> None:
    events = np.array([4.0, 12.0, 7.0, 30.0, 250_000_000.0, 50_000_000.0])
    total = np.array([20.0, 50.0, 40.0, 90.0, 1e9, 1e8])
    fit, reference = fit_pooled(events, total), many(events, total)
    assert fit.quadrature_error <= TOLERANCE
    assert fit.log_marginal_likelihood == pytest.approx(reference.log_marginal, abs=TOLERANCE)
    assert (float(fit.mu.mean), float(fit.mu.sd)) == pytest.approx(reference.mu, abs=TOLERANCE)
    assert (fit.tau.mean, fit.tau.sd) == pytest.approx(reference.tau, abs=TOLERANCE)
    for i, (mean, sd) in enumerate(reference.units):
        assert fit.studies.mean[i] == pytest.approx(mean, abs=1e-3 * sd)
        assert fit.studies.sd[i] == pytest.approx(sd, rel=1e-3)
        if total[i] < 1e6:
            rest = many(np.delete(events, i), np.delete(total, i))
            expected = reference.log_marginal - rest.log_marginal
            assert fit.leave_one_out().log_density[i] == pytest.approx(expected, abs=1e-3)


def test_what_lies_beyond_nine_prior_deviations_is_found() -> None:
    fit = fit_pooled([0] * 50, [10**6] * 50)
    # the window of the overall mean once ended at nine prior standard deviations, -13.5
    assert fit.quadrature_error <= TOLERANCE
    assert float(fit.mu.quantile(0.025)) < -13.5


HUNDRED_THOUSAND = """
import json, sys, time
from pathlib import Path
import numpy as np
from models.grid import fit_pooled
rng = np.random.default_rng(1)
k, kind = 100_000, sys.argv[1]
if kind == "differ":
    total = rng.integers(5, 100, k)
    events = rng.binomial(total, 1 / (1 + np.exp(1.5 - 0.8 * rng.standard_normal(k))))
else:
    total = rng.integers(1, 50, k)
    events = rng.binomial(total, 0.1)
start = time.process_time()
fit = fit_pooled(events, total)
summary = fit.studies.rate_summary()
seconds = time.process_time() - start
status = Path("/proc/self/status")
peak = 0
if status.exists():
    peak = 1024 * int(status.read_text().partition("VmHWM:")[2].split()[0])
print(json.dumps({"seconds": seconds, "peak": peak, "error": fit.quadrature_error,
                  "mu": float(fit.mu.mean), "tau": fit.tau.mean, "studies": len(summary.mean)}))
"""


@pytest.mark.parametrize(
    ("kind", "mu", "tau"), [("differ", -1.5, 0.8), ("agree", math.log(1.0 / 9.0), 0.0)]
)
def test_a_hundred_thousand_studies(kind: str, mu: float, tau: float) -> None:
    command = [sys.executable, "-c", HUNDRED_THOUSAND, kind]
    found = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    assert found["studies"] == 100_000
    assert found["seconds"] < 30.0
    assert found["peak"] < 2**31
    assert found["error"] <= TOLERANCE
    assert abs(found["mu"] - mu) < 0.015
    assert abs(found["tau"] - tau) < (0.015 if tau else 0.06)
