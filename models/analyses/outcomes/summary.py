"""Fit the joint model and form everything that is reported of it."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from models.estimands.contrasts import group_pairs, pair_label
from models.estimands.joint import (
    CONTRASTED,
    CORRELATIONS,
    RATES,
    WEIGHTS,
    break_even,
    net_benefit_probability,
)
from models.estimands.rates import summarise
from models.fitting.fit import Fitter, Wanted
from models.fitting.registry import JOINT
from models.priors import JointPriors
from models.reviews.joint import treatment_codes


@dataclass(frozen=True)
class JointAnalysis:
    """The joint model, analysed; 95 % equal-tailed intervals.

    Attributes
    ----------
    frame
        The arms, from `models.reviews.joint.make_joint`.
    fit
        The fit of the joint model.
    treatments
        One record a treatment: ``treatment`` and, for each of ``RATES``, median and interval of
        the population average.
    correlations
        One record a pair of arm effects: ``a``, ``b``, median and interval, ``p_above_zero``.
    contrasts
        One record a pair of treatments: differences of rates, probabilities of more response, of
        more toxicity and of the one without the other, net benefit by weight and its break-even.
    """

    frame: pd.DataFrame
    fit: Any
    treatments: list[dict[str, Any]]
    correlations: list[dict[str, Any]]
    contrasts: list[dict[str, Any]]

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON output: unrounded, null where nothing exists."""
        return {
            "treatments": self.treatments,
            "correlations": self.correlations,
            "contrasts": self.contrasts,
            "diagnostics": self.fit.gate.as_dict(),
        }


def analyse_outcomes(
    frame: pd.DataFrame, fitter: Fitter, priors: JointPriors, name: str = "joint"
) -> JointAnalysis:
    """Fit the joint model and form everything that is reported.

    Parameters
    ----------
    frame
        From `models.reviews.joint.make_joint`.
    fitter, priors
        Sampling layer and prior settings.
    name
        Name of the fit.
    """
    return form_analysis(fitter(Wanted(JOINT, frame, priors, name, "joint outcomes")), frame)


def form_analysis(fit: Any, frame: pd.DataFrame) -> JointAnalysis:
    """Form everything that is reported from a fit, new or saved."""
    posterior = fit.posterior
    labels = treatment_codes(frame)[1]
    rates = posterior["average_rate"]
    treatments = []
    for label in labels:
        own = rates.sel(treatment=label) if "treatment" in rates.dims else rates
        by_rate = {name: summarise(own.sel(rate=name)) for name in RATES}
        treatments.append({"treatment": label, **by_rate})
    correlations = []
    for a, b in CORRELATIONS:
        draws = posterior["correlation"].sel(pair=f"{a}, {b}")
        above = float((draws > 0).mean())
        correlations.append({"a": a, "b": b, **summarise(draws), "p_above_zero": above})
    contrasts = [
        {"a": a, "b": b, **contrast(posterior["difference"].sel(contrast=pair_label(a, b)))}
        for a, b in group_pairs(labels)
    ]
    return JointAnalysis(frame, fit, treatments, correlations, contrasts)


def contrast(difference: xr.DataArray) -> dict[str, Any]:
    """Return what is reported of one pair of treatments.

    Parameters
    ----------
    difference
        Draws of ``a - b``, dims chain, draw, contrasted.
    """
    orr, trae = (difference.sel(contrasted=name).values for name in ("orr", "trae"))
    more, toxic = orr > 0, trae > 0
    return {
        **{name: summarise(difference.sel(contrasted=name)) for name in CONTRASTED},
        "p_more_response": float(np.mean(more)),
        "p_more_toxicity": float(np.mean(toxic)),
        "p_more_response_without_more_toxicity": float(np.mean(more & ~toxic)),
        "net_benefit": [
            {"weight": weight, "probability": net_benefit_probability(orr, trae, weight)}
            for weight in WEIGHTS
        ],
        "break_even": break_even(orr, trae),
    }
