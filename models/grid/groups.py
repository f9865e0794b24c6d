"""Groups against each other without Monte Carlo: P(a > b), and groups that share nothing but tau.

In the subgroup model the means of groups are independent given the overall mean and both scales, so
the probability that one exceeds another is a sum over the grid of products of a density and a
distribution function. With unpooled means, ``eta_g ~ Normal(mu_mean, mu_sd)`` independently and
``tau`` common, the likelihoods ``G_g(eta; tau)`` of the groups are those of the subgroup model, and
the posterior is::

    p(tau | x)       ~  p(tau)  prod_g  int G_g(eta; tau) Normal(eta; mu_mean, mu_sd) d eta
    p(eta_g | tau)   ~  G_g(eta; tau) Normal(eta; mu_mean, mu_sd)
"""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from models.common.errors import InputError
from models.grid.band import Axis, invert_table
from models.grid.data import TreeData
from models.grid.distributions import Array, HalfNormal, Normal, ScalePrior
from models.grid.marginals import AverageRate, LogitMarginals, ScaleMarginal
from models.grid.placement import find_plan
from models.grid.plan import lay_grid
from models.grid.solve import TOLERANCE
from models.grid.tree import Grid, GridState, propagate
from models.numerics.threads import one_blas_thread

type Places = NDArray[np.intp]

_TINY = 1e-300
_WIDE = 3.0
"""Scale of the prior of sigma_group, in units of mu_sd, that lays the mesh of the group means: wide
enough that no group mean is pulled into a window narrower than its own likelihood."""
_RESOLUTIONS = (0.6, 0.8, 1.0, 4.0 / 3.0, 16.0 / 9.0)
_PIECES, _FINER = 4, 16
_RESOLVED = 2.5
"""A normal kernel is resolved by a mesh whose step is at most its standard deviation over this."""
_LIKELY = 1e-6
_NEGLIGIBLE = 1e-12
_REACH = 7.0
_HALF = 28
"""A normal kernel on its own nodes: as far as seven standard deviations, by quarters."""


@one_blas_thread()
def prob_greater(state: GridState) -> Array:
    """Return the posterior probability that one group's mean exceeds another's, ``(F, F)``.

    Where the normal kernel of the group means is wider than the mesh, densities and distribution
    functions are taken on the mesh; where it is narrower, on nodes of the kernel itself, to which
    the groups' log likelihoods are interpolated.

    Parameters
    ----------
    state
        Of a subgroup model. The diagonal is one half.
    """
    families = state.data.families
    lower = np.tril_indices(families, -1)
    given = _given_outer(state, lower)
    found = np.full((families, families), 0.5)
    for place, a, b in zip(range(lower[0].size), *lower, strict=True):
        found[a, b] = 0.5 + _integral_of_odd(state, given[:, place] - 0.5)
        found[b, a] = 1.0 - found[a, b]
    return found


def _integral_of_odd(state: GridState, curve: Array) -> float:
    """Return the posterior mean of a function of the outer scale that is odd about zero.

    The trapezoid rule from zero is accurate for even functions only. So density and function are
    interpolated to a finer grid, the function as an odd one.
    """
    from scipy.interpolate import CubicSpline

    rule = state.grid.outer
    masses = state.joint.sum(axis=(1, 2))
    if rule.first != 0:
        return float(masses @ curve)
    index = np.arange(curve.size)
    mirrored = CubicSpline(
        np.concatenate([-index[:0:-1], index]), np.concatenate([-curve[:0:-1], curve])
    )
    u, _, density = rule.axis.refined(_FINER)
    weights = density @ masses
    weights[[0, -1]] *= 0.5
    return float(weights @ mirrored(u) / weights.sum())


def _given_outer(state: GridState, lower: tuple[Places, ...]) -> Array:
    """Return P(a > b) given the outer scale, ``(A, pairs)``."""
    rows = state.grid.family
    # The mesh must resolve the kernel where some group may lie.
    masses = state.family_masses[rows]
    likely = (masses > _LIKELY * masses.max(axis=0)).any(axis=1)
    widest = float(state.grid.mesh.weights[rows][likely].max())
    narrow = state.grid.outer.nodes < _RESOLVED * widest
    families = range(state.data.families)
    steps = state.outer_steps[~narrow][:, :, rows]
    kernel, logs = _on_kernel(state, narrow)
    found = np.zeros((narrow.size, lower[0].size))
    most = float(state.joint.max())
    for inner in range(state.family_log_likelihood.shape[1]):
        likelihood = np.exp(state.family_log_likelihood[:, inner])
        for part in (~narrow, narrow):
            joint = state.joint[part, :, inner]
            outer, root = np.nonzero(joint > _NEGLIGIBLE * most)
            if part is narrow:
                density = [kernel * np.exp(logs[outer, root, :, inner, g]) for g in families]
            else:
                density = [steps[outer, root] * likelihood[:, g] for g in families]
            mass, place = joint[outer, root], np.flatnonzero(part)[outer]
            for pair, (a, b) in enumerate(zip(*lower, strict=True)):
                above = mass * _share_above(density[a], density[b])
                found[:, pair] += np.bincount(place, above, narrow.size)
    masses = state.joint.sum(axis=(1, 2))
    return np.asarray(found / np.maximum(masses, _TINY)[:, None])


def _share_above(a: Array, b: Array) -> Array:
    """Return P(a > b) of independent densities on the last axis, constants left out."""
    # The distribution function is band-limited like the density. The trapezoid rule for it, half of
    # the node itself, would err by the square of the step.
    size = b.shape[-1]
    step = Axis(size).cdf_basis(np.arange(size, dtype=np.float64))
    below = b @ step.T
    total = a.sum(axis=-1) * b.sum(axis=-1)
    return np.asarray((a * below).sum(axis=-1) / np.maximum(total, _TINY))


def _on_kernel(state: GridState, narrow: NDArray[np.bool_]) -> tuple[Array, Array]:
    """Return a normal kernel on its own nodes, and the groups' log likelihoods there.

    Returns
    -------
    tuple of ndarray
        ``(Z,)`` and ``(A', M, Z, B, F)`` for the ``A'`` narrow scales.
    """
    from scipy.interpolate import CubicSpline

    z = np.linspace(-_REACH, _REACH, 2 * _HALF + 1)
    means = state.grid.mesh.nodes[state.grid.root]
    nodes = state.grid.mesh.nodes[state.grid.family]
    logit = means[:, None] + state.grid.outer.nodes[narrow][:, None, None] * z
    spline = CubicSpline(nodes, state.family_log_likelihood)
    return np.exp(-0.5 * z * z), spline(np.clip(logit, nodes[0], nodes[-1]))


@dataclass(frozen=True, eq=False)
class UnpooledDraws:
    """Independent joint draws: ``tau`` ``(n,)`` and ``group_logit`` ``(n, F)``."""

    tau: Array
    group_logit: Array


@dataclass(frozen=True, eq=False)
class UnpooledPosterior:
    """Posterior of groups with unpooled means and a common tau (see `fit_unpooled`).

    Parameters
    ----------
    grid
        Where it is tabulated.
    tau_masses
        Posterior masses of tau at the nodes of the inner scale, ``(B,)``.
    group_masses
        Posterior masses of each group's mean given tau, ``(B, E, F)``; sums over ``E`` are 1.
    inner_steps
        Transition matrices of tau, ``(B, E, G)``.
    log_marginal_likelihood
        Binomial coefficients included.
    quadrature_error
        Largest change of any posterior mean or standard deviation (logit scale) from the next
        coarser grid.
    group
        Labels.
    """

    grid: Grid
    tau_masses: Array
    group_masses: Array
    inner_steps: Array
    log_marginal_likelihood: float
    quadrature_error: float
    group: tuple[str, ...]

    @cached_property
    def tau(self) -> ScaleMarginal:
        """Standard deviation between studies of a group, logit scale."""
        assert self.grid.inner is not None
        return ScaleMarginal(self.grid.inner, self.tau_masses)

    @cached_property
    def groups(self) -> LogitMarginals:
        """Logits and typical rates of the groups, ``(F,)``."""
        masses = np.zeros((self.grid.mesh.size, len(self.group)))
        masses[self.grid.family] = np.einsum("b,bef->ef", self.tau_masses, self.group_masses)
        return LogitMarginals(self.grid.mesh, masses)

    @cached_property
    def average_rates(self) -> tuple[AverageRate, ...]:
        """Average rate of each group."""
        joint = self.tau_masses[:, None, None] * self.group_masses
        return tuple(
            AverageRate.from_steps(
                self.grid.mesh, self.grid.family, joint[:, :, g], self.inner_steps
            )
            for g in range(len(self.group))
        )

    def prob_greater(self) -> Array:
        """Return P(one group's typical rate > another's), ``(F, F)``; the diagonal is one half."""
        below = np.cumsum(self.group_masses, axis=1) - 0.5 * self.group_masses
        found = np.einsum("b,bea,bef->af", self.tau_masses, self.group_masses, below)
        np.fill_diagonal(found, 0.5)
        return np.asarray(found)

    def draws(self, n: int, seed: int) -> UnpooledDraws:
        """Return ``n`` independent joint draws; tau at its nodes, the means continuous."""
        assert self.grid.inner is not None
        rng = np.random.default_rng(seed)
        node = rng.choice(self.tau_masses.size, size=n, p=self.tau_masses)
        mesh, rows = self.grid.mesh, self.grid.family
        u, cdf, density = mesh.refined(_PIECES)
        logit = np.empty((n, len(self.group)))
        uniform = rng.random(logit.shape)
        for inner in np.unique(node):
            drawn = np.flatnonzero(node == inner)
            for g in range(len(self.group)):
                masses = np.zeros(mesh.size)
                masses[rows] = self.group_masses[inner, :, g]
                place = invert_table(
                    cdf @ masses, density @ masses, uniform[drawn, g], float(u[1] - u[0])
                )
                logit[drawn, g] = mesh.logit(place)
        return UnpooledDraws(self.grid.inner.nodes[node], logit)


def solve_unpooled(
    data: TreeData,
    mean: Normal,
    tau: ScalePrior,
    group: tuple[str, ...],
    tolerance: float = TOLERANCE,
) -> UnpooledPosterior:
    """Return the posterior on a grid fine enough for the tolerance (see `fit_unpooled`).

    Raises
    ------
    models.common.errors.InputError
        If it would not fit into some 2 GiB.
    """
    wide = HalfNormal(_WIDE * mean.sd)
    plan = find_plan(data, mean, wide, tau)
    found: UnpooledPosterior | None = None
    last = np.empty(0)
    for resolution in _RESOLUTIONS:
        try:
            grid = lay_grid(data, plan, wide, tau, resolution)
        except InputError:
            # what has an error stands with it, if a finer grid would not fit into memory
            if not last.size:
                raise
            break
        state = propagate(data, grid, mean)
        found, moments = _recombined(state, mean, group, last)
        if found.quadrature_error <= tolerance:
            break
        last = moments
    assert found is not None
    return found


def _recombined(
    state: GridState, mean: Normal, group: tuple[str, ...], last: Array
) -> tuple[UnpooledPosterior, Array]:
    """Return the posterior from the groups' likelihoods, and its moments."""
    grid = state.grid
    assert grid.inner is not None
    nodes = grid.mesh.nodes[grid.family]
    log_prior = mean.logpdf(nodes) + np.log(grid.mesh.weights[grid.family])
    log_group = state.family_log_likelihood + log_prior[:, None, None]
    top = log_group.max(axis=0)
    masses = np.exp(log_group - top)
    total = masses.sum(axis=0)
    masses = (masses / total).transpose(1, 0, 2)
    log_tau = grid.inner.log_weights + (np.log(total) + top + state.family_log_scale).sum(axis=1)
    peak = float(log_tau.max())
    tau = np.exp(log_tau - peak)
    log_marginal = peak + float(np.log(tau.sum())) + float(state.data.log_constant.sum())
    posterior = UnpooledPosterior(
        grid, tau / tau.sum(), masses, state.inner_steps, log_marginal, np.inf, group
    )
    moments = np.concatenate(
        [
            posterior.groups.mean,
            posterior.groups.sd,
            [float(posterior.tau.mean), float(posterior.tau.sd)],
        ]
    )
    error = float(np.max(np.abs(moments - last))) if last.size else np.inf
    return replace(posterior, quadrature_error=error), moments
