"""PyMC with a step method for a table of binomial counts with fixed margins.

The table is a free binomial variable of the model; this step moves it among the tables that have
the margins of the data (`models.numerics.moves`), while NUTS moves the continuous variables in the
same ``pymc.sample``. The support is restricted by the moves, not by the model's density: starting
tables must have the margins (`models.numerics.margins.Lattice.random_table`), and every move keeps
them.

Additive models have a compiled sampler instead (`models.fitting.lattice_chain`), which this one
checks.
"""

from typing import TYPE_CHECKING, Any, ClassVar, Final

import numpy as np
import pymc as pm
import pytensor.tensor as pt
import xarray as xr
from pymc.blocking import PointType, StatsType
from pymc.pytensorf import compile as compile_graph
from pymc.step_methods.compound import BlockedStep, StepMethodState, dataclass_state
from pymc.util import get_random_generator

from models.fitting.lattice_chain import TABLE
from models.numerics.margins import IntArray, Lattice
from models.numerics.moves import find_moves, log_factorials

if TYPE_CHECKING:
    from models.fitting.fit import SamplerSettings
    from models.reviews.case_mix import CaseMixReview

MOVES_PER_CELL: Final = 40
"""Moves an iteration for every free cell: mixing within one iteration, see the tests."""


@dataclass_state
class LatticeState(StepMethodState):  # type: ignore[misc]
    """What the step keeps between iterations: its random numbers."""


class LatticeStep(BlockedStep):  # type: ignore[misc]
    """Move a table of binomial counts along the lattice of its margins.

    Parameters
    ----------
    vars
        The value variable (or random variable) of the table, a vector with one entry a cell.
    lattice
        Margins and bounds; may be changed later with `set_lattice`, without compiling again.
    total
        Patients of every cell.
    logit
        Tensor of the logits of the cells' response rates, in terms of the model's variables.
    moves
        Moves an iteration; by default `MOVES_PER_CELL` for every free cell.
    model, rng, blocked
        As for other step methods.
    """

    name = "lattice"
    stats_dtypes_shapes: ClassVar[dict[str, Any]] = {"moved": (float, [])}
    _state_class = LatticeState

    def __init__(
        self,
        vars: Any,
        *,
        lattice: Lattice,
        total: Any,
        logit: Any,
        moves: int | None = None,
        model: Any = None,
        rng: Any = None,
        blocked: bool = True,
        **_: Any,
    ) -> None:
        model = pm.modelcontext(model)
        (given,) = vars if isinstance(vars, list | tuple) else [vars]
        value = model.rvs_to_values.get(given, given)
        self.vars = [value]
        self.blocked = blocked
        self.rng = get_random_generator(rng)
        self._value_name = value.name
        self._inputs = list(model.continuous_value_vars)
        (graph,) = model.replace_rvs_by_values([logit])
        self._logit = compile_graph(self._inputs, graph, on_unused_input="ignore")
        self._moves = moves
        self.set_lattice(lattice, total)

    def set_lattice(self, lattice: Lattice, total: Any) -> None:
        """Take other margins, or other patients, of the same cells."""
        self.lattice = lattice
        self._total = np.asarray(total, dtype=np.int64)
        self._graph = find_moves(lattice)
        self._log_factorial = log_factorials(int(self._total.max()))
        free = int(lattice.free.sum())
        self._count = MOVES_PER_CELL * free if self._moves is None else self._moves

    def step(self, point: PointType) -> tuple[PointType, StatsType]:
        """Make the moves of one iteration."""
        if not self._graph.any or not self._count:
            return point, [{"moved": 0.0}]
        logit = self._logit(*(point[variable.name] for variable in self._inputs))
        table = np.array(point[self._value_name], dtype=np.int64)
        moved = self._graph.make(
            table,
            self._total,
            np.asarray(logit, dtype=np.float64),
            self._log_factorial,
            self._count,
            self.rng,
        )
        new = dict(point)
        new[self._value_name] = table.astype(point[self._value_name].dtype)
        return new, [{"moved": moved / self._count}]


def make_steps(
    model: pm.Model, review: "CaseMixReview", target_accept: float
) -> tuple[pm.NUTS, LatticeStep]:
    """Return the two steps, compiled: NUTS, then the lattice step.

    Parameters
    ----------
    model
        From `models.case_mix.build_case_mix_model`.
    review
        The review that it was built from.
    target_accept
        Target acceptance of NUTS.
    """
    table = model[TABLE]
    probability = table.owner.op.dist_params(table.owner)[1]
    with model:
        nuts = pm.NUTS(model.continuous_value_vars, target_accept=target_accept)
        lattice = LatticeStep(
            [table],
            lattice=review.lattice,
            total=review.total,
            logit=pt.log(probability) - pt.log1p(-probability),
        )
    return nuts, lattice


def sample_in_pymc(
    model: pm.Model,
    review: "CaseMixReview",
    starts: list[IntArray],
    settings: "SamplerSettings",
    cores: int,
) -> tuple[xr.Dataset, xr.Dataset, xr.Dataset]:
    """Sample with both steps; return draws, sampler statistics and constant data, labelled.

    Parameters
    ----------
    model, review
        As in `make_steps`.
    starts
        Starting tables, one a chain.
    settings
        Of this attempt.
    cores
        Processes.
    """
    steps = make_steps(model, review, settings.target_accept)
    with model:
        raw = pm.sample(
            draws=settings.draws,
            tune=settings.tune,
            chains=settings.chains,
            cores=cores,
            step=steps,
            initvals=[{TABLE: table} for table in starts],
            random_seed=settings.seed,
            nuts_sampler="pymc",
            progressbar=False,
            quiet=True,
            compute_convergence_checks=False,
        )
    posterior, stats, constant = (
        raw[name].to_dataset() for name in ("posterior", "sample_stats", "constant_data")
    )
    return posterior, stats, constant
