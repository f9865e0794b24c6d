"""What the analyses need of a fit and of whatever provides it: the sampler, or saved fits."""

import hashlib
from dataclasses import asdict, dataclass, replace
from typing import Any, Final, Protocol

import pandas as pd
import xarray as xr

from models.estimands.rates import EstimandFunction
from models.fitting.gate import GateReport
from models.priors import Priors


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


REVIEW_COLUMNS: Final = (
    "part",
    "study",
    "arm",
    "stratum",
    "treatment",
    "group",
    "parent",
    "events",
    "total",
)
"""What identifies the data of a fit."""

ESCALATION: Final = ((1, None), (2, 0.99), (2, 0.999))
"""What is tried, in order: factor on draws and tuning, and target acceptance (None: as set).

The seed is never changed: a fit that fails at the last step fails the run.
"""


@dataclass(frozen=True)
class SamplerSettings:
    """Settings of one NUTS run (nutpie); ``draws`` and ``tune`` count iterations per chain."""

    draws: int = 2000
    tune: int = 1000
    chains: int = 4
    target_accept: float = 0.99
    seed: int = 20250107

    def escalated(self, step: int) -> "SamplerSettings":
        """Return the settings of a step of the escalation (0: as they are)."""
        factor, target_accept = ESCALATION[step]
        return replace(
            self,
            draws=self.draws * factor,
            tune=self.tune * factor,
            target_accept=target_accept or self.target_accept,
        )


@dataclass(frozen=True)
class Fit:
    """One fitted model with its verdict.

    Attributes
    ----------
    tree
        Groups ``posterior`` (free variables and estimands), ``sample_stats``, ``observed_data``
        and ``constant_data``, labelled by study (and group).
    gate
        The verdict of the diagnostic gate.
    settings
        The settings that made these draws, after any escalation.
    first_settings
        The settings of the first attempt.
    escalations
        How many steps of the escalation were needed (0 for a fit that passed at once).
    failed_attempts
        The verdicts of the attempts that did not pass, in order.
    seconds
        Sampling time over all attempts, compilation not counted.
    review_sha256
        Identifies the data fitted (see `models.fitting.fit.review_hash`).
    """

    model: str
    tree: xr.DataTree
    gate: GateReport
    settings: SamplerSettings
    first_settings: SamplerSettings
    priors: Priors
    escalations: int
    failed_attempts: tuple[str, ...]
    seconds: float
    review_sha256: str = ""

    @property
    def posterior(self) -> xr.Dataset:
        """The draws, dims ``chain``, ``draw`` first."""
        return self.tree["posterior"].to_dataset()

    def settings_dict(self) -> dict[str, Any]:
        """Return sampler, settings and escalation for the run record."""
        return {
            "sampler": "nutpie",
            **asdict(self.settings),
            "first_attempt": asdict(self.first_settings),
            "escalations": self.escalations,
            "failed_attempts": list(self.failed_attempts),
        }


def review_hash(review: "pd.DataFrame") -> str:
    """Return the SHA-256 of what was fitted: labels, groups and counts, in order.

    Saved fits carry it, so that one made from other counts is never taken for this one.
    """
    columns = [name for name in REVIEW_COLUMNS if name in review]
    text = review[columns].astype(str).to_csv(index=False, lineterminator="\n")
    return hashlib.sha256(text.encode()).hexdigest()
