"""Results of the subtype models: every number that tables, figures and JSON show of a stratum."""

import math
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from models.analyses.pools.summary import moments
from models.estimands.contrasts import THRESHOLDS, rank_probabilities, threshold_table
from models.estimands.rates import shrinkage, summarise
from models.fitting.fit import Fit
from models.frequentist.freeman_tukey import exact_interval
from models.grid import TreePosterior
from models.grid import shrinkage as shrinkage_of_each
from models.reviews.strata import cell_table, family_totals

EXCHANGEABLE, EXNEX, BY_TREATMENT = "exchangeable", "exnex", "by-treatment"
"""The subtype models, as the command line names them."""
OWN_MIX, EQUAL_MIX = "own", "equal weights"
TOP: Final = 3
"""Ranks that count as the top."""
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


@dataclass(frozen=True)
class SubtypeResults:
    """What the three models say of the paper's subtypes.

    Attributes
    ----------
    results
        One result a model, and the subtype by treatment model at equal weights of the treatment
        groups; by model and treatment mix (empty where treatment is not modelled).
    cells
        Rates of all combinations of subtype and treatment, predictions marked.
    fits
        The three fits by model.
    """

    results: dict[tuple[str, str], SubtypeResult]
    cells: pd.DataFrame
    fits: dict[str, Fit]

    @property
    def passed(self) -> bool:
        """Whether all three fits passed the gate."""
        return all(fit.gate.passed for fit in self.fits.values())


def borrowed_information[Numbers: (float, NDArray[np.float64])](
    mean: Numbers, sd: Numbers, total: Numbers
) -> Numbers:
    """Return the information on a rate beyond its own patients, in patients.

    A beta distribution with this mean and standard deviation has the information of
    ``mean (1 - mean) / sd**2 - 1`` patients; what exceeds the stratum's own was borrowed from the
    others and the prior. Negative where the posterior is wider than its patients alone would make
    it, as with a mixture of two readings.
    """
    return mean * (1 - mean) / sd**2 - 1 - total


def summarise_subtypes(
    model: str, fit: Fit, strata: pd.DataFrame, predictions: dict[str, float]
) -> SubtypeResult:
    """Summarise a fit of one of the subtype models, sampled or exact.

    Parameters
    ----------
    model
        Its name.
    fit
        With the estimands of `models.estimands.subtypes`. Of an exact fit single estimands come
        from the quadrature; ranks, and of families what is not a mean, from its draws.
    strata
        The strata fitted.
    predictions
        Predictive mean by label of stratum and family, given the others
        (`models.estimands.predictions`).
    """
    posterior = fit.posterior
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
    result = SubtypeResult(
        model=model,
        strata=table,
        families=families,
        parameters={name: _moments(posterior[name]) for name in scalars},
    )
    return result if fit.exact is None else _exactly(result, fit.exact)


def _exactly(result: SubtypeResult, exact: TreePosterior) -> SubtypeResult:
    """Replace what was summarised from draws by the quadrature's numbers."""
    rates = exact.units.rate_summary()
    columns: dict[str, object] = {
        name: getattr(rates, name) for name in ("mean", "sd", "median", "lower", "upper")
    }
    columns["shrinkage"] = exact.shrinkage()
    columns["borrowed"] = borrowed_information(rates.mean, rates.sd, exact.total)
    for threshold in THRESHOLDS:
        columns[f"p_above_{100 * threshold:.0f}"] = exact.units.prob_rate_above(threshold)
    parameters = {"mu": moments(exact.mu.summary()), "tau": moments(exact.sigma.summary())}
    if exact.sigma_child is not None:
        parameters["tau_child"] = moments(exact.sigma_child.summary())
    return replace(
        result,
        strata=result.strata.assign(**columns),
        families=_exact_families(result.families, exact),
        parameters=parameters,
    )


def _exact_families(table: pd.DataFrame, exact: TreePosterior) -> pd.DataFrame:
    """Give each family its exact mean rate: the patient-weighted mean of its strata's."""
    if table.empty:
        return table
    codes, size = exact.family_of, len(exact.family)
    nested = codes >= 0
    patients = exact.total[nested]
    weighted = np.bincount(codes[nested], patients * exact.units.rate_mean[nested], size)
    mean = weighted / np.bincount(codes[nested], patients, size)
    raw, others = table["raw"].to_numpy(), table["prediction"].to_numpy()
    return table.assign(
        mean=mean,
        shrinkage=shrinkage_of_each(mean, raw, others),
        borrowed=borrowed_information(mean, table["sd"].to_numpy(), table["total"].to_numpy()),
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
        model=BY_TREATMENT,
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
