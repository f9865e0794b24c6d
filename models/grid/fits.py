"""The three models as functions of counts: ``fit_pooled``, ``fit_subgroup``, ``fit_tree``."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from models.common.errors import InputError
from models.grid.data import TreeData, counts
from models.grid.distributions import Array, HalfNormal, Normal, ScalePrior
from models.grid.groups import UnpooledPosterior, solve_unpooled
from models.grid.posteriors import PooledPosterior, SubgroupPosterior, TreePosterior
from models.grid.solve import TOLERANCE, solve


def _labels(name: str, labels: Sequence[object] | None, size: int) -> tuple[str, ...]:
    """Return labels as text, checked; numbers from 1 if there are none."""
    if labels is None:
        return tuple(str(i + 1) for i in range(size))
    text = tuple(str(label) for label in labels)
    if len(text) != size:
        raise InputError(f"{len(text)} {name} labels for {size} rows of counts")
    seen: set[str] = set()
    for label in text:
        if label in seen:
            raise InputError(f"{name} label {label!r} occurs more than once")
        seen.add(label)
    return text


def _groups(
    group: Sequence[object], groups: Sequence[object] | None, size: int
) -> tuple[tuple[str, ...], NDArray[np.intp]]:
    """Return the labels of the groups and the position of each study's group, checked."""
    names = [str(label) for label in group]
    if len(names) != size:
        raise InputError(f"{len(names)} group labels for {size} rows of counts")
    distinct = list(dict.fromkeys(names))
    wanted = _labels("group", groups, len(groups)) if groups is not None else tuple(distinct)
    position = {label: code for code, label in enumerate(wanted)}
    for label in distinct:
        if label not in position:
            raise InputError(f"group {label!r} of a study is not among the groups {wanted}")
    return wanted, np.array([position[label] for label in names], dtype=np.intp)


def _parent_label(label: object) -> str | None:
    """Return a parent's label as text, ``None`` for any of the ways to say that there is none."""
    text = "" if label is None else str(label).strip()
    return None if text in ("", "nan", "<NA>", "None") else text


def fit_pooled(
    events: Sequence[int] | Array,
    total: Sequence[int] | Array,
    *,
    study: Sequence[object] | None = None,
    mu_mean: float = 0.0,
    mu_sd: float = 1.5,
    tau_scale: float = 1.0,
    tau_prior: ScalePrior | None = None,
    tolerance: float = TOLERANCE,
) -> PooledPosterior:
    """Return the exact posterior of the pooled binomial-normal model.

    ``x_i ~ Binomial(n_i, expit(mu + tau z_i))``, ``z_i ~ Normal(0, 1)``,
    ``mu ~ Normal(mu_mean, mu_sd)``, ``tau ~ HalfNormal(tau_scale)``.

    Parameters
    ----------
    events, total
        Counts, ``(k,)``. A row with a total of 0 leaves the others alone and is predicted.
    study
        Unique labels; numbers from 1 by default.
    mu_mean, mu_sd, tau_scale
        Priors, logit scale.
    tau_prior
        Another prior of tau (see `models.grid.distributions`), in place of the half-normal.
    tolerance
        Largest quadrature error accepted without refining further, logit scale.

    Returns
    -------
    PooledPosterior

    Raises
    ------
    models.common.errors.InputError
        For counts, labels or priors out of range.
    """
    x, n = counts("study", events, total)
    labels = _labels("study", study, x.size)
    data = TreeData(x, n, np.full(x.size, -1, dtype=np.intp), 0)
    tau = tau_prior if tau_prior is not None else HalfNormal(tau_scale)
    return PooledPosterior(solve(data, Normal(mu_mean, mu_sd), tau, None, tolerance), labels)


def fit_subgroup(
    events: Sequence[int] | Array,
    total: Sequence[int] | Array,
    group: Sequence[object],
    *,
    study: Sequence[object] | None = None,
    groups: Sequence[object] | None = None,
    mu_mean: float = 0.0,
    mu_sd: float = 1.5,
    sigma_scale: float = 1.0,
    tau_scale: float = 1.0,
    sigma_prior: ScalePrior | None = None,
    tau_prior: ScalePrior | None = None,
    tolerance: float = TOLERANCE,
) -> SubgroupPosterior:
    """Return the exact posterior of the subgroup model with a common tau.

    ``x_i ~ Binomial(n_i, expit(mu + sigma_group a_g(i) + tau z_i))``, ``a, z ~ Normal(0, 1)``,
    ``mu ~ Normal(mu_mean, mu_sd)``, ``sigma_group ~ HalfNormal(sigma_scale)``,
    ``tau ~ HalfNormal(tau_scale)``.

    Parameters
    ----------
    events, total, study
        As in `fit_pooled`.
    group
        Label of each study's group, ``(k,)``.
    groups
        The groups in the order wanted, some possibly without a study; by default those of
        ``group`` in order of first appearance.
    mu_mean, mu_sd, sigma_scale, tau_scale
        Priors, logit scale.
    sigma_prior, tau_prior
        Other priors of the scales, in place of the half-normals.
    tolerance
        Largest quadrature error accepted without refining further, logit scale.

    Returns
    -------
    SubgroupPosterior

    Raises
    ------
    models.common.errors.InputError
        For counts, labels or priors out of range, or a group that ``groups`` lacks.
    """
    x, n = counts("study", events, total)
    labels = _labels("study", study, x.size)
    wanted, parent = _groups(group, groups, x.size)
    data = TreeData(x, n, parent, len(wanted))
    sigma = sigma_prior if sigma_prior is not None else HalfNormal(sigma_scale)
    tau = tau_prior if tau_prior is not None else HalfNormal(tau_scale)
    solution = solve(data, Normal(mu_mean, mu_sd), sigma, tau, tolerance)
    return SubgroupPosterior(solution, labels, wanted)


def fit_unpooled(
    events: Sequence[int] | Array,
    total: Sequence[int] | Array,
    group: Sequence[object],
    *,
    groups: Sequence[object] | None = None,
    mu_mean: float = 0.0,
    mu_sd: float = 1.5,
    tau_scale: float = 1.0,
    tolerance: float = TOLERANCE,
) -> UnpooledPosterior:
    """Return the exact posterior of groups with unpooled means and a common tau.

    ``x_i ~ Binomial(n_i, expit(mu_g(i) + tau z_i))``, ``z_i ~ Normal(0, 1)``,
    ``mu_g ~ Normal(mu_mean, mu_sd)`` independently, ``tau ~ HalfNormal(tau_scale)``.

    Parameters
    ----------
    events, total, group, groups, mu_mean, mu_sd, tau_scale, tolerance
        As in `fit_subgroup`.

    Raises
    ------
    models.common.errors.InputError
        For counts, labels or priors out of range.
    """
    x, n = counts("study", events, total)
    labels, codes = _groups(group, groups, x.size)
    data = TreeData(x, n, codes, len(labels))
    return solve_unpooled(data, Normal(mu_mean, mu_sd), HalfNormal(tau_scale), labels, tolerance)


def fit_tree(
    events: Sequence[int] | Array,
    total: Sequence[int] | Array,
    parent: Sequence[object | None] | None = None,
    *,
    unit: Sequence[object] | None = None,
    mu_mean: float = 0.0,
    mu_sd: float = 1.5,
    sigma_scale: float = 1.0,
    sigma_child_scale: float = 1.0,
    sigma_prior: ScalePrior | None = None,
    sigma_child_prior: ScalePrior | None = None,
    tolerance: float = TOLERANCE,
) -> TreePosterior:
    """Return the exact posterior of units under a mean, some of them one level deeper.

    A unit without a parent has the logit ``mu + sigma a``; a family the mean ``mu + sigma a``, and
    each of its units the family's mean plus ``sigma_child b``; ``a, b ~ Normal(0, 1)``.

    Parameters
    ----------
    events, total
        Counts, ``(k,)``, of disjoint units: a family's own total is not among them.
    parent
        Label of each unit's family; ``None``, NaN or an empty text for a unit under the overall
        mean.
    unit
        Unique labels; numbers from 1 by default.
    mu_mean, mu_sd, sigma_scale, sigma_child_scale
        Priors, logit scale; the scales' are half-normal.
    sigma_prior, sigma_child_prior
        Other priors of the scales, in place of the half-normals.
    tolerance
        Largest quadrature error accepted without refining further, logit scale.

    Returns
    -------
    TreePosterior

    Raises
    ------
    models.common.errors.InputError
        For counts, labels or priors out of range.
    """
    x, n = counts("unit", events, total)
    labels = _labels("unit", unit, x.size)
    parents = [None] * x.size if parent is None else [_parent_label(label) for label in parent]
    if len(parents) != x.size:
        raise InputError(f"{len(parents)} parent labels for {x.size} rows of counts")
    family = tuple(dict.fromkeys(label for label in parents if label is not None))
    position = {label: code for code, label in enumerate(family)}
    codes = [-1 if label is None else position[label] for label in parents]
    data = TreeData(x, n, np.array(codes, dtype=np.intp), len(family))
    sigma = sigma_prior if sigma_prior is not None else HalfNormal(sigma_scale)
    child: ScalePrior | None = None
    if family:
        child = sigma_child_prior
        if child is None:
            child = HalfNormal(sigma_child_scale)
    solution = solve(data, Normal(mu_mean, mu_sd), sigma, child, tolerance)
    return TreePosterior(solution, labels, family)
