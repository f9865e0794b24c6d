"""From counts to a checked grid posterior: place, run, refine until the error is small."""

from dataclasses import dataclass

import numpy as np

from models.grid.data import TreeData
from models.grid.distributions import Array, Normal, ScalePrior
from models.grid.marginals import LogitMarginals, ScaleMarginal
from models.grid.placement import find_plan
from models.grid.plan import lay_grid
from models.grid.tree import GridState, propagate

TOLERANCE = 5e-5
"""Largest quadrature error, logit scale, that is accepted without refining further. It is the error
of the coarser of two grids; half the 1e-4 that means and standard deviations are promised to."""
_COARSE = 0.6
_REFINEMENT = 4.0 / 3.0
_FINEST = 4.0
_STALLED = 0.5


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
        smaller by orders of magnitude, the rules being spectral. A scale's error is taken relative
        to its standard deviation where that exceeds 1.
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
        return _inner(self.state)


def _inner(state: GridState) -> ScaleMarginal:
    assert state.grid.inner is not None
    return ScaleMarginal(state.grid.inner, state.joint.sum(axis=(0, 1)))


def _moments(state: GridState) -> Array:
    """Return every posterior mean and standard deviation on the logit scale."""
    mesh = state.grid.mesh
    moments = []
    every = [state.root_masses, state.unit_masses]
    if state.data.families:
        every.append(state.family_masses)
    for masses in every:
        marginals = LogitMarginals(mesh, masses)
        moments += [np.atleast_1d(marginals.mean), np.atleast_1d(marginals.sd)]
    scales = [ScaleMarginal(state.grid.outer, state.joint.sum(axis=(1, 2)))]
    if state.grid.inner is not None:
        scales.append(_inner(state))
    # A scale that the data leave to a heavy-tailed prior may have a huge sd, or none: its error
    # counts relative to the sd where that exceeds 1.
    moments += [np.array([scale.mean, scale.sd]) / max(1.0, scale.sd) for scale in scales]
    return np.concatenate(moments)


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
    """
    plan = find_plan(data, mean, outer, inner)
    resolution = _COARSE
    state = propagate(data, lay_grid(data, plan, outer, inner, resolution), mean)
    moments = _moments(state)
    last_error = np.inf
    while True:
        resolution *= _REFINEMENT
        state = propagate(data, lay_grid(data, plan, outer, inner, resolution), mean)
        finer = _moments(state)
        error = float(np.max(np.abs(finer - moments)))
        # A heavy-tailed prior that the data do not restrain leaves moments that do not exist:
        # refinement would go on to no avail.
        stalled = error > _STALLED * last_error
        if error <= tolerance or stalled or resolution * _REFINEMENT > _FINEST:
            return Solution(state, error, resolution)
        moments, last_error = finer, error
