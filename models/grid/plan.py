"""Plans of a grid: windows and steps of the scales, and the mesh that serves them all.

A plan fixes a grid up to its resolution; `models.grid.placement` finds the plan for given data.
"""

import math
from dataclasses import dataclass

import numpy as np

from models.grid.data import TreeData
from models.grid.distributions import Array, ScalePrior
from models.grid.mesh import Component, Mesh, ScaleRule, too_large
from models.grid.sharp import SharpUnits
from models.grid.tree import Grid

INTERPOLATION_ERROR = 5e-5
_KERNEL_ERROR = 1e-7
"""Errors at resolution 1 of a normal density of full share; at resolution r their r^2-th power."""
_NARROWEST = 3e-3
"""Width of a kernel over a likelihood's, times the root of its share, that moves a log likelihood
by 5e-6."""
_WIDEST_STEP = 0.45
"""Largest step near the data, logits: log(1 + exp(theta)) has its singularities at +- i pi."""
_TAILS = 8.0
"""Standard deviations of a kernel that the mesh extends beyond the root's window."""
_LEAF_WIDTH = 5.0
_MOST_ELEMENTS = 2.5e8
"""Numbers in memory, some 2 GiB, beyond which a grid is refused."""


def interpolation_step(sd: Array, share: Array) -> float:
    """Return the step that resolves normal densities of given widths and shares of the mass.

    Band-limited interpolation of a normal density errs by ``exp(-pi^2 sd^2 / (2 step^2))``, its
    trapezoid sum by the fourth power of that; what has a small share may have a larger error.
    """
    excess = np.log(np.maximum(share / INTERPOLATION_ERROR, 1.0))
    with np.errstate(divide="ignore"):
        return float(np.min(sd * math.pi / np.sqrt(2.0 * excess), initial=np.inf))


def kernel_step(scale: Array, sharpness: float, share: Array, smallest: float) -> float:
    """Return the step that integrates kernels times the sharpest likelihood.

    The trapezoid sum of their product, of precision ``1 / scale^2 + sharpness``, errs by
    ``exp(-2 pi^2 sd^2 / step^2)``. A scale of zero needs no step: its kernel is the identity, and
    so it may be where it is so narrow, ``smallest`` times the likelihood's width with its share of
    the mass, that no likelihood feels it.
    """
    excess = np.log(np.maximum(share / _KERNEL_ERROR, 1.0))
    kept = (scale > 0.0) & (excess > 0.0)
    kept &= share * sharpness * scale**2 >= smallest**2
    sd = (scale[kept] ** -2.0 + sharpness) ** -0.5
    return float(np.min(sd * math.pi * np.sqrt(2.0 / excess[kept]), initial=np.inf))


@dataclass(frozen=True, eq=False)
class Window:
    """Where a scale matters, in ``u = asinh(s / unit)``.

    Parameters
    ----------
    unit
        Scale at which the grid turns from linear to geometric.
    low, high, limit
        Window, and the largest ``u`` that the prior allows.
    step
        Step at resolution 1.
    u, log_share
        Table of log posterior density in ``u``, relative to its maximum.
    """

    unit: float
    low: float
    high: float
    limit: float
    step: float
    u: Array
    log_share: Array

    def rule(self, prior: ScalePrior, resolution: float) -> ScaleRule:
        """Return the trapezoid rule at a resolution."""
        step = self.step / resolution
        first = max(0, math.floor(self.low / step))
        if first <= 3:
            first = 0
        last = max(math.ceil(self.high / step), first + 5)
        return ScaleRule(prior, self.unit, step, first, last - first + 1)

    def share(self, rule: ScaleRule) -> Array:
        """Return the relative posterior density at the nodes of a rule."""
        u = np.arcsinh(rule.nodes / self.unit)
        return np.asarray(np.exp(np.interp(u, self.u, self.log_share)))


@dataclass(frozen=True)
class Plan:
    """Everything that fixes a grid up to its resolution.

    Parameters
    ----------
    root_low, root_high
        Window of the overall mean, logits.
    centre, step, width
        Where the conditional posterior of the mean given the scales is narrowest, the step that
        resolves it, and how far that step is needed.
    family_low, family_high, family_step
        Window of the family means, logits, and the step that resolves them.
    outer, inner
        Windows of the scales.
    """

    root_low: float
    root_high: float
    centre: float
    step: float
    width: float
    family_low: float
    family_high: float
    family_step: float
    outer: Window
    inner: Window | None


def leaf_normals(data: TreeData) -> tuple[Array, Array]:
    """Return empirical logits and their variances, half an event added to either side."""
    x, y = data.events + 0.5, data.total - data.events + 0.5
    return np.log(x / y), 1.0 / x + 1.0 / y


def normal_families(data: TreeData, scales: Array) -> tuple[Array, Array, Array]:
    """Return means, variances ``(S, F)`` and log evidence ``(S,)`` of families given a scale."""
    y, variance = leaf_normals(data)
    y, variance = y[data.nested], variance[data.nested]
    member = (data.family_of_nested[:, None] == np.arange(data.families)).astype(np.float64)
    weight = 1.0 / (variance + scales[:, None] ** 2)
    total = weight @ member
    mean = (weight * y) @ member / total
    residual = (weight * y * y) @ member - total * mean**2
    log_evidence = 0.5 * np.log(weight).sum(axis=1) - 0.5 * (np.log(total) + residual).sum(axis=1)
    return mean, 1.0 / total, log_evidence


def lay_grid(
    data: TreeData,
    plan: Plan,
    outer_prior: ScalePrior,
    inner_prior: ScalePrior | None,
    resolution: float,
) -> Grid:
    """Return the grid of a plan at a resolution (2 halves every step).

    Raises
    ------
    models.common.errors.InputError
        If it would not fit into some 2 GiB.
    """
    outer = plan.outer.rule(outer_prior, resolution)
    inner = None
    reach = float(outer.nodes[-1])
    if plan.inner is not None and inner_prior is not None:
        inner = plan.inner.rule(inner_prior, resolution)
        reach = math.hypot(reach, float(inner.nodes[-1]))
    y, variance = leaf_normals(data)
    margin = np.sqrt(variance)
    low = min(float((y - margin).min()), plan.centre - plan.width)
    high = max(float((y + margin).max()), plan.centre + plan.width)
    half = max(0.65 * (high - low), 1.0)
    low = min(plan.root_low - _TAILS * reach, low)
    high = max(plan.root_high + _TAILS * reach, high)

    regions: tuple[Component, ...] = ()
    dull = np.ones(y.size, dtype=bool)
    if data.sharp.size:
        dull[data.loose[data.sharp]] = False
        leaf_step = interpolation_step(np.ones(1), np.ones(1)) / resolution
        regions = SharpUnits(data).regions(high - low, leaf_step)
    components, sd = _narrow_leaves(y[dull], margin[dull], half, high - low, resolution)
    components += regions
    steps = [_WIDEST_STEP, interpolation_step(np.array([sd]), np.ones(1))]
    # The kernel steps follow the smallest scales, which refinement makes smaller.
    finer = max(resolution, 1.0)
    sharpness = sd**-2
    # Sharp units feel every kernel.
    smallest = 0.0 if data.sharp.size else _NARROWEST
    if plan.inner is not None and inner is not None:
        steps.append(plan.family_step)
        share = plan.inner.share(inner)
        steps.append(finer * kernel_step(inner.nodes, sharpness, share, smallest))
        sharpness = max(sharpness, 0.4 / plan.family_step**2)
    wide = Component(
        float(0.5 * ((y - margin).min() + (y + margin).max())), min(steps) / resolution, half
    )
    kernel = finer * kernel_step(outer.nodes, sharpness, plan.outer.share(outer), smallest)
    narrow = Component(plan.centre, min(plan.step, kernel) / resolution, plan.width)
    components.append(wide)
    if narrow.step < wide.step * math.hypot(1.0, (narrow.centre - wide.centre) / half):
        components.append(narrow)
    mesh = Mesh.build(tuple(components), low, high)
    root = _rows(mesh, plan.root_low, plan.root_high)
    family = root
    if inner is not None:
        family = _rows(mesh, plan.family_low, plan.family_high)
    local = resolution if data.sharp.size and not regions else None
    grid = Grid(mesh, root, family, outer, inner, local)
    if (elements := _elements(data, grid)) > _MOST_ELEMENTS:
        raise too_large(elements)
    return grid


def _elements(data: TreeData, grid: Grid) -> float:
    """Return how many numbers a grid keeps in memory at once, roughly."""
    outer, root = float(grid.outer.size), float(grid.root.stop - grid.root.start)
    inner = 0.0 if grid.inner is None else float(grid.inner.size)
    family, mesh = float(grid.family.stop - grid.family.start), float(grid.mesh.size)
    steps = outer * root * mesh + inner * family * mesh
    messages = outer * root * data.loose.size + inner * family * data.nested.size
    messages += 0.8 * outer * root * data.sharp.size
    families = outer * root * inner * data.families
    return steps + 2.5 * messages + 4.0 * families + 3.0 * mesh * data.events.size


def _narrow_leaves(
    y: Array, sd: Array, half: float, span: float, resolution: float
) -> tuple[list[Component], float]:
    """Return components for the sharpest likelihoods and the width that the others ask for.

    Most likelihoods share one even region. A few trials far larger than the rest would make all
    of it fine: they get a component each, as many of them as saves nodes.
    """
    if not y.size:
        return [], math.inf
    leaves = np.unique(np.stack((sd, y)), axis=1)
    sd, y = leaves
    shared = 2.0 * half * math.asinh(span / half) / sd
    own = 2.0 * _LEAF_WIDTH * np.arcsinh(span / (_LEAF_WIDTH * sd))
    total = shared + np.concatenate((np.zeros(1), np.cumsum(own)[:-1]))
    alone = int(np.argmin(total))
    step = interpolation_step(np.ones(1), np.ones(1)) / resolution
    components = [
        Component(float(y[i]), step * float(sd[i]), _LEAF_WIDTH * float(sd[i]))
        for i in range(alone)
    ]
    return components, float(sd[alone])


def _rows(mesh: Mesh, low: float, high: float) -> slice:
    start = max(int(np.searchsorted(mesh.nodes, low)) - 1, 0)
    stop = min(int(np.searchsorted(mesh.nodes, high)) + 2, mesh.size)
    return slice(start, stop)
