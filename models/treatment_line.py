"""Regression on treatment and line together: two sets of partially pooled effects, added.

For study ``i`` with treatment ``g(i)`` and line ``l(i)``::

    x_i | p_i       ~ Binomial(n_i, p_i)
    logit(p_i)      = mu + sigma_treatment * a_g(i) + sigma_line * b_l(i) + tau * z_i
    a_g, b_l, z_i   ~ Normal(0, 1)
    mu              ~ Normal(mu_mean, mu_sd)        logit scale
    sigma_treatment ~ HalfNormal(sigma_scale)       logit scale, >= 0
    sigma_line      ~ HalfNormal(sigma_scale)       logit scale, >= 0
    tau             ~ HalfNormal(tau_scale)         logit scale, >= 0

There is no interaction: most combinations of treatment and line have no arm at all.
"""

from typing import Final

import numpy as np
import pandas as pd
import pymc as pm

from models.priors import DEFAULT_PRIORS, Priors
from models.reviews.groups import group_codes

SEPARATOR: Final = " | "
"""Between treatment and line in the label of a group."""


def join_factors(treatment: "pd.Series", line: "pd.Series") -> "pd.Series":
    """Return the ``group`` that the model reads: treatment and line in one label."""
    return treatment.astype(str) + SEPARATOR + line.astype(str)


def build_treatment_line_model(review: pd.DataFrame, priors: Priors = DEFAULT_PRIORS) -> pm.Model:
    """Build the regression on treatment and line.

    Parameters
    ----------
    review
        ``study`` (unique labels), ``events``, ``total`` and ``group`` (see ``join_factors``), one
        row a study. Rows with ``total = 0`` and groups without a study leave the others alone.
    priors
        ``mu_mean``, ``mu_sd``, ``sigma_scale`` (for both sets) and ``tau_scale`` are used.

    Returns
    -------
    pymc.Model
        Free variables ``mu``, ``sigma_treatment``, ``sigma_line``, ``tau``, ``treatment_effect``
        (dims ``treatment``), ``line_effect`` (dims ``line``) and ``z`` (dims ``study``); observed
        ``responders`` (dims ``study``).
    """
    codes, labels = group_codes(review["group"])
    parts = [label.partition(SEPARATOR) for label in labels]
    # a padded group has no separator: it takes the first level of both, and no study has it
    named = [(first, last) for first, separator, last in parts if separator]
    treatments = list(dict.fromkeys(first for first, _ in named))
    lines = list(dict.fromkeys(last for _, last in named))
    treatment_of_group = [treatments.index(p[0]) if p[1] else 0 for p in parts]
    line_of_group = [lines.index(p[2]) if p[1] else 0 for p in parts]
    coords = {"study": review["study"].to_numpy(), "treatment": treatments, "line": lines}
    with pm.Model(coords=coords) as model:
        events = pm.Data("events", review["events"].to_numpy("int64"), dims="study")
        total = pm.Data("total", review["total"].to_numpy("int64"), dims="study")
        treatment_of = pm.Data("treatment_of", np.take(treatment_of_group, codes), dims="study")
        line_of = pm.Data("line_of", np.take(line_of_group, codes), dims="study")
        mu_mean = pm.Data("prior_mu_mean", priors.mu_mean)
        mu_sd = pm.Data("prior_mu_sd", priors.mu_sd)
        sigma_scale = pm.Data("prior_sigma_scale", priors.sigma_scale)
        tau_scale = pm.Data("prior_tau_scale", priors.tau_scale)

        mu = pm.Normal("mu", mu_mean, mu_sd)
        sigma_treatment = pm.HalfNormal("sigma_treatment", sigma_scale)
        sigma_line = pm.HalfNormal("sigma_line", sigma_scale)
        tau = pm.HalfNormal("tau", tau_scale)
        treatment_effect = pm.Normal("treatment_effect", 0.0, 1.0, dims="treatment")
        line_effect = pm.Normal("line_effect", 0.0, 1.0, dims="line")
        z = pm.Normal("z", 0.0, 1.0, dims="study")
        logit_rate = (
            mu
            + sigma_treatment * treatment_effect[treatment_of]
            + sigma_line * line_effect[line_of]
            + tau * z
        )
        pm.Binomial("responders", n=total, logit_p=logit_rate, observed=events, dims="study")
    return model
