"""Compiled moves over the parameters of additive models, against distributions known otherwise."""

import numpy as np
import pytest
from scipy import stats

from models.numerics.additive import Additive, Term
from models.numerics.hamiltonian import interweave, log_density, transition

LEVELS = np.array([0, 0, 1, 1, 2, 2])
OTHER = np.array([0, 1, 0, 1, 0, 1])
ALONG = np.array([1.0, -1.0, 0.5, 0.2, -0.7, 0.3])


def two_ways(total: int, scale: float = 0.7) -> Additive:
    """Return six cells of two crossed terms with standard deviations, and a slope without."""
    n = np.full(6, total)
    return Additive(
        [
            Term("mu", "", (), np.zeros(6, dtype=np.int64), mean=-0.5, sd=1.5),
            Term("a", "row", list("xyz"), LEVELS, deviation="sigma", scale=scale),
            Term("b", "column", list("uv"), OTHER, deviation="tau", scale=1.3),
            Term("slope", "", (), np.zeros(6, dtype=np.int64), ALONG, sd=0.4),
        ],
        n,
    )


def test_density_is_that_of_the_distributions_multiplied() -> None:
    """Against SciPy's distributions, one by one; the gradient against central differences."""
    model = two_ways(9)
    table = np.array([0, 9, 3, 4, 1, 7])
    rng = np.random.default_rng(1)
    gaps = []
    for _ in range(5):
        vector = rng.normal(0, 1.5, model.size)
        (sigma, tau), (mu, *rest) = np.exp(vector[:2]), vector[2:]
        a, b, slope = np.array(rest[:3]), np.array(rest[3:5]), rest[5]
        logit = mu + sigma * a[LEVELS] + tau * b[OTHER] + slope * ALONG
        np.testing.assert_allclose(model.logit(vector), logit, rtol=1e-12)
        expected = (
            stats.halfnorm(scale=0.7).logpdf(sigma)
            + stats.halfnorm(scale=1.3).logpdf(tau)
            + vector[:2].sum()
            + stats.norm(-0.5, 1.5).logpdf(mu)
            + stats.norm.logpdf([*a, *b]).sum()
            + stats.norm(0, 0.4).logpdf(slope)
            + stats.binom.logpmf(table, 9, 1 / (1 + np.exp(-logit))).sum()
        )
        cells, gradient, ignored = model.cells(table), np.empty(model.size), np.empty(model.size)
        gaps.append(log_density(vector, cells, gradient) - expected)
        for i in range(model.size):
            step = 1e-6 * (np.arange(model.size) == i)
            up, down = (log_density(vector + s * step, cells, ignored) for s in (1, -1))
            assert gradient[i] == pytest.approx((up - down) / 2e-6, rel=1e-5, abs=1e-5)
    # constants are left out
    np.testing.assert_allclose(gaps, gaps[0], rtol=0, atol=1e-9)


def prior_draws(model: Additive, move: str, iterations: int, thin: int, seed: int) -> np.ndarray:
    """Return draws of a model without patients, whose posterior is the prior."""
    rng = np.random.default_rng(seed)
    cells, variance = model.cells(np.zeros(6, dtype=np.int64)), np.ones(model.size)
    vector = np.r_[np.log(np.abs(rng.normal(0, [0.7, 1.3]))), rng.standard_normal(7)]
    vector[2], vector[8] = rng.normal(-0.5, 1.5), rng.normal(0, 0.4)
    kept = []
    for i in range(iterations):
        if move != "interweave":
            transition(vector, 0.25, variance, cells, rng)
        if move != "nuts":
            interweave(vector, cells, model.unseen, 1, rng)
        if i % thin == 0:
            kept.append(vector.copy())
    return np.array(kept)


@pytest.mark.parametrize("move", ["nuts", "both"])
def test_without_patients_the_draws_are_those_of_the_prior(move: str) -> None:
    """Every parameter against its prior distribution; 1e-4 is the level of each test.

    Every fourth iteration is kept: nearly independent, as NUTS is on nine nearly normal dimensions.
    """
    draws = prior_draws(two_ways(0), move, 9_000, 4, 3)
    priors = [stats.halfnorm(scale=0.7), stats.halfnorm(scale=1.3), stats.norm(-0.5, 1.5)]
    priors += [stats.norm()] * 5 + [stats.norm(0, 0.4)]
    draws[:, :2] = np.exp(draws[:, :2])
    for i, prior in enumerate(priors):
        assert stats.kstest(draws[:, i], prior.cdf).pvalue > 1e-4, i


def test_interweaving_keeps_every_logit_and_the_prior() -> None:
    """From 4000 independent draws of the prior, one round each: their distribution is the prior's.

    Logits stay to rounding. The same with standard deviations a millionth of the others' size.
    """
    for scale in (0.7, 1e-6):
        model = two_ways(0, scale)
        cells = model.cells(np.zeros(6, dtype=np.int64))
        rng = np.random.default_rng(5)
        found = []
        for _ in range(4000):
            vector = np.r_[np.log(np.abs(rng.normal(0, [scale, 1.3]))), rng.standard_normal(7)]
            vector[2], vector[8] = rng.normal(-0.5, 1.5), rng.normal(0, 0.4)
            before, logit = vector.copy(), model.logit(vector)
            interweave(vector, cells, model.unseen, 1, rng)
            np.testing.assert_allclose(model.logit(vector), logit, atol=1e-8)
            assert not np.allclose(vector, before)
            found.append(vector)
        draws = np.array(found)
        draws[:, :2] = np.exp(draws[:, :2])
        priors = [stats.halfnorm(scale=scale), stats.halfnorm(scale=1.3), stats.norm(-0.5, 1.5)]
        priors += [stats.norm()] * 5 + [stats.norm(0, 0.4)]
        for i, prior in enumerate(priors):
            assert stats.kstest(draws[:, i], prior.cdf).pvalue > 1e-4, (scale, i)


def test_unseen_directions_are_those_of_the_design() -> None:
    """Mean against each of two crossed terms: two directions, the slope in neither."""
    unseen = two_ways(3).unseen
    assert unseen.shape == (7, 2)
    np.testing.assert_allclose(unseen[6], 0, atol=1e-12)
