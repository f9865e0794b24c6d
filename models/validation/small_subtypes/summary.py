"""Bias, error, coverage and width of every method in the simulation of subtypes."""

from collections.abc import Sequence
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from models.validation.small_subtypes.replicate import FAILED, FITTED, METHODS, NOT_APPLICABLE

type FloatArray = NDArray[np.float64]

SIZES: Final = ((1, 9), (10, 29), (30, 99), (100, None))
"""Classes of subtypes by patients; the row LPS is shown by itself."""
LPS_ROW: Final = "LPS (row)"
METHOD_WORDS: Final = {
    "ft_published": "FT as published",
    "ft_arms": "FT over arms",
    "crude": "crude, exact",
    "glmm": "GLMM",
    "exchangeable": "exchangeable",
    "exnex": "EXNEX",
}
_ROUNDING: Final = 1e-9
_MOMENTS: Final = ["error", "squared", "mean_error", "mean_squared", "covered", "width"]


def size_class(unit: str, total: int) -> str:
    """Return the class of a unit by its patients, as text."""
    if unit == "LPS":
        return LPS_ROW
    for low, high in SIZES:
        if high is None or total <= high:
            return f"≥ {low}" if high is None else f"{low}-{high}"
    raise AssertionError("the last class is open")


def summarise_simulation(
    results: pd.DataFrame, totals: dict[str, int], scenarios: Sequence[str]
) -> pd.DataFrame:
    """Summarise all replicates by scenario, unit and method.

    Parameters
    ----------
    results
        Rows of `models.validation.small_subtypes.replicate.run_replicates`.
    totals
        Patients of every unit.
    scenarios
        Names of the scenarios in the order wanted.

    Returns
    -------
    pandas.DataFrame
        ``scenario``, ``unit``, ``total``, ``size``, ``method``, ``true_rate`` (mean over the
        scenario's true rates), ``replicates``, ``fitted``, ``failed``, ``not_applicable`` (counts);
        over the replicates fitted, probability scale: ``bias`` (estimate minus true rate),
        ``bias_mcse``, ``rms_bias`` (root of the mean over the true rates of the squared bias at
        each, less its Monte Carlo variance: biases of opposite sign do not cancel), ``rmse``,
        ``crude_rmse`` (of the crude rate in the same replicates), ``mean_bias`` and ``mean_rmse``
        (of the posterior mean, where there is one), ``coverage`` and its ``coverage_mcse``,
        ``least_coverage`` (the lowest at any of the true rates), ``width``.
    """
    frame = results.assign(
        error=results["estimate"] - results["true_rate"],
        mean_error=results["mean"] - results["true_rate"],
        width=results["upper"] - results["lower"],
        covered=(
            (results["lower"] <= results["true_rate"] + _ROUNDING)
            & (results["upper"] >= results["true_rate"] - _ROUNDING)
        ).astype("float64"),
    )
    frame["squared"] = frame["error"] ** 2
    frame["mean_squared"] = frame["mean_error"] ** 2
    key = ["scenario", "unit", "method"]
    same = ["scenario", "unit", "replicate"]
    crude = frame.loc[frame["method"] == "crude", [*same, "squared"]]
    frame = frame.merge(crude.rename(columns={"squared": "crude_squared"}), on=same)
    status = frame.groupby(key)["status"].value_counts().unstack(fill_value=0)
    status = status.reindex(columns=[FITTED, FAILED, NOT_APPLICABLE], fill_value=0)
    fitted = frame[frame["status"] == FITTED]
    moments = fitted.groupby(key)[[*_MOMENTS, "crude_squared"]].mean()
    n = status[FITTED]
    by_truth = fitted.groupby([*key, "truth"])[["error", "covered"]]
    squared_bias = by_truth.mean()["error"] ** 2 - (by_truth.sem()["error"] ** 2).fillna(0.0)
    table = pd.DataFrame(
        {
            "true_rate": frame.groupby(key)["true_rate"].mean(),
            "replicates": status.sum(axis=1),
            "fitted": n,
            "failed": status[FAILED],
            "not_applicable": status[NOT_APPLICABLE],
            "bias": moments["error"],
            "bias_mcse": fitted.groupby(key)["error"].std(ddof=1) / np.sqrt(n),
            "rms_bias": np.sqrt(squared_bias.groupby(key).mean().clip(lower=0.0)),
            "rmse": np.sqrt(moments["squared"]),
            "crude_rmse": np.sqrt(moments["crude_squared"]),
            "mean_bias": moments["mean_error"],
            "mean_rmse": np.sqrt(moments["mean_squared"]),
            "coverage": moments["covered"],
            "coverage_mcse": np.sqrt(moments["covered"] * (1 - moments["covered"]) / n),
            "least_coverage": by_truth.mean()["covered"].groupby(key).min(),
            "width": moments["width"],
        }
    ).reset_index()
    table.insert(2, "total", table["unit"].map(totals))
    sizes = [size_class(u, t) for u, t in zip(table["unit"], table["total"], strict=True)]
    table.insert(3, "size", sizes)
    order = {name: i for i, name in enumerate(scenarios)}
    table["method"] = pd.Categorical(table["method"], categories=METHODS, ordered=True)
    table = table.sort_values(
        ["scenario", "total", "unit", "method"],
        key=lambda column: column.map(order) if column.name == "scenario" else column,
        ignore_index=True,
    )
    return table.astype({"method": str})


def by_size(table: pd.DataFrame) -> pd.DataFrame:
    """Average over the subtypes of a size.

    Returns
    -------
    pandas.DataFrame
        ``scenario``, ``size``, ``method``, ``subtypes``, ``fitted`` (proportion of data sets),
        ``failed`` (proportion of those in which a fit is applicable), ``bias``, ``rms_bias`` and
        ``rmse`` (roots of mean squares), ``crude_rmse`` (crude rate, same data sets),
        ``coverage``, ``least_coverage``, ``width``. A unit counts by its number of fitted
        replicates, so that one that is seldom fitted weighs little.
    """
    sizes = [f"{lo}-{hi}" if hi else f"≥ {lo}" for lo, hi in SIZES] + [LPS_ROW]
    rows = []
    for (scenario, size, method), part in table.groupby(["scenario", "size", "method"], sort=False):
        n = part["fitted"].to_numpy(np.float64)
        if n.sum() == 0:
            continue
        seen = part[n > 0]
        weights = n[n > 0]

        def mean(name: str, seen: pd.DataFrame = seen, weights: FloatArray = weights) -> float:
            return float(np.average(seen[name], weights=weights))

        def root(name: str, seen: pd.DataFrame = seen, weights: FloatArray = weights) -> float:
            return float(np.sqrt(np.average(seen[name] ** 2, weights=weights)))

        tried = float((part["fitted"] + part["failed"]).sum())
        rows.append(
            {
                "scenario": scenario,
                "size": size,
                "method": method,
                "subtypes": len(part),
                "fitted": float(n.sum() / part["replicates"].sum()),
                "failed": float(part["failed"].sum() / tried),
                "bias": mean("bias"),
                **{name: root(name) for name in ("rms_bias", "rmse", "crude_rmse")},
                "coverage": mean("coverage"),
                "least_coverage": float(seen["least_coverage"].min()),
                "width": mean("width"),
            }
        )
    frame = pd.DataFrame(rows)
    frame["size"] = pd.Categorical(frame["size"], categories=sizes, ordered=True)
    frame["method"] = pd.Categorical(frame["method"], categories=METHODS, ordered=True)
    scenarios = list(dict.fromkeys(table["scenario"]))
    frame["scenario"] = pd.Categorical(frame["scenario"], categories=scenarios, ordered=True)
    frame = frame.sort_values(["scenario", "size", "method"], ignore_index=True)
    return frame.astype({"size": str, "method": str, "scenario": str})
