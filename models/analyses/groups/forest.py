"""Forest plot of groups: published pool, each group on its own, partially pooled."""

import math
from collections.abc import Mapping
from itertools import accumulate
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.lines import Line2D
from matplotlib.textpath import text_to_path
from matplotlib.transforms import blended_transform_factory

from models.evidence.vocabulary import OUTCOMES
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

if TYPE_CHECKING:
    from models.analyses.groups.summary import SubgroupAnalysis

ROW, GAP = 0.155, 0.13
TOP, BOTTOM = 0.30, 0.80
"""Inches: a line of text, between groups, above and below the rows."""
LABEL_X, K_X, COUNT_X, AXIS_X, AXIS_END, VALUE_X = 0.05, 1.95, 2.75, 2.90, 5.10, 5.22
"""Inches from the left edge."""


def group_forest(
    analysis: "SubgroupAnalysis", alone: Mapping[str, tuple[float, float, float]]
) -> Figure:
    """Draw three estimates of every group of a grouping.

    Parameters
    ----------
    analysis
        The grouping; ``groups`` is read (probability scale), with ``outcome`` for the axis.
    alone
        Typical rate of every group from a pooled fit to its own studies only: median and 95 %
        interval (median, lower, upper), probability scale.

    Returns
    -------
    matplotlib.figure.Figure
        Groups in descending order of the partially pooled median. Orange diamond: Freeman-Tukey
        pool with its confidence interval. Green square: the group on its own. Blue circle:
        partially pooled. Grey bar: crude rate. The numbers stand at the right.

    Raises
    ------
    KeyError
        If ``alone`` lacks a group.
    """
    groups = analysis.groups.sort_values("typical_median", ascending=False, kind="stable")
    labels = [wrapped(name, K_X - LABEL_X - 0.2, bold=True) for name in groups["group"]]
    heights = [max(3, len(lines)) * ROW + GAP for lines in labels]
    body = sum(heights)
    height = TOP + body + BOTTOM
    figure = Figure(figsize=(TEXT_WIDTH, height))
    axes = figure.add_axes(
        (
            AXIS_X / TEXT_WIDTH,
            BOTTOM / height,
            (AXIS_END - AXIS_X) / TEXT_WIDTH,
            (TOP + body) / height,
        )
    )
    bare_rows(axes, top=TOP, bottom=-body)  # y in inches, from the first group downwards
    uppers = [*groups["ft_upper"], *groups["typical_upper"], *groups["crude"]]
    uppers += [alone[name][2] for name in groups["group"]]
    end, ticks = _rate_axis(max(uppers))
    axes.set_xlim(0, end)
    percent_axis(axes, ticks)
    event = OUTCOMES.get(analysis.outcome, "the event")
    axes.set_xlabel(f"Patients with {event} (%)")
    inches = blended_transform_factory(figure.dpi_scale_trans, axes.transData)

    write = row_writer(axes, inches, baseline=True)

    header = TOP - ROW / 2
    write(K_X, header, "k", bold=True, align="right")
    write(COUNT_X, header, "events/total", bold=True, align="right")
    write(VALUE_X, header, "% (95 % interval)", bold=True)
    starts = accumulate(heights, initial=0.0)
    for row, lines, start in zip(groups.itertuples(), labels, starts, strict=False):
        y = -start - ROW / 2
        estimates = (
            (PUBLISHED, "D", 2.8, (row.ft_estimate, row.ft_lower, row.ft_upper)),
            (THIRD, "s", 2.8, alone[row.group]),
            (BAYES, "o", 3.2, (row.typical_median, row.typical_lower, row.typical_upper)),
        )
        axes.plot(
            [row.crude, row.crude],
            [y + 0.4 * ROW, y - 2.4 * ROW],
            color=OBSERVED,
            lw=1.6,
            alpha=0.5,
            solid_capstyle="butt",
            zorder=1,
            gid="crude",
        )
        for i, line in enumerate(lines):
            write(LABEL_X, y - i * ROW, line, bold=True)
        write(K_X, y, f"{row.k}", align="right")
        write(COUNT_X, y, f"{row.events}/{row.total}", align="right")
        write(COUNT_X, y - ROW, f"crude {100 * row.crude:.0f} %", colour=OBSERVED, align="right")
        for i, (colour, marker, size, estimate) in enumerate(estimates):
            interval(axes, y - i * ROW, *estimate, colour, marker=marker, size=size)
            write(VALUE_X, y - i * ROW, _percents(*estimate), colour=colour)
    for artist in axes.lines:
        artist.set_clip_on(False)  # a marker at 0 % stays whole
    figure.legend(
        handles=[
            Line2D([], [], color=PUBLISHED, marker="D", ms=3, lw=1.2),
            Line2D([], [], color=THIRD, marker="s", ms=3, lw=1.2),
            Line2D([], [], color=BAYES, marker="o", ms=3.2, lw=1.2),
            Line2D([], [], color=OBSERVED, marker="|", ms=8, mew=1.6, lw=0, alpha=0.5),
        ],
        labels=[
            "Freeman-Tukey pool",
            "typical rate, group on its own",
            "typical rate, partially pooled",
            "crude rate",
        ],
        loc="lower center",
        ncols=4,
        frameon=False,
        fontsize=FONT - 0.5,
        handlelength=1.8,
        columnspacing=1.4,
        bbox_to_anchor=(0.5, 0.15 / height),
    )
    figure.text(
        0.5,
        0.10 / height,
        "Groups are arms of different trials; they were not formed by randomisation.",
        ha="center",
        va="center",
        color=INK,
        fontsize=FONT - 0.5,
    )
    return figure


def wrapped(text: str, width: float, *, bold: bool = False) -> list[str]:
    """Break a label into lines by its drawn width.

    Parameters
    ----------
    text
        The label; nothing of it is dropped.
    width
        Inches.
    bold
        Whether it is drawn in bold.

    Returns
    -------
    list of str
        One line or more, broken at spaces, and within a word only if the word alone is too wide.
    """
    font = FontProperties(size=FONT - 0.5, weight="bold" if bold else "normal")

    def fits(line: str) -> bool:
        points, _, _ = text_to_path.get_text_width_height_descent(line, font, ismath=False)
        return bool(points <= 72 * width)

    lines = [""]
    for word in text.split():
        joined = f"{lines[-1]} {word}".strip()
        if fits(joined):
            lines[-1] = joined
            continue
        lines += [""] if lines[-1] else []
        for character in word:
            if lines[-1] and not fits(lines[-1] + character):
                lines.append("")
            lines[-1] += character
    return lines


def _rate_axis(largest: float) -> tuple[float, list[float]]:
    """Return the end and the ticks of a rate axis that holds the largest value."""
    step = 0.1 if largest <= 0.6 else 0.2
    # an interval that ends on a tick must not end on the frame
    end = min(1.0, step * math.ceil((largest + 0.01) / step))
    return end, [float(t) for t in np.arange(0, end + step / 2, step)]


def _percents(estimate: float, lower: float, upper: float) -> str:
    return f"{100 * estimate:.0f} ({100 * lower:.0f}-{100 * upper:.0f})"
