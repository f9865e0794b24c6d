"""Best response by treatment, and the probability of a net benefit."""

from typing import Final

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from models.analyses.outcomes.tables import HEADINGS
from models.render.style import BAYES, COLUMN, FAINT, INK, MARKERS, PAGE, SMALL

STACKED: Final = {"cr": "#084081", "pr": "#2b8cbe", "sd": "#a8ddb5", "pd": "#e5e5e5"}
"""Dark for what is best, light for progression."""
WHITE_ON: Final = ("cr", "pr")
NARROW: Final = 0.04
"""Shares below this are not written into their bar."""


def responses(rates: pd.DataFrame) -> Figure:
    """Draw best response by treatment: complete, partial, stable, progression, posterior means.

    Parameters
    ----------
    rates
        ``treatment``, ``rate``, ``mean``.
    """
    wide = rates.pivot(index="treatment", columns="rate", values="mean")
    treatments = list(dict.fromkeys(rates["treatment"]))
    figure = Figure(figsize=(PAGE, 0.34 * len(treatments) + 0.85))
    axes = figure.add_axes(
        (0.24, 0.36 / figure.get_figheight(), 0.74, 1 - 0.72 / figure.get_figheight())
    )
    left = np.zeros(len(treatments))
    rows = [-float(i) for i in range(len(treatments))]
    for name, colour in STACKED.items():
        share = wide.loc[treatments, name].to_numpy()
        axes.barh(
            rows, 100 * share, left=100 * left, height=0.68, color=colour, label=HEADINGS[name]
        )
        for y, start, width in zip(rows, left, share, strict=True):
            if width >= NARROW:
                axes.text(
                    100 * (start + width / 2),
                    y,
                    f"{100 * width:.0f}",
                    ha="center",
                    va="center",
                    color="white" if name in WHITE_ON else INK,
                    fontsize=SMALL,
                )
        left += share
    axes.set_yticks(rows, treatments)
    axes.set_xlim(0, 100)
    axes.set_xlabel("Patients (%), mean over arms")
    axes.tick_params(length=2.5, pad=2)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.tick_params(axis="y", length=0)
    figure.legend(loc="upper center", ncols=4, frameon=False, handlelength=1.0, columnspacing=1.4)
    return figure


def net_benefit(table: pd.DataFrame) -> Figure:
    """Draw the probability of a net benefit against the first treatment over the weights.

    Parameters
    ----------
    table
        ``a``, ``b``, ``weight``, ``probability``.
    """
    reference = table["b"].iloc[0]
    figure = Figure(figsize=(COLUMN, 2.7))
    axes = figure.add_axes((0.14, 0.2, 0.815, 0.77))
    chosen = table[table["b"] == reference]
    styles = zip(chosen.groupby("a", sort=False), MARKERS[1:], ("-", "--", "-.", ":"), strict=False)
    for (treatment, rows), marker, line in styles:
        axes.plot(
            rows["weight"],
            rows["probability"],
            color=BAYES,
            lw=1,
            ls=line,
            marker=marker,
            ms=3.5,
            markevery=4,
            mfc="white",
            label=treatment,
        )
    axes.axhline(0.5, color=FAINT, lw=0.5, zorder=0)
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    axes.set_xlabel("Responses that one patient with a grade 3–5\nadverse event counts for")
    axes.set_ylabel("Probability of a net benefit")
    axes.tick_params(length=2.5, pad=2)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    axes.legend(
        frameon=False,
        fontsize=SMALL,
        handlelength=2.6,
        title=f"against {reference}",
        title_fontsize=SMALL,
    )
    return figure
