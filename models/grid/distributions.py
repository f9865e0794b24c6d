"""Priors of the grid engine: one for a location, two for a scale, and what a scale prior must do.

A scale enters the likelihood through its square, so the posterior density of a scale, continued to
negative values, is an even function. The engine's trapezoid rule has its spectral accuracy from
there, which is why a scale prior must be *even and smooth*: half-normal, half-t and half-Cauchy
are; an exponential has a kink at zero and a uniform a jump at its end, and are not offered.
"""

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

from models.common.errors import InputError

type Array = NDArray[np.float64]

_LOG_TWO_PI = math.log(2.0 * math.pi)
_HEAVIEST_REACH = 1e6
"""Scales above this many prior scales are cut off (a half-Cauchy has 6e-7 of its mass there)."""


_SMALLEST, _LARGEST = 1e-6, 1e6
_FARTHEST_MEAN = 100.0


def _positive(name: str, value: float, least: float = _SMALLEST) -> None:
    if not (math.isfinite(value) and value > 0):
        raise InputError(f"prior {name} must be a positive finite number, got {value}")
    if not least <= value <= _LARGEST:
        raise InputError(
            f"the exact engine takes a prior {name} from {least:g} to {_LARGEST:g}, got {value:g}"
        )


@dataclass(frozen=True)
class Normal:
    """Normal prior of the overall mean, logit scale.

    Parameters
    ----------
    mean, sd
        Mean and standard deviation; ``sd > 0``.
    """

    mean: float = 0.0
    sd: float = 1.5

    def __post_init__(self) -> None:
        if not math.isfinite(self.mean):
            raise InputError(f"prior mean must be a finite number, got {self.mean}")
        if abs(self.mean) > _FARTHEST_MEAN:
            raise InputError(
                f"the exact engine takes a prior mean from -{_FARTHEST_MEAN:g} to "
                f"{_FARTHEST_MEAN:g} (logit scale), got {self.mean:g}"
            )
        _positive("sd", self.sd)

    def logpdf(self, x: Array) -> Array:
        """Return the log density at ``x``."""
        return -0.5 * ((x - self.mean) / self.sd) ** 2 - 0.5 * _LOG_TWO_PI - math.log(self.sd)


class ScalePrior(Protocol):
    """What the engine asks of the prior of a scale: an even, smooth density on ``x >= 0``."""

    def logpdf(self, x: Array) -> Array:
        """Return the log density at ``x >= 0``, normalised over ``[0, inf)``."""
        ...

    def reach(self, drop: float) -> float:
        """Return the scale at which the log density lies ``drop`` below its value at zero."""
        ...


@dataclass(frozen=True)
class HalfNormal:
    """Half-normal prior of a standard deviation: a Normal(0, scale) folded at zero.

    Parameters
    ----------
    scale
        Standard deviation of the unfolded normal, logit scale; 95 % lies below ``1.96 * scale``.
    """

    scale: float = 1.0

    def __post_init__(self) -> None:
        _positive("scale", self.scale)

    def logpdf(self, x: Array) -> Array:
        """Return the log density at ``x >= 0``."""
        constant = math.log(2.0) - 0.5 * _LOG_TWO_PI - math.log(self.scale)
        return -0.5 * (np.asarray(x, dtype=np.float64) / self.scale) ** 2 + constant

    def reach(self, drop: float) -> float:
        """Return the scale at which the log density lies ``drop`` below its value at zero."""
        return self.scale * math.sqrt(2.0 * drop)


@dataclass(frozen=True)
class HalfT:
    """Half-t prior of a standard deviation (half-Cauchy for ``df = 1``), for sensitivity analyses.

    Parameters
    ----------
    scale, df
        Scale and degrees of freedom of the unfolded Student t; both positive. The posterior is cut
        off where it falls below 4e-8 of its maximum, and at ``1e6 * scale``. Where the data do not
        restrain the tail, means (``df = 1``) and standard deviations (``df <= 2``) do not exist, or
        feel the cut; medians, intervals and everything on the rate scale do not.
    """

    scale: float = 1.0
    df: float = 3.0

    def __post_init__(self) -> None:
        _positive("scale", self.scale)
        _positive("df", self.df, 0.01)

    def logpdf(self, x: Array) -> Array:
        """Return the log density at ``x >= 0``."""
        df = self.df
        constant = (
            math.log(2.0)
            + float(gammaln(0.5 * (df + 1.0)) - gammaln(0.5 * df))
            - 0.5 * math.log(df * math.pi)
            - math.log(self.scale)
        )
        square = (np.asarray(x, dtype=np.float64) / self.scale) ** 2
        return constant - 0.5 * (df + 1.0) * np.log1p(square / df)

    def reach(self, drop: float) -> float:
        """Return the scale at which the log density lies ``drop`` below its value at zero."""
        exponent = 2.0 * drop / (self.df + 1.0)
        if exponent > 2.0 * math.log(_HEAVIEST_REACH):
            return self.scale * _HEAVIEST_REACH
        return self.scale * min(math.sqrt(self.df * math.expm1(exponent)), _HEAVIEST_REACH)
