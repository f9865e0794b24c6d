"""Counts on a tree, checked, and their binomial likelihoods."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln, xlogy

from models.common.errors import InputError
from models.grid.distributions import Array

type IntArray = NDArray[np.intp]

SHARP = 0.02
"""Standard error of an observed logit below which a unit's likelihood is sharp: events and others
number at least 2,500."""


@dataclass(frozen=True, eq=False)
class TreeData:
    """Counts on a tree: units hang under the root or under a family, families under the root.

    Parameters
    ----------
    events, total
        Counts, shape ``(k,)``, as floats.
    parent
        Family of each unit, -1 for a unit under the root, shape ``(k,)``.
    families
        Number of families.
    """

    events: Array
    total: Array
    parent: IntArray
    families: int

    @cached_property
    def loose(self) -> IntArray:
        """Units under the root."""
        return np.flatnonzero(self.parent < 0)

    @cached_property
    def nested(self) -> IntArray:
        """Units under families, sorted by family."""
        order = np.argsort(self.parent, kind="stable")
        return np.asarray(order[self.parent[order] >= 0])

    @cached_property
    def family_of_nested(self) -> IntArray:
        """Family of each entry of ``nested``."""
        return np.asarray(self.parent[self.nested])

    @cached_property
    def sharp(self) -> IntArray:
        """Positions in ``loose`` of units too large for a common mesh (`models.grid.sharp`)."""
        x, n = self.events[self.loose], self.total[self.loose]
        return np.flatnonzero((x > 0.0) & (n > x) & (n < SHARP**2 * x * (n - x)))

    @cached_property
    def peak(self) -> Array:
        """Log of the binomial likelihood's supremum, without the coefficient, shape ``(k,)``."""
        x, n = self.events, self.total
        p = x / np.maximum(n, 1.0)
        return np.asarray(xlogy(x, p) + xlogy(n - x, 1.0 - p))

    @cached_property
    def log_constant(self) -> Array:
        """Log binomial coefficient plus ``peak``: what ``likelihood`` leaves out."""
        x, n = self.events, self.total
        coefficient = gammaln(n + 1.0) - gammaln(x + 1.0) - gammaln(n - x + 1.0)
        return np.asarray(coefficient + self.peak)

    def likelihood(self, logit: Array, units: IntArray) -> Array:
        """Return binomial likelihoods over their suprema, shape ``(logits, units)``."""
        softplus = np.logaddexp(0.0, logit)
        log_likelihood = np.stack((logit, -softplus, -np.ones_like(logit)), axis=-1) @ np.stack(
            (self.events[units], self.total[units], self.peak[units])
        )
        return np.asarray(np.exp(log_likelihood, out=log_likelihood))


def counts(name: str, events: object, total: object) -> tuple[Array, Array]:
    """Return events and totals as float arrays.

    Parameters
    ----------
    name
        What a row is, for the message.
    events, total
        Sequences of whole numbers, ``0 <= events <= total``. A total of 0 is allowed: such a row
        has likelihood one, and its posterior is the prediction for a new unit.

    Raises
    ------
    InputError
        If they are empty, differ in length, are not whole numbers or out of range.
    """
    try:
        x = np.asarray(events, dtype=np.float64)
        n = np.asarray(total, dtype=np.float64)
    except (TypeError, ValueError):
        raise InputError("events and total must be sequences of whole numbers") from None
    if x.ndim != 1 or n.ndim != 1 or x.size != n.size:
        raise InputError(
            f"events and total must be of one length, got shapes {x.shape} and {n.shape}"
        )
    if x.size == 0:
        raise InputError(f"no {name}: events and total are empty")
    with np.errstate(invalid="ignore"):
        bad = ~(np.isfinite(x) & np.isfinite(n) & (x == np.floor(x)) & (n == np.floor(n)))
        bad |= (x < 0) | (n < x)
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        raise InputError(
            f"{name} {row + 1}: events {x[row]:g} of total {n[row]:g} is not a count of patients"
        )
    return x, n
