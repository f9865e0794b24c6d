"""Simulation-based calibration of the regression and of the joint model, by NUTS.

As `models.validation.calibration.simulate`, for models whose frames hold more than one count an
arm. Ranked besides hyperparameters and estimands are, of the regression, the rate of an arm, and of
the joint model the rate of a count that an arm reports (with those it leaves out integrated by the
model's own product of conditional rates).
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray
from scipy.special import expit

from models.estimands.joint import treatment_logits
from models.estimands.regression import arm_rates
from models.evidence.covariates import paper_covariates, with_covariates
from models.evidence.groupings import grouped_outcome
from models.evidence.joint import paper_joint
from models.evidence.load import load_evidence
from models.fitting.registry import MODELS
from models.priors import DEFAULT_JOINT_PRIORS, DEFAULT_REGRESSION_PRIORS, Priors
from models.reviews.covariates import Design, make_design
from models.reviews.joint import OUTCOMES, reports
from models.validation.calibration.quantities import LOG_LIKELIHOOD, Quantities, log_likelihood
from models.validation.calibration.simulate import sampled_row, sampler
from models.validation.calibration.truth import Truth
from models.validation.calibration.truth_joint import joint_truth
from models.validation.calibration.truth_regression import regression_truth

if TYPE_CHECKING:
    from models.fitting.fit import SamplerSettings

type FloatArray = NDArray[np.float64]

COVARIATES: Final = ("asps_share", "ss_mls_share", "age_median")
"""Of the calibrated regression, by treatment: with values missing in two arms, and in many."""
REPORTED: Final = "reported_rate"


@dataclass(frozen=True)
class ArmDesign:
    """What a model is calibrated on.

    Attributes
    ----------
    frame
        The paper's own arms.
    priors
        Default priors of the model.
    given
        What its estimands need besides.
    """

    frame: pd.DataFrame
    priors: Priors
    given: dict[str, Any]


@cache
def design_of(model: str) -> ArmDesign:
    """Return the paper's own design for ``regression`` or ``joint``."""
    evidence = load_evidence()
    if model == "joint":
        return ArmDesign(paper_joint(evidence), DEFAULT_JOINT_PRIORS, {})
    arms = with_covariates(grouped_outcome(evidence, "orr", "treatment"), evidence)
    design = make_design(arms, paper_covariates(COVARIATES), "the paper's orr data")
    return ArmDesign(design.frame, DEFAULT_REGRESSION_PRIORS, {"design": design})


def simulate_arms(
    model: str, first: int, stop: int, seed: int, settings: "SamplerSettings", thin: int
) -> pd.DataFrame:
    """Run simulations ``first`` to ``stop - 1``.

    Parameters
    ----------
    model
        ``regression`` or ``joint``.
    first, stop, seed
        As in `models.validation.calibration.simulate.simulate_nuts`.
    settings
        Of the sampler; its seed is replaced.
    thin
        One in how many draws is ranked against.

    Returns
    -------
    pandas.DataFrame
        As there.
    """
    return pd.DataFrame([_row(model, i, seed, settings, thin) for i in range(first, stop)])


def _row(
    model: str, simulation: int, seed: int, settings: "SamplerSettings", thin: int
) -> dict[str, Any]:
    rng = np.random.default_rng([seed, sum(map(ord, model)), simulation])
    of = design_of(model)
    draw: Callable[..., tuple[pd.DataFrame, Truth]] = _TRUTHS[model]
    frame, truth = draw(of, rng)
    fitted = MODELS[model]
    given = dict(of.given)
    if "design" in given:
        given["design"] = Design(frame, given["design"].terms)
    own = replace(settings, seed=int(rng.integers(2**31)))
    estimands = fitted.estimands(frame, of.priors, **given)
    return sampled_row(
        simulation,
        truth,
        lambda: sampler().attempt(fitted, frame, of.priors, estimands, own),
        lambda posterior: arm_quantities(posterior, truth, frame, given),
        thin,
        rng,
    )


def _regression(of: ArmDesign, rng: np.random.Generator) -> tuple[pd.DataFrame, Truth]:
    truth = regression_truth(of.frame, of.priors, rng)
    return of.frame.assign(events=truth.events), truth


def _joint(of: ArmDesign, rng: np.random.Generator) -> tuple[pd.DataFrame, Truth]:
    drawn = joint_truth(of.frame, of.priors, rng)
    table = reports(drawn.frame)
    rates = np.stack([drawn.rates[name] for name in OUTCOMES])[:, table["arm"]]
    events, total = (table[name].to_numpy("int64") for name in ("events", "total"))
    units = {REPORTED: _reported(rates, table)}
    return drawn.frame, Truth(events, drawn.scalars, units, events, total)


_TRUTHS: Final = {"regression": _regression, "joint": _joint}


def _reported(rates: FloatArray, table: pd.DataFrame) -> FloatArray:
    """Return the rates of the counts reported from conditional rates, (outcome, ..., report)."""
    factors = table[list(OUTCOMES)].to_numpy("float64")
    powers = factors.T.reshape(len(OUTCOMES), *[1] * (rates.ndim - 2), -1)
    return np.asarray((rates**powers).prod(axis=0))


def arm_quantities(
    posterior: xr.Dataset, truth: Truth, frame: pd.DataFrame, given: dict[str, Any]
) -> Quantities:
    """Return the draws of what is ranked: those of the truth's labels, and the units' rates.

    Parameters
    ----------
    posterior
        Free variables and estimands.
    truth
        Labels are ``name`` or ``name[label]``, of two dims ``name[label; label]``.
    frame, given
        What was fitted, and its estimands' keywords.
    """
    scalars = {}
    for label in truth.scalars:
        name, _, inner = label.partition("[")
        draws = posterior[name]
        if inner:
            dims = [dim for dim in draws.dims if dim not in ("chain", "draw")]
            chosen = inner.removesuffix("]").split("; ")
            draws = draws.sel(dict(zip(dims, chosen, strict=True)))
        scalars[label] = draws.transpose("chain", "draw").values
    if "design" in given:
        units = arm_rates(posterior, given["design"]).transpose("chain", "draw", "study").values
    else:
        units = joint_rates(posterior, frame)
    name = next(iter(truth.units))
    scalars[f"largest_{name}"] = units.max(axis=2)
    scalars[LOG_LIKELIHOOD] = log_likelihood(units, truth)
    return Quantities(scalars, {name: units})


def joint_rates(posterior: xr.Dataset, frame: pd.DataFrame) -> FloatArray:
    """Return the draws of the rates of the counts that arms report, (chain, draw, report)."""
    z = posterior["z"].transpose("outcome", "chain", "draw", "study").values
    partial = 2 * posterior["partial"].transpose("partial_correlation", "chain", "draw").values - 1
    first, second, third = (row[..., None] for row in partial)
    control, response, complete, toxicity = z
    conditional = third * response + np.sqrt(1 - third**2) * toxicity
    effects = np.stack(
        [
            control,
            first * control + np.sqrt(1 - first**2) * response,
            complete,
            second * control + np.sqrt(1 - second**2) * conditional,
        ]
    )
    tau = posterior["tau"].transpose("outcome", "chain", "draw").values[..., None]
    labels = xr.DataArray(frame["treatment"].astype(str).to_numpy(), dims="study")
    centre = treatment_logits(posterior).sel(treatment=labels)
    logit = centre.transpose("outcome", "chain", "draw", "study").values + tau * effects
    table = reports(frame)
    return _reported(expit(logit)[..., table["arm"].to_numpy()], table)
