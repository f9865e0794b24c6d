r"""The case-mix model with covariates of the arms: treatment, histology, and what else differs.

As `models.case_mix`, with the row ``X_i`` of a design (columns in named units, centred over the
arms)::

    y_is | p_is  ~ Binomial(n_is, p_is)
    logit(p_is)  = mu + sum_j X_ij * beta_j + subtype_s + treatment_g(i) + tau * z_i
    beta_j       ~ Normal(0, coefficient_sd)             log odds ratio of one unit of covariate j

and all else as there. The margins of ``y`` are kept by the step that moves the table. ``mu`` is the
logit of an arm with average covariates, so that standardised rates are those of such an arm.
"""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from models.case_mix import case_mix_additive, cell_coords, cell_data
from models.common.errors import InputError
from models.numerics.additive import Additive, Term
from models.priors import DEFAULT_REGRESSION_PRIORS, RegressionPriors
from models.reviews.case_mix import CaseMixReview, from_ledger
from models.reviews.covariates import design_matrix

if TYPE_CHECKING:
    import pymc as pm


def case_mix_covariates_additive(
    ledger: pd.DataFrame, priors: RegressionPriors = DEFAULT_REGRESSION_PRIORS
) -> Additive:
    """Return the model as a sum of terms; the parameters are those of the PyMC model.

    Parameters
    ----------
    ledger, priors
        As for `build_case_mix_covariates_model`.

    Raises
    ------
    InputError
        If a covariate of an arm is missing.
    """
    review = from_ledger(ledger)
    matrix, terms = _known(review)
    pooled = case_mix_additive(ledger, priors)
    value = matrix[review.arm_codes]
    level = np.broadcast_to(np.arange(len(terms)), value.shape)
    coefficient = Term("coefficient", "term", terms, level, value, sd=priors.coefficient_sd)
    return Additive([*pooled.terms, coefficient], review.total)


def _known(review: CaseMixReview) -> tuple[np.ndarray, list[str]]:
    """Return the covariates of the arms and their names; refuse a missing one."""
    matrix, terms = design_matrix(review.arms)
    if np.isnan(matrix).any():
        row, column = np.argwhere(np.isnan(matrix))[0]
        raise InputError(f"arm {review.arms['arm'].iloc[row]!r}: {terms[column]!r} is missing")
    return matrix, terms


def build_case_mix_covariates_model(
    ledger: pd.DataFrame, priors: RegressionPriors = DEFAULT_REGRESSION_PRIORS
) -> "pm.Model":
    """Build the case-mix model with covariates of the arms.

    Parameters
    ----------
    ledger
        From `models.reviews.case_mix.CaseMixReview.ledger`, of several subtypes; the rows of the
        arms have besides the columns of a `models.reviews.covariates.Design`, none missing.
    priors
        ``mu_mean``, ``mu_sd``, ``tau_scale``, ``sigma_scale`` and ``coefficient_sd`` are used.

    Returns
    -------
    pymc.Model
        The variables of `models.case_mix.build_case_mix_model`, and ``coefficient`` (dims
        ``term``).

    Raises
    ------
    InputError
        If a covariate of an arm is missing.
    """
    import pymc as pm

    review = from_ledger(ledger)
    matrix, terms = _known(review)
    with pm.Model(coords=cell_coords(review) | {"term": terms}) as model:
        total, study_of, treatment_of, subtype_of = cell_data(review)
        known = pm.Data("known", matrix, dims=("study", "term"))
        mu_mean = pm.Data("prior_mu_mean", priors.mu_mean)
        mu_sd = pm.Data("prior_mu_sd", priors.mu_sd)
        tau_scale = pm.Data("prior_tau_scale", priors.tau_scale)
        sigma_scale = pm.Data("prior_sigma_scale", priors.sigma_scale)
        coefficient_sd = pm.Data("prior_coefficient_sd", priors.coefficient_sd)

        mu = pm.Normal("mu", mu_mean, mu_sd)
        coefficient = pm.Normal("coefficient", 0.0, coefficient_sd, dims="term")
        sigma_treatment = pm.HalfNormal("sigma_treatment", sigma_scale)
        sigma_subtype = pm.HalfNormal("sigma_subtype", tau_scale)
        tau = pm.HalfNormal("tau", tau_scale)
        treatment_effect = pm.Normal("treatment_effect", 0.0, 1.0, dims="treatment")
        subtype_effect = pm.Normal("subtype_effect", 0.0, 1.0, dims="subtype")
        z = pm.Normal("z", 0.0, 1.0, dims="study")
        arm = (known * coefficient).sum(axis=1) + tau * z
        logit = (
            mu
            + arm[study_of]
            + sigma_treatment * treatment_effect[treatment_of]
            + sigma_subtype * subtype_effect[subtype_of]
        )
        pm.Binomial("responders", n=total, logit_p=logit, dims="cell")
    return model
