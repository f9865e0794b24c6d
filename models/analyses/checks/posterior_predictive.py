"""Posterior predictive checks with statistics that this data can fail.

Two kinds of replicates, and every number says which:

same studies
    New counts of the 38 arms given their own rates. They have seen the data they are compared
    with, so they hardly ever fail: they show whether the binomial part is sound.
new effects
    New study effects from the fitted distribution, then new counts (the mixed predictive of
    Marshall and Spiegelhalter 2003, Stat Med 22:1649). They test whether the studies look like
    draws from one population, and can fail.
"""

from collections.abc import Callable, Mapping
from typing import Final

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray
from scipy.special import expit

from models.analyses.groups.claims import MONO

type Array = NDArray[np.float64]
type Statistic = Callable[[Array, Array], Array]

SAME, NEW = "same studies", "new effects"
ASPS: Final = "ASPS"
TAIL: Final = 0.025
"""A statistic is noted where one tail of the replicates beyond it holds less than this: the two
tails together 5 %."""


def zero_arms(x: Array, n: Array) -> Array:
    """Return the number of arms without a responder."""
    return np.asarray((x == 0).sum(axis=-1), dtype=np.float64)


def highest_rate(x: Array, n: Array) -> Array:
    """Return the highest observed rate."""
    return np.asarray((x / n).max(axis=-1))


def spread(x: Array, n: Array) -> Array:
    """Return the standard deviation of the observed rates (0 for a single arm)."""
    return np.asarray((x / n).std(axis=-1))


def crude_rate(x: Array, n: Array) -> Array:
    """Return the responders of all arms over their patients."""
    return np.asarray(x.sum(axis=-1) / n.sum(axis=-1))


STATISTICS: Final[Mapping[str, Statistic]] = {
    "arms with no responder": zero_arms,
    "highest observed rate": highest_rate,
    "standard deviation of observed rates": spread,
    "crude rate": crude_rate,
}


def study_logit_means(posterior: xr.Dataset, review: pd.DataFrame) -> Array:
    """Return the logit about which each study's effect varies, shape ``(draws, k)``."""
    mu = posterior["mu"].values.reshape(-1, 1)
    if "group_effect" not in posterior:
        return np.broadcast_to(mu, (mu.size, len(review)))
    label = xr.DataArray(review["group"].astype(str).to_numpy(), dims="study")
    effect = posterior["group_effect"].sel(group=label).transpose("chain", "draw", "study")
    shift = posterior["sigma_group"].values.reshape(-1, 1)
    return np.asarray(mu + shift * effect.values.reshape(mu.size, -1))


def replicate(posterior: xr.Dataset, review: pd.DataFrame, kind: str, seed: int) -> Array:
    """Return replicated counts, shape ``(draws, k)``.

    Parameters
    ----------
    posterior
        Draws of the pooled or the subgroup model with ``study_rate``.
    review
        ``study``, ``total`` and, for the subgroup model, ``group``.
    kind
        ``SAME`` or ``NEW``.
    seed
        Of the replicates.
    """
    rng = np.random.default_rng(seed)
    total = review["total"].to_numpy()
    if kind == SAME:
        rate = posterior["study_rate"].sel(study=review["study"].astype(str).to_numpy())
        rates = rate.transpose("chain", "draw", "study").values.reshape(-1, total.size)
    else:
        mean = study_logit_means(posterior, review)
        tau = posterior["tau"].values.reshape(-1, 1)
        rates = expit(mean + tau * rng.standard_normal(mean.shape))
    return np.asarray(rng.binomial(total, rates), dtype=np.float64)


def _row(statistic: str, part: str, observed: float, replicates: Array) -> dict[str, object]:
    above = float((replicates > observed).mean())
    equal = float((replicates == observed).mean())
    p_high, p_low = above + equal, 1 - above
    return {
        "statistic": statistic,
        "part": part,
        "observed": observed,
        "median": float(np.median(replicates)),
        "lower": float(np.quantile(replicates, 0.025)),
        "upper": float(np.quantile(replicates, 0.975)),
        "p_at_least": p_high,
        "p_at_most": p_low,
        "p_mid": above + equal / 2,
        "noted": min(p_high, p_low) < TAIL,
    }


def predictive_table(
    posterior: xr.Dataset, review: pd.DataFrame, model: str, seed: int
) -> pd.DataFrame:
    """Compare observed statistics with both kinds of replicates, for all arms and by treatment.

    Parameters
    ----------
    posterior
        Draws of the pooled or the subgroup model.
    review
        Arms with ``study``, ``events``, ``total``, ``treatment``, ``single_histology`` and, for
        the subgroup model, ``group``.
    model
        What the model is called in the table.
    seed
        Of the replicates.

    Returns
    -------
    pandas.DataFrame
        ``model``, ``replicates``, ``statistic``, ``part``, ``observed``, ``median``, ``lower``,
        ``upper`` (central 95 % of the replicates), ``p_at_least``, ``p_at_most``, ``p_mid`` and
        ``noted``. The ASPS rows compare the crude rate of the arms that enrolled ASPS only with
        that of the other monotherapy arms.
    """
    total = review["total"].to_numpy(dtype=np.float64)
    events = review["events"].to_numpy(dtype=np.float64)
    mono = (review["treatment"] == MONO).to_numpy()
    asps = mono & (review["single_histology"] == ASPS).fillna(False).to_numpy(dtype=bool)
    rows = []
    for kind in (SAME, NEW):
        counts = replicate(posterior, review, kind, seed)
        for part in ("all arms", *dict.fromkeys(review["treatment"])):
            inside = np.ones(total.size, bool)
            if part != "all arms":
                inside = (review["treatment"] == part).to_numpy()
            for name, statistic in STATISTICS.items():
                observed = float(statistic(events[inside], total[inside]))
                replicates = statistic(counts[:, inside], total[inside])
                rows.append({"replicates": kind, **_row(name, part, observed, replicates)})

        def difference(x: Array) -> Array:
            return crude_rate(x[..., asps], total[asps]) - crude_rate(
                x[..., mono & ~asps], total[mono & ~asps]
            )

        name = "crude rate of ASPS-only arms less that of the others"
        part = f"{MONO}, {int(asps.sum())} ASPS-only arms"
        row = _row(name, part, float(difference(events)), difference(counts))
        rows.append({"replicates": kind, **row})
    table = pd.DataFrame(rows)
    table.insert(0, "model", model)
    return table
