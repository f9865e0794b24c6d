"""How much each study moves the pool: the pooled rate without it."""

import pandas as pd
from matplotlib.figure import Figure

from models.render.style import (
    BAYES,
    FONT,
    INK,
    OBSERVED,
    PUBLISHED,
    TEXT_WIDTH,
    bare_rows,
    interval,
    percent_axis,
    row_writer,
)


def influence_figure(table: pd.DataFrame, outcome: str, title: str) -> Figure:
    """Draw the pooled rates without each study, the most influential on top.

    Parameters
    ----------
    table
        See ``models.analyses.checks.loo.leave_one_study_out``.
    outcome
        Code of the outcome to draw.
    title
        What the outcome is called.

    Returns
    -------
    matplotlib.figure.Figure
    """
    rows = table[table["outcome"] == outcome]
    rows = rows.loc[rows["typical_shift"].abs().sort_values(ascending=False).index]
    figure = Figure(figsize=(TEXT_WIDTH * 1.15, 0.9 + 0.16 * len(rows)), layout="constrained")
    left, axes, right = figure.subplots(1, 3, width_ratios=(3.4, 2.6, 1.6), sharey=True)
    for empty in (left, right):
        empty.axis("off")
    bare_rows(axes, len(rows) + 0.2, -0.8)
    words = row_writer(left, left.get_yaxis_transform())
    numbers = row_writer(right, right.get_yaxis_transform())
    for typical, colour, name in (("typical", BAYES, "typical"), ("average", PUBLISHED, "average")):
        everyone = float((rows[f"{typical}_median"] - rows[f"{typical}_shift"]).iloc[0])
        axes.axvline(everyone, color=colour, lw=0.7, ls="--", zorder=1)
        align = "right" if typical == "typical" else "left"
        axes.text(
            everyone,
            len(rows) - 0.25,
            f" {name}, all: {100 * everyone:.1f} % ",
            color=colour,
            ha=align,
            fontsize=FONT - 1,
        )
    for position, row in enumerate(reversed(list(rows.itertuples()))):
        interval(
            axes,
            position + 0.12,
            row.typical_median,
            row.typical_lower,
            row.typical_upper,
            BAYES,
        )
        axes.plot(row.average_median, position - 0.2, "D", ms=2.6, color=PUBLISHED)
        words(0, position, f"without {row.study}")
        words(1, position, f"{row.events}/{row.total}", align="right", colour=OBSERVED)
        shifts = f"{100 * row.typical_shift:+.1f}"
        numbers(0.35, position, shifts, align="right", colour=BAYES)
        shifts = f"{100 * row.average_shift:+.1f}"
        numbers(0.85, position, shifts, align="right", colour=PUBLISHED)
    numbers(0.35, len(rows) - 0.1, "typical", align="right", bold=True, colour=BAYES)
    numbers(0.85, len(rows) - 0.1, "average", align="right", bold=True, colour=PUBLISHED)
    words(0, len(rows) - 0.1, title, bold=True, colour=INK)
    low, high = axes.get_xlim()
    step = 0.02 if high - low < 0.15 else 0.05
    percent_axis(axes, [step * i for i in range(51) if low <= step * i <= high])
    axes.set_xlabel("pooled rate, % (bar: 95 % interval of the typical rate)")
    numbers(0.85, -1.2, "shifts in points", align="right", colour=OBSERVED)
    return figure
