"""What is to be fitted, and a fit with its verdict, whatever made it.

Everything that needs a posterior says so by a `Wanted` and gets a `Fit` from a `Fitter`: a sampler
(`models.fitting.sampler.Sampler`), the exact engine (`models.fitting.exact.Exact`) or fits on disk
(`models.fitting.records.Saved`); `models.fitting.records.Recorder` goes around any of them.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, Protocol

from models.fitting.gate import Gate
from models.fitting.registry import Model
from models.priors import DEFAULT_PRIORS, Priors

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

    from models.estimands.rates import EstimandFunction

FRAME_COLUMNS: Final = (
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
    """Settings of one NUTS run; ``draws`` and ``tune`` count iterations per chain."""

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


@dataclass(frozen=True, eq=False)
class Wanted:
    """What to fit and what it is called.

    Attributes
    ----------
    model
        The model (`models.fitting.registry`).
    frame
        The data, as the model's builder reads them.
    priors
        Prior settings.
    name
        File stem of the saved fit.
    description
        In words, for the table of diagnostics.
    given
        What the estimands need besides the frame, handed to them as keywords: numbers by name, or
        an object whose text tells it from others.
    settings
        Sampler settings of this fit in place of the sampler's own (``draws``, ``tune``,
        ``target_accept``).
    """

    model: Model
    frame: "pd.DataFrame"
    priors: Priors = DEFAULT_PRIORS
    name: str = ""
    description: str = ""
    given: Mapping[str, Any] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)

    def estimands(self) -> "EstimandFunction":
        """Return the function of the draws that gives the estimands."""
        return self.model.estimands(self.frame, self.priors, **self.given)

    def identity(self) -> dict[str, Any]:
        """Return what a fit must share with this to be the fit that is wanted.

        ``model`` and the hashes of its code (estimands among it), of the data and of what the
        estimands are given, and the priors.
        """
        shares = {k: dict(v) if isinstance(v, Mapping) else str(v) for k, v in self.given.items()}
        given = json.dumps(shares, sort_keys=True)
        return {
            "model": self.model.name,
            "code": self.model.code_hash(),
            "data": frame_hash(self.frame, every=self.model.reads_all),
            "given": hashlib.sha256(given.encode()).hexdigest(),
            "priors": self.priors.as_dict(),
        }


def frame_hash(frame: "pd.DataFrame", *, every: bool = False) -> str:
    """Return the SHA-256 of what is fitted: labels, groups and counts (or every column), in order.

    Saved fits carry it, so that one made from other counts is never taken for this one.
    """
    columns = list(frame) if every else [name for name in FRAME_COLUMNS if name in frame]
    text = frame[columns].astype(str).to_csv(index=False, lineterminator="\n")
    if "group" in frame and hasattr(frame["group"], "cat"):
        text += "\n".join(map(str, frame["group"].cat.categories))
    return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True, eq=False)
class Fit:
    """One fitted model with its verdict.

    Attributes
    ----------
    what
        What was wanted, or what a run record says of it (`Wanted.identity`).
    draws
        The draws (see ``tree``), or the function that makes them when they are asked for.
    gate
        The verdict.
    priors
        The prior settings.
    sampling
        How the draws were made: ``sampler``, the settings after any escalation, those of the
        ``first_attempt``, ``escalations`` (0 for a fit that passed at once) and the verdicts of
        the ``failed_attempts``; ``engine`` and ``seed`` for a quadrature.
    seconds
        Time over all attempts, compilation not counted.
    exact
        The posterior itself, if it was computed by quadrature.
    context
        What else a reader of a saved fit must know, for example which end of the ranks is best.
    """

    what: Wanted | Mapping[str, Any]
    draws: "xr.DataTree | Callable[[], xr.DataTree]"
    gate: Gate
    priors: Priors
    sampling: Mapping[str, Any]
    seconds: float = 0.0
    exact: Any = None
    context: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def identity(self) -> Mapping[str, Any]:
        """What was fitted (`Wanted.identity`)."""
        return self.what.identity() if isinstance(self.what, Wanted) else self.what

    @cached_property
    def tree(self) -> "xr.DataTree":
        """The draws and the data.

        Groups ``posterior`` (free variables and estimands), ``observed_data`` and
        ``constant_data``, labelled by study (and group); ``sample_stats`` if it was sampled.
        """
        return self.draws() if callable(self.draws) else self.draws

    @property
    def posterior(self) -> "xr.Dataset":
        """The draws, dims ``chain``, ``draw`` first."""
        return self.tree["posterior"].to_dataset()

    def review(self) -> "pd.DataFrame":
        """Return the studies that were fitted: ``study``, ``events``, ``total``, ``group``."""
        import pandas as pd

        observed = self.tree["observed_data"].to_dataset()["responders"]
        constant = self.tree["constant_data"].to_dataset()
        frame = pd.DataFrame(
            {
                "study": observed["study"].values.astype(str),
                "events": observed.values,
                "total": constant["total"].values,
            }
        )
        if "group_of" in constant:
            labels = self.posterior["group"].values.astype(str)
            frame["group"] = pd.Categorical.from_codes(
                constant["group_of"].values, categories=list(labels)
            )
        return frame


class Fitter(Protocol):
    """Provides fits."""

    @property
    def seed(self) -> int:
        """Seed of every fit, and of what is drawn from it afterwards."""
        ...

    def __call__(self, wanted: Wanted) -> Fit:
        """Return the fit that is wanted."""
        ...
