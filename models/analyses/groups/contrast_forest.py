"""Every pair of groups, the one with the higher rate first: differences and their probabilities."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator
from matplotlib.transforms import blended_transform_factory

from models.common.errors import InputError
from models.estimands.contrasts import RATES
from models.evidence.vocabulary import OUTCOMES
from models.render.format import printed, probability, typeset
from models.render.style import (
    BAND,
    BAYES,
    FAINT,
    OBSERVED,
    PAGE,
    SMALL,
    bare_rows,
    interval,
    row_writer,
    wrapped,
)

if TYPE_CHECKING:
    from models.analyses.groups.summary import SubgroupAnalysis

ROW, GAP = 0.142, 0.12
TOP, AXIS_WORDS, NOTE = 0.34, 0.36, 0.20
"""Inches: a line, between outcomes; headings, axis, note."""
LABEL, AXIS, AXIS_END, VALUE, HIGHER, BEYOND = 0.06, 2.86, 4.86, 4.98, 6.48, 7.03
"""Inches from the left edge; the probabilities end there."""


def contrast_forest(
    analyses: "Sequence[SubgroupAnalysis]", margin: float, estimand: str = "typical"
) -> Figure:
    """Draw every contrast of groupings with its probabilities.

    Parameters
    ----------
    analyses
        One block each; ``contrasts`` is read, with ``outcome`` for the heading.
    margin
        The margin for which they were made, as a proportion; drawn as a band.
    estimand
        ``typical`` or ``average``.

    Returns
    -------
    matplotlib.figure.Figure
        One page wide, one row a pair, the group with the higher median first and the largest
        difference on top: difference of rates in percentage points with 95 % equal-tailed
        interval, the probability that it is above 0 and above the margin.

    Raises
    ------
    InputError
        If there is no pair to draw, or no such estimand.
    """
    if estimand not in RATES:
        raise InputError(f"estimand must be one of {', '.join(RATES)}, got {estimand!r}")
    blocks = [upward_pairs(analysis.contrasts, estimand) for analysis in analyses]
    for analysis, pairs in zip(analyses, blocks, strict=True):
        if pairs.empty:
            raise InputError(f"{analysis.name}: a single group; there is no contrast to draw")
    labels = [
        [wrapped(_pair(row), AXIS - LABEL - 0.1) for row in pairs.itertuples()] for pairs in blocks
    ]
    headed = len(blocks) > 1
    lines = sum(len(label) for block in labels for label in block) + headed * len(blocks)
    body = lines * ROW + (len(blocks) - 1) * GAP
    height = TOP + body + AXIS_WORDS + NOTE
    figure = Figure(figsize=(PAGE, height))
    axes = figure.add_axes(
        (
            AXIS / PAGE,
            (AXIS_WORDS + NOTE) / height,
            (AXIS_END - AXIS) / PAGE,
            1 - (AXIS_WORDS + NOTE) / height,
        )
    )
    bare_rows(axes, top=TOP, bottom=-body)  # y in inches
    _axis(axes, pd.concat(blocks), margin, body)
    inches = blended_transform_factory(figure.dpi_scale_trans, axes.transData)
    write = row_writer(axes, inches, baseline=True)
    points = f"{100 * margin:g}"
    head = TOP - 0.7 * ROW
    write(LABEL, head, "Higher v. lower rate", bold=True)
    write(VALUE, head, "Difference, points", bold=True)
    write(VALUE, head - ROW, "(95 % interval)", bold=True)
    write(HIGHER, head, "P(higher)", bold=True, align="right")
    write(BEYOND, head, f"P(> {points})", bold=True, align="right")
    y = -0.5 * ROW
    for analysis, pairs, block in zip(analyses, blocks, labels, strict=True):
        if headed:
            event = OUTCOMES.get(analysis.outcome, "the event")
            write(LABEL, y, typeset(event[:1].upper() + event[1:]), bold=True)
            y -= ROW
        for row, label in zip(pairs.itertuples(), block, strict=True):
            centre = y - (len(label) - 1) * ROW / 2
            middle, low, high = (100 * float(v) for v in (row.median, row.lower, row.upper))
            interval(axes, centre, middle, low, high, BAYES)
            for i, line in enumerate(label):
                write(LABEL + 0.1 * headed, y - i * ROW, line)
            write(VALUE, centre, printed(middle, low, high, digits=1, signed=True))
            write(HIGHER, centre, probability(row.p_superior), align="right")
            write(BEYOND, centre, probability(row.p_margin), align="right")
            y -= len(label) * ROW
        y -= GAP
    figure.text(
        0.5,
        0.04 / height,
        f"Shaded: within {points} points. P(> {points}): probability that the difference exceeds "
        f"{points} points. No contrast is randomised.",
        ha="center",
        va="bottom",
        color=FAINT,
        fontsize=SMALL,
    )
    return figure


def _pair(row: Any) -> str:
    return typeset(f"{row.a} v. {row.b}")


def upward_pairs(contrasts: pd.DataFrame, estimand: str) -> pd.DataFrame:
    """Return the risk differences of an estimand, every pair with the higher median first.

    Returns
    -------
    pandas.DataFrame
        ``a``, ``b``, ``median``, ``lower``, ``upper`` (proportions, median at least 0),
        ``p_superior``, ``p_margin`` (of a difference above the margin; it follows the sign of
        the median in the table too), largest first.
    """
    chosen = contrasts[
        (contrasts["estimand"] == estimand) & (contrasts["scale"] == "risk_difference")
    ]
    down = chosen["median"] < 0
    turned = chosen.rename(columns={"a": "b", "b": "a", "lower": "upper", "upper": "lower"})
    turned = turned.assign(
        median=-turned["median"],
        lower=-turned["lower"],
        upper=-turned["upper"],
        p_superior=1 - turned["p_superior"],
    )
    pairs = pd.concat([chosen[~down], turned[down]])
    columns = ["a", "b", "median", "lower", "upper", "p_superior", "p_margin"]
    return pairs[columns].sort_values("median", ascending=False, kind="stable")


def _axis(axes: Axes, pairs: pd.DataFrame, margin: float, body: float) -> None:
    """Set the axis in percentage points, with the margin's band and the line of no difference."""
    low = 100 * min(pairs["lower"].min(), -margin)
    high = 100 * max(pairs["upper"].max(), margin)
    pad = 0.04 * (high - low)
    axes.set_xlim(low - pad, high + pad)
    axes.xaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}".replace("-", "−")))
    axes.fill_between([-100 * margin, 100 * margin], -body, 0, color=BAND, lw=0, zorder=0)
    axes.vlines(0, -body, 0, color=OBSERVED, lw=0.6, zorder=1)
    axes.set_xlabel("Difference of typical rates, percentage points", labelpad=2)
