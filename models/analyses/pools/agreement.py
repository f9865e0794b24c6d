"""Agreement plot: how far typical rates lie from the published method's pools."""

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from models.analyses.pools.validation import TOLERANCE_K5
from models.render.format import printed, typeset
from models.render.style import (
    BAND,
    BAYES,
    FAINT,
    OBSERVED,
    PAGE,
    SMALL,
    bare_rows,
    row_writer,
    shortened,
)

ROW, GAP = 3.5 / 25.4, 0.07
TOP, BOTTOM = 0.40, 0.56
LABEL, ARMS, PATIENTS, AXIS, AXIS_END, SHIFT, OURS, THEIRS = (
    x / 25.4 for x in (2, 66, 79, 84, 122, 134, 138, 160)
)
"""Inches: a row, between outcomes, above and below the rows; columns from the left edge (arms,
patients and differences end there)."""


def agreement(pools: pd.DataFrame) -> Figure:
    """Draw how far typical rates lie from the published method's pools, row by row.

    Parameters
    ----------
    pools
        One row a pool: ``outcome`` (name), ``label``, ``k``, ``events``, ``total``,
        ``estimate``, ``lower``, ``upper`` (published method, recomputed), ``median``,
        ``typical_lower``, ``typical_upper`` (typical rate), ``note`` (shown on the row). Rows are
        grouped by outcome, most arms first.

    Returns
    -------
    matplotlib.figure.Figure
        One page wide. Dot: difference in percentage points, area by arms; shaded: the tolerance
        for pools of five arms or more. Both estimates stand at the right.
    """
    outcomes = list(dict.fromkeys(pools["outcome"]))
    body = (len(pools) + len(outcomes)) * ROW + (len(outcomes) - 1) * GAP
    height = TOP + body + BOTTOM
    figure = Figure(figsize=(PAGE, height))
    axes = figure.add_axes(
        (AXIS / PAGE, BOTTOM / height, (AXIS_END - AXIS) / PAGE, 1 - BOTTOM / height)
    )
    bare_rows(axes, top=TOP, bottom=-body)
    differences = 100 * (pools["median"] - pools["estimate"])
    reach = max(5.0, 1.08 * float(differences.abs().max()))
    axes.set_xlim(-reach, reach)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}".replace("-", "−")))
    axes.set_xlabel("This analysis minus published method, points", labelpad=2)
    band = 100 * TOLERANCE_K5
    axes.fill_between([-band, band], -body, 0, color=BAND, lw=0, zorder=0)
    axes.vlines(0, -body, 0, color=OBSERVED, lw=0.6, zorder=1)
    write = row_writer(axes, axes.get_yaxis_transform(), baseline=True)

    def put(x: float, y: float, text: str, *, align: str = "left", bold: bool = False) -> None:
        write((x - AXIS) / (AXIS_END - AXIS), y, text, align=align, bold=bold)

    head = TOP - 0.9 * ROW
    for x, text in ((ARMS, "Arms"), (PATIENTS, "Patients"), (SHIFT, "Diff.")):
        put(x, head, text, align="right", bold=True)
    for x, text in ((OURS, "This analysis"), (THEIRS, "Published")):
        put(x, head, text, bold=True)
        put(x, head - ROW, "% (95 % int.)" if x == OURS else "method", bold=True)
    y = -0.5 * ROW
    for outcome in outcomes:
        put(LABEL, y, typeset(outcome[:1].upper() + outcome[1:]), bold=True)
        y -= ROW
        block = pools[pools["outcome"] == outcome]
        block = block.sort_values(["k", "total"], ascending=False, kind="stable")
        for row in block.itertuples():
            shift = 100 * (float(row.median) - float(row.estimate))
            size = 2.2 + 0.55 * float(row.k) ** 0.5
            axes.plot([shift], [y], "o", ms=size, color=BAYES, mew=0, gid="difference")
            name = f"{row.label} *" if row.note else str(row.label)
            put(LABEL + 0.1, y, shortened(typeset(name), ARMS - LABEL - 0.5))
            put(ARMS, y, f"{row.k}", align="right")
            put(PATIENTS, y, f"{row.total:,}", align="right")
            put(SHIFT, y, f"{shift:+z.1f}".replace("-", "−"), align="right")
            ours = (row.median, row.typical_lower, row.typical_upper)
            theirs = (row.estimate, row.lower, row.upper)
            for x, numbers in ((OURS, ours), (THEIRS, theirs)):
                put(x, y, printed(*(100 * float(v) for v in numbers)))
            y -= ROW
        y -= GAP
    notes = sorted({str(note) for note in pools["note"] if note})
    words = [f"Shaded: within {band:g} points", *(f"* {note}" for note in notes)]
    figure.text(
        0.5, 0.03 / height, ". ".join(words) + ".", ha="center", fontsize=SMALL, color=FAINT
    )
    return figure
