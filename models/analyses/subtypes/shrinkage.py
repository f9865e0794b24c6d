"""Shrinkage plot: observed rate and estimate of each subtype, one in front of the other."""

from typing import Any

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from models.render.forest import PALE, draw_arm
from models.render.format import printed
from models.render.style import (
    BAND,
    BAYES,
    FAINT,
    INK,
    PAGE,
    SMALL,
    RowWriter,
    bare_rows,
    percent_axis,
    row_writer,
)

ROW = 3.6 / 25.4
TOP, BOTTOM = 0.42, 0.62
LABEL, COUNT, AXIS, AXIS_END, SEEN = (x / 25.4 for x in (2, 74, 78, 106, 115))
ESTIMATE, EXNEX, PUBLISHED, BORROWED = (x / 25.4 for x in (118, 135, 151, 179))
"""Inches: a row, above and below the rows; columns from the left edge (counts, observed rates and
borrowed patients end there)."""
FEW = 10
"""Patients below which a subtype is written in grey: what stands there is mostly the others'."""


def shrinkage_plot(estimates: pd.DataFrame) -> Figure:
    """Draw observed rates and estimates of the subtypes; other estimates are columns.

    Parameters
    ----------
    estimates
        As `models.analyses.subtypes.tables.estimates_table` returns: the rows of the models
        ``exchangeable`` and ``exnex`` are shown.

    Returns
    -------
    matplotlib.figure.Figure
        One page wide, highest estimate first. Grey square: responders over patients, with the
        exact interval as a pale bar. Blue: estimate with borrowing. Columns: estimates in per
        cent with 95 % intervals, printed in Fig. 4, and how many patients' worth of information
        the estimate takes from the other subtypes.
    """
    models = {name: part.set_index("subtype") for name, part in estimates.groupby("model")}
    rows = models["exchangeable"].sort_values("median", ascending=False)
    exnex = models["exnex"]
    height = TOP + len(rows) * ROW + BOTTOM
    figure = Figure(figsize=(PAGE, height))
    axes = figure.add_axes(
        (AXIS / PAGE, BOTTOM / height, (AXIS_END - AXIS) / PAGE, 1 - BOTTOM / height)
    )
    bare_rows(axes, top=TOP, bottom=-len(rows) * ROW)
    axes.set_xlim(0, 1)
    percent_axis(axes, [0, 0.5, 1.0])
    axes.set_xlabel("Patients with objective response, %", labelpad=2)
    write = row_writer(axes, axes.get_yaxis_transform(), baseline=True)

    def put(x: float, y: float, text: str, **how: Any) -> None:
        write((x - AXIS) / (AXIS_END - AXIS), y, text, **how)

    _headings(put)
    for place, (subtype, row) in enumerate(rows.iterrows()):
        y = -(place + 0.5) * ROW
        if place % 2:
            width = AXIS_END - AXIS
            ends = {"xmin": (LABEL - AXIS) / width, "xmax": (PAGE - LABEL - AXIS) / width}
            axes.axhspan(
                y - ROW / 2, y + ROW / 2, color=BAND, lw=0, zorder=0, clip_on=False, **ends
            )
        _row(put, y, str(subtype), row, exnex.loc[subtype])
        draw_arm(axes, {**row.to_dict(), "study": subtype}, y)
    for artist in axes.lines:
        artist.set_clip_on(False)  # a marker at 0 % stays whole
    figure.legend(
        handles=[
            Line2D([], [], color=PALE, lw=3.4, marker="s", mfc="white", mec=FAINT, mew=0.8, ms=4.5),
            Line2D([], [], color=BAYES, marker="o", ms=3, lw=1),
        ],
        labels=["observed, with exact interval", "estimate, subtypes borrow from each other"],
        loc="lower center",
        ncols=2,
        frameon=False,
        fontsize=SMALL,
        bbox_to_anchor=(0.5, 0.0),
    )
    return figure


def _headings(put: RowWriter) -> None:
    y = TOP - 0.9 * ROW
    put(LABEL, y, "Subtype", bold=True)
    put(COUNT, y, "Responders / patients", bold=True, align="right")
    put(SEEN, y, "Observed", bold=True, align="right")
    put(SEEN, y - ROW, "%", bold=True, align="right")
    put(ESTIMATE, y, "Estimate", bold=True)
    put(EXNEX, y, "EXNEX", bold=True)
    put(PUBLISHED, y, "Published", bold=True)
    for x in (ESTIMATE, EXNEX, PUBLISHED):
        put(x, y - ROW, "%", bold=True)
    put(BORROWED, y, "Patients", bold=True, align="right")
    put(BORROWED, y - ROW, "borrowed", bold=True, align="right")


def _row(put: RowWriter, y: float, subtype: str, row: pd.Series, other: pd.Series) -> None:
    family = row["kind"] == "family"
    colour = FAINT if row["total"] < FEW else INK
    name = f"{row['full_name']} (all four)" if family else str(row["full_name"])
    put(LABEL, y, name, bold=family, colour=colour)
    put(COUNT, y, f"{row['events']} / {row['total']}", align="right", colour=colour)
    put(SEEN, y, f"{100 * row['raw']:.0f}", align="right", colour=colour)
    for x, source, prefix in (
        (ESTIMATE, row, ""),
        (EXNEX, other, ""),
        (PUBLISHED, row, "printed_"),
    ):
        middle = source["printed_estimate" if prefix else "median"]
        if not pd.isna(middle):
            numbers = (middle, source[f"{prefix}lower"], source[f"{prefix}upper"])
            rate = printed(*(100 * float(v) for v in numbers))
            put(x, y, rate, colour=colour, bold=x == ESTIMATE and row["total"] >= FEW)
    if not pd.isna(row["borrowed"]):
        borrowed = f"{row['borrowed']:.0f}".replace("-", "−")
        put(BORROWED, y, borrowed, align="right", colour=colour)
