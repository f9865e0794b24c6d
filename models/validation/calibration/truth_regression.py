"""Simulated truths of the regression: parameters from the prior, responders from them.

Written in NumPy from the docstring of `models.regression`, not from its code, as the generators of
`models.validation.calibration.truth`. Sizes, groups and covariates are those of a design; a missing
covariate value is drawn, since the model takes it for a parameter.
"""

import numpy as np
import pandas as pd
from scipy.special import expit

from models.common.errors import InputError
from models.priors import Priors, RegressionPriors
from models.reviews.covariates import COLUMN
from models.validation.calibration.truth import Truth


def regression_truth(design: pd.DataFrame, priors: Priors, rng: np.random.Generator) -> Truth:
    """Draw from the regression: coefficients, scales, typical rates, share explained.

    Parameters
    ----------
    design
        Frame of a `models.reviews.covariates.Design`; its ``events`` are not used.
    priors
        `models.priors.RegressionPriors`.
    rng
        Random numbers.

    Raises
    ------
    InputError
        If the priors are not those of the regression.
    """
    if not isinstance(priors, RegressionPriors):
        raise InputError("the regression needs RegressionPriors")
    columns = [name for name in design if str(name).startswith(COLUMN)]
    mu = rng.normal(priors.mu_mean, priors.mu_sd)
    tau = abs(rng.normal(0.0, priors.tau_scale))
    scalars = {"mu": mu, "tau": tau}
    part = np.zeros(len(design))
    for name in columns:
        beta = rng.normal(0.0, priors.coefficient_sd)
        scalars[f"coefficient[{str(name).removeprefix(COLUMN)}]"] = beta
        x = design[name].to_numpy("float64").copy()
        known = x[~np.isnan(x)]
        x[np.isnan(x)] = rng.normal(known.mean(), known.std(ddof=1), len(x) - len(known))
        part += beta * x
    variance = float(part.var())
    scalars["share_explained"] = variance / (variance + tau**2)
    logit = np.full(len(design), mu)
    if "group" in design:
        groups = [str(label) for label in design["group"].cat.categories]
        sigma = abs(rng.normal(0.0, priors.sigma_scale))
        centre = rng.normal(mu, sigma, len(groups))
        logit = centre[design["group"].cat.codes.to_numpy()]
        scalars["sigma_group"] = sigma
        scalars |= {
            f"typical_rate[{g}]": float(expit(c)) for g, c in zip(groups, centre, strict=True)
        }
    rate = expit(rng.normal(logit + part, tau))
    total = design["total"].to_numpy("int64")
    events = rng.binomial(total, rate)
    return Truth(events, scalars, {"study_rate": rate}, events, total)
