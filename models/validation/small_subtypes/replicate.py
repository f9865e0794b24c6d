"""One replicate of the simulation of subtypes: draw responders, estimate every unit six ways.

Methods
-------
``ft_published``
    Freeman-Tukey over the totals of the treatment groups, as Fig. 4 was computed.
``ft_arms``
    Freeman-Tukey over the trial arms.
``crude``
    All responders over all patients, with the exact (Clopper-Pearson) interval.
``glmm``
    Maximum-likelihood binomial-normal model over the trial arms, where it can be fitted: two arms
    or more and some, not all, patients responding. It estimates the typical rate.
``exchangeable``
    The subtype model of `models.subtype`, by the exact grid; posterior median and interval.
``exnex``
    EXNEX (`models.exnex`) by quadrature; posterior median and interval.

Rates of the row LPS under the last two are patient-weighted means of its members, from
``FAMILY_DRAWS`` joint draws.
"""

from functools import cache
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from models.common.constants import INTERVAL_PROBS
from models.evidence.load import load_evidence
from models.frequentist.freeman_tukey import exact_interval, freeman_tukey_pool
from models.frequentist.glmm import fit_glmm
from models.grid.exnex import ExnexGrid
from models.grid.fits import fit_tree
from models.priors import DEFAULT_EXNEX_PRIORS, DEFAULT_PRIORS
from models.validation.small_subtypes.truth import Design, Scenario, paper_design, scenarios

type FloatArray = NDArray[np.float64]

METHODS: Final = ("ft_published", "ft_arms", "crude", "glmm", "exchangeable", "exnex")
FAMILY_DRAWS: Final = 2000
FITTED, NOT_APPLICABLE, FAILED = "fitted", "not applicable", "failed"
_PROBS: Final = (0.5, *INTERVAL_PROBS)


@cache
def _design() -> Design:
    return paper_design(load_evidence())


@cache
def _scenarios(seed: int) -> dict[str, Scenario]:
    return {s.name: s for s in scenarios(load_evidence(), _design(), seed)}


@cache
def _exnex_grid() -> ExnexGrid:
    return ExnexGrid(DEFAULT_EXNEX_PRIORS)


def simulated_counts(name: str, replicate: int, seed: int) -> FloatArray:
    """Return the responders of every cell in one replicate, shape (c,).

    The random numbers depend on the seed, the scenario's place and the replicate alone, so that
    any replicate can be repeated by itself.
    """
    place = list(_scenarios(seed)).index(name)
    rng = np.random.default_rng([seed, place, replicate])
    return _scenarios(seed)[name].responders(_design(), replicate, rng)


def run_replicates(name: str, first: int, stop: int, seed: int) -> pd.DataFrame:
    """Run replicates of a scenario.

    Parameters
    ----------
    name
        The scenario's name.
    first, stop
        Replicates ``first`` to ``stop - 1``.
    seed
        Of the simulation.

    Returns
    -------
    pandas.DataFrame
        One row a replicate, unit and method: ``scenario``, ``replicate``, ``truth`` (row of the
        scenario's true rates), ``unit``, ``method``, ``true_rate``, ``estimate``, ``mean``
        (posterior mean; Bayesian methods), ``lower``, ``upper``, ``status`` (``fitted``,
        ``not applicable``, ``failed``).
    """
    design, scenario = _design(), _scenarios(seed)[name]
    frames = []
    for replicate in range(first, stop):
        estimates = estimate_all(design, simulated_counts(name, replicate, seed), replicate)
        truth = replicate % len(scenario.true_rate)
        true_rate = np.tile(scenario.true_rate[truth], len(METHODS))
        frames.append(
            estimates.assign(scenario=name, replicate=replicate, truth=truth, true_rate=true_rate)
        )
    return pd.concat(frames, ignore_index=True)


def estimate_all(design: Design, responders: FloatArray, seed: int = 0) -> pd.DataFrame:
    """Estimate every unit by every method.

    Parameters
    ----------
    design
        The cells.
    responders
        Of each cell, shape (c,).
    seed
        For the draws of the row LPS.

    Returns
    -------
    pandas.DataFrame
        ``unit``, ``method``, ``estimate``, ``mean``, ``lower``, ``upper``, ``status``; methods in
        the order of `METHODS`, within each the units of the design.
    """
    events, total = design.with_family(_by_subtype(design, responders)), design.total()
    blocks = {
        "ft_published": _freeman_tukey(design, responders, design.treatment),
        "ft_arms": _freeman_tukey(design, responders, design.arm),
        "crude": np.column_stack([events / total, *exact_interval(events, total)]),
        "glmm": _glmm(design, responders),
    }
    frames = []
    for method, values in blocks.items():
        frame = _frame(design, method, values)
        if method == "glmm":
            k = np.array([x.size for x, _ in _cells_of_units(design, responders, design.arm)])
            possible = (k >= 2) & (events > 0) & (events < total)
            lacking = frame["estimate"].isna().to_numpy()
            frame.loc[lacking, "status"] = np.where(possible, FAILED, NOT_APPLICABLE)[lacking]
        frames.append(frame)
    for method, fit in (("exchangeable", _exchangeable), ("exnex", _exnex)):
        values, means = fit(design, events[:-1], total[:-1], seed)
        frames.append(_frame(design, method, values).assign(mean=means))
    return pd.concat(frames, ignore_index=True)


def _frame(design: Design, method: str, values: FloatArray) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "unit": design.units,
            "method": method,
            "estimate": values[:, 0],
            "mean": np.nan,
            "lower": values[:, 1],
            "upper": values[:, 2],
            "status": FITTED,
        }
    )


def _by_subtype(design: Design, values: FloatArray) -> FloatArray:
    return np.bincount(design.subtype, values, len(design.unit))


def _cells_of_units(
    design: Design, responders: FloatArray, level: NDArray[np.intp]
) -> list[tuple[FloatArray, FloatArray]]:
    """Return events and totals of every unit at each level (arms or treatment groups) it has."""
    shape = (len(design.unit), int(level.max()) + 1)
    x, n = np.zeros(shape), np.zeros(shape)
    np.add.at(x, (design.subtype, level), responders)
    np.add.at(n, (design.subtype, level), design.size)
    rows = [*zip(x, n, strict=True), (x[design.family].sum(axis=0), n[design.family].sum(axis=0))]
    return [(xs[ns > 0], ns[ns > 0]) for xs, ns in rows]


def _freeman_tukey(design: Design, responders: FloatArray, level: NDArray[np.intp]) -> FloatArray:
    pools = [freeman_tukey_pool(x, n) for x, n in _cells_of_units(design, responders, level)]
    return np.array([(pool.estimate, pool.lower, pool.upper) for pool in pools])


def _glmm(design: Design, responders: FloatArray) -> FloatArray:
    fits = [fit_glmm(x, n) for x, n in _cells_of_units(design, responders, design.arm)]
    return np.array([(fit.estimate, fit.lower, fit.upper) for fit in fits], dtype=np.float64)


def _exchangeable(
    design: Design, events: FloatArray, total: FloatArray, seed: int
) -> tuple[FloatArray, FloatArray]:
    fit = fit_tree(
        events,
        total,
        design.parent,
        mu_mean=DEFAULT_PRIORS.mu_mean,
        mu_sd=DEFAULT_PRIORS.mu_sd,
        sigma_scale=DEFAULT_PRIORS.tau_scale,
        sigma_child_scale=DEFAULT_PRIORS.tau_scale,
    )
    rates = fit.units.rate_summary()
    limits = np.column_stack([rates.median, rates.lower, rates.upper])
    members = fit.draws(FAMILY_DRAWS, seed).unit_rate[:, design.family]
    return _with_family(design, total, limits, fit.units.rate_mean, members)


def _exnex(
    design: Design, events: FloatArray, total: FloatArray, seed: int
) -> tuple[FloatArray, FloatArray]:
    fit = _exnex_grid().posterior(events, total)
    members = fit.rate_draws(design.family, FAMILY_DRAWS, np.random.default_rng(seed))
    return _with_family(design, total, fit.rate_quantile(_PROBS), fit.rate_mean, members)


def _with_family(
    design: Design, total: FloatArray, limits: FloatArray, means: FloatArray, members: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Append the family's row, from joint draws of its members' rates."""
    weights = total[design.family] / total[design.family].sum()
    family = members @ weights
    mean = float(means[design.family] @ weights)
    return np.vstack([limits, np.quantile(family, _PROBS)]), np.append(means, mean)
