r"""The case-mix model with unpooled treatments: each has a mean of its own.

As `models.case_mix`, but no treatment learns from another's mean::

    y_is | p_is  ~ Binomial(n_is, p_is)
    logit(p_is)  = treatment_g(i) + subtype_s + tau * z_i
    subtype_s    = sigma_subtype * a_s,       a_s ~ Normal(0, 1)
    treatment_g     ~ Normal(mu_mean, mu_sd)             logit scale, independent over treatments
    z_i             ~ Normal(0, 1)
    sigma_subtype   ~ HalfNormal(tau_scale)              logit scale, >= 0
    tau             ~ HalfNormal(tau_scale)              logit scale, >= 0

Observed are the margins of ``y``, kept by the step that moves the table. Beside the unpooled groups
of `models.independent_groups` it shows what adjustment for histology does to a contrast when no
shrinkage of treatments towards each other changes with it.
"""

from dataclasses import replace
from typing import TYPE_CHECKING

import pandas as pd

from models.case_mix import cell_coords, cell_data, crossed_terms
from models.numerics.additive import Additive
from models.priors import DEFAULT_PRIORS, Priors
from models.reviews.case_mix import from_ledger

if TYPE_CHECKING:
    import pymc as pm


def case_mix_unpooled_additive(ledger: pd.DataFrame, priors: Priors = DEFAULT_PRIORS) -> Additive:
    """Return the model as a sum of terms; the parameters are those of the PyMC model.

    Parameters
    ----------
    ledger, priors
        As for `build_case_mix_unpooled_model`.
    """
    review = from_ledger(ledger)
    terms = crossed_terms(review, priors)
    own = replace(
        terms["treatment"],
        name="treatment_logit",
        deviation="",
        mean=priors.mu_mean,
        sd=priors.mu_sd,
    )
    return Additive([own, terms["study"], terms["subtype"]], review.total)


def build_case_mix_unpooled_model(
    ledger: pd.DataFrame, priors: Priors = DEFAULT_PRIORS
) -> "pm.Model":
    """Build the case-mix model with unpooled treatments.

    Parameters
    ----------
    ledger
        From `models.reviews.case_mix.CaseMixReview.ledger`, of several subtypes.
    priors
        ``mu_mean``, ``mu_sd`` and ``tau_scale`` are used.

    Returns
    -------
    pymc.Model
        Free variables ``treatment_logit`` (dims ``treatment``), ``sigma_subtype``, ``tau``,
        ``subtype_effect`` (``a_s``, dims ``subtype``), ``z`` (dims ``study``) and the latent table
        ``responders`` (dims ``cell``), as in `models.case_mix.build_case_mix_model`.
    """
    import pymc as pm

    review = from_ledger(ledger)
    with pm.Model(coords=cell_coords(review)) as model:
        total, study_of, treatment_of, subtype_of = cell_data(review)
        mu_mean = pm.Data("prior_mu_mean", priors.mu_mean)
        mu_sd = pm.Data("prior_mu_sd", priors.mu_sd)
        tau_scale = pm.Data("prior_tau_scale", priors.tau_scale)

        treatment_logit = pm.Normal("treatment_logit", mu_mean, mu_sd, dims="treatment")
        sigma_subtype = pm.HalfNormal("sigma_subtype", tau_scale)
        tau = pm.HalfNormal("tau", tau_scale)
        subtype_effect = pm.Normal("subtype_effect", 0.0, 1.0, dims="subtype")
        z = pm.Normal("z", 0.0, 1.0, dims="study")
        logit = (
            treatment_logit[treatment_of]
            + sigma_subtype * subtype_effect[subtype_of]
            + tau * z[study_of]
        )
        pm.Binomial("responders", n=total, logit_p=logit, dims="cell")
    return model
