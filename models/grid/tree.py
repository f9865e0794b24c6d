r"""Belief propagation on a mesh: all messages and marginals of a two-level binomial-logit tree.

Given the scales, everything is linear algebra with row-stochastic matrices: ``K(s)[m, j]`` is the
probability that a normal step of standard deviation ``s`` leads from mesh node ``m`` to ``j``
(trapezoid weights times normal density, rows normalised; the identity at ``s = 0``). See the
package docstring for the messages. Products of likelihoods are taken on the log scale.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.special import expit

from models.grid.data import TreeData
from models.grid.distributions import Array, Normal
from models.grid.mesh import Mesh, ScaleRule
from models.grid.sharp import LocalMasses, SharpUnits

_TINY = 1e-300
_LARGEST_LOG = 690.0
_REACH = 9.0
"""Standard deviations of a normal step that are tabulated; 2e-19 lies beyond."""
_CHUNK = 4_000_000
"""Elements of a temporary array; keeps the logs of 10,000 studies' messages near the cache."""


@dataclass(frozen=True, eq=False)
class Grid:
    """Where the functions of a tree are tabulated.

    Parameters
    ----------
    mesh
        Logit mesh of every level.
    root
        Rows of the mesh on which the overall mean lives.
    family
        Rows of the mesh on which family means live.
    outer, inner
        Rule of the scale under the root and of the scale under families (``None`` without
        families).
    local
        Resolution of the axes of sharp units, ``None`` where the mesh resolves all units.
    """

    mesh: Mesh
    root: slice
    family: slice
    outer: ScaleRule
    inner: ScaleRule | None
    local: float | None = None


def transition(mesh: Mesh, rows: slice, scales: Array) -> Array:
    """Return the row-stochastic matrices of normal steps from ``rows`` to every node.

    Returns
    -------
    ndarray
        Shape ``(scales, rows, nodes)``.
    """
    starts = mesh.nodes[rows]
    matrix = np.zeros((scales.size, starts.size, mesh.size))
    for point, scale in enumerate(scales):
        if scale == 0.0:
            matrix[point] = np.eye(mesh.size)[rows]
            continue
        far = _REACH * scale
        first = max(int(np.searchsorted(mesh.nodes, starts[0] - far)) - 1, 0)
        last = int(np.searchsorted(mesh.nodes, starts[-1] + far)) + 1
        block = (starts[:, None] - mesh.nodes[first:last]) / scale
        block *= block
        block *= -0.5
        np.exp(block, out=block)
        block *= mesh.weights[first:last]
        block /= block.sum(axis=1, keepdims=True)
        matrix[point, :, first:last] = block
    return matrix


def _sum_of_logs(messages: Array, out: Array) -> Array:
    """Add ``log(messages).sum(axis=-1)`` to ``out``, a block of rows at a time."""
    block = max(1, _CHUNK // max(1, messages.shape[-1]))
    for start in range(0, messages.shape[0], block):
        part = np.maximum(messages[start : start + block], _TINY)
        out[start : start + block] += np.log(part, out=part).sum(axis=-1)
    return out


def _log_sum(values: Array) -> Array:
    """Return the log of the sum of exponentials over the last axis."""
    top = values.max(axis=-1)
    return np.asarray(top + np.log(np.exp(values - top[..., None]).sum(axis=-1)))


@dataclass(frozen=True, eq=False)
class GridState:
    """Messages and posterior masses of a tree on a grid.

    Axes are written ``A`` (outer scale), ``M`` (overall mean), ``B`` (inner scale; length 1
    without families), ``E`` (family mean), ``G`` (mesh), ``F`` (families), and ``k0``, ``k1``
    (units under the root, units under families, in the order of ``data.loose`` and
    ``data.nested``).

    Parameters
    ----------
    data, grid, prior
        What the posterior belongs to.
    log_marginal
        Log marginal likelihood, binomial coefficients included.
    joint
        Posterior masses of outer scale, mean and inner scale, ``(A, M, B)``, summing to 1.
    loose_messages
        ``P(x_i | mean, outer scale)`` over its supremum's constant, ``(A, M, k0)``.
    family_messages
        Likelihood of a family given mean and scales, scaled within each ``(B, F)``,
        ``(A, M, B, F)``.
    nested_messages
        ``P(x_i | family mean, inner scale)``, scaled likewise, ``(B, E, k1)``.
    family_log_likelihood
        Log of the product of a family's messages given its mean, its maximum over the means
        taken off, ``(E, B, F)``.
    family_log_scale
        What was taken off, ``(B, F)``.
    family_joint
        Posterior masses of family mean and inner scale, ``(E, B, F)``; each family sums to 1.
    loose_likelihood, nested_likelihood
        Likelihoods on the mesh, ``(G, k0)`` and ``(G, k1)``.
    outer_steps, inner_steps
        Transition matrices ``(A, M, G)`` and ``(B, E, G)``.
    log_mean_outer
        Log of ``mean_outer``, for sharp units, whose messages underflow.
    log_sharp
        Logs of the sharp units' messages, ``(A, M, sharp units)``.
    """

    data: TreeData
    grid: Grid
    prior: Normal
    log_marginal: float
    joint: Array
    loose_messages: Array
    family_messages: Array
    nested_messages: Array
    family_log_likelihood: Array
    family_log_scale: Array
    family_joint: Array
    loose_likelihood: Array
    nested_likelihood: Array
    outer_steps: Array
    inner_steps: Array
    log_mean_outer: Array
    log_sharp: Array

    @cached_property
    def mean_outer(self) -> Array:
        """Masses of (outer scale, mean), ``(A, M)``."""
        return np.asarray(self.joint.sum(axis=2))

    @cached_property
    def loose_cavity(self) -> Array:
        """``mean_outer`` over each loose unit's message, ``(A, M, k0)``; sums are 1 / LOO."""
        cavity = self.mean_outer[:, :, None] / np.maximum(self.loose_messages, _TINY)
        if self.data.sharp.size:
            log_cavity = self.log_mean_outer[:, :, None] - self.log_sharp
            cavity[:, :, self.data.sharp] = np.exp(np.minimum(log_cavity, _LARGEST_LOG))
        return np.asarray(cavity)

    @cached_property
    def family_cavity(self) -> tuple[Array, Array]:
        """``joint`` over each family's likelihood, ``(A, M, B, F)``, and the log of its sum.

        The cavities are normalised: each is the posterior of mean and scales without the family.
        Minus the log sums, ``(F,)``, are leave-one-family-out densities without constants.
        """
        with np.errstate(divide="ignore"):
            log_cavity = np.log(self.joint)[..., None] - self.family_log_scale
            log_cavity = log_cavity - np.log(np.maximum(self.family_messages, _TINY))
        top = log_cavity.max(axis=(0, 1, 2), initial=-np.inf)
        cavity = np.exp(log_cavity - top)
        total = cavity.sum(axis=(0, 1, 2))
        return cavity / total, top + np.log(total)

    @cached_property
    def nested_cavity(self) -> Array:
        """Family masses over each nested unit's message, ``(B, E, k1)``."""
        family = self.family_joint[:, :, self.data.family_of_nested].transpose(1, 0, 2)
        return np.asarray(family / np.maximum(self.nested_messages, _TINY))

    @cached_property
    def unit_masses(self) -> Array:
        """Posterior masses of every unit's logit on the mesh, ``(G, k)``, in data order."""
        data = self.data
        masses = np.empty((self.grid.mesh.size, data.events.size))
        laid = np.arange(data.loose.size)
        cavity, likelihood = self.loose_cavity, self.loose_likelihood
        if self.grid.local is not None:
            masses[:, data.loose[data.sharp]] = 0.0
            laid = np.delete(laid, data.sharp)
            cavity, likelihood = cavity[:, :, laid], likelihood[:, laid]
        masses[:, data.loose[laid]] = _flow(self.outer_steps, cavity, likelihood)
        if data.nested.size:
            masses[:, data.nested] = _flow(
                self.inner_steps, self.nested_cavity, self.nested_likelihood
            )
        return masses

    @cached_property
    def local_units(self) -> LocalMasses | None:
        """Posterior masses of the sharp units that the mesh does not resolve."""
        if self.grid.local is None:
            return None
        return SharpUnits(self.data).local(
            self.loose_cavity[:, :, self.data.sharp],
            self.grid.mesh.nodes[self.grid.root],
            self.grid.outer.nodes,
            self.joint.sum(axis=(1, 2)),
            self.grid.local,
        )

    @cached_property
    def root_masses(self) -> Array:
        """Posterior masses of the overall mean on the mesh, ``(G,)``."""
        masses = np.zeros(self.grid.mesh.size)
        masses[self.grid.root] = self.joint.sum(axis=(0, 2))
        return masses

    @cached_property
    def family_masses(self) -> Array:
        """Posterior masses of the family means on the mesh, ``(G, F)``."""
        masses = np.zeros((self.grid.mesh.size, self.data.families))
        masses[self.grid.family] = self.family_joint.sum(axis=1)
        return masses

    @cached_property
    def inner_steps_everywhere(self) -> Array:
        """Transition matrices of the inner scale from every node, ``(B, G, G)``."""
        assert self.grid.inner is not None
        mesh = self.grid.mesh
        return transition(mesh, slice(0, mesh.size), self.grid.inner.nodes)

    @cached_property
    def new_child_masses(self) -> Array:
        """Predictive masses of a new child of the root, joint with the inner scale, ``(G, B)``."""
        n_outer, n_root, n_mesh = self.outer_steps.shape
        steps = self.outer_steps.reshape(n_outer * n_root, n_mesh)
        return np.asarray(steps.T @ self.joint.reshape(n_outer * n_root, -1))

    @cached_property
    def new_grandchild_masses(self) -> Array:
        """Predictive masses of a new unit in a new family, ``(G,)``."""
        masses = np.einsum("gb,bgh->h", self.new_child_masses, self.inner_steps_everywhere)
        return np.asarray(masses)

    @cached_property
    def new_cousin_masses(self) -> Array:
        """Predictive masses of a new unit in each family, ``(G, F)``."""
        n_inner, n_rows, n_mesh = self.inner_steps.shape
        steps = self.inner_steps.reshape(n_inner * n_rows, n_mesh)
        joint = self.family_joint.transpose(1, 0, 2).reshape(n_inner * n_rows, -1)
        return np.asarray(steps.T @ joint)

    @cached_property
    def outer_average(self) -> Array:
        """``E expit(mean + outer scale * z)`` given both, ``(A, M)``."""
        return np.asarray(self.outer_steps @ expit(self.grid.mesh.nodes))

    @cached_property
    def inner_average(self) -> Array:
        """``E expit(family mean + inner scale * z)`` given both, ``(B, E)``."""
        return np.asarray(self.inner_steps @ expit(self.grid.mesh.nodes))


def _flow(steps: Array, cavity: Array, likelihood: Array) -> Array:
    """Carry cavity masses down to the leaves: ``L * (K' R)``, columns normalised."""
    rows, nodes = steps.shape[0] * steps.shape[1], steps.shape[2]
    masses = steps.reshape(rows, nodes).T @ cavity.reshape(rows, -1)
    masses *= likelihood
    # The sum differs from 1 by rounding only.
    masses /= masses.sum(axis=0)
    return np.asarray(masses)


def propagate(data: TreeData, grid: Grid, prior: Normal) -> GridState:
    """Run the upward pass, the outer quadrature and the downward pass to the families.

    Parameters
    ----------
    data, grid, prior
        The counts, where to tabulate, and the prior of the overall mean. The scales' priors are
        part of the grid's rules.
    """
    mesh = grid.mesh
    scales = grid.outer.nodes
    outer_steps = transition(mesh, grid.root, scales)
    n_outer, n_root, n_mesh = outer_steps.shape
    flat_steps = outer_steps.reshape(n_outer * n_root, n_mesh)

    loose_likelihood = data.likelihood(mesh.nodes, data.loose)
    loose_messages = (flat_steps @ loose_likelihood).reshape(n_outer, n_root, -1)

    sharp = SharpUnits(data)
    log_sharp = np.empty((n_outer * n_root, data.sharp.size))
    if data.sharp.size:
        # Ones on the mesh: their logs are added below.
        loose_messages[:, :, data.sharp] = 1.0
        mean = np.tile(mesh.nodes[grid.root], n_outer)
        log_sharp = sharp.log_messages(mean, np.repeat(scales, n_root))

    log_root = prior.logpdf(mesh.nodes[grid.root]) + np.log(mesh.weights[grid.root])
    log_joint = grid.outer.log_weights[:, None] + log_root
    log_joint = _sum_of_logs(
        loose_messages.reshape(n_outer * n_root, -1), log_joint.reshape(-1)
    ).reshape(n_outer, n_root, 1)
    if data.sharp.size:
        log_joint += log_sharp.sum(axis=1).reshape(log_joint.shape)
        loose_messages[:, :, data.sharp] = np.exp(log_sharp).reshape(n_outer, n_root, -1)

    if data.families and grid.inner is not None:
        up = _family_upward(data, grid)
        inner_steps, nested_likelihood, nested_messages, family_log, log_scale = up
        family_likelihood = np.exp(family_log)
        n_family, n_inner = family_likelihood.shape[:2]
        family_messages = (
            flat_steps[:, grid.family] @ family_likelihood.reshape(n_family, -1)
        ).reshape(n_outer, n_root, n_inner, data.families)
        inner_log = grid.inner.log_weights + log_scale.sum(axis=1)
        log_joint = log_joint + inner_log
        log_joint += np.log(np.maximum(family_messages, _TINY)).sum(axis=-1)
    else:
        n_rows = mesh.nodes[grid.family].size
        inner_steps = np.empty((1, n_rows, n_mesh))
        nested_likelihood = np.empty((n_mesh, 0))
        nested_messages = np.empty((1, n_rows, 0))
        family_log = family_likelihood = np.empty((n_rows, 1, 0))
        log_scale = np.empty((1, 0))
        family_messages = np.empty((n_outer, n_root, 1, 0))

    top = float(log_joint.max())
    joint = np.exp(log_joint - top)
    total = float(joint.sum())
    joint /= total
    log_marginal = top + float(np.log(total)) + float(data.log_constant.sum())

    family_joint = np.empty_like(family_likelihood)
    if data.families:
        cavity = joint[..., None] / np.maximum(family_messages, _TINY)
        down = flat_steps[:, grid.family].T @ cavity.reshape(n_outer * n_root, -1)
        family_joint = family_likelihood * down.reshape(family_likelihood.shape)
        family_joint /= family_joint.sum(axis=(0, 1))

    return GridState(
        data=data,
        grid=grid,
        prior=prior,
        log_marginal=log_marginal,
        joint=joint,
        loose_messages=loose_messages,
        family_messages=family_messages,
        nested_messages=nested_messages,
        family_log_likelihood=family_log,
        family_log_scale=log_scale,
        family_joint=family_joint,
        loose_likelihood=loose_likelihood,
        nested_likelihood=nested_likelihood,
        outer_steps=outer_steps,
        inner_steps=inner_steps,
        log_mean_outer=_log_sum(log_joint) - top - float(np.log(total)),
        log_sharp=log_sharp.reshape(n_outer, n_root, -1),
    )


def _family_upward(data: TreeData, grid: Grid) -> tuple[Array, Array, Array, Array, Array]:
    """Return steps, leaf likelihoods and messages, family log products and what scales them."""
    assert grid.inner is not None
    mesh = grid.mesh
    inner_steps = transition(mesh, grid.family, grid.inner.nodes)
    n_inner, n_rows, n_mesh = inner_steps.shape
    likelihood = data.likelihood(mesh.nodes, data.nested)
    messages = inner_steps.reshape(n_inner * n_rows, n_mesh) @ likelihood
    starts = np.searchsorted(data.family_of_nested, np.arange(data.families + 1))
    log_product = np.zeros((data.families, n_inner * n_rows))
    for family in range(data.families):
        _sum_of_logs(messages[:, starts[family] : starts[family + 1]], log_product[family])
    log_product = log_product.reshape(data.families, n_inner, n_rows)
    log_scale = log_product.max(axis=2)
    product = (log_product - log_scale[:, :, None]).transpose(2, 1, 0)
    return (
        inner_steps,
        likelihood,
        messages.reshape(n_inner, n_rows, -1),
        np.ascontiguousarray(product),
        log_scale.T,
    )
