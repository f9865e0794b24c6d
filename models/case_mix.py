r"""The case-mix model: treatment and histology together, the arm by subtype table latent.

Patients of arm ``i`` (treatment ``g(i)``) with subtype ``s``: ``y_is`` of ``n_is`` respond::

    y_is | p_is  ~ Binomial(n_is, p_is)
    logit(p_is)  = mu + subtype_s + treatment_g(i) + tau * z_i
    subtype_s    = sigma_subtype * a_s,       a_s ~ Normal(0, 1)
    treatment_g  = sigma_treatment * b_g,     b_g ~ Normal(0, 1)
    z_i             ~ Normal(0, 1)
    mu              ~ Normal(mu_mean, mu_sd)             logit scale
    sigma_subtype   ~ HalfNormal(tau_scale)              logit scale, >= 0
    sigma_treatment ~ HalfNormal(sigma_scale)            logit scale, >= 0
    tau             ~ HalfNormal(tau_scale)              logit scale, >= 0

Observed are sums of ``y``: over the subtypes of every arm, and over the arms of every treatment
group for every subtype. The table ``y`` itself is latent. Given both margins its conditional
distribution is that of independent binomial counts restricted to the tables with these margins, so
the posterior of the model is::

    p(parameters, y | margins)  ~  p(parameters) * prod_is Binomial(y_is; n_is, p_is) * [y fits]

and no patient is used twice: every responder is in one cell. The restriction ``[y fits]`` is kept
by the moves of the table (`models.numerics.moves`), not by the density.

The model stands here twice: `case_mix_additive` is what is sampled
(`models.fitting.lattice_chain`), `build_case_mix_model` is the same for PyMC, by which the sampler
is checked. A test holds their densities against each other.

``exp(treatment_a - treatment_b)`` is the odds ratio of two treatments for the same subtype and the
same study effect. Without subtypes (a single level) the subtype's effect and ``mu`` cannot be told
apart; the effect is then left out, and the model is the subgroup model of `models.subgroup`.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from models.numerics.additive import Additive, Term
from models.priors import DEFAULT_PRIORS, Priors
from models.reviews.case_mix import CaseMixReview, from_ledger

if TYPE_CHECKING:
    import pymc as pm


def crossed_terms(review: CaseMixReview, priors: Priors) -> dict[str, Term]:
    """Return the terms of treatment, study and, if there are several, subtype."""
    treatment, subtype = (
        review.cells[name].cat.codes.to_numpy("int64") for name in ("treatment", "subtype")
    )
    terms = {
        "treatment": Term(
            "treatment_effect",
            "treatment",
            review.treatments,
            treatment,
            deviation="sigma_treatment",
            scale=priors.sigma_scale,
        ),
        "study": Term(
            "z",
            "study",
            list(review.arms["arm"]),
            review.arm_codes,
            deviation="tau",
            scale=priors.tau_scale,
        ),
    }
    if len(review.subtypes) > 1:
        terms["subtype"] = Term(
            "subtype_effect",
            "subtype",
            review.subtypes,
            subtype,
            deviation="sigma_subtype",
            scale=priors.tau_scale,
        )
    return terms


def case_mix_additive(ledger: pd.DataFrame, priors: Priors = DEFAULT_PRIORS) -> Additive:
    """Return the case-mix model as a sum of terms; the parameters are those of the PyMC model.

    Parameters
    ----------
    ledger, priors
        As for `build_case_mix_model`.
    """
    review = from_ledger(ledger)
    none = np.zeros_like(review.total)
    mean = Term("mu", "", (), none, mean=priors.mu_mean, sd=priors.mu_sd)
    return Additive([mean, *crossed_terms(review, priors).values()], review.total)


def cell_coords(review: CaseMixReview) -> dict[str, Sequence[str]]:
    """Return the coordinates of studies, treatments, subtypes and cells."""
    names = review.cells["arm"] + ": " + review.cells["subtype"].astype(str)
    return {
        "study": review.arms["arm"].to_numpy(),
        "treatment": review.treatments,
        "subtype": review.subtypes,
        "cell": names.to_numpy(),
    }


def cell_data(review: CaseMixReview) -> tuple["pm.Data", "pm.Data", "pm.Data", "pm.Data"]:
    """Add to the model in context its patients, and study, treatment and subtype of every cell."""
    import pymc as pm

    codes = {name: review.cells[name].cat.codes for name in ("treatment", "subtype")}
    return (
        pm.Data("total", review.total, dims="cell"),
        pm.Data("study_of", review.arm_codes, dims="cell"),
        pm.Data("treatment_of", codes["treatment"].to_numpy("int64"), dims="cell"),
        pm.Data("subtype_of", codes["subtype"].to_numpy("int64"), dims="cell"),
    )


def build_case_mix_model(ledger: pd.DataFrame, priors: Priors = DEFAULT_PRIORS) -> "pm.Model":
    """Build the case-mix model.

    Parameters
    ----------
    ledger
        From `models.reviews.case_mix.CaseMixReview.ledger`.
    priors
        ``mu_mean``, ``mu_sd``, ``tau_scale`` and ``sigma_scale`` are used.

    Returns
    -------
    pymc.Model
        Free variables ``mu``, ``sigma_subtype``, ``sigma_treatment``, ``tau``, ``subtype_effect``
        (``a_s``, dims ``subtype``), ``treatment_effect`` (``b_g``, dims ``treatment``), ``z``
        (dims ``study``) and the latent table ``responders`` (dims ``cell``), to be sampled with
        `models.fitting.lattice_step.LatticeStep`. The margins are data of that step.
    """
    import pymc as pm

    review = from_ledger(ledger)
    with pm.Model(coords=cell_coords(review)) as model:
        total, study_of, treatment_of, subtype_of = cell_data(review)
        mu_mean = pm.Data("prior_mu_mean", priors.mu_mean)
        mu_sd = pm.Data("prior_mu_sd", priors.mu_sd)
        tau_scale = pm.Data("prior_tau_scale", priors.tau_scale)
        sigma_scale = pm.Data("prior_sigma_scale", priors.sigma_scale)

        mu = pm.Normal("mu", mu_mean, mu_sd)
        sigma_treatment = pm.HalfNormal("sigma_treatment", sigma_scale)
        tau = pm.HalfNormal("tau", tau_scale)
        treatment_effect = pm.Normal("treatment_effect", 0.0, 1.0, dims="treatment")
        z = pm.Normal("z", 0.0, 1.0, dims="study")
        logit = mu + sigma_treatment * treatment_effect[treatment_of] + tau * z[study_of]
        if len(review.subtypes) > 1:
            sigma_subtype = pm.HalfNormal("sigma_subtype", tau_scale)
            subtype_effect = pm.Normal("subtype_effect", 0.0, 1.0, dims="subtype")
            logit = logit + sigma_subtype * subtype_effect[subtype_of]
        pm.Binomial("responders", n=total, logit_p=logit, dims="cell")
    return model
