"""What a user may set for a review: priors, level, thresholds, direction, words; and its checks."""

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import numpy as np

from models.common.constants import CI_PROB
from models.common.errors import InputError, one_line
from models.estimands.contrasts import DEFAULT_MARGIN
from models.grid import HalfNormal, HalfT, Normal, ScalePrior
from models.grid.distributions import Array
from models.priors import DEFAULT_PRIORS, Priors

type Direction = Literal["higher", "lower"]
type Prior = Normal | ScalePrior

LEVELS: Final = (0.5, 0.999)
"""Least and largest probability content of an interval."""
_SPREAD: Final = 1e-3
"""Standard deviation of a fixed scale's prior, in units of the scale: its posterior moments then
differ from those at the fixed value by some 1e-6."""
_LEAST: Final = 1e-6
_CALL: Final = re.compile(r"\s*([a-z-]+)\s*\(([^()]*)\)\s*")


@dataclass(frozen=True)
class Fixed:
    """A standard deviation that is known: a normal about it, folded at zero, very narrow.

    Parameters
    ----------
    value
        Logit scale, positive. For none at all, a `HalfNormal` of scale 1e-6.
    """

    value: float

    def logpdf(self, x: Array) -> Array:
        """Return the log density at ``x >= 0``."""
        sd = _SPREAD * self.value
        right, left = (-0.5 * ((np.asarray(x) + s * self.value) / sd) ** 2 for s in (-1, 1))
        return np.logaddexp(right, left) - math.log(sd * math.sqrt(2 * math.pi))

    def reach(self, drop: float) -> float:
        """Return a scale beyond which nothing is left."""
        return self.value * (1.0 + _SPREAD * math.sqrt(2.0 * drop))


DEFAULT_MU: Final = Normal(DEFAULT_PRIORS.mu_mean, DEFAULT_PRIORS.mu_sd)


@dataclass(frozen=True)
class Settings:
    """How a review is analysed.

    Attributes
    ----------
    level
        Probability content of every interval, equal-tailed.
    thresholds
        Rates, as proportions, whose exceedance is asked for.
    mu, tau, sigma
        Priors of the overall mean, of the standard deviation between studies (with clusters:
        between arms of a cluster) and of that between groups or clusters, logit scale.
    event
        What is counted, as in "patients with an event".
    direction
        Which end is good; None to say nothing of it.
    margin
        Of the risk difference, as a proportion.
    predict
        Patients of a new study whose events are predicted; None for none.
    draws, seed
        Independent joint draws (contrasts, ranks) are four times ``draws``; their seed. Of a
        sampler: draws in each of four chains.
    """

    level: float = CI_PROB
    thresholds: tuple[float, ...] = ()
    mu: Normal = DEFAULT_MU
    tau: ScalePrior = field(default_factory=lambda: HalfNormal(DEFAULT_PRIORS.tau_scale))
    sigma: ScalePrior = field(default_factory=lambda: HalfNormal(DEFAULT_PRIORS.sigma_scale))
    event: str = "an event"
    direction: Direction | None = None
    margin: float = DEFAULT_MARGIN
    predict: int | None = None
    draws: int = 10_000
    seed: int = 20250107

    def __post_init__(self) -> None:
        least, most = LEVELS
        if not least <= self.level <= most:
            raise InputError(f"--level must lie between {least} and {most}, got {self.level}")
        for threshold in self.thresholds:
            if not 0 < threshold < 1:
                raise InputError(f"--threshold must lie between 0 and 1, got {threshold}")
        if not 0 < self.margin < 1:
            raise InputError(f"--margin must lie between 0 and 1, got {self.margin}")
        if self.predict is not None and not 1 <= self.predict <= 100_000:
            raise InputError(f"--predict must lie between 1 and 100000, got {self.predict}")
        if not self.event.strip() or len(self.event) > 60:
            raise InputError("--event: a word or a few, at most 60 characters")

    @property
    def tails(self) -> tuple[float, float]:
        """Return the two tail probabilities of the intervals."""
        return (1 - self.level) / 2, (1 + self.level) / 2

    @property
    def interval(self) -> str:
        """Return how the intervals are called, ``95 % interval``."""
        return f"{100 * self.level:g} % interval"

    def plain_priors(self) -> Priors:
        """Return the priors as the sampler's models take them.

        Raises
        ------
        InputError
            If one is none of theirs.
        """
        for name in ("tau", "sigma"):
            if not isinstance(getattr(self, name), HalfNormal):
                raise InputError(
                    f"--engine nuts takes a half-normal prior of {name}; the exact engine, the "
                    "default, takes the others"
                )
        return Priors(self.mu.mean, self.mu.sd, self.tau.scale, self.sigma.scale)  # type: ignore[attr-defined]

    def as_dict(self) -> dict[str, Any]:
        """Return the settings for a record, priors in words."""
        return {
            "level": self.level,
            "thresholds": list(self.thresholds),
            "priors": {name: describe(getattr(self, name)) for name in ("mu", "tau", "sigma")},
            "event": self.event,
            "direction": self.direction,
            "margin": self.margin,
            "predict": self.predict,
            "draws": 4 * self.draws,
            "seed": self.seed,
        }


def describe(prior: Prior) -> str:
    """Return a prior as it is written with ``--prior``."""
    match prior:
        case Normal(mean, sd):
            return f"normal({mean:g}, {sd:g})"
        case HalfNormal(scale):
            return "fixed(0)" if scale == _LEAST else f"half-normal({scale:g})"
        case HalfT(scale, df):
            return f"half-cauchy({scale:g})" if df == 1 else f"half-t({df:g}, {scale:g})"
        case Fixed(value):
            return f"fixed({value:g})"
    raise TypeError(prior)


def parse_priors(texts: Iterable[str]) -> dict[str, Prior]:
    """Read priors such as ``tau=half-t(3,1)``, ``mu=normal(-2,1)``, ``sigma=half-normal(0.5)``.

    A scale has ``half-normal(scale)``, ``half-t(df, scale)``, ``half-cauchy(scale)`` or
    ``fixed(value)``; the mean has ``normal(mean, sd)``. All are on the logit scale.

    Raises
    ------
    InputError
        Naming the text that cannot be read.
    """
    found: dict[str, Prior] = {}
    for text in texts:
        name, sign, call = text.partition("=")
        name = name.strip()
        if not sign or name not in ("mu", "tau", "sigma"):
            raise InputError(
                one_line(f"--prior {text!r}: write mu=, tau= or sigma=, as tau=half-t(3,1)")
            )
        if name in found:
            raise InputError(one_line(f"--prior {text!r}: {name} has a prior already"))
        try:
            found[name] = _prior(name, call)
        except InputError as error:
            raise InputError(one_line(f"--prior {text!r}: {error}")) from None
    return found


def _prior(name: str, call: str) -> Prior:
    parsed = _CALL.fullmatch(call.casefold())
    known = "half-normal(1), half-t(3,1), half-cauchy(0.5) or fixed(0.5)"
    if name == "mu":
        known = "normal(mean,sd)"
    if parsed is None:
        raise InputError(f"write {known}")
    try:
        numbers = [float(number) for number in parsed[2].split(",")]
    except ValueError:
        raise InputError(f"{parsed[2]!r}: numbers with a comma between them") from None
    if not all(map(math.isfinite, numbers)):
        raise InputError("numbers must be finite")
    match name, parsed[1], numbers:
        case "mu", "normal", [mean, sd]:
            return Normal(mean, sd)
        case "tau" | "sigma", "half-normal", [scale]:
            return HalfNormal(scale)
        case "tau" | "sigma", "half-t", [df, scale]:
            return HalfT(scale, df)
        case "tau" | "sigma", "half-cauchy", [scale]:
            return HalfT(scale, 1.0)
        case "tau" | "sigma", "fixed", [value] if value == 0:
            return HalfNormal(_LEAST)
        case "tau" | "sigma", "fixed", [value] if 1e-3 <= value <= 10:
            return Fixed(value)
        case "tau" | "sigma", "fixed", [_]:
            raise InputError("a fixed value is 0 or lies between 0.001 and 10 (logit scale)")
    raise InputError(f"{name} takes {known}")
