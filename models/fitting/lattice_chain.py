"""Compiled sampling of an additive model with a latent table.

One iteration is a transition of NUTS over all continuous variables, `ROUNDS` of interweaving
(`models.numerics.hamiltonian`), and `MOVES_PER_CELL` moves of the table for every free cell
(`models.numerics.moves`), each of which leaves the posterior unchanged. Step size and diagonal mass
matrix are adapted as in Stan (dual averaging; variances over windows that double). Chains run in
threads and have random numbers of their own, so the draws depend on the seed alone.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Event
from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.fitting.fit import SamplerSettings
from models.numerics.additive import Additive
from models.numerics.hamiltonian import interweave, transition
from models.numerics.margins import IntArray, Lattice
from models.numerics.moves import find_moves, log_factorials

TABLE: Final = "responders"
"""Name of the latent table."""
MOVES_PER_CELL: Final = 5
"""Moves of the table an iteration, for every free cell: most cells then mix as fast as at 40."""
ROUNDS: Final = 2
"""Rounds of interweaving an iteration."""
FIRST_STEP: Final = 0.1
"""Step size at which adaptation begins."""

type FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Chains:
    """Draws of several chains.

    Attributes
    ----------
    vectors
        Parameters as `models.numerics.additive` lays them out, ``(chain, draw, size)``.
    tables
        The latent table, ``(chain, draw, cell)``.
    stats
        Statistics of the sampler by name, ``(chain, draw)``.
    """

    vectors: FloatArray
    tables: IntArray
    stats: dict[str, NDArray[np.generic]]


class _Step:
    """The step size, by dual averaging (Hoffman and Gelman 2014, with their constants)."""

    def __init__(self, target: float) -> None:
        self._target = target
        self.restart(FIRST_STEP)

    def restart(self, size: float) -> None:
        """Begin again from a size."""
        self.size = self.average = size
        self._centre = math.log(10.0 * size)
        self._error = self._log_average = 0.0
        self._count = 0

    def update(self, accepted: float) -> None:
        """Learn from one transition."""
        self._count += 1
        weight = 1.0 / (self._count + 10.0)
        self._error += weight * (self._target - accepted - self._error)
        log_size = self._centre - math.sqrt(self._count) / 0.05 * self._error
        weight = self._count**-0.75
        self._log_average += weight * (log_size - self._log_average)
        self.size, self.average = math.exp(log_size), math.exp(self._log_average)


def window_ends(tune: int) -> list[int]:
    """Return the iterations at which variances are taken: after 75, 25 doubling, the last 50 left.

    Shorter tuning has one window, from 15 % to 90 % of it.
    """
    if tune < 150:
        return [int(0.15 * tune), int(0.9 * tune)]
    ends, width, last = [75], 25, tune - 50
    while ends[-1] < last:
        end = ends[-1] + width
        width *= 2
        # a window that would leave too little for the next takes it along
        ends.append(last if end + width > last else end)
    return ends


def _variances(draws: Sequence[FloatArray]) -> FloatArray:
    """Return variances, shrunk towards a small number as Stan does."""
    k = len(draws)
    variance: FloatArray = np.var(draws, axis=0, ddof=1) * k / (k + 5) + 1e-3 * 5 / (k + 5)
    return variance


def run_chain(
    model: Additive,
    lattice: Lattice,
    table: IntArray,
    settings: SamplerSettings,
    rng: np.random.Generator,
    stopped: Callable[[], bool] = lambda: False,
) -> Iterator[tuple[FloatArray, IntArray, dict[str, float]]]:
    """Yield every kept iteration: parameters, table, statistics.

    Parameters
    ----------
    model
        The model.
    lattice
        The tables that have the margins of the data.
    table
        The first of them.
    settings
        ``draws``, ``tune`` and ``target_accept`` are used.
    rng
        Source of random numbers.
    stopped
        Asked at every iteration whether to end.
    """
    graph, factorials = find_moves(lattice), log_factorials(int(model.total.max()))
    moves = MOVES_PER_CELL * int(lattice.free.sum())
    unseen = model.unseen
    table = table.astype(np.int64)
    vector = rng.uniform(-1.0, 1.0, model.size)
    variance = np.ones(model.size)
    step = _Step(settings.target_accept)
    begin, *ends = window_ends(settings.tune)
    window: list[FloatArray] = []
    for i in range(settings.tune + settings.draws):
        if stopped():
            return
        cells = model.cells(table)
        energy, accepted, depth, diverged, saturated = transition(
            vector, step.size, variance, cells, rng
        )
        interweave(vector, cells, unseen, ROUNDS, rng)
        logit = model.logit(vector)
        moved = graph.make(table, model.total, logit, factorials, moves, rng) if moves else 0
        if i >= settings.tune:
            yield (
                vector.copy(),
                table.copy(),
                {
                    "energy": energy,
                    "acceptance_rate": accepted,
                    "tree_depth": depth,
                    "diverging": diverged,
                    "reached_max_treedepth": saturated,
                    "step_size": step.size,
                    "moved": moved / max(moves, 1),
                },
            )
            continue
        step.update(accepted)
        if begin <= i < ends[-1]:
            window.append(vector.copy())
        if i + 1 in ends and len(window) > 1:
            variance = _variances(window)
            window = []
            step.restart(step.size)
        if i == settings.tune - 1:
            step.size = step.average


def run_chains(
    model: Additive,
    lattice: Lattice,
    tables: Sequence[IntArray],
    settings: SamplerSettings,
    threads: int,
) -> Chains:
    """Run one chain from every starting table.

    Parameters
    ----------
    model, lattice, settings
        As in `run_chain`; chain ``c`` has the random numbers of ``[seed, 2, c]``.
    tables
        Starting tables.
    threads
        Chains at a time.
    """
    over = Event()

    def run(chain: int) -> list[tuple[FloatArray, IntArray, dict[str, float]]]:
        rng = np.random.default_rng([settings.seed, 2, chain])
        return list(run_chain(model, lattice, tables[chain], settings, rng, over.is_set))

    with ThreadPoolExecutor(threads) as pool:
        try:
            found = list(pool.map(run, range(len(tables))))
        finally:
            # a signal, or an error of one chain, does not wait for the others
            over.set()
    return Chains(
        vectors=np.array([[draw[0] for draw in chain] for chain in found]),
        tables=np.array([[draw[1] for draw in chain] for chain in found]),
        stats={
            name: np.array([[draw[2][name] for draw in chain] for chain in found])
            for name in found[0][0][2]
        },
    )
