"""A randomised comparison of two new arms, with or without borrowing for the control arm.

Success is ``P(rate of treatment > rate of control | both counts) >= confidence``. The treatment's
prior is uniform; the control's is uniform (no borrowing), its MAP prior, or the robust MAP prior.
Every pair of counts is judged once, so that operating characteristics are sums over the table.

Assurance averages over the joint predictive distribution of both arms' true rates. Arms of one
trial share its patients and assessors, which data on single arms cannot tell: it is given for one
study effect in common and for two independent ones.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import betainc, expit, roots_legendre

from models.analyses.next_trial.prior import GroupPriors, MapPrior
from models.analyses.next_trial.rules import robust_weight
from models.grid.distributions import Array
from models.numerics.binomial import pmf

LARGEST: Final = 300
"""Most patients in an arm of the comparison."""
_NODES: Final = 200


@dataclass(frozen=True, eq=False)
class Comparison:
    """A rule for two arms.

    Attributes
    ----------
    name
        ``vague``, ``map`` or ``robust map``: the prior of the control arm.
    success
        Whether a pair of counts is a success, ``(n_treatment + 1, n_control + 1)``.
    """

    name: str
    success: NDArray[np.bool_]

    def probability(self, treatment: Array, control: Array) -> Array:
        """Return the probability of success at true rates, pair by pair."""
        n, m = self.success.shape[0] - 1, self.success.shape[1] - 1
        y = pmf(np.arange(n + 1), n, np.asarray(treatment)[..., None])
        x = pmf(np.arange(m + 1), m, np.asarray(control)[..., None])
        return np.asarray(((y @ self.success) * x).sum(axis=-1))


def comparisons(
    control: MapPrior,
    n: int,
    n_control: int,
    confidence: float,
    robust: float,
    treatment: tuple[float, float] = (1.0, 1.0),
) -> list[Comparison]:
    """Return the rule under the three priors of the control arm.

    Parameters
    ----------
    control
        MAP prior of a new control arm.
    n, n_control
        Patients in the two arms.
    confidence
        Posterior probability that makes a success.
    robust
        Prior weight of the uniform component.
    treatment
        Shapes of the beta prior of the treatment arm's rate; uniform by default.
    """
    a, b = treatment
    y = np.arange(n + 1)[:, None]

    def exceeds(rates: Array, masses: Array) -> Array:
        """Return P(treatment > control) for every pair; masses ``(rates, n_control + 1)``."""
        return np.asarray(betainc(n - y + b, y + a, 1.0 - rates) @ masses)

    informed = exceeds(control.rates, control.posterior(n_control).masses)
    nodes, weights = roots_legendre(_NODES)
    rates = (nodes + 1.0) / 2.0
    flat = weights[:, None] * pmf(np.arange(n_control + 1), n_control, rates[:, None])
    vague = exceeds(rates, flat / flat.sum(axis=0))
    share = robust_weight(control, n_control, robust)
    named = {
        "vague": vague,
        "map": informed,
        "robust map": (1.0 - share) * informed + share * vague,
    }
    return [Comparison(name, tail >= confidence) for name, tail in named.items()]


def joint_rates(priors: GroupPriors, treatment: str, control: str, seed: int) -> dict[str, Array]:
    """Return draws of both new arms' true rates, ``(draws, 2)``: one study effect, or two."""
    means, tau = priors.draws
    places = [list(priors.prior).index(group) for group in (treatment, control)]
    z = np.random.default_rng(seed).standard_normal((tau.size, 2))
    return {
        "one study effect": expit(means[:, places] + tau[:, None] * z[:, :1]),
        "independent arms": expit(means[:, places] + tau[:, None] * z),
    }
