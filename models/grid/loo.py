"""Exact leave-one-out: what the others predict for a unit or a family, and shrinkage from it."""

from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from models.grid.distributions import Array
from models.grid.marginals import LogitMarginals
from models.grid.tree import GridState

NEGLIGIBLE_DISTANCE = 0.01
"""Shrinkage is undefined where the raw rate lies this close to what the others predict."""


@dataclass(frozen=True)
class LeaveOneOut:
    """Predictions for each unit from all the others.

    Parameters
    ----------
    log_density
        Log predictive density of the unit's count given the others,
        ``log p(x_i | x_-i)``, shape ``(k,)``; their sum is the exact elpd.
    rate_mean
        Predictive mean of the unit's rate given the others, shape ``(k,)``.
    """

    log_density: Array
    rate_mean: Array

    @property
    def elpd(self) -> float:
        """Expected log predictive density, the sum over units."""
        return float(self.log_density.sum())


@dataclass(frozen=True)
class LeaveOneFamilyOut:
    """Predictions for each family (group) from all the others.

    Parameters
    ----------
    log_density
        Log predictive density of all counts of the family given the others, shape ``(F,)``.
    typical_mean
        Predictive mean of ``expit(family mean)``, the typical rate, given the others.
    average_mean
        Predictive mean of the rate of a new unit of the family, given the others.
    """

    log_density: Array
    typical_mean: Array
    average_mean: Array


def leave_one_unit_out(state: GridState) -> LeaveOneOut:
    """Return exact leave-one-out predictions for all units.

    With ``m_i(t) = p(x_i | t)`` the message of unit i to its parent and scale ``t``,
    ``1 / p(x_i | x_-i) = E[1 / m_i(t)]`` and ``E[f(t) | x_-i]`` is the mean of ``f`` with weights
    ``1 / m_i``, both over the posterior of ``t``; here they are sums over the grid.
    """
    data = state.data
    log_density, rate = np.empty(data.events.size), np.empty(data.events.size)
    levels = (
        (data.loose, state.loose_cavity, state.outer_average),
        (data.nested, state.nested_cavity, None),
    )
    for units, cavity, average in levels:
        if not units.size:
            continue
        values = state.inner_average if average is None else average
        total = cavity.sum(axis=(0, 1))
        log_density[units] = data.log_constant[units] - np.log(total)
        rate[units] = np.tensordot(values, cavity, axes=((0, 1), (0, 1))) / total
    return LeaveOneOut(log_density, rate)


def leave_one_family_out(state: GridState) -> LeaveOneFamilyOut:
    """Return exact leave-one-family-out predictions."""
    data, mesh = state.data, state.grid.mesh
    cavity, log_total = state.family_cavity
    members = data.family_of_nested
    constant = np.bincount(members, weights=data.log_constant[data.nested], minlength=data.families)
    typical = np.einsum("ambf,am->f", cavity, state.outer_average)
    inner_average = state.inner_steps_everywhere @ expit(mesh.nodes)
    average = np.einsum("ambf,amb->f", cavity, state.outer_steps @ inner_average.T)
    return LeaveOneFamilyOut(constant - log_total, typical, average)


def without_each_unit(state: GridState) -> tuple[LogitMarginals, Array, Array]:
    """Return posteriors of overall mean and outer scale without each unit under the root.

    Returns
    -------
    tuple
        Marginals of the mean with one column a unit; posterior mean and standard deviation of
        the outer scale without it, ``(k0,)`` each.
    """
    cavity = state.loose_cavity / state.loose_cavity.sum(axis=(0, 1))
    masses = np.zeros((state.grid.mesh.size, cavity.shape[2]))
    masses[state.grid.root] = cavity.sum(axis=0)
    scale = cavity.sum(axis=1)
    mean = state.grid.outer.moment_weights @ scale
    square = state.grid.outer.nodes**2 @ scale
    sd = np.sqrt(np.maximum(square - mean**2, 0.0))
    return LogitMarginals(state.grid.mesh, masses), mean, sd


def shrinkage(posterior_mean: Array, raw: Array, others: Array) -> Array:
    """Return ``1 - (posterior mean - m0) / (raw - m0)`` on the probability scale.

    Parameters
    ----------
    posterior_mean, raw
        Posterior mean of the rate and the observed proportion.
    others
        ``m0``, the predictive mean given the others.

    Returns
    -------
    ndarray
        Shrinkage, NaN where ``|raw - m0| < 0.01`` or nothing was observed.
    """
    distance = raw - others
    with np.errstate(divide="ignore", invalid="ignore"):
        value = 1.0 - (posterior_mean - others) / distance
    return np.where(np.abs(distance) < NEGLIGIBLE_DISTANCE, np.nan, value)
