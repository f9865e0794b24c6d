"""From counts to a checked grid posterior: place, run, refine until the error is small."""

import math
from dataclasses import dataclass

import numpy as np

from models.common.errors import InputError
from models.grid.data import TreeData
from models.grid.distributions import Array, Normal, ScalePrior
from models.grid.marginals import ScaleMarginal
from models.grid.placement import find_plan
from models.grid.plan import lay_grid
from models.grid.tree import GridState, propagate
from models.numerics.threads import one_blas_thread

TOLERANCE = 5e-5
"""Largest quadrature error, logit scale, that is accepted without refining further. It is the error
of the coarser of two grids; half the 1e-4 that means and standard deviations are promised to."""
_COARSE = 0.6
_REFINEMENT = 4.0 / 3.0
_FINEST = 4.0
_STALLED = 0.5
_BEYOND = 50.0
_LARGEST = 40_000_000
"""Elements of the transition matrices that refinement may reach, a third of a gigabyte."""


@dataclass(frozen=True, eq=False)
class Solution:
    """A grid posterior and how far refinement moved it.

    Parameters
    ----------
    state
        The posterior at the finest resolution run.
    quadrature_error
        Largest absolute change of any posterior mean or standard deviation (overall mean,
        scales, families, units; logit scale) from the next coarser grid. The error left is
        smaller by orders of magnitude, the rules being spectral. Logits and scales are bent to
        within +-50 for it.
    resolution
        Resolution of ``state``; 1 is the default.
    """

    state: GridState
    quadrature_error: float
    resolution: float

    @property
    def outer(self) -> ScaleMarginal:
        """Marginal of the scale under the root."""
        return ScaleMarginal(self.state.grid.outer, self.state.joint.sum(axis=(1, 2)))

    @property
    def inner(self) -> ScaleMarginal:
        """Marginal of the scale under the families."""
        assert self.state.grid.inner is not None
        return ScaleMarginal(self.state.grid.inner, self.state.joint.sum(axis=(0, 1)))


def _bent(values: Array) -> Array:
    return np.asarray(_BEYOND * np.tanh(values / _BEYOND))


def _moments(state: GridState) -> Array:
    """Return every posterior mean and standard deviation on the logit scale.

    Logits and scales are bent smoothly to within +-50 for this: under heavy-tailed priors that the
    data do not restrain, moments would not exist, and so far out no rate changes any more.
    """
    values = _bent(state.grid.mesh.nodes)
    moments: list[Array] = []
    units = state.unit_masses
    local = state.local_units
    if local is not None:
        units = np.delete(units, state.data.loose[state.data.sharp], axis=1)
        moments += local.mean_and_sd(_bent(local.nodes))
    every = [state.root_masses[:, None], units, state.family_masses]
    for masses in every:
        mean = values @ masses
        moments += [mean, np.sqrt(np.maximum(values**2 @ masses - mean**2, 0.0))]
    scales = [(state.grid.outer, state.joint.sum(axis=(1, 2)))]
    if state.grid.inner is not None:
        scales.append((state.grid.inner, state.joint.sum(axis=(0, 1))))
    for rule, masses in scales:
        bent = _bent(rule.nodes)
        scale_mean = float((rule.moment_weights - rule.nodes + bent) @ masses)
        square = float(bent**2 @ masses)
        moments.append(np.array([scale_mean, math.sqrt(max(square - scale_mean**2, 0.0))]))
    return np.concatenate(moments)


@one_blas_thread()
def solve(
    data: TreeData,
    mean: Normal,
    outer: ScalePrior,
    inner: ScalePrior | None,
    tolerance: float = TOLERANCE,
) -> Solution:
    """Return the posterior on a grid fine enough for the tolerance.

    Parameters
    ----------
    data
        The counts.
    mean, outer, inner
        Priors of the overall mean, the scale under the root and the scale under families.
    tolerance
        Largest quadrature error accepted, logit scale. The error is reported whether or not the
        finest grid (four times the default resolution) attains it.

    Raises
    ------
    models.common.errors.InputError
        If a grid would not fit into some 2 GiB.
    """
    plan = find_plan(data, mean, outer, inner)
    resolution = _COARSE
    state = propagate(data, lay_grid(data, plan, outer, inner, resolution), mean)
    moments = _moments(state)
    last_error = np.inf
    while True:
        resolution *= _REFINEMENT
        try:
            grid = lay_grid(data, plan, outer, inner, resolution)
        except InputError:
            # What has an error stands with it, if a finer grid would not fit into memory.
            if not np.isfinite(last_error):
                raise
            return Solution(state, last_error, resolution / _REFINEMENT)
        state = propagate(data, grid, mean)
        finer = _moments(state)
        error = float(np.max(np.abs(finer - moments)))
        # Nothing met so far stalls; if something does, refining on would be to no avail.
        stalled = error > _STALLED * last_error
        size = state.outer_steps.size + state.inner_steps.size
        full = resolution * _REFINEMENT > _FINEST or size * _REFINEMENT**3 > _LARGEST
        if error <= tolerance or stalled or full:
            return Solution(state, error, resolution)
        moments, last_error = finer, error
