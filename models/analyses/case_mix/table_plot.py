"""The arm by subtype table: what is known, what the margins fix, what is inferred."""

from typing import TYPE_CHECKING, Final

from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from models.analyses.case_mix.summary import INFERRED, KNOWN
from models.render.style import BAYES, FONT, INK, OBSERVED

if TYPE_CHECKING:
    from models.analyses.case_mix.summary import CaseMixResult

ROW, COLUMN = 0.215, 0.292
"""Inches of a cell."""
LEFT, RIGHT, TOP, BOTTOM = 2.15, 0.1, 1.2, 0.42
HEADING: Final = 0.17
"""Inches of a treatment's heading."""
_COLOURS = LinearSegmentedColormap.from_list("rate", ["#ffffff", "#c6dbef", "#6baed6"])


def inferred_table(result: "CaseMixResult") -> Figure:
    """Draw the table of responders by arm and subtype.

    Parameters
    ----------
    result
        ``table`` and ``review`` are read.

    Returns
    -------
    matplotlib.figure.Figure
        Arms by treatment, subtypes by their patients. Upper number: responders; black and bold
        where a trial report states them, black where the margins fix them, blue with one decimal
        (posterior mean) where they are inferred. Lower number: patients. Colour: responders over
        patients. Wider than a text column: for a page of its own.
    """
    review, table = result.review, result.table
    patients = review.cells.groupby("subtype", observed=False)["total"].sum()
    order = [str(s) for s in patients.sort_values(ascending=False, kind="stable").index]
    column = {subtype: i for i, subtype in enumerate(order)}
    heights: dict[str, float] = {}
    headings: list[tuple[float, str]] = []
    y = 0.0
    for treatment in review.treatments:
        headings.append((y + HEADING / 2, treatment))
        y += HEADING
        for arm in review.arms.loc[review.arms["treatment"] == treatment, "arm"]:
            heights[str(arm)] = y
            y += ROW
    width, height = LEFT + len(order) * COLUMN + RIGHT, TOP + y + BOTTOM
    figure = Figure(figsize=(width, height))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_xlim(-LEFT, width - LEFT)
    axes.set_ylim(y + BOTTOM, -TOP)
    axes.axis("off")
    for subtype, place in column.items():
        axes.text(
            (place + 0.5) * COLUMN,
            -0.05,
            f"{subtype}  {patients[subtype]}",
            rotation=90,
            ha="center",
            va="bottom",
            fontsize=FONT - 1.2,
            color=INK,
        )
    for place_y, treatment in headings:
        axes.text(
            0.06 - LEFT, place_y, treatment, va="center", fontsize=FONT - 0.5, fontweight="bold"
        )
    counts = review.arms.set_index("arm")
    for arm, place_y in heights.items():
        events, total = counts.loc[arm, "events"], counts.loc[arm, "total"]
        axes.text(
            -0.05,
            place_y + ROW / 2,
            f"{arm}  {events}/{total}",
            ha="right",
            va="center",
            fontsize=FONT - 1.2,
            color=INK,
        )
    for cell in table.itertuples():
        x, top = column[str(cell.subtype)] * COLUMN, heights[str(cell.arm)]
        _draw_cell(
            axes, x, top, float(cell.mean), int(cell.total), int(cell.least), str(cell.basis)
        )
    axes.text(
        (width - 2 * LEFT) / 2,
        y + BOTTOM - 0.1,
        "Responders above, patients below. Bold: stated in a trial report. Black: fixed by the "
        "margins. Blue: inferred (posterior mean). Colour: responders / patients, "
        "white 0 to dark 60 % and more.",
        ha="center",
        va="bottom",
        fontsize=FONT - 1,
        color=INK,
    )
    return figure


def _draw_cell(
    axes: Axes, x: float, y: float, mean: float, total: int, least: int, basis: str
) -> None:
    """Draw one cell; its upper left corner is (x, y), inches."""
    axes.add_patch(
        Rectangle(
            (x + 0.008, y + 0.008),
            COLUMN - 0.016,
            ROW - 0.016,
            facecolor=_COLOURS(min(1.0, mean / total / 0.6)),
            edgecolor=OBSERVED,
            lw=0.3,
        )
    )
    inferred = basis == INFERRED
    axes.text(
        x + COLUMN / 2,
        y + 0.29 * ROW,
        f"{mean:.1f}" if inferred else f"{least}",
        ha="center",
        va="center",
        fontsize=FONT - 1.7,
        fontweight="bold" if basis == KNOWN else "normal",
        color=BAYES if inferred else INK,
    )
    axes.text(
        x + COLUMN / 2,
        y + 0.72 * ROW,
        f"{total}",
        ha="center",
        va="center",
        fontsize=FONT - 2.7,
        color="#555555",
    )
