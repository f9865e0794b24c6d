"""Compiled Markov moves over the parameters of an additive model (`models.numerics.additive`).

`transition` is one iteration of the No-U-Turn sampler (Hoffman and Gelman 2014, J Mach Learn Res
15:1593) with multinomial weights and the turning criterion of Betancourt (2017, arXiv:1701.02434),
its trees grown in a loop that keeps one state a level (Phan, Pradhan and Jankowiak 2019,
arXiv:1912.11554).

`interweave` moves what the likelihood does not see: the standard deviations given the effects, and
the effects along directions that change no logit. Between moves of the standardised effects by
NUTS it takes away the slow exchange between a mean and the effects around it, and between a
standard deviation and effects that the data pin down (Yu and Meng 2011, J Comput Graph Stat
20:531; Liu and Sabatti 2000, Biometrika 87:353).

All of it is in one file, since a change in a file that a compiled function calls does not renew
that function's cache on disk.
"""

import math
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

type FloatArray = NDArray[np.float64]

MAX_DEPTH = 10
"""Doublings after which a trajectory ends, turned or not."""
DIVERGENT = 1000.0
"""Energy error at which a trajectory has diverged."""
STEPS_OUT = 60
"""Most steps of a slice to either side, of one unit of a logarithm: far beyond any double."""


class Cells(NamedTuple):
    """Counts, design and priors; effects lie behind one another.

    Attributes
    ----------
    responders, total
        Counts, ``(cells,)``, as floats.
    level, value
        Place among all effects, and its multiplier, of every part of a cell's sum,
        ``(cells, parts)``.
    mean, sd
        Normal prior of every ``u``, ``(effects,)``.
    owner
        Number of the ``sigma`` by which an effect is multiplied; their count if there is none.
    scale
        Half-normal scale of every ``sigma``.
    """

    responders: FloatArray
    total: FloatArray
    level: NDArray[np.int64]
    value: FloatArray
    mean: FloatArray
    sd: FloatArray
    owner: NDArray[np.int64]
    scale: FloatArray


@njit(cache=True, nogil=True, error_model="numpy")  # type: ignore[untyped-decorator]
def log_density(vector: FloatArray, cells: Cells, gradient: FloatArray) -> float:
    """Return the log density of the parameters given the counts, up to a constant.

    Parameters
    ----------
    vector
        Logarithms of ``sigma``, then ``u``.
    cells
        The model.
    gradient
        Filled with the derivatives.
    """
    count, effects = cells.scale.size, cells.mean.size
    factor = np.ones(count + 1)
    density = 0.0
    for s in range(count):
        factor[s] = math.exp(vector[s])
        ratio = factor[s] / cells.scale[s]
        density += vector[s] - 0.5 * ratio * ratio
        gradient[s] = 1.0 - ratio * ratio
    effect = np.empty(effects)
    slope = np.zeros(effects)
    for e in range(effects):
        u = vector[count + e]
        ratio = (u - cells.mean[e]) / cells.sd[e]
        density -= 0.5 * ratio * ratio
        gradient[count + e] = -ratio / cells.sd[e]
        effect[e] = factor[cells.owner[e]] * u
    for c in range(cells.total.size):
        logit = 0.0
        for k in range(cells.level.shape[1]):
            logit += cells.value[c, k] * effect[cells.level[c, k]]
        # exp of a negative number only: it cannot overflow
        small = math.exp(-abs(logit))
        rate = 1.0 / (1.0 + small)
        if logit < 0.0:
            rate *= small
        density += cells.responders[c] * logit
        density -= cells.total[c] * (math.log(1.0 + small) + max(logit, 0.0))
        left = cells.responders[c] - cells.total[c] * rate
        for k in range(cells.level.shape[1]):
            slope[cells.level[c, k]] += cells.value[c, k] * left
    for e in range(effects):
        s = cells.owner[e]
        gradient[count + e] += factor[s] * slope[e]
        if s < count:
            gradient[s] += effect[e] * slope[e]
    return density


@njit(cache=True, nogil=True, error_model="numpy")  # type: ignore[untyped-decorator]
def _turns(first: FloatArray, last: FloatArray, summed: FloatArray, variance: FloatArray) -> bool:
    """Whether a stretch of a trajectory turns back, from its momenta at both ends and their sum."""
    at_first = at_last = 0.0
    for i in range(first.size):
        along = variance[i] * (summed[i] - 0.5 * (first[i] + last[i]))
        at_first += first[i] * along
        at_last += last[i] * along
    return at_first <= 0.0 or at_last <= 0.0


@njit(cache=True, nogil=True, error_model="numpy")  # type: ignore[untyped-decorator]
def _leapfrog(
    place: FloatArray,
    momentum: FloatArray,
    gradient: FloatArray,
    step: float,
    variance: FloatArray,
    cells: Cells,
) -> float:
    """Move by one step in place; return the energy."""
    for i in range(place.size):
        momentum[i] += 0.5 * step * gradient[i]
        place[i] += step * variance[i] * momentum[i]
    energy = -log_density(place, cells, gradient)
    for i in range(place.size):
        momentum[i] += 0.5 * step * gradient[i]
        energy += 0.5 * variance[i] * momentum[i] * momentum[i]
    return energy


@njit(cache=True, nogil=True, error_model="numpy")  # type: ignore[untyped-decorator]
def _log_sum(a: float, b: float) -> float:
    largest = max(a, b)
    if largest == -np.inf:
        return largest
    return largest + math.log(math.exp(a - largest) + math.exp(b - largest))


@njit(cache=True, nogil=True, error_model="numpy")  # type: ignore[untyped-decorator]
def _grow(
    end: FloatArray,
    leaves: int,
    step: float,
    start_energy: float,
    variance: FloatArray,
    cells: Cells,
    chosen: FloatArray,
    rng: np.random.Generator,
) -> tuple[float, float, float, int, bool, bool]:
    """Go on from one end of a trajectory by a power of two of leaves.

    Parameters
    ----------
    end
        Place, momentum, gradient at the end, and the leaves' sum of momenta, ``(4, size)``; moved.
    leaves
        How many, at most.
    chosen
        Filled with one of the leaves' places, drawn by their weights.

    Returns
    -------
    tuple
        Log weight of the leaves, energy of the chosen one, sum of acceptance probabilities, leaves
        visited, whether it diverged, whether it turned within itself.
    """
    momenta = np.empty((MAX_DEPTH + 1, end.shape[1]))
    sums = np.empty((MAX_DEPTH + 1, end.shape[1]))
    end[3, :] = 0.0
    weight, energy_chosen, accepted = -np.inf, start_energy, 0.0
    for leaf in range(leaves):
        energy = _leapfrog(end[0], end[1], end[2], step, variance, cells)
        error = energy - start_energy
        # written so that NaN diverges
        if not error < DIVERGENT:
            return weight, energy_chosen, accepted, leaf + 1, True, False
        accepted += min(1.0, math.exp(-error))
        weight = _log_sum(weight, -error)
        if math.log(rng.random()) < -error - weight:
            chosen[:] = end[0]
            energy_chosen = energy
        end[3] += end[1]
        # subtrees that end at this leaf begin at the states kept for their levels
        level, bits = 0, leaf >> 1
        while bits > 0:
            level += bits & 1
            bits >>= 1
        if leaf & 1 == 0:
            momenta[level] = end[1]
            sums[level] = end[3]
            continue
        bits = leaf
        while bits & 1:
            summed = end[3] - sums[level] + momenta[level]
            if _turns(momenta[level], end[1], summed, variance):
                return weight, energy_chosen, accepted, leaf + 1, False, True
            level -= 1
            bits >>= 1
    return weight, energy_chosen, accepted, leaves, False, False


@njit(cache=True, nogil=True, error_model="numpy")  # type: ignore[untyped-decorator]
def transition(
    vector: FloatArray,
    step: float,
    variance: FloatArray,
    cells: Cells,
    rng: np.random.Generator,
) -> tuple[float, float, int, bool, bool]:
    """Move the parameters by one iteration of NUTS, in place.

    Parameters
    ----------
    vector
        Parameters; changed in place.
    step
        Step size.
    variance
        Diagonal of the inverse mass matrix.
    cells
        The model.
    rng
        Source of random numbers.

    Returns
    -------
    tuple
        Energy, mean acceptance probability, depth of the tree, whether it diverged, whether it
        reached `MAX_DEPTH` without turning.
    """
    size = vector.size
    ends = np.zeros((2, 4, size))
    ends[0, 0] = vector
    for i in range(size):
        ends[0, 1, i] = rng.standard_normal() / math.sqrt(variance[i])
    start = -log_density(vector, cells, ends[0, 2])
    for i in range(size):
        start += 0.5 * variance[i] * ends[0, 1, i] ** 2
    ends[1] = ends[0]
    summed = ends[0, 1].copy()
    chosen = np.empty(size)
    weight, energy, accepted, leaves = 0.0, start, 0.0, 0
    for depth in range(MAX_DEPTH):
        # 1 goes forward in time
        side = 1 if rng.random() < 0.5 else 0
        grown, energy_chosen, more, visited, diverged, turned = _grow(
            ends[side], 1 << depth, step if side else -step, start, variance, cells, chosen, rng
        )
        accepted += more
        leaves += visited
        if diverged or turned:
            return energy, accepted / leaves, depth + 1, diverged, False
        if math.log(rng.random()) < grown - weight:
            vector[:] = chosen
            energy = energy_chosen
        weight = _log_sum(weight, grown)
        summed += ends[side, 3]
        if _turns(ends[0, 1], ends[1, 1], summed, variance):
            return energy, accepted / leaves, depth + 1, False, False
    return energy, accepted / leaves, MAX_DEPTH, False, True


@njit(cache=True, nogil=True, error_model="numpy")  # type: ignore[untyped-decorator]
def _log_conditional(log_sigma: float, squares: float, count: int, scale: float) -> float:
    """Log density of ``log sigma`` given the squares of its effects."""
    ratio = math.exp(log_sigma) / scale
    return (1 - count) * log_sigma - 0.5 * (ratio * ratio + squares * math.exp(-2.0 * log_sigma))


@njit(cache=True, nogil=True, error_model="numpy")  # type: ignore[untyped-decorator]
def _slice(
    log_sigma: float, squares: float, count: int, scale: float, rng: np.random.Generator
) -> float:
    """Move ``log sigma`` by one slice (Neal 2003, Ann Stat 31:705)."""
    height = _log_conditional(log_sigma, squares, count, scale) + math.log(rng.random())
    low = log_sigma - rng.random()
    high = low + 1.0
    # what remains of the steps to one side is drawn, which keeps the move reversible
    left = int(rng.random() * STEPS_OUT)
    right = STEPS_OUT - 1 - left
    while left > 0 and _log_conditional(low, squares, count, scale) > height:
        low -= 1.0
        left -= 1
    while right > 0 and _log_conditional(high, squares, count, scale) > height:
        high += 1.0
        right -= 1
    while True:
        new = low + rng.random() * (high - low)
        if _log_conditional(new, squares, count, scale) > height or high - low < 1e-12:
            return new
        if new < log_sigma:
            low = new
        else:
            high = new


@njit(cache=True, nogil=True, error_model="numpy")  # type: ignore[untyped-decorator]
def _shift(
    effect: FloatArray,
    cells: Cells,
    factor: FloatArray,
    unseen: FloatArray,
    rng: np.random.Generator,
) -> None:
    """Draw the effects along the directions that change no logit, in place.

    In units of the prior's deviations it is least squares plus noise, by modified Gram-Schmidt
    (Bjoerck 1967, BIT 7:1): stable also where one ``sigma`` is a millionth of another.
    """
    size, count = unseen.shape
    columns = np.empty((count, size))
    left = np.empty(size)
    for e in range(size):
        unit = factor[cells.owner[e]] * cells.sd[e]
        left[e] = cells.mean[e] / cells.sd[e] - effect[e] / unit
        for j in range(count):
            columns[j, e] = unseen[e, j] / unit
    upper = np.zeros((count, count))
    shift = np.empty(count)
    for j in range(count):
        for i in range(j):
            for e in range(size):
                upper[i, j] += columns[i, e] * columns[j, e]
            for e in range(size):
                columns[j, e] -= upper[i, j] * columns[i, e]
        norm = 0.0
        for e in range(size):
            norm += columns[j, e] * columns[j, e]
        upper[j, j] = math.sqrt(norm)
        along = 0.0
        for e in range(size):
            columns[j, e] /= upper[j, j]
            along += columns[j, e] * left[e]
        for e in range(size):
            left[e] -= along * columns[j, e]
        shift[j] = along + rng.standard_normal()
    for i in range(count - 1, -1, -1):
        for j in range(i + 1, count):
            shift[i] -= upper[i, j] * shift[j]
        shift[i] /= upper[i, i]
        for e in range(size):
            effect[e] += unseen[e, i] * shift[i]


@njit(cache=True, nogil=True, error_model="numpy")  # type: ignore[untyped-decorator]
def interweave(
    vector: FloatArray, cells: Cells, unseen: FloatArray, rounds: int, rng: np.random.Generator
) -> None:
    """Draw the effects along directions that change no logit, and every ``sigma`` given them.

    The conditional distribution of the first is normal; ``sigma`` moves by a slice.

    Parameters
    ----------
    vector
        Parameters; changed in place.
    cells
        The model.
    unseen
        Orthonormal directions, ``(effects, directions)``.
    rounds
        How often both are done in turn.
    rng
        Source of random numbers.
    """
    count, effects = cells.scale.size, cells.mean.size
    factor = np.ones(count + 1)
    for s in range(count):
        factor[s] = math.exp(vector[s])
    effect = np.empty(effects)
    for e in range(effects):
        effect[e] = factor[cells.owner[e]] * vector[count + e]
    for _ in range(rounds):
        _shift(effect, cells, factor, unseen, rng)
        for s in range(count):
            squares, members = 0.0, 0
            for e in range(effects):
                if cells.owner[e] == s:
                    squares += effect[e] * effect[e]
                    members += 1
            vector[s] = _slice(vector[s], squares, members, cells.scale[s], rng)
            factor[s] = math.exp(vector[s])
    for e in range(effects):
        vector[count + e] = effect[e] / factor[cells.owner[e]]
