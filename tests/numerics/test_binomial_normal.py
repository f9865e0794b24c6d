"""The integral of a binomial likelihood over a normal logit, and what EXNEX makes of it."""

import math

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy import integrate, stats
from scipy.special import expit, xlogy

from models.numerics.binomial_normal import MANY_NODES, log_marginal


def by_quad(x: int, n: int, mean: float, sd: float) -> float:
    """Return the log integral by SciPy's adaptive quadrature."""

    def integrand(theta: float) -> float:
        rate = float(expit(theta))
        log_likelihood = xlogy(x, rate) + xlogy(n - x, 1 - rate)
        return math.exp(log_likelihood) * float(stats.norm.pdf(theta, mean, sd))

    centre = math.log((x + 0.5) / (n - x + 0.5))
    inside = [value for value in (mean, centre) if abs(value - mean) < 12 * sd]
    value, _ = integrate.quad(
        integrand, mean - 12 * sd, mean + 12 * sd, points=inside, epsabs=0, epsrel=1e-11, limit=500
    )
    return math.log(value)


@pytest.mark.parametrize(
    ("x", "n"), [(0, 2), (0, 11), (1, 1), (1, 44), (10, 147), (72, 168), (25, 231), (3, 12)]
)
def test_log_marginal_equals_adaptive_quadrature(x: int, n: int) -> None:
    # documented errors: 1e-6 up to a standard deviation of 2, 1e-5 up to 3; 1e-10 with many nodes
    for mean in (-3.0, -1.7, -0.5):
        for sd, nodes, tolerance in (
            (0.05, None, 1e-6),
            (0.7, None, 1e-6),
            (2.0, None, 1e-6),
            (3.0, None, 1e-5),
            (3.0, MANY_NODES, 1e-9),
        ):
            options = {} if nodes is None else {"nodes": nodes}
            found = float(log_marginal(x, n, mean, sd, **options))
            assert found == pytest.approx(by_quad(x, n, mean, sd), abs=tolerance), (mean, sd)


def test_log_marginal_of_no_patients_is_zero() -> None:
    assert float(log_marginal(0, 0, -1.7, 0.8)) == pytest.approx(0.0, abs=1e-12)


def test_log_marginal_of_a_point_is_the_likelihood() -> None:
    rate = float(expit(-1.2))
    expected = 3 * math.log(rate) + 17 * math.log(1 - rate)
    # a standard deviation of 1e-5 moves the log likelihood by its square
    assert float(log_marginal(3, 20, -1.2, 1e-5)) == pytest.approx(expected, abs=1e-8)


def test_log_marginal_is_never_materially_too_large() -> None:
    """Far from the counts it may be too small, which EXNEX does not notice; never too large."""
    for x, n in ((200, 200), (5, 1000), (0, 200)):
        for mean in (-6.0, -3.0, 2.0):
            for sd in (0.01, 0.1, 0.5, 1.0):
                mode = min(max(mean, -8.0), 8.0)
                grid = np.linspace(mode - 60 * sd - 12, mode + 60 * sd + 12, 400_001)
                log_terms = x * grid - n * np.logaddexp(0, grid) + stats.norm.logpdf(grid, mean, sd)
                top = log_terms.max()
                exact = top + math.log(np.exp(log_terms - top).sum() * (grid[1] - grid[0]))
                assert float(log_marginal(x, n, mean, sd)) < exact + 1e-3


@pytest.mark.parametrize(("mu", "tau"), [(-1.5, 0.6), (8.0, 0.5)])
def test_exnex_estimands_given_mu_and_tau(mu: float, tau: float) -> None:
    """Rates are drawn from the mixture of the two conditionals; also where EX is out of reach."""
    from models.estimands.subtypes import exnex_estimands
    from models.priors import ExnexPriors

    strata = pd.DataFrame({"stratum": ["a", "b"], "events": [3, 0], "total": [12, 50]})
    priors = ExnexPriors(nex_mean=-1.0, nex_sd=1.5, p_exchangeable=0.3)
    draws = xr.DataArray(np.full((2, 5000), mu), dims=("chain", "draw"))
    posterior = xr.Dataset({"mu": draws, "tau": xr.full_like(draws, tau)})
    found = exnex_estimands(strata, priors)(posterior, 7)
    for x, n, label in ((3, 12, "a"), (0, 50, "b")):
        ex = 0.3 * math.exp(by_quad(x, n, mu, tau))
        nex = 0.7 * math.exp(by_quad(x, n, priors.nex_mean, priors.nex_sd))
        one = found.sel(stratum=label)
        assert one["p_exchangeable"].values == pytest.approx(ex / (ex + nex), rel=1e-5, abs=1e-9)
        # one more response among one more patient: p times the likelihood
        ex_rate = 0.3 * math.exp(by_quad(x + 1, n + 1, mu, tau))
        nex_rate = 0.7 * math.exp(by_quad(x + 1, n + 1, priors.nex_mean, priors.nex_sd))
        rates = one["stratum_rate"].values.ravel()
        error = rates.std() / math.sqrt(rates.size)
        assert abs(rates.mean() - (ex_rate + nex_rate) / (ex + nex)) < 5 * error
