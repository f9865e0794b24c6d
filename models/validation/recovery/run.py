"""Parameter recovery: what the pooled model returns when the truth is known, over designs.

A design is a number of studies ``k``, a typical rate and a standard deviation ``tau`` between
studies (logit scale). Study sizes are drawn, with replacement, from the evaluable patients of the
paper's 38 arms; the true rates from ``Normal(logit(rate), tau)``; the responders from these. Each
replicate is fitted by the exact grid (`models.grid`) with the default priors.

Truths are fixed here, not drawn from the prior, so posterior intervals need not cover at their
nominal level in any one design (averaged over the prior they do: that is what simulation-based
calibration shows): where data are few, the prior draws estimates towards a rate of one half, and
tau towards its middle. An equal-tailed interval of tau ends above zero always, so at ``tau = 0`` it
cannot cover; there the distribution of its upper limit is what tells whether homogeneity is
recognised.
"""

from functools import cache
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit, logit

from models.common.constants import FIGURES_DIR, INTERVAL_PROBS
from models.common.sources import code_hash
from models.common.study import Study
from models.evidence.load import load_evidence
from models.grid import fit_pooled
from models.priors import DEFAULT_PRIORS
from models.validation.calibration.truth import mean_rate

STUDIES: Final = (5, 10, 40, 200)
RATES: Final = (0.02, 0.15, 0.60)
TAUS: Final = (0.0, 0.5, 1.5)
REPLICATES: Final = 500
CHUNK: Final = 50
SEED: Final = 20250107
RESULTS: Final = FIGURES_DIR / "validation" / "recovery"
STORE: Final = FIGURES_DIR / "fits" / "recovery_study"
PARAMETERS: Final = ("mu", "typical_rate", "average_rate", "tau")
UPPER_QUANTILES: Final = (0.05, 0.25, 0.5, 0.75, 0.95)
"""Quantiles over replicates that are reported of the upper limit of tau."""


def designs() -> list[tuple[int, float, float]]:
    """Return every combination of number of studies, typical rate and tau."""
    return [(k, rate, tau) for rate in RATES for tau in TAUS for k in STUDIES]


@cache
def _sizes() -> NDArray[np.int64]:
    return load_evidence().outcome("orr")["total"].to_numpy("int64")


def true_values(rate: float, tau: float) -> dict[str, float]:
    """Return the true value of every parameter."""
    mu = float(logit(rate))
    return {"mu": mu, "typical_rate": rate, "average_rate": mean_rate(mu, tau), "tau": tau}


def run_replicates(
    k: int, rate: float, tau: float, first: int, stop: int, seed: int
) -> pd.DataFrame:
    """Simulate and fit replicates ``first`` to ``stop - 1`` of a design.

    Returns
    -------
    pandas.DataFrame
        One row a replicate and parameter: ``k``, ``rate``, ``tau``, ``replicate``, ``parameter``,
        ``truth``, ``median``, ``lower``, ``upper`` (95 % equal-tailed), ``quadrature_error``.
    """
    place = designs().index((k, rate, tau))
    rows: list[dict[str, Any]] = []
    for replicate in range(first, stop):
        rng = np.random.default_rng([seed, place, replicate])
        total = rng.choice(_sizes(), k)
        events = rng.binomial(total, expit(rng.normal(logit(rate), tau, k)))
        estimates, error = _estimate(events, total)
        for parameter, truth in true_values(rate, tau).items():
            median, lower, upper = estimates[parameter]
            rows.append(
                {
                    "k": k,
                    "rate": rate,
                    "tau": tau,
                    "replicate": replicate,
                    "parameter": parameter,
                    "truth": truth,
                    "median": median,
                    "lower": lower,
                    "upper": upper,
                    "quadrature_error": error,
                }
            )
    return pd.DataFrame(rows)


def _estimate(
    events: NDArray[np.int64], total: NDArray[np.int64]
) -> tuple[dict[str, tuple[float, float, float]], float]:
    """Return median and interval of every parameter, and the quadrature error."""
    fit = fit_pooled(
        events.astype(np.float64),
        total.astype(np.float64),
        mu_mean=DEFAULT_PRIORS.mu_mean,
        mu_sd=DEFAULT_PRIORS.mu_sd,
        tau_scale=DEFAULT_PRIORS.tau_scale,
    )
    probs = (0.5, *INTERVAL_PROBS)
    mu = [float(fit.mu.quantile(p)) for p in probs]
    average = [fit.average_rate.quantile(p) for p in probs]
    tau = [fit.tau.quantile(p) for p in probs]
    return {
        "mu": (mu[0], mu[1], mu[2]),
        "typical_rate": (float(expit(mu[0])), float(expit(mu[1])), float(expit(mu[2]))),
        "average_rate": (average[0], average[1], average[2]),
        "tau": (tau[0], tau[1], tau[2]),
    }, fit.quadrature_error


def recovery_study(replicates: int, seed: int) -> Study:
    """Return the study: all designs, each with a number of replicates."""
    return Study(
        name="recovery",
        function=run_replicates,
        cells={f"{place:02}": design for place, design in enumerate(designs())},
        simulations=replicates,
        chunk=CHUNK,
        seed=seed,
        settings={
            "seed": seed,
            "chunk": CHUNK,
            "designs": [list(design) for design in designs()],
            "sizes": [int(size) for size in _sizes()],
            "priors": DEFAULT_PRIORS.as_dict(),
            "sources": code_hash(
                "models.validation.recovery.run:run_replicates", stop=("load_evidence",)
            ),
        },
        column="replicate",
    )


def summarise_recovery(replicates: pd.DataFrame) -> pd.DataFrame:
    """Return bias, error and coverage by design and parameter.

    Parameters
    ----------
    replicates
        As `run_replicates`.

    Returns
    -------
    pandas.DataFrame
        One row a design and parameter, ``mu`` and ``tau`` on the logit scale, rates as
        proportions: ``bias`` (mean of posterior median less truth), ``bias_mc_error``, ``rmse``,
        ``coverage`` of the 95 % interval, ``coverage_mc_error`` (missing for tau = 0, whose
        interval cannot cover), ``width`` (median over replicates), and the quantiles over
        replicates of the upper limit, ``upper_05`` to ``upper_95``.
    """
    rows = []
    keys = ["k", "rate", "tau", "parameter"]
    for place, part in replicates.groupby(keys, sort=False):
        error = part["median"] - part["truth"]
        n = len(part)
        cover = float(((part["lower"] <= part["truth"]) & (part["truth"] <= part["upper"])).mean())
        boundary = place[3] == "tau" and place[2] == 0
        row = dict(zip(keys, place, strict=True)) | {
            "truth": float(part["truth"].iloc[0]),
            "replicates": n,
            "bias": float(error.mean()),
            "bias_mc_error": float(error.std(ddof=1) / np.sqrt(n)),
            "rmse": float(np.sqrt((error**2).mean())),
            "coverage": None if boundary else cover,
            "coverage_mc_error": None if boundary else float(np.sqrt(cover * (1 - cover) / n)),
            "width": float((part["upper"] - part["lower"]).median()),
        }
        upper = part["upper"].quantile(list(UPPER_QUANTILES))
        row |= {f"upper_{100 * q:02.0f}": float(value) for q, value in upper.items()}
        rows.append(row)
    table = pd.DataFrame(rows)
    order = {name: i for i, name in enumerate(PARAMETERS)}
    return table.sort_values(
        ["parameter", "rate", "tau", "k"],
        key=lambda c: c.map(order) if c.name == "parameter" else c,
        kind="stable",
    ).reset_index(drop=True)
