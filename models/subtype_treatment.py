"""The subtype by treatment model: additive on the logit scale, with interaction.

For subtype ``s`` in treatment group ``g`` with ``x_sg`` responders among ``n_sg`` patients::

    x_sg | p_sg   ~ Binomial(n_sg, p_sg)
    logit(p_sg)   = mu + subtype_s + treatment_g + interaction_sg
    subtype_s     = tau * a_s,                   a_s  ~ Normal(0, 1)
    treatment_g   = sigma_treatment * b_g,       b_g  ~ Normal(0, 1)
    interaction_sg = sigma_interaction * c_sg,   c_sg ~ Normal(0, 1)
    mu                ~ Normal(mu_mean, mu_sd)                 logit scale
    tau               ~ HalfNormal(tau_scale)                  between subtypes
    sigma_treatment   ~ HalfNormal(sigma_scale)                between treatment groups
    sigma_interaction ~ HalfNormal(interaction_scale)          interaction

The table is complete: a combination that no trial enrolled is a cell of no patients, whose
likelihood is one, and its rate is a prediction from the subtype, the treatment group and the size
of interactions seen elsewhere.

The contrasts between treatment groups in this table are not randomised: each group's patients come
from other trials.
"""

import numpy as np
import pandas as pd
import pymc as pm

from models.priors import DEFAULT_PRIORS, Priors
from models.reviews.strata import cell_table


def build_subtype_treatment_model(cells: pd.DataFrame, priors: Priors = DEFAULT_PRIORS) -> pm.Model:
    """Build the additive model with interaction over all combinations.

    Parameters
    ----------
    cells
        One row a combination with patients: ``stratum``, ``treatment`` (a pandas categorical, or
        labels taken in order of first appearance), ``events``, ``total``.
    priors
        ``mu_mean``, ``mu_sd``, ``tau_scale``, ``sigma_scale`` and ``interaction_scale`` are used.

    Returns
    -------
    pymc.Model
        Free variables ``mu``, ``tau``, ``sigma_treatment``, ``sigma_interaction``,
        ``subtype_effect`` (dims ``stratum``), ``treatment_effect`` (dims ``treatment``) and
        ``interaction_effect`` (both), the last three standardised; observed ``responders`` (dims
        ``stratum``, ``treatment``).
    """
    x, n = cell_table(cells, "events"), cell_table(cells, "total")
    coords = {"stratum": np.asarray(x.index), "treatment": np.asarray(x.columns)}
    dims = ("stratum", "treatment")
    with pm.Model(coords=coords) as model:
        events = pm.Data("events", x.to_numpy(), dims=dims)
        total = pm.Data("total", n.to_numpy(), dims=dims)
        mu_mean = pm.Data("prior_mu_mean", priors.mu_mean)
        mu_sd = pm.Data("prior_mu_sd", priors.mu_sd)
        tau_scale = pm.Data("prior_tau_scale", priors.tau_scale)
        sigma_scale = pm.Data("prior_sigma_scale", priors.sigma_scale)
        interaction_scale = pm.Data("prior_interaction_scale", priors.interaction_scale)

        mu = pm.Normal("mu", mu_mean, mu_sd)
        tau = pm.HalfNormal("tau", tau_scale)
        sigma_treatment = pm.HalfNormal("sigma_treatment", sigma_scale)
        sigma_interaction = pm.HalfNormal("sigma_interaction", interaction_scale)
        subtype = pm.Normal("subtype_effect", 0.0, 1.0, dims="stratum")
        treatment = pm.Normal("treatment_effect", 0.0, 1.0, dims="treatment")
        interaction = pm.Normal("interaction_effect", 0.0, 1.0, dims=dims)
        logit_rate = (
            mu
            + tau * subtype[:, None]
            + sigma_treatment * treatment[None, :]
            + sigma_interaction * interaction
        )
        pm.Binomial("responders", n=total, logit_p=logit_rate, observed=events, dims=dims)
    return model
