"""Typical rates under every assumption, each against another computation of the same posterior."""

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from models.analyses.groups.means import Means, prior_rates, typical_rates
from models.grid import HalfNormal, HalfT, fit_subgroup

REVIEW = pd.DataFrame(
    {"study": list("ABCDE"), "events": [1, 4, 2, 9, 14], "total": [20, 25, 12, 30, 31]}
).assign(group=pd.Categorical(["x", "x", "x", "y", "y"]))
DRAWS = 20_000


def higher(rates: dict[str, np.ndarray]) -> float:
    return float((rates["y"] > rates["x"]).mean())


def by_prior_draws(means: Means, n: int = 400_000) -> tuple[float, float]:
    """Return P(y > x) by weighting draws from the prior, and its standard error.

    The study effects are drawn too: nothing of the engine is used.
    """
    rng = np.random.default_rng(5)
    sigma = (
        rng.exponential(1 / means.exponential_rate, n)
        if means.exponential_rate
        else np.abs(rng.normal(0, 1, n))
    )
    if means.log_odds_sd is not None:
        half = rng.normal(0, means.log_odds_sd, n) / 2
        eta = rng.normal(0, 1.5, (n, 1)) + half[:, None] * np.array([-1, 1])
    elif means.sigma is None:
        eta = rng.normal(0, 1.5, (n, 2))
    else:
        eta = rng.normal(0, 1.5, (n, 1)) + sigma[:, None] * rng.normal(size=(n, 2))
    tau = np.abs(rng.normal(0, 1, (n, 2)))
    if not means.own_tau:
        tau[:, 1] = tau[:, 0]
    log_weight = np.zeros(n)
    nodes, weights = np.polynomial.hermite_e.hermegauss(21)
    for row in REVIEW.itertuples():
        g = int(row.group == "y")
        p = expit(eta[:, g, None] + tau[:, g, None] * nodes)
        likelihood = p**row.events * (1 - p) ** (row.total - row.events) @ weights
        log_weight += np.log(likelihood)
    weight = np.exp(log_weight - log_weight.max())
    weight /= weight.sum()
    above = eta[:, 1] > eta[:, 0]
    found = float(weight @ above)
    return found, float(np.sqrt(weight**2 @ (above - found) ** 2))


@pytest.mark.parametrize(
    "means",
    [
        Means("main"),
        Means("unpooled", sigma=None),
        Means("own tau", own_tau=True),
        Means("alone", sigma=None, own_tau=True),
        Means("exponential", exponential_rate=3.0),
        Means("log odds", log_odds_sd=1.0),
    ],
    ids=lambda means: means.label,
)
def test_each_assumption_is_the_posterior_that_it_says(means: Means) -> None:
    expected, error = by_prior_draws(means, 150_000)
    found = higher(typical_rates(REVIEW, means, DRAWS, 3))
    # resampled draws count about half
    spread = 4 * np.hypot(error, np.sqrt(2 * 0.25 / DRAWS))
    assert error < 0.006
    assert found == pytest.approx(expected, abs=spread)


def test_orders_agree_with_the_quadrature() -> None:
    for sigma in (HalfNormal(0.5), HalfT(0.5, 1.0)):
        exact = fit_subgroup(
            REVIEW["events"], REVIEW["total"], list(REVIEW["group"]), sigma_prior=sigma
        )
        found = higher(typical_rates(REVIEW, Means("", sigma), DRAWS, 3))
        assert found == pytest.approx(exact.prob_greater()[1, 0], abs=4 * 0.5 / DRAWS**0.5)


def test_priors_are_those_of_the_assumption() -> None:
    """Quantiles of the difference of two logits, whose distribution is known."""
    n = 200_000

    def spread(means: Means) -> float:
        rates = prior_rates(["x", "y"], means, n, 1)
        odds = [np.log(rate / (1 - rate)) for rate in rates.values()]
        return float(np.std(odds[1] - odds[0]))

    assert spread(Means("", log_odds_sd=0.7)) == pytest.approx(0.7, rel=0.01)
    assert spread(Means("", sigma=None, mu_sd=1.2)) == pytest.approx(1.2 * 2**0.5, rel=0.01)
    # E sigma^2 is the square of a half-normal's scale, and 2 / rate^2 of an exponential
    assert spread(Means("", HalfNormal(0.5))) == pytest.approx(0.5 * 2**0.5, rel=0.02)
    assert spread(Means("", exponential_rate=2.0)) == pytest.approx(1.0, rel=0.02)


def test_same_seed_same_draws() -> None:
    a, b = (typical_rates(REVIEW, Means("", own_tau=True), 500, 9)["x"] for _ in range(2))
    assert np.array_equal(a, b)
