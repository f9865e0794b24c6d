"""Analyse a review: from its studies to everything that is reported of them."""

import datetime
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from models.analyses.review import cautions, influence
from models.analyses.review.groups import analyse
from models.analyses.review.posterior import Pool, exact_pool, numbers, sampled_pool
from models.analyses.review.settings import Settings
from models.analyses.review.summary import ReviewResult
from models.common.errors import InputError
from models.common.sources import sha256, versions
from models.fitting.fit import Fitter
from models.frequentist.freeman_tukey import FreemanTukeyPool, exact_interval, freeman_tukey_pool
from models.frequentist.glmm import GlmmFit, fit_glmm_converged
from models.frequentist.random_effects import Method, Scale, random_effects_pool
from models.reviews.conditions import require_column
from models.reviews.groups import group_by

if TYPE_CHECKING:
    from models.analyses.regression.summary import RegressionAnalysis

ESTIMATORS: Final[tuple[tuple[str, Scale, Method, bool], ...]] = (
    ("Freeman-Tukey, REML", "double arcsine", "REML", False),
    ("Freeman-Tukey, REML, Hartung-Knapp", "double arcsine", "REML", True),
    ("logit, DerSimonian-Laird", "logit", "DL", False),
    ("logit, REML, Hartung-Knapp", "logit", "REML", True),
)
"""Beside the published estimator: name, scale, method, interval of Hartung and Knapp."""


def analyse_review(
    frame: pd.DataFrame,
    settings: Settings = Settings(),  # noqa: B008
    *,
    source: str = "review",
    by: str | None = None,
    covariates: Sequence[str] = (),
    cluster: str | None = None,
    order: str | None = None,
    sampled: bool = False,
    fitter: Fitter | None = None,
    notes: Sequence[str] = (),
    provenance: dict[str, Any] | None = None,
    progress: Callable[[str], None] = lambda words: None,
) -> ReviewResult:
    """Analyse a review.

    Parameters
    ----------
    frame
        ``study`` (unique), ``events``, ``total`` and any further columns.
    settings
        Priors, level, thresholds, words.
    source
        What the review is called.
    by
        Column of groups to compare.
    covariates
        Columns of a regression, which is sampled.
    cluster
        Column whose rows of one value are correlated, such as the trial of an arm.
    order
        Column by which studies are added in the cumulative table; ``year`` by default, if it is
        there.
    sampled
        Sample the pool rather than compute it exactly.
    fitter
        Samples the regression.
    notes
        How the file was read.
    provenance
        See `made_by`.
    progress
        Told what is computed.

    Raises
    ------
    InputError
        If there is no such column, or options exclude each other.
    """
    _check(frame, source, by, cluster, sampled)
    if order is not None:
        require_column(frame, order, source)
    said = list(cautions.of_rows(frame, by))
    progress("pools")
    freeman_tukey = freeman_tukey_pool(frame["events"], frame["total"], ci_prob=settings.level)
    glmm = fit_glmm_converged(frame["events"], frame["total"], ci_prob=settings.level)
    pool = sampled_pool(frame, settings) if sampled else exact_pool(frame, settings, cluster)
    said += cautions.of_estimators(
        freeman_tukey, glmm, int(frame["events"].sum()), int(frame["total"].sum())
    )
    tables = {
        "pools": _pools(frame, freeman_tukey, glmm, pool, settings),
        "studies": _studies(frame, pool, settings, by),
        "thresholds": _thresholds(pool, settings),
        "prediction": _prediction(pool, settings),
    }
    progress("leave-one-out")
    tables["leave_one_out"] = influence.leave_one_out(frame, settings, cluster)
    said += cautions.of_outliers(tables["leave_one_out"])
    progress("cumulative")
    tables["cumulative"] = influence.cumulative(frame, settings, _order(frame, order), cluster)
    progress("other priors")
    tables["priors"] = influence.prior_sensitivity(frame, settings, cluster)
    said += cautions.of_priors(tables["priors"])
    groups = regression = None
    if by is not None:
        progress(f"groups of {by}")
        grouped = group_by(frame, by, source)
        whole = exact_pool(grouped, settings).exact
        assert whole is not None
        groups = analyse(grouped, by, settings, whole.log_marginal_likelihood)
        tables |= {"groups": groups.table, "contrasts": groups.contrasts}
        tables["group_priors"] = groups.sensitivity
    if covariates:
        progress("regression")
        regression = _regression(frame, covariates, by, source, settings, fitter)
        tables["coefficients"] = pd.DataFrame(regression.coefficients)
    tables = {name: table for name, table in tables.items() if len(table)}
    made = dict(provenance or {}) | {"engine": "nuts" if sampled else "exact"}
    return ReviewResult(
        source, frame, settings, pool, tables, groups, regression, list(notes), said, made
    )


def made_by(path: Path | None, read: int, kept: int, **options: Any) -> dict[str, Any]:
    """Return what a result was made of and with: input, checksum, rows, options, versions, date."""
    return {
        "input": None if path is None else path.name,
        "sha256": None if path is None else sha256(path),
        "rows_read": read,
        "rows_kept": kept,
        "options": options,
        "versions": versions(),
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    }


def _check(
    frame: pd.DataFrame, source: str, by: str | None, cluster: str | None, sampled: bool
) -> None:
    if cluster is None:
        return
    require_column(frame, cluster, source)
    if sampled:
        raise InputError("--cluster is computed exactly; it does not go with --engine nuts")
    if by is not None:
        raise InputError("--cluster and --by: one at a time; compare groups with one arm a trial")
    if (frame[cluster].astype(str).str.strip() == "").any():
        study = frame.loc[frame[cluster].astype(str).str.strip() == "", "study"].iloc[0]
        raise InputError(f"{source}: {cluster} is blank for {study!r}; every arm has its trial")


def _order(frame: pd.DataFrame, order: str | None) -> str | None:
    if order is not None:
        return order
    return next((str(name) for name in frame if str(name).casefold() == "year"), None)


def _pools(
    frame: pd.DataFrame,
    freeman_tukey: FreemanTukeyPool,
    glmm: GlmmFit,
    pool: Pool,
    settings: Settings,
) -> pd.DataFrame:
    """Return one row an estimator; what it does not have is missing."""
    x, n = frame["events"], frame["total"]
    ft = freeman_tukey
    rows: list[dict[str, Any]] = [
        {
            "estimator": "Freeman-Tukey, DerSimonian-Laird",
            **_estimate(ft.estimate, ft.lower, ft.upper),
            "new_study_lower": ft.prediction_lower,
            "new_study_upper": ft.prediction_upper,
            "tau": ft.tau2**0.5,
            "scale": "double arcsine",
            **{name: getattr(ft, name) for name in ("method", "q", "q_df", "q_p", "i2")},
        }
    ]
    for name, scale, method, hartung_knapp in ESTIMATORS if len(frame) > 1 else ():
        found = random_effects_pool(
            x, n, scale=scale, method=method, hartung_knapp=hartung_knapp, ci_prob=settings.level
        )
        rows.append(
            {
                "estimator": name,
                **_estimate(found.estimate, found.lower, found.upper),
                "new_study_lower": found.prediction_lower,
                "new_study_upper": found.prediction_upper,
                "tau": found.tau2**0.5,
                "scale": scale,
            }
        )
    tau = None if glmm.tau2 is None else glmm.tau2**0.5
    likelihood = {"estimator": "GLMM, maximum likelihood", "scale": "logit", "tau": tau}
    likelihood |= _estimate(glmm.estimate, glmm.lower, glmm.upper)
    rows += [likelihood, {"estimator": "Bayes", "scale": "logit"} | _bayes(pool, settings)]
    return pd.DataFrame(rows)


def _estimate(estimate: float | None, lower: float | None, upper: float | None) -> dict[str, Any]:
    return {"typical_median": estimate, "typical_lower": lower, "typical_upper": upper}


def _bayes(pool: Pool, settings: Settings) -> dict[str, float]:
    row: dict[str, float] = {}
    rates = {name: getattr(pool, name) for name in ("typical", "average", "new_study")}
    for name, marginal in (rates | {"tau": pool.tau}).items():
        row |= {f"{name}_{part}": value for part, value in numbers(marginal, settings).items()}
        row[f"{name}_mean"] = marginal.mean
    row["tau"] = row["tau_median"]
    if pool.sigma is not None:
        between = numbers(pool.sigma, settings)
        row |= {f"sigma_cluster_{part}": value for part, value in between.items()}
    return row


def _studies(frame: pd.DataFrame, pool: Pool, settings: Settings, by: str | None) -> pd.DataFrame:
    """Return the studies with their observed and estimated rates."""
    lower, upper = exact_interval(frame["events"], frame["total"], settings.level)
    rates = pd.DataFrame([numbers(one, settings) for one in pool.studies])
    table = frame[["study", "events", "total"]].reset_index(drop=True)
    table = table.assign(
        observed=table["events"] / table["total"], exact_lower=lower, exact_upper=upper
    )
    extra = [by] if by is not None and by in frame else []
    extra += [name for name in frame if str(name).casefold().startswith("rob_")]
    return pd.concat([table, rates, frame[extra].reset_index(drop=True)], axis=1)


def _thresholds(pool: Pool, settings: Settings) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "threshold": threshold,
                "p_typical_above": pool.typical.above(threshold),
                "p_average_above": pool.average.above(threshold),
                "p_new_study_above": pool.new_study.above(threshold),
            }
            for threshold in settings.thresholds
        ]
    )


def _prediction(pool: Pool, settings: Settings) -> pd.DataFrame:
    """Return the probabilities of every number of events in a new study."""
    if settings.predict is None:
        return pd.DataFrame()
    chance = pool.count_probabilities(settings.predict)
    at_least = np.cumsum(chance[::-1])[::-1]
    return pd.DataFrame(
        {"events": np.arange(chance.size), "probability": chance, "p_at_least": at_least}
    )


def _regression(
    frame: pd.DataFrame,
    covariates: Sequence[str],
    by: str | None,
    source: str,
    settings: Settings,
    fitter: Fitter | None,
) -> "RegressionAnalysis":
    from models.analyses.regression.summary import analyse_regression
    from models.priors import RegressionPriors
    from models.reviews.covariates import Covariate, make_design

    grouped = frame if by is None else group_by(frame, by, source)
    design = make_design(grouped, [Covariate(name) for name in covariates], source)
    priors = RegressionPriors(**settings.plain_priors().as_dict())
    assert fitter is not None, "a regression is sampled"
    return analyse_regression(design, fitter, priors)
