r"""The joint model: complete response within response within disease control, and toxicity.

Arm ``i`` with treatment ``g(i)`` has four conditional rates ``p_ik``: disease control, response
given control, complete response given response (a continuation ratio each), and toxicity::

    controlled_i | total_i      ~ Binomial(total_i, p_i1)
    responders_i | controlled_i ~ Binomial(controlled_i, p_i2)
    cr_i | responders_i         ~ Binomial(responders_i, p_i3)
    toxicity_i                  ~ Binomial(toxicity_total_i, p_i4)
    logit(p_ik)      = mu_k + sigma_k * a_k,g(i) + tau_k * u_ik
    a_k,g            ~ Normal(0, 1)
    (u_i1, u_i2, u_i4) ~ Normal(0, R),  u_i3 ~ Normal(0, 1)
    mu_k             ~ Normal(mu_mean, mu_sd)            logit scale
    sigma_k, tau_k   ~ HalfNormal(sigma_scale), HalfNormal(tau_scale); k = 3: complete_scale
    R                ~ LKJ(correlation_shape)            3 x 3

An arm that leaves a count out is kept: responders out of all patients have the rate
``p_i1 * p_i2`` where control is not reported, and so on; the product is that of the sum over the
count that is not known. Patients counted for toxicity are not matched to those counted for
response: ``R`` is the correlation between arms, and nothing is said of patients.

``R`` is built from partial correlations (Lewandowski, Kurowicka and Joe 2009, J Multivar Anal
100:1989): with ``r12`` and ``r14`` on the Beta(shape + 1/2, shape + 1/2) and ``r24.1`` on the
Beta(shape, shape) distribution, stretched to (-1, 1), R has the LKJ density. With one treatment
``a`` is left out. Whatever outcomes no arm reports keep their prior.
"""

import numpy as np
import pandas as pd
import pymc as pm
import pytensor.tensor as pt

from models.priors import DEFAULT_JOINT_PRIORS, JointPriors
from models.reviews.joint import OUTCOMES, reports, treatment_codes

CORRELATED = tuple(name for name in OUTCOMES if name != "complete")
PARTIAL = ("control, response", "control, toxicity", "response, toxicity given control")


def build_joint_model(frame: pd.DataFrame, priors: JointPriors = DEFAULT_JOINT_PRIORS) -> pm.Model:
    """Build the joint model.

    Parameters
    ----------
    frame
        From `models.reviews.joint.make_joint`.
    priors
        All settings but ``interaction_scale`` are used.

    Returns
    -------
    pymc.Model
        Free variables ``mu``, ``tau`` and, with several treatments, ``sigma_treatment`` (dims
        ``outcome``) and ``treatment_effect`` (``a``, dims ``outcome``, ``treatment``); ``z`` (dims
        ``outcome``, ``study``), independent standard normals of which ``u`` is made; ``partial``
        (dims ``partial_correlation``), partial correlations on (0, 1) instead of (-1, 1). Observed
        ``reported`` (dims ``report``).
    """
    table = reports(frame)
    codes, treatments = treatment_codes(frame)
    scale = np.array([priors.tau_scale] * len(OUTCOMES))
    between = np.array([priors.sigma_scale] * len(OUTCOMES))
    scale[OUTCOMES.index("complete")] = between[OUTCOMES.index("complete")] = priors.complete_scale
    shape = priors.correlation_shape
    coords = {
        "outcome": list(OUTCOMES),
        "study": frame["arm"].astype(str).to_numpy(),
        "treatment": treatments,
        "partial_correlation": list(PARTIAL),
        "report": table["report"].to_numpy(),
    }
    with pm.Model(coords=coords) as model:
        events = pm.Data("events", table["events"].to_numpy("int64"), dims="report")
        total = pm.Data("total", table["total"].to_numpy("int64"), dims="report")
        study_of = pm.Data("study_of", table["arm"].to_numpy("int64"), dims="report")
        factors = table[list(OUTCOMES)].to_numpy("float64")
        factor = pm.Data("factor", factors, dims=("report", "outcome"))
        treatment_of = pm.Data("treatment_of", codes, dims="study")
        mu_mean = pm.Data("prior_mu_mean", priors.mu_mean)
        mu_sd = pm.Data("prior_mu_sd", priors.mu_sd)
        tau_scale = pm.Data("prior_tau_scale", scale, dims="outcome")
        sigma_scale = pm.Data("prior_sigma_scale", between, dims="outcome")
        beta = np.array([shape + 0.5, shape + 0.5, shape])
        partial_shape = pm.Data("prior_partial_shape", beta, dims="partial_correlation")

        mu = pm.Normal("mu", mu_mean, mu_sd, dims="outcome")
        tau = pm.HalfNormal("tau", tau_scale, dims="outcome")
        z = pm.Normal("z", 0.0, 1.0, dims=("outcome", "study"))
        partial = pm.Beta("partial", partial_shape, partial_shape, dims="partial_correlation")
        effect = tau[:, None] * _correlated(z, 2.0 * partial - 1.0)
        logit = mu[:, None] + effect
        if len(treatments) > 1:
            sigma = pm.HalfNormal("sigma_treatment", sigma_scale, dims="outcome")
            treatment_effect = pm.Normal(
                "treatment_effect", 0.0, 1.0, dims=("outcome", "treatment")
            )
            logit = logit + (sigma[:, None] * treatment_effect)[:, treatment_of]
        # log of a product of conditional rates, and back to a logit: stable at either end
        log_rate = (factor * -pt.softplus(-logit.T[study_of])).sum(axis=1)
        logit_rate = log_rate - pt.log1mexp(log_rate)
        pm.Binomial("reported", n=total, logit_p=logit_rate, observed=events, dims="report")
    return model


def _correlated(z: pt.TensorVariable, partial: pt.TensorVariable) -> pt.TensorVariable:
    """Return the arm effects ``u`` of unit variance, rows in the order of ``OUTCOMES``."""
    control, response, complete, toxicity = (z[i] for i in range(len(OUTCOMES)))
    first, second, third = (partial[i] for i in range(len(PARTIAL)))
    rest = pt.sqrt(1.0 - second**2)
    return pt.stack(
        [
            control,
            first * control + pt.sqrt(1.0 - first**2) * response,
            complete,
            second * control + rest * (third * response + pt.sqrt(1.0 - third**2) * toxicity),
        ]
    )
