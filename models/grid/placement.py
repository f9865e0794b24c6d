r"""Where to put the nodes: adaptive windows and steps, found from the data.

A normal approximation of the likelihoods gives a first window for each scale and a first mesh; a
trial run with the exact likelihoods then widens the windows until everything outside is
negligible, narrows them to what matters, and measures the curvatures that set the steps. Windows
also cover every leave-one-out posterior: what remains when one unit or one family is taken away
can lie elsewhere, and the exact leave-one-out densities are read from the same grid.
"""

import math
from dataclasses import replace

import numpy as np

from models.grid.data import TreeData
from models.grid.distributions import Array, Normal, ScalePrior
from models.grid.mesh import Mesh, ScaleRule
from models.grid.plan import (
    INTERPOLATION_ERROR,
    Plan,
    Window,
    interpolation_step,
    lay_grid,
    leaf_normals,
    normal_families,
)
from models.grid.tree import Grid, GridState, propagate

_SCALE_STEP = 0.25
"""Largest step in u = asinh(s / unit): the normal kernel is analytic in a strip of pi / 4."""
_SCALE_SAFETY = 0.8
"""Scales have skewed posteriors, which need finer steps than normal ones of equal curvature."""
_CHANGE = 0.35
_SPIKE = 6.0
"""Log density at zero, below the maximum, from which on its shape near zero is followed."""
_FLANK = -4.0
"""Curvature counts where the log density of a scale lies at most this far below its maximum."""
_DROP = 17.0
"""Nodes with a mass below exp(-17) = 4e-8 of the largest are left out."""
_PRIOR_DROP = 400.0
"""Log prior density, below its maximum, at which scales stop, whatever the likelihood wants."""
_ROOT_TAILS = 8.0
_PRIOR_REACH = 14.0
"""Prior standard deviations within which the overall mean is looked for."""
_TRIAL_NODES = 14
_TRIAL_RESOLUTION = 0.6
_MOST_TRIALS = 30
_RIDGE = 8.0
_RIDGE_SHARE = 1e-3
"""A scale's unit is at most 8 times the narrowest width of the mean that has a share."""
_MANY, _SAMPLE = 4_000, 16
"""Units from which on the first plan is that of every 16th of them, chosen at random."""
_FEWEST = 6
"""Nodes that must matter for a trial to be trusted with curvatures."""


def first_plan(data: TreeData, prior: Normal, outer: ScalePrior, inner: ScalePrior | None) -> Plan:
    """Return a first plan from normal approximations of the likelihoods."""
    y, variance = leaf_normals(data)
    unit = 0.3 * math.sqrt(float(variance.min()))
    grids, weights = [], []
    for scale_prior in (outer, inner):
        if scale_prior is None:
            grids.append(np.zeros(1))
            weights.append(np.zeros(1))
            continue
        u = np.linspace(0.0, math.asinh(scale_prior.reach(_PRIOR_DROP) / unit), 60)
        grids.append(unit * np.sinh(u))
        weights.append(np.log(np.cosh(u)) + scale_prior.logpdf(grids[-1]))

    children_y = np.broadcast_to(y[data.loose], (grids[1].size, data.loose.size))
    children_v = np.broadcast_to(variance[data.loose], children_y.shape)
    evidence = np.zeros(grids[1].size)
    if data.families:
        family_y, family_v, evidence = normal_families(data, grids[1])
        children_y = np.concatenate((children_y, family_y), axis=1)
        children_v = np.concatenate((children_v, family_v), axis=1)
    shape = (grids[0].size, grids[1].size)
    log_density, mean, sd = np.empty(shape), np.empty(shape), np.empty(shape)
    for a, scale in enumerate(grids[0]):
        weight = 1.0 / (children_v + scale**2)
        total = weight.sum(axis=1) + prior.sd**-2
        first = (weight * children_y).sum(axis=1) + prior.mean * prior.sd**-2
        square = (weight * children_y**2).sum(axis=1) + (prior.mean / prior.sd) ** 2
        log_density[a] = 0.5 * (
            np.log(weight).sum(axis=1) - np.log(total) - square + first**2 / total
        )
        mean[a], sd[a] = first / total, total**-0.5
    log_density += evidence + weights[0][:, None] + weights[1]
    log_density -= log_density.max()

    # The approximation may be far off for rare events: a generous region, trimmed by trials.
    inside = log_density > -2.0 * _DROP
    windows: list[Window | None] = []
    for axis, scale_prior in enumerate((outer, inner)):
        if scale_prior is None:
            windows.append(None)
            continue
        density = np.exp(log_density).sum(axis=1 - axis)
        middle = max(_turning_scale(grids[axis], density, unit), 0.5 * unit)
        if axis == 0:
            narrow = _ridge_scale(grids[0], density, np.exp(log_density), sd)
            middle = narrow if middle > _RIDGE * narrow else middle
        kept = np.flatnonzero(inside.any(axis=1 - axis))
        u = np.arcsinh(grids[axis] / middle)
        low, high = u[max(kept[0] - 1, 0)], u[min(kept[-1] + 1, u.size - 1)]
        # Density in this window's u.
        per_u = np.cosh(u) / np.cosh(np.arcsinh(grids[axis] / unit))
        share = np.log(np.maximum(density * per_u, 1e-300))
        step = float(high - low) / _TRIAL_NODES
        windows.append(
            Window(middle, float(low), float(high), float(u[-1]), step, u, share - share.max())
        )
    assert windows[0] is not None
    share = np.exp(log_density)
    low = float((mean - 7.0 * sd)[inside].min())
    high = float((mean + 7.0 * sd)[inside].max())
    reach = _ROOT_TAILS * float(windows[0].unit * math.sinh(windows[0].high))
    sharpest = np.unravel_index(np.argmin(np.where(share > 1e-4, sd, np.inf)), shape)
    family_step = np.inf
    if data.families:
        family_share = np.broadcast_to(share.sum(axis=0)[:, None], family_v.shape)
        family_step = interpolation_step(np.sqrt(family_v), family_share / family_share.max())
    return Plan(
        low,
        high,
        float(mean[sharpest]),
        interpolation_step(sd, share),
        5.0 * float(sd[sharpest]),
        low - reach,
        high + reach,
        family_step,
        windows[0],
        windows[1],
    )


def _turning_scale(scale: Array, density: Array, unit: float) -> float:
    """Return where the grid of a scale should turn from linear to geometric.

    Twice the posterior median; but where the density near zero matters and changes sooner (large
    trials that agree make a spike there, on top of what the prior allows), where it changes.

    Parameters
    ----------
    scale, density
        Nodes ``unit * sinh(u)`` with equidistant ``u``, and the posterior density in ``u`` there.
    unit
        Their unit.
    """
    median = float(scale[np.searchsorted(np.cumsum(density), 0.5 * density.sum())])
    log_density = np.log(np.maximum(density / np.hypot(scale, unit), 1e-300))
    changed = np.abs(log_density - log_density[0]) > _CHANGE
    if log_density[0] < log_density.max() - _SPIKE or not changed.any():
        return 2.0 * median
    return min(2.0 * median, float(scale[np.argmax(changed)]))


def _ridge_scale(scale: Array, density: Array, joint: Array, sd: Array) -> float:
    """Return the unit that follows the overall mean's width down to the scale's lowest values.

    Given the scale the mean is about ``sqrt(scale^2 + variance)`` wide. Where scales near zero have
    a share and single trials are large, it turns narrow there, and distribution functions of the
    mean ask for nodes of the scale that follow: marginal densities of the scale do not show it.

    Parameters
    ----------
    scale, density
        Scales and their posterior density, ``(A,)``.
    joint, sd
        Posterior density and standard deviation of the mean given both scales, ``(A, B)``.
    """
    kept = density > _RIDGE_SHARE * density.max()
    lowest = float(scale[kept].min())
    narrowest = float(sd[joint > _RIDGE_SHARE * joint.max()].min())
    return 2.0 * math.hypot(lowest, narrowest)


def _profiles(*masses: Array) -> Array:
    """Join masses ``(nodes, posteriors)``, each posterior over its largest mass."""
    joined = np.concatenate(masses, axis=1)
    return np.asarray(joined / joined.max(axis=0))


def coverage(state: GridState) -> tuple[Array, Array, Array, Array]:
    """Return masses along each axis of the grid, ``(nodes, posteriors)``, tops scaled to 1.

    For outer scale, overall mean, inner scale and family means: of the full posterior (first
    column) and of every leave-one-unit-out and leave-one-family-out posterior.
    """
    joint, loose, nested = state.joint, state.loose_cavity, state.nested_cavity
    family, _ = state.family_cavity
    return (
        _profiles(joint.sum(axis=(1, 2))[:, None], loose.sum(axis=1), family.sum(axis=(1, 2))),
        _profiles(joint.sum(axis=(0, 2))[:, None], loose.sum(axis=0), family.sum(axis=(0, 2))),
        _profiles(joint.sum(axis=(0, 1))[:, None], family.sum(axis=(0, 1)), nested.sum(axis=1)),
        _profiles(state.family_joint.sum(axis=1), nested.sum(axis=0)),
    )


def _adapt_window(window: Window, rule: ScaleRule, profiles: Array) -> tuple[Window, bool]:
    """Return a window for the next run and whether the last one was good enough."""
    kept = np.flatnonzero(profiles.max(axis=1) > math.exp(-_DROP))
    u = rule.step * (rule.first + np.arange(rule.size, dtype=np.float64))
    low, high = float(u[max(kept[0] - 1, 0)]), float(u[min(kept[-1] + 1, rule.size - 1)])
    good = kept.size >= _FEWEST
    span = max(high - low, 2.0 * rule.step)
    if kept[-1] == rule.size - 1 and high < window.limit:
        high, good = min(high + span, window.limit), False
    if kept[0] == 0 and rule.first > 0:
        low, good = max(low - span, 0.0), False

    logs = np.log(np.maximum(profiles, 1e-300))
    if rule.first == 0:
        logs[0] += math.log(2.0)
    logs -= logs.max(axis=0)
    # Second differences measure curvature where the density is; across a cliff they do not.
    padded = np.concatenate((logs[1:2], logs)) if rule.first == 0 else logs
    padded = np.maximum(padded, _FLANK - 8.0)
    bend = np.maximum(-np.diff(padded, 2, axis=0), 1e-12)
    share = np.where(padded[1:-1] > _FLANK, np.exp(padded[1:-1]), 0.0)
    step = _SCALE_SAFETY * interpolation_step(rule.step / np.sqrt(bend), share)
    step = min(_SCALE_STEP, step)
    if not good:
        step = (high - low) / _TRIAL_NODES
    log_share = np.asarray(logs.max(axis=1))
    return replace(window, low=low, high=high, step=step, u=u, log_share=log_share), good


def _narrowest(
    masses: Array, grid: Grid, rows: slice, sd_most: float
) -> tuple[float, float, float]:
    """Return how to resolve the narrowest of several densities on mesh rows.

    Parameters
    ----------
    masses
        Masses on the rows, ``(densities, rows)``; their sums are the densities' shares.

    Returns
    -------
    tuple
        Mode and standard deviation of the narrowest density with a fair share, and the step that
        resolves them all.
    """
    nodes, weights = grid.mesh.nodes[rows], grid.mesh.weights[rows]
    share = masses.sum(axis=1)
    share = share / share.max()
    kept = share > INTERPOLATION_ERROR
    masses, share = masses[kept], share[kept]
    log_density = np.log(np.maximum(masses, 1e-300)) - np.log(weights)
    row = np.arange(masses.shape[0])
    top = np.clip(np.argmax(log_density, axis=1), 1, nodes.size - 2)
    below = (log_density[row, top] - log_density[row, top - 1]) / (nodes[top] - nodes[top - 1])
    above = (log_density[row, top + 1] - log_density[row, top]) / (nodes[top + 1] - nodes[top])
    bend = 2.0 * (below - above) / (nodes[top + 1] - nodes[top - 1])
    sd = np.maximum(bend, sd_most**-2) ** -0.5
    sharpest = int(np.argmin(np.where(share > 1e-3, sd, np.inf)))
    return float(nodes[top[sharpest]]), float(sd[sharpest]), interpolation_step(sd, share)


def find_plan(data: TreeData, prior: Normal, outer: ScalePrior, inner: ScalePrior | None) -> Plan:
    """Return windows and steps that the exact likelihoods have confirmed.

    The bias of a normal approximation does not fall with the number of units; the width of a
    posterior does, and a window that misses it by far would take long to find it. What a sixteenth
    of the units say is four times as wide and without bias.

    Raises
    ------
    RuntimeError
        If the windows do not settle, which no data met so far have brought about.
    """
    size = data.events.size
    if size > _MANY and not data.families:
        some = np.sort(np.random.default_rng(0).permutation(size)[: size // _SAMPLE])
        sample = TreeData(data.events[some], data.total[some], data.parent[some], 0)
        plan = find_plan(sample, prior, outer, inner)
    else:
        plan = first_plan(data, prior, outer, inner)
    for _ in range(_MOST_TRIALS):
        grid = lay_grid(data, plan, outer, inner, _TRIAL_RESOLUTION)
        state = propagate(data, grid, prior)
        plan, settled = _revise(plan, state)
        if settled:
            return plan
    raise RuntimeError("the grid's windows did not settle")


def _revise(plan: Plan, state: GridState) -> tuple[Plan, bool]:
    """Return the plan that a trial suggests and whether the trial was wide and fine enough."""
    grid, prior = state.grid, state.prior
    reach = _PRIOR_REACH * prior.sd
    floor, ceiling = prior.mean - reach, prior.mean + reach
    outer_cover, root_cover, inner_cover, family_cover = coverage(state)
    new_outer, settled = _adapt_window(plan.outer, grid.outer, outer_cover)
    low, high, good = _adapt_rows(grid.mesh, grid.root, root_cover, floor, ceiling)
    settled &= good
    joint = state.joint.transpose(0, 2, 1).reshape(-1, root_cover.shape[0])
    centre, sd, step = _narrowest(joint, grid, grid.root, prior.sd)
    settled &= step > 0.5 * plan.step
    new = replace(
        plan,
        root_low=low,
        root_high=high,
        centre=centre,
        step=step,
        width=5.0 * sd,
        outer=new_outer,
    )
    if plan.inner is not None and grid.inner is not None:
        new_inner, good = _adapt_window(plan.inner, grid.inner, inner_cover)
        settled &= good
        low, high, good = _adapt_rows(grid.mesh, grid.family, family_cover, -np.inf, np.inf)
        settled &= good
        joint = state.family_joint.transpose(1, 2, 0).reshape(-1, family_cover.shape[0])
        _, _, step = _narrowest(joint, grid, grid.family, np.inf)
        settled &= step > 0.5 * plan.family_step
        new = replace(new, family_low=low, family_high=high, family_step=step, inner=new_inner)
    return new, settled


def _adapt_rows(
    mesh: Mesh, rows: slice, profiles: Array, floor: float, ceiling: float
) -> tuple[float, float, bool]:
    """Return the next window of mesh rows and whether the last one was wide enough."""
    nodes = mesh.nodes[rows]
    kept = np.flatnonzero(profiles.max(axis=1) > math.exp(-_DROP))
    low = float(nodes[max(kept[0] - 1, 0)])
    high = float(nodes[min(kept[-1] + 1, nodes.size - 1)])
    good = True
    span = max(high - low, 1e-6)
    if kept[0] == 0 and low > floor and rows.start > 0:
        low, good = max(low - span, floor), False
    if kept[-1] == nodes.size - 1 and high < ceiling and rows.stop < mesh.size:
        high, good = min(high + span, ceiling), False
    return low, high, good
