"""What single studies, the order of publication and the priors do to a pool."""

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd
from scipy.stats import binom

from models.analyses.review.posterior import Pool, exact_pool, numbers
from models.analyses.review.settings import Settings, describe
from models.frequentist.freeman_tukey import freeman_tukey_pool
from models.grid import HalfNormal, HalfT, Normal

if TYPE_CHECKING:
    from models.grid.distributions import Array

MOST: Final = 300
"""Studies of which each is left out; beyond it no single one matters."""
WIDE: Final = 10.0
"""Standard deviation of a prior of mu that says next to nothing, logit scale."""


def leave_one_out(frame: pd.DataFrame, settings: Settings, cluster: str | None) -> pd.DataFrame:
    """Leave out each study, or each cluster of them.

    Returns
    -------
    pandas.DataFrame
        ``left_out``, ``k``; ``typical_*``, ``average_*`` (not of clusters) and ``tau_*`` (median,
        lower, upper) of the others; the Freeman-Tukey pool ``ft_*`` of the others; of a single
        study its ``events``, ``expected`` events given the others, and ``p_value``: two-sided,
        mid-p, of its count.
    """
    unit = cluster or "study"
    units = list(dict.fromkeys(frame[unit]))
    if not 1 < len(units) <= MOST:
        return pd.DataFrame()
    rows = []
    for label in units:
        gone = frame[unit] == label
        others = frame[~gone].reset_index(drop=True)
        pool = exact_pool(others, settings, cluster)
        row: dict[str, Any] = {"left_out": label, "k": len(others)}
        row |= _numbers(pool, settings, average=cluster is None)
        row |= _freeman_tukey(others, settings)
        if cluster is None:
            study = frame[gone].iloc[0]
            row |= _surprise(pool, int(study["events"]), int(study["total"]))
        rows.append(row)
    return pd.DataFrame(rows)


def _surprise(others: Pool, events: int, total: int) -> dict[str, float]:
    """Return how a study's count agrees with what the others predict for it."""
    rates = others.new_study
    counts: Array = np.array([events - 1, events])
    below, up_to = rates.expect(binom.cdf(counts, total, rates.nodes[:, None]))
    middle = float(0.5 * (below + up_to))
    return {
        "events": events,
        "expected": total * rates.mean,
        "p_value": 2 * min(middle, 1 - middle),
    }


def cumulative(
    frame: pd.DataFrame, settings: Settings, order: str | None, cluster: str | None
) -> pd.DataFrame:
    """Add the studies one by one.

    Parameters
    ----------
    frame
        The studies.
    settings
        The settings.
    order
        Column of numbers to sort by, such as the year; None for the order of the file. Studies
        without a number come last.
    cluster
        As in `models.analyses.review.posterior.exact_pool`.

    Returns
    -------
    pandas.DataFrame
        ``added``, ``order`` (its value), ``k``, ``typical_*``, ``tau_*``, ``ft_*``.
    """
    if not 1 < len(frame) <= MOST:
        return pd.DataFrame()
    rows = []
    if order is None:
        ordered, values = frame, pd.Series(range(1, len(frame) + 1))
    else:
        values = pd.to_numeric(frame[order], errors="coerce").sort_values(kind="stable")
        ordered = frame.loc[values.index].reset_index(drop=True)
        values = values.reset_index(drop=True)
    for k in range(1, len(ordered) + 1):
        part = ordered.iloc[:k]
        pool = exact_pool(part, settings, cluster)
        row = {"added": part["study"].iloc[-1], "order": values[k - 1], "k": k}
        rows.append(row | _numbers(pool, settings, average=False) | _freeman_tukey(part, settings))
    return pd.DataFrame(rows)


def prior_sensitivity(frame: pd.DataFrame, settings: Settings, cluster: str | None) -> pd.DataFrame:
    """Pool under other priors.

    Returns
    -------
    pandas.DataFrame
        ``changed`` (mu, tau or nothing), ``prior`` in words, ``typical_*``, ``average_*``,
        ``new_study_*``, ``tau_*``; the average of no clusters. The first row has the priors of the
        analysis.
    """
    rows = []
    for changed, words, one in _scenarios(settings):
        pool = exact_pool(frame, one, cluster)
        row: dict[str, Any] = {"changed": changed, "prior": words}
        row |= _numbers(pool, one, average=cluster is None)
        rows.append(row | _named("new_study", numbers(pool.new_study, one)))
    return pd.DataFrame(rows)


def _scenarios(settings: Settings) -> Iterator[tuple[str, str, Settings]]:
    yield "", "as set", settings
    for sd in (1.0, 3.0, WIDE):
        mu = Normal(settings.mu.mean, sd)
        if mu != settings.mu:
            yield "mu", describe(mu), replace(settings, mu=mu)
    for tau in (
        HalfNormal(0.5),
        HalfNormal(1.0),
        HalfNormal(2.0),
        HalfT(1.0, 3.0),
        HalfT(0.5, 1.0),
    ):
        if tau != settings.tau:
            yield "tau", describe(tau), replace(settings, tau=tau)


def _numbers(pool: Pool, settings: Settings, *, average: bool = True) -> dict[str, float]:
    found = _named("typical", numbers(pool.typical, settings))
    if average:
        found |= _named("average", numbers(pool.average, settings))
    return found | _named("tau", numbers(pool.tau, settings))


def _named(name: str, parts: dict[str, float]) -> dict[str, float]:
    return {f"{name}_{part}": value for part, value in parts.items()}


def _freeman_tukey(frame: pd.DataFrame, settings: Settings) -> dict[str, float]:
    pool = freeman_tukey_pool(frame["events"], frame["total"], ci_prob=settings.level)
    return {"ft_estimate": pool.estimate, "ft_lower": pool.lower, "ft_upper": pool.upper}
