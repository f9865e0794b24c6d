"""The subgroup model: partially pooled groups of studies with a common tau.

For study ``i`` in group ``g(i)`` with ``x_i`` events among ``n_i`` patients::

    x_i | p_i   ~ Binomial(n_i, p_i)
    logit(p_i)  = mu + sigma_group * a_g(i) + tau * z_i
    a_g, z_i    ~ Normal(0, 1)
    mu          ~ Normal(mu_mean, mu_sd)            logit scale
    sigma_group ~ HalfNormal(sigma_scale)           logit scale, >= 0
    tau         ~ HalfNormal(tau_scale)             logit scale, >= 0

``mu + sigma_group * a_g`` is the logit of the typical rate of group ``g``. The group means are
exchangeable: each is pulled towards the others by as much as the data say that groups resemble
each other (``sigma_group``). With few groups the data say little about ``sigma_group`` and its
prior matters; the sensitivity table shows by how much.
"""

import pandas as pd
import pymc as pm

from models.priors import DEFAULT_PRIORS, Priors
from models.reviews.groups import group_codes


def build_subgroup_model(review: pd.DataFrame, priors: Priors = DEFAULT_PRIORS) -> pm.Model:
    """Build the partially pooled subgroup model.

    Parameters
    ----------
    review
        One row a study with the columns ``study`` (unique labels), ``events``, ``total`` and
        ``group`` (a pandas categorical, or labels taken in order of first appearance). Rows with
        ``total = 0`` and categories without a study leave the posterior of the others alone.
    priors
        ``mu_mean``, ``mu_sd``, ``sigma_scale`` and ``tau_scale`` are used.

    Returns
    -------
    pymc.Model
        Free variables ``mu``, ``sigma_group``, ``tau``, ``group_effect`` (``a_g``, dims
        ``group``) and ``z`` (dims ``study``); observed ``responders`` (dims ``study``).
    """
    codes, labels = group_codes(review["group"])
    with pm.Model(coords={"study": review["study"].to_numpy(), "group": labels}) as model:
        events = pm.Data("events", review["events"].to_numpy("int64"), dims="study")
        total = pm.Data("total", review["total"].to_numpy("int64"), dims="study")
        group_of = pm.Data("group_of", codes, dims="study")
        mu_mean = pm.Data("prior_mu_mean", priors.mu_mean)
        mu_sd = pm.Data("prior_mu_sd", priors.mu_sd)
        sigma_scale = pm.Data("prior_sigma_scale", priors.sigma_scale)
        tau_scale = pm.Data("prior_tau_scale", priors.tau_scale)

        mu = pm.Normal("mu", mu_mean, mu_sd)
        sigma_group = pm.HalfNormal("sigma_group", sigma_scale)
        tau = pm.HalfNormal("tau", tau_scale)
        group_effect = pm.Normal("group_effect", 0.0, 1.0, dims="group")
        z = pm.Normal("z", 0.0, 1.0, dims="study")
        logit_rate = mu + sigma_group * group_effect[group_of] + tau * z
        pm.Binomial("responders", n=total, logit_p=logit_rate, observed=events, dims="study")
    return model
