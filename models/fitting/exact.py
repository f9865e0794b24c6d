"""Fits by the exact engine: posteriors by quadrature, with independent joint draws when asked for.

Single estimands come from the quadrature itself and hold no Monte Carlo error; whatever takes a
sampler's draws (contrasts, ranks, figures) takes the draws of these fits. The same posterior is
computed once a process.
"""

from collections import OrderedDict
from collections.abc import Hashable
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from models.common.errors import InputError
from models.fitting.fit import Fit, Wanted, frame_hash
from models.fitting.gate import Gate
from models.fitting.registry import Model
from models.grid import fit_pooled, fit_subgroup, fit_tree
from models.grid.distributions import Array, Normal
from models.grid.posteriors import PooledPosterior, SubgroupPosterior, TreePosterior
from models.priors import DEFAULT_PRIORS, Priors
from models.reviews.strata import family_codes

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

type GridPosterior = PooledPosterior | SubgroupPosterior | TreePosterior
type _Variables = dict[str, tuple[tuple[str, ...], Array]]

CHAINS = 4

_POSTERIORS: Final[OrderedDict[Hashable, Any]] = OrderedDict()
_REMEMBERED: Final = 24
"""Posteriors kept; the largest, of 38 arms in groups, hold some 100 MB each."""


def exact_posterior(model: Model, frame: "pd.DataFrame", priors: Priors = DEFAULT_PRIORS) -> Any:
    """Return the exact posterior of a model, not computed again while it is remembered.

    Raises
    ------
    LookupError
        If the engine does not have the model.
    """
    if not model.engine:
        raise LookupError(f"the exact engine does not have the model {model.name}")
    key = (model.name, frame_hash(frame), priors)
    if key not in _POSTERIORS:
        _POSTERIORS[key] = model.exact(frame, priors)
        if len(_POSTERIORS) > _REMEMBERED:
            _POSTERIORS.popitem(last=False)
    _POSTERIORS.move_to_end(key)
    return _POSTERIORS[key]


class Exact:
    """Answers with exact posteriors.

    Parameters
    ----------
    draws
        Independent joint draws in each of four chains.
    seed
        Their seed.
    """

    def __init__(self, draws: int, seed: int) -> None:
        self.draws = draws
        self.seed = seed

    def __call__(self, wanted: Wanted) -> Fit:
        """Return the posterior with its draws.

        Raises
        ------
        LookupError
            If the engine does not have the model.
        """
        posterior = exact_posterior(wanted.model, wanted.frame, wanted.priors)
        return Fit(
            what=wanted,
            draws=partial(
                to_datatree, posterior, priors=wanted.priors, draws=self.draws, seed=self.seed
            ),
            gate=Gate.of_quadrature(posterior.quadrature_error),
            priors=wanted.priors,
            sampling={"sampler": "grid", "draws": self.draws, "chains": CHAINS, "seed": self.seed},
            exact=posterior,
        )


def fit_review(review: "pd.DataFrame", priors: Priors) -> PooledPosterior:
    """Return the exact posterior of the pooled model (``study``, ``events``, ``total``)."""
    return fit_pooled(
        review["events"].to_numpy(),
        review["total"].to_numpy(),
        study=list(review["study"]),
        mu_mean=priors.mu_mean,
        mu_sd=priors.mu_sd,
        tau_scale=priors.tau_scale,
    )


def fit_groups(review: "pd.DataFrame", priors: Priors) -> SubgroupPosterior:
    """Return the exact posterior of the subgroup model (and the categorical ``group``)."""
    return fit_subgroup(
        review["events"].to_numpy(),
        review["total"].to_numpy(),
        review["group"].astype(str).tolist(),
        study=list(review["study"]),
        groups=[str(label) for label in review["group"].cat.categories],
        mu_mean=priors.mu_mean,
        mu_sd=priors.mu_sd,
        sigma_scale=priors.sigma_scale,
        tau_scale=priors.tau_scale,
    )


def fit_strata(strata: "pd.DataFrame", priors: Priors) -> TreePosterior:
    """Return the exact posterior of the subtype model (``stratum``, counts, ``parent``).

    ``tau_scale`` serves both scales.
    """
    codes, families = family_codes(strata)
    return fit_tree(
        strata["events"].to_numpy(),
        strata["total"].to_numpy(),
        [families[code] if code >= 0 else None for code in codes],
        unit=list(strata["stratum"]),
        mu_mean=priors.mu_mean,
        mu_sd=priors.mu_sd,
        sigma_scale=priors.tau_scale,
        sigma_child_scale=priors.tau_scale,
    )


def to_datatree(
    posterior: GridPosterior,
    *,
    priors: Priors = DEFAULT_PRIORS,
    chains: int = CHAINS,
    draws: int = 1000,
    seed: int = 0,
) -> "xr.DataTree":
    """Return joint draws in the groups, variables, dims and coords of the sampler's tree.

    Whatever takes a fit of `models.fitting.sampler` (contrasts, ranks, figures) takes this tree. It
    has no group ``sample_stats``: there was no sampler.

    Parameters
    ----------
    posterior
        What a fit returned.
    priors
        The settings of that fit: ``tau_scale`` for both scales of a tree.
    chains, draws
        Shape of the draws. They are independent; chains are there for functions that expect them.
    seed
        Seed of the draws, not negative.

    Returns
    -------
    xarray.DataTree
        ``posterior``: the free variables of the model (`models.pooled`, `models.subgroup`,
        `models.subtype`) and its estimands (`models.estimands.rates`, `models.estimands.subtypes`),
        dims ``chain``, ``draw`` first; attributes name the engine and carry ``quadrature_error``.
        ``observed_data``: ``responders``. ``constant_data``: totals, positions and priors.

    Raises
    ------
    models.common.errors.InputError
        If ``chains`` or ``draws`` is below 1, or ``priors`` are not those of the fit.
    """
    if chains < 1 or draws < 1:
        raise InputError(f"chains and draws must be at least 1, got {chains} and {draws}")
    if posterior.solution.state.prior != Normal(priors.mu_mean, priors.mu_sd):
        raise InputError("the posterior was computed with another prior of mu")
    # Only here: importing xarray costs more than a fit.
    import xarray as xr

    # The estimands draw new effects from the seed itself; these draws take another stream.
    stream = int(np.random.SeedSequence(seed).generate_state(1, np.uint64)[0])
    variables, coords, constant = _parts(posterior, priors, chains * draws, stream)
    shaped = {
        name: (("chain", "draw", *dims), values.reshape(chains, draws, *values.shape[1:]))
        for name, (dims, values) in variables.items()
    }
    attrs = {
        "inference_library": "models.grid",
        "quadrature_error": posterior.quadrature_error,
        "log_marginal_likelihood": posterior.log_marginal_likelihood,
        "seed": seed,
    }
    labels = {"chain": np.arange(chains), "draw": np.arange(draws), **coords}
    free = xr.Dataset(shaped, coords=labels, attrs=attrs)
    unit = next(iter(coords))
    units = {unit: coords[unit]}
    constants = {
        "total": ((unit,), posterior.total.astype(np.int64)),
        **{name: ((unit,), values) for name, values in constant.items()},
        **{f"prior_{name}": ((), value) for name, value in _settings(posterior, priors).items()},
    }
    observed = {"responders": ((unit,), posterior.events.astype(np.int64))}
    merged = free.merge(_estimands(posterior, free, seed)).assign_attrs(attrs)
    return xr.DataTree.from_dict(
        {
            "posterior": merged,
            "observed_data": xr.Dataset(observed, coords=units),
            "constant_data": xr.Dataset(constants, coords=units),
        }
    )


def _settings(posterior: GridPosterior, priors: Priors) -> dict[str, float]:
    """Return the prior settings that the sampler's model of the same name reads."""
    names = ["mu_mean", "mu_sd", "tau_scale"]
    if isinstance(posterior, SubgroupPosterior):
        names.insert(2, "sigma_scale")
    return {name: getattr(priors, name) for name in names}


def _parts(
    posterior: GridPosterior, priors: Priors, size: int, seed: int
) -> tuple[_Variables, dict[str, list[str]], dict[str, Array]]:
    """Return free variables, labels (units first) and the constants of each unit."""
    if isinstance(posterior, PooledPosterior):
        pooled = posterior.draws(size, seed)
        variables: _Variables = {
            "mu": ((), pooled.mu),
            "tau": ((), pooled.tau),
            "z": (("study",), pooled.z),
        }
        return variables, {"study": list(posterior.study)}, {}
    if isinstance(posterior, SubgroupPosterior):
        groups = posterior.draws(size, seed)
        variables = {
            "mu": ((), groups.mu),
            "sigma_group": ((), groups.sigma_group),
            "tau": ((), groups.tau),
            "group_effect": (("group",), groups.group_effect),
            "z": (("study",), groups.z),
        }
        labels = {"study": list(posterior.study), "group": list(posterior.group)}
        return variables, labels, {"group_of": posterior.group_of.astype(np.int64)}
    tree = posterior.draws(size, seed)
    child = tree.sigma_child
    if child is None:
        # as in the sampler's model: without a family the scale has its prior
        child = np.abs(np.random.default_rng([seed, 1]).normal(0.0, priors.tau_scale, size))
    variables = {
        "mu": ((), tree.mu),
        "tau": ((), tree.sigma),
        "tau_child": ((), child),
        "z": (("stratum",), tree.z),
    }
    coords = {"stratum": list(posterior.unit)}
    if posterior.family:
        variables["family_effect"] = (("family",), tree.family_effect)
        coords["family"] = list(posterior.family)
    codes = posterior.family_of.astype(np.int64)
    return variables, coords, {"nested": (codes >= 0).astype(np.int64), "family_of": codes.clip(0)}


def _estimands(posterior: GridPosterior, free: "xr.Dataset", seed: int) -> "xr.Dataset":
    """Return the estimands by the functions that serve the sampler's draws."""
    import xarray as xr

    from models.estimands.rates import group_estimands, pooled_estimands

    if isinstance(posterior, PooledPosterior):
        return pooled_estimands(free, seed)
    if isinstance(posterior, SubgroupPosterior):
        labels = [posterior.group[code] for code in posterior.group_of]
        group_of = xr.DataArray(labels, dims="study", coords={"study": list(posterior.study)})
        return group_estimands(free, seed, group_of)
    from models.estimands.subtypes import subtype_estimands

    return subtype_estimands(_strata(posterior))(free, seed)


def _strata(posterior: TreePosterior) -> "pd.DataFrame":
    """Return the units as a frame of strata."""
    import pandas as pd

    parents = [posterior.family[code] if code >= 0 else None for code in posterior.family_of]
    return pd.DataFrame(
        {
            "stratum": list(posterior.unit),
            "events": posterior.events.astype(np.int64),
            "total": posterior.total.astype(np.int64),
            "parent": parents,
        }
    )
