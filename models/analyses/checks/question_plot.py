"""One question, every analysis: a forest of one claim's odds ratio, with its probability."""

from typing import Any, Final

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator
from matplotlib.transforms import blended_transform_factory

from models.analyses.checks.questions import UNADJUSTED
from models.analyses.groups.assumptions import MAIN
from models.analyses.groups.claims import Claim
from models.common.errors import InputError
from models.render.format import probability, rate
from models.render.style import (
    BAYES,
    FAINT,
    FONT,
    OBSERVED,
    PAGE,
    SMALL,
    bare_rows,
    interval,
    row_writer,
    shortened,
)

ROW, TOP, BOTTOM = 0.155, 0.30, 0.42
"""Inches: a row, above and below the rows."""
LABEL_X, ARMS_X, ODDS_X, ODDS_END = 0.05, 3.10, 3.22, 4.66
VALUE_X, CHANCE_X, BAR_X, BAR_END = 4.74, 6.20, 6.27, 7.02
"""Inches from the left edge."""
INDENT: Final = 0.12
TICKS: Final = (0.25, 0.5, 1, 2, 4, 8, 16)


def question_figure(table: pd.DataFrame, claim: Claim) -> Figure:
    """Draw every analysis of a claim that orders two groups.

    Parameters
    ----------
    table
        From `models.analyses.checks.questions.one_question`.
    claim
        The claim.

    Returns
    -------
    matplotlib.figure.Figure
        One row an analysis, by section: arms, odds ratio with 95 % interval, posterior probability
        of the claim. The main analysis has a diamond, and a dashed line at its odds ratio; rows
        that repeat the row above without adjustment are open and grey.

    Raises
    ------
    InputError
        If the claim orders no two groups.
    """
    if claim.pair is None:
        raise InputError(f"{claim.claim_id} orders no two groups")
    own = table[table["claim_id"] == claim.claim_id]
    sections = list(dict.fromkeys(own["section"]))
    rows = len(own) + len(sections)
    height = TOP + rows * ROW + BOTTOM
    figure = Figure(figsize=(PAGE, height))
    forest, bars = (
        figure.add_axes((left / PAGE, BOTTOM / height, (right - left) / PAGE, rows * ROW / height))
        for left, right in ((ODDS_X, ODDS_END), (BAR_X, BAR_END))
    )
    for axes in (forest, bars):
        bare_rows(axes, 0.5, 0.5 - rows)
    _scales(forest, bars, own)
    inches = blended_transform_factory(figure.dpi_scale_trans, forest.transData)
    write = row_writer(forest, inches, baseline=True)
    for x, words, align in (
        (LABEL_X, claim.claim, "left"),
        (ARMS_X, "arms", "right"),
        (VALUE_X, "odds ratio (95 % interval)", "left"),
        (BAR_END, "probability", "right"),
    ):
        write(x, 1.0, words, align=align, bold=True)
    y = 0.0
    for section in sections:
        write(LABEL_X, y, section, bold=True, colour=BAYES)
        y -= 1
        for row in own[own["section"] == section].to_dict("records"):
            _row(write, forest, bars, y, row)
            y -= 1
    return figure


def _scales(forest: Axes, bars: Axes, own: pd.DataFrame) -> None:
    """Lay both axes so that they hold every row."""
    lowest, highest = own["odds_ratio_lower"].min(), own["odds_ratio_upper"].max()
    forest.set_xscale("log")
    forest.set_xlim(min(0.45, 0.9 * lowest), max(9.0, 1.1 * highest))
    left, right = forest.get_xlim()
    ticks = [t for t in TICKS if left <= t <= right]
    forest.set_xticks(ticks, [f"{t:g}" for t in ticks])
    forest.xaxis.set_minor_locator(NullLocator())
    forest.axvline(1, color=FAINT, lw=0.6, zorder=1)
    main = float(own.set_index("scenario").loc[MAIN, "odds_ratio_median"])
    forest.axvline(main, color=BAYES, lw=0.6, ls=(0, (3, 2)), zorder=1)
    forest.set_xlabel("odds ratio (log scale)")
    least = min(0.5, float(own["probability"].min()) - 0.02)
    bars.set_xlim(least, 1)
    bars.set_xticks([0.5, 0.75, 1], ["0.5", "0.75", "1"])
    for x in (0.5, 0.75, 0.95):
        bars.axvline(x, color="#dddddd", lw=0.6, zorder=0)


def _row(write: Any, forest: Axes, bars: Axes, y: float, row: dict[str, Any]) -> None:
    grey = str(row["change"]).endswith(UNADJUSTED)
    colour = OBSERVED if grey else BAYES
    words = shortened(str(row["change"]), ARMS_X - LABEL_X - INDENT - 0.35)
    write(LABEL_X + INDENT, y, words, colour=FAINT if grey else "black")
    if not pd.isna(row["arms"]):
        write(ARMS_X, y, f"{row['arms']:.0f}", align="right", colour=FAINT)
    if pd.isna(row["probability"]):
        write(VALUE_X, y, str(row["note"]), colour=FAINT, size=SMALL)
        return
    middle, lower, upper = (row[f"odds_ratio_{part}"] for part in ("median", "lower", "upper"))
    main = row["scenario"] == MAIN
    marker, size = ("D", 4.2) if main else ("o", 3.2)
    interval(forest, y, middle, lower, upper, colour, marker=marker, size=size, filled=not grey)
    write(VALUE_X, y, rate(middle, lower, upper, 2), bold=main, size=FONT)
    write(CHANCE_X, y, probability(row["probability"]), align="right", bold=main)
    bars.plot(
        [row["probability"]],
        [y],
        marker=marker,
        ms=size,
        color=colour,
        mfc="white" if grey else colour,
        clip_on=False,
        zorder=3,
    )
