"""Simulated truths of the joint model: parameters from the prior, nested counts from them.

Written in NumPy from the docstring of `models.joint`, not from its code: the counts of an arm are
drawn in full, patient group within patient group, and those that the arm does not report are then
left out; correlations are drawn by rejection from ``det(R) ** (shape - 1)``.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit

from models.common.errors import InputError
from models.priors import JointPriors, Priors
from models.validation.calibration.truth import mean_rate

OUTCOMES = ("control", "response", "complete", "toxicity")


@dataclass(frozen=True)
class JointTruth:
    """One simulated truth.

    Attributes
    ----------
    frame
        The design with simulated counts, missing where the design's are.
    scalars
        True values by label; ``average_rate[outcome; treatment]`` are means over arm effects.
    rates
        True conditional rates of the arms by outcome, shape (arms,) each.
    """

    frame: pd.DataFrame
    scalars: dict[str, float]
    rates: dict[str, NDArray[np.float64]]


def lkj_by_rejection(shape: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Draw a 3 x 3 correlation matrix with density ``det(R) ** (shape - 1)``, shape >= 1."""
    while True:
        a, b, c = rng.uniform(-1.0, 1.0, 3)
        matrix = np.array([[1.0, a, b], [a, 1.0, c], [b, c, 1.0]])
        determinant = 1.0 + 2.0 * a * b * c - a * a - b * b - c * c
        # a positive determinant and a leading block that is positive make it positive definite
        if determinant > 0 and rng.random() < determinant ** (shape - 1.0):
            return matrix


def mean_of_product(
    first: float, second: float, sd1: float, sd2: float, correlation: float
) -> float:
    """Return ``E[expit(first + sd1 u) expit(second + sd2 v)]``, u and v normal, correlated.

    The trapezoid rule over both.
    """
    z = np.linspace(-8.0, 8.0, 321)
    weight = np.exp(-0.5 * z**2) / np.exp(-0.5 * z**2).sum()
    v = correlation * z[:, None] + np.sqrt(1.0 - correlation**2) * z[None, :]
    inner = expit(second + sd2 * v) @ weight
    return float((expit(first + sd1 * z) * inner) @ weight)


def joint_truth(design: pd.DataFrame, priors: Priors, rng: np.random.Generator) -> JointTruth:
    """Draw from the joint model.

    Parameters
    ----------
    design
        Frame of `models.reviews.joint.make_joint`; of its counts only ``total``,
        ``toxicity_total`` and which are missing are used.
    priors
        `models.priors.JointPriors`.
    rng
        Random numbers.

    Raises
    ------
    InputError
        If the priors are not those of the joint model.
    """
    if not isinstance(priors, JointPriors):
        raise InputError("the joint model needs JointPriors")
    treatments = [str(label) for label in design["treatment"].cat.categories]
    codes = design["treatment"].cat.codes.to_numpy()
    matrix = lkj_by_rejection(priors.correlation_shape, rng)
    correlated = rng.multivariate_normal(np.zeros(3), matrix, len(design))
    effects = {
        "control": correlated[:, 0],
        "response": correlated[:, 1],
        "toxicity": correlated[:, 2],
        "complete": rng.standard_normal(len(design)),
    }
    scalars: dict[str, float] = {
        "correlation[control, response]": matrix[0, 1],
        "correlation[control, toxicity]": matrix[0, 2],
        "correlation[response, toxicity]": matrix[1, 2],
    }
    rates, centres, taus = {}, {}, {}
    for name in OUTCOMES:
        small = name == "complete"
        tau = abs(rng.normal(0.0, priors.complete_scale if small else priors.tau_scale))
        sigma = abs(rng.normal(0.0, priors.complete_scale if small else priors.sigma_scale))
        mu = rng.normal(priors.mu_mean, priors.mu_sd)
        centre = rng.normal(mu, sigma, len(treatments)) if len(treatments) > 1 else np.array([mu])
        rates[name] = expit(centre[codes] + tau * effects[name])
        centres[name], taus[name] = centre, tau
        scalars |= {f"mu[{name}]": mu, f"tau[{name}]": tau}
        if len(treatments) > 1:
            scalars[f"sigma_treatment[{name}]"] = sigma
    if len(treatments) > 1:
        for g, label in enumerate(treatments):
            control, response, toxicity = (
                (float(centres[name][g]), taus[name])
                for name in ("control", "response", "toxicity")
            )
            both = (control[0], response[0], control[1], response[1])
            scalars[f"average_rate[orr; {label}]"] = mean_of_product(*both, matrix[0, 1])
            scalars[f"average_rate[dcr; {label}]"] = mean_rate(*control)
            scalars[f"average_rate[trae; {label}]"] = mean_rate(*toxicity)
    total = design["total"].to_numpy("int64")
    controlled = rng.binomial(total, rates["control"])
    responders = rng.binomial(controlled, rates["response"])
    counts = {
        "controlled": controlled,
        "responders": responders,
        "cr": rng.binomial(responders, rates["complete"]),
        "toxicity": rng.binomial(
            design["toxicity_total"].fillna(0).to_numpy("int64"), rates["toxicity"]
        ),
    }
    frame = design.copy()
    for name, values in counts.items():
        frame[name] = pd.array(values, dtype="Int64")
        frame.loc[design[name].isna(), name] = pd.NA
    return JointTruth(frame, scalars, rates)
