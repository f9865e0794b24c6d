"""Simon's two-stage designs: optimal and minimax, by complete search.

Simon (1989, Control Clin Trials 10:1): the first ``n1`` patients are treated; with ``r1``
responders or fewer the trial stops, otherwise it goes on to ``n`` patients and succeeds with more
than ``r``.
Among the designs that keep both error rates, the optimal one has the fewest expected patients at
the null rate, the minimax one the fewest at most (and among these the fewest expected).
"""

from typing import Final

import numpy as np

from models.analyses.next_trial.rules import Rule
from models.grid.distributions import Array
from models.numerics.binomial import pmf

LARGEST: Final = 130
"""Most patients that are searched."""
REACH: Final = 1.6
"""The optimal design is looked for up to so many times the patients of the minimax design."""

type _Design = tuple[float, int, int, int, int]


def simon_designs(null: float, alternative: float, level: float, power: float) -> list[Rule]:
    """Return the optimal and the minimax design; none if `LARGEST` patients are too few.

    Parameters
    ----------
    null, alternative
        Rates between which the trial is to decide, ``null < alternative``.
    level, power
        Largest probability of success at ``null``, smallest at ``alternative``.
    """
    tables = tuple(
        pmf(np.arange(LARGEST + 1), np.arange(LARGEST + 1)[:, None], rate)
        for rate in (null, alternative)
    )
    found: list[_Design] = []
    n, most = 2, LARGEST
    while n <= most:
        design = _best(n, tables, level, power, min((d[0] for d in found), default=np.inf))
        if design is not None:
            if not found:
                most = min(LARGEST, int(REACH * n) + 5)
            found.append(design)
        n += 1
    if not found:
        return []
    return [
        Rule(name, n, r + 1, (n1, r1))
        for name, (_, n, n1, r1, r) in (("simon optimal", min(found)), ("simon minimax", found[0]))
    ]


def _best(
    n: int, tables: tuple[Array, ...], level: float, power: float, least: float
) -> _Design | None:
    """Return the design of n patients that expects fewest at the null rate, fewer than ``least``.

    ``tables`` are the binomial probabilities ``[patients, responders]`` at both rates.
    """
    best: _Design | None = None
    # the trial expects more than n1 patients
    for n1 in range(1, min(n, int(min(least, n)) + 1)):
        n2 = n - n1
        stop = np.cumsum(tables[0][n1, :n1])
        expected = n1 + (1.0 - stop) * n2
        if expected.min() >= least:
            continue
        null, alternative = (_success(table, n1, n2) for table in tables)
        allowed = (null <= level) & (alternative >= power)
        allowed[expected >= least] = False
        rows = np.flatnonzero(allowed.any(axis=1))
        if rows.size:
            r1 = int(rows[np.argmin(expected[rows])])
            r = int(np.argmax(allowed[r1]))
            best, least = (float(expected[r1]), n, n1, r1, r), float(expected[r1])
    return best


def _success(table: Array, n1: int, n2: int) -> Array:
    """Return the probability of success for every ``r1`` below n1 and ``r`` up to n, (n1, n)."""
    # more than r in all, given x in the first stage: more than r - x of n2
    tail = 1.0 - np.cumsum(table[n2, : n2 + 1])
    more = np.arange(n1 + n2)[None, :] - np.arange(n1 + 1)[:, None]
    needed = np.where(more < 0, 1.0, tail[np.clip(more, 0, n2)])
    reached = table[n1, : n1 + 1, None] * needed
    return np.asarray(np.cumsum(reached[::-1], axis=0)[::-1][1:])
