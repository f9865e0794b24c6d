"""Binomial-normal generalised linear mixed model by maximum likelihood.

The frequentist counterpart of the project's pooled Bayesian model (Stijnen, Hamza & Özdemir 2010):

    x_i ~ Binomial(n_i, p_i),    logit p_i = mu + tau u_i,    u_i ~ Normal(0, 1).

Each study's likelihood is an integral over u_i. It is computed by adaptive Gauss-Hermite quadrature
(Pinheiro & Bates 1995): the nodes are centred on the mode of the integrand and scaled by its
curvature there. With seven nodes this is the function that ``metafor::rma.glmm(measure = "PLO")``
and ``lme4::glmer(nAGQ = 7)`` maximise, so their estimates are reproduced, quadrature error
included; `fit_glmm_converged` gives the value that more nodes no longer change.

**When the maximum exists.** With k >= 2 studies it exists if and only if some study has 0 < x < n:

- If every study is at 0/n, the likelihood rises as mu falls without bound; likewise at n/n.
- If both kinds occur and nothing between, E[p^n] <= E[p] bounds the likelihood by that of one
  patient a study. That bound is approached as tau grows without bound or, with one patient in every
  study, is reached for infinitely many pairs of mu and tau.
- The likelihood of a study with 0 < x < n vanishes in every direction of (mu, tau): a maximum.

With one study, nothing tells the spread between studies from sampling; no fit is reported.

References
----------
Pinheiro JC, Bates DM. Approximations to the log-likelihood function in the nonlinear mixed-effects
model. J Comput Graph Stat 1995;4:12-35.
Stijnen T, Hamza TH, Özdemir P. Random effects meta-analysis of event outcome in the framework of
the generalized linear mixed model with applications in sparse data. Stat Med 2010;29:3046-3067.
Sun T, Tran-Dinh Q. Generalized self-concordant functions: a recipe for Newton-type methods. Math
Program 2019;178:145-213.
"""

from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import optimize, special

from models.common.constants import CI_PROB
from models.common.errors import InputError
from models.numerics.counts import as_counts

type FloatArray = NDArray[np.float64]

CONVERGENCE_NODES: Final = (7, 15, 25, 41, 61, 81, 101)
"""Numbers of quadrature nodes that `fit_glmm_converged` goes through."""

# Central differences of the gradient at this step are off by about 1e-8 of the second derivative.
_DIFFERENCE_STEP: Final = 1e-4
# Newton's iterations end with a step of this size; the next one would be about its square.
_MODE_TOLERANCE: Final = 1e-7
_NEWTON_STEP: Final = 1e-6
# A score this small, relative to the binomial variance, is rounding.
_SCORE_TOLERANCE: Final = 1e-12
# A log-likelihood higher by less than this is not taken for a second maximum away from tau = 0.
_VALUE_TOLERANCE: Final = 1e-9


@dataclass(frozen=True, slots=True)
class GlmmFit:
    """Maximum likelihood fit of the binomial-normal model.

    Attributes
    ----------
    k
        Number of studies.
    mu, mu_se
        Mean of the studies' logits and its standard error, logit scale. The standard error is that
        of the inverse observed information of (mu, tau), as in lme4 and metafor; at tau2 = 0 it is
        that of the logistic model with one common rate.
    tau2
        Between-study variance, logit scale; exactly 0 where the likelihood is greatest there.
    estimate, lower, upper
        Typical rate logit⁻¹(mu), the rate of the median study, and its Wald interval (normal
        quantiles on the logit scale); probability scale.
    loglik
        Maximised log-likelihood, binomial coefficients included.
    nodes
        Quadrature nodes that the numbers were computed with.
    exists
        Whether there is a fit. If not, every number but ``k`` and ``nodes`` is None.
    reason
        Why there is no fit, in words; None if there is one.
    """

    k: int
    mu: float | None
    mu_se: float | None
    tau2: float | None
    estimate: float | None
    lower: float | None
    upper: float | None
    loglik: float | None
    nodes: int
    exists: bool
    reason: str | None


def fit_glmm(
    events: ArrayLike, total: ArrayLike, *, nodes: int = 7, ci_prob: float = CI_PROB
) -> GlmmFit:
    """Fit the binomial-normal model by maximum likelihood.

    Parameters
    ----------
    events, total
        Counts, one pair a study, shape (k,).
    nodes
        Nodes of the adaptive Gauss-Hermite quadrature; metafor's default is 7.
    ci_prob
        Probability content of the interval, equal-tailed.

    Returns
    -------
    GlmmFit

    Raises
    ------
    InputError
        For impossible counts (see `models.numerics.counts.as_counts`), ``nodes`` below 1 or
        ``ci_prob`` outside (0, 1).
    """
    z = _normal_quantile(ci_prob)
    likelihood = _Likelihood(*as_counts(events, total), nodes)
    reason = _why_no_maximum(likelihood.x, likelihood.n)
    if reason is not None:
        return _no_fit(likelihood, reason)
    return _maximise(likelihood, z)


def fit_glmm_converged(
    events: ArrayLike, total: ArrayLike, *, tolerance: float = 1e-8, ci_prob: float = CI_PROB
) -> GlmmFit:
    """Fit with more and more quadrature nodes until the numbers stand still.

    How much seven nodes differ: on the paper's 38 response rates mu by -1.2e-5, its standard error
    by 5.9e-6, tau2 by 4.3e-5 and the typical rate by 1.5e-6; on its 13 monotherapy arms, the worst
    of its groups, by -2.9e-4, 2.6e-4, 1.2e-3 and 2.5e-5. Neither shows in printed digits.

    Parameters
    ----------
    events, total
        Counts, one pair a study, shape (k,).
    tolerance
        A change of mu, its standard error and tau2 from one entry of `CONVERGENCE_NODES` to the
        next counts as none if below ``tolerance * (1 + |value|)``; logit scale.
    ci_prob
        Probability content of the interval, equal-tailed.

    Returns
    -------
    GlmmFit
        ``nodes`` is the smaller of the two numbers that agreed. If none agree there is no fit, and
        ``reason`` says so.

    Raises
    ------
    InputError
        As `fit_glmm`.
    """
    x, n = as_counts(events, total)
    previous = fit_glmm(x, n, nodes=CONVERGENCE_NODES[0], ci_prob=ci_prob)
    if _why_no_maximum(x, n) is not None:
        return previous
    for nodes in CONVERGENCE_NODES[1:]:
        fit = fit_glmm(x, n, nodes=nodes, ci_prob=ci_prob)
        if _agree(previous, fit, tolerance):
            return previous
        previous = fit
    before, last = CONVERGENCE_NODES[-2:]
    return _no_fit(
        _Likelihood(x, n, last),
        f"quadrature not converged: {before} and {last} nodes differ by more than {tolerance:g}",
    )


def log_likelihood(
    mu: float, tau: float, events: ArrayLike, total: ArrayLike, *, nodes: int = 7
) -> float:
    """Log-likelihood of the binomial-normal model by adaptive Gauss-Hermite quadrature.

    Parameters
    ----------
    mu, tau
        Mean and standard deviation of the studies' logits.
    events, total
        Counts, one pair a study, shape (k,).
    nodes
        Nodes of the quadrature.

    Returns
    -------
    float
        Natural logarithm, binomial coefficients included.

    Raises
    ------
    InputError
        For impossible counts or ``nodes`` below 1.
    """
    value, _ = _Likelihood(*as_counts(events, total), nodes)(np.array([mu, tau]))
    return -value


class _Likelihood:
    """Negative log-likelihood of (mu, tau) with its exact gradient.

    The gradient is that of the quadrature formula itself, with the derivatives of every study's
    mode and curvature, so that the maximum found is the maximum of what is computed. The function
    is even in tau: the optimiser needs no bound, and tau = 0 is an ordinary point.
    """

    def __init__(self, x: FloatArray, n: FloatArray, nodes: int) -> None:
        self.x, self.n, self.nodes = x, n, nodes
        self._z, self._log_weight = _normal_nodes(nodes)
        self._log_coefficients = float(
            np.sum(special.gammaln(n + 1) - special.gammaln(x + 1) - special.gammaln(n - x + 1))
        )
        self._modes = np.zeros(x.size)

    def __call__(self, parameters: FloatArray) -> tuple[float, FloatArray]:
        mu, tau = (float(value) for value in parameters)
        u = self._modes = self._find_modes(mu, tau)

        # At the mode: curvature c = 1 + tau² w of the negative log-integrand, and how u and log c
        # move with mu and with tau (implicit function theorem).
        p = special.expit(mu + tau * u)
        w = self.n * p * (1 - p)
        w_slope = w * (1 - 2 * p)
        c = 1 + tau**2 * w
        u_mu = -tau * w / c
        u_tau = (self.x - self.n * p - tau * u * w) / c
        log_c_mu = tau**2 * w_slope * (1 + tau * u_mu) / c
        log_c_tau = (2 * tau * w + tau**2 * w_slope * (u + tau * u_tau)) / c

        # At the nodes: study by row, node by column.
        x, n = self.x[:, None], self.n[:, None]
        offset = self._z / np.sqrt(c)[:, None]
        v = u[:, None] + offset
        eta = mu + tau * v
        log_term = x * eta - n * np.logaddexp(0, eta) - 0.5 * v**2 + self._log_weight
        top = log_term.max(axis=1, keepdims=True)
        term = np.exp(log_term - top)
        integral = term.sum(axis=1, keepdims=True)
        value = np.sum(top + np.log(integral)) - 0.5 * np.sum(np.log(c)) + self._log_coefficients

        share = term / integral
        residual = x - n * special.expit(eta)
        slope = tau * residual - v
        v_mu = u_mu[:, None] - 0.5 * offset * log_c_mu[:, None]
        v_tau = u_tau[:, None] - 0.5 * offset * log_c_tau[:, None]
        by_mu = np.sum(share * (residual + slope * v_mu)) - 0.5 * np.sum(log_c_mu)
        by_tau = np.sum(share * (v * residual + slope * v_tau)) - 0.5 * np.sum(log_c_tau)
        return -float(value), -np.array([by_mu, by_tau])

    def _find_modes(self, mu: float, tau: float) -> FloatArray:
        """Modes of the integrands in u, from the last ones found.

        Newton's steps, shortened by log(1 + d)/d for a step of length d on the logit scale. The
        log-likelihood of a logit has |f'''| <= |f''|, for which this damping ascends from
        anywhere (Sun & Tran-Dinh 2019, nu = 2); plain Newton cycles where the rate is near 0 or 1.
        """
        u = self._modes
        for _ in range(200):
            p = special.expit(mu + tau * u)
            expected = self.n * p
            step = (tau * (self.x - expected) - u) / (1 + tau**2 * expected * (1 - p))
            # the smallest positive float stands for a length of 0, where the factor is 1
            length = np.maximum(np.abs(tau * step), np.finfo(float).tiny)
            u = u + step * np.log1p(length) / length
            if np.max(np.abs(step)) < _MODE_TOLERANCE:
                break
        return u

    def information(self, parameters: FloatArray) -> FloatArray:
        """Observed information of (mu, tau), shape (2, 2), by central differences."""
        rows = []
        for shift in _DIFFERENCE_STEP * np.eye(2):
            _, forward = self(parameters + shift)
            _, backward = self(parameters - shift)
            rows.append((forward - backward) / (2 * _DIFFERENCE_STEP))
        matrix = np.array(rows)
        return np.asarray((matrix + matrix.T) / 2)


def _maximise(likelihood: _Likelihood, z: float) -> GlmmFit:
    x, n = likelihood.x, likelihood.n
    rate = float(np.sum(x) / np.sum(n))
    common = np.array([special.logit(rate), 0.0])
    common_value, _ = likelihood(common)

    # Score for tau² at 0 and one Fisher step from there: positive if and only if the counts vary
    # more than binomial sampling around the common rate.
    w = n * rate * (1 - rate)
    score = float(np.sum((x - n * rate) ** 2 - w))
    if abs(score) < _SCORE_TOLERANCE * np.sum(w):
        score = 0.0
    tau = float(np.clip(score / np.sum(w**2), 0.25, 4.0) ** 0.5) if score > 0 else 1.0
    # A mean of rates lies nearer to 1/2 than the rate of the mean logit, by about this factor.
    start = np.array([common[0] * np.sqrt(1 + 0.35 * tau**2), tau])
    # Information of (mu, tau) if the logits were normal with variance 1/w: a scale for the steps.
    precision = w / (1 + tau**2 * w)
    scale = np.diag([1 / np.sum(precision), 1 / (2 * tau**2 * np.sum(precision**2))])
    found = optimize.minimize(
        likelihood, start, jac=True, method="BFGS", options={"hess_inv0": scale}
    )
    if score <= 0 and found.fun > common_value - _VALUE_TOLERANCE:
        return _report(likelihood, z, float(common[0]), 0.0, float(np.sum(w) ** -0.5), common_value)

    # BFGS stops at a gradient of 1e-5; one or two Newton steps remove what it left.
    parameters, value, gradient = found.x, float(found.fun), found.jac
    for _ in range(8):
        information = likelihood.information(parameters)
        if not (information[0, 0] > 0 and np.linalg.det(information) > 0):
            break
        step = np.linalg.solve(information, gradient)
        parameters = parameters - step
        if np.max(np.abs(step)) < _NEWTON_STEP:
            mu, tau = (float(parameter) for parameter in parameters)
            mu_se = float(np.sqrt(np.linalg.inv(information)[0, 0]))
            return _report(likelihood, z, mu, tau**2, mu_se, value)
        value, gradient = likelihood(parameters)
    return _no_fit(likelihood, "the optimiser found no maximum of the likelihood")


def _report(
    likelihood: _Likelihood, z: float, mu: float, tau2: float, mu_se: float, value: float
) -> GlmmFit:
    estimate, lower, upper = special.expit(mu + z * mu_se * np.array([0.0, -1.0, 1.0])).tolist()
    return GlmmFit(
        k=likelihood.x.size,
        mu=mu,
        mu_se=mu_se,
        tau2=tau2,
        estimate=estimate,
        lower=lower,
        upper=upper,
        loglik=-value,
        nodes=likelihood.nodes,
        exists=True,
        reason=None,
    )


def _no_fit(likelihood: _Likelihood, reason: str) -> GlmmFit:
    return GlmmFit(
        k=likelihood.x.size,
        mu=None,
        mu_se=None,
        tau2=None,
        estimate=None,
        lower=None,
        upper=None,
        loglik=None,
        nodes=likelihood.nodes,
        exists=False,
        reason=reason,
    )


def _why_no_maximum(x: FloatArray, n: FloatArray) -> str | None:
    """Say why the likelihood has no (single) maximum, or None if it has one; see the module."""
    if x.size == 1:
        return "one study: the spread between studies cannot be estimated"
    if not x.any():
        return "no event in any study: the likelihood rises as mu falls without bound"
    if np.all(x == n):
        return "events only in every study: the likelihood rises with mu without bound"
    if np.all((x == 0) | (x == n)):
        if np.all(n == 1):
            return "one patient in every study: mu and tau cannot be told apart"
        return "every study has either no event or only events: the likelihood rises with tau"
    return None


def _agree(a: GlmmFit, b: GlmmFit, tolerance: float) -> bool:
    if not (a.exists and b.exists):
        return False
    first, second = (np.array([fit.mu, fit.mu_se, fit.tau2], dtype=np.float64) for fit in (a, b))
    return bool(np.all(np.abs(first - second) < tolerance * (1 + np.abs(second))))


def _normal_quantile(ci_prob: float) -> float:
    if not 0 < ci_prob < 1:
        raise InputError(f"ci_prob = {ci_prob!r}: outside (0, 1)")
    return float(special.ndtri((1 + ci_prob) / 2))


@cache
def _normal_nodes(nodes: int) -> tuple[FloatArray, FloatArray]:
    """Nodes for a standard normal, and log(weight) + node²/2 - log √(2π), shape (nodes,) each.

    The weights are those for ∫ f(u) du / √(2π) when f has the shape exp(-u²/2).
    """
    if nodes < 1:
        raise InputError(f"nodes = {nodes}: below 1")
    node, weight = special.roots_hermitenorm(nodes)
    return node, np.log(weight) + 0.5 * node**2 - 0.5 * np.log(2 * np.pi)
