"""Figure of the simulation of subtypes: error and coverage by size, in four of the scenarios."""

from typing import Any, Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from models.common.constants import CI_PROB
from models.render.format import typeset
from models.render.style import BAYES, FAINT, FONT, INK, OBSERVED, PAGE, PUBLISHED, SMALL
from models.validation.small_subtypes.replicate import METHODS
from models.validation.small_subtypes.summary import LPS_ROW, METHOD_WORDS

LOOKS: Final = {
    "ft_published": (PUBLISHED, "s", True),
    "ft_arms": (PUBLISHED, "s", False),
    "crude": (OBSERVED, "D", True),
    "glmm": (INK, "^", False),
    "exchangeable": (BAYES, "o", True),
    "exnex": (BAYES, "o", False),
}
"""Colour, marker and whether it is filled, with a line drawn through."""
SHOWN: Final = {
    "all 10 %": "Every subtype\nresponds at 10 %",
    "two high": "Two respond at 60 %,\nthe others at 5 %",
    "raw rates": "Rates as observed,\n0 % and 100 % too",
    "by treatment and arm": "Rates differ by subtype,\ntreatment and arm",
}
"""The scenarios drawn, as a reader calls them; the tables have all."""


def simulation_figure(sizes: pd.DataFrame) -> Figure:
    """Draw the root mean squared error and the coverage of every method by size of the subtype.

    Parameters
    ----------
    sizes
        As `models.validation.small_subtypes.summary.by_size` returns it.

    Returns
    -------
    matplotlib.figure.Figure
        One page wide, a column a scenario. Above: error in percentage points, less is better.
        Below: how many of 100 intervals hold the true rate; the line is at 95.
    """
    labels = [size for size in dict.fromkeys(sizes["size"]) if size != LPS_ROW]
    figure = Figure(figsize=(PAGE, 4.3))
    rows = (("rmse", "Root mean squared error,\npercentage points"), ("coverage", "Coverage, %"))
    grid: Any = figure.subplots(
        2,
        len(SHOWN),
        sharex=True,
        sharey="row",
        gridspec_kw={
            "left": 0.085,
            "right": 0.995,
            "top": 0.905,
            "bottom": 0.215,
            "wspace": 0.08,
            "hspace": 0.1,
        },
    )
    for column, (scenario, name) in enumerate(SHOWN.items()):
        part = sizes[sizes["scenario"] == scenario]
        for row, (quantity, _) in enumerate(rows):
            _panel(grid[row, column], part, quantity, labels)
        grid[0, column].set_title(name, loc="left", fontsize=FONT, pad=4)
        grid[1, column].set_xticks(range(len(labels)), [typeset(label) for label in labels])
    for row, (_, name) in enumerate(rows):
        grid[row, 0].set_ylabel(name, fontsize=FONT)
        grid[row, 0].yaxis.set_label_coords(-0.21, 0.5)
    grid[0, 0].set_ylim(bottom=0)
    grid[1, 0].set_ylim(50, 101.5)
    for axes in grid[1]:
        axes.axhline(100 * CI_PROB, color=INK, lw=0.6, zorder=1)
    figure.text(0.54, 0.105, "Patients of the subtype", ha="center", fontsize=FONT)
    figure.legend(
        handles=[
            Line2D([], [], color=c, marker=m, mfc=c if filled else "white", ms=3.6, lw=1.0)
            for c, m, filled in (LOOKS[method] for method in METHODS)
        ],
        labels=[METHOD_WORDS[method] for method in METHODS],
        loc="lower center",
        ncols=len(METHODS),
        frameon=False,
        fontsize=SMALL,
        handlelength=2.0,
        columnspacing=1.2,
        bbox_to_anchor=(0.54, 0.035),
    )
    figure.text(
        0.54,
        0.012,
        "Points below 50 % coverage are marked at the edge; all ten scenarios are in the table.",
        ha="center",
        fontsize=SMALL,
        color=FAINT,
    )
    return figure


def _panel(axes: Axes, part: pd.DataFrame, quantity: str, labels: list[str]) -> None:
    floor = 50.6 if quantity == "coverage" else -np.inf
    for method in METHODS:
        colour, marker, filled = LOOKS[method]
        own = part[part["method"] == method].set_index("size")[quantity].reindex(labels)
        x = np.arange(len(labels)) + 0.08 * (METHODS.index(method) - 2.5)
        y = np.maximum(100 * own.to_numpy(), floor)
        face = colour if filled else "white"
        axes.plot(x, y, color=colour, marker=marker, ms=3.6, mfc=face, mew=0.9, lw=0.9)
    axes.grid(axis="y", lw=0.3, color="#dddddd")
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(length=2.5)
