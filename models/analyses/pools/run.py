"""Every pool that the paper prints, and each treatment group, by three estimators."""

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd
from matplotlib.figure import Figure

from models.analyses.pools.agreement import agreement
from models.analyses.pools.summary import summarise
from models.analyses.pools.validation import PoolRow, validation_table
from models.evidence.load import Evidence
from models.evidence.vocabulary import OUTCOMES, TREATMENTS
from models.fitting.checked import Checked
from models.fitting.fit import Fitter, Wanted
from models.fitting.registry import POOLED
from models.frequentist.freeman_tukey import exact_interval, freeman_tukey_pool
from models.frequentist.glmm import fit_glmm
from models.render.forest import ForestBlock, ForestWords, forest, sorted_by_rate
from models.render.output import Output
from models.render.style import mark_failed


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


def pool(spec: PoolSpec, fit: Fitter) -> PoolRow:
    """Pool one subset by all three estimators."""
    posterior = fit(
        Wanted(
            POOLED,
            spec.review,
            name=f"pool_{spec.pool_id}",
            description=f"{spec.outcome}, {spec.label}",
        )
    )
    return PoolRow(
        pool_id=spec.pool_id,
        outcome=spec.outcome,
        label=spec.label,
        review=spec.review,
        freeman_tukey=freeman_tukey_pool(spec.review["events"], spec.review["total"]),
        glmm=fit_glmm(spec.review["events"], spec.review["total"]),
        bayes=summarise(posterior, spec.review),
        gate_passed=posterior.gate.passed,
        published=spec.published,
    )


def run(evidence: Evidence, fit: Fitter, done: Mapping[str, Output]) -> Output:
    """Pool every subset; the published ones are validated."""
    checked = Checked(fit)
    rows = [pool(spec, checked) for spec in pool_specs(evidence)]
    table = validation_table(rows)
    overall = {row.outcome: row for row in rows if row.label == "overall"}
    rates = {f"study_rates_{outcome}": study_rates(row) for outcome, row in overall.items()}
    return Output(
        tables={"pools": table, **rates, "pools_sampler": checked.table()},
        figures={f"forest_{outcome}": _forest(rows, outcome) for outcome in overall}
        | {"agreement": _agreement(table)},
        problems=[
            f"{row.id} ({row.label}): {row.reason}"
            for row in table[table["verdict"] == "fails"].itertuples()
        ],
    )


def _forest(rows: list[PoolRow], outcome: str) -> Figure:
    blocks, overall = forest_blocks(rows, outcome)
    words = ForestWords(
        axis=f"Patients with {OUTCOMES[outcome]}, %",
        counts="Responders / patients" if outcome == "orr" else "Events / patients",
        marked=frozenset(
            arm.study
            for block in blocks
            for arm in block.arms.itertuples()
            if arm.line == "first line"
        ),
        mark="first line",
    )
    figure = forest(sorted_by_rate(blocks), overall, words)
    if not all(row.gate_passed for row in rows if row.outcome == outcome):
        mark_failed(figure)
    return figure


def _agreement(table: pd.DataFrame) -> Figure:
    pools = table[table["verdict"] != "not printed"].rename(
        columns={
            "ft_estimate": "estimate",
            "ft_lower": "lower",
            "ft_upper": "upper",
            "typical_median": "median",
        }
    )
    pools = pools.assign(
        outcome=pools["outcome"].map(OUTCOMES),
        note=["two arms, fixed effect" if v == "reported" else "" for v in pools["verdict"]],
    )
    figure = agreement(pools)
    if (table["gate"] != "passed").any():
        mark_failed(figure)
    return figure


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
