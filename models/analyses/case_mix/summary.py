"""What the case-mix model says: contrasts beside the unadjusted ones, subtypes, table."""

from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray
from scipy.special import expit

from models.common.constants import INTERVAL_PROBS
from models.estimands.case_mix import contrasts, prediction_logits
from models.estimands.composition import composition_share, prior_composition_share
from models.estimands.contrasts import group_pairs, pair_label
from models.estimands.rates import summarise, summarise_new_study
from models.fitting.exact import exact_posterior
from models.fitting.fit import Fit
from models.fitting.lattice_chain import TABLE
from models.fitting.lattice_sampler import CellCounts, cell_counts, full_table
from models.fitting.registry import SUBGROUP
from models.grid.fits import fit_unpooled
from models.priors import Priors
from models.reviews.case_mix import CaseMixReview

type FloatArray = NDArray[np.float64]

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
        ``p_superior`` after ``adjusted_`` and ``unadjusted_``; see `contrast_frame`.
    parameters
        ``parameter``, ``median``, ``lower``, ``upper``: the standard deviations, tau of the
        unadjusted model (``tau_unadjusted``) and the share of the variance between arms that
        composition accounts for (``composition_share``, with its ``prior_median``).
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
        share = numbers.index.intersection(["composition_share"])
        return {
            "contrasts": [entry(row) for row in rows if row["scale"] != MARGINAL],
            "tau": {key: _floats(numbers.loc[name]) for key, name in tau.items()},
            "subtypes": self.subtypes[["subtype", *parts]].to_dict("records"),
            "marginal_odds_ratios": [entry(row) for row in rows if row["scale"] == MARGINAL],
            "composition_share": _floats(numbers.loc[share[0]]) if len(share) else None,
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
        `CaseMixResult.parameters` of every analysis, with ``analysis``.
    covariates
        Odds ratios of the covariates of the variants that have some.
    external
        From `models.analyses.case_mix.external.trials_not_pooled`.
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
    covariates: pd.DataFrame
    external: pd.DataFrame
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
        ``tau``, ``sigma_treatment``, ``rate`` (typical rate, treatment) and the contrasts, of
        which both odds ratios are the same here; dims ``chain`` (one), ``draw``.
    """
    arms = review.arms.rename(columns={"arm": "study", "treatment": "group"})
    posterior = exact_posterior(SUBGROUP, arms, priors)
    draws = posterior.draws(UNADJUSTED_DRAWS, seed)
    found = _labelled(draws.tau, draws.group_logit, review)
    return found.assign(sigma_treatment=(("chain", "draw"), draws.sigma_group[None]))


def unadjusted_unpooled(review: CaseMixReview, priors: Priors, seed: int) -> xr.Dataset:
    """As `unadjusted`, of groups with unpooled means and a common tau."""
    posterior = fit_unpooled(
        review.arms["events"].to_numpy(),
        review.arms["total"].to_numpy(),
        review.arms["treatment"].astype(str).tolist(),
        groups=review.treatments,
        mu_mean=priors.mu_mean,
        mu_sd=priors.mu_sd,
        tau_scale=priors.tau_scale,
    )
    draws = posterior.draws(UNADJUSTED_DRAWS, seed)
    return _labelled(draws.tau, draws.group_logit, review)


def _labelled(tau: FloatArray, logits: FloatArray, review: CaseMixReview) -> xr.Dataset:
    """Return draws of tau (n,) and of the treatments' logits (n, treatment) with contrasts."""
    coords = {"treatment": review.treatments}
    logit = xr.DataArray(logits[None], dims=("chain", "draw", "treatment"), coords=coords)
    rate = xr.apply_ufunc(expit, logit)
    found = xr.Dataset({"tau": (("chain", "draw"), tau[None]), "rate": rate})
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
        Seed of the prior draws of composition's share.
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
        parameters=parameter_frame(posterior, without, review, fit.priors, seed),
        treatments=_treatments(posterior, without, review),
        subtypes=subtypes,
        table=table,
        predictions=prediction_frame(posterior, review),
        cells=counts,
    )


def contrast_frame(
    posterior: xr.Dataset, without: xr.Dataset, treatments: list[str]
) -> pd.DataFrame:
    """Return every pair on every scale, adjusted beside unadjusted.

    Returns
    -------
    pandas.DataFrame
        ``a``, ``b``, ``scale`` (``odds_ratio`` conditional on subtype and study,
        ``marginal_odds_ratio`` and the others of rates averaged over the patient mix); ``median``,
        ``lower``, ``upper``, ``p_superior`` after ``adjusted_`` and ``unadjusted_``;
        ``width_ratio``, the width of the adjusted interval as a share of the unadjusted one's, of
        ratios on the log scale.
    """
    rows: list[dict[str, Any]] = []
    for a, b in group_pairs(treatments):
        label = pair_label(a, b)
        for scale in (*SCALES, MARGINAL):
            row: dict[str, Any] = {"a": a, "b": b, "scale": scale}
            for prefix, draws in (("adjusted", posterior), ("unadjusted", without)):
                row |= _contrast(draws.sel(contrast=label), scale, prefix)
            rows.append(row | {"width_ratio": _width(row, "adjusted") / _width(row, "unadjusted")})
    return pd.DataFrame(rows)


def _contrast(draws: xr.Dataset, scale: str, prefix: str) -> dict[str, float]:
    difference = scale == "risk_difference"
    values = draws[scale if difference else f"log_{scale}"]
    numbers = summarise(values)
    if not difference:
        numbers = {name: float(np.exp(value)) for name, value in numbers.items()}
    numbers["p_superior"] = float((values > 0).mean())
    return {f"{prefix}_{name}": value for name, value in numbers.items()}


def _width(row: dict[str, Any], prefix: str) -> float:
    lower, upper = row[f"{prefix}_lower"], row[f"{prefix}_upper"]
    return float(upper - lower if row["scale"] == "risk_difference" else np.log(upper / lower))


def parameter_frame(
    posterior: xr.Dataset, without: xr.Dataset, review: CaseMixReview, priors: Priors, seed: int
) -> pd.DataFrame:
    """Return the standard deviations, and composition's share of the variance between arms.

    Returns
    -------
    pandas.DataFrame
        ``parameter``, ``median``, ``lower``, ``upper`` and, of the share
        (`models.estimands.composition`), ``prior_median``.
    """
    names = ("sigma_subtype", "sigma_treatment")
    draws = {"tau": posterior["tau"], "tau_unadjusted": without["tau"]}
    draws |= {name: posterior[name] for name in names if name in posterior}
    if "sigma_treatment" in without:
        draws["sigma_treatment_unadjusted"] = without["sigma_treatment"]
    rows = [{"parameter": n, **summarise(v), "prior_median": np.nan} for n, v in draws.items()]
    if "subtype_effect" in posterior:
        share = summarise(xr.DataArray(composition_share(posterior, review)))
        prior = float(np.median(prior_composition_share(review, priors, seed)))
        rows.append({"parameter": "composition_share", **share, "prior_median": prior})
    return pd.DataFrame(rows)


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
