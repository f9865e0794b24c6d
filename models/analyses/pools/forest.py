"""Forest plot of one outcome: arms by treatment group, observed and shrunken rates, pools."""

from dataclasses import dataclass

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from models.render.format import rate
from models.render.style import (
    BAYES,
    FONT,
    OBSERVED,
    PUBLISHED,
    TEXT_WIDTH,
    bare_rows,
    diamond,
    interval,
    percent_axis,
    row_writer,
)


@dataclass(frozen=True)
class ForestBlock:
    """A group of arms with its pools; rates on the probability scale.

    Attributes
    ----------
    title
        Name of the group.
    arms
        ``study``, ``events``, ``total``, ``exact_lower``, ``exact_upper`` (Clopper-Pearson) and
        the shrunken posterior ``median``, ``lower``, ``upper``; empty for the overall block.
    events, total
        Sums of the group.
    published
        Published pool (estimate, lower, upper), or None if the paper prints none.
    typical
        Posterior of the typical rate (median, lower, upper).
    new_study
        95 % predictive interval of the rate in a new study (lower, upper).
    tau
        Posterior of tau (median, lower, upper), logit scale.
    i2
        I2 of the published estimator, per cent; None where it does not exist.
    """

    title: str
    arms: pd.DataFrame
    events: int
    total: int
    published: tuple[float, float, float] | None
    typical: tuple[float, float, float]
    new_study: tuple[float, float]
    tau: tuple[float, float, float]
    i2: float | None


ROW = 0.150
LABEL_X, COUNT_X, VALUE_X = -1.22, -0.04, 1.04


def forest(blocks: list[ForestBlock], overall: ForestBlock, outcome: str) -> Figure:
    """Draw the forest plot of one outcome.

    Parameters
    ----------
    blocks
        The groups, in the order they are drawn; arms are drawn in the order of their frame.
    overall
        The pool of all arms.
    outcome
        What is counted, for the axis, for example ``objective response``.

    Returns
    -------
    matplotlib.figure.Figure
        Grey: observed rate with its exact interval. Blue: posterior of the arm's rate, and the
        typical rate as a diamond with the new-study interval as a thin line. Orange: the
        published pool.
    """
    rows = sum(len(b.arms) + 3.6 for b in blocks) + 4.6
    height = rows * ROW + 0.75
    figure = Figure(figsize=(TEXT_WIDTH, height))
    axes = figure.add_axes((0.425, 0.62 / height, 0.34, 1 - 0.72 / height))
    bare_rows(axes, top=1.2, bottom=-rows + 0.6)
    axes.set_xlim(0, 1)
    percent_axis(axes, [0, 0.2, 0.4, 0.6, 0.8, 1.0])
    axes.set_xlabel(f"Patients with {outcome} (%)")
    axes.axvline(overall.typical[0], color=BAYES, lw=0.5, ls=(0, (3, 3)), zorder=0)
    transform = axes.get_yaxis_transform()

    write = row_writer(axes, transform)

    write(COUNT_X, 0.75, "events/total", bold=True, align="right")
    write(VALUE_X, 0.75, "% (95 % interval)", bold=True)
    y = -0.4
    for block in [*blocks, overall]:
        i2 = "" if block.i2 is None else f"   I² {block.i2:.0f} %"
        write(LABEL_X, y, block.title, bold=True)
        write(VALUE_X, y, f"τ {rate(*block.tau, digits=2)}{i2}")
        y -= 1
        for arm in block.arms.itertuples():
            interval(
                axes,
                y + 0.16,
                arm.events / arm.total,
                arm.exact_lower,
                arm.exact_upper,
                OBSERVED,
                marker="s",
                size=2.4,
                width=0.7,
                filled=False,
            )
            interval(axes, y - 0.14, arm.median, arm.lower, arm.upper, BAYES, size=2.6)
            write(LABEL_X, y, f"  {arm.study}")
            write(COUNT_X, y, f"{arm.events}/{arm.total}", align="right")
            write(VALUE_X, y, _percents(arm.median, arm.lower, arm.upper), colour=BAYES)
            y -= 1
        if block.published is not None:
            diamond(axes, y, *block.published, PUBLISHED)
            write(LABEL_X, y, "  Published pool (Freeman-Tukey)", colour=PUBLISHED)
            write(COUNT_X, y, f"{block.events}/{block.total}", align="right")
            write(VALUE_X, y, _percents(*block.published), colour=PUBLISHED)
            y -= 1
        axes.plot(block.new_study, [y, y], color=BAYES, lw=0.7, zorder=1)
        for end in block.new_study:
            axes.plot([end, end], [y - 0.18, y + 0.18], color=BAYES, lw=0.7, zorder=1)
        diamond(axes, y, *block.typical, BAYES)
        write(LABEL_X, y, "  Typical rate (Bayes)", colour=BAYES)
        write(VALUE_X, y, _percents(*block.typical), colour=BAYES)
        y -= 1.6
    for line in axes.lines:
        line.set_clip_on(False)  # a marker at 0 % stays whole
    figure.legend(
        handles=[
            Line2D([], [], color=OBSERVED, marker="s", mfc="white", ms=3, lw=0.7),
            Line2D([], [], color=BAYES, marker="o", ms=3, lw=1.2),
            Line2D([], [], color=PUBLISHED, marker="D", ms=4, lw=0),
            Line2D([], [], color=BAYES, marker="D", ms=4, lw=0.7),
        ],
        labels=[
            "observed, exact interval",
            "posterior of the arm's rate",
            "published pool",
            "typical rate; line: new study",
        ],
        loc="lower center",
        ncols=4,
        frameon=False,
        fontsize=FONT - 1,
        handlelength=1.6,
        columnspacing=1.2,
        bbox_to_anchor=(0.5, 0.0),
    )
    return figure


def _percents(estimate: float, lower: float, upper: float) -> str:
    return f"{100 * estimate:.0f} ({100 * lower:.0f}-{100 * upper:.0f})"
