"""Heat map of rank probabilities: how sure the order of the groups is."""

from typing import TYPE_CHECKING

from matplotlib.colors import LinearSegmentedColormap, to_rgb
from matplotlib.figure import Figure

from models.analyses.groups.forest import wrapped
from models.common.errors import InputError
from models.evidence.vocabulary import OUTCOMES
from models.render.format import probability
from models.render.style import BAYES, FONT, INK, TEXT_WIDTH

if TYPE_CHECKING:
    from models.analyses.groups.summary import SubgroupAnalysis

CELL, LINE = 0.31, 0.135
TOP, BOTTOM = 0.24, 0.70
"""Inches: a row (at least), a line of its label, above and below the rows."""
AXIS_X, AXIS_END, SUCRA_X = 1.75, 5.60, 5.95
"""Inches from the left edge."""
BLUES = LinearSegmentedColormap.from_list("blues", ["#f3f7fa", "#a9cfe8", BAYES, "#003a5d"])


def rank_heatmap(analysis: "SubgroupAnalysis") -> Figure:
    """Draw the probability of every rank for every group.

    Parameters
    ----------
    analysis
        The grouping; ``ranks``, ``groups`` (SUCRA) and ``higher_is_better`` are read.

    Returns
    -------
    matplotlib.figure.Figure
        Rows in descending order of SUCRA, which stands at the right; columns from rank 1, the
        best; the probability is printed in its cell. The scale is the same in every figure.

    Raises
    ------
    InputError
        If there is only one group.
    """
    n = len(analysis.groups)
    if n < 2:
        raise InputError(f"{analysis.name}: a single group; there is no order to draw")
    sucra = analysis.groups.set_index("group")["sucra"].astype(float)
    sucra = sucra.sort_values(ascending=False, kind="stable")
    ranks = analysis.ranks.loc[sucra.index]
    labels = [wrapped(str(group), AXIS_X - 0.15) for group in ranks.index]
    cell = max(CELL, LINE * max(map(len, labels)) + 0.04)
    height = TOP + n * cell + BOTTOM
    figure = Figure(figsize=(TEXT_WIDTH, height))
    axes = figure.add_axes(
        (
            AXIS_X / TEXT_WIDTH,
            BOTTOM / height,
            (AXIS_END - AXIS_X) / TEXT_WIDTH,
            n * cell / height,
        )
    )
    axes.imshow(ranks.to_numpy(), cmap=BLUES, vmin=0, vmax=1, aspect="auto")
    axes.set_xticks(range(n), [str(rank) for rank in ranks.columns])
    axes.set_yticks(range(n), ["\n".join(lines) for lines in labels], fontsize=FONT - 0.5)
    axes.tick_params(length=0, pad=4)
    for side in axes.spines.values():
        side.set_visible(False)
    for i in range(n - 1):
        axes.axhline(i + 0.5, color="white", lw=1.5)
        axes.axvline(i + 0.5, color="white", lw=1.5)
    for i, group in enumerate(ranks.index):
        for j, rank in enumerate(ranks.columns):
            value = float(ranks.loc[group, rank])
            axes.text(
                j,
                i,
                probability(value),
                ha="center",
                va="center_baseline",
                color=readable_on(BLUES(value)[:3]),
                fontsize=FONT,
            )
    inches = axes.get_yaxis_transform()
    sucra_x = (SUCRA_X - AXIS_X) / (AXIS_END - AXIS_X)
    for i, value in enumerate(sucra):
        axes.text(sucra_x, i, f"{value:.2f}", transform=inches, ha="center", va="center_baseline")
    axes.text(
        sucra_x,
        1 + 0.06 / (n * cell),
        "SUCRA",
        transform=axes.transAxes,
        ha="center",
        va="bottom",
        fontweight="bold",
        fontsize=FONT - 0.5,
    )
    end = "highest" if analysis.higher_is_better else "lowest"
    event = OUTCOMES.get(analysis.outcome, "the event")
    axes.set_xlabel(f"Rank (1 is best: the {end} typical rate of {event})", labelpad=2)
    figure.text(
        0.5,
        0.03 / height,
        "SUCRA: mean probability of being better than another group (0.50: no better than "
        "chance).\nGroups are arms of different trials; they were not formed by randomisation.",
        ha="center",
        va="bottom",
        color=INK,
        fontsize=FONT - 0.5,
        linespacing=1.25,
    )
    return figure


def readable_on(background: str | tuple[float, float, float]) -> str:
    """Return black or white, whichever contrasts more with a background (WCAG 2 contrast ratio)."""

    def luminance(colour: str | tuple[float, float, float]) -> float:
        linear = [
            c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(colour)
        ]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    ground = luminance(background) + 0.05
    return "black" if ground / 0.05 >= 1.05 / ground else "white"
