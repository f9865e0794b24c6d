"""Joint draws of a tree, labelled by model: what ``posterior.draws(n, seed)`` returns."""

from dataclasses import dataclass

import numpy as np

from models.common.errors import InputError
from models.grid.distributions import Array
from models.grid.drawing.sampling import (
    average_rates,
    draw_families,
    draw_scales_and_mean,
    draw_units,
)
from models.grid.tree import GridState
from models.numerics.threads import one_blas_thread


@dataclass(frozen=True)
class PooledDraws:
    """Independent joint posterior draws of the pooled model; axis 0 is the draw.

    Parameters
    ----------
    mu, tau
        Overall mean and standard deviation between studies, logit scale, ``(n,)``.
    z
        Standardised study effects, ``(n, k)``: the study's logit is ``mu + tau * z``.
    typical_rate, average_rate, new_study_rate
        ``expit(mu)``, its average over studies, and the rate of a new study, ``(n,)``.
    study_rate
        Rate of each study, ``(n, k)``.
    """

    mu: Array
    tau: Array
    z: Array
    typical_rate: Array
    average_rate: Array
    new_study_rate: Array
    study_rate: Array


@dataclass(frozen=True)
class SubgroupDraws:
    """Independent joint posterior draws of the subgroup model; axis 0 is the draw.

    Parameters
    ----------
    mu, sigma_group, tau
        Overall mean, standard deviation between groups and between studies of a group, logit
        scale, ``(n,)``.
    group_effect, z
        Standardised effects of groups ``(n, F)`` and studies ``(n, k)``.
    group_logit
        ``mu + sigma_group * group_effect``, ``(n, F)``.
    typical_rate, average_rate, new_study_rate
        Of each group, ``(n, F)``.
    overall_typical_rate, overall_average_rate, overall_new_study_rate
        ``expit(mu)``, the average over new groups and studies, and the rate of a new study of a
        new group, ``(n,)``.
    study_rate
        Rate of each study, ``(n, k)``.
    """

    mu: Array
    sigma_group: Array
    tau: Array
    group_effect: Array
    z: Array
    group_logit: Array
    typical_rate: Array
    average_rate: Array
    new_study_rate: Array
    overall_typical_rate: Array
    overall_average_rate: Array
    overall_new_study_rate: Array
    study_rate: Array


@dataclass(frozen=True)
class TreeDraws:
    """Independent joint posterior draws of a tree of units and families; axis 0 is the draw.

    Parameters
    ----------
    mu, sigma, sigma_child
        Overall mean, standard deviation of units and families about it, and of units about
        their family, logit scale, ``(n,)``; ``sigma_child`` is ``None`` without families.
    z
        Standardised unit effects about the overall or the family's mean, ``(n, k)``.
    family_effect, family_logit
        Standardised family effects and family means, ``(n, F)``.
    typical_rate, average_rate, new_unit_rate
        ``expit(mu)``, its average over new units under the root, the rate of one, ``(n,)``.
    unit_rate
        Rate of each unit, ``(n, k)``.
    """

    mu: Array
    sigma: Array
    sigma_child: Array | None
    z: Array
    family_effect: Array
    family_logit: Array
    typical_rate: Array
    average_rate: Array
    new_unit_rate: Array
    unit_rate: Array


def _expit(x: Array) -> Array:
    with np.errstate(over="ignore"):
        return np.asarray(1.0 / (1.0 + np.exp(-x)))


@dataclass(frozen=True)
class _Raw:
    mu: Array
    outer: Array
    inner: Array
    family_effect: Array
    family_logit: Array
    z: Array
    unit_rate: Array


@one_blas_thread()
def _draw(state: GridState, n: int, rng: np.random.Generator) -> _Raw:
    if n < 1:
        raise InputError(f"the number of draws must be at least 1, got {n}")
    data = state.data
    mu, outer, inner = draw_scales_and_mean(state, n, rng)
    family_effect = np.empty((n, 0))
    family_logit = np.empty((n, 0))
    z = np.empty((n, data.events.size))
    logit = np.empty_like(z)
    if data.families:
        family_effect = draw_families(state, mu, outer, inner, rng)
        family_logit = mu[:, None] + outer[:, None] * family_effect
    levels = (
        (data.loose, mu[:, None], outer),
        (data.nested, family_logit[:, data.family_of_nested], inner),
    )
    for units, parent, scale in levels:
        if units.size:
            effects = draw_units(data.events[units], data.total[units], parent, scale, rng)
            if units.size == z.shape[1] and (np.diff(units) == 1).all():
                z, logit = effects, parent + scale[:, None] * effects
            else:
                z[:, units] = effects
                logit[:, units] = parent + scale[:, None] * effects
    return _Raw(mu, outer, inner, family_effect, family_logit, z, _expit(logit))


def draw_pooled(state: GridState, n: int, seed: int | np.random.SeedSequence) -> PooledDraws:
    """Return draws of the pooled model."""
    rng = np.random.default_rng(seed)
    raw = _draw(state, n, rng)
    return PooledDraws(
        mu=raw.mu,
        tau=raw.outer,
        z=raw.z,
        typical_rate=_expit(raw.mu),
        average_rate=average_rates(raw.mu, raw.outer),
        new_study_rate=_expit(raw.mu + raw.outer * rng.standard_normal(n)),
        study_rate=raw.unit_rate,
    )


def draw_subgroup(state: GridState, n: int, seed: int | np.random.SeedSequence) -> SubgroupDraws:
    """Return draws of the subgroup model."""
    rng = np.random.default_rng(seed)
    raw = _draw(state, n, rng)
    tau = raw.inner[:, None]
    both = np.hypot(raw.outer, raw.inner)
    return SubgroupDraws(
        mu=raw.mu,
        sigma_group=raw.outer,
        tau=raw.inner,
        group_effect=raw.family_effect,
        z=raw.z,
        group_logit=raw.family_logit,
        typical_rate=_expit(raw.family_logit),
        average_rate=average_rates(raw.family_logit, tau),
        new_study_rate=_expit(raw.family_logit + tau * rng.standard_normal(raw.family_logit.shape)),
        overall_typical_rate=_expit(raw.mu),
        overall_average_rate=average_rates(raw.mu, both),
        overall_new_study_rate=_expit(raw.mu + both * rng.standard_normal(n)),
        study_rate=raw.unit_rate,
    )


def draw_tree(state: GridState, n: int, seed: int | np.random.SeedSequence) -> TreeDraws:
    """Return draws of a tree of units and families."""
    rng = np.random.default_rng(seed)
    raw = _draw(state, n, rng)
    return TreeDraws(
        mu=raw.mu,
        sigma=raw.outer,
        sigma_child=raw.inner if state.data.families else None,
        z=raw.z,
        family_effect=raw.family_effect,
        family_logit=raw.family_logit,
        typical_rate=_expit(raw.mu),
        average_rate=average_rates(raw.mu, raw.outer),
        new_unit_rate=_expit(raw.mu + raw.outer * rng.standard_normal(n)),
        unit_rate=raw.unit_rate,
    )
