r"""Additive logistic models of counts: every cell's logit is a sum of normal effects.

Responders of cell ``c``, and the effects of the terms ``t`` at the levels that the cell has::

    y_c ~ Binomial(n_c, p_c),     logit(p_c) = sum_t value_tc * effect_t[level_tc]
    effect_t = sigma_t * u_t,     u_t ~ Normal(0, 1),  sigma_t ~ HalfNormal(scale_t)     or
    effect_t = u_t,               u_t ~ Normal(mean_t, sd_t)

As a vector the parameters are the logarithms of all ``sigma``, then all ``u``, in the order of the
terms.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import null_space

from models.numerics.hamiltonian import Cells

type FloatArray = NDArray[np.float64]
type IntArray = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Term:
    """One term of the sum.

    Parameters
    ----------
    name
        Of ``u``.
    dim, labels
        Dimension and labels of its levels; both empty for a single number.
    level
        Level of every cell, ``(cells,)``, or several of them, ``(cells, w)``.
    value
        What the effects are multiplied by, like ``level``; 1 if not given.
    deviation
        Name of ``sigma``; empty if the effects have none.
    scale
        Scale of the half-normal prior of ``sigma``.
    mean, sd
        Prior of the effects without ``sigma``.
    """

    name: str
    dim: str
    labels: Sequence[str]
    level: IntArray
    value: FloatArray | None = None
    deviation: str = ""
    scale: float = 1.0
    mean: float = 0.0
    sd: float = 1.0

    @property
    def size(self) -> int:
        """Number of levels."""
        return len(self.labels) if self.dim else 1


@dataclass(frozen=True, eq=False)
class Additive:
    """An additive model.

    Parameters
    ----------
    terms
        What is summed.
    total
        Patients of every cell, ``(cells,)``.
    """

    terms: Sequence[Term]
    total: IntArray

    @cached_property
    def deviations(self) -> list[Term]:
        """The terms that have a ``sigma``, in order."""
        return [term for term in self.terms if term.deviation]

    @property
    def size(self) -> int:
        """Length of the vector of parameters."""
        return len(self.deviations) + sum(term.size for term in self.terms)

    @cached_property
    def _layout(self) -> Cells:
        levels, values, first = [], [], 0
        for term in self.terms:
            level = term.level.reshape(len(self.total), -1)
            levels.append(first + level)
            ones = np.ones(level.shape)
            values.append(ones if term.value is None else term.value.reshape(level.shape))
            first += term.size
        sizes = [term.size for term in self.terms]
        count = len(self.deviations)
        owners = [self.deviations.index(t) if t.deviation else count for t in self.terms]
        return Cells(
            responders=np.zeros(len(self.total)),
            total=self.total.astype(np.float64),
            level=np.ascontiguousarray(np.hstack(levels), dtype=np.int64),
            value=np.ascontiguousarray(np.hstack(values), dtype=np.float64),
            mean=np.repeat([0.0 if t.deviation else t.mean for t in self.terms], sizes),
            sd=np.repeat([1.0 if t.deviation else t.sd for t in self.terms], sizes),
            owner=np.repeat(owners, sizes).astype(np.int64),
            scale=np.array([term.scale for term in self.deviations], dtype=np.float64),
        )

    def cells(self, responders: IntArray) -> Cells:
        """Return everything as the compiled functions read it, with these responders."""
        return self._layout._replace(responders=responders.astype(np.float64))

    def logit(self, vector: FloatArray) -> FloatArray:
        """Return the logit of every cell, ``(cells,)``."""
        layout, count = self._layout, len(self.deviations)
        factor = np.append(np.exp(vector[:count]), 1.0)
        effects = factor[layout.owner] * vector[count:]
        logit: FloatArray = (layout.value * effects[layout.level]).sum(axis=1)
        return logit

    @cached_property
    def unseen(self) -> FloatArray:
        """Directions of the effects along which no logit changes, ``(effects, directions)``.

        A shift of the mean that all effects of a term take back is one. Orthonormal columns.
        """
        layout = self._layout
        design = np.zeros((len(self.total), layout.mean.size))
        for level, value in zip(layout.level.T, layout.value.T, strict=True):
            design[np.arange(len(self.total)), level] += value
        return np.ascontiguousarray(null_space(design))

    def named(self, draws: FloatArray) -> dict[str, tuple[tuple[str, ...], FloatArray]]:
        """Return dimensions and values by name, of draws ``(chain, draw, size)``."""
        count = len(self.deviations)
        found: dict[str, tuple[tuple[str, ...], FloatArray]] = {
            term.deviation: (("chain", "draw"), np.exp(draws[..., i]))
            for i, term in enumerate(self.deviations)
        }
        first = count
        for term in self.terms:
            part = draws[..., first : first + term.size]
            if term.dim:
                found[term.name] = ("chain", "draw", term.dim), part
            else:
                found[term.name] = ("chain", "draw"), part[..., 0]
            first += term.size
        return found
