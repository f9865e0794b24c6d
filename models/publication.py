"""The subgroup model with arms of one publication correlated.

Thirty-eight arms come from 35 publications: both arms of two randomised trials and two phases of
one trial share a publication. For arm ``i`` of publication ``j(i)``::

    x_i | p_i   ~ Binomial(n_i, p_i)
    logit(p_i)  = mu + sigma_group * a_g(i)
                  + tau * (sqrt(rho) * b_j(i) + sqrt(1 - rho) * z_i)
    a_g, b_j, z_i ~ Normal(0, 1)
    rho         ~ Uniform(0, 1)      correlation of arms of one publication
    mu, sigma_group, tau             as in the subgroup model

``tau`` keeps its meaning, the standard deviation between arms, whatever ``rho`` is, so the prior
on heterogeneity does not widen when the publication effect is added.
"""

import numpy as np
import pandas as pd
import pymc as pm

from models.priors import DEFAULT_PRIORS, Priors
from models.reviews.groups import group_codes


def build_publication_model(review: pd.DataFrame, priors: Priors = DEFAULT_PRIORS) -> pm.Model:
    """Build the subgroup model with a publication effect.

    Parameters
    ----------
    review
        One row an arm with the columns ``study``, ``events``, ``total``, ``group`` and
        ``publication_id``. Padding rows (``total = 0``) have no publication of their own and are
        given the first.
    priors
        ``mu_mean``, ``mu_sd``, ``sigma_scale`` and ``tau_scale`` are used.

    Returns
    -------
    pymc.Model
        Free variables of the subgroup model and ``rho``, ``publication_effect`` (dims
        ``publication``).
    """
    codes, labels = group_codes(review["group"])
    publication, names = pd.factorize(review["publication_id"], sort=False)
    coords = {
        "study": review["study"].to_numpy(),
        "group": labels,
        "publication": names.astype(str),
    }
    with pm.Model(coords=coords) as model:
        events = pm.Data("events", review["events"].to_numpy("int64"), dims="study")
        total = pm.Data("total", review["total"].to_numpy("int64"), dims="study")
        group_of = pm.Data("group_of", codes, dims="study")
        publication_of = pm.Data(
            "publication_of", np.maximum(publication, 0).astype("int64"), dims="study"
        )

        mu = pm.Normal("mu", priors.mu_mean, priors.mu_sd)
        sigma_group = pm.HalfNormal("sigma_group", priors.sigma_scale)
        tau = pm.HalfNormal("tau", priors.tau_scale)
        rho = pm.Uniform("rho", 0.0, 1.0)
        group_effect = pm.Normal("group_effect", 0.0, 1.0, dims="group")
        publication_effect = pm.Normal("publication_effect", 0.0, 1.0, dims="publication")
        z = pm.Normal("z", 0.0, 1.0, dims="study")
        arm_effect = (
            pm.math.sqrt(rho) * publication_effect[publication_of] + pm.math.sqrt(1 - rho) * z
        )
        logit_rate = mu + sigma_group * group_effect[group_of] + tau * arm_effect
        pm.Binomial("responders", n=total, logit_p=logit_rate, observed=events, dims="study")
    return model
