"""Forest plot: arms by group, observed and estimated rates, pools; for the paper and for users."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Polygon

from models.render.format import printed, typeset
from models.render.style import (
    BAND,
    BAYES,
    FAINT,
    INK,
    PAGE,
    PUBLISHED,
    SMALL,
    RowWriter,
    bare_rows,
    percent_axis,
    rate_axis,
    row_writer,
    shortened,
)

Triple = tuple[float, float, float]
ROW = 3.33 / 25.4
LABEL, COUNT, AXIS, AXIS_END, SEEN, VALUE = (x / 25.4 for x in (2, 77, 81, 133, 146, 150))
"""Inches: height of a row; from the left edge, labels, end of the counts, the axis, end of the
observed rates, estimates."""
BIAS = 4.6 / 25.4
"""Inches: a column of risk of bias."""
TOP, AXIS_WORDS, LEGEND = 0.42, 0.36, 0.30
"""Inches: heading, ticks and name of the axis, legend."""
PALE = "#c4c4c4"
"""Observed, as a ground for what is estimated."""
JUDGED = {"low": "+", "some concerns": "?", "unclear": "?", "moderate": "?", "high": "−"}
"""Signs of judgements of the risk of bias, as RevMan draws them."""


@dataclass(frozen=True)
class ForestBlock:
    """A group of arms with its pools; rates on the probability scale.

    Attributes
    ----------
    title
        Name of the group; nothing is written if it is empty.
    arms
        ``study``, ``events``, ``total``, ``exact_lower``, ``exact_upper`` (Clopper-Pearson) and
        the estimated (shrunken) ``median``, ``lower``, ``upper``; drawn in this order. Columns
        ``rob_*`` hold judgements of the risk of bias.
    events, total
        Sums of the group.
    published
        Pool by the published method (estimate, lower, upper), or None if there is none.
    typical
        Posterior of the typical rate (median, lower, upper).
    new_study
        Prediction interval of the rate in a new study (lower, upper).
    tau
        Posterior of tau (median, lower, upper), logit scale.
    i2
        I2 of the published estimator, per cent; None where it does not exist.
    """

    title: str
    arms: pd.DataFrame
    events: int
    total: int
    published: Triple | None
    typical: Triple
    new_study: tuple[float, float]
    tau: Triple
    i2: float | None


@dataclass(frozen=True)
class ForestWords:
    """What a forest plot says besides names and numbers.

    Attributes
    ----------
    axis
        What the axis shows.
    counts
        Heading of the counts.
    study
        Heading of the labels.
    published
        Name of the other pool.
    level
        Content of the intervals.
    marked
        Studies with a mark behind their names.
    mark
        What the mark says, for the legend.
    """

    axis: str
    counts: str = "Events / patients"
    study: str = "Trial (arm)"
    published: str = "published method"
    level: float = 0.95
    marked: frozenset[str] = frozenset()
    mark: str = ""


def forest(blocks: list[ForestBlock], overall: ForestBlock, words: ForestWords) -> Figure:
    """Draw the forest plot of one outcome.

    Parameters
    ----------
    blocks
        The groups in the order in which they are drawn; none for a review without groups.
    overall
        The pool of all arms; its ``arms`` are drawn above it (none if they stand in groups).
    words
        Names and headings.

    Returns
    -------
    matplotlib.figure.Figure
        One page wide. Grey square: observed rate, area by patients, with its exact interval as a
        pale bar. Blue dot: estimate of the arm's rate. Blue diamond: typical rate, with the
        prediction interval of a new study as a thin line. Open diamond: pool by the published
        method. Dashed: typical rate of all arms.
    """
    drawn = [*blocks, overall]
    bias = [name for name in drawn[0].arms.columns if str(name).startswith("rob_")]
    rows = sum(_rows(block) for block in drawn)
    height = TOP + rows * ROW + AXIS_WORDS + LEGEND
    figure = Figure(figsize=(PAGE, height))
    axis_end = AXIS_END - BIAS * len(bias)
    axes = figure.add_axes(
        (
            AXIS / PAGE,
            (AXIS_WORDS + LEGEND) / height,
            (axis_end - AXIS) / PAGE,
            1 - (AXIS_WORDS + LEGEND) / height,
        )
    )
    bare_rows(axes, top=TOP, bottom=-rows * ROW)
    end, ticks = rate_axis(_largest(drawn))
    axes.set_xlim(0, end)
    percent_axis(axes, ticks)
    axes.set_xlabel(words.axis, labelpad=2)
    axes.vlines(overall.typical[0], -rows * ROW, 0, color=BAYES, lw=0.6, ls=(0, (3, 3)), zorder=1)
    write = row_writer(axes, axes.get_yaxis_transform(), baseline=True)

    def put(x: float, y: float, text: str, **how: object) -> None:
        write((x - AXIS) / (axis_end - AXIS), y, text, **how)  # type: ignore[arg-type]

    _headings(put, words, bias)
    y = -0.5 * ROW
    for block in drawn:
        y = _block(axes, put, block, words, bias, y)
    for artist in axes.lines:
        artist.set_clip_on(False)  # a marker at 0 % stays whole
    _legend(figure, words, any(block.published for block in drawn))
    return figure


def _rows(block: ForestBlock) -> float:
    pools = 1 + (block.published is not None)
    return len(block.arms) + pools + bool(block.title) + 0.45


def _largest(blocks: list[ForestBlock]) -> float:
    uppers = [block.new_study[1] for block in blocks] + [block.typical[1] for block in blocks]
    for block in blocks:
        uppers += [*block.arms["exact_upper"], *block.arms["upper"]]
    return float(max(uppers))


def _headings(put: RowWriter, words: ForestWords, bias: list[str]) -> None:
    y = TOP - 0.9 * ROW
    level = f"{100 * words.level:g} % interval"
    put(LABEL, y, words.study, bold=True)
    put(COUNT, y, words.counts, bold=True, align="right")
    put(SEEN, y, "Observed", bold=True, align="right")
    put(SEEN, y - 0.95 * ROW, "%", bold=True, align="right")
    put(VALUE, y, "Estimated", bold=True)
    put(VALUE, y - 0.95 * ROW, f"% ({level})", bold=True)
    for i, name in enumerate(bias):
        x = AXIS_END - BIAS * (len(bias) - i - 0.25)
        put(x, y - 0.95 * ROW, name.removeprefix("rob_")[:3], size=SMALL, align="center")


def _block(
    axes: Axes, put: RowWriter, block: ForestBlock, words: ForestWords, bias: list[str], y: float
) -> float:
    """Draw a group from a height on; return the height of the next."""
    if block.title:
        i2 = "" if block.i2 is None else f", I² {block.i2:.0f} %"
        put(LABEL, y, typeset(block.title), bold=True)
        put(SEEN - 0.40, y, f"τ {printed(*block.tau, digits=2)}{i2}", colour=FAINT, size=SMALL)
        y -= ROW
    indent = LABEL + (3 / 25.4 if block.title else 0)
    for arm in block.arms.to_dict("records"):
        draw_arm(axes, arm, y)
        name = f"{arm['study']} ‡" if arm["study"] in words.marked else str(arm["study"])
        put(indent, y, shortened(name, COUNT - 0.62 - indent))
        put(COUNT, y, f"{arm['events']:,} / {arm['total']:,}", align="right")
        put(SEEN, y, f"{100 * arm['events'] / arm['total']:.0f}", align="right")
        put(VALUE, y, _percents((arm["median"], arm["lower"], arm["upper"])))
        for i, column in enumerate(bias):
            sign = JUDGED.get(str(arm[column]).strip().lower(), "")
            put(AXIS_END - BIAS * (len(bias) - i - 0.25), y, sign, align="center", bold=True)
        y -= ROW
    lines = 1 + (block.published is not None)
    axes.axhspan(
        y + 0.5 * ROW,
        y + (0.5 - lines) * ROW,
        xmin=(LABEL - AXIS) / (axes.get_position().width * PAGE),
        xmax=(PAGE - LABEL - AXIS) / (axes.get_position().width * PAGE),
        color=BAND,
        lw=0,
        zorder=0,
        clip_on=False,
    )
    axes.plot(block.new_study, [y, y], color=BAYES, lw=0.9, zorder=2)
    _diamond(axes, y, block.typical, BAYES, filled=True)
    put(indent, y, "Typical rate, this analysis", bold=True)
    put(COUNT, y, f"{block.events:,} / {block.total:,}", bold=True, align="right")
    put(SEEN, y, f"{100 * block.events / block.total:.0f}", align="right")
    put(VALUE, y, _percents(block.typical), bold=True)
    y -= ROW
    if block.published is not None:
        _diamond(axes, y, block.published, PUBLISHED, filled=False)
        put(indent, y, f"{words.published[:1].upper()}{words.published[1:]}")
        put(VALUE, y, _percents(block.published))
        y -= ROW
    return y - 0.45 * ROW


def draw_arm(axes: Axes, arm: Mapping[Any, Any], y: float) -> None:
    """Draw a row: observed rate with its exact interval behind, the estimate in front."""
    seen = arm["events"] / arm["total"]
    axes.plot(
        [arm["exact_lower"], arm["exact_upper"]],
        [y, y],
        color=PALE,
        lw=3.4,
        solid_capstyle="butt",
        zorder=2,
        gid="exact",
    )
    size = min(7.0, 1.8 + 0.42 * arm["total"] ** 0.5)
    axes.plot([seen], [y], "s", ms=size, mfc="white", mec=FAINT, mew=0.8, zorder=3, gid="observed")
    axes.plot([arm["lower"], arm["upper"]], [y, y], color=BAYES, lw=1.0, zorder=4)
    axes.plot([arm["median"]], [y], "o", ms=3.0, color=BAYES, mew=0, zorder=5, gid="estimate")


def _diamond(axes: Axes, y: float, pool: Triple, colour: str, *, filled: bool) -> None:
    middle, lower, upper = pool
    points = [(lower, y), (middle, y + 0.36 * ROW), (upper, y), (middle, y - 0.36 * ROW)]
    axes.add_patch(
        Polygon(points, facecolor=colour if filled else "white", edgecolor=colour, lw=0.9, zorder=3)
    )


def _legend(figure: Figure, words: ForestWords, published: bool) -> None:
    seen = Line2D([], [], color=PALE, lw=3.4, marker="s", mfc="white", mec=FAINT, mew=0.8, ms=4.5)
    entries = [
        (seen, "observed"),
        (Line2D([], [], marker="o", ms=3, color=BAYES, lw=1), "estimate of the arm"),
        (
            Line2D([], [], marker="D", ms=4, color=BAYES, lw=0.9),
            "typical rate; line: prediction for a new trial",
        ),
    ]
    if published:
        mark = Line2D([], [], marker="D", ms=4, mfc="white", mec=PUBLISHED, lw=0)
        entries.append((mark, words.published))
    if words.marked:
        entries.append((Line2D([], [], lw=0), f"‡ {words.mark}"))
    figure.legend(
        handles=[handle for handle, _ in entries],
        labels=[label for _, label in entries],
        loc="lower center",
        ncols=len(entries),
        frameon=False,
        fontsize=SMALL,
        handlelength=2.2,
        columnspacing=1.2,
        bbox_to_anchor=(0.5, 0.0),
        labelcolor=INK,
    )


def _percents(rate: Triple) -> str:
    return printed(*(100 * value for value in rate))


def sorted_by_rate(blocks: list[ForestBlock]) -> list[ForestBlock]:
    """Return groups with the highest typical rate first."""
    return sorted(blocks, key=lambda block: -block.typical[0])
