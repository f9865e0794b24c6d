"""Regression on covariates of the arms, treatment groups partially pooled or absent.

For arm ``i`` in group ``g(i)`` with ``x_i`` events among ``n_i`` patients and the row ``X_i`` of
the design (columns in named units, centred over the arms)::

    x_i | p_i   ~ Binomial(n_i, p_i)
    logit(p_i)  = mu + sum_j X_ij * beta_j + sigma_group * a_g(i) + tau * z_i
    X_ij        = m_j + s_j * u_ij                  where it is not reported
    a_g, z_i, u ~ Normal(0, 1)
    beta_j      ~ Normal(0, coefficient_sd)         log odds ratio of one unit of covariate j
    mu          ~ Normal(mu_mean, mu_sd)            logit of an arm with average covariates
    sigma_group ~ HalfNormal(sigma_scale)           logit scale, >= 0
    tau         ~ HalfNormal(tau_scale)             logit scale, >= 0

``m_j`` and ``s_j`` are mean and standard deviation of the values of column ``j`` that are reported:
a missing value is a parameter with the distribution of the others, and learns from the arm's own
counts through ``beta_j``. This takes values to be missing at random. Without groups the term
``sigma_group * a_g`` is left out; without covariates too it would be the pooled model, with groups
alone the subgroup model.

The covariates are those of arms: a coefficient compares trials, not patients of one trial.
"""

import numpy as np
import pandas as pd
import pymc as pm
import pytensor.tensor as pt

from models.priors import DEFAULT_REGRESSION_PRIORS, RegressionPriors
from models.reviews.covariates import design_matrix
from models.reviews.groups import group_codes


def build_regression_model(
    design: pd.DataFrame, priors: RegressionPriors = DEFAULT_REGRESSION_PRIORS
) -> pm.Model:
    """Build the regression.

    Parameters
    ----------
    design
        From `models.reviews.covariates.Design.frame`: ``arm`` (unique labels), ``events``,
        ``total``, ``group`` if there are groups, and the columns of the covariates, NaN where a
        value is missing.
    priors
        ``mu_mean``, ``mu_sd``, ``coefficient_sd``, ``tau_scale`` and, with groups,
        ``sigma_scale`` are used.

    Returns
    -------
    pymc.Model
        Free variables ``mu``, ``coefficient`` (``beta_j``, dims ``term``), ``tau``, ``z`` (dims
        ``study``), with groups ``sigma_group`` and ``group_effect`` (``a_g``, dims ``group``),
        with missing values ``missing_value`` (``u_ij``, dims ``missing``, labelled by arm and
        term); observed ``responders`` (dims ``study``).
    """
    matrix, terms = design_matrix(design)
    arms = design["arm"].astype(str).to_numpy()
    row, column = np.nonzero(np.isnan(matrix))
    coords = {"study": arms, "term": terms}
    if "group" in design:
        codes, coords["group"] = group_codes(design["group"])
    if row.size:
        coords["missing"] = [f"{arms[i]}: {terms[j]}" for i, j in zip(row, column, strict=True)]
    with pm.Model(coords=coords) as model:
        events = pm.Data("events", design["events"].to_numpy("int64"), dims="study")
        total = pm.Data("total", design["total"].to_numpy("int64"), dims="study")
        known = pm.Data("known", np.nan_to_num(matrix), dims=("study", "term"))
        coefficient_sd = pm.Data("prior_coefficient_sd", priors.coefficient_sd)
        mu_mean = pm.Data("prior_mu_mean", priors.mu_mean)
        mu_sd = pm.Data("prior_mu_sd", priors.mu_sd)
        tau_scale = pm.Data("prior_tau_scale", priors.tau_scale)

        mu = pm.Normal("mu", mu_mean, mu_sd)
        coefficient = pm.Normal("coefficient", 0.0, coefficient_sd, dims="term")
        tau = pm.HalfNormal("tau", tau_scale)
        z = pm.Normal("z", 0.0, 1.0, dims="study")
        logit_rate = mu + tau * z + (known * coefficient).sum(axis=1)
        if row.size:
            missing_row = pm.Data("missing_row", row, dims="missing")
            missing_column = pm.Data("missing_column", column, dims="missing")
            mean = pm.Data("missing_mean", np.nanmean(matrix, axis=0)[column], dims="missing")
            sd = pm.Data("missing_sd", np.nanstd(matrix, axis=0, ddof=1)[column], dims="missing")
            missing_value = pm.Normal("missing_value", 0.0, 1.0, dims="missing")
            part = (mean + sd * missing_value) * coefficient[missing_column]
            logit_rate = pt.inc_subtensor(logit_rate[missing_row], part)
        if "group" in design:
            group_of = pm.Data("group_of", codes, dims="study")
            sigma_scale = pm.Data("prior_sigma_scale", priors.sigma_scale)
            sigma_group = pm.HalfNormal("sigma_group", sigma_scale)
            group_effect = pm.Normal("group_effect", 0.0, 1.0, dims="group")
            logit_rate = logit_rate + sigma_group * group_effect[group_of]
        pm.Binomial("responders", n=total, logit_p=logit_rate, observed=events, dims="study")
    return model
