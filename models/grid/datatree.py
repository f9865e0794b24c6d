"""Draws of a grid posterior in the labelled form that the sampler's results have."""

from typing import TYPE_CHECKING

import numpy as np

from models.errors import InputError
from models.grid.distributions import Array
from models.grid.posteriors import PooledPosterior, SubgroupPosterior, TreePosterior

if TYPE_CHECKING:
    import xarray as xr

type _Variables = dict[str, tuple[tuple[str, ...], Array]]


def to_datatree(
    posterior: PooledPosterior | SubgroupPosterior | TreePosterior,
    *,
    chains: int = 4,
    draws: int = 1000,
    seed: int = 0,
    effects: bool = False,
) -> "xr.DataTree":
    """Return joint draws as a tree of labelled datasets.

    Parameters
    ----------
    posterior
        What a fit returned.
    chains, draws
        Shape of the draws. They are independent; chains are there for functions that expect them.
    seed
        Seed of the draws.
    effects
        Whether to add the standardised effects (``z``, ``group_effect``, ``family_effect``).

    Returns
    -------
    xarray.DataTree
        Groups ``posterior``, ``observed_data`` and ``constant_data``. Variables of the pooled
        model: ``mu``, ``tau``, ``typical_rate``, ``average_rate``, ``new_study_rate`` and
        ``study_rate`` (dims ``study``). Of the subgroup model: ``mu``, ``sigma_group``, ``tau``;
        ``group_logit``, ``typical_rate``, ``average_rate``, ``new_study_rate`` (dims ``group``);
        ``overall_typical_rate``, ``overall_average_rate``, ``overall_new_study_rate``;
        ``study_rate``. Of a tree: ``mu``, ``sigma``, ``sigma_child`` (with families),
        ``typical_rate``, ``average_rate``, ``new_unit_rate``, ``family_logit`` (dims ``family``),
        ``unit_rate`` (dims ``unit``). Attributes of ``posterior`` name the engine and carry
        ``quadrature_error``.

    Raises
    ------
    models.errors.InputError
        If ``chains`` or ``draws`` is below 1.
    """
    if chains < 1 or draws < 1:
        raise InputError(f"chains and draws must be at least 1, got {chains} and {draws}")
    # Only here: importing xarray costs more than a fit.
    import xarray as xr

    size = chains * draws
    coords: dict[str, object] = {"chain": np.arange(chains), "draw": np.arange(draws)}
    if isinstance(posterior, PooledPosterior):
        unit = "study"
        variables = _pooled(posterior, size, seed, effects)
        coords["study"] = list(posterior.study)
    elif isinstance(posterior, SubgroupPosterior):
        unit = "study"
        variables = _subgroup(posterior, size, seed, effects)
        coords |= {"study": list(posterior.study), "group": list(posterior.group)}
    else:
        unit = "unit"
        variables = _tree(posterior, size, seed, effects)
        coords["unit"] = list(posterior.unit)
        if posterior.family:
            coords["family"] = list(posterior.family)

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
    units = {unit: coords[unit]}
    constant: dict[str, tuple[tuple[str, ...], object]] = {
        "total": ((unit,), posterior.total.astype(np.int64))
    }
    if isinstance(posterior, SubgroupPosterior):
        constant["group_of"] = ((unit,), posterior.group_of)
    if isinstance(posterior, TreePosterior):
        constant["family_of"] = ((unit,), posterior.family_of)
    observed = {"events": ((unit,), posterior.events.astype(np.int64))}
    return xr.DataTree.from_dict(
        {
            "/posterior": xr.Dataset(shaped, coords=coords, attrs=attrs),
            "/observed_data": xr.Dataset(observed, coords=units),
            "/constant_data": xr.Dataset(constant, coords=units),
        }
    )


def _pooled(posterior: PooledPosterior, size: int, seed: int, effects: bool) -> _Variables:
    drawn = posterior.draws(size, seed)
    variables: _Variables = {
        "mu": ((), drawn.mu),
        "tau": ((), drawn.tau),
        "typical_rate": ((), drawn.typical_rate),
        "average_rate": ((), drawn.average_rate),
        "new_study_rate": ((), drawn.new_study_rate),
        "study_rate": (("study",), drawn.study_rate),
    }
    if effects:
        variables["z"] = (("study",), drawn.z)
    return variables


def _subgroup(posterior: SubgroupPosterior, size: int, seed: int, effects: bool) -> _Variables:
    drawn = posterior.draws(size, seed)
    variables: _Variables = {
        "mu": ((), drawn.mu),
        "sigma_group": ((), drawn.sigma_group),
        "tau": ((), drawn.tau),
        "group_logit": (("group",), drawn.group_logit),
        "typical_rate": (("group",), drawn.typical_rate),
        "average_rate": (("group",), drawn.average_rate),
        "new_study_rate": (("group",), drawn.new_study_rate),
        "overall_typical_rate": ((), drawn.overall_typical_rate),
        "overall_average_rate": ((), drawn.overall_average_rate),
        "overall_new_study_rate": ((), drawn.overall_new_study_rate),
        "study_rate": (("study",), drawn.study_rate),
    }
    if effects:
        variables["group_effect"] = (("group",), drawn.group_effect)
        variables["z"] = (("study",), drawn.z)
    return variables


def _tree(posterior: TreePosterior, size: int, seed: int, effects: bool) -> _Variables:
    drawn = posterior.draws(size, seed)
    variables: _Variables = {
        "mu": ((), drawn.mu),
        "sigma": ((), drawn.sigma),
        "typical_rate": ((), drawn.typical_rate),
        "average_rate": ((), drawn.average_rate),
        "new_unit_rate": ((), drawn.new_unit_rate),
        "unit_rate": (("unit",), drawn.unit_rate),
    }
    if drawn.sigma_child is not None:
        variables["sigma_child"] = ((), drawn.sigma_child)
        variables["family_logit"] = (("family",), drawn.family_logit)
    if effects:
        variables["z"] = (("unit",), drawn.z)
        if drawn.sigma_child is not None:
            variables["family_effect"] = (("family",), drawn.family_effect)
    return variables
