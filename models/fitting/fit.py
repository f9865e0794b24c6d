"""What the analyses need of a fit and of whatever provides it: the sampler, or saved fits."""

from collections.abc import Callable
from typing import Any, Protocol

import pandas as pd
import xarray as xr

from models.priors import Priors

type EstimandFunction = Callable[[xr.Dataset, int], xr.Dataset]


class Gate(Protocol):
    """The verdict on a fit."""

    @property
    def passed(self) -> bool:
        """Whether nothing failed."""
        ...

    def as_dict(self) -> dict[str, bool | float | int]:
        """Return the summary that the JSON outputs carry."""
        ...

    def sentence(self) -> str:
        """Return one line for tables and the terminal."""
        ...


class FittedModel(Protocol):
    """A fit, new or read back."""

    @property
    def posterior(self) -> xr.Dataset:
        """Draws, dims ``chain``, ``draw`` first."""
        ...

    @property
    def gate(self) -> Gate:
        """The verdict of the gate."""
        ...

    @property
    def priors(self) -> Priors:
        """The prior settings."""
        ...


class Fitter(Protocol):
    """Provides fits: a sampler, or `models.fitting.saved_fits.SavedFits`."""

    @property
    def settings(self) -> Any:
        """Sampler settings."""
        ...

    def fit(
        self,
        build: Any,
        review: pd.DataFrame,
        priors: Priors,
        estimands: EstimandFunction,
        name: str = "",
    ) -> Any:
        """Return the fit of a model to a review."""
        ...
