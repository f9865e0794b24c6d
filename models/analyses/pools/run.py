"""Fit the pooled model to every pool that the paper prints, and to each treatment group."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pandas as pd

from models.analyses.pools.forest import ForestBlock
from models.analyses.pools.summary import summarise_pooled
from models.analyses.pools.validation import PoolRow
from models.estimands.rates import pooled_estimands
from models.evidence.load import Evidence
from models.evidence.vocabulary import OUTCOMES, TREATMENTS
from models.fitting.fit import Fitter
from models.frequentist.freeman_tukey import exact_interval, freeman_tukey_pool
from models.frequentist.glmm import fit_glmm
from models.pooled import build_pooled_model
from models.priors import Priors


@dataclass(frozen=True)
class PoolSpec:
    """A pool to fit: its id, what it is called and the studies in it."""

    pool_id: str
    outcome: str
    label: str
    review: pd.DataFrame
    published: bool


def pool_specs(evidence: Evidence, *, overall_only: bool = False) -> list[PoolSpec]:
    """List the pools of studies: every printed one, then the treatment groups left over.

    Parameters
    ----------
    evidence
        The validated evidence.
    overall_only
        Only the three pools of all arms.
    """
    values = evidence.published_values
    printed = values[(values["kind"] == "pooled rate") & (values["inputs"] == "printed")]
    specs = [
        PoolSpec(row.id, row.outcome, row.subgroup, evidence.select(row.selector), published=True)
        for row in printed.itertuples()
    ]
    known = {(spec.outcome, spec.label) for spec in specs}
    for outcome in OUTCOMES:
        arms = evidence.outcome(outcome)
        for treatment in TREATMENTS:
            if (outcome, treatment) not in known:
                subset = arms[arms["treatment"] == treatment].reset_index(drop=True)
                name = f"{outcome}_{TREATMENTS.index(treatment) + 1}"
                specs.append(PoolSpec(name, outcome, treatment, subset, published=False))
    if overall_only:
        specs = [spec for spec in specs if spec.label == "overall"]
    return specs


def fit_pool(spec: PoolSpec, sampler: Fitter, priors: Priors) -> tuple[PoolRow, Any]:
    """Pool one subset by all three estimators."""
    fit = sampler.fit(
        build_pooled_model, spec.review, priors, pooled_estimands, f"pool_{spec.pool_id}"
    )
    row = PoolRow(
        pool_id=spec.pool_id,
        outcome=spec.outcome,
        label=spec.label,
        review=spec.review,
        freeman_tukey=freeman_tukey_pool(spec.review["events"], spec.review["total"]),
        glmm=fit_glmm(spec.review["events"], spec.review["total"]),
        bayes=summarise_pooled(fit.posterior, spec.review),
        gate_passed=fit.gate.passed,
        published=spec.published,
    )
    return row, fit


def fit_pools(
    specs: list[PoolSpec],
    sampler: Fitter,
    priors: Priors,
    keep: Callable[[PoolSpec, Any], None],
) -> list[PoolRow]:
    """Fit every pool; ``keep`` is called with each fit, to save it and to show progress."""
    rows = []
    for spec in specs:
        row, fit = fit_pool(spec, sampler, priors)
        keep(spec, fit)
        rows.append(row)
    return rows


def study_rates(row: PoolRow) -> pd.DataFrame:
    """Return the arms of a pool with observed and shrunken rates, in Fig. 2's order.

    Returns
    -------
    pandas.DataFrame
        ``study``, ``treatment``, ``line``, ``events``, ``total``, ``exact_lower``,
        ``exact_upper`` (Clopper-Pearson), ``median``, ``lower``, ``upper`` (posterior of the
        arm's rate in the pooled model of all arms), probability scale.
    """
    review = row.review.reset_index(drop=True)
    lower, upper = exact_interval(review["events"], review["total"])
    frame = review[["study", "treatment", "line", "events", "total"]].assign(
        exact_lower=lower, exact_upper=upper
    )
    return frame.merge(row.bayes.studies[["study", "median", "lower", "upper"]], on="study")


def forest_blocks(rows: list[PoolRow], outcome: str) -> tuple[list[ForestBlock], ForestBlock]:
    """Arrange the fits of one outcome for its forest plot."""
    by_label = {row.label: row for row in rows if row.outcome == outcome}
    overall = by_label["overall"]
    arms = study_rates(overall)
    blocks = [
        _block(by_label[t], t, _sorted(arms[arms["treatment"] == t]))
        for t in TREATMENTS
        if t in by_label
    ]
    return blocks, _block(overall, "All arms", arms.iloc[:0])


def _sorted(arms: pd.DataFrame) -> pd.DataFrame:
    observed = arms["events"] / arms["total"]
    return arms.assign(observed=observed).sort_values(
        ["observed", "total"], ascending=[False, False]
    )


def _block(row: PoolRow, title: str, arms: pd.DataFrame) -> ForestBlock:
    pool, bayes = row.freeman_tukey, row.bayes

    def triple(numbers: dict[str, float]) -> tuple[float, float, float]:
        return numbers["median"], numbers["lower"], numbers["upper"]

    return ForestBlock(
        title=title,
        arms=arms,
        events=int(row.review["events"].sum()),
        total=int(row.review["total"].sum()),
        published=(pool.estimate, pool.lower, pool.upper) if row.published else None,
        typical=triple(bayes.typical),
        new_study=(bayes.new_study["lower"], bayes.new_study["upper"]),
        tau=triple(bayes.tau),
        i2=pool.i2,
    )
