"""Forest plot of contrasts: every pair of groups, on the risk difference and the odds ratio."""

import math
from itertools import accumulate
from typing import TYPE_CHECKING

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, NullLocator
from matplotlib.transforms import blended_transform_factory

from models.analyses.groups.forest import wrapped
from models.common.errors import InputError
from models.estimands.contrasts import RATES
from models.evidence.vocabulary import OUTCOMES
from models.render.format import probability
from models.render.style import (
    BAYES,
    FONT,
    INK,
    OBSERVED,
    TEXT_WIDTH,
    bare_rows,
    interval,
    row_writer,
)

if TYPE_CHECKING:
    from models.analyses.groups.summary import SubgroupAnalysis

LINE, GAP = 0.135, 0.06
TOP, BOTTOM = 0.34, 0.86
"""Inches: a line of a pair's label, between pairs, above and below the rows."""
LABEL_X, AXIS_X, AXIS_END, VALUE_X = 0.05, 1.58, 3.20, 3.27
SUPERIOR_X, MARGIN_X, ODDS_X, ODDS_END = 4.64, 5.17, 5.30, 6.20
"""Inches from the left edge."""
BAND = "#e9eef2"
MINUS = "\N{MINUS SIGN}"


def contrast_forest(
    analysis: "SubgroupAnalysis", margin: float, estimand: str = "typical"
) -> Figure:
    """Draw every contrast of a grouping with its probabilities.

    Parameters
    ----------
    analysis
        The grouping; ``contrasts`` is read, with ``outcome`` for the axis.
    margin
        The margin for which ``analysis`` was made, as a proportion; drawn as a band.
    estimand
        ``typical`` or ``average``.

    Returns
    -------
    matplotlib.figure.Figure
        One row a pair, in descending order of the risk difference's median. Left: risk
        difference a - b, percentage points. Right: odds ratio a / b, log axis. Medians with 95 %
        equal-tailed intervals; the probabilities stand between the panels.

    Raises
    ------
    InputError
        If there is no pair to draw, or no such estimand.
    """
    if estimand not in RATES:
        raise InputError(f"estimand must be one of {', '.join(RATES)}, got {estimand!r}")
    pairs = _pairs(analysis.contrasts, estimand)
    if pairs.empty:
        raise InputError(f"{analysis.name}: a single group; there is no contrast to draw")
    label_width = AXIS_X - LABEL_X - 0.05
    labels = [
        wrapped(a, label_width) + wrapped(f"v. {b}", label_width)
        for a, b in zip(pairs["a"], pairs["b"], strict=True)
    ]
    heights = [len(lines) * LINE + GAP for lines in labels]
    height = TOP + sum(heights) + BOTTOM
    figure = Figure(figsize=(TEXT_WIDTH, height))
    axes, odds = (
        figure.add_axes(
            (x / TEXT_WIDTH, BOTTOM / height, (end - x) / TEXT_WIDTH, 1 - BOTTOM / height)
        )
        for x, end in ((AXIS_X, AXIS_END), (ODDS_X, ODDS_END))
    )
    for panel in (axes, odds):
        bare_rows(panel, top=TOP, bottom=-sum(heights))  # y in inches
    _difference_axis(axes, pairs, margin)
    _odds_axis(odds, pairs)
    event, points = OUTCOMES.get(analysis.outcome, "the event"), f"{100 * margin:g}"
    inches = blended_transform_factory(figure.dpi_scale_trans, axes.transData)

    write = row_writer(axes, inches, baseline=True)

    header = TOP - 1.5 * LINE
    write(LABEL_X, header + LINE, "a", bold=True)
    write(LABEL_X, header, "v. b", bold=True)
    write(VALUE_X, header + LINE, "points", bold=True)
    write(VALUE_X, header, "(95 % int.)", bold=True)
    write(SUPERIOR_X, header, "P(a > b)", bold=True, align="right")
    write(MARGIN_X, header, f"P(> {points})", bold=True, align="right")
    starts = accumulate(heights, initial=0.0)
    for row, lines, start in zip(pairs.itertuples(), labels, starts, strict=False):
        y = -start - len(lines) * LINE / 2
        differences = [100 * v for v in (row.median, row.lower, row.upper)]
        interval(axes, y, differences[0], differences[1], differences[2], BAYES)
        interval(odds, y, row.odds_median, row.odds_lower, row.odds_upper, BAYES)
        for i, line in enumerate(lines):
            write(LABEL_X, -start - (i + 0.5) * LINE, line)
        median, lower, upper = (f"{v:+z.1f}".replace("-", MINUS) for v in differences)
        write(VALUE_X, y + LINE / 2, median, colour=BAYES)
        write(VALUE_X, y - LINE / 2, f"({lower} to {upper})", colour=BAYES)
        write(SUPERIOR_X, y, probability(row.p_superior), align="right")
        write(MARGIN_X, y, probability(row.p_margin), align="right")
    figure.text(
        0.5,
        0.02 / height,
        "Arms of different trials are compared: none of these contrasts is randomised.\n"
        f"a, b: {estimand} rates of {event}. Shaded: within {points} points.\n"
        f"P(> {points}): probability that the difference exceeds {points} points in the direction "
        "of its median.",
        ha="center",
        va="bottom",
        color=INK,
        fontsize=FONT - 0.5,
        linespacing=1.25,
    )
    return figure


def _pairs(contrasts: pd.DataFrame, estimand: str) -> pd.DataFrame:
    """Return one row a pair: the risk difference, and the odds ratio as ``odds_*``."""
    chosen = contrasts[contrasts["estimand"] == estimand]
    odds = chosen.loc[chosen["scale"] == "odds_ratio", ["a", "b", "median", "lower", "upper"]]
    odds = odds.rename(columns={c: f"odds_{c}" for c in ("median", "lower", "upper")})
    pairs = chosen[chosen["scale"] == "risk_difference"].merge(odds, on=["a", "b"])
    return pairs.sort_values("median", ascending=False, kind="stable")


def _difference_axis(axes: Axes, pairs: pd.DataFrame, margin: float) -> None:
    """Set the axis in percentage points, with the margin's band and the line of no difference."""
    low = 100 * min(pairs["lower"].min(), -margin)
    high = 100 * max(pairs["upper"].max(), margin)
    pad = 0.04 * (high - low)
    axes.set_xlim(low - pad, high + pad)
    axes.xaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
    axes.axvspan(-100 * margin, 100 * margin, ymax=_body(axes), color=BAND, lw=0, zorder=0)
    axes.plot([0, 0], [0, axes.get_ylim()[0]], color=OBSERVED, lw=0.6, zorder=1)
    axes.set_xlabel("Risk difference a - b (points)")


def _odds_axis(axes: Axes, pairs: pd.DataFrame) -> None:
    """Set the log axis of the odds ratio: ticks at powers of one factor, both sides of 1."""
    axes.set_xscale("log")
    low = min(float(pairs["odds_lower"].min()), 0.5)
    high = max(float(pairs["odds_upper"].max()), 2.0)
    axes.set_xlim(low / 1.25, high * 1.25)
    span = math.log(high / low)
    factor = next((f for f in (2.0, 4.0, 10.0, 100.0) if span / math.log(f) < 4.5), 1e4)
    first = math.ceil(math.log(low / 1.25) / math.log(factor))
    last = math.floor(math.log(high * 1.25) / math.log(factor))
    ticks = [factor**i for i in range(first, last + 1)]
    axes.set_xticks(ticks)
    axes.set_xticklabels([f"{t:g}" for t in ticks])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.plot([1, 1], [0, axes.get_ylim()[0]], color=OBSERVED, lw=0.6, zorder=1)
    axes.set_xlabel("Odds ratio a / b")


def _body(axes: Axes) -> float:
    """Return the height of the rows (y below 0) as a fraction of the axes."""
    bottom, top = axes.get_ylim()
    return float(-bottom / (top - bottom))
