"""Groups of a review: rates, every contrast, ranks, and what the prior of their spread does."""

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from models.analyses.review.posterior import Average, Rate, Scale, numbers
from models.analyses.review.settings import Settings, describe
from models.estimands.contrasts import group_pairs
from models.fitting.gate import Gate
from models.frequentist.freeman_tukey import between_groups, freeman_tukey_pool
from models.grid import HalfNormal, SubgroupPosterior, fit_subgroup
from models.grid.fits import fit_unpooled

if TYPE_CHECKING:
    from models.grid.distributions import Array

SPREADS: Final = (0.25, 0.5, 1.0, 2.0)
"""Scales of half-normal priors of sigma that contrasts are shown under."""


@dataclass(frozen=True, eq=False)
class Groups:
    """A review by groups, whose typical rates are partially pooled.

    Attributes
    ----------
    by
        Column of the groups.
    table
        One row a group: ``group``, ``k``, ``events``, ``total``, ``crude``; ``typical_*``,
        ``average_*``, ``new_study_*`` (median, lower, upper); ``shrinkage`` of the average rate;
        ``p_above_T`` for every threshold (typical rate); ``p_highest`` and ``p_lowest``;
        ``mean_rank`` (1 is the highest rate); the Freeman-Tukey pool ``ft_*`` with its method.
    contrasts
        One row a pair, ``a`` against ``b``: ``risk_difference_*``, ``risk_ratio_*``,
        ``odds_ratio_*`` of typical rates, ``p_higher``, ``p_beyond`` and ``p_within`` the
        margin, ``p_higher_unpooled`` with group means that share nothing.
    sensitivity
        Odds ratio and ``p_higher`` of every pair under other priors of sigma.
    sigma, tau
        Median and interval, logit scale.
    ft_between
        Published test between groups: ``q``, ``df``, ``p``; None for a single group.
    log_bayes_factor
        Of groups against one population, on the same studies.
    gate
        The verdict on the computation.
    """

    by: str
    table: pd.DataFrame
    contrasts: pd.DataFrame
    sensitivity: pd.DataFrame
    sigma: dict[str, float]
    tau: dict[str, float]
    ft_between: dict[str, float] | None
    log_bayes_factor: float
    gate: Gate


def analyse(frame: pd.DataFrame, by: str, settings: Settings, log_pooled: float) -> Groups:
    """Analyse a review by groups.

    Parameters
    ----------
    frame
        The studies, with the categorical ``group``.
    by
        What the groups are.
    settings
        The settings.
    log_pooled
        Log marginal likelihood of the same studies as one population.
    """
    posterior = _fit(frame, settings)
    gate = Gate.of_quadrature(posterior.quadrature_error)
    draws = posterior.draws(4 * settings.draws, settings.seed)
    labels = list(posterior.group)
    pools = [_freeman_tukey(frame[frame["group"] == label], settings) for label in labels]
    pairs = group_pairs(labels)
    test = between_groups([pool for pool, _ in pools]) if len(labels) > 1 else None
    return Groups(
        by,
        _table(frame, posterior, draws.typical_rate, [row for _, row in pools], settings),
        _contrasts(frame, posterior, draws.typical_rate, pairs, settings),
        _sensitivity(frame, pairs, settings),
        numbers(Scale(posterior.sigma_group), settings),
        numbers(Scale(posterior.tau), settings),
        None if test is None else {"q": test.q, "df": test.df, "p": test.p},
        posterior.log_marginal_likelihood - log_pooled,
        gate,
    )


def _fit(frame: pd.DataFrame, settings: Settings) -> SubgroupPosterior:
    return fit_subgroup(
        frame["events"].to_numpy(),
        frame["total"].to_numpy(),
        frame["group"].astype(str).tolist(),
        study=list(frame["study"]),
        groups=[str(label) for label in frame["group"].cat.categories],
        mu_mean=settings.mu.mean,
        mu_sd=settings.mu.sd,
        sigma_prior=settings.sigma,
        tau_prior=settings.tau,
    )


def _freeman_tukey(part: pd.DataFrame, settings: Settings) -> tuple[Any, dict[str, Any]]:
    pool = freeman_tukey_pool(part["events"], part["total"], ci_prob=settings.level)
    names = ("estimate", "lower", "upper", "i2", "method")
    return pool, {f"ft_{name}": getattr(pool, name) for name in names}


def _table(
    frame: pd.DataFrame,
    posterior: SubgroupPosterior,
    rates: "Array",
    pools: list[dict[str, Any]],
    settings: Settings,
) -> pd.DataFrame:
    shrinkage = posterior.group_shrinkage()
    ranks = (-rates).argsort(axis=1).argsort(axis=1) + 1
    rows = []
    for place, label in enumerate(posterior.group):
        part = frame[frame["group"] == label]
        events, total = int(part["events"].sum()), int(part["total"].sum())
        typical = Rate(posterior.groups, place)
        row: dict[str, Any] = {"group": label, "k": len(part), "events": events, "total": total}
        row["crude"] = events / total
        for name, marginal in (
            ("typical", typical),
            ("average", Average(partial(posterior.average_rates.__getitem__, place))),
            ("new_study", Rate(posterior.new_study, place)),
        ):
            row |= {f"{name}_{part}": x for part, x in numbers(marginal, settings).items()}
        row["shrinkage"] = float(shrinkage[place])
        row |= {f"p_above_{100 * t:g}": typical.above(t) for t in settings.thresholds}
        row["p_highest"] = float((ranks[:, place] == 1).mean())
        row["p_lowest"] = float((ranks[:, place] == len(posterior.group)).mean())
        row["mean_rank"] = float(ranks[:, place].mean())
        rows.append(row | pools[place])
    return pd.DataFrame(rows)


def _contrasts(
    frame: pd.DataFrame,
    posterior: SubgroupPosterior,
    rates: "Array",
    pairs: list[tuple[str, str]],
    settings: Settings,
) -> pd.DataFrame:
    if not pairs:
        return pd.DataFrame()
    order = {label: place for place, label in enumerate(posterior.group)}
    unpooled = fit_unpooled(
        posterior.events,
        posterior.total,
        frame["group"].astype(str).tolist(),
        groups=list(posterior.group),
        mu_mean=settings.mu.mean,
        mu_sd=settings.mu.sd,
        tau_scale=settings.tau.scale if isinstance(settings.tau, HalfNormal) else 1.0,
    ).prob_greater()
    rows = []
    for a, b in pairs:
        i, j = order[a], order[b]
        difference = rates[:, i] - rates[:, j]
        row: dict[str, Any] = {"a": a, "b": b, **_scales(rates[:, i], rates[:, j], settings)}
        sign = 1.0 if row["risk_difference_median"] >= 0 else -1.0
        row["p_higher"] = float((difference > 0).mean())
        row["p_beyond"] = float((sign * difference > settings.margin).mean())
        row["p_within"] = float((np.abs(difference) <= settings.margin).mean())
        row["p_higher_unpooled"] = float(unpooled[i, j])
        rows.append(row)
    return pd.DataFrame(rows)


def _scales(a: "Array", b: "Array", settings: Settings) -> dict[str, float]:
    """Return median and interval of the contrasts of two rates, given by draws."""
    probs = (0.5, *settings.tails)
    log_ratio = np.log(a) - np.log(b)
    found: dict[str, float] = {}
    for name, values in (
        ("risk_difference", np.quantile(a - b, probs)),
        ("risk_ratio", np.exp(np.quantile(log_ratio, probs))),
        ("odds_ratio", np.exp(np.quantile(log_ratio - np.log1p(-a) + np.log1p(-b), probs))),
    ):
        parts = zip(("median", "lower", "upper"), values, strict=True)
        found |= {f"{name}_{part}": float(value) for part, value in parts}
    return found


def _sensitivity(
    frame: pd.DataFrame, pairs: list[tuple[str, str]], settings: Settings
) -> pd.DataFrame:
    """Return every pair under half-normal priors of sigma from narrow to wide."""
    rows = []
    for scale in SPREADS if pairs else ():
        changed = replace(settings, sigma=HalfNormal(scale))
        posterior = _fit(frame, changed)
        rates = posterior.draws(settings.draws, settings.seed).typical_rate
        place = {label: i for i, label in enumerate(posterior.group)}
        for a, b in pairs:
            one, other = rates[:, place[a]], rates[:, place[b]]
            ratio = _scales(one, other, settings)
            row: dict[str, Any] = {"a": a, "b": b, "sigma": describe(changed.sigma)}
            row |= {key: x for key, x in ratio.items() if key.startswith("odds_ratio")}
            rows.append(row | {"p_higher": float((one > other).mean())})
    return pd.DataFrame(rows)
