r"""The Bayesian random-effects model of values with known variances, by quadrature.

::

    y_i     ~ Normal(theta_i, v_i)         v_i known
    theta_i ~ Normal(mu, tau^2)
    mu      ~ Normal(mu_mean, mu_sd^2)
    tau     ~ HalfNormal(tau_scale)

Given tau, ``mu`` is normal with known mean and variance, so the posterior is a mixture of normals
over the posterior of tau, which the trapezoid rule gives (Röver 2020, J Stat Softw 93(6)).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import logsumexp, ndtr

from models.common.constants import INTERVAL_PROBS
from models.priors import Priors

type Array = NDArray[np.float64]

_NODES, _REACH = 4001, 6.0
"""Nodes of tau, and how many prior scales they span."""


@dataclass(frozen=True, eq=False)
class NormalNormal:
    """Posterior: a mixture over ``tau`` of normals of ``mu``.

    Attributes
    ----------
    tau, weight
        Nodes and their posterior masses, ``(nodes,)``.
    mean, sd
        Of ``mu`` given each.
    """

    tau: Array
    weight: Array
    mean: Array
    sd: Array

    def mu(self, probability: float) -> float:
        """Return a quantile of the overall mean."""
        return self._quantile(probability, self.sd)

    def new_study(self, probability: float) -> float:
        """Return a quantile of the value of a new study."""
        return self._quantile(probability, np.hypot(self.sd, self.tau))

    def tau_quantile(self, probability: float) -> float:
        """Return a quantile of tau."""
        # masses stand for the intervals around their nodes
        ends = np.concatenate([[0.0], (self.tau[1:] + self.tau[:-1]) / 2, self.tau[-1:]])
        return float(np.interp(probability, np.concatenate([[0.0], self.weight.cumsum()]), ends))

    def _quantile(self, probability: float, sd: Array) -> float:
        low, high = float((self.mean - 40 * sd).min()), float((self.mean + 40 * sd).max())
        return float(
            brentq(lambda x: self.weight @ ndtr((x - self.mean) / sd) - probability, low, high)
        )

    def summary(self) -> dict[str, tuple[float, float, float]]:
        """Return median and interval of ``mu``, ``new_study`` and ``tau``."""
        at = (0.5, *INTERVAL_PROBS)
        found = {"mu": self.mu, "new_study": self.new_study, "tau": self.tau_quantile}
        return {name: (f(at[0]), f(at[1]), f(at[2])) for name, f in found.items()}


def fit_normal_normal(y: Array, v: Array, priors: Priors) -> NormalNormal:
    """Return the posterior (``mu_mean``, ``mu_sd``, ``tau_scale`` of the priors are used).

    Parameters
    ----------
    y, v
        Values and their variances, ``(k,)``.
    priors
        On the scale of ``y``.
    """
    tau = np.linspace(0.0, _REACH * priors.tau_scale, _NODES)
    each = 1.0 / (v + tau[:, None] ** 2)
    precision = each.sum(axis=1) + priors.mu_sd**-2
    mean = (each @ y + priors.mu_mean * priors.mu_sd**-2) / precision
    # density of y given tau, mu integrated out
    square = each @ y**2 + priors.mu_mean**2 * priors.mu_sd**-2 - precision * mean**2
    log_weight = 0.5 * (np.log(each).sum(axis=1) - np.log(precision) - square)
    log_weight -= 0.5 * (tau / priors.tau_scale) ** 2
    log_weight[[0, -1]] += np.log(0.5)
    return NormalNormal(tau, np.exp(log_weight - logsumexp(log_weight)), mean, precision**-0.5)
