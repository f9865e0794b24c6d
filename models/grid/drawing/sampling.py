r"""Independent draws of everything jointly, continuous in every parameter.

Scales and overall mean are drawn one after the other, each by inverting the band-limited
distribution function of its conditional, interpolated at the values drawn before. Family means
and unit logits are then drawn by exact rejection given their parent and scale, a family's log
likelihood being interpolated by cubic splines.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from scipy.special import ndtr

from models.grid.band import Axis, invert_rows, invert_table
from models.grid.distributions import Array
from models.grid.drawing.rejection import BinomialTarget, Subset, draw
from models.grid.mesh import Mesh
from models.grid.tree import Grid, GridState
from models.numerics.threads import one_blas_thread

_ROWS = 1000
_FAMILY_ROWS = 4000
_UNSOUND = 1e-290
_NEGLIGIBLE = 1e-9
_BLOCK = 32_768
"""Draws handled at once: the temporary arrays then stay in the processor's cache."""


def _invert(axis: Axis, masses: Array, uniform: Array) -> Array:
    """Draw one coordinate for each row of masses ``(rows, axis.size)``."""
    _, cdf_basis, density_basis = axis.refined(1)
    cdf = masses @ cdf_basis.T
    # Interpolated masses need not sum to one: only their shape matters.
    return invert_rows(cdf, masses @ density_basis.T, uniform * cdf[:, -1])


def draw_scales_and_mean(
    state: GridState, size: int, rng: np.random.Generator
) -> tuple[Array, Array, Array]:
    """Draw overall mean, outer scale and inner scale (zeros without families).

    Returns
    -------
    tuple
        ``mu, outer, inner``, each of shape ``(size,)``.
    """
    grid = state.grid
    joint = state.joint.transpose(0, 2, 1)
    outer_axis = grid.outer.axis
    uniform = rng.random((3, size))
    masses = joint.sum(axis=(1, 2))
    pieces = 8
    _, cdf_basis, density_basis = outer_axis.refined(pieces)
    cdf = cdf_basis @ masses
    outer_index = invert_table(cdf, density_basis @ masses, uniform[0] * cdf[-1], 1.0 / pieces)
    weights = outer_axis.density_basis(outer_index)

    inner = np.zeros(size)
    inner_weights = np.ones((size, 1))
    if grid.inner is not None:
        inner_axis = grid.inner.axis
        conditional = np.maximum(weights @ joint.sum(axis=2), 0.0)
        inner_index = _invert(inner_axis, conditional, uniform[1])
        inner = np.maximum(grid.inner.scale(inner_index), 0.0)
        inner_weights = inner_axis.density_basis(inner_index)
    # Nodes and rows whose masses cannot matter are left out of the product.
    outer_node, inner_node = np.nonzero(joint.sum(axis=2) > _NEGLIGIBLE)
    kept = np.flatnonzero(joint.sum(axis=(0, 1)) > _NEGLIGIBLE)
    rows = slice(int(kept[0]), int(kept[-1]) + 1)
    flat = np.ascontiguousarray(joint[outer_node, inner_node, rows])
    root_axis = Axis(flat.shape[1])
    root_index = np.empty(size)
    for start in range(0, size, _ROWS):
        part = slice(start, start + _ROWS)
        both = weights[part, outer_node] * inner_weights[part, inner_node]
        conditional = np.maximum(both @ flat, 0.0)
        root_index[part] = _invert(root_axis, conditional, uniform[2, part])
    mu = grid.mesh.logit(root_index + (grid.root.start + rows.start))
    return mu, np.maximum(grid.outer.scale(outer_index), 0.0), inner


def _second_differences(size: int, even: bool) -> Array:
    """Return the matrix that gives a cubic spline's second derivatives at equidistant nodes.

    End conditions: zero slope at the first node of an even function, zero third derivative
    elsewhere.
    """
    system, right = np.zeros((size, size)), np.zeros((size, size))
    inside = np.arange(1, size - 1)
    system[inside, inside - 1] = system[inside, inside + 1] = 1.0
    system[inside, inside] = 4.0
    right[inside, inside - 1] = right[inside, inside + 1] = 6.0
    right[inside, inside] = -12.0
    system[0, :2] = (2.0, 1.0) if even else (1.0, -1.0)
    right[0, :2] = (-6.0, 6.0) if even else (0.0, 0.0)
    system[-1, -2:] = -1.0, 1.0
    return np.asarray(np.linalg.solve(system, right))


def _spline_weights(size: int, even: bool, index: Array) -> Array:
    """Return weights ``(n, size)`` of a cubic spline through values at equidistant nodes."""
    second = _second_differences(size, even)
    index = np.clip(index, 0.0, size - 1.0)
    cell = np.minimum(index.astype(np.intp), size - 2)
    b = (index - cell)[:, None]
    a = 1.0 - b
    weights = a * (a * a - 1.0) / 6.0 * second[cell]
    weights += b * (b * b - 1.0) / 6.0 * second[cell + 1]
    rows = np.arange(index.size)
    weights[rows, cell] += a[:, 0]
    weights[rows, cell + 1] += b[:, 0]
    return np.asarray(weights)


class _FamilyTarget:
    """Log likelihood of a family's mean, one spline in the mesh coordinate for each draw."""

    def __init__(
        self, mesh: Mesh, first: int, values: Array, second: Array, mean: Array, scale: Array
    ) -> None:
        self._mesh, self._first = mesh, first
        self._values, self._second = values, second
        self._mean, self._scale = mean, scale

    def _evaluate(self, z: Array, subset: Subset) -> tuple[Array, Array, Array]:
        """Return height, slope and minus curvature in ``z`` of the targets of ``subset``."""
        mean, scale = self._mean[subset], self._scale[subset]
        logit = mean + scale * z
        index, density = self._mesh.index_and_density(logit)
        index -= self._first
        rows = np.arange(self._mean.size)[subset]
        cell = np.clip(index.astype(np.intp), 0, self._values.shape[1] - 2)
        # Outside the table (where no draw can fall) the end cells' lines continue.
        b = np.clip(index - cell, 0.0, 1.0)
        a = 1.0 - b
        low, high = self._values[rows, cell], self._values[rows, cell + 1]
        bend_low, bend_high = self._second[rows, cell], self._second[rows, cell + 1]
        a2, b2 = a * a - 1.0, b * b - 1.0
        value = a * (low + a2 * bend_low / 6.0) + b * (high + b2 * bend_high / 6.0)
        slope = high - low
        slope += (0.5 * b2 + 1.0 / 3.0) * bend_high - (0.5 * a2 + 1.0 / 3.0) * bend_low
        value += slope * (index - cell - b)
        stretch = scale * density
        bend = 1.0 - stretch * stretch * (a * bend_low + b * bend_high)
        return value - 0.5 * z * z, slope * stretch - z, np.maximum(bend, 1.0)

    def newton(self, z: Array, subset: Subset) -> tuple[Array, Array]:
        """Return slope and minus curvature of the targets of ``subset``."""
        _, slope, bend = self._evaluate(z, subset)
        return slope, bend

    def tangent(self, z: Array, subset: Subset) -> tuple[Array, Array]:
        """Return height and slope of the targets of ``subset``."""
        height, slope, _ = self._evaluate(z, subset)
        return height, slope

    def height(self, z: Array, subset: Subset) -> Array:
        """Return the height of the targets of ``subset``."""
        return self._evaluate(z, subset)[0]


def draw_families(
    state: GridState, mu: Array, outer: Array, inner: Array, rng: np.random.Generator
) -> Array:
    """Draw family effects ``z``, mean ``mu + outer * z``; shape ``(draws, families)``."""
    grid = state.grid
    assert grid.inner is not None
    families = state.data.families
    weights = _spline_weights(grid.inner.size, grid.inner.first == 0, grid.inner.index(inner))
    table = _concave_tables(state)
    second = table @ _second_differences(table.shape[2], False).T
    z = np.empty((mu.size, families))
    for start in range(0, mu.size, _FAMILY_ROWS):
        part = slice(start, start + _FAMILY_ROWS)
        values, seconds = (
            (weights[part] @ knots.reshape(knots.shape[0], -1)).reshape(-1, *knots.shape[1:])
            for knots in (table, second)
        )
        block = z[part]
        _fill_families(grid, values, seconds, mu[part], outer[part], block, rng)
    return z


@one_blas_thread()
def draw_group_means(
    state: GridState, size: int, rng: np.random.Generator
) -> tuple[Array, Array, Array]:
    """Draw the group means of a subgroup model with its scales, without the effects of studies.

    Returns
    -------
    tuple
        Means ``(size, groups)``, scale between groups ``(size,)``, tau ``(size,)``; logit scale.
    """
    mu, outer, inner = draw_scales_and_mean(state, size, rng)
    effects = draw_families(state, mu, outer, inner, rng)
    return mu[:, None] + outer[:, None] * effects, outer, inner


def _concave_tables(state: GridState) -> Array:
    """Return the families' log likelihoods ``(B, F, E)``, continued where they underflow.

    A unit's message below the smallest number is held at a floor, which would break concavity:
    from the last sound node on, the tangent goes on instead.
    """
    table = state.family_log_likelihood.transpose(1, 2, 0).copy()
    members = state.data.family_of_nested
    nodes = state.grid.mesh.nodes[state.grid.family]
    unsound = state.nested_messages < _UNSOUND
    for point, unit in np.argwhere(unsound.any(axis=1)):
        row = table[point, members[unit]]
        sound = np.flatnonzero(~unsound[point, :, unit])
        first, last = int(sound[0]), int(sound[-1])
        if first > 0:
            slope = (row[first + 1] - row[first]) / (nodes[first + 1] - nodes[first])
            line = row[first] + slope * (nodes[:first] - nodes[first])
            row[:first] = np.minimum(row[:first], line)
        if last < nodes.size - 1:
            slope = (row[last] - row[last - 1]) / (nodes[last] - nodes[last - 1])
            line = row[last] + slope * (nodes[last + 1 :] - nodes[last])
            row[last + 1 :] = np.minimum(row[last + 1 :], line)
    return table


def _fill_families(
    grid: Grid,
    values: Array,
    seconds: Array,
    mu: Array,
    outer: Array,
    z: Array,
    rng: np.random.Generator,
) -> None:
    def fill(family: int, stream: np.random.Generator) -> None:
        target = _FamilyTarget(
            grid.mesh, grid.family.start, values[:, family], seconds[:, family], mu, outer
        )
        z[:, family] = draw(target, np.zeros(mu.size), stream)

    _each(fill, list(range(z.shape[1])), rng)


def draw_units(
    events: Array, total: Array, parent: Array, scale: Array, rng: np.random.Generator
) -> Array:
    """Draw unit effects ``z``, logit ``parent + scale * z``, exactly from their conditionals.

    Parameters
    ----------
    events, total
        Counts, shape ``(k,)``.
    parent
        Mean of each unit, shape ``(draws, k)`` or ``(draws, 1)``.
    scale
        Standard deviation of units about it, shape ``(draws,)``.
    rng
        Source of randomness.
    """
    z = np.empty((scale.size, events.size))
    rows = max(1, _BLOCK // max(events.size, 1))
    # Modes are guessed from normal approximations of the likelihoods.
    high, low = events + 0.5, total - events + 0.5
    guess, variance = np.log(high / low), 1.0 / high + 1.0 / low

    def fill(first: int, stream: np.random.Generator) -> None:
        part = slice(first, first + rows)
        shape = z[part].shape
        s = scale[part, None]
        start = s * (guess - parent[part]) / (s * s + variance)
        target = BinomialTarget(
            np.broadcast_to(events, shape).ravel(),
            np.broadcast_to(total, shape).ravel(),
            np.broadcast_to(parent[part], shape).ravel(),
            np.broadcast_to(s, shape).ravel(),
        )
        z[part] = draw(target, start.ravel(), stream).reshape(shape)

    _each(fill, list(range(0, scale.size, rows)), rng)
    return z


def _each[T](
    fill: Callable[[T, np.random.Generator], None], blocks: list[T], rng: np.random.Generator
) -> None:
    """Run ``fill`` on every block with a stream of its own, on two threads.

    NumPy's loops release the interpreter. Streams belong to blocks, not to threads, so the draws
    depend on the seed only.
    """
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(fill, blocks, rng.spawn(len(blocks))))


def average_rates(mean: Array, scale: Array) -> Array:
    r"""Return ``E expit(mean + scale z)``, z standard normal, elementwise.

    Up to a scale of 2 by the trapezoid rule in ``z``; above, as ``E ndtr((mean + l) / scale)``
    with a standard logistic ``l``, by the trapezoid rule in ``l``. The integrands are analytic in
    strips of ``pi / scale`` and ``pi``, which puts either error below 1e-7.
    """
    mean, scale = np.broadcast_arrays(mean, scale)
    shape = mean.shape
    mean, scale = mean.ravel(), scale.ravel()
    result = np.empty(mean.size)
    z = np.linspace(-6.6, 6.6, 23)
    normal = np.exp(-0.5 * z * z)
    normal /= normal.sum()
    noise = np.arange(-22.0, 23.0)
    logistic = 0.25 / np.cosh(0.5 * noise) ** 2
    logistic /= logistic.sum()
    small = np.flatnonzero(scale <= 2.0)
    for start in range(0, small.size, _ROWS):
        part = small[start : start + _ROWS]
        odds = np.exp(-(mean[part, None] + scale[part, None] * z))
        result[part] = (1.0 / (1.0 + odds)) @ normal
    large = np.flatnonzero(scale > 2.0)
    for start in range(0, large.size, _ROWS):
        part = large[start : start + _ROWS]
        result[part] = ndtr((mean[part, None] + noise) / scale[part, None]) @ logistic
    return result.reshape(shape)
