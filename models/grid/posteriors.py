"""Posteriors of the three models: what `fit_pooled`, `fit_subgroup` and `fit_tree` return."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from models.grid.distributions import Array
from models.grid.drawing.joint import (
    PooledDraws,
    SubgroupDraws,
    TreeDraws,
    draw_pooled,
    draw_subgroup,
    draw_tree,
)
from models.grid.groups import prob_greater
from models.grid.loo import (
    LeaveOneFamilyOut,
    LeaveOneOut,
    leave_one_family_out,
    leave_one_unit_out,
    shrinkage,
    without_each_unit,
)
from models.grid.marginals import AverageRate, LogitMarginals, ScaleMarginal
from models.grid.sharp import unit_marginals
from models.grid.solve import Solution


@dataclass(frozen=True, eq=False)
class _GridPosterior:
    """What the posteriors of all three models have in common.

    Parameters
    ----------
    solution
        The grid posterior and its quadrature error.
    """

    solution: Solution

    @property
    def events(self) -> Array:
        """Events of each unit, ``(k,)``."""
        return self.solution.state.data.events

    @property
    def total(self) -> Array:
        """Patients of each unit, ``(k,)``."""
        return self.solution.state.data.total

    @property
    def quadrature_error(self) -> float:
        """Change of any posterior mean or sd (logit scale) when the grid was last refined."""
        return self.solution.quadrature_error

    @property
    def log_marginal_likelihood(self) -> float:
        """Log probability of all counts, binomial coefficients included."""
        return self.solution.state.log_marginal

    @cached_property
    def mu(self) -> LogitMarginals:
        """Overall mean, logit scale; its ``rate_...`` results are the typical rate."""
        return self._marginals(self.solution.state.root_masses)

    @cached_property
    def _units(self) -> LogitMarginals:
        state = self.solution.state
        columns = state.data.loose[state.data.sharp]
        return unit_marginals(state.grid.mesh, state.unit_masses, state.local_units, columns)

    @cached_property
    def _leave_one_out(self) -> LeaveOneOut:
        return leave_one_unit_out(self.solution.state)

    def leave_one_out(self) -> LeaveOneOut:
        """Return exact leave-one-unit-out predictions, ``(k,)``."""
        return self._leave_one_out

    def shrinkage(self) -> Array:
        """Return the shrinkage of each unit's rate towards what the others predict, ``(k,)``.

        ``1 - (posterior mean - m0) / (raw - m0)``; NaN where ``|raw - m0| < 0.01``.
        """
        with np.errstate(invalid="ignore"):
            raw = self.events / self.total
        return shrinkage(self._units.rate_mean, raw, self._leave_one_out.rate_mean)

    def _marginals(self, masses: Array) -> LogitMarginals:
        return LogitMarginals(self.solution.state.grid.mesh, masses)


@dataclass(frozen=True, eq=False)
class PooledPosterior(_GridPosterior):
    """Posterior of the pooled model (see `fit_pooled`).

    Parameters
    ----------
    solution
        The grid posterior and its quadrature error.
    study
        Labels of the studies.
    """

    study: tuple[str, ...]

    @cached_property
    def tau(self) -> ScaleMarginal:
        """Standard deviation between studies, logit scale."""
        return self.solution.outer

    @property
    def studies(self) -> LogitMarginals:
        """Logits and rates of the studies, ``(k,)``."""
        return self._units

    @cached_property
    def average_rate(self) -> AverageRate:
        """Average rate over studies, ``E expit(mu + tau z)``."""
        state = self.solution.state
        grid = state.grid
        return AverageRate.from_steps(grid.mesh, grid.root, state.mean_outer, state.outer_steps)

    @cached_property
    def new_study(self) -> LogitMarginals:
        """Predictive distribution of a new study's logit and rate."""
        return self._marginals(self.solution.state.new_child_masses.sum(axis=1))

    def without_each_study(self) -> tuple[LogitMarginals, Array, Array]:
        """Return the posterior of ``mu`` and mean and sd of ``tau`` without each study."""
        return without_each_unit(self.solution.state)

    def draws(self, n: int, seed: int) -> PooledDraws:
        """Return ``n`` independent joint draws."""
        return draw_pooled(self.solution.state, n, seed)


@dataclass(frozen=True, eq=False)
class SubgroupPosterior(_GridPosterior):
    """Posterior of the subgroup model (see `fit_subgroup`).

    Parameters
    ----------
    solution
        The grid posterior and its quadrature error.
    study, group
        Labels of the studies and of the groups.
    """

    study: tuple[str, ...]
    group: tuple[str, ...]

    @property
    def group_of(self) -> NDArray[np.intp]:
        """Position in ``group`` of each study's group, ``(k,)``."""
        return self.solution.state.data.parent

    @cached_property
    def sigma_group(self) -> ScaleMarginal:
        """Standard deviation between groups, logit scale."""
        return self.solution.outer

    @cached_property
    def tau(self) -> ScaleMarginal:
        """Standard deviation between studies of a group, logit scale."""
        return self.solution.inner

    @property
    def studies(self) -> LogitMarginals:
        """Logits and rates of the studies, ``(k,)``."""
        return self._units

    @cached_property
    def groups(self) -> LogitMarginals:
        """Group means, ``(F,)``; the ``rate_...`` results are the groups' typical rates."""
        return self._marginals(self.solution.state.family_masses)

    @cached_property
    def average_rates(self) -> tuple[AverageRate, ...]:
        """Average rate of each group, in the order of ``group``."""
        state = self.solution.state
        joint = state.family_joint.transpose(2, 1, 0)
        grid = state.grid
        return tuple(
            AverageRate.from_steps(grid.mesh, grid.family, masses, state.inner_steps)
            for masses in joint
        )

    @cached_property
    def new_study(self) -> LogitMarginals:
        """Predictive distribution of a new study in each group, ``(F,)``."""
        return self._marginals(self.solution.state.new_cousin_masses)

    @cached_property
    def overall_new_study(self) -> LogitMarginals:
        """Predictive distribution of a new study in a new group."""
        return self._marginals(self.solution.state.new_grandchild_masses)

    @cached_property
    def overall_average_rate(self) -> AverageRate:
        """Average rate over new groups and their studies."""
        state = self.solution.state
        n_root = state.joint.shape[1]
        rate, other = expit(state.grid.mesh.nodes), expit(-state.grid.mesh.nodes)
        value, complement, slope = (
            (state.outer_steps @ (state.inner_steps_everywhere @ curve).T)
            .transpose(0, 2, 1)
            .reshape(-1, n_root)
            for curve in (rate, other, rate * other)
        )
        masses = state.joint.transpose(0, 2, 1).reshape(-1, n_root)
        return AverageRate(state.grid.mesh, state.grid.root, masses, value, complement, slope)

    def prob_greater(self) -> Array:
        """Return P(one group's typical rate > another's), ``(F, F)``; the diagonal is one half."""
        return prob_greater(self.solution.state)

    def leave_one_group_out(self) -> LeaveOneFamilyOut:
        """Return exact leave-one-group-out predictions, ``(F,)``."""
        return leave_one_family_out(self.solution.state)

    def group_shrinkage(self) -> Array:
        """Return the shrinkage of each group's average rate, raw being its crude rate, ``(F,)``."""
        codes, size = self.group_of, len(self.group)
        with np.errstate(invalid="ignore", divide="ignore"):
            raw = np.bincount(codes, self.events, size) / np.bincount(codes, self.total, size)
        mean = np.array([average.mean for average in self.average_rates])
        return shrinkage(mean, raw, self.leave_one_group_out().average_mean)

    def draws(self, n: int, seed: int) -> SubgroupDraws:
        """Return ``n`` independent joint draws."""
        return draw_subgroup(self.solution.state, n, seed)


@dataclass(frozen=True, eq=False)
class TreePosterior(_GridPosterior):
    """Posterior of units under a mean, some of them in families (see `fit_tree`).

    Parameters
    ----------
    solution
        The grid posterior and its quadrature error.
    unit, family
        Labels of the units and of the families.
    """

    unit: tuple[str, ...]
    family: tuple[str, ...]

    @property
    def family_of(self) -> NDArray[np.intp]:
        """Position in ``family`` of each unit's family, -1 without one, ``(k,)``."""
        return self.solution.state.data.parent

    @cached_property
    def sigma(self) -> ScaleMarginal:
        """Standard deviation of units and families about the overall mean, logit scale."""
        return self.solution.outer

    @cached_property
    def sigma_child(self) -> ScaleMarginal | None:
        """Standard deviation of units about their family's mean; ``None`` without families."""
        return self.solution.inner if self.family else None

    @property
    def units(self) -> LogitMarginals:
        """Logits and rates of the units, ``(k,)``."""
        return self._units

    @cached_property
    def families(self) -> LogitMarginals:
        """Family means, ``(F,)``."""
        return self._marginals(self.solution.state.family_masses)

    @cached_property
    def average_rate(self) -> AverageRate:
        """Average rate over new units and families, ``E expit(mu + sigma a)``."""
        state = self.solution.state
        grid = state.grid
        return AverageRate.from_steps(grid.mesh, grid.root, state.mean_outer, state.outer_steps)

    @cached_property
    def new_unit(self) -> LogitMarginals:
        """Predictive distribution of a new unit under the root."""
        return self._marginals(self.solution.state.new_child_masses.sum(axis=1))

    def leave_one_family_out(self) -> LeaveOneFamilyOut:
        """Return exact leave-one-family-out predictions, ``(F,)``."""
        return leave_one_family_out(self.solution.state)

    def draws(self, n: int, seed: int) -> TreeDraws:
        """Return ``n`` independent joint draws."""
        return draw_tree(self.solution.state, n, seed)
