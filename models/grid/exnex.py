"""EXNEX by quadrature: the same posterior as `models.exnex` without Monte Carlo.

Given ``mu`` and ``tau`` the strata are independent and each is a one-dimensional integral, so the
posterior is a sum over a lattice of ``mu`` and ``tau``. With the likelihood ``L_s(theta)`` of
stratum ``s`` on an equidistant logit mesh and ``K(mu, tau)`` the normal probabilities of its
nodes::

    EX_s(mu, tau) = K L_s                                 one matrix product for all strata
    NEX_s         = k_nex L_s
    M_s           = w EX_s + (1 - w) NEX_s
    W(mu, tau)    ~ p(mu) p(tau) prod_s M_s
    p(theta_s)    = L_s * sum over mu, tau of  W [ w K + (1 - w) k_nex ] / M_s

The kernels depend on the priors alone, so a `ExnexGrid` is made once and takes any number of
reviews: some ten milliseconds each. That is what a simulation needs. The mesh (step 0.05) resolves
strata of up to a few thousand patients; beside the sampler's and adaptive quadrature's results the
posterior means and limits agree to 1e-3 on the logit scale (``tests/grid/test_exnex.py``).

The trapezoid rule in ``mu``, and in ``u`` with ``tau = unit * sinh(u)`` from zero, errs
exponentially little for such integrands (Trefethen & Weideman, SIAM Rev 2014;56:385-458).
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit, ndtri

from models.numerics.counts import as_counts
from models.priors import DEFAULT_EXNEX_PRIORS, ExnexPriors

type FloatArray = NDArray[np.float64]

STEP: Final = 0.05
"""Of the logit mesh and of ``mu``."""
TAU_NODES: Final = 44
_TAU_UNIT: Final = 0.3
_REACH: Final = 5.5
"""Standard deviations of a prior that are covered; 4e-8 of it lies outside."""
_COARSE: Final = 4
_NEGLIGIBLE: Final = 22.0
"""Log density below the greatest at which ``mu`` is left out."""


@dataclass(frozen=True, eq=False)
class ExnexPosterior:
    """Posterior of EXNEX on the lattice.

    Attributes
    ----------
    grid
        The lattice.
    masses
        Probabilities of the mesh's logits for every stratum, shape (k, nodes).
    exchangeable_masses
        The part of ``masses`` in which the stratum is exchangeable.
    weights
        Joint probabilities of ``tau`` and ``mu``, shape (tau nodes, mu nodes of the window).
    window
        Positions of the ``mu`` nodes.
    likelihood
        Of every stratum at the mesh's logits, relative to its greatest, shape (k, nodes).
    """

    grid: "ExnexGrid"
    masses: FloatArray
    exchangeable_masses: FloatArray
    weights: FloatArray
    window: slice
    likelihood: FloatArray

    @property
    def p_exchangeable(self) -> FloatArray:
        """Posterior probability that a stratum is exchangeable with the others, ``(k,)``."""
        return self.exchangeable_masses.sum(axis=1)

    @property
    def rate_mean(self) -> FloatArray:
        """Posterior mean rate of each stratum, ``(k,)``."""
        return self.masses @ expit(self.grid.theta)

    @property
    def rate_sd(self) -> FloatArray:
        """Posterior standard deviation of each stratum's rate, ``(k,)``."""
        return np.sqrt(self.masses @ expit(self.grid.theta) ** 2 - self.rate_mean**2)

    def rate_quantile(self, p: ArrayLike) -> FloatArray:
        """Return quantiles of each stratum's rate, shape (k, number of probabilities)."""
        wanted = ndtri(np.atleast_1d(np.asarray(p, dtype=np.float64)))
        cdf = self._distribution
        # normal quantiles make the inverse distribution function nearly straight between nodes
        rows = []
        for row in cdf:
            inside = (row > 1e-12) & (row < 1 - 1e-12)
            rows.append(np.interp(wanted, ndtri(row[inside]), self.grid.theta[inside]))
        return expit(np.array(rows))

    @cached_property
    def _distribution(self) -> FloatArray:
        """Distribution function of each logit at the nodes, Euler-Maclaurin corrected."""
        m = self.masses
        slope = np.zeros_like(m)
        slope[:, 1:-1] = (m[:, 2:] - m[:, :-2]) / 2
        return np.maximum.accumulate(np.cumsum(m, axis=1) - m / 2 - slope / 12, axis=1)

    @property
    def mu_mean(self) -> float:
        """Posterior mean of ``mu``, logit scale."""
        return float(self.weights.sum(axis=0) @ self.grid.mu[self.window])

    @property
    def mu_sd(self) -> float:
        """Posterior standard deviation of ``mu``, logit scale."""
        second = float(self.weights.sum(axis=0) @ self.grid.mu[self.window] ** 2)
        return float(np.sqrt(second - self.mu_mean**2))

    @property
    def tau_mean(self) -> float:
        """Posterior mean of ``tau``, logit scale."""
        return float(self.weights.sum(axis=1) @ self.grid.tau)

    def rate_draws(self, strata: NDArray[np.intp], n: int, rng: np.random.Generator) -> FloatArray:
        """Return joint draws of the rates of some strata, shape (n, number of strata).

        Parameters
        ----------
        strata
            Positions.
        n
            Number of draws.
        rng
            Random numbers.
        """
        flat = self.weights.ravel()
        cell = rng.choice(flat.size, n, p=flat / flat.sum())
        places, back = np.unique(cell, return_inverse=True)
        t, m = np.unravel_index(places, self.weights.shape)
        kernel = self.grid.kernel[t, m + self.window.start]
        w = self.grid.priors.p_exchangeable
        edges = self.grid.theta - STEP / 2
        rates = np.empty((n, strata.size))
        for column, s in enumerate(strata):
            mix = w * kernel + (1 - w) * self.grid.nex_kernel
            cdf = np.cumsum(mix * self.likelihood[s], axis=1)
            u = rng.random(n) * cdf[back, -1]
            node = (cdf[back] < u[:, None]).sum(axis=1)
            before = np.where(node > 0, cdf[back, np.maximum(node - 1, 0)], 0.0)
            share = (u - before) / np.maximum(cdf[back, node] - before, np.finfo(float).tiny)
            rates[:, column] = expit(edges[node] + STEP * share)
        return rates


class ExnexGrid:
    """The lattice for one set of priors; made once, takes any number of reviews.

    Parameters
    ----------
    priors
        Prior settings of EXNEX.
    """

    def __init__(self, priors: ExnexPriors = DEFAULT_EXNEX_PRIORS) -> None:
        self.priors = priors
        mu_reach, nex_reach = _REACH * priors.mu_sd, _REACH * priors.nex_sd
        first = min(priors.mu_mean - mu_reach - 2.0, priors.nex_mean - nex_reach)
        last = max(priors.mu_mean + mu_reach + 2.0, priors.nex_mean + nex_reach)
        self.theta: FloatArray = np.arange(np.floor(first / STEP), np.ceil(last / STEP) + 1) * STEP
        inside = np.abs(self.theta - priors.mu_mean) <= mu_reach
        self.mu: FloatArray = self.theta[inside]
        u = np.linspace(0.0, np.arcsinh(_REACH * priors.tau_scale / _TAU_UNIT), TAU_NODES)
        self.tau: FloatArray = _TAU_UNIT * np.sinh(u)
        self.kernel = np.stack([self._normal(self.mu, tau) for tau in self.tau])
        self.nex_kernel: FloatArray = self._normal(np.array([priors.nex_mean]), priors.nex_sd)[0]
        log_tau = -0.5 * (self.tau / priors.tau_scale) ** 2 + np.log(np.cosh(u))
        log_tau[0] += np.log(0.5)
        log_mu = -0.5 * ((self.mu - priors.mu_mean) / priors.mu_sd) ** 2
        self._log_prior: FloatArray = log_tau[:, None] + log_mu[None, :]

    def _normal(self, mean: FloatArray, sd: float) -> FloatArray:
        """Return the probabilities of the mesh's nodes, one row a mean, rows summing to one."""
        distance = self.theta[None, :] - mean[:, None]
        if sd == 0:
            return (np.abs(distance) < STEP / 4).astype(np.float64)
        density = np.exp(-0.5 * (distance / sd) ** 2)
        return density / density.sum(axis=1, keepdims=True)

    def posterior(self, events: ArrayLike, total: ArrayLike) -> ExnexPosterior:
        """Return the posterior of a review.

        Parameters
        ----------
        events, total
            Counts, shape (k,).

        Raises
        ------
        models.common.errors.InputError
            For impossible counts (see `models.numerics.counts.as_counts`).
        """
        x, n = as_counts(events, total)
        w = self.priors.p_exchangeable
        log_likelihood = (
            x[:, None] * self.theta - n[:, None] * np.logaddexp(0.0, self.theta)[None, :]
        )
        likelihood = np.exp(log_likelihood - log_likelihood.max(axis=1, keepdims=True))
        nex = likelihood @ self.nex_kernel

        def evaluate(places: slice) -> tuple[FloatArray, FloatArray]:
            ex = self.kernel[:, places] @ likelihood.T
            mixed = w * ex + (1 - w) * nex
            return mixed, self._log_prior[:, places] + np.log(mixed).sum(axis=2)

        coarse = evaluate(slice(0, self.mu.size, _COARSE))[1].max(axis=0)
        near = np.flatnonzero(coarse > coarse.max() - _NEGLIGIBLE) * _COARSE
        window = slice(
            max(0, int(near[0]) - _COARSE), min(self.mu.size, int(near[-1]) + _COARSE + 1)
        )
        mixed, log_weight = evaluate(window)
        weights = np.exp(log_weight - log_weight.max())
        weights /= weights.sum()
        cavity = weights[:, :, None] / mixed
        nodes = self.kernel.shape[2]
        kernel = self.kernel[:, window].reshape(-1, nodes)
        exchangeable = w * likelihood * (cavity.reshape(-1, x.size).T @ kernel)
        alone = (1 - w) * likelihood * self.nex_kernel * cavity.sum(axis=(0, 1))[:, None]
        return ExnexPosterior(
            grid=self,
            masses=exchangeable + alone,
            exchangeable_masses=exchangeable,
            weights=weights,
            window=window,
            likelihood=likelihood,
        )
