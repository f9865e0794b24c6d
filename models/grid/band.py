r"""Band-limited interpolation: densities and distribution functions between equidistant nodes.

The engine represents a density by its masses :math:`p_j` at equidistant values :math:`j` of a
coordinate (a smooth map of the logit, or of a scale). When the nodes resolve the density, the
function that passes through them is the Whittaker-Shannon series, and its integral is known::

    f(u) = sum_j p_j sinc(u - j)            F(u) = sum_j p_j (1/2 + Si(pi (u - j)) / pi)

with the sine integral ``Si``. Interpolation therefore loses nothing that the quadrature had. A
scale whose grid starts at zero has an even density, with the node at zero carrying half a weight;
its series is folded at zero.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import sici

from models.grid.distributions import Array

_NEWTON_STEPS = 4
"""Steps inside one cell; the cubic is nearly linear there, so four reach rounding error."""


def _step(u: Array) -> Array:
    """Return the band-limited unit step ``1/2 + Si(pi u) / pi``."""
    return np.asarray(0.5 + sici(math.pi * u)[0] / math.pi)


def _sinc_rows(u: Array, size: int) -> Array:
    """Return ``sinc(u - j)`` for ``j = 0 .. size - 1``; one sine for each ``u``."""
    flat = u.ravel()
    nearest = np.rint(flat)
    rest = flat - nearest
    sine = np.sin(math.pi * rest) / math.pi
    sine *= 1.0 - 2.0 * np.mod(nearest, 2.0)
    nodes = np.arange(size)
    rows = flat[:, None] - nodes
    # At the nearest node the quotient may be 0 / 0; it is set below.
    with np.errstate(divide="ignore", invalid="ignore"):
        np.divide(1.0 - 2.0 * (nodes % 2), rows, out=rows)
        rows *= sine[:, None]
    near = np.flatnonzero((nearest >= 0) & (nearest < size))
    rows[near, nearest[near].astype(np.intp)] = np.sinc(rest[near])
    return rows.reshape(*u.shape, size)


@dataclass(frozen=True)
class Axis:
    """Equidistant nodes ``0, 1, ..., size - 1`` that carry the masses of a density.

    Parameters
    ----------
    size
        Number of nodes.
    even
        Whether node 0 is the scale zero, where the density is continued as an even function.
    """

    size: int
    even: bool = False

    def density_basis(self, u: Array) -> Array:
        """Return ``B`` with ``density(u) = B @ masses``; shape ``u.shape + (size,)``."""
        u = np.asarray(u, dtype=np.float64)
        if not self.even:
            return _sinc_rows(u, self.size)
        # sinc(u + j) is sinc(-u - j).
        return np.asarray(_sinc_rows(u, self.size) + _sinc_rows(-u, self.size))

    def cdf_basis(self, u: Array) -> Array:
        """Return ``C`` with ``P(coordinate <= u) = C @ masses``; shape ``u.shape + (size,)``."""
        u = np.asarray(u, dtype=np.float64)
        nodes = np.arange(self.size)
        right = _step(u[..., None] - nodes)
        return right + _step(u[..., None] + nodes) - 1.0 if self.even else right

    def refined(self, pieces: int) -> tuple[Array, Array, Array]:
        """Return a finer equidistant grid with both bases on it.

        Parameters
        ----------
        pieces
            Cells that each cell is cut into.

        Returns
        -------
        tuple of ndarray
            Grid coordinates ``(n,)``, CDF basis and density basis, both ``(n, size)``, where
            ``n = (size - 1) * pieces + 1``. All differences of coordinates are multiples of one
            step, so the transcendental functions are evaluated once for each.
        """
        count = (self.size - 1) * pieces + 1
        offsets = np.arange(-(count - 1), 2 * count - 1) / pieces
        step, sinc = _step(offsets), np.sinc(offsets)
        shift = np.arange(count)[:, None] + (count - 1)
        nodes = np.arange(self.size) * pieces
        cdf, density = step[shift - nodes], sinc[shift - nodes]
        if self.even:
            cdf = cdf + step[shift + nodes] - 1.0
            density = density + sinc[shift + nodes]
        return np.arange(count) / pieces, cdf, density


def interpolate_rows(cdf: Array, density: Array, u: Array, spacing: float = 1.0) -> Array:
    """Return tabulated distribution functions at coordinates ``u``, by cubics in each cell.

    Parameters
    ----------
    cdf, density
        Distribution functions and densities at equidistant coordinates, shape ``(rows, nodes)``.
    u
        Coordinates, shape ``(rows, n)``, in units where the first node is 0.
    spacing
        Distance between the tabulated coordinates.
    """
    scaled = np.clip(u / spacing, 0.0, cdf.shape[1] - 1.0)
    cell = np.minimum(scaled.astype(np.intp), cdf.shape[1] - 2)
    t = scaled - cell
    rows = np.arange(cdf.shape[0])[:, None]
    low, high = cdf[rows, cell], cdf[rows, cell + 1]
    a = density[rows, cell] * spacing - (high - low)
    b = (high - low) - density[rows, cell + 1] * spacing
    return np.asarray(low + t * (high - low) + t * (1.0 - t) * ((1.0 - t) * a + t * b))


def invert_rows(cdf: Array, density: Array, probability: Array, spacing: float = 1.0) -> Array:
    """Solve ``F(u) = probability`` row by row for tabulated distribution functions.

    Inside a cell ``F`` is the cubic that matches the distribution function and the density at
    both ends.

    Parameters
    ----------
    cdf, density
        Distribution functions and densities at equidistant coordinates, shape ``(rows, nodes)``.
    probability
        One probability a row, shape ``(rows,)``.
    spacing
        Distance between the coordinates.

    Returns
    -------
    ndarray
        Coordinates, shape ``(rows,)``, in units where the first tabulated node is 0.
    """
    rows = np.arange(cdf.shape[0])
    # Rounding may leave ripples of 1e-16 in F; counting is safe against them where bisection is
    # not.
    cell = np.count_nonzero(cdf < probability[:, None], axis=1) - 1
    cell = np.clip(cell, 0, cdf.shape[1] - 2)
    return _solve_cells(
        cell,
        (cdf[rows, cell], cdf[rows, cell + 1]),
        (density[rows, cell], density[rows, cell + 1]),
        probability,
        spacing,
    )


def invert_table(cdf: Array, density: Array, probability: Array, spacing: float = 1.0) -> Array:
    """Solve ``F(u) = probability`` for one table, shape ``(nodes,)``, and many probabilities."""
    cell = np.searchsorted(np.maximum.accumulate(cdf), probability) - 1
    cell = np.clip(cell, 0, cdf.size - 2)
    return _solve_cells(
        cell,
        (cdf[cell], cdf[cell + 1]),
        (density[cell], density[cell + 1]),
        probability,
        spacing,
    )


def _solve_cells(
    cell: NDArray[np.intp],
    cdf: tuple[Array, Array],
    density: tuple[Array, Array],
    probability: Array,
    spacing: float,
) -> Array:
    low, high = cdf
    rise = np.maximum(high - low, 1e-300)
    target = np.clip((probability - low) / rise, 0.0, 1.0)
    # More than three times the mean slope would let the cubic turn (Fritsch and Carlson 1980).
    a, b = (np.clip(slope * spacing / rise, 0.0, 3.0) for slope in density)
    cubic, square = a + b - 2.0, 3.0 - 2.0 * a - b
    t = target.copy()
    for _ in range(_NEWTON_STEPS):
        value = ((cubic * t + square) * t + a) * t - target
        slope = (3.0 * cubic * t + 2.0 * square) * t + a
        t = np.clip(t - value / np.maximum(slope, 0.05), 0.0, 1.0)
    return np.asarray((cell + t) * spacing)
