"""The only place that samples: compile once, pass data in, judge every fit.

A model is compiled for a fixed number of units. Smaller reviews are padded with units of
``total = 0``, whose likelihood is one, and the padding is dropped from the draws before anything
looks at them; so one compilation serves all the pools of a review, and a subset gives the same
draws whichever script asks for it.
"""

import time
from collections.abc import Callable, Hashable
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

import numpy as np
import nutpie
import pandas as pd
import pymc as pm
import xarray as xr

from models.fitting.gate import GateReport, check_fit
from models.fitting.records import review_hash
from models.priors import Priors
from models.reviews.groups import group_codes

PADDING: Final = "\x1fpadding"
"""Starts with a control character, which no label that a reader typed holds."""
CAPACITY: Final = {"study": 40, "group": 8}
"""Units that a compilation holds at least; a larger review is compiled at its own size."""

ESCALATION: Final = ((1, None), (2, 0.99), (2, 0.999))
"""What is tried, in order: factor on draws and tuning, and target acceptance (None: as set).

The seed is never changed: a fit that fails at the last step fails the run.
"""

type ModelBuilder = Callable[[pd.DataFrame, Priors], pm.Model]
type EstimandFunction = Callable[[xr.Dataset, int], xr.Dataset]


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
        Identifies the data fitted (see `models.fitting.records.review_hash`).
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


def fit_until_passed[AnyFit: Fit](
    kind: type[AnyFit],
    build: ModelBuilder,
    review: pd.DataFrame,
    priors: Priors,
    first: SamplerSettings,
    *,
    attempt: Callable[[SamplerSettings], xr.DataTree],
    judge: Callable[[xr.DataTree], GateReport],
) -> AnyFit:
    """Sample and judge, step by step of the escalation, until the gate passes.

    Parameters
    ----------
    kind
        Class of what is returned.
    build, review, priors
        What is fitted, for the record.
    first
        Settings of the first attempt.
    attempt
        Samples with given settings.
    judge
        The gate.

    Returns
    -------
    Fit
        The first attempt that passed, or the last with ``gate.passed`` False.
    """
    started = time.perf_counter()
    failed: list[str] = []
    for step in range(len(ESCALATION)):
        settings = first.escalated(step)
        tree = attempt(settings)
        gate = judge(tree)
        if gate.passed:
            break
        failed.append(f"target_accept {settings.target_accept}: {gate.sentence()}")
    return kind(
        model=build.__name__.removeprefix("build_").removesuffix("_model"),
        tree=tree,
        gate=gate,
        settings=settings,
        first_settings=first,
        priors=priors,
        escalations=step,
        failed_attempts=tuple(failed),
        seconds=time.perf_counter() - started,
        review_sha256=review_hash(review),
    )


def pad_review(review: pd.DataFrame, n_studies: int, n_groups: int) -> pd.DataFrame:
    """Pad a review with empty studies (and a grouping with empty groups) up to given numbers.

    Parameters
    ----------
    review
        Columns ``study``, ``events``, ``total`` and, if grouped, ``group``.
    n_studies, n_groups
        Numbers after padding; a review that is as long or longer is returned as it is, and so
        is a frame of other units (``stratum`` in place of ``study``).

    Returns
    -------
    pandas.DataFrame
        The columns that a model reads; the padding's labels start with ``PADDING``.
    """
    if "study" not in review:
        return review.reset_index(drop=True)
    columns = [c for c in ("study", "events", "total", "publication_id") if c in review]
    padded = review[columns].reset_index(drop=True)
    missing = max(0, n_studies - len(padded))
    empty = pd.DataFrame(
        {"study": [f"{PADDING} {i + 1}" for i in range(missing)], "events": 0, "total": 0}
    )
    padded = pd.concat([padded, empty], ignore_index=True) if missing else padded
    if "group" in review:
        codes, labels = group_codes(review["group"])
        labels += [f"{PADDING} group {i + 1}" for i in range(max(0, n_groups - len(labels)))]
        codes = np.concatenate([codes, np.zeros(missing, dtype=np.int64)])
        padded["group"] = pd.Categorical.from_codes(codes, categories=labels)
    return padded


def _drop_padding(dataset: xr.Dataset) -> xr.Dataset:
    """Drop padded units along every labelled dimension."""
    for dim, index in dataset.indexes.items():
        if dim in ("chain", "draw"):
            continue
        keep = [not str(label).startswith(PADDING) for label in index]
        if not any(keep):
            dataset = dataset.drop_dims(dim)
        elif not all(keep):
            dataset = dataset.isel({dim: keep})
    return dataset


class Sampler:
    """Compiles each kind of model once and fits any number of reviews with it.

    Parameters
    ----------
    settings
        Settings of the first attempt of every fit.
    """

    def __init__(self, settings: SamplerSettings | None = None) -> None:
        self.settings = settings or SamplerSettings()
        self._compiled: dict[Hashable, Any] = {}

    def fit(
        self,
        build: ModelBuilder,
        review: pd.DataFrame,
        priors: Priors,
        estimands: EstimandFunction,
        name: str = "",
    ) -> Fit:
        """Fit a model to a review and judge it, escalating if the gate does not pass.

        Parameters
        ----------
        build
            The model's builder, for example ``build_pooled_model``.
        review
            Columns ``study``, ``events``, ``total`` and, for grouped models, ``group``.
        priors
            Prior settings.
        estimands
            Function of the posterior dataset and a seed that returns the dataset of estimands,
            draw by draw; these are judged with the free variables.
        name
            Name of the fit; not used here, but ``models.fitting.saved_fits.SavedFits`` finds it by
            name.

        Returns
        -------
        Fit
            The first attempt that passed, or the last attempt with ``gate.passed`` False: the
            caller must not report it as if it had passed.
        """
        padded = pad_review(review, CAPACITY["study"], CAPACITY["group"])
        model = build(padded, priors)
        compiled = self._compiled_for(build, model)
        return fit_until_passed(
            Fit,
            build,
            review,
            priors,
            self.settings,
            attempt=lambda settings: self._sample(compiled, model, settings, estimands),
            judge=check_fit,
        )

    def _compiled_for(self, build: ModelBuilder, model: pm.Model) -> Any:
        """Return the compiled model with this review's data and priors in it."""
        key = (build, *(len(labels) for labels in model.coords.values()))
        if key not in self._compiled:
            self._compiled[key] = nutpie.compile_pymc_model(model)
            return self._compiled[key]
        data = {variable.name: variable.get_value() for variable in model.data_vars}
        return self._compiled[key].with_data(**data)

    def _sample(
        self,
        compiled: Any,
        model: pm.Model,
        settings: SamplerSettings,
        estimands: EstimandFunction,
    ) -> xr.DataTree:
        raw = nutpie.sample(
            compiled,
            draws=settings.draws,
            tune=settings.tune,
            chains=settings.chains,
            target_accept=settings.target_accept,
            seed=settings.seed,
            save_warmup=False,
            progress_bar=False,
        )
        # nutpie keeps the labels of compile time
        labels = {dim: [str(v) for v in values] for dim, values in model.coords.items()}
        posterior = raw["posterior"].to_dataset().assign_coords(labels)
        posterior = _drop_padding(posterior)
        posterior = posterior.merge(estimands(posterior, settings.seed))
        stats = raw["sample_stats"].to_dataset().drop_vars("divergence_message")
        dims = model.named_vars_to_dims
        observed = {v.name: model.rvs_to_values[v].eval() for v in model.observed_RVs}
        constant = {v.name: v.get_value() for v in model.data_vars if v.name != "events"}

        def labelled(values: dict[str, Any]) -> xr.Dataset:
            arrays = {name: (dims.get(name) or (), value) for name, value in values.items()}
            used = {dim for names, _ in arrays.values() for dim in names}
            return _drop_padding(xr.Dataset(arrays, coords={dim: labels[str(dim)] for dim in used}))

        return xr.DataTree.from_dict(
            {
                "posterior": posterior,
                "sample_stats": stats,
                "observed_data": labelled(observed),
                "constant_data": labelled(constant),
            }
        )
