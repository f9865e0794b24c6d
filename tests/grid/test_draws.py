"""Joint draws of the grid: continuous, distributed as the quadrature's marginals, and never stuck.

Kolmogorov-Smirnov: a correct sampler has a p value below 1e-4 once in ten thousand comparisons;
with some hundred of them and fixed seeds a failure means a fault.
"""

import numpy as np
import pytest
from scipy.special import expit, xlog1py, xlogy
from scipy.stats import kstest

from models.evidence.load import Evidence
from models.grid import fit_pooled, fit_subgroup, fit_tree
from models.grid.drawing.sampling import draw_units

SIZE = 20_000
LEAST_P = 1e-4

REVIEWS = {
    "ordinary": ([3, 7, 5, 11, 0, 9], [38, 40, 12, 30, 14, 61]),
    "rare": ([0, 1, 0, 2], [200, 180, 60, 362]),
    "extreme": ([5, 5, 0, 12], [5, 5, 40, 12]),
    "rare and extreme": ([0, 5], [200, 5]),
    "one study": ([1], [1]),
    "large": ([300, 420, 350], [1000, 1100, 900]),
}


def follows(draws, cdf) -> None:
    """Assert that draws are continuous and have the distribution function."""
    draws = np.asarray(draws)
    assert np.unique(draws).size == draws.size
    # the distribution function is tabulated, then interpolated: thousands of calls would be slow
    points = np.quantile(draws, np.linspace(0.0, 1.0, 401))
    points = np.unique(np.concatenate([points, [draws.min(), draws.max()]]))
    table = np.array([float(cdf(point)) for point in points])
    assert kstest(draws, lambda x: np.interp(x, points, table)).pvalue > LEAST_P


@pytest.mark.parametrize("name", REVIEWS)
def test_pooled_draws_follow_the_marginals(name):
    events, total = REVIEWS[name]
    fit = fit_pooled(events, total)
    drawn = fit.draws(SIZE, seed=3)
    follows(drawn.mu, fit.mu.cdf)
    follows(drawn.tau, fit.tau.cdf)
    follows(drawn.average_rate, fit.average_rate.cdf)
    new_logit = np.log(drawn.new_study_rate) - np.log1p(-drawn.new_study_rate)
    follows(new_logit[np.isfinite(new_logit)], fit.new_study.cdf)
    for i in range(len(events)):
        logit = drawn.mu + drawn.tau * drawn.z[:, i]
        follows(logit, lambda x, i=i: fit.studies.cdf(x)[i])
        np.testing.assert_allclose(drawn.study_rate[:, i], expit(logit))


def test_subgroup_draws_follow_the_marginals():
    fit = fit_subgroup([3, 7, 5, 1, 0, 4], [38, 40, 5, 1, 200, 9], [0, 0, 1, 1, 2, 2])
    drawn = fit.draws(SIZE, seed=4)
    follows(drawn.mu, fit.mu.cdf)
    follows(drawn.sigma_group, fit.sigma_group.cdf)
    follows(drawn.tau, fit.tau.cdf)
    for g in range(3):
        follows(drawn.group_logit[:, g], lambda x, g=g: fit.groups.cdf(x)[g])
        follows(drawn.average_rate[:, g], fit.average_rates[g].cdf)
    logits = drawn.group_logit[:, fit.group_of] + drawn.tau[:, None] * drawn.z
    for i in range(6):
        follows(logits[:, i], lambda x, i=i: fit.studies.cdf(x)[i])


def test_tree_draws_follow_the_marginals(evidence: Evidence):
    strata = evidence.strata()
    fit = fit_tree(strata["events"], strata["total"], list(strata["parent"]))
    drawn = fit.draws(SIZE, seed=5)
    follows(drawn.mu, fit.mu.cdf)
    follows(drawn.sigma, fit.sigma.cdf)
    assert fit.sigma_child is not None
    assert drawn.sigma_child is not None
    follows(drawn.sigma_child, fit.sigma_child.cdf)
    follows(drawn.family_logit[:, 0], lambda x: fit.families.cdf(x)[0])
    for i in range(len(strata)):
        logit = np.log(drawn.unit_rate[:, i]) - np.log1p(-drawn.unit_rate[:, i])
        follows(logit, lambda x, i=i: fit.units.cdf(x)[i])


def test_draws_are_joint_and_independent():
    """Correlation of mu and a study as the exact moments have it; none from draw to draw."""
    events, total = [3, 7, 5], [38, 40, 12]
    drawn = fit_pooled(events, total).draws(100_000, seed=6)
    # the study's conditional mean given mu and tau, by quadrature: E[mu theta] = E[mu E[theta|.]]
    z = np.linspace(-7.0, 7.0, 141)
    mu, tau = drawn.mu[:20_000, None], drawn.tau[:20_000, None]
    p = expit(mu + tau * z)
    weight = np.exp(xlogy(3, p) + xlog1py(35, -p) - 0.5 * z**2)
    conditional = (weight * (mu + tau * z)).sum(axis=1) / weight.sum(axis=1)
    theta = drawn.mu + drawn.tau * drawn.z[:, 0]
    difference = drawn.mu[:20_000] * (theta[:20_000] - conditional)
    assert abs(difference.mean()) < 4 * difference.std() / np.sqrt(difference.size)
    for values in (drawn.mu, drawn.tau, theta):
        lagged = np.corrcoef(values[1:], values[:-1])[0, 1]
        # the standard error of a correlation of independent values
        assert abs(lagged) < 4 / np.sqrt(values.size)


@pytest.mark.parametrize(
    ("x", "n", "mean", "scale"),
    [
        # Newton's method from either tail jumps to the other: this once never returned
        (0, 50, 8.0, 0.5),
        (50, 50, -8.0, 0.5),
        (0, 50, 20.0, 0.5),
        (0, 1_000_000, 50.0, 0.3),
        (0, 200, 9.0, 3.0),
        (3, 10**9, 12.0, 1.0),
        (5, 5, -40.0, 20.0),
        (200, 200, -30.0, 0.01),
        (0, 1, 700.0, 5.0),
        (1, 1, 0.0, 1e-8),
    ],
)
@pytest.mark.parametrize("seed", [1, 2])
def test_units_far_from_their_parent_are_drawn_exactly(x, n, mean, scale, seed):
    z = draw_units(
        np.array([float(x)]),
        np.array([float(n)]),
        np.full((SIZE, 1), mean),
        np.full(SIZE, scale),
        np.random.default_rng(seed),
    )[:, 0]
    grid = np.linspace(z.min() - 1.0, z.max() + 1.0, 200_001)
    theta = mean + scale * grid
    log_density = x * theta - n * np.logaddexp(0.0, theta) - 0.5 * grid**2
    mass = np.exp(log_density - log_density.max())
    cdf = np.cumsum(mass) / mass.sum()
    assert kstest(z, lambda value: np.interp(value, grid, cdf)).pvalue > LEAST_P


def test_draws_depend_on_the_seed_alone():
    fit = fit_pooled([3, 7, 5], [38, 40, 12])
    np.testing.assert_array_equal(fit.draws(500, 1).study_rate, fit.draws(500, 1).study_rate)
    assert (fit.draws(500, 1).mu != fit.draws(500, 2).mu).all()
