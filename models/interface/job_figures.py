"""Draw every figure of the main job and save it."""

from pathlib import Path

import pandas as pd

from models.analyses.groups.contrast_forest import contrast_forest
from models.analyses.groups.forest import group_forest
from models.analyses.groups.ranks import rank_heatmap
from models.analyses.groups.run import GroupResults
from models.analyses.groups.tradeoff import tradeoff, tradeoff_counts
from models.analyses.pools.agreement import agreement
from models.analyses.pools.forest import forest
from models.analyses.pools.run import forest_blocks
from models.analyses.pools.validation import PoolRow
from models.estimands.contrasts import DEFAULT_MARGIN
from models.evidence.vocabulary import OUTCOMES
from models.render.style import mark_failed, save


def write_pool_figures(rows: list[PoolRow], table: pd.DataFrame, out: Path) -> list[Path]:
    """Draw the forest plot of each outcome and the agreement plot."""
    written = []
    for outcome, name in OUTCOMES.items():
        blocks, overall = forest_blocks(rows, outcome)
        figure = forest(blocks, overall, name)
        if not all(row.gate_passed for row in rows if row.outcome == outcome):
            mark_failed(figure)
        written += save(figure, out / f"forest_{outcome}")
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
        note=["k = 2, fixed effect" if v == "reported" else "" for v in pools["verdict"]],
    )
    figure = agreement(pools)
    if (table["gate"] != "passed").any():
        mark_failed(figure)
    return written + save(figure, out / "agreement")


def write_group_figures(results: GroupResults, rows: list[PoolRow], out: Path) -> list[Path]:
    """Draw group forests, contrast forests, rank heat maps and the trade-off plane."""
    alone = {
        (row.outcome, row.label): (
            row.bayes.typical["median"],
            row.bayes.typical["lower"],
            row.bayes.typical["upper"],
        )
        for row in rows
    }
    written = []
    for name in ("orr_treatment", "dcr_treatment", "trae_treatment", "orr_line"):
        analysis = results.analyses[name]
        single = {
            str(group): alone[analysis.outcome, str(group)] for group in analysis.groups["group"]
        }
        for stem, figure in (
            ("groups", group_forest(analysis, single)),
            ("contrasts", contrast_forest(analysis, DEFAULT_MARGIN)),
            ("ranks", rank_heatmap(analysis)),
        ):
            if not analysis.fit.gate.passed:
                mark_failed(figure)
            written += save(figure, out / f"{stem}_{name}")
    orr, trae = results.analyses["orr_treatment"], results.analyses["trae_treatment"]
    counts = tradeoff_counts(orr.groups, trae.groups)
    figure = tradeoff(orr.fit.posterior["typical_rate"], trae.fit.posterior["typical_rate"], counts)
    if not (orr.fit.gate.passed and trae.fit.gate.passed):
        mark_failed(figure)
    return written + save(figure, out / "tradeoff")
