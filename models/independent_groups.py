"""Groups of studies with unpooled means and a common tau.

For study ``i`` in group ``g(i)`` with ``x_i`` events among ``n_i`` patients::

    x_i | p_i   ~ Binomial(n_i, p_i)
    logit(p_i)  = mu_g(i) + tau * z_i
    z_i         ~ Normal(0, 1)
    mu_g        ~ Normal(mu_mean, mu_sd)        logit scale, independent over groups
    tau         ~ HalfNormal(tau_scale)         logit scale, >= 0

The limit of the subgroup model in which no group learns from another's mean. It shows what partial
pooling does to a contrast.
"""

import pandas as pd
import pymc as pm

from models.priors import DEFAULT_PRIORS, Priors
from models.reviews.groups import group_codes


def build_independent_groups_model(
    review: pd.DataFrame, priors: Priors = DEFAULT_PRIORS
) -> pm.Model:
    """Build the model with unpooled group means and a common tau.

    Parameters
    ----------
    review
        One row a study with the columns ``study``, ``events``, ``total`` and ``group``.
    priors
        ``mu_mean``, ``mu_sd`` and ``tau_scale`` are used.

    Returns
    -------
    pymc.Model
        Free variables ``mu`` (dims ``group``), ``tau`` and ``z`` (dims ``study``); observed
        ``responders`` (dims ``study``).
    """
    codes, labels = group_codes(review["group"])
    with pm.Model(coords={"study": review["study"].to_numpy(), "group": labels}) as model:
        events = pm.Data("events", review["events"].to_numpy("int64"), dims="study")
        total = pm.Data("total", review["total"].to_numpy("int64"), dims="study")
        group_of = pm.Data("group_of", codes, dims="study")
        mu_mean = pm.Data("prior_mu_mean", priors.mu_mean)
        mu_sd = pm.Data("prior_mu_sd", priors.mu_sd)
        tau_scale = pm.Data("prior_tau_scale", priors.tau_scale)

        mu = pm.Normal("mu", mu_mean, mu_sd, dims="group")
        tau = pm.HalfNormal("tau", tau_scale)
        z = pm.Normal("z", 0.0, 1.0, dims="study")
        pm.Binomial(
            "responders", n=total, logit_p=mu[group_of] + tau * z, observed=events, dims="study"
        )
    return model
