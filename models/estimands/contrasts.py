"""Contrasts, ranks and thresholds of groups: functions of joint draws.

Every pair of groups once, ``a`` v. ``b``, on three scales and for two rates. None of these
contrasts is randomised unless the arms are: they compare arms of different trials.
"""

from collections.abc import Sequence
from itertools import combinations
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from models.common.constants import INTERVAL_PROBS

if TYPE_CHECKING:
    import xarray as xr

SCALES: Final = ("risk_difference", "risk_ratio", "odds_ratio")
RATES: Final = {"typical": "typical_rate", "average": "average_rate"}
THRESHOLDS: Final = (0.10, 0.20, 0.30)
DEFAULT_MARGIN: Final = 0.10
NOT_RANDOMISED: Final = (
    "Arms of different trials are compared here; none of these contrasts is randomised, and "
    "differences between trials (histology, line, years, response criteria) are part of them."
)


def pair_label(a: str, b: str) -> str:
    """Return the label of a contrast."""
    return f"{a} v. {b}"


def group_pairs(groups: Sequence[str]) -> list[tuple[str, str]]:
    """Return every pair once, ``(a, b)`` with ``b`` the earlier group (the reference)."""
    return [(later, earlier) for earlier, later in combinations(groups, 2)]


def contrast_draws(posterior: "xr.Dataset") -> "xr.Dataset":
    """Return every contrast draw by draw.

    Parameters
    ----------
    posterior
        ``typical_rate`` and ``average_rate`` (chain, draw, group), probability scale.

    Returns
    -------
    xarray.Dataset
        ``risk_difference`` (a - b), ``log_risk_ratio`` and ``log_odds_ratio`` (a / b), dims
        chain, draw, rate, contrast, in the order of ``group_pairs``. Empty for a single group.
    """
    # Only here: the names above are asked for where no draws are.
    import xarray as xr

    pairs = group_pairs([str(g) for g in posterior["group"].values])
    rates = xr.concat(
        [posterior[name] for name in RATES.values()], dim=pd.Index(list(RATES), name="rate")
    )
    coords = {"contrast": [pair_label(a, b) for a, b in pairs]}
    if not pairs:
        return xr.Dataset()
    rate_a = rates.sel(group=xr.DataArray([a for a, _ in pairs], dims="contrast"))
    rate_b = rates.sel(group=xr.DataArray([b for _, b in pairs], dims="contrast"))
    rate_a, rate_b = rate_a.drop_vars("group"), rate_b.drop_vars("group")
    log_ratio = np.log(rate_a) - np.log(rate_b)
    return (
        xr.Dataset(
            {
                "risk_difference": rate_a - rate_b,
                "log_risk_ratio": log_ratio,
                "log_odds_ratio": log_ratio - np.log1p(-rate_a) + np.log1p(-rate_b),
            }
        )
        .assign_coords(coords)
        .transpose("chain", "draw", "rate", "contrast")
    )


def contrast_table(draws: "xr.Dataset", margin: float = DEFAULT_MARGIN) -> pd.DataFrame:
    """Summarise contrasts.

    Parameters
    ----------
    draws
        A posterior that holds the variables of ``contrast_draws`` and the groups.
    margin
        Margin on the risk difference, as a proportion.

    Returns
    -------
    pandas.DataFrame
        ``a``, ``b``, ``scale``, ``estimand`` (typical or average), ``median``, ``lower``,
        ``upper`` (95 % equal-tailed), ``p_superior`` = P(rate a > rate b), the same on every
        scale; ``p_margin`` = P(|risk difference| > margin in the median's direction) and
        ``p_within`` = P(|risk difference| <= margin), both None on the ratio scales.
    """
    if "risk_difference" not in draws:
        return pd.DataFrame(
            columns=[
                *("a", "b", "scale", "estimand", "median", "lower", "upper"),
                *("p_superior", "p_margin", "p_within"),
            ]
        )
    rows = []
    probs = [INTERVAL_PROBS[0], 0.5, INTERVAL_PROBS[1]]
    for a, b in group_pairs([str(g) for g in draws["group"].values]):
        for rate in RATES:
            one = draws.sel(rate=rate, contrast=pair_label(a, b))
            difference = one["risk_difference"].values.ravel()
            p_superior = float((difference > 0).mean())
            for scale in SCALES:
                p_margin: float | None = None
                p_within: float | None = None
                if scale == "risk_difference":
                    lower, median, upper = np.quantile(difference, probs)
                    sign = 1.0 if median >= 0 else -1.0
                    p_margin = float((sign * difference > margin).mean())
                    p_within = float((np.abs(difference) <= margin).mean())
                else:
                    values = one[f"log_{scale}"].values.ravel()
                    lower, median, upper = np.exp(np.quantile(values, probs))
                rows.append(
                    {
                        "a": a,
                        "b": b,
                        "scale": scale,
                        "estimand": rate,
                        "median": float(median),
                        "lower": float(lower),
                        "upper": float(upper),
                        "p_superior": p_superior,
                        "p_margin": p_margin,
                        "p_within": p_within,
                    }
                )
    return pd.DataFrame(rows)


def rank_probabilities(rates: "xr.DataArray", *, higher_is_better: bool) -> pd.DataFrame:
    """Return the probability of every rank for every group.

    Parameters
    ----------
    rates
        Draws (chain, draw, group).
    higher_is_better
        True for response and disease control, False for toxicity.

    Returns
    -------
    pandas.DataFrame
        Index ``group``, columns 1 (best) to the number of groups; rows and columns sum to one.
    """
    values = rates.transpose(..., "group").values.reshape(-1, rates.sizes["group"])
    order = -values if higher_is_better else values
    ranks = order.argsort(axis=1, kind="stable").argsort(axis=1) + 1
    n = values.shape[1]
    table = np.stack([(ranks == r).mean(axis=0) for r in range(1, n + 1)], axis=1)
    return pd.DataFrame(
        table,
        index=pd.Index([str(g) for g in rates["group"].values], name="group"),
        columns=range(1, n + 1),
    )


def rank_table(rates: "xr.DataArray", *, higher_is_better: bool) -> pd.DataFrame:
    """Return SUCRA and the probability of being best.

    SUCRA is the mean of the cumulative rank probabilities below the last rank (Salanti et al.
    2011, J Clin Epidemiol 64:163). It equals the P-score's Bayesian counterpart: the mean, over
    the other groups, of the probability of being better than each (Rücker and Schwarzer 2015,
    BMC Med Res Methodol 15:58). One half means no better than a random pick.

    Returns
    -------
    pandas.DataFrame
        ``group``, ``sucra``, ``p_best``; SUCRA of a single group is None.
    """
    table = rank_probabilities(rates, higher_is_better=higher_is_better)
    n = table.shape[1]
    cumulative = table.cumsum(axis=1).iloc[:, : n - 1]
    sucra = cumulative.mean(axis=1) if n > 1 else pd.Series(None, index=table.index, dtype=object)
    return pd.DataFrame(
        {"group": table.index, "sucra": sucra.to_numpy(), "p_best": table[1].to_numpy()}
    )


def threshold_table(rates: "xr.DataArray") -> pd.DataFrame:
    """Return P(rate > 10, 20, 30 %) for every group."""
    values = rates.transpose(..., "group").values.reshape(-1, rates.sizes["group"])
    return pd.DataFrame(
        {f"p_above_{100 * t:.0f}": (values > t).mean(axis=0) for t in THRESHOLDS},
        index=pd.Index([str(g) for g in rates["group"].values], name="group"),
    )
