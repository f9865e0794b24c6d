"""Compiled moves over tables of counts with fixed margins.

One move draws an alternating cycle of cells and then the amount by which the table is shifted
along it, from its exact conditional distribution (heat bath). The cells are binomial counts
conditioned on the margins, so along a cycle with signs ``s_c`` the amount ``k`` has::

    log p(k)  =  sum_c  log choose(n_c, y_c + k s_c)  +  k sum_c s_c logit_c  + constant

over all ``k`` that keep the bounds: for two cells that share row and column, Fisher's noncentral
hypergeometric distribution, and its generalisation to four and more cells elsewhere. How a cycle is
drawn does not depend on the table, so every move leaves the target unchanged, and no move is ever
rejected.

Half of the cycles are two-by-two swaps; the others close a random walk on the bipartite graph of
free cells that never turns back on the cell it came by. Every simple cycle has positive
probability there, which makes the moves irreducible (see `models.numerics.margins`).
"""

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from models.numerics.margins import IntArray, Lattice


@dataclass(frozen=True, eq=False)
class Moves:
    """The graph of free cells, laid out for the compiled walk.

    Attributes
    ----------
    start, cell, neighbour
        Free cells at vertex ``v`` are ``cell[start[v]:start[v + 1]]`` and lead to ``neighbour``;
        vertices are rows, then columns.
    vertices
        Vertices with free cells.
    swaps
        Two-by-two swaps, ``(swaps, 4)``: cells in cyclic order.
    lower, upper
        Bounds of all cells.
    """

    start: IntArray
    cell: IntArray
    neighbour: IntArray
    vertices: IntArray
    swaps: IntArray
    lower: IntArray
    upper: IntArray

    @property
    def any(self) -> bool:
        """Whether any cell can move."""
        return self.vertices.size > 0

    def make(
        self,
        table: IntArray,
        total: IntArray,
        logit: NDArray[np.float64],
        log_factorial: NDArray[np.float64],
        moves: int,
        rng: np.random.Generator,
    ) -> int:
        """Make a number of moves in place; return how many changed the table (see `sweep`)."""
        return int(
            sweep(
                table,
                total,
                logit,
                self.lower,
                self.upper,
                log_factorial,
                self.start,
                self.cell,
                self.neighbour,
                self.vertices,
                self.swaps,
                moves,
                rng,
            )
        )


def find_moves(lattice: Lattice) -> Moves:
    """Return the graph of the cells that the margins leave free, and its two-by-two swaps."""
    free = np.flatnonzero(lattice.free)
    rows = lattice.row_sum.size
    size = rows + lattice.column_sum.size
    ends = np.concatenate([lattice.row[free], rows + lattice.column[free]])
    others = np.concatenate([rows + lattice.column[free], lattice.row[free]])
    order = np.argsort(ends, kind="stable")
    degree = np.bincount(ends, minlength=size)
    return Moves(
        start=np.concatenate([[0], np.cumsum(degree)]).astype(np.int64),
        cell=np.tile(free, 2)[order],
        neighbour=others[order],
        vertices=np.flatnonzero(degree),
        swaps=_two_by_two(lattice, free),
        lower=lattice.lower,
        upper=lattice.upper,
    )


def _two_by_two(lattice: Lattice, free: IntArray) -> IntArray:
    """List the swaps between two rows and two columns."""
    cells_of: dict[int, list[int]] = {}
    for cell in free.tolist():
        cells_of.setdefault(int(lattice.row[cell]), []).append(cell)
    column = lattice.column
    swaps: list[tuple[int, int, int, int]] = []
    rows = sorted(cells_of)
    for i, a in enumerate(rows):
        for b in rows[i + 1 :]:
            shared = [(c, d) for c in cells_of[a] for d in cells_of[b] if column[c] == column[d]]
            swaps += [
                (c, d, f, e)
                for j, (c, d) in enumerate(shared)
                for e, f in shared[j + 1 :]
                if column[c] != column[e]
            ]
    return np.array(swaps, dtype=np.int64).reshape(-1, 4)


def log_factorials(largest: int) -> NDArray[np.float64]:
    """Return ``log(k!)`` for ``k = 0 ... largest``."""
    logs = np.log(np.arange(1, largest + 1, dtype=np.float64))
    return np.concatenate([[0.0], np.cumsum(logs)])


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _shift(
    table: IntArray,
    total: IntArray,
    logit: NDArray[np.float64],
    lower: IntArray,
    upper: IntArray,
    log_factorial: NDArray[np.float64],
    cycle: IntArray,
    length: int,
    weight: NDArray[np.float64],
    rng: np.random.Generator,
) -> bool:
    """Draw the shift along one cycle; signs alternate, plus first. Return whether it moved."""
    low, high = -(1 << 30), 1 << 30
    slope = 0.0
    sign = 1
    for i in range(length):
        c = cycle[i]
        if sign > 0:
            low, high = max(low, lower[c] - table[c]), min(high, upper[c] - table[c])
            slope += logit[c]
        else:
            low, high = max(low, table[c] - upper[c]), min(high, table[c] - lower[c])
            slope -= logit[c]
        sign = -sign
    if low == high:
        return False
    largest = -np.inf
    for k in range(low, high + 1):
        value = slope * k
        step = k
        for i in range(length):
            c = cycle[i]
            count = table[c] + step
            value -= log_factorial[count] + log_factorial[total[c] - count]
            step = -step
        weight[k - low] = value
        largest = max(largest, value)
    cumulative = 0.0
    for j in range(high - low + 1):
        cumulative += np.exp(weight[j] - largest)
        weight[j] = cumulative
    target = rng.random() * cumulative
    k = low
    while k < high and weight[k - low] < target:
        k += 1
    step = k
    for i in range(length):
        table[cycle[i]] += step
        step = -step
    return k != 0


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def sweep(
    table: IntArray,
    total: IntArray,
    logit: NDArray[np.float64],
    lower: IntArray,
    upper: IntArray,
    log_factorial: NDArray[np.float64],
    start: IntArray,
    cells: IntArray,
    neighbour: IntArray,
    vertices: IntArray,
    swaps: IntArray,
    moves: int,
    rng: np.random.Generator,
) -> int:
    """Make ``moves`` moves in place and return how many changed the table.

    Parameters
    ----------
    table
        Counts; changed in place, margins kept.
    total, logit
        Patients and logit of the response rate of every cell.
    lower, upper, start, cells, neighbour, vertices, swaps
        As in `Moves`.
    log_factorial
        From `log_factorials`, up to the largest total at least.
    moves
        Number of moves.
    rng
        Source of random numbers.
    """
    size = start.size - 1
    position = np.full(size, -1, dtype=np.int64)
    path = np.empty(size + 1, dtype=np.int64)
    walked = np.empty(size + 1, dtype=np.int64)
    weight = np.empty(int(total.max()) + 2, dtype=np.float64)
    changed = 0
    for _ in range(moves):
        if swaps.shape[0] > 0 and rng.random() < 0.5:
            cycle = swaps[int(rng.random() * swaps.shape[0])]
            length = 4
        else:
            vertex = vertices[int(rng.random() * vertices.size)]
            n_path = 0
            last = -1
            while position[vertex] < 0:
                position[vertex] = n_path
                path[n_path] = vertex
                first, degree = start[vertex], start[vertex + 1] - start[vertex]
                edge = first + int(rng.random() * degree)
                while cells[edge] == last:
                    edge = first + int(rng.random() * degree)
                last = cells[edge]
                walked[n_path] = last
                n_path += 1
                vertex = neighbour[edge]
            begin = position[vertex]
            for i in range(n_path):
                position[path[i]] = -1
            cycle = walked[begin:n_path]
            length = n_path - begin
        if _shift(table, total, logit, lower, upper, log_factorial, cycle, length, weight, rng):
            changed += 1
    return changed
