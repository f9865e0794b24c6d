"""The pooled model with Student-t study effects: a few studies may lie far from the others.

For study ``i`` with ``x_i`` events among ``n_i`` patients::

    x_i | p_i   ~ Binomial(n_i, p_i)
    logit(p_i)  = mu + tau * t_i
    t_i         ~ StudentT(nu), as  z_i / sqrt(w_i),
                  z_i ~ Normal(0, 1),  w_i ~ Gamma(nu / 2, rate nu / 2)
    mu          ~ Normal(mu_mean, mu_sd)        logit scale
    tau         ~ HalfNormal(tau_scale)         logit scale, >= 0
    nu          = 4

``tau`` is the scale of the t distribution; the standard deviation between studies is
``tau * sqrt(nu / (nu - 2))``, 1.41 tau. ``nu`` is fixed, since 38 studies say next to nothing
about it: 4 has tails heavy enough to differ visibly from the normal model's.
"""

from typing import Final

import pandas as pd
import pymc as pm

from models.priors import DEFAULT_PRIORS, Priors

NU: Final = 4.0


def build_student_t_model(review: pd.DataFrame, priors: Priors = DEFAULT_PRIORS) -> pm.Model:
    """Build the pooled model with Student-t study effects.

    Parameters
    ----------
    review
        ``study`` (unique labels), ``events`` and ``total``, one row a study. A row with
        ``total = 0`` has likelihood one.
    priors
        ``mu_mean``, ``mu_sd`` and ``tau_scale`` are used.

    Returns
    -------
    pymc.Model
        Free variables ``mu``, ``tau`` (logit scale), ``z`` and ``w`` (dims ``study``); observed
        ``responders`` (dims ``study``).
    """
    with pm.Model(coords={"study": review["study"].to_numpy()}) as model:
        events = pm.Data("events", review["events"].to_numpy("int64"), dims="study")
        total = pm.Data("total", review["total"].to_numpy("int64"), dims="study")
        mu_mean = pm.Data("prior_mu_mean", priors.mu_mean)
        mu_sd = pm.Data("prior_mu_sd", priors.mu_sd)
        tau_scale = pm.Data("prior_tau_scale", priors.tau_scale)

        mu = pm.Normal("mu", mu_mean, mu_sd)
        tau = pm.HalfNormal("tau", tau_scale)
        z = pm.Normal("z", 0.0, 1.0, dims="study")
        w = pm.Gamma("w", alpha=NU / 2, beta=NU / 2, dims="study")
        logit_rate = mu + tau * z / pm.math.sqrt(w)
        pm.Binomial("responders", n=total, logit_p=logit_rate, observed=events, dims="study")
    return model
