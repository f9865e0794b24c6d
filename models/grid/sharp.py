r"""Units so large that a mesh for all cannot resolve their likelihoods.

The logit of a trial of a million patients is known to 0.002, of a thousand million to 6e-5. Such a
*sharp* likelihood needs no mesh to be integrated: it is smooth and close to a normal density in
units of its own width, so adaptive Gauss-Hermite quadrature with few nodes is exact to rounding,
whatever the scale of the kernel, the scale zero included. It is computed on the log scale, so
nothing underflows however far a mean lies from the counts. With the observed proportion ``p`` and
``delta = theta - logit(p)`` ::

    log L / max L = x delta - n log(1 + p (exp(delta) - 1))

holds its digits where ``x theta - n log(1 + exp(theta))`` would lose nine of them.

Posterior logits of sharp units are tabulated on the common mesh while a few regions of fine nodes
cover them (*laid* units); else on an equidistant axis of their own, eight standard errors to either
side (*local* units). Many trials that lie further apart than they are wide leave no mass to scales
below their widths, which is what makes a local axis enough.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from numpy.polynomial.hermite_e import hermegauss
from scipy.special import expit

from models.grid.band import Axis, invert_rows
from models.grid.data import IntArray, TreeData
from models.grid.distributions import Array
from models.grid.marginals import LogitMarginals
from models.grid.mesh import Component, Mesh

NODES: Final = 11
"""Of the Gauss-Hermite rule: exact to 1e-12 for a skewness of 0.02."""
_NEWTON_STEPS: Final = 3
_FARTHEST: Final = 60.0
"""Distance from the observed logit, logits, beyond which a likelihood no longer falls."""
_CHUNK: Final = 2_000_000
"""Elements of a temporary array."""
_LAID_NODES: Final = 700.0
"""Nodes, at resolution 1, up to which regions of fine nodes are laid."""
_REGION: Final = 5.0
_GAP: Final = 12.0
"""Half width of a region, and the gap that parts two, in standard errors."""
_WINDOW: Final = 8.0
"""Half width of a local axis, standard errors."""
_NEGLIGIBLE: Final = 1e-13
_SHARE: Final = 1e-7


class SharpUnits:
    """The sharp units under the root.

    Parameters
    ----------
    data
        The counts.

    Attributes
    ----------
    columns
        Their positions in ``data.loose``, shape ``(k,)``.
    centre, sd
        Observed logits and their standard errors, ``(k,)``.
    """

    def __init__(self, data: TreeData) -> None:
        self.columns: IntArray = data.sharp
        units = data.loose[self.columns]
        self._events, self._total = data.events[units], data.total[units]
        others = self._total - self._events
        self.centre: Array = np.log(self._events / others)
        self.sd: Array = np.sqrt(1.0 / self._events + 1.0 / others)

    def log_likelihood(self, delta: Array) -> Array:
        """Return the log likelihood over its supremum at ``centre + delta``, units last."""
        rate = self._events / self._total
        return np.asarray(self._events * delta - self._total * np.log1p(rate * np.expm1(delta)))

    def log_messages(self, mean: Array, scale: Array) -> Array:
        """Return logs of the likelihoods' means over normal logits.

        Parameters
        ----------
        mean, scale
            Of the logit, shape ``(rows,)`` each.

        Returns
        -------
        ndarray
            ``log of the integral of L / max L times Normal(theta; mean, scale)``, ``(rows, k)``.
        """
        result = np.empty((mean.size, self.centre.size))
        rows = max(1, _CHUNK // (NODES * self.centre.size))
        u, weight = hermegauss(NODES)
        log_weight = np.log(weight) - 0.5 * np.log(2.0 * np.pi) + 0.5 * u * u
        for start in range(0, mean.size, rows):
            part = slice(start, start + rows)
            offset, s = mean[part, None] - self.centre, scale[part, None]
            mode, spread = self._mode(offset, s)
            z = mode + spread * u[:, None, None]
            delta = np.clip(offset + s * z, -_FARTHEST, _FARTHEST)
            terms = self.log_likelihood(delta) - 0.5 * z * z + log_weight[:, None, None]
            top = terms.max(axis=0)
            result[part] = top + np.log(np.exp(terms - top).sum(axis=0)) + np.log(spread)
        return result

    def _mode(self, offset: Array, s: Array) -> tuple[Array, Array]:
        """Return modes of the integrands in ``z``, nearly, and inverse roots of the curvatures."""
        rate = self._events / self._total
        z = -s * offset / (s * s + self.sd**2)
        for step in range(_NEWTON_STEPS + 1):
            delta = np.clip(offset + s * z, -_FARTHEST, _FARTHEST)
            growth = np.expm1(delta)
            divisor = 1.0 + rate * growth
            information = self._events * (1.0 - rate)
            bend = 1.0 + s * s * information * (growth + 1.0) / divisor**2
            if step < _NEWTON_STEPS:
                z = z - (s * information * growth / divisor + z) / bend
        return z, bend**-0.5

    def regions(self, span: float, step: float) -> tuple[Component, ...]:
        """Return regions of fine nodes that cover the likelihoods; none if they are too many.

        Units of like widths (within a factor of 2) that lie close together share one.

        Parameters
        ----------
        span
            Width of the mesh, logits.
        step
            Step that resolves a normal density, in standard deviations.
        """
        found: list[Component] = []
        octave = np.floor(np.log2(self.sd))
        for size in np.unique(octave):
            at = np.flatnonzero(octave == size)
            at = at[np.argsort(self.centre[at])]
            far = np.diff(self.centre[at]) > _GAP * 2.0**size
            for members in np.split(at, np.flatnonzero(far) + 1):
                least = float(self.sd[members].min())
                low, high = self.centre[members[0]], self.centre[members[-1]]
                width = 0.5 * float(high - low) + _REGION * float(self.sd[members].max())
                found.append(Component(0.5 * float(low + high), step * least, width))
        nodes = sum(2.0 * c.width / c.step * np.arcsinh(span / c.width) for c in found)
        return tuple(found) if nodes <= _LAID_NODES else ()

    def local(
        self, cavity: Array, mean: Array, scales: Array, shares: Array, resolution: float
    ) -> "LocalMasses":
        """Return posterior masses of the logits on axes of their own.

        Parameters
        ----------
        cavity
            Posterior masses of scale and mean over each unit's message, ``(scales, means, k)``.
        mean, scales
            Nodes of the overall mean and the scale.
        shares
            Posterior masses of the scales.
        resolution
            Resolution of the grid.
        """
        kept = np.flatnonzero((scales > 0.0) & (shares > _NEGLIGIBLE * shares.max()))
        least = float(scales[kept][shares[kept] > _SHARE * shares.max()].min())
        # The step resolves the product of the likelihood with the narrowest kernel.
        narrowness = float(np.sqrt(1.0 + (self.sd.max() / least) ** 2))
        reach = int(np.ceil(_WINDOW * narrowness * resolution / 0.7))
        step = _WINDOW * self.sd / reach
        delta = np.arange(-reach, reach + 1)[:, None] * step
        masses = np.zeros(delta.shape)
        units = max(1, _CHUNK // (mean.size * delta.shape[0]))
        for start in range(0, self.centre.size, units):
            part = slice(start, start + units)
            distance = (self.centre[part] + delta[:, part])[None] - mean[:, None, None]
            for point in kept:
                kernel = np.exp(-0.5 * (distance / scales[point]) ** 2)
                masses[:, part] += (
                    np.einsum("mk,mqk->qk", cavity[point][:, part], kernel) / scales[point]
                )
        masses *= np.exp(self.log_likelihood(delta))
        masses /= masses.sum(axis=0)
        return LocalMasses(self.centre, step, masses)


@dataclass(frozen=True, eq=False)
class LocalMasses:
    """Masses of several logits, each on an equidistant axis of its own.

    Parameters
    ----------
    centre, step
        Logit at the middle node and distance of the nodes, ``(k,)``.
    masses
        ``(nodes, k)``; each column sums to 1.
    """

    centre: Array
    step: Array
    masses: Array

    @cached_property
    def nodes(self) -> Array:
        """Logits at the nodes, ``(nodes, k)``."""
        reach = self.masses.shape[0] // 2
        return np.asarray(self.centre + np.arange(-reach, reach + 1)[:, None] * self.step)

    def index(self, logit: Array) -> Array:
        """Return fractional node indices of logits, units last."""
        return np.asarray((logit - self.centre) / self.step + self.masses.shape[0] // 2)

    def mean_and_sd(self, values: Array) -> tuple[Array, Array]:
        """Return means and standard deviations of values at the nodes, ``(nodes, k)``."""
        middle = values[values.shape[0] // 2]
        shifted = ((values - middle) * self.masses).sum(axis=0)
        square = ((values - middle) ** 2 * self.masses).sum(axis=0) - shifted**2
        return middle + shifted, np.sqrt(np.maximum(square, 0.0))

    def quantiles(self, probabilities: tuple[float, ...]) -> list[Array]:
        """Return quantiles, logit scale."""
        pieces = 4
        _, cdf_basis, density_basis = Axis(self.masses.shape[0]).refined(pieces)
        cdf, density = (cdf_basis @ self.masses).T, (density_basis @ self.masses).T
        found = []
        for probability in probabilities:
            level = np.full(self.centre.size, probability)
            index = invert_rows(cdf, density, level, 1.0 / pieces)
            found.append(self.centre + (index - self.masses.shape[0] // 2) * self.step)
        return found


@dataclass(frozen=True, eq=False)
class MixedMarginals(LogitMarginals):
    """Marginals of logits on a mesh, some of them on axes of their own.

    Parameters
    ----------
    mesh, masses
        As in `LogitMarginals`, one column a unit.
    local
        Masses of the others.
    columns
        Their columns; what ``masses`` holds there is not used.
    """

    local: LocalMasses
    columns: IntArray

    def _with(self, shared: Array, local: Array) -> Array:
        """Return results with those of the local units put in, units last."""
        shared = np.array(shared)
        shared[..., self.columns] = local
        return shared

    @cached_property
    def mean(self) -> Array:
        """Posterior mean, logit scale."""
        shared = self.mesh.nodes @ self.masses
        return self._with(shared, self.local.mean_and_sd(self.local.nodes)[0])

    @cached_property
    def rate_mean(self) -> Array:
        """Posterior mean of the rate."""
        shared = expit(self.mesh.nodes) @ self.masses
        return self._with(shared, self.local.mean_and_sd(expit(self.local.nodes))[0])

    @cached_property
    def sd(self) -> Array:
        """Posterior standard deviation, logit scale."""
        local = self.local.mean_and_sd(self.local.nodes)[1]
        return self._with(self._sd(self.mesh.nodes), local)

    @cached_property
    def rate_sd(self) -> Array:
        """Posterior standard deviation of the rate."""
        local = self.local.mean_and_sd(expit(self.local.nodes))[1]
        return self._with(self._sd(expit(self.mesh.nodes)), local)

    def _quantiles(self, probabilities: tuple[float, ...]) -> list[Array]:
        shared = super()._quantiles(probabilities)
        local = self.local.quantiles(probabilities)
        return [self._with(one, other) for one, other in zip(shared, local, strict=True)]

    def cdf(self, x: float) -> Array:
        """Return ``P(logit <= x)``."""
        nodes = self.local.masses.shape[0]
        basis = Axis(nodes).cdf_basis(self.local.index(np.asarray(x)))
        local = np.einsum("kq,qk->k", basis, self.local.masses)
        return self._with(super().cdf(x), np.clip(local, 0.0, 1.0))

    def density(self, x: Array) -> Array:
        """Return posterior densities at logits ``x``, shape ``x.shape + (units,)``."""
        x = np.asarray(x, dtype=np.float64)
        basis = Axis(self.local.masses.shape[0]).density_basis(self.local.index(x[..., None]))
        local = np.einsum("...kq,qk->...k", basis, self.local.masses) / self.local.step
        return self._with(super().density(x), np.maximum(local, 0.0))


def unit_marginals(
    mesh: Mesh, masses: Array, local: LocalMasses | None, columns: IntArray
) -> LogitMarginals:
    """Return the marginals of units, on the mesh or on axes of their own."""
    if local is None:
        return LogitMarginals(mesh, masses)
    return MixedMarginals(mesh, masses, local, columns)
