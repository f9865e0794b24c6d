"""EXNEX: each stratum exchangeable with the others, or on its own (Neuenschwander et al. 2016).

For stratum ``s`` with ``x_s`` responders among ``n_s`` patients::

    x_s | p_s      ~ Binomial(n_s, p_s)
    logit(p_s)     = mu + tau * z_s,  z_s ~ Normal(0, 1)      with probability w       (EX)
    logit(p_s)     ~ Normal(nex_mean, nex_sd)                 with probability 1 - w   (NEX)
    mu             ~ Normal(mu_mean, mu_sd)                   logit scale
    tau            ~ HalfNormal(tau_scale)                    logit scale, >= 0

A stratum unlike all others can leave the common distribution and be estimated from its own patients
and a weak prior, instead of being pulled towards the others and widening ``tau`` for them.

Which of the two holds is not sampled, and neither is the rate. Given ``mu`` and ``tau`` the strata
are independent, and the likelihood of each is one number::

    L_s(mu, tau) = w * EX_s(mu, tau) + (1 - w) * NEX_s

with ``EX_s`` and ``NEX_s`` the integrals of the binomial likelihood over the two normals
(`models.numerics.binomial_normal`). So the sampler sees a smooth density in two dimensions; a
sampled rate would have to cross between a narrow peak and a wide one. From each draw then follow
exactly the probability of exchangeability, ``w EX_s / L_s``, and a draw of the rate from its
conditional distribution (`models.estimands.subtypes.exnex_estimands`).

The strata are taken flat: a family is not a level of this model, and the rate of the family is the
patient-weighted mean of its members.

References
----------
Neuenschwander B, Wandel S, Roychoudhury S, Bailey S. Robust exchangeability designs for early phase
clinical trials with multiple strata. Pharm Stat 2016;15:123-134.
"""

from typing import Any, Final

import numpy as np
import pandas as pd
import pymc as pm
import pytensor.tensor as pt
from numpy.typing import NDArray
from scipy.special import gammaln

from models.numerics.binomial_normal import MANY_NODES, log_marginal
from models.priors import DEFAULT_EXNEX_PRIORS, ExnexPriors, Priors, as_exnex_priors

type FloatArray = NDArray[np.float64]


_BLOCK: Final = 2000


def nex_log_marginal(strata: pd.DataFrame, priors: ExnexPriors) -> FloatArray:
    """Return the log of ``NEX_s``, without the binomial coefficient, shape (k,)."""
    x, n = (strata[name].to_numpy("float64") for name in ("events", "total"))
    return np.asarray(log_marginal(x, n, priors.nex_mean, priors.nex_sd, nodes=MANY_NODES))


def ex_log_marginal(strata: pd.DataFrame, mu: FloatArray, tau: FloatArray) -> FloatArray:
    """Return the log of ``EX_s`` at draws of ``mu`` and ``tau``, shape (draws, k)."""
    x, n = (strata[name].to_numpy("float64") for name in ("events", "total"))
    # in blocks: the nodes would multiply the draws' memory by 41
    blocks = [slice(start, start + _BLOCK) for start in range(0, mu.size, _BLOCK)]
    return np.concatenate([log_marginal(x, n, mu[b, None], tau[b, None]) for b in blocks])


def mixture(ex: Any, nex: Any, weight: Any, xp: Any = np) -> Any:
    """Return the log of ``w EX + (1 - w) NEX`` from the logs of both."""
    return xp.logaddexp(xp.log(weight) + ex, xp.log1p(-weight) + nex)


def _responders_logp(
    value: Any, total: Any, mu: Any, tau: Any, nex: Any, weight: Any, constant: Any
) -> Any:
    events, total = value.astype("float64"), total.astype("float64")
    ex = log_marginal(events, total, mu + pt.zeros_like(events), tau + pt.zeros_like(events), xp=pt)
    return mixture(ex, nex, weight, pt) + constant


def build_exnex_model(strata: pd.DataFrame, priors: Priors = DEFAULT_EXNEX_PRIORS) -> pm.Model:
    """Build EXNEX with the mixture and the rates integrated out.

    Parameters
    ----------
    strata
        One row a stratum: ``stratum`` (unique labels), ``events``, ``total``.
    priors
        `ExnexPriors`; plain `models.priors.Priors` are completed with the defaults.

    Returns
    -------
    pymc.Model
        Free variables ``mu`` and ``tau``; observed ``responders`` (dims ``stratum``). Counts, prior
        settings and what follows from them alone (``nex_log_marginal``, ``log_choose``) are
        ``pm.Data``.
    """
    settings = as_exnex_priors(priors)
    x, n = (strata[name].to_numpy("int64") for name in ("events", "total"))
    choose = gammaln(n + 1) - gammaln(x + 1) - gammaln(n - x + 1)
    with pm.Model(coords={"stratum": strata["stratum"].to_numpy()}) as model:
        events = pm.Data("events", x, dims="stratum")
        total = pm.Data("total", n, dims="stratum")
        constant = pm.Data("log_choose", choose, dims="stratum")
        nex = pm.Data("nex_log_marginal", nex_log_marginal(strata, settings), dims="stratum")
        weight = pm.Data("prior_p_exchangeable", settings.p_exchangeable)
        mu_mean = pm.Data("prior_mu_mean", settings.mu_mean)
        mu_sd = pm.Data("prior_mu_sd", settings.mu_sd)
        tau_scale = pm.Data("prior_tau_scale", settings.tau_scale)

        mu = pm.Normal("mu", mu_mean, mu_sd)
        tau = pm.HalfNormal("tau", tau_scale)
        pm.CustomDist(
            "responders",
            total,
            mu,
            tau,
            nex,
            weight,
            constant,
            logp=_responders_logp,
            observed=events,
            dims="stratum",
        )
    return model
