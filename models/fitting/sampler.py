"""Sampling: compile once, pass data in, judge every fit.

A model is compiled for a fixed number of units. Smaller reviews are padded with units of
``total = 0``, whose likelihood is one, and the padding is dropped from the draws before anything
looks at them; so one compilation serves all the pools of a review, and a subset gives the same
draws whichever script asks for it. Models with a latent table are sampled by
`models.fitting.lattice_sampler`.
"""

from collections.abc import Hashable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import xarray as xr

from models.fitting.escalation import fit_until_passed
from models.fitting.fit import Fit, SamplerSettings, Wanted
from models.fitting.gate import check_fit
from models.reviews.padding import CAPACITY, drop_padding, pad_review

if TYPE_CHECKING:
    import pandas as pd
    import pymc as pm

    from models.estimands.rates import EstimandFunction
    from models.fitting.registry import Model
    from models.priors import Priors


class Sampler:
    """Compiles each model once and fits any number of reviews with it.

    Parameters
    ----------
    settings
        Settings of the first attempt of every fit.
    """

    def __init__(self, settings: SamplerSettings | None = None) -> None:
        self.settings = settings or SamplerSettings()
        self._compiled: dict[Hashable, Any] = {}

    @property
    def seed(self) -> int:
        """Seed of every fit."""
        return self.settings.seed

    def __call__(self, wanted: Wanted) -> Fit:
        """Fit a model to a frame and judge it, escalating if the gate does not pass."""
        first = replace(self.settings, **wanted.settings)
        if wanted.model.latent_table:
            from models.fitting.lattice_sampler import sample_with_table

            return sample_with_table(wanted, first)
        estimands = wanted.estimands()
        return fit_until_passed(
            wanted,
            first,
            "nutpie",
            attempt=lambda settings: self.attempt(
                wanted.model, wanted.frame, wanted.priors, estimands, settings
            ),
            judge=check_fit,
        )

    def attempt(
        self,
        model: "Model",
        frame: "pd.DataFrame",
        priors: "Priors",
        estimands: "EstimandFunction",
        settings: SamplerSettings,
    ) -> xr.DataTree:
        """Sample once and return the draws, whatever the gate would say of them.

        Parameters
        ----------
        model, frame, priors
            What is fitted.
        estimands
            Function of the posterior dataset and a seed that returns the dataset of estimands,
            draw by draw; these are judged with the free variables.
        settings
            Of this attempt.
        """
        import nutpie

        built = model.build(pad_review(frame, CAPACITY["study"], CAPACITY["group"]), priors)
        raw = nutpie.sample(
            self._compiled_for(model.name, built),
            draws=settings.draws,
            tune=settings.tune,
            chains=settings.chains,
            target_accept=settings.target_accept,
            seed=settings.seed,
            save_warmup=False,
            progress_bar=False,
        )
        # nutpie keeps the labels of compile time
        labels = {dim: [str(v) for v in values] for dim, values in built.coords.items()}
        posterior = raw["posterior"].to_dataset().assign_coords(labels)
        posterior = drop_padding(posterior)
        posterior = posterior.merge(estimands(posterior, settings.seed))
        stats = raw["sample_stats"].to_dataset().drop_vars("divergence_message")
        dims = built.named_vars_to_dims
        observed = {v.name: built.rvs_to_values[v].eval() for v in built.observed_RVs}
        constant = {v.name: v.get_value() for v in built.data_vars if v.name != "events"}

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

    def _compiled_for(self, name: str, model: "pm.Model") -> Any:
        """Return the compiled model with this frame's data and priors in it."""
        import nutpie

        key = (name, *((dim, len(labels)) for dim, labels in model.coords.items()))
        if key not in self._compiled:
            self._compiled[key] = nutpie.compile_pymc_model(model)
            return self._compiled[key]
        data = {variable.name: variable.get_value() for variable in model.data_vars}
        return self._compiled[key].with_data(**data)
