"""The beta-binomial model: study rates from a beta distribution instead of a logit-normal one.

For study ``i`` with ``x_i`` events among ``n_i`` patients::

    x_i         ~ BetaBinomial(n_i, m * phi, (1 - m) * phi),   phi = 1 / rho - 1
    logit(m)    ~ Normal(mu_mean, mu_sd)        logit scale
    rho         ~ Beta(1, 4)

The rates are integrated out in closed form. ``m`` is the *average* rate over studies, not the
typical one, and ``rho`` the correlation of two patients of one study: the variance of the rates is
``rho * m * (1 - m)``. Beta(1, 4) has its mean at 0.2 and 95 % of its mass below 0.53; a
logit-normal spread of tau = 1 about a rate of 0.16 corresponds to rho of about 0.1.
"""

import pandas as pd
import pymc as pm

from models.priors import DEFAULT_PRIORS, Priors


def build_beta_binomial_model(review: pd.DataFrame, priors: Priors = DEFAULT_PRIORS) -> pm.Model:
    """Build the beta-binomial model.

    Parameters
    ----------
    review
        ``study`` (unique labels), ``events`` and ``total``, one row a study. A row with
        ``total = 0`` has likelihood one.
    priors
        ``mu_mean`` and ``mu_sd`` are used.

    Returns
    -------
    pymc.Model
        Free variables ``mu`` (logit of the average rate) and ``rho`` (in 0 to 1); observed
        ``responders`` (dims ``study``).
    """
    with pm.Model(coords={"study": review["study"].to_numpy()}) as model:
        events = pm.Data("events", review["events"].to_numpy("int64"), dims="study")
        total = pm.Data("total", review["total"].to_numpy("int64"), dims="study")
        mu_mean = pm.Data("prior_mu_mean", priors.mu_mean)
        mu_sd = pm.Data("prior_mu_sd", priors.mu_sd)

        mu = pm.Normal("mu", mu_mean, mu_sd)
        rho = pm.Beta("rho", 1.0, 4.0)
        mean, phi = pm.math.invlogit(mu), 1 / rho - 1
        pm.BetaBinomial(
            "responders",
            alpha=mean * phi,
            beta=(1 - mean) * phi,
            n=total,
            observed=events,
            dims="study",
        )
    return model
