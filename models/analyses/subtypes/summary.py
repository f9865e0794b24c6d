"""Results of the subtype models: every number that tables, figures and JSON show of a stratum."""

import math
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
import xarray as xr

from models.common.constants import INTERVAL_PROBS
from models.estimands.contrasts import rank_probabilities, threshold_table
from models.estimands.rates import shrinkage, summarise
from models.frequentist.freeman_tukey import exact_interval
from models.priors import Priors
from models.reviews.strata import cell_table, family_totals

TOP: Final = 3
"""Ranks that count as the top."""
VASCULAR: Final = ("AS", "EAS", "EHE")
"""Angiosarcoma, its epithelioid variant, and epithelioid haemangioendothelioma."""
SCALARS: Final = ("mu", "tau", "tau_child", "sigma_treatment", "sigma_interaction")
"""Parameters of the three models that have no dimension, logit scale."""


@dataclass(frozen=True)
class SubtypeResult:
    """Posterior of all strata under one model; every interval is 95 % equal-tailed.

    Attributes
    ----------
    model
        ``exchangeable``, ``exnex`` or ``by-treatment``.
    strata
        One row a stratum: ``stratum``, ``events``, ``total``, ``raw`` (proportion) with its exact
        interval ``exact_lower``, ``exact_upper``; ``mean``, ``sd``, ``median``, ``lower``,
        ``upper`` of its rate; ``prediction`` (predictive mean given the other strata),
        ``shrinkage`` (see `models.estimands.rates.shrinkage`), ``borrowed`` (patients, see
        `borrowed_information`), ``p_above_10``, ``p_above_20``, ``p_above_30``,
        ``expected_rank`` (1 is the highest rate), ``p_top_three``, and for EXNEX
        ``p_exchangeable``.
    families
        The same for the families, patient-weighted means of their strata, without ranks.
    parameters
        ``mean``, ``sd``, ``median``, ``lower``, ``upper`` of each parameter in ``SCALARS`` that the
        model has, logit scale.
    """

    model: str
    strata: pd.DataFrame
    families: pd.DataFrame
    parameters: dict[str, dict[str, float]]

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON output without diagnostics; what does not exist is None."""
        return {
            "model": self.model,
            "strata": as_records(self.strata),
            "families": as_records(self.families),
            **self.parameters,
        }


def borrowed_information(mean: float, sd: float, total: int) -> float:
    """Return the information on a rate beyond its own patients, in patients.

    A beta distribution with this mean and standard deviation has the information of
    ``mean (1 - mean) / sd**2 - 1`` patients; what exceeds the stratum's own was borrowed from the
    others and the prior. Negative where the posterior is wider than its patients alone would make
    it, as with a mixture of two readings.
    """
    return mean * (1 - mean) / sd**2 - 1 - total


def summarise_subtypes(
    model: str, posterior: xr.Dataset, strata: pd.DataFrame, predictions: dict[str, float]
) -> SubtypeResult:
    """Summarise the draws of one of the subtype models.

    Parameters
    ----------
    model
        Its name.
    posterior
        Draws with the estimands of `models.estimands.subtypes`.
    strata
        The strata fitted.
    predictions
        Predictive mean by label of stratum and family, given the others
        (`models.estimands.predictions`).
    """
    rates = posterior["stratum_rate"]
    table = _summary_rows(strata, rates, "stratum", predictions)
    table = pd.concat([table, rank_columns(rates)], axis=1)
    if "p_exchangeable" in posterior:
        table["p_exchangeable"] = posterior["p_exchangeable"].mean(("chain", "draw")).values
    families = _family_rows(posterior, "family_rate", strata, predictions)
    scalars = [name for name in SCALARS if name in posterior]
    if families.empty:
        # without a family its standard deviation has nothing but the prior
        scalars = [name for name in scalars if name != "tau_child"]
    return SubtypeResult(
        model=model,
        strata=table,
        families=families,
        parameters={name: _moments(posterior[name]) for name in scalars},
    )


def rank_columns(rates: xr.DataArray) -> pd.DataFrame:
    """Return ``expected_rank`` and ``p_top_three`` of each stratum; rank 1 is the highest rate."""
    ranks = rank_probabilities(rates.rename(stratum="group"), higher_is_better=True)
    positions = np.asarray(ranks.columns, dtype=np.float64)
    return pd.DataFrame(
        {
            "expected_rank": ranks.to_numpy() @ positions,
            "p_top_three": ranks.to_numpy()[:, :TOP].sum(axis=1),
        }
    )


def equal_mix(posterior: xr.Dataset, strata: pd.DataFrame) -> SubtypeResult:
    """Summarise the subtype by treatment model at equal weights of the treatment groups.

    The raw rate belongs to the stratum's own mix, so there is no shrinkage; ``borrowed`` still
    counts beyond the stratum's patients.
    """
    rates = posterior["equal_mix_rate"]
    table = _summary_rows(strata, rates, "stratum", {})
    return SubtypeResult(
        model="by-treatment",
        strata=pd.concat([table, rank_columns(rates)], axis=1),
        families=_family_rows(posterior, "equal_mix_family_rate", strata, {}),
        parameters={},
    )


def summarise_cells(posterior: xr.Dataset, cells: pd.DataFrame) -> pd.DataFrame:
    """Summarise the rates of all combinations of stratum and treatment.

    Parameters
    ----------
    posterior
        Draws of ``cell_rate``.
    cells
        The cells fitted.

    Returns
    -------
    pandas.DataFrame
        One row a combination: ``stratum``, ``treatment``, ``events``, ``total``, ``raw``,
        ``exact_lower``, ``exact_upper`` (NaN without patients), ``mean``, ``sd``, ``median``,
        ``lower``, ``upper``, ``basis`` (``estimate`` where there are patients, ``prediction`` where
        there are none), ``p_above_10``, ``p_above_20``, ``p_above_30``.
    """
    events, total = cell_table(cells, "events"), cell_table(cells, "total")
    records = []
    for stratum in events.index:
        for treatment in events.columns:
            x, n = int(events.loc[stratum, treatment]), int(total.loc[stratum, treatment])
            draws = posterior["cell_rate"].sel(stratum=stratum, treatment=treatment)
            raw = lower = upper = math.nan
            if n:
                raw, (low, high) = x / n, exact_interval([x], [n])
                lower, upper = float(low[0]), float(high[0])
            records.append(
                {
                    "stratum": stratum,
                    "treatment": treatment,
                    "events": x,
                    "total": n,
                    "raw": raw,
                    "exact_lower": lower,
                    "exact_upper": upper,
                    **_moments(draws),
                    "basis": "estimate" if n else "prediction",
                }
            )
    flat = posterior["cell_rate"].stack(group=("stratum", "treatment"))
    thresholds = threshold_table(flat.reset_index("group").assign_coords(group=range(len(records))))
    return pd.concat([pd.DataFrame(records), thresholds.reset_index(drop=True)], axis=1)


def _family_rows(
    posterior: xr.Dataset, name: str, strata: pd.DataFrame, predictions: dict[str, float]
) -> pd.DataFrame:
    """Summarise the rates of the families; an empty frame without any."""
    totals = family_totals(strata)
    if totals.empty:
        return pd.DataFrame()
    return _summary_rows(totals, posterior[name], "family", predictions)


def _summary_rows(
    units: pd.DataFrame, rates: xr.DataArray, dim: str, predictions: dict[str, float]
) -> pd.DataFrame:
    """Summarise the rates of strata or families."""
    exact_lower, exact_upper = exact_interval(units["events"], units["total"])
    records = []
    for i, unit in enumerate(units.itertuples()):
        draws = rates.sel({dim: unit.stratum})
        moments = _moments(draws)
        raw = unit.events / unit.total
        prediction = predictions.get(str(unit.stratum), math.nan)
        shrunk = None if math.isnan(prediction) else shrinkage(moments["mean"], raw, prediction)
        records.append(
            {
                "stratum": str(unit.stratum),
                "events": int(unit.events),
                "total": int(unit.total),
                "raw": raw,
                "exact_lower": float(exact_lower[i]),
                "exact_upper": float(exact_upper[i]),
                **moments,
                "prediction": prediction,
                "shrinkage": math.nan if shrunk is None else shrunk,
                "borrowed": borrowed_information(moments["mean"], moments["sd"], int(unit.total)),
            }
        )
    thresholds = threshold_table(rates.rename({dim: "group"}).sel(group=list(units["stratum"])))
    return pd.concat([pd.DataFrame(records), thresholds.reset_index(drop=True)], axis=1)


def _moments(draws: xr.DataArray) -> dict[str, float]:
    return {"mean": float(draws.mean()), "sd": float(draws.std(ddof=1)), **summarise(draws)}


def as_records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Return rows as plain Python values, NaN as None."""
    return [
        {key: None if _missing(value) else _plain(value) for key, value in row.items()}
        for row in frame.to_dict("records")
    ]


def _missing(value: object) -> bool:
    return isinstance(value, float) and math.isnan(value)


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def histology_sensitivity(strata: pd.DataFrame, priors: Priors) -> pd.DataFrame:
    """Show what joining angiosarcoma (AS) and its epithelioid variant (EAS) changes.

    Three readings of the vascular sarcomas under the subtype model, each by the exact grid: the
    strata as the paper prints them; EAS counted as AS; AS, EAS and EHE as members of a family of
    their own beside the liposarcomas.

    Parameters
    ----------
    strata
        The paper's 24 strata.
    priors
        Prior settings.

    Returns
    -------
    pandas.DataFrame
        ``reading``, ``stratum`` (AS, EAS, EHE), ``events``, ``total``, ``median``,
        ``lower``, ``upper``; and ``tau``, the posterior mean of the standard deviation between
        strata in that reading.
    """
    from models.grid.fits import fit_tree

    apart = strata[["stratum", "events", "total", "parent"]]
    variant = apart["stratum"] == "EAS"
    joined = apart[~variant].reset_index(drop=True)
    counts = ["events", "total"]
    joined.loc[joined["stratum"] == "AS", counts] += apart.loc[variant, counts].to_numpy()[0]
    family = apart.copy()
    family.loc[family["stratum"].isin(VASCULAR), "parent"] = "vascular"
    records = []
    for reading, frame in (
        ("apart, as printed", apart),
        ("EAS counted as AS", joined),
        ("AS, EAS and EHE one family", family),
    ):
        parents = [None if pd.isna(label) else str(label) for label in frame["parent"]]
        fit = fit_tree(
            frame["events"].to_numpy(),
            frame["total"].to_numpy(),
            parents,
            unit=list(frame["stratum"]),
            mu_mean=priors.mu_mean,
            mu_sd=priors.mu_sd,
            sigma_scale=priors.tau_scale,
            sigma_child_scale=priors.tau_scale,
        )
        quantiles = [fit.units.rate_quantile(p) for p in (0.5, *INTERVAL_PROBS)]
        for i, row in enumerate(frame.itertuples()):
            if row.stratum in VASCULAR:
                records.append(
                    {
                        "reading": reading,
                        "stratum": row.stratum,
                        "events": row.events,
                        "total": row.total,
                        **{
                            name: float(values[i])
                            for name, values in zip(
                                ("median", "lower", "upper"), quantiles, strict=True
                            )
                        },
                        "tau": fit.sigma.mean,
                    }
                )
    return pd.DataFrame(records)
