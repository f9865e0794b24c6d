"""Rules of success for one arm, and what they lead to at any true rate.

Each rule says how many responders among n patients are a success, so its operating characteristics
are binomial sums, without simulation. Assurance is the probability of success before the trial: the
power averaged over the MAP prior of the arm's true rate (O'Hagan, Stevens and Campbell 2005, Pharm
Stat 4:187).
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import betainc

from models.analyses.next_trial.prior import MapPrior
from models.grid.distributions import Array
from models.numerics.binomial import at_least, pmf

LADDER: Final = (0.5, 0.6, 0.7, 0.8, 0.9)
"""Assurances for which the smallest trial is looked for."""
LARGEST: Final = 1000
"""Most patients in an arm; the nodes of the priors resolve the likelihood of so many."""


@dataclass(frozen=True)
class Rule:
    """A rule of success.

    Attributes
    ----------
    name
        ``exact``, ``map``, ``robust map``, ``vague``, ``simon optimal``, ``simon minimax``.
    n
        Most patients.
    critical
        Fewest responders that are a success; None if no number is.
    first
        Of two stages: patients of the first, and responders above which the second follows.
    """

    name: str
    n: int
    critical: int | None
    first: tuple[int, int] | None = None

    def success(self, rates: Array) -> Array:
        """Return the probability of success at true rates."""
        rates = np.asarray(rates, dtype=np.float64)
        if self.critical is None:
            return np.zeros(rates.shape)
        if self.first is None:
            return np.asarray(at_least(self.critical, self.n, rates))
        n1, r1 = self.first
        x = np.arange(r1 + 1, n1 + 1)
        goes_on = pmf(x, n1, rates[..., None])
        needed = at_least(self.critical - x, self.n - n1, rates[..., None])
        return np.asarray((goes_on * needed).sum(axis=-1))

    def stopping(self, rates: Array) -> Array:
        """Return the probability of stopping after the first stage at true rates."""
        if self.first is None:
            return np.zeros(np.shape(rates))
        n1, r1 = self.first
        return np.asarray(1.0 - at_least(r1 + 1, n1, rates))

    def patients(self, rates: Array) -> Array:
        """Return the expected number of patients at true rates."""
        n1 = self.n if self.first is None else self.first[0]
        return np.asarray(self.n - self.stopping(rates) * (self.n - n1))

    def assurance(self, prior: MapPrior) -> float:
        """Return the probability of success averaged over the prior."""
        return float(prior.mean_of(self.success(prior.rates)))

    def true_success(self, prior: MapPrior, null: float) -> float:
        """Return the probability that the rule succeeds and the rate does exceed ``null``."""
        if self.first is not None or self.critical is None:
            reached = self.success(prior.rates)
            above = prior.rates > null
            return float(prior.mean_of(reached * above))
        counts = prior.predictive(self.n)
        right = np.asarray(prior.posterior(self.n).prob_rate_above(null))
        return float((counts * right)[self.critical :].sum())


def exact_rule(n: int, null: float, level: float) -> Rule:
    """Return the one-sided exact binomial test of ``rate <= null``."""
    p_values = at_least(np.arange(n + 1), n, null)
    return Rule("exact", n, _first(p_values <= level))


def bayes_rules(
    prior: MapPrior, n: int, null: float, confidence: float, robust: float
) -> list[Rule]:
    """Return the rules ``P(rate > null | responders) >= confidence`` under three priors.

    The MAP prior, the same with a uniform component of weight ``robust``, and the uniform alone.
    """
    y = np.arange(n + 1)
    informed = np.asarray(prior.posterior(n).prob_rate_above(null))
    vague = betainc(n - y + 1.0, y + 1.0, 1.0 - null)
    share = robust_weight(prior, n, robust)
    mixed = (1.0 - share) * informed + share * vague
    named = {"map": informed, "robust map": mixed, "vague": vague}
    return [Rule(name, n, _first(tail >= confidence)) for name, tail in named.items()]


def robust_weight(prior: MapPrior, n: int, weight: float) -> Array:
    """Return the posterior weight of the uniform component after 0 to n responders."""
    uniform = weight / (n + 1.0)
    return np.asarray(uniform / (uniform + (1.0 - weight) * prior.predictive(n)))


def _first(success: NDArray[np.bool_]) -> int | None:
    """Return the fewest responders from which on every number is a success."""
    fails = np.flatnonzero(np.logical_not(success))
    critical = 0 if fails.size == 0 else int(fails[-1]) + 1
    return critical if critical < success.size else None


def _critical(sizes: NDArray[np.int64], null: float, level: float) -> NDArray[np.int64]:
    """Return the critical numbers of `exact_rule` for many sizes, ``n + 1`` where there is none."""
    # the critical number lies in (low, high]; no size takes more halvings than its binary digits
    low, high = np.full_like(sizes, -1), sizes + 1
    for _ in range(int(sizes.max() + 2).bit_length()):
        middle = (low + high + 1) // 2
        enough = at_least(middle, sizes, null) <= level
        low, high = np.where(enough, low, middle), np.where(enough, middle, high)
    return high


def smallest_trials(
    prior: MapPrior, null: float, level: float, targets: tuple[float, ...] = LADDER
) -> list[dict[str, float | int | None]]:
    """Return the patients from which on the exact test has each assurance.

    Assurance cannot exceed ``P(rate > null)`` by more than the level. Because critical numbers are
    whole, it falls at some n, so that a smaller trial may have it too: the n returned is the least
    from which on it stays at or above the target for all n up to `LARGEST`, None if there is none.
    """
    sizes = np.arange(2, LARGEST + 1)
    critical = _critical(sizes, null, level)
    power = at_least(critical[None, :], sizes[None, :], prior.rates[:, None])
    assurance = prior.mean_of(power)
    rows: list[dict[str, float | int | None]] = []
    for target in targets:
        below = np.flatnonzero(assurance < target)
        place = 0 if below.size == 0 else int(below[-1]) + 1
        found = place < sizes.size
        rows.append(
            {
                "target": target,
                "n": int(sizes[place]) if found else None,
                "critical": int(critical[place]) if found else None,
                "assurance": float(assurance[place]) if found else None,
            }
        )
    return rows
