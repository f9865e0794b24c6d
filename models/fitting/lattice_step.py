"""A PyMC step method for a table of binomial counts with fixed margins.

The table is a free binomial variable of the model; this step moves it among the tables that have
the margins of the data (`models.numerics.moves`), while NUTS moves the continuous variables in the
same ``pymc.sample``. The support is restricted by the moves, not by the model's density: starting
tables must have the margins (`models.numerics.margins.Lattice.random_table`), and every move keeps
them.
"""

from typing import Any, ClassVar, Final

import numpy as np
import pymc as pm
from pymc.blocking import PointType, StatsType
from pymc.pytensorf import compile as compile_graph
from pymc.step_methods.compound import BlockedStep, StepMethodState, dataclass_state
from pymc.util import get_random_generator

from models.numerics.margins import Lattice
from models.numerics.moves import find_moves, log_factorials, sweep

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
        graph = self._graph
        moved = sweep(
            table,
            self._total,
            np.asarray(logit, dtype=np.float64),
            graph.lower,
            graph.upper,
            self._log_factorial,
            graph.start,
            graph.cell,
            graph.neighbour,
            graph.vertices,
            graph.swaps,
            self._count,
            self.rng,
        )
        new = dict(point)
        new[self._value_name] = table.astype(point[self._value_name].dtype)
        return new, [{"moved": moved / self._count}]
