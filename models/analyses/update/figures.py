"""The cumulative figure: what was known when."""

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from models.analyses.groups.claims import limits
from models.render.style import BAYES, FAINT, INK, SMALL, TEXT_WIDTH


def cumulative_figure(table: pd.DataFrame, a: str, b: str, new: int | None = None) -> Figure:
    """Draw the estimates from all arms published up to each year.

    Parameters
    ----------
    table
        From `models.analyses.update.cumulative.cumulative`.
    a, b
        Groups compared.
    new
        First year of the new arms, from which on the ground is shaded; None if there are none.

    Returns
    -------
    matplotlib.figure.Figure
        Left: typical rate of all arms; middle: tau; both with 95 % intervals, the number of arms
        along the first. Right: probability that a's typical rate is higher than b's, with the
        limits of the words; missing until both have an arm.
    """
    figure = Figure(figsize=(TEXT_WIDTH, 2.5))
    pool, spread, higher = figure.subplots(1, 3)
    years = table["year"].to_numpy()
    for axes, name, times in ((pool, "typical", 100.0), (spread, "tau", 1.0)):
        median, lower, upper = (times * table[f"{name}_{p}"] for p in ("median", "lower", "upper"))
        axes.fill_between(years, lower, upper, color=BAYES, alpha=0.15, lw=0)
        axes.errorbar(
            years, median, [median - lower, upper - median], color=BAYES, lw=1.0, marker="o", ms=3
        )
        axes.set_ylim(bottom=0.0)
    for year, arms, top in zip(years, table["arms"], 100 * table["typical_upper"], strict=True):
        pool.text(year, top + 1, str(arms), ha="center", va="bottom", fontsize=SMALL, color=FAINT)
    pool.set_ylabel("typical rate of all arms, %")
    spread.set_ylabel("tau, SD between arms (logit)")
    higher.plot(years, table["probability"], color=BAYES, lw=1.0, marker="o", ms=3)
    higher.set_ylim(0.0, 1.0)
    higher.set_ylabel(f"P({a} >\n{b})", parse_math=False)
    for limit in limits(similar=False):
        higher.axhline(limit, color=FAINT, lw=0.4, ls=":")
    for axes in (pool, spread, higher):
        if new is not None:
            axes.axvspan(new - 0.5, years[-1] + 0.5, color=INK, alpha=0.07, lw=0)
        axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
        axes.set_xlim(years[0] - 0.7, years[-1] + 0.7)
        axes.set_xlabel("published up to")
        for side in ("top", "right"):
            axes.spines[side].set_visible(False)
    figure.tight_layout()
    return figure
