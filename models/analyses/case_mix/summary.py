"""What the case-mix model says: contrasts beside the unadjusted ones, subtypes, table."""

from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
import xarray as xr

from models.common.constants import INTERVAL_PROBS
from models.estimands.case_mix import contrasts, prediction_logits
from models.estimands.contrasts import group_pairs, pair_label
from models.estimands.rates import summarise, summarise_new_study
from models.fitting.exact import exact_posterior
from models.fitting.fit import Fit
from models.fitting.lattice_chain import TABLE
from models.fitting.lattice_sampler import CellCounts, cell_counts, full_table
from models.fitting.registry import SUBGROUP
from models.priors import Priors
from models.reviews.case_mix import CaseMixReview

UNADJUSTED_DRAWS: Final = 40_000
"""Independent draws of the unadjusted posterior; its Monte Carlo error is then negligible."""
SCALES: Final = ("odds_ratio", "risk_ratio", "risk_difference")
MARGINAL: Final = "marginal_odds_ratio"
KNOWN, FIXED, INFERRED = "stated", "fixed by the margins", "inferred"


@dataclass(frozen=True, eq=False)
class CaseMixResult:
    """Results of one review.

    Attributes
    ----------
    review
        What was fitted.
    contrasts
        One row a pair and scale: ``a``, ``b``, ``scale``, and ``median``, ``lower``, ``upper``,
        ``p_superior`` after ``adjusted_`` and ``unadjusted_``. The scale ``odds_ratio`` is
        conditional, ``marginal_odds_ratio`` that of the standardised rates.
    parameters
        ``parameter``, ``median``, ``lower``, ``upper``: the standard deviations, tau of the
        unadjusted model (``tau_unadjusted``) and the share of tau squared that histology explains
        (``tau_squared_explained``, with ``p_positive``).
    treatments
        Standardised rate of every treatment, beside the unadjusted typical rate.
    subtypes
        Rate of every subtype at equal treatment.
    table
        The arm by subtype table: patients, possible range, posterior of the responders.
    predictions
        Rate of every subtype with every treatment: typical, and in a new trial.
    cells
        How many cells are what.
    """

    review: CaseMixReview
    contrasts: pd.DataFrame
    parameters: pd.DataFrame
    treatments: pd.DataFrame
    subtypes: pd.DataFrame
    table: pd.DataFrame
    predictions: pd.DataFrame
    cells: CellCounts

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON content, every number unrounded."""
        parts = ("median", "lower", "upper")

        def block(row: pd.Series, prefix: str) -> dict[str, float]:
            return {name: float(row[f"{prefix}_{name}"]) for name in (*parts, "p_superior")}

        def entry(row: pd.Series) -> dict[str, Any]:
            return {
                "a": row["a"],
                "b": row["b"],
                "scale": row["scale"],
                "adjusted": block(row, "adjusted"),
                "unadjusted": block(row, "unadjusted"),
            }

        rows = [row for _, row in self.contrasts.iterrows()]
        numbers = self.parameters.set_index("parameter")[list(parts)]
        tau = {"adjusted": "tau", "unadjusted": "tau_unadjusted"}
        explained = "tau_squared_explained"
        return {
            "contrasts": [entry(row) for row in rows if row["scale"] != MARGINAL],
            "tau": {key: _floats(numbers.loc[name]) for key, name in tau.items()},
            "subtypes": self.subtypes[["subtype", *parts]].to_dict("records"),
            "marginal_odds_ratios": [entry(row) for row in rows if row["scale"] == MARGINAL],
            explained: _floats(numbers.loc[explained]),
            "cells": asdict(self.cells),
        }


@dataclass(frozen=True, eq=False)
class CaseMixResults:
    """What the case-mix part of the job made.

    Attributes
    ----------
    result
        The exact fit to the paper's review.
    sensitivity
        Contrasts under every variant: ``analysis`` and the columns of `CaseMixResult.contrasts`.
    variants
        ``analysis``, ``parameter``, ``median``, ``lower``, ``upper``.
    identification
        From `models.analyses.case_mix.identification.identification`.
    facts
        ``name``, ``value``: counts that the text cites.
    fits
        By analysis.
    """

    result: CaseMixResult
    sensitivity: pd.DataFrame
    variants: pd.DataFrame
    identification: pd.DataFrame
    facts: pd.DataFrame
    fits: dict[str, Fit]

    @property
    def passed(self) -> bool:
        """Whether every fit passed the gate."""
        return all(fit.gate.passed for fit in self.fits.values())


def _floats(row: pd.Series) -> dict[str, float]:
    return {str(name): float(value) for name, value in row.items()}


def unadjusted(review: CaseMixReview, priors: Priors, seed: int) -> xr.Dataset:
    """Return independent draws of the subgroup model of the same arms and patients.

    The posterior is exact.

    Returns
    -------
    xarray.Dataset
        ``tau``, ``rate`` (typical rate, treatment) and the contrasts, of which both odds ratios
        are the same here; dims ``chain`` (one), ``draw``.
    """
    arms = review.arms.rename(columns={"arm": "study", "treatment": "group"})
    posterior = exact_posterior(SUBGROUP, arms, priors)
    draws = posterior.draws(UNADJUSTED_DRAWS, seed)
    dims = ("chain", "draw", "treatment")
    coords = {"treatment": review.treatments}
    rate = xr.DataArray(draws.typical_rate[None], dims=dims, coords=coords)
    logit = xr.DataArray(draws.group_logit[None], dims=dims, coords=coords)
    found = xr.Dataset({"tau": (("chain", "draw"), draws.tau[None]), "rate": rate})
    return found.merge(contrasts(rate, logit))


def summarise_case_mix(
    fit: Fit, review: CaseMixReview, without: xr.Dataset, seed: int
) -> CaseMixResult:
    """Summarise a fit of the case-mix model.

    Parameters
    ----------
    fit
        The fit, with the estimands of `models.estimands.case_mix`.
    review
        The review fitted.
    without
        From `unadjusted`.
    seed
        Seed that pairs the draws of the two independent fits.
    """
    posterior = fit.posterior
    counts, _ = cell_counts(posterior, review)
    table = table_frame(posterior, review)
    subtypes = _subtypes(posterior, review)
    if TABLE not in posterior and review.lattice.free.any():
        # the approximation has no table
        table, subtypes["responders_mean"] = table.iloc[:0], np.nan
    return CaseMixResult(
        review=review,
        contrasts=contrast_frame(posterior, without, review.treatments),
        parameters=parameter_frame(posterior, without, seed),
        treatments=_treatments(posterior, without, review),
        subtypes=subtypes,
        table=table,
        predictions=prediction_frame(posterior, review),
        cells=counts,
    )


def contrast_frame(
    posterior: xr.Dataset, without: xr.Dataset, treatments: list[str]
) -> pd.DataFrame:
    """Return every pair on every scale, adjusted beside unadjusted."""
    rows: list[dict[str, Any]] = []
    for a, b in group_pairs(treatments):
        label = pair_label(a, b)
        for scale in (*SCALES, MARGINAL):
            row: dict[str, Any] = {"a": a, "b": b, "scale": scale}
            for prefix, draws in (("adjusted", posterior), ("unadjusted", without)):
                row |= _contrast(draws.sel(contrast=label), scale, prefix)
            rows.append(row)
    return pd.DataFrame(rows)


def _contrast(draws: xr.Dataset, scale: str, prefix: str) -> dict[str, float]:
    difference = scale == "risk_difference"
    values = draws[scale if difference else f"log_{scale}"]
    numbers = summarise(values)
    if not difference:
        numbers = {name: float(np.exp(value)) for name, value in numbers.items()}
    numbers["p_superior"] = float((values > 0).mean())
    return {f"{prefix}_{name}": value for name, value in numbers.items()}


def parameter_frame(posterior: xr.Dataset, without: xr.Dataset, seed: int) -> pd.DataFrame:
    """Return the standard deviations and the share of tau squared explained by histology.

    That share is ``1 - tau_adjusted^2 / tau_unadjusted^2`` over independent pairs of draws of the
    two fits; it is negative where adjustment makes studies differ more.
    """
    adjusted = posterior["tau"].values.ravel()
    rng = np.random.default_rng([seed, 3])
    other = rng.permutation(without["tau"].values.ravel())
    other = np.resize(other, adjusted.size)
    draws = {
        "tau": adjusted,
        "tau_unadjusted": without["tau"].values.ravel(),
        "tau_squared_explained": 1 - adjusted**2 / other**2,
    }
    names = ("sigma_subtype", "sigma_treatment")
    draws |= {name: posterior[name].values.ravel() for name in names if name in posterior}
    rows = [{"parameter": n, **summarise(xr.DataArray(v))} for n, v in draws.items()]
    frame = pd.DataFrame(rows)
    explained = frame["parameter"] == "tau_squared_explained"
    share = float((draws["tau_squared_explained"] > 0).mean())
    return frame.assign(p_positive=np.where(explained, share, np.nan))


def _treatments(posterior: xr.Dataset, without: xr.Dataset, review: CaseMixReview) -> pd.DataFrame:
    patients = review.cells.groupby("treatment", observed=False)["total"].sum()
    rows = []
    for label in review.treatments:
        arms = review.arms[review.arms["treatment"] == label]
        row: dict[str, Any] = {
            "treatment": label,
            "arms": len(arms),
            "events": int(arms["events"].sum()),
            "total": int(patients[label]),
        }
        for prefix, draws in (
            ("adjusted", posterior["standardised_rate"]),
            ("unadjusted", without["rate"]),
        ):
            numbers = summarise(draws.sel(treatment=label))
            row |= {f"{prefix}_{name}": value for name, value in numbers.items()}
        rows.append(row)
    return pd.DataFrame(rows)


def _subtypes(posterior: xr.Dataset, review: CaseMixReview) -> pd.DataFrame:
    """Return the subtypes, highest adjusted rate first."""
    columns = ["subtype", "arms", "total", "responders_mean", "median", "lower", "upper"]
    if "subtype_rate" not in posterior:
        return pd.DataFrame(columns=columns)
    codes = review.cells["subtype"].cat.codes.to_numpy()
    table = full_table(posterior, review)
    rows = []
    for i, label in enumerate(review.subtypes):
        rows.append(
            {
                "subtype": label,
                "arms": int((codes == i).sum()),
                "total": int(review.total[codes == i].sum()),
                "responders_mean": float(table[codes == i].sum(axis=0).mean()),
                **summarise(posterior["subtype_rate"].sel(subtype=label)),
            }
        )
    frame = pd.DataFrame(rows)[columns]
    return frame.sort_values("median", ascending=False, kind="stable", ignore_index=True)


def table_frame(posterior: xr.Dataset, review: CaseMixReview) -> pd.DataFrame:
    """Return the inferred table, one row a cell in the order of the review.

    Returns
    -------
    pandas.DataFrame
        ``arm``, ``treatment``, ``subtype``, ``total``, ``least`` and ``most`` (what margins and
        stated cells leave possible), ``basis`` (stated, fixed by the margins, inferred), and of
        the responders ``mean``, ``lower``, ``upper`` and ``p_any`` = P(at least one).
    """
    values = full_table(posterior, review)
    least, most = review.lattice.ranges
    lower, upper = np.quantile(values, INTERVAL_PROBS, axis=1)
    frame = review.cells[["arm", "treatment", "subtype", "total"]].astype(
        {"treatment": str, "subtype": str}
    )
    basis = np.where(least < most, INFERRED, FIXED)
    return frame.assign(
        least=least,
        most=most,
        basis=np.where(review.known, KNOWN, basis),
        mean=values.mean(axis=1),
        lower=lower,
        upper=upper,
        p_any=(values > 0).mean(axis=1),
    )


def prediction_frame(posterior: xr.Dataset, review: CaseMixReview) -> pd.DataFrame:
    """Return the rate of every patient group: in a typical study and in a new trial.

    Returns
    -------
    pandas.DataFrame
        ``subtype``, ``treatment``, ``total`` (patients seen), ``typical_*`` (posterior of the rate
        at ``z = 0``) and ``new_*`` (rate in a new trial: predictive mean, median, interval).
    """
    seen = review.cells.groupby(["subtype", "treatment"], observed=False)["total"].sum()
    rows = []
    for subtype in review.subtypes:
        for treatment in review.treatments:
            logit = prediction_logits(posterior, subtype, treatment)
            typical = {k: 1 / (1 + np.exp(-v)) for k, v in summarise(logit).items()}
            new = summarise_new_study(logit, posterior["tau"])
            rows.append(
                {
                    "subtype": subtype,
                    "treatment": treatment,
                    "total": int(seen[subtype, treatment]),
                    **{f"typical_{name}": float(value) for name, value in typical.items()},
                    **{f"new_{name}": value for name, value in new.items()},
                }
            )
    return pd.DataFrame(rows)
