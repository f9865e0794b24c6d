"""Predictive checks as figures: the priors, the failing statistic, PIT and rootogram."""

from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.figure import Figure

from models.analyses.checks.posterior_predictive import NEW
from models.analyses.checks.prior_predictive import EXTREME, PAIR, PriorDraws
from models.render.style import (
    BAYES,
    FONT,
    OBSERVED,
    PUBLISHED,
    TEXT_WIDTH,
    bare_rows,
    interval,
    row_writer,
)


def prior_figure(found: PriorDraws) -> Figure:
    """Draw what the priors say of a typical rate, a study's rate and an odds ratio."""
    figure = Figure(figsize=(TEXT_WIDTH, 2.0), layout="constrained")
    panels = figure.subplots(1, 3)
    bins = np.linspace(0, 1, 41)
    for axes, values, name in (
        (panels[0], found.typical, "typical rate"),
        (panels[1], found.study, "rate of a study"),
    ):
        axes.hist(values, bins=bins, density=True, color=BAYES, alpha=0.75)
        outside = float(((values < EXTREME[0]) | (values > EXTREME[1])).mean())
        axes.set_title(f"{name}\n{100 * outside:.1f} % below 1 % or above 99 %", fontsize=FONT)
        axes.set_xlabel("rate")
    values = found.log_odds_ratio
    panels[2].hist(values, bins=np.linspace(-6, 6, 61), density=True, color=BAYES, alpha=0.75)
    ticks = (0.05, 1, 20)
    panels[2].set_xticks(np.log(ticks))
    panels[2].set_xticklabels([f"{tick:g}" for tick in ticks])
    above = float((values > np.log(20)).mean())
    panels[2].set_title(f"{PAIR[0]} v. {PAIR[1]}\n{100 * above:.1f} % above 20", fontsize=FONT)
    panels[2].set_xlabel("odds ratio")
    for axes in panels:
        axes.set_yticks([])
        for side in ("left", "right", "top"):
            axes.spines[side].set_visible(False)
    return figure


def statistics_figure(table: pd.DataFrame, model: str) -> Figure:
    """Draw where the observed statistics lie among replicates with new study effects.

    Parameters
    ----------
    table
        See ``models.analyses.checks.posterior_predictive.predictive_table``.
    model
        Which model's rows.
    """
    rows = table[(table["model"] == model) & (table["replicates"] == NEW)]
    figure = Figure(figsize=(TEXT_WIDTH * 1.3, 0.6 + 0.17 * len(rows)), layout="constrained")
    left, axes, right = figure.subplots(1, 3, width_ratios=(6.0, 1.8, 2.6), sharey=True)
    for empty in (left, right):
        empty.axis("off")
    bare_rows(axes, len(rows) + 0.3, -0.8)
    words = row_writer(left, left.get_yaxis_transform())
    numbers = row_writer(right, right.get_yaxis_transform())
    for i, row in enumerate(rows.itertuples()):
        y = len(rows) - 1 - i
        scale = row.upper - row.lower or 1.0
        colour = PUBLISHED if row.noted else BAYES
        interval(axes, y, (row.median - row.lower) / scale, 0, 1, OBSERVED, marker="|", size=5)
        axes.plot((row.observed - row.lower) / scale, y, "o", ms=4, color=colour, zorder=4)
        words(0, y, f"{row.part}: {row.statistic}", colour=colour if row.noted else "black")
        numbers(0.3, y, f"{row.observed:.3g}", align="right", colour=colour)
        numbers(0.66, y, f"{row.p_at_most:.3f}", align="right", colour=colour)
        numbers(1.0, y, f"{row.p_at_least:.3f}", align="right", colour=colour)
    numbers(0.3, len(rows), "observed", align="right", bold=True)
    numbers(0.66, len(rows), "P(as low)", align="right", bold=True)
    numbers(1.0, len(rows), "P(as high)", align="right", bold=True)
    axes.set_xticks([0, 1])
    axes.set_xticklabels(["2.5 %", "97.5 %"])
    axes.set_xlabel("of the replicates with new study effects")
    figure.suptitle(f"Model: {model} (dot: observed; orange: noted)", fontsize=FONT + 0.5)
    return figure


def pit_figure(tree: xr.DataTree) -> Figure:
    """Draw ArviZ's PIT of the counts against replicates."""
    import arviz_plots as azp

    title = "PIT of the responders of each arm among replicates with new study effects"
    return _figure(azp.plot_ppc_pit(tree, backend="matplotlib"), title)


def rootogram_figure(tree: xr.DataTree) -> Figure:
    """Draw ArviZ's rootogram: how many arms have each number of responders."""
    import arviz_plots as azp

    title = "Arms by number of responders: observed (black), replicates with new study effects"
    return _figure(azp.plot_ppc_rootogram(tree, backend="matplotlib"), title)


def _figure(collection: Any, title: str) -> Figure:
    figure: Figure = collection.viz["figure"].item()
    figure.set_layout_engine("constrained")
    figure.set_size_inches(TEXT_WIDTH, 0.6 * TEXT_WIDTH)
    figure.axes[0].set_title(title, fontsize=FONT + 0.5)
    return figure
