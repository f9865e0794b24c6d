"""Agreement plot: every published pool beside the Bayesian typical rate of the same arms."""

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from models.render.style import (
    BAYES,
    FONT,
    PUBLISHED,
    TEXT_WIDTH,
    bare_rows,
    interval,
    percent_axis,
    row_writer,
)

ROW = 0.245


def agreement(pools: pd.DataFrame) -> Figure:
    """Draw published pools and Bayesian typical rates, row by row.

    Parameters
    ----------
    pools
        One row a pool: ``outcome`` (name), ``label``, ``k``, ``events``, ``total``,
        ``estimate``, ``lower``, ``upper`` (published estimator, recomputed), ``median``,
        ``typical_lower``, ``typical_upper`` (typical rate), ``note`` (shown on the row). Rows are
        grouped by outcome and sorted by the published estimate within it.

    Returns
    -------
    matplotlib.figure.Figure
        The difference (Bayes minus published, percentage points) is printed on the row.
    """
    outcomes = list(dict.fromkeys(pools["outcome"]))
    rows = len(pools) + 1.4 * len(outcomes)
    height = rows * ROW + 0.85
    figure = Figure(figsize=(TEXT_WIDTH, height))
    axes = figure.add_axes((0.33, 0.62 / height, 0.39, 1 - 0.72 / height))
    bare_rows(axes, top=0.6, bottom=-rows + 0.6)
    axes.set_xlim(0, 1)
    percent_axis(axes, [0, 0.2, 0.4, 0.6, 0.8, 1.0])
    axes.set_xlabel("Rate (%): published Freeman-Tukey pool and Bayesian typical rate")
    transform = axes.get_yaxis_transform()

    write = row_writer(axes, transform)

    y = 0.0
    write(-0.17, y, "k", align="right", bold=True)
    write(-0.02, y, "n", align="right", bold=True)
    write(1.03, y, "Bayes - published", bold=True)
    for outcome in outcomes:
        write(-0.80, y, outcome, bold=True)
        y -= 1
        block = pools[pools["outcome"] == outcome].sort_values("estimate", ascending=False)
        for row in block.itertuples():
            interval(
                axes, y + 0.17, row.estimate, row.lower, row.upper, PUBLISHED, marker="D", size=2.6
            )
            interval(axes, y - 0.17, row.median, row.typical_lower, row.typical_upper, BAYES)
            write(-0.80, y, f"  {row.label}")
            write(-0.17, y, f"{row.k}", align="right")
            write(-0.02, y, f"{row.total}", align="right")
            note = f"  ({row.note})" if row.note else ""
            write(1.03, y, f"{100 * (row.median - row.estimate):+z.1f} points{note}")
            y -= 1
        y -= 0.4
    for line in axes.lines:
        line.set_clip_on(False)  # a marker at 0 % stays whole
    figure.legend(
        handles=[
            Line2D([], [], color=PUBLISHED, marker="D", ms=3.2, lw=1.2),
            Line2D([], [], color=BAYES, marker="o", ms=3.2, lw=1.2),
        ],
        labels=["published (Freeman-Tukey, 95 % CI)", "typical rate (posterior, 95 % interval)"],
        loc="lower center",
        ncols=2,
        frameon=False,
        fontsize=FONT - 0.5,
        bbox_to_anchor=(0.5, 0.0),
    )
    return figure
