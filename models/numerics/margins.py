"""Tables of counts with fixed margins: what they can be, where they are fixed, where to start.

A table has cells; each belongs to one row and one column and holds a count between its least and
its greatest possible value. The sums of all rows and columns are known. In the case-mix model a
row is a trial arm, a column is a subtype within a treatment group, and a cell counts responders.
Several cells may share a row and a column (subtypes of which only the common total is known).

The margins form the incidence matrix of a bipartite graph, which is totally unimodular: every
vertex of the polytope of real tables is a table of integers, so linear programmes give exact
integer bounds and starting tables. The difference of two tables with the same margins is a sum of
alternating cycles of that graph, none of which leaves the bounds on the way (a conformal
decomposition; Diaconis and Sturmfels 1998, Ann Stat 26:363, and Onn 2010, Nonlinear Discrete
Optimization, chapter 3). A walk that can take every simple cycle therefore reaches every table.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, sparse

type IntArray = NDArray[np.int64]


class InfeasibleTableError(ValueError):
    """No table has these margins within these bounds."""


@dataclass(frozen=True, eq=False)
class Lattice:
    """All tables of counts with given margins.

    Parameters
    ----------
    row, column
        Row and column of every cell, ``(m,)``, counted from 0.
    lower, upper
        Least and greatest count of every cell, ``(m,)``; equal where the cell is known.
    row_sum, column_sum
        The margins, ``(rows,)`` and ``(columns,)``.
    """

    row: IntArray
    column: IntArray
    lower: IntArray
    upper: IntArray
    row_sum: IntArray
    column_sum: IntArray

    @cached_property
    def margins(self) -> sparse.csr_array:
        """Incidence matrix: one line a row, then one a column; ``(rows + columns, m)``."""
        m, rows = self.row.size, self.row_sum.size
        place = np.concatenate([self.row, rows + self.column])
        cell = np.tile(np.arange(m), 2)
        shape = (rows + self.column_sum.size, m)
        return sparse.csr_array((np.ones(2 * m), (place, cell)), shape=shape)

    def contains(self, table: IntArray) -> bool:
        """Say whether a table has the margins and keeps the bounds."""
        sums = np.concatenate([self.row_sum, self.column_sum])
        within = (table >= self.lower).all() and (table <= self.upper).all()
        return bool(within and np.array_equal(self.margins @ table, sums))

    def extreme_table(self, cost: NDArray[np.float64]) -> IntArray:
        """Return a table that minimises ``cost @ table``: a vertex of the polytope.

        Raises
        ------
        InfeasibleTableError
            If there is no table.
        """
        sums = np.concatenate([self.row_sum, self.column_sum])
        found = optimize.linprog(
            cost,
            A_eq=self.margins,
            b_eq=sums,
            bounds=np.stack([self.lower, self.upper], axis=1),
            method="highs-ds",
        )
        if found.status == 2:
            raise InfeasibleTableError("no table of counts has these margins")
        table: IntArray = np.rint(found.x).astype(np.int64)
        if found.status != 0 or not self.contains(table):
            raise RuntimeError(f"linear programme: {found.message}")
        return table

    def random_table(self, rng: np.random.Generator) -> IntArray:
        """Return a vertex in a random direction: starting tables far from each other."""
        return self.extreme_table(rng.standard_normal(self.row.size))

    @cached_property
    def components(self) -> IntArray:
        """Number of the connected part (rows and columns joined by cells) of every cell."""
        rows = self.row_sum.size
        size = rows + self.column_sum.size
        graph = sparse.coo_array(
            (np.ones(self.row.size), (self.row, rows + self.column)), shape=(size, size)
        )
        labels = sparse.csgraph.connected_components(graph, directed=False)[1]
        return np.asarray(labels[self.row], dtype=np.int64)

    def part(self, cells: IntArray) -> "Lattice":
        """Return the table of some cells, which must be whole rows and columns."""
        rows, row = np.unique(self.row[cells], return_inverse=True)
        columns, column = np.unique(self.column[cells], return_inverse=True)
        return Lattice(
            row=row.astype(np.int64),
            column=column.astype(np.int64),
            lower=self.lower[cells],
            upper=self.upper[cells],
            row_sum=self.row_sum[rows],
            column_sum=self.column_sum[columns],
        )

    @cached_property
    def ranges(self) -> tuple[IntArray, IntArray]:
        """Least and greatest value of every cell over all tables, ``(m,)`` each.

        Raises
        ------
        InfeasibleTableError
            If there is no table.
        """
        least, most = self.lower.copy(), self.upper.copy()
        for component in np.unique(self.components):
            cells = np.flatnonzero(self.components == component)
            part = self.part(cells)
            # tables met on the way settle many cells without a programme of their own
            low = high = part.extreme_table(np.zeros(cells.size))
            for i in range(cells.size):
                cost = np.zeros(cells.size)
                cost[i] = 1.0
                if low[i] > part.lower[i]:
                    table = part.extreme_table(cost)
                    low, high = np.minimum(low, table), np.maximum(high, table)
                if high[i] < part.upper[i]:
                    table = part.extreme_table(-cost)
                    low, high = np.minimum(low, table), np.maximum(high, table)
            least[cells], most[cells] = low, high
        return least, most

    @cached_property
    def free(self) -> NDArray[np.bool_]:
        """Whether the margins leave more than one value to a cell, ``(m,)``."""
        least, most = self.ranges
        return np.asarray(least < most)


def enumerate_tables(lattice: Lattice, limit: int = 1_000_000) -> IntArray:
    """List every table, one a line, ``(tables, m)``: for small ones.

    Raises
    ------
    ValueError
        If there are more than ``limit`` partial tables on the way.
    """
    order = np.arange(lattice.row.size)
    last_of_row = {int(lattice.row[i]): i for i in order}
    last_of_column = {int(lattice.column[i]): i for i in order}
    tables = np.zeros((1, 0), dtype=np.int64)
    for i in order:
        values = np.arange(lattice.lower[i], lattice.upper[i] + 1)
        tables = np.column_stack(
            [np.repeat(tables, values.size, axis=0), np.tile(values, len(tables))]
        )
        row, column = int(lattice.row[i]), int(lattice.column[i])
        for mine, sums, place, last in (
            (lattice.row, lattice.row_sum, row, last_of_row),
            (lattice.column, lattice.column_sum, column, last_of_column),
        ):
            so_far = tables[:, mine[: i + 1] == place].sum(axis=1)
            done = last[place] == i
            tables = tables[so_far == sums[place] if done else so_far <= sums[place]]
        if len(tables) > limit:
            raise ValueError(f"more than {limit} tables")
    return tables
