"""Posterior marginals read from the grid: moments, quantiles, probabilities and densities."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.special import expit, logit

from models.common.constants import CI_PROB
from models.grid.band import Axis, interpolate_rows, invert_rows, invert_table
from models.grid.distributions import Array
from models.grid.mesh import Mesh, ScaleRule
from models.numerics.threads import one_blas_thread

_PIECES = 4
"""Cells that each mesh cell is cut into before a cubic inverts it: quantiles to 1e-5 sd."""
_BRACKETS = np.array([0.05, 0.2, 1.0])
"""Reaches of a bracket that are tried in turn, in spreads from 10 to 90 %."""
_BLOCK = 512
_TINY = 1e-300
_TAILS = (0.5 * (1.0 - CI_PROB), 0.5 * (1.0 + CI_PROB))


@dataclass(frozen=True)
class Summary:
    """Posterior mean, standard deviation, median and 95 % equal-tailed interval.

    Each field has the shape of the marginals summarised (``()`` for one parameter).
    """

    mean: Array
    sd: Array
    median: Array
    lower: Array
    upper: Array


@dataclass(frozen=True, eq=False)
class LogitMarginals:
    """Marginal posteriors of one or several logits that share a mesh.

    Parameters
    ----------
    mesh
        The mesh.
    masses
        Masses at its nodes, shape ``(nodes,)`` or ``(nodes, k)``; each column sums to 1. Results
        have the shape ``masses.shape[1:]``.
    """

    mesh: Mesh
    masses: Array

    @cached_property
    def mean(self) -> Array:
        """Posterior mean, logit scale."""
        return np.asarray(self.mesh.nodes @ self.masses)

    @cached_property
    def sd(self) -> Array:
        """Posterior standard deviation, logit scale."""
        return self._sd(self.mesh.nodes)

    @cached_property
    def rate_mean(self) -> Array:
        """Posterior mean of the rate ``expit(logit)``."""
        return np.asarray(expit(self.mesh.nodes) @ self.masses)

    @cached_property
    def rate_sd(self) -> Array:
        """Posterior standard deviation of the rate."""
        return self._sd(expit(self.mesh.nodes))

    def _sd(self, values: Array) -> Array:
        # About a common centre first: the plain second moment would lose digits to cancellation.
        centred = values - np.mean(values @ self.masses)
        mean = centred @ self.masses
        return np.asarray(np.sqrt(np.maximum(centred**2 @ self.masses - mean**2, 0.0)))

    def quantile(self, probability: float) -> Array:
        """Return a quantile, logit scale."""
        return self._quantiles((probability,))[0]

    @one_blas_thread()
    def _quantiles(self, probabilities: tuple[float, ...]) -> list[Array]:
        _, cdf_basis, density_basis = self.mesh.refined(_PIECES)
        columns = self.masses.reshape(self.mesh.size, -1)
        index = np.empty((len(probabilities), columns.shape[1]))
        for start in range(0, columns.shape[1], _BLOCK):
            part = columns[:, start : start + _BLOCK]
            cdf, density = (cdf_basis @ part).T, (density_basis @ part).T
            for i, probability in enumerate(probabilities):
                index[i, start : start + _BLOCK] = invert_rows(
                    cdf, density, np.full(part.shape[1], probability), 1.0 / _PIECES
                )
        return [row.reshape(self.masses.shape[1:]) for row in self.mesh.logit(index)]

    def rate_quantile(self, probability: float) -> Array:
        """Return a quantile of the rate."""
        return np.asarray(expit(self.quantile(probability)))

    def cdf(self, x: float) -> Array:
        """Return ``P(logit <= x)``."""
        basis = self.mesh.axis.cdf_basis(self.mesh.index(np.asarray(x)))
        return np.asarray(np.clip(basis @ self.masses, 0.0, 1.0))

    def density(self, x: Array) -> Array:
        """Return posterior densities at logits ``x``, shape ``x.shape + masses.shape[1:]``."""
        x = np.asarray(x, dtype=np.float64)
        basis = self.mesh.axis.density_basis(self.mesh.index(x))
        per_logit = self.mesh.density(x).reshape(x.shape + (1,) * (self.masses.ndim - 1))
        return np.asarray(np.maximum(basis @ self.masses, 0.0) * per_logit)

    def prob_rate_above(self, rate: float) -> Array:
        """Return the posterior probability that the rate exceeds ``rate``, in (0, 1)."""
        return 1.0 - self.cdf(float(logit(rate)))

    def summary(self) -> Summary:
        """Return mean, sd, median and 95 % interval, logit scale."""
        lower, median, upper = self._quantiles((_TAILS[0], 0.5, _TAILS[1]))
        return Summary(self.mean, self.sd, median, lower, upper)

    def rate_summary(self) -> Summary:
        """Return mean, sd, median and 95 % interval of the rate."""
        logits = self._quantiles((_TAILS[0], 0.5, _TAILS[1]))
        lower, median, upper = (np.asarray(expit(quantile)) for quantile in logits)
        return Summary(self.rate_mean, self.rate_sd, median, lower, upper)


@dataclass(frozen=True, eq=False)
class ScaleMarginal:
    """Marginal posterior of a standard deviation between units.

    Parameters
    ----------
    rule
        The scale's grid.
    masses
        Masses at its nodes, shape ``(nodes,)``, summing to 1.
    """

    rule: ScaleRule
    masses: Array

    @cached_property
    def mean(self) -> float:
        """Posterior mean."""
        return float(self.rule.moment_weights @ self.masses)

    @cached_property
    def sd(self) -> float:
        """Posterior standard deviation."""
        return float(np.sqrt(max(float(self.rule.nodes**2 @ self.masses) - self.mean**2, 0.0)))

    def quantile(self, probability: float) -> float:
        """Return a quantile."""
        pieces = 4 * _PIECES
        _, cdf_basis, density_basis = self.rule.axis.refined(pieces)
        cdf, density = cdf_basis @ self.masses, density_basis @ self.masses
        index = invert_table(cdf, density, np.array([probability]), 1.0 / pieces)
        return float(self.rule.scale(index)[0])

    def cdf(self, x: float) -> float:
        """Return ``P(scale <= x)``."""
        basis = self.rule.axis.cdf_basis(self.rule.index(np.asarray(x)))
        return float(np.clip(basis @ self.masses, 0.0, 1.0))

    def density(self, x: Array) -> Array:
        """Return posterior densities at scales ``x >= 0``."""
        x = np.asarray(x, dtype=np.float64)
        basis = self.rule.axis.density_basis(self.rule.index(x))
        per_scale = 1.0 / (self.rule.step * np.hypot(x, self.rule.unit))
        return np.asarray(np.maximum(basis @ self.masses, 0.0) * per_scale)

    def prob_above(self, x: float) -> float:
        """Return ``P(scale > x)``."""
        return 1.0 - self.cdf(x)

    def summary(self) -> Summary:
        """Return mean, sd, median and 95 % interval."""
        lower, upper = (np.asarray(self.quantile(tail)) for tail in _TAILS)
        return Summary(
            np.asarray(self.mean), np.asarray(self.sd), np.asarray(self.quantile(0.5)), lower, upper
        )


@dataclass(frozen=True, eq=False)
class AverageRate:
    """Posterior of the average rate, the integral of ``expit(mean + scale z) phi(z)`` over z.

    It is a function of a mean and a scale, so its distribution is read from their joint masses:
    given the scale it increases with the mean, and ``P(average <= a)`` is the chance that the
    mean lies below the value whose average is ``a``.

    Parameters
    ----------
    mesh, rows
        Mesh and its rows for the mean.
    masses
        Joint masses of scale and mean, ``(scales, rows)``, summing to 1.
    value, complement, slope
        Average rate, one minus it (apart, for rates that round to 1) and its derivative by the
        mean at each node, same shape.
    """

    mesh: Mesh
    rows: slice
    masses: Array
    value: Array
    complement: Array
    slope: Array

    @classmethod
    def from_steps(cls, mesh: Mesh, rows: slice, masses: Array, steps: Array) -> "AverageRate":
        """Return the average rate over transitions ``steps``, ``(scales, rows, nodes)``."""
        rate, other = expit(mesh.nodes), expit(-mesh.nodes)
        return cls(mesh, rows, masses, steps @ rate, steps @ other, steps @ (rate * other))

    @cached_property
    def _log_odds(self) -> Array:
        return np.log(np.maximum(self.value, _TINY)) - np.log(np.maximum(self.complement, _TINY))

    @cached_property
    def mean(self) -> float:
        """Posterior mean."""
        return float((self.masses * self.value).sum())

    @cached_property
    def sd(self) -> float:
        """Posterior standard deviation."""
        return float(np.sqrt((self.masses * (self.value - self.mean) ** 2).sum()))

    def _mean_with_average(self, log_odds: Array) -> Array:
        """Return the means, logit scale, whose averages are given, shape ``(scales, n)``."""
        nodes = self.mesh.nodes[self.rows]
        table = self._log_odds
        slope = self.value * self.complement / np.maximum(self.slope, _TINY)
        scale = np.arange(table.shape[0])[:, None]
        cell = (table[:, None, :] < log_odds[:, None]).sum(axis=-1) - 1
        cell = np.clip(cell, 0, nodes.size - 2)
        width = np.maximum(table[scale, cell + 1] - table[scale, cell], _TINY)
        # Beyond the window nothing is left: stop at its ends.
        t = np.clip((log_odds - table[scale, cell]) / width, 0.0, 1.0)
        low, high = nodes[cell], nodes[cell + 1]
        bend_low = slope[scale, cell] * width - (high - low)
        bend_high = (high - low) - slope[scale, cell + 1] * width
        return np.asarray(
            low + t * (high - low) + t * (1.0 - t) * ((1.0 - t) * bend_low + t * bend_high)
        )

    @cached_property
    def _tables(self) -> tuple[Array, Array]:
        """Distribution functions of the mean given the scale, and densities, on a finer grid."""
        _, cdf_basis, density_basis = Axis(self.masses.shape[1]).refined(_PIECES)
        return self.masses @ cdf_basis.T, self.masses @ density_basis.T

    def _cdf_of_log_odds(self, log_odds: Array) -> Array:
        index = self.mesh.index(self._mean_with_average(log_odds)) - self.rows.start
        cdf, density = self._tables
        return np.asarray(interpolate_rows(cdf, density, index, 1.0 / _PIECES).sum(axis=0))

    def cdf(self, rate: float) -> float:
        """Return ``P(average rate <= rate)`` for a rate in (0, 1)."""
        return float(np.clip(self._cdf_of_log_odds(logit(np.array([rate])))[0], 0.0, 1.0))

    def prob_rate_above(self, rate: float) -> float:
        """Return the posterior probability that the average rate exceeds ``rate``."""
        return 1.0 - self.cdf(rate)

    def quantile(self, probability: float) -> float:
        """Return a quantile of the average rate."""
        return float(self._quantiles(np.array([probability]))[0])

    @one_blas_thread()
    def _quantiles(self, probability: Array) -> Array:
        # Weighted quantiles of the nodes are off by less than a few cells: they bracket the root.
        order = np.argsort(self._log_odds, axis=None)
        log_odds = self._log_odds.ravel()[order]
        cumulative = np.cumsum(self.masses.ravel()[order])
        start = np.interp(probability, cumulative, log_odds)
        spread = np.interp([0.1, 0.9], cumulative, log_odds)
        for reach in _BRACKETS * (spread[1] - spread[0]):
            low, high = start - reach, start + reach
            f_low, f_high = (self._cdf_of_log_odds(x) - probability for x in (low, high))
            if np.all((f_low < 0.0) & (f_high > 0.0)):
                break
        last = np.zeros(probability.size)
        for _ in range(60):
            # Regula falsi with the Illinois change: an end that stays twice counts half, so that
            # both move.
            middle = (low * f_high - high * f_low) / (f_high - f_low)
            f_middle = self._cdf_of_log_odds(middle) - probability
            if np.max(np.abs(f_middle)) < 1e-9:
                break
            side = np.where(np.sign(f_middle) == np.sign(f_high), 1.0, -1.0)
            weight = np.where(side == last, 0.5, 1.0)
            crossed, last = side > 0.0, side
            f_low, f_high = (
                np.where(crossed, weight * f_low, f_middle),
                np.where(crossed, f_middle, weight * f_high),
            )
            low, high = np.where(crossed, low, middle), np.where(crossed, middle, high)
        return np.asarray(expit(middle))

    def summary(self) -> Summary:
        """Return mean, sd, median and 95 % interval."""
        lower, median, upper = self._quantiles(np.array([_TAILS[0], 0.5, _TAILS[1]]))
        return Summary(np.asarray(self.mean), np.asarray(self.sd), median, lower, upper)
