"""The pooled model: one population of studies, one rate each.

For study ``i`` with ``x_i`` events among ``n_i`` patients::

    x_i | p_i   ~ Binomial(n_i, p_i)
    logit(p_i)  = mu + tau * z_i
    z_i         ~ Normal(0, 1)
    mu          ~ Normal(mu_mean, mu_sd)        logit scale
    tau         ~ HalfNormal(tau_scale)         logit scale, >= 0

This is the binomial-normal model of Stijnen, Hamza and Özdemir (2010, Stat Med 29:3046) with
priors: the counts enter as counts, so a study with no event needs neither a correction nor a
transformation. The study effects are written non-centred (``z_i``), which keeps the geometry mild
when ``tau`` is near zero.
"""

import pandas as pd
import pymc as pm

from models.priors import DEFAULT_PRIORS, Priors


def build_pooled_model(review: pd.DataFrame, priors: Priors = DEFAULT_PRIORS) -> pm.Model:
    """Build the pooled binomial-normal model.

    Parameters
    ----------
    review
        One row a study with the columns ``study`` (unique labels), ``events`` and ``total``.
        A row with ``total = 0`` has likelihood one and leaves the posterior of the others alone.
    priors
        ``mu_mean``, ``mu_sd`` and ``tau_scale`` are used.

    Returns
    -------
    pymc.Model
        Free variables ``mu`` (logit of the typical rate), ``tau`` (standard deviation between
        studies, logit scale) and ``z`` (dims ``study``); observed ``responders`` (dims
        ``study``). Counts and prior settings are ``pm.Data``, so one compilation serves every
        review of the same length.
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
        pm.Binomial("responders", n=total, logit_p=mu + tau * z, observed=events, dims="study")
    return model
