"""Which studies move the pools most: the pools without them."""

from collections.abc import Mapping

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter

from models.render.format import printed, typeset
from models.render.style import (
    BAYES,
    OBSERVED,
    PAGE,
    SMALL,
    bare_rows,
    row_writer,
    shortened,
)

SHOWN = 8
"""Studies an outcome."""
ROW, GAP = 3.5 / 25.4, 0.08
TOP, BOTTOM = 0.40, 0.62
LABEL, COUNT, AXIS, AXIS_END, SHIFT, RATE = (x / 25.4 for x in (2, 76, 82, 130, 145, 150))
"""Inches: a row, between outcomes, above and below the rows; columns from the left edge."""


def influence_figure(table: pd.DataFrame, outcomes: Mapping[str, str]) -> Figure:
    """Draw how far the pools move without single studies, the furthest of every outcome.

    Parameters
    ----------
    table
        See ``models.analyses.checks.loo.leave_one_study_out``.
    outcomes
        Names of the outcomes by code, in the order in which they are drawn.

    Returns
    -------
    matplotlib.figure.Figure
        One page wide. Filled: shift of the typical rate, open: of the average rate, percentage
        points; at the right the typical rate without the study.
    """
    blocks = {
        code: rows.loc[rows["typical_shift"].abs().sort_values(ascending=False).index[:SHOWN]]
        for code, rows in table.groupby("outcome")
    }
    lines = sum(1 + len(blocks[code]) for code in outcomes)
    body = lines * ROW + (len(outcomes) - 1) * GAP
    height = TOP + body + BOTTOM
    figure = Figure(figsize=(PAGE, height))
    axes = figure.add_axes(
        (AXIS / PAGE, BOTTOM / height, (AXIS_END - AXIS) / PAGE, 1 - BOTTOM / height)
    )
    bare_rows(axes, top=TOP, bottom=-body)
    shown = pd.concat([blocks[code] for code in outcomes])
    reach = 100 * float(shown[["typical_shift", "average_shift"]].abs().max().max()) * 1.12
    axes.set_xlim(-reach, reach)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}".replace("-", "−")))
    axes.set_xlabel("Shift of the pool without the arm, percentage points", labelpad=2)
    axes.vlines(0, -body, 0, color=OBSERVED, lw=0.6, zorder=1)
    write = row_writer(axes, axes.get_yaxis_transform(), baseline=True)

    def put(x: float, y: float, text: str, *, align: str = "left", bold: bool = False) -> None:
        write((x - AXIS) / (AXIS_END - AXIS), y, text, align=align, bold=bold)

    head = TOP - 0.9 * ROW
    put(LABEL, head, "Without", bold=True)
    put(COUNT, head, "Events / patients", bold=True, align="right")
    put(SHIFT, head, "Shift", bold=True, align="right")
    put(RATE, head, "Typical rate without it", bold=True)
    put(RATE, head - ROW, "% (95 % interval)", bold=True)
    y = -0.5 * ROW
    for code, name in outcomes.items():
        put(LABEL, y, typeset(name[:1].upper() + name[1:]), bold=True)
        y -= ROW
        for row in blocks[code].itertuples():
            shift, average = 100 * float(row.typical_shift), 100 * float(row.average_shift)
            axes.plot([0, shift], [y, y], color=BAYES, lw=0.9, zorder=2)
            axes.plot([average], [y], "o", ms=3.4, color=BAYES, mfc="white", mew=0.8, zorder=3)
            axes.plot([shift], [y], "o", ms=3.4, color=BAYES, mew=0, zorder=4)
            put(LABEL + 0.1, y, shortened(str(row.study), COUNT - LABEL - 0.65))
            put(COUNT, y, f"{row.events} / {row.total}", align="right")
            put(SHIFT, y, f"{shift:+.1f}".replace("-", "−"), align="right")
            rates = (row.typical_median, row.typical_lower, row.typical_upper)
            put(RATE, y, printed(*(100 * float(v) for v in rates), digits=1))
            y -= ROW
        y -= GAP
    figure.legend(
        handles=[
            Line2D([], [], lw=0.9, marker="o", ms=3.4, color=BAYES),
            Line2D([], [], lw=0, marker="o", ms=3.4, color=BAYES, mfc="white"),
        ],
        labels=["typical rate", "average rate"],
        loc="lower center",
        ncols=2,
        frameon=False,
        fontsize=SMALL,
        bbox_to_anchor=(0.5, 0.0),
    )
    return figure
