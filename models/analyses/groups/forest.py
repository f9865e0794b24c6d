"""Three estimates of every group, outcome by outcome: published, on its own, with borrowing."""

from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import TYPE_CHECKING, Final

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.transforms import Transform, blended_transform_factory

from models.evidence.vocabulary import OUTCOMES
from models.render.format import printed, typeset
from models.render.style import (
    BAYES,
    INK,
    OBSERVED,
    PAGE,
    PUBLISHED,
    SMALL,
    bare_rows,
    interval,
    percent_axis,
    rate_axis,
    row_writer,
    wrapped,
)

if TYPE_CHECKING:
    from models.analyses.groups.summary import SubgroupAnalysis

type Triple = tuple[float, float, float]
type Alone = Mapping[str, Triple]

ROW, GAP = 0.135, 0.08
TOP, BOTTOM = 0.44, 0.58
"""Inches: a line of text, between groups, above and below the rows."""
LABELS, NUMBERS, GUTTER = 1.18, 0.86, 0.14
"""Inches: the labels, the numbers of a panel, between panels."""
ESTIMATES: Final = (
    (PUBLISHED, "D", False, "published method"),
    (BAYES, "s", False, "this analysis, each group on its own"),
    (BAYES, "o", True, "this analysis, groups borrow from each other"),
)
"""Colour, marker, whether it is filled, and name of the three lines of a group, from the top."""


def group_forest(analyses: "Sequence[SubgroupAnalysis]", alone: Sequence[Alone]) -> Figure:
    """Draw three estimates of every group of a grouping, one panel an outcome.

    Parameters
    ----------
    analyses
        The same grouping of one outcome or more; ``groups`` is read (probability scale), with
        ``outcome`` for the axis. The first gives the order: highest rate first.
    alone
        For each of them, the typical rate of every group from a pooled fit to its own studies
        only: median and 95 % interval, probability scale.

    Returns
    -------
    matplotlib.figure.Figure
        One page wide. Open orange diamond: published method. Open blue square: the group on its
        own. Blue dot: groups borrow from each other. Grey bar: events over patients.

    Raises
    ------
    KeyError
        If a group is missing in ``alone`` or in one of the analyses.
    """
    order = analyses[0].groups.sort_values("typical_median", ascending=False, kind="stable")
    names = [str(name) for name in order["group"]]
    labels = [wrapped(typeset(name), LABELS - 0.12, bold=True) for name in names]
    heights = [max(4, len(lines)) * ROW + GAP for lines in labels]
    starts = list(accumulate(heights, initial=0.0))
    height = TOP + starts[-1] + BOTTOM
    figure = Figure(figsize=(PAGE, height))
    panel = (PAGE - LABELS) / len(analyses)
    for i, (analysis, single) in enumerate(zip(analyses, alone, strict=True)):
        left = LABELS + i * panel
        axes = figure.add_axes(
            (
                left / PAGE,
                BOTTOM / height,
                (panel - NUMBERS - GUTTER) / PAGE,
                1 - BOTTOM / height,
            )
        )
        bare_rows(axes, top=TOP, bottom=-starts[-1])
        _panel(axes, analysis, single, names, starts, left)
        if not i:
            write = row_writer(axes, _inches(axes), baseline=True)
            for lines, start in zip(labels, starts, strict=False):
                for j, line in enumerate(lines):
                    write(0.06, -start - (j + 0.5) * ROW, line, bold=True)
    _legend(figure)
    return figure


def _inches(axes: Axes) -> Transform:
    """Return the transform from inches across and data down."""
    return blended_transform_factory(axes.figure.dpi_scale_trans, axes.transData)


def _panel(
    axes: Axes,
    analysis: "SubgroupAnalysis",
    alone: Alone,
    names: list[str],
    starts: list[float],
    left: float,
) -> None:
    groups = analysis.groups.set_index("group")
    uppers = [*groups["ft_upper"], *groups["typical_upper"], *groups["crude"]]
    end, ticks = rate_axis(max([*uppers, *(alone[name][2] for name in names)]))
    axes.set_xlim(0, end)
    percent_axis(axes, ticks)
    event = OUTCOMES.get(analysis.outcome, "the event")
    axes.set_xlabel("Patients, %", labelpad=2)
    write = row_writer(axes, _inches(axes), baseline=True)
    right = left + axes.get_position().width * PAGE + 0.08
    title = wrapped(typeset(event[:1].upper() + event[1:]), right - left - 0.04, bold=True)
    for i, line in enumerate(title):
        write(left, TOP - (i + 0.6) * ROW, line, bold=True)
    write(right, TOP - ROW * 0.6, "% (95 % interval)", size=SMALL)
    for name, start in zip(names, starts, strict=False):
        row = groups.loc[name]
        y = -start - ROW / 2
        arms = "1 arm" if row["k"] == 1 else f"{row['k']:.0f} arms"
        write(left, y, f"{arms}, {row['events']:.0f} / {row['total']:.0f}", size=SMALL)
        rates = (
            (row["ft_estimate"], row["ft_lower"], row["ft_upper"]),
            alone[name],
            (row["typical_median"], row["typical_lower"], row["typical_upper"]),
        )
        ends = [y - 0.5 * ROW, y - 3.5 * ROW]
        axes.plot(
            [row["crude"]] * 2,
            ends,
            color=OBSERVED,
            lw=1.6,
            alpha=0.5,
            solid_capstyle="butt",
            zorder=1,
            gid="crude",
        )
        for j, ((colour, marker, filled, _), rate) in enumerate(
            zip(ESTIMATES, rates, strict=True), start=1
        ):
            at = y - j * ROW
            interval(axes, at, *rate, colour, marker=marker, size=3.2, width=1.0, filled=filled)
            write(right, at, printed(*(100 * v for v in rate)), bold=filled)
    for artist in axes.lines:
        artist.set_clip_on(False)  # a marker at 0 % stays whole


def _legend(figure: Figure) -> None:
    handles = [
        Line2D([], [], color=c, marker=m, mfc=c if filled else "white", ms=3.4, lw=1.0)
        for c, m, filled, _ in ESTIMATES
    ]
    handles.append(Line2D([], [], color=OBSERVED, marker="|", ms=8, mew=1.6, lw=0, alpha=0.5))
    figure.legend(
        handles=handles,
        labels=[*(name for *_, name in ESTIMATES), "events / patients"],
        loc="lower center",
        ncols=4,
        frameon=False,
        fontsize=SMALL,
        labelcolor=INK,
        handlelength=1.8,
        columnspacing=1.4,
        bbox_to_anchor=(0.5, 0.0),
    )
