"""The only place that samples: compile once, pass data in, judge every fit.

A model is compiled for a fixed number of units. Smaller reviews are padded with units of
``total = 0``, whose likelihood is one, and the padding is dropped from the draws before anything
looks at them; so one compilation serves all the pools of a review, and a subset gives the same
draws whichever script asks for it.
"""

import time
from collections.abc import Callable, Hashable
from typing import Any

import nutpie
import pandas as pd
import pymc as pm
import xarray as xr

from models.estimands.rates import EstimandFunction
from models.fitting.fit import ESCALATION, Fit, SamplerSettings, review_hash
from models.fitting.gate import GateReport, check_fit
from models.priors import Priors
from models.reviews.padding import CAPACITY, drop_padding, pad_review

type ModelBuilder = Callable[[pd.DataFrame, Priors], pm.Model]


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
        posterior = drop_padding(posterior)
        posterior = posterior.merge(estimands(posterior, settings.seed))
        stats = raw["sample_stats"].to_dataset().drop_vars("divergence_message")
        dims = model.named_vars_to_dims
        observed = {v.name: model.rvs_to_values[v].eval() for v in model.observed_RVs}
        constant = {v.name: v.get_value() for v in model.data_vars if v.name != "events"}

        def labelled(values: dict[str, Any]) -> xr.Dataset:
            arrays = {name: (dims.get(name) or (), value) for name, value in values.items()}
            used = {dim for names, _ in arrays.values() for dim in names}
            return drop_padding(xr.Dataset(arrays, coords={dim: labels[str(dim)] for dim in used}))

        return xr.DataTree.from_dict(
            {
                "posterior": posterior,
                "sample_stats": stats,
                "observed_data": labelled(observed),
                "constant_data": labelled(constant),
            }
        )
