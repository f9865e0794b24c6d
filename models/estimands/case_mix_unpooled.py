"""What the case-mix model with unpooled treatments estimates: the same, under the same names."""

from collections.abc import Mapping

import pandas as pd
import xarray as xr

from models.estimands.case_mix import case_mix_estimands
from models.estimands.rates import EstimandFunction


def as_pooled(posterior: xr.Dataset) -> xr.Dataset:
    """Return draws as if of the pooled model: ``mu`` 0, treatment effects the treatments' logits.

    Every estimand of `models.estimands.case_mix` depends on ``mu + treatment_g`` alone.
    """
    one = xr.ones_like(posterior["tau"])
    return posterior.assign(
        mu=0.0 * one, sigma_treatment=one, treatment_effect=posterior["treatment_logit"]
    )


def unpooled_estimands(
    mix: Mapping[str, float] | pd.Series, treatments: Mapping[str, float] | pd.Series
) -> EstimandFunction:
    """Return the function that forms the estimands from draws; parameters as there."""
    pooled = case_mix_estimands(mix, treatments)

    def estimands(posterior: xr.Dataset, seed: int) -> xr.Dataset:
        return pooled(as_pooled(posterior), seed)

    return estimands
