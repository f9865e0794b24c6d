"""Fit the regression to a design and form everything that is reported of it."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from models.estimands.contrasts import DEFAULT_MARGIN, contrast_table
from models.estimands.rates import summarise
from models.estimands.regression import prior_share_explained
from models.fitting.fit import Fitter, Wanted
from models.fitting.registry import REGRESSION
from models.priors import RegressionPriors
from models.reviews.covariates import Design


@dataclass(frozen=True)
class RegressionAnalysis:
    """One regression, analysed; intervals 95 % equal-tailed.

    Attributes
    ----------
    design
        Arms and covariates.
    fit
        The fit of the regression.
    coefficients
        One record a term: ``covariate``, ``level`` (None for numbers), ``unit`` (what the odds
        ratio compares: a number, or ``v.`` and the reference level), ``median``, ``lower`` and
        ``upper`` of the odds ratio, ``p_above_one``, ``missing``.
    contrasts
        See `models.estimands.contrasts.contrast_table`; empty without groups.
    tau, share_explained
        Median and interval.
    sigma_group
        Median and interval, None without groups.
    prior_share
        Prior median of the share explained.
    """

    design: Design
    fit: Any
    coefficients: list[dict[str, Any]]
    contrasts: pd.DataFrame
    tau: dict[str, float]
    sigma_group: dict[str, float] | None
    share_explained: dict[str, float]
    prior_share: float

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON output: unrounded, null where nothing exists."""
        coefficients = [
            {
                "covariate": row["covariate"],
                "level": row["level"],
                "unit": row["unit"],
                "odds_ratio": {part: row[part] for part in ("median", "lower", "upper")},
                "p_above_one": row["p_above_one"],
            }
            for row in self.coefficients
        ]
        contrasts = self.contrasts.drop(columns="p_within")
        return {
            "k": len(self.design.frame),
            "coefficients": coefficients,
            "tau": self.tau,
            "sigma_group": self.sigma_group,
            "contrasts": [
                {key: None if pd.isna(value) else value for key, value in row.items()}
                for row in contrasts.to_dict("records")
            ],
            "diagnostics": self.fit.gate.as_dict(),
        }


def analyse_regression(
    design: Design, fitter: Fitter, priors: RegressionPriors, name: str = "regression"
) -> RegressionAnalysis:
    """Fit the regression to a design and form everything that is reported.

    Parameters
    ----------
    design
        From `models.reviews.covariates.make_design`.
    fitter, priors
        Sampling layer and prior settings.
    name
        Name of the fit.
    """
    wanted = Wanted(REGRESSION, design.frame, priors, name, "regression", {"design": design})
    return form_analysis(fitter(wanted), design, priors)


def form_analysis(fit: Any, design: Design, priors: RegressionPriors) -> RegressionAnalysis:
    """Form everything that is reported from a fit, new or saved."""
    posterior = fit.posterior
    rows = []
    for term in design.terms:
        draws = posterior["coefficient"].sel(term=term.label)
        unit = term.unit if term.level is None else f"v. {term.reference}"
        ratio = {part: float(np.exp(value)) for part, value in summarise(draws).items()}
        rows.append(
            {
                "covariate": term.covariate,
                "level": term.level,
                "unit": unit,
                **ratio,
                "p_above_one": float((draws > 0).mean()),
                "missing": term.missing,
            }
        )
    grouped = "sigma_group" in posterior
    return RegressionAnalysis(
        design=design,
        fit=fit,
        coefficients=rows,
        contrasts=contrast_table(posterior if grouped else posterior[[]], DEFAULT_MARGIN),
        tau=summarise(posterior["tau"]),
        sigma_group=summarise(posterior["sigma_group"]) if grouped else None,
        share_explained=summarise(posterior["share_explained"]),
        prior_share=float(np.median(prior_share_explained(design, priors))),
    )
