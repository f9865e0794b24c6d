"""Typical rates of groups under every assumption about how the groups resemble each other.

Partially pooled means (under any prior of ``sigma_group``) and unpooled ones come from the exact
engine. Three assumptions that it does not have are formed from what it gives:

an exponential prior of ``sigma_group``
    draws under a half-t, resampled by the ratio of the two densities.
a prior of the log odds ratio of two groups
    draws with unpooled means, resampled by the ratio of ``Normal(d; 0, sd) Normal(m; mu_mean,
    mu_sd)``, with difference ``d`` and mean ``m`` of the two logits, to the prior of the two means.
a tau of its own for each group
    the likelihood of a group's mean, its tau integrated out, is the posterior density of its own
    pool divided by the prior of the mean; the rest is a sum over a lattice of mean and sigma.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats
from scipy.special import expit, logit

from models.grid import HalfNormal, HalfT, ScalePrior, fit_pooled, fit_subgroup
from models.grid.drawing.sampling import draw_group_means
from models.grid.exnex import ExnexGrid, ExnexPosterior
from models.grid.fits import fit_unpooled
from models.priors import DEFAULT_PRIORS, ExnexPriors

type Draws = NDArray[np.float64]

MAIN_SIGMA: Final = HalfNormal(DEFAULT_PRIORS.sigma_scale)
MAIN_TAU: Final = HalfNormal(DEFAULT_PRIORS.tau_scale)
WIDE: Final = 5.0
"""Prior standard deviation under which the likelihood of a group's mean is found: nearly flat."""
_CERTAIN: Final = 1 - 1e-12
_BLOCK: Final = 5_000
_PROPOSAL: Final = HalfT(0.5, 3.0)


@dataclass(frozen=True)
class Means:
    """An assumption about the means of groups, logit scale.

    Attributes
    ----------
    label
        In words.
    sigma
        Prior of the standard deviation between groups; None for unpooled means.
    exponential_rate
        Rate of an exponential prior in its place.
    log_odds_sd
        Standard deviation of a normal prior of the log odds ratio of two groups instead.
    own_tau
        Whether each group has a tau of its own.
    mu_mean, mu_sd, tau
        Priors of the overall mean (of each mean if they are unpooled) and of tau.
    """

    label: str
    sigma: ScalePrior | None = MAIN_SIGMA
    exponential_rate: float | None = None
    log_odds_sd: float | None = None
    own_tau: bool = False
    mu_mean: float = DEFAULT_PRIORS.mu_mean
    mu_sd: float = DEFAULT_PRIORS.mu_sd
    tau: ScalePrior = MAIN_TAU


def typical_rates(review: pd.DataFrame, means: Means, draws: int, seed: int) -> dict[str, Draws]:
    """Return independent posterior draws of the typical rate of each group.

    Parameters
    ----------
    review
        ``events``, ``total`` and the categorical ``group``.
    means
        The assumption.
    draws, seed
        Number of draws, and their seed.
    """
    groups = [str(group) for group in review["group"].cat.categories]
    rng = np.random.default_rng(seed)
    if means.own_tau:
        drawn = _own_tau(review, means, groups, draws, rng)
    elif means.log_odds_sd is not None:
        drawn = _log_odds(_unpooled(review, means, groups, draws, seed), means, rng)
    elif means.sigma is None:
        drawn = _unpooled(review, means, groups, draws, seed)
    else:
        drawn = _partially_pooled(review, means, groups, draws, rng)
    return {group: expit(drawn[:, place]) for place, group in enumerate(groups)}


def prior_rates(groups: list[str], means: Means, draws: int, seed: int) -> dict[str, Draws]:
    """Return draws of the same from the prior."""
    rng = np.random.default_rng(seed)
    if means.log_odds_sd is not None:
        half = rng.normal(0, means.log_odds_sd, draws) / 2
        middle = rng.normal(means.mu_mean, means.mu_sd, draws)
        drawn = middle[:, None] + half[:, None] * np.array([-1.0, 1.0])
    elif means.sigma is None:
        drawn = rng.normal(means.mu_mean, means.mu_sd, (draws, len(groups)))
    else:
        mu = rng.normal(means.mu_mean, means.mu_sd, (draws, 1))
        drawn = mu + _sigma(means, draws, rng)[:, None] * rng.normal(size=(draws, len(groups)))
    return {group: expit(drawn[:, place]) for place, group in enumerate(groups)}


def _sigma(means: Means, draws: int, rng: np.random.Generator) -> Draws:
    """Return draws of sigma_group from its prior."""
    if means.exponential_rate is not None:
        return rng.exponential(1 / means.exponential_rate, draws)
    prior = means.sigma
    if isinstance(prior, HalfT):
        return np.abs(prior.scale * rng.standard_t(prior.df, draws))
    assert isinstance(prior, HalfNormal)
    return np.abs(prior.scale * rng.standard_normal(draws))


def _partially_pooled(
    review: pd.DataFrame, means: Means, groups: list[str], draws: int, rng: np.random.Generator
) -> Draws:
    rate = means.exponential_rate
    exact = fit_subgroup(
        review["events"],
        review["total"],
        list(review["group"]),
        groups=groups,
        mu_mean=means.mu_mean,
        mu_sd=means.mu_sd,
        sigma_prior=means.sigma if rate is None else _PROPOSAL,
        tau_prior=means.tau,
    )
    drawn, sigma, _ = draw_group_means(exact.solution.state, draws, rng)
    if rate is None:
        return drawn
    return _resampled(drawn, -rate * sigma - _PROPOSAL.logpdf(sigma), rng)


def _unpooled(
    review: pd.DataFrame, means: Means, groups: list[str], draws: int, seed: int
) -> Draws:
    assert isinstance(means.tau, HalfNormal)
    exact = fit_unpooled(
        review["events"],
        review["total"],
        list(review["group"]),
        groups=groups,
        mu_mean=means.mu_mean,
        mu_sd=means.mu_sd,
        tau_scale=means.tau.scale,
    )
    return exact.draws(draws, seed).group_logit


def _log_odds(unpooled: Draws, means: Means, rng: np.random.Generator) -> Draws:
    a, b = unpooled.T
    own = stats.norm(means.mu_mean, means.mu_sd)
    wanted = stats.norm(0, means.log_odds_sd).logpdf(b - a) + own.logpdf((a + b) / 2)
    return _resampled(unpooled, wanted - own.logpdf(a) - own.logpdf(b), rng)


def _resampled(draws: Draws, log_weight: Draws, rng: np.random.Generator) -> Draws:
    """Return as many draws, taken in proportion to weights (systematic resampling)."""
    weight = np.exp(log_weight - log_weight.max())
    places = (np.arange(weight.size) + rng.random()) / weight.size
    taken = np.searchsorted(np.cumsum(weight) / weight.sum(), places)
    return draws[rng.permutation(np.minimum(taken, weight.size - 1))]


def _own_tau(
    review: pd.DataFrame, means: Means, groups: list[str], draws: int, rng: np.random.Generator
) -> Draws:
    parts = [review[review["group"] == group] for group in groups]
    if means.sigma is None:
        pools = [
            fit_pooled(
                *(part["events"], part["total"]),
                mu_mean=means.mu_mean,
                mu_sd=means.mu_sd,
                tau_prior=means.tau,
            )
            for part in parts
        ]
        seeds = rng.integers(2**31, size=len(pools))
        return np.stack(
            [pool.draws(draws, int(s)).mu for pool, s in zip(pools, seeds, strict=True)], axis=1
        )
    assert isinstance(means.sigma, HalfNormal)
    lattice = ExnexGrid(
        ExnexPriors(
            mu_mean=means.mu_mean,
            mu_sd=means.mu_sd,
            tau_scale=means.sigma.scale,
            p_exchangeable=_CERTAIN,
        )
    )
    likelihood = np.empty((len(parts), lattice.theta.size))
    for row, part in zip(likelihood, parts, strict=True):
        pool = fit_pooled(part["events"], part["total"], mu_sd=WIDE, tau_prior=means.tau)
        row[:] = pool.mu.density(lattice.theta) / stats.norm(0, WIDE).pdf(lattice.theta)
        row /= row.max()
    return _lattice_draws(lattice, likelihood, draws, rng)


def _lattice_draws(
    lattice: ExnexGrid, likelihood: Draws, draws: int, rng: np.random.Generator
) -> Draws:
    """Return draws of the logits of groups that are exchangeable, given their likelihoods."""
    priors, tau = lattice.priors, lattice.tau
    log_weight = np.log((lattice.kernel @ likelihood.T).clip(np.finfo(float).tiny)).sum(axis=2)
    # the nodes are equidistant in asinh, so central differences are their weights up to a constant
    width = np.gradient(tau)
    width[0] /= 2
    log_weight += (np.log(width) - 0.5 * (tau / priors.tau_scale) ** 2)[:, None]
    log_weight -= 0.5 * ((lattice.mu - priors.mu_mean) / priors.mu_sd) ** 2
    weights = np.exp(log_weight - log_weight.max())
    posterior = ExnexPosterior(
        grid=lattice,
        masses=likelihood,
        exchangeable_masses=likelihood,
        weights=weights / weights.sum(),
        window=slice(0, lattice.mu.size),
        likelihood=likelihood,
    )
    places = np.arange(len(likelihood))
    # in blocks: the nodes would multiply the draws' memory by some hundreds
    sizes = [min(_BLOCK, draws - start) for start in range(0, draws, _BLOCK)]
    return logit(np.concatenate([posterior.rate_draws(places, n, rng) for n in sizes]))
