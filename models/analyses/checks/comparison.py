"""Model comparison by leave-one-out on the same arms: how far models can be told apart.

Pooled, by treatment, by line, by both, by the share of two histologies, with Student-t study
effects, and beta-binomial. Every log likelihood has the study effect
integrated out, so all of them predict the same thing: the count of a study of which only its size
(group, covariates) is known. One of the two histologies was chosen after its response rate was
seen: that comparison is no test of it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import arviz_stats as azs
import numpy as np
import pandas as pd
import xarray as xr
from scipy.special import betaln, expit
from scipy.stats import t as student_t

from models.analyses.checks.loo import (
    OBSERVED,
    integrated_log_likelihood,
    log_coefficient,
    psis,
    with_log_likelihood,
)
from models.analyses.checks.wanted import grouping, pool, rivals
from models.estimands.regression import group_logit
from models.evidence.load import Evidence
from models.fitting.fit import Fitter
from models.fitting.registry import BETA_BINOMIAL, REGRESSION, STUDENT_T
from models.numerics.binomial_normal import log_marginal
from models.reviews.covariates import design_matrix
from models.student_t import NU

type LogLikelihood = Callable[[xr.Dataset, pd.DataFrame], xr.DataArray]

SMALL_DIFFERENCE: Final = 4.0
"""Differences of elpd below this say nothing (Sivula, Magnusson and Vehtari 2020)."""
PARETO_K_MAX: Final = 0.7
"""Above it PSIS is unreliable (Vehtari et al. 2024); the limit for 2200 draws and more."""


@dataclass(frozen=True)
class Compared:
    """The compared models.

    Attributes
    ----------
    table
        One row a model, best first: ``model``, ``elpd``, ``se``, ``p_loo``, ``elpd_diff`` (this
        model's elpd less the best one's, so at most 0), ``dse``, ``pareto_k_max``, ``verdict``.
    pointwise
        One row a study and model: ``model``, ``study``, ``elpd``, ``pareto_k``.
    """

    table: pd.DataFrame
    pointwise: pd.DataFrame


def student_t_log_likelihood(posterior: xr.Dataset, review: pd.DataFrame) -> xr.DataArray:
    """Return the log likelihood of each count with the Student-t effect integrated out.

    The trapezoid rule in ``s``, ``t = sinh(s)``: heavy tails become light ones, and the rule errs
    little for a smooth integrand that vanishes at both ends.
    """
    s = np.linspace(-9.0, 9.0, 601)
    effect = np.sinh(s)
    weight = student_t.pdf(effect, NU) * np.cosh(s) * (s[1] - s[0])
    theta = posterior["mu"].values[..., None] + posterior["tau"].values[..., None] * effect
    log_p, log_q = -np.logaddexp(0, -theta), -np.logaddexp(0, theta)
    columns = []
    for x, n in zip(review["events"], review["total"], strict=True):
        likelihood = np.exp(x * log_p + (n - x) * log_q + float(log_coefficient(x, n)))
        columns.append(np.log(likelihood @ weight))
    return _labelled(np.stack(columns, axis=-1), review)


def beta_binomial_log_likelihood(posterior: xr.Dataset, review: pd.DataFrame) -> xr.DataArray:
    """Return the beta-binomial log likelihood of each count."""
    mean = expit(posterior["mu"].values)[..., None]
    phi = (1 / posterior["rho"].values - 1)[..., None]
    x, n = (review[name].to_numpy(dtype=np.float64) for name in ("events", "total"))
    a, b = mean * phi, (1 - mean) * phi
    return _labelled(log_coefficient(x, n) + betaln(x + a, n - x + b) - betaln(a, b), review)


def regression_log_likelihood(posterior: xr.Dataset, design: pd.DataFrame) -> xr.DataArray:
    """Return the log likelihood of each count with effect and missing covariates integrated out.

    What is missing is normal given the others and enters linearly, as the arm's effect does: both
    together are one normal effect.

    Parameters
    ----------
    posterior
        Draws of the regression.
    design
        Frame of the `models.reviews.covariates.Design` fitted.
    """
    matrix, terms = design_matrix(design)
    centre, spread = np.nanmean(matrix, axis=0), np.nanstd(matrix, axis=0, ddof=1)
    beta = posterior["coefficient"].sel(term=terms).transpose("chain", "draw", "term").values
    tau = posterior["tau"].values
    base = group_logit(posterior)
    columns = []
    for i, (x, n) in enumerate(zip(design["events"], design["total"], strict=True)):
        missing = np.isnan(matrix[i])
        own = base.sel(group=str(design["group"].iloc[i])) if "group" in base.dims else base
        mean = own.values + beta @ np.where(missing, centre, matrix[i])
        sd = np.sqrt(tau**2 + (beta[..., missing] * spread[missing]) ** 2 @ np.ones(missing.sum()))
        columns.append(log_marginal(x, n, mean, sd) + float(log_coefficient(x, n)))
    return _labelled(np.stack(columns, axis=-1), design.rename(columns={"arm": "study"}))


LOG_LIKELIHOODS: Final[Mapping[str, LogLikelihood]] = {
    REGRESSION.name: regression_log_likelihood,
    STUDENT_T.name: student_t_log_likelihood,
    BETA_BINOMIAL.name: beta_binomial_log_likelihood,
}
"""Integrated log likelihood of the sampled models."""


def _labelled(values: Any, review: pd.DataFrame) -> xr.DataArray:
    labels = review["study"].astype(str).to_numpy()
    return xr.DataArray(values, dims=("chain", "draw", "study"), coords={"study": labels})


def comparison_trees(evidence: Evidence, fit: Fitter, exact: Fitter) -> dict[str, xr.DataTree]:
    """Fit the models to the 38 arms.

    Parameters
    ----------
    evidence
        The validated evidence.
    fit, exact
        Provide the models that only a sampler gives, and those that the exact engine has.

    Returns
    -------
    dict
        What ``arviz_stats.compare`` reads, by the model's name in words.
    """
    asked = {
        "pooled": (exact, pool(evidence, "orr")),
        "treatment": (exact, grouping(evidence, "orr", "treatment")),
        "line": (exact, grouping(evidence, "orr", "line_with_unknown")),
    }
    asked |= {name: (fit, wanted) for name, wanted in rivals(evidence).items()}
    trees: dict[str, xr.DataTree] = {}
    for name, (fitter, wanted) in asked.items():
        posterior = fitter(wanted).posterior
        formula = LOG_LIKELIHOODS.get(wanted.model.name, integrated_log_likelihood)
        trees[name] = with_log_likelihood(posterior, formula(posterior, wanted.frame))
    return trees


def verdict(difference: float, dse: float) -> str:
    """Return what a difference of elpd allows to say: no winner among near models."""
    if difference == 0:
        return "highest elpd"
    if abs(difference) < SMALL_DIFFERENCE:
        return f"not told apart (difference below {SMALL_DIFFERENCE:g})"
    if abs(difference) < 2 * dse:
        return "not told apart (difference within 2 SE)"
    return "predicts worse"


def compare_models(trees: dict[str, xr.DataTree]) -> Compared:
    """Compare the models by ArviZ's PSIS-LOO."""
    found = {name: psis(tree) for name, tree in trees.items()}
    compared = azs.compare(dict(trees), var_name=OBSERVED, round_to="none")
    order = [str(name) for name in compared.index]
    rows = []
    for name in order:
        row, loo = compared.loc[name], found[name]
        difference, dse = float(row["elpd_diff"]), float(row["dse"])
        rows.append(
            {
                "model": name,
                "elpd": float(row["elpd"]),
                "se": float(row["se"]),
                "p_loo": float(row["p"]),
                "elpd_diff": difference,
                "dse": dse,
                "pareto_k_max": float(loo.pareto_k.max()),
                "verdict": verdict(difference, dse),
            }
        )
    pointwise = pd.concat(
        [
            pd.DataFrame(
                {
                    "model": name,
                    "study": trees[name]["log_likelihood"][OBSERVED]["study"].values,
                    "elpd": found[name].elpd_i.values,
                    "pareto_k": found[name].pareto_k.values,
                }
            )
            for name in order
        ],
        ignore_index=True,
    )
    return Compared(pd.DataFrame(rows), pointwise)
