"""One figure for the question whether any conclusion changes."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from models.render.style import (
    BAYES,
    FONT,
    OBSERVED,
    PUBLISHED,
    TEXT_WIDTH,
    bare_rows,
    interval,
    percent_axis,
    row_writer,
)

DARK = 0.6


def sensitivity_figure(table: pd.DataFrame) -> Figure:
    """Draw the pooled response rate and the probability of every claim, scenario by scenario.

    Parameters
    ----------
    table
        See ``models.analyses.checks.sensitivity.sensitivity_table``.

    Returns
    -------
    matplotlib.figure.Figure
        Left the scenarios with the number of arms and the typical response rate, right the
        probabilities in per cent; framed where the wording of the claims table changes.
    """
    pools = table[table["quantity"] == "orr"]
    claims = table[table["quantity"].str.startswith("C")]
    order = list(dict.fromkeys(table["scenario"]))
    ids = list(dict.fromkeys(claims["quantity"]))
    figure = Figure(figsize=(TEXT_WIDTH * 1.6, 0.7 + 0.2 * len(order)), layout="constrained")
    left, axes, heat = figure.subplots(1, 3, width_ratios=(3.6, 1.5, 4.4), sharey=True)
    left.axis("off")
    bare_rows(axes, len(order) + 2.6, -0.8)
    words = row_writer(left, left.get_yaxis_transform())
    words(0.99, len(order) + 0.1, "k", align="right", bold=True)
    height = {name: len(order) - 1 - i for i, name in enumerate(order)}
    main = float(pools.set_index("scenario").loc["main", "typical_median"])
    axes.axvline(main, color=OBSERVED, lw=0.6, ls="--", zorder=1)
    for row in pools.itertuples():
        y = height[row.scenario]
        words(0, y, row.change, bold=row.scenario == "main")
        words(0.99, y, f"{row.k:.0f}", align="right", colour=OBSERVED)
        colour = OBSERVED if row.typical_shift == 0 and row.scenario != "main" else BAYES
        interval(axes, y, row.typical_median, row.typical_lower, row.typical_upper, colour)
    percent_axis(axes, (0.05, 0.1, 0.15, 0.2, 0.25))
    axes.set_xlabel("typical response rate, %\n(grey: unchanged by this scenario)")
    heat.set_xlim(-0.5, len(ids) - 0.5)
    heat.set_xticks([])
    for side in ("left", "right", "top", "bottom"):
        heat.spines[side].set_visible(False)
    labels = claims.drop_duplicates("quantity").set_index("quantity")["label"]
    for column, name in enumerate(ids):
        heat.text(
            column - 0.2,
            len(order) - 0.3,
            f"{name} {labels[name]}",
            rotation=35,
            ha="left",
            va="bottom",
            fontsize=FONT - 1.5,
        )
    for row in claims.itertuples():
        x, y = ids.index(row.quantity), height[row.scenario]
        if np.isnan(row.probability):
            heat.text(x, y, "-", ha="center", va="center", fontsize=FONT - 1, color=OBSERVED)
            continue
        shade = (1 - row.probability * 0.85,) * 2
        heat.fill_between(
            [x - 0.48, x + 0.48], y - 0.46, y + 0.46, color=(shade[0], shade[1], 1.0), lw=0
        )
        heat.text(
            x,
            y,
            f"{100 * row.probability:.0f}",
            ha="center",
            va="center",
            fontsize=FONT - 1,
            color="white" if row.probability > DARK else "black",
        )
        if row.conclusion_changed:
            heat.plot(
                [x - 0.46, x + 0.46, x + 0.46, x - 0.46, x - 0.46],
                [y - 0.42, y - 0.42, y + 0.42, y + 0.42, y - 0.42],
                color=PUBLISHED,
                lw=1.3,
            )
    heat.set_xlabel(
        "posterior probability of each claim, %\n"
        "(framed: another wording, moved by 5 points or more)"
    )
    return figure
