"""Subtype by treatment: every cell with its rate, its interval and its patients in plain sight."""

from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

from models.render.format import printed
from models.render.style import FAINT, FONT, INK, SMALL, TEXT_WIDTH

ROW = 0.285
"""Inches a row."""
_COLOURS = LinearSegmentedColormap.from_list("rate", ["#ffffff", "#d3e5f2", "#9ecae1"])
_DARKEST = 0.7
"""Rate of the darkest colour; few medians lie above it."""
_HEADINGS = {
    "ICI monotherapy": "ICI\nmonotherapy",
    "Dual Checkpoint Inhibitors": "Dual Checkpoint\nInhibitors",
    "ICI + TKI": "ICI +\nTKI",
    "ICI + chemotherapy": "ICI +\nchemotherapy",
    "ICI + immunomodulator": "ICI +\nimmunomodulator",
}


def subtype_heatmap(cells: pd.DataFrame, strata: pd.DataFrame) -> Figure:
    """Draw the table of subtypes by treatment groups.

    Parameters
    ----------
    cells
        As `models.analyses.subtypes.summary.summarise_cells` returns.
    strata
        ``stratum``, ``events``, ``total``, ``median`` (at the stratum's own mix); gives the order
        of the rows, highest median first.

    Returns
    -------
    matplotlib.figure.Figure
        In each cell: responders/patients, posterior median with 95 % interval in per cent, and
        below them the interval on a scale of 0-100 % over the cell's width with a dot at the
        median whose area grows with the patients. Colour repeats the median. Cells without a
        patient are predictions: white, dashed, in italics, with a tick in place of the dot.
    """
    treatments = list(dict.fromkeys(cells["treatment"]))
    order = list(strata.sort_values("median", ascending=False)["stratum"])
    counts = strata.set_index("stratum")
    height = len(order) * ROW + 0.90
    figure = Figure(figsize=(TEXT_WIDTH, height))
    axes = figure.add_axes((0.215, 0.45 / height, 0.778, 1 - 0.85 / height))
    axes.set_xlim(0, len(treatments))
    axes.set_ylim(len(order), 0)
    axes.axis("off")
    for column, treatment in enumerate(treatments):
        axes.text(
            column + 0.5,
            -0.12,
            _HEADINGS.get(treatment, str(treatment)),
            ha="center",
            va="bottom",
            fontsize=FONT - 1,
            fontweight="bold",
            color=INK,
        )
    for row, stratum in enumerate(order):
        events, total = counts.loc[stratum, "events"], counts.loc[stratum, "total"]
        axes.text(
            -0.04,
            row + 0.5,
            f"{stratum}  {events} / {total}",
            ha="right",
            va="center",
            fontsize=FONT - 0.8,
            color=INK,
        )
    for cell in cells.itertuples():
        _draw_cell(axes, treatments.index(cell.treatment), order.index(cell.stratum), cell)
    for column in range(len(treatments)):
        for rate, align in ((0.0, "left"), (0.5, "center"), (1.0, "right")):
            axes.text(
                column + 0.05 + 0.9 * rate,
                len(order) + 0.12,
                f"{100 * rate:g}",
                ha=align,
                va="top",
                fontsize=SMALL,
                color=FAINT,
            )
    _legend(figure)
    return figure


def _legend(figure: Figure) -> None:
    """Draw a key of the three marks."""
    figure.legend(
        handles=[
            Line2D([], [], marker="o", ms=2, mew=0, color=INK, lw=1.0),
            Line2D([], [], marker="o", ms=5, mew=0, color=INK, lw=1.0),
            Line2D([], [], marker="|", ms=5, color=INK, lw=1.0, ls=(0, (1, 1))),
        ],
        labels=[
            "few patients: median, 95 % interval, on a scale of 0 to 100 %",
            "many patients",
            "prediction, no patients",
        ],
        loc="lower center",
        ncols=3,
        frameon=False,
        fontsize=SMALL,
        bbox_to_anchor=(0.5, 0.0),
    )


def _draw_cell(axes: Axes, column: int, row: int, cell: Any) -> None:
    """Draw one cell; its corner is (column, row)."""
    predicted = cell.basis == "prediction"
    axes.add_patch(
        Rectangle(
            (column + 0.015, row + 0.03),
            0.97,
            0.94,
            facecolor="white" if predicted else _COLOURS(min(1.0, cell.median / _DARKEST)),
            edgecolor="#999999" if predicted else "white",
            lw=0.5,
            ls=(0, (2, 2)) if predicted else "-",
        )
    )
    rate = printed(100 * cell.median, 100 * cell.lower, 100 * cell.upper)
    size = FONT - 1.4
    if predicted:
        axes.text(
            column + 0.96, row + 0.33, rate, ha="right", va="center", fontsize=size, style="italic"
        )
    else:
        axes.text(
            column + 0.05,
            row + 0.33,
            f"{cell.events}/{cell.total}",
            ha="left",
            va="center",
            fontsize=size,
        )
        axes.text(column + 0.96, row + 0.33, rate, ha="right", va="center", fontsize=size)

    def place(rate: float) -> float:
        return column + 0.05 + 0.9 * rate

    y = row + 0.76
    axes.plot([place(0), place(1)], [y, y], color="#cccccc", lw=0.4, zorder=2)
    axes.plot(
        [place(cell.lower), place(cell.upper)],
        [y, y],
        color=INK,
        lw=1.0,
        ls=(0, (1, 1)) if predicted else "-",
        solid_capstyle="butt",
        zorder=3,
    )
    middle = place(cell.median)
    if predicted:
        axes.plot([middle, middle], [y - 0.1, y + 0.1], color=INK, lw=0.8, zorder=4)
    else:
        axes.scatter([middle], [y], s=2.5 + 0.35 * cell.total, color=INK, lw=0, zorder=4)
