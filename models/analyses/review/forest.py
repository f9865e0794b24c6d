"""The forest plot of a review: `models.render.forest` with its studies, pools and words."""

from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from models.analyses.review.summary import ReviewResult
from models.fitting.gate import Gate
from models.frequentist.freeman_tukey import freeman_tukey_pool
from models.render.forest import ForestBlock, ForestWords, forest
from models.render.style import mark_failed


def review_forest(result: ReviewResult) -> Figure:
    """Draw the studies, by group if there are groups, and the pools.

    Studies stand in order of their observed rates. Columns ``rob_*`` are drawn beside them.
    """
    settings = result.settings
    studies = result.tables["studies"].assign(rate=lambda table: table["events"] / table["total"])
    studies = studies.sort_values(["rate", "total"], ascending=False, kind="stable")
    row = result.bayes
    tau = (row["tau_median"], row["tau_lower"], row["tau_upper"])
    blocks: list[ForestBlock] = []
    if result.groups is not None:
        scale = result.groups.tau
        shared = (scale["median"], scale["lower"], scale["upper"])
        by = result.groups.by
        labels = studies[by].astype(str).str.strip()
        blocks = [
            _block(str(group["group"]), studies[labels == group["group"]], group, shared, result)
            for group in result.groups.table.to_dict("records")
        ]
        # studies of no group are pooled with all, and drawn there
        studies = studies[labels == ""]
    words = ForestWords(
        axis=f"Patients with {settings.event} (%)",
        study="Study",
        published="Freeman-Tukey, DerSimonian-Laird",
        level=settings.level,
    )
    overall = _block("All studies", studies, row, tau, result)
    figure = forest(blocks, overall, words)
    if not _passed(result):
        mark_failed(figure)
    return figure


def _passed(result: ReviewResult) -> bool:
    gates: list[Gate] = [result.pool.gate]
    if result.groups is not None:
        gates.append(result.groups.gate)
    return all(gate.passed for gate in gates)


def _block(
    title: str,
    studies: pd.DataFrame,
    row: dict[str, Any],
    tau: tuple[float, float, float],
    result: ReviewResult,
) -> ForestBlock:
    whole = result.frame if title == "All studies" else studies
    pool = freeman_tukey_pool(whole["events"], whole["total"], ci_prob=result.settings.level)
    return ForestBlock(
        title=title,
        arms=studies.drop(columns=["rate", "observed"]),
        events=int(whole["events"].sum()),
        total=int(whole["total"].sum()),
        published=(pool.estimate, pool.lower, pool.upper),
        typical=(row["typical_median"], row["typical_lower"], row["typical_upper"]),
        new_study=(row["new_study_lower"], row["new_study_upper"]),
        tau=tau,
        i2=pool.i2,
    )
