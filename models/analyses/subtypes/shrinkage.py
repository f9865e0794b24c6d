"""Shrinkage plot: raw rate, posterior and published row of each subtype, one under another."""

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from models.render.format import percents
from models.render.style import (
    BAYES,
    FONT,
    INK,
    OBSERVED,
    PUBLISHED,
    TEXT_WIDTH,
    THIRD,
    bare_rows,
    interval,
    percent_axis,
    row_writer,
)

ROW = 0.285
"""Inches a row."""
LABEL_X, COUNT_X, POSTERIOR_X, PUBLISHED_X = -0.745, -0.03, 1.04, 1.37


def shrinkage_plot(estimates: pd.DataFrame) -> Figure:
    """Draw raw rates, posteriors and published rows of the subtypes.

    Parameters
    ----------
    estimates
        As `models.analyses.subtypes.tables.estimates_table` returns: the rows of the models
        ``exchangeable`` and ``exnex`` are drawn.

    Returns
    -------
    matplotlib.figure.Figure
        Sorted by the posterior median of the exchangeable model. Grey: raw rate with its exact
        interval, and an arrow to the posterior. Blue: exchangeable. Green: EXNEX. Orange: printed
        in Fig. 4.
    """
    models = {name: part.set_index("subtype") for name, part in estimates.groupby("model")}
    rows = models["exchangeable"].sort_values("median", ascending=False)
    exnex = models["exnex"]
    height = len(rows) * ROW + 1.0
    figure = Figure(figsize=(TEXT_WIDTH, height))
    axes = figure.add_axes((0.305, 0.66 / height, 0.4, 1 - 0.74 / height))
    bare_rows(axes, top=1.3, bottom=-len(rows) + 0.4)
    # markers at 0 and 100 % are to be seen whole
    axes.set_xlim(-0.015, 1.015)
    percent_axis(axes, [0, 0.2, 0.4, 0.6, 0.8, 1.0])
    axes.set_xlabel("Patients with objective response (%)")
    transform = axes.get_yaxis_transform()

    write = row_writer(axes, transform)

    write(LABEL_X, 0.8, "Subtype", bold=True)
    write(COUNT_X, 0.8, "responders/n", align="right", bold=True)
    write(POSTERIOR_X, 0.8, "posterior", bold=True, colour=BAYES)
    write(PUBLISHED_X, 0.8, "published", bold=True, colour=PUBLISHED)
    for place, (subtype, row) in enumerate(rows.iterrows()):
        y = -float(place)
        if place % 2:
            axes.axhspan(y - 0.5, y + 0.5, color="#f4f4f4", lw=0, zorder=0)
        family = row["kind"] == "family"
        name = f"{subtype} (all four)" if family else str(subtype)
        write(LABEL_X, y, name, bold=family)
        write(COUNT_X, y, f"{row['events']}/{row['total']}", align="right")
        interval(
            axes,
            y + 0.3,
            row["raw"],
            row["exact_lower"],
            row["exact_upper"],
            OBSERVED,
            marker="s",
            size=2.8,
            width=0.7,
            filled=False,
        )
        interval(axes, y + 0.08, row["median"], row["lower"], row["upper"], BAYES, size=3.2)
        axes.annotate(
            "",
            (row["median"], y + 0.08),
            (row["raw"], y + 0.3),
            arrowprops={
                "arrowstyle": "-|>,head_width=0.1,head_length=0.2",
                "color": INK,
                "lw": 0.5,
                "shrinkA": 1,
                "shrinkB": 1,
            },
            zorder=4,
        )
        other = exnex.loc[subtype]
        interval(
            axes,
            y - 0.12,
            other["median"],
            other["lower"],
            other["upper"],
            THIRD,
            size=2.4,
            width=0.8,
        )
        write(POSTERIOR_X, y, percents(row["median"], row["lower"], row["upper"]), colour=BAYES)
        if not pd.isna(row["printed_estimate"]):
            rate, low, high = (
                float(row[f"printed_{part}"]) for part in ("estimate", "lower", "upper")
            )
            interval(axes, y - 0.32, rate, low, high, PUBLISHED, marker="D", size=2.4, width=0.8)
            write(PUBLISHED_X, y, percents(rate, low, high), colour=PUBLISHED)
    figure.legend(
        handles=[
            Line2D([], [], color=OBSERVED, marker="s", mfc="white", ms=3.2, lw=0.7),
            Line2D([], [], color=BAYES, marker="o", ms=3.4, lw=1.2),
            Line2D([], [], color=THIRD, marker="o", ms=2.6, lw=0.8),
            Line2D([], [], color=PUBLISHED, marker="D", ms=2.8, lw=0.8),
        ],
        labels=["raw, exact interval", "posterior, exchangeable", "posterior, EXNEX", "published"],
        loc="lower center",
        ncols=4,
        frameon=False,
        fontsize=FONT - 0.5,
        handlelength=1.8,
        columnspacing=1.4,
        bbox_to_anchor=(0.5, 0.0),
    )
    return figure
