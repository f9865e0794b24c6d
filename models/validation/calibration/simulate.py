"""One simulation of simulation-based calibration: a truth, a fit, the ranks of the truth.

The sampler fits exactly as the analyses do (same builders, padding, compiled model, target
acceptance), with shorter chains, once: nothing is escalated and nothing is left out, whatever the
gate says, since leaving fits out would select on the data. The gate is applied to what is ranked,
and its verdict stored.

Each simulation's random numbers depend on the seed, the model and its number alone, so any of them
can be repeated by itself and the grid sees the very data sets that the sampler sees.
"""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd
import xarray as xr

from models.estimands.contrasts import contrast_draws
from models.evidence.groupings import grouped_outcome
from models.evidence.load import load_evidence
from models.fitting.registry import MODELS
from models.grid import fit_pooled, fit_subgroup, fit_tree
from models.priors import DEFAULT_EXNEX_PRIORS, DEFAULT_PRIORS, Priors
from models.validation.calibration.quantities import (
    Quantities,
    judged,
    posterior_quantities,
    random_units,
    rank_row,
)
from models.validation.calibration.truth import GENERATORS, Truth, family_rates

if TYPE_CHECKING:
    from models.fitting.sampler import Sampler

GRID_DRAWS: Final = 1000
"""Independent draws of a grid posterior; one is left out, as of the sampler's."""


@dataclass(frozen=True)
class NutsSettings:
    """Sampler settings of one simulation; ``thin``: one in how many draws is ranked against."""

    draws: int = 600
    tune: int = 500
    chains: int = 2
    target_accept: float = 0.99
    thin: int = 10

    @property
    def kept(self) -> int:
        """Draws that a truth is ranked among."""
        return self.chains * (self.draws // self.thin) - 1

    def as_dict(self) -> dict[str, float]:
        """Return the settings as plain numbers."""
        return asdict(self)


NUTS: Final = {
    "pooled": NutsSettings(draws=1200, thin=20),
    "subtype": NutsSettings(draws=1200, thin=20),
    "subgroup": NutsSettings(draws=1500, thin=25),
    "exnex": NutsSettings(),
    "subtype_treatment": NutsSettings(draws=900, thin=15),
}
"""Chosen by the effective sample sizes of pilot simulations, so that in all but a few fits every
quantity has at least as many effective draws as are kept."""


@cache
def paper_design(model: str) -> pd.DataFrame:
    """Return the paper's own design for a model: labels, groups and totals (and its events)."""
    evidence = load_evidence()
    if model in ("pooled", "subgroup"):
        frame = grouped_outcome(evidence, "orr", "treatment")
        return frame[["study", "events", "total", "group"]]
    if model in ("subtype", "exnex"):
        return evidence.strata()
    from models.evidence.load import paper_cells

    return paper_cells(evidence)


def model_priors(model: str) -> Priors:
    """Return the default priors of a model."""
    return DEFAULT_EXNEX_PRIORS if model == "exnex" else DEFAULT_PRIORS


def generator(model: str, simulation: int, seed: int) -> np.random.Generator:
    """Return the random numbers of one simulation."""
    return np.random.default_rng([seed, sorted(GENERATORS).index(model), simulation])


def simulate_nuts(
    model: str, first: int, stop: int, seed: int, settings: NutsSettings
) -> pd.DataFrame:
    """Run simulations ``first`` to ``stop - 1`` of a model by NUTS.

    Returns
    -------
    pandas.DataFrame
        One row a simulation: ``simulation``, ``seconds``, the gate's verdict (``passed``,
        ``rhat_max``, ``ess_bulk_min``, ``ess_tail_min``, ``divergences``, ``saturated_trees``,
        ``bfmi_min``), ``units_50`` to ``units_95``, then the ranks by label.
    """
    return pd.DataFrame([_nuts_row(model, i, seed, settings) for i in range(first, stop)])


def _nuts_row(model: str, simulation: int, seed: int, settings: NutsSettings) -> dict[str, Any]:
    from models.fitting.fit import SamplerSettings

    design, priors = paper_design(model), model_priors(model)
    rng = generator(model, simulation, seed)
    truth = GENERATORS[model](design, priors, rng)
    review = design.assign(events=truth.events)
    fitted = MODELS[model]
    own = SamplerSettings(
        settings.draws,
        settings.tune,
        settings.chains,
        settings.target_accept,
        int(rng.integers(2**31)),
    )
    return sampled_row(
        simulation,
        truth,
        lambda: sampler().attempt(fitted, review, priors, fitted.estimands(review, priors), own),
        lambda posterior: posterior_quantities(model, posterior, truth, rng),
        settings.thin,
        rng,
    )


def sampled_row(
    simulation: int,
    truth: Truth,
    fit: Callable[[], xr.DataTree],
    quantities: Callable[[xr.Dataset], Quantities],
    thin: int,
    rng: np.random.Generator,
) -> dict[str, Any]:
    """Return the row of one simulation by a sampler: seconds, verdict of the gate, and ranks.

    Parameters
    ----------
    simulation
        Its number.
    truth
        What the data were drawn from.
    fit
        Samples the model.
    quantities
        From draws, what is ranked; the gate judges these alone.
    thin
        Every how many draws one is ranked.
    rng
        Chooses the units that are ranked, and breaks ties.
    """
    from models.fitting.gate import check_fit

    started = time.perf_counter()
    tree = fit()
    seconds = time.perf_counter() - started
    chosen = random_units(truth, rng)
    found = quantities(tree["posterior"].to_dataset())
    gate = check_fit(
        xr.DataTree.from_dict(
            {
                "posterior": judged(found, chosen),
                "sample_stats": tree["sample_stats"].to_dataset(),
            }
        )
    )
    return {
        "simulation": simulation,
        "seconds": seconds,
        **gate.as_dict(),
        "saturated_trees": gate.numbers["saturated_trees"],
        "bfmi_min": gate.numbers["bfmi_min"],
        **rank_row(truth, found, chosen, thin, rng),
    }


@cache
def sampler() -> "Sampler":
    """Return this process's sampler, which compiles each model once."""
    from models.fitting.sampler import Sampler

    return Sampler()


def simulate_grid(
    model: str, first: int, stop: int, seed: int, fitted: Priors = DEFAULT_PRIORS
) -> pd.DataFrame:
    """Run simulations ``first`` to ``stop - 1`` of a model by the exact grid.

    Parameters
    ----------
    model
        ``pooled``, ``subtype`` or ``subgroup``.
    first, stop, seed
        As in `simulate_nuts`.
    fitted
        Priors of the fits; truths come from the default priors, so that others here make a wrong
        model, which must be found out.

    Returns
    -------
    pandas.DataFrame
        As `simulate_nuts`, with ``quadrature_error`` (logit scale) in place of the gate's verdict.
    """
    rows = []
    for simulation in range(first, stop):
        rng = generator(model, simulation, seed)
        truth = GENERATORS[model](paper_design(model), model_priors(model), rng)
        started = time.perf_counter()
        posterior, error = _grid_posterior(model, truth, fitted, int(rng.integers(2**31)))
        seconds = time.perf_counter() - started
        chosen = random_units(truth, rng)
        quantities = posterior_quantities(model, posterior, truth, rng)
        rows.append(
            {
                "simulation": simulation,
                "seconds": seconds,
                "quadrature_error": error,
                **rank_row(truth, quantities, chosen, 1, rng),
            }
        )
    return pd.DataFrame(rows)


def _grid_posterior(
    model: str, truth: Truth, priors: Priors, seed: int
) -> tuple[xr.Dataset, float]:
    """Return draws under the names of the sampled models, and the quadrature error."""
    design = paper_design(model)
    x, n = truth.events.astype(np.float64), design["total"].to_numpy("float64")
    mean, sd, scale = priors.mu_mean, priors.mu_sd, priors.tau_scale
    variables: dict[str, Any]
    coords: dict[str, Any] = {}
    if model == "pooled":
        pooled = fit_pooled(x, n, mu_mean=mean, mu_sd=sd, tau_scale=scale)
        drawn = pooled.draws(GRID_DRAWS, seed)
        plain = ("mu", "tau", "average_rate", "new_study_rate")
        variables = {name: (("draw",), getattr(drawn, name)) for name in plain}
        variables["study_rate"] = (("draw", "study"), drawn.study_rate)
        error = pooled.quadrature_error
    elif model == "subgroup":
        groups = list(design["group"].cat.categories)
        subgroup = fit_subgroup(
            x,
            n,
            list(design["group"]),
            groups=groups,
            mu_mean=mean,
            mu_sd=sd,
            sigma_scale=priors.sigma_scale,
            tau_scale=scale,
        )
        draws = subgroup.draws(GRID_DRAWS, seed)
        variables = {name: (("draw",), getattr(draws, name)) for name in ("mu", "tau")}
        variables["sigma_group"] = (("draw",), draws.sigma_group)
        variables["typical_rate"] = (("draw", "group"), draws.typical_rate)
        variables["average_rate"] = (("draw", "group"), draws.average_rate)
        variables["study_rate"] = (("draw", "study"), draws.study_rate)
        coords = {"group": groups}
        error = subgroup.quadrature_error
    else:
        tree = fit_tree(
            x,
            n,
            list(design["parent"]),
            mu_mean=mean,
            mu_sd=sd,
            sigma_scale=scale,
            sigma_child_scale=scale,
        )
        nodes = tree.draws(GRID_DRAWS, seed)
        families = family_rates(design, nodes.unit_rate)
        variables = {
            "mu": (("draw",), nodes.mu),
            "tau": (("draw",), nodes.sigma),
            "tau_child": (("draw",), nodes.sigma_child),
            "new_stratum_rate": (("draw",), nodes.new_unit_rate),
            "stratum_rate": (("draw", "stratum"), nodes.unit_rate),
            "family_rate": (("draw", "family"), np.column_stack(list(families.values()))),
        }
        coords = {"family": list(families)}
        error = tree.quadrature_error
    posterior = xr.Dataset(variables, coords).expand_dims("chain")
    if model == "subgroup":
        posterior = posterior.merge(contrast_draws(posterior))
    return posterior, float(error)
