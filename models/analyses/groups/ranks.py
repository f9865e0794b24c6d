"""Heat map of rank probabilities: how sure the order of the groups is."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from matplotlib.colors import LinearSegmentedColormap, to_rgb
from matplotlib.figure import Figure

from models.common.errors import InputError
from models.evidence.vocabulary import OUTCOMES
from models.render.format import typeset
from models.render.style import BAYES, FAINT, FONT, PAGE, SMALL, wrapped

if TYPE_CHECKING:
    from models.analyses.groups.summary import SubgroupAnalysis

CELL, LINE = 0.27, 0.135
TOP, BOTTOM = 0.40, 0.56
"""Inches: a row (at least), a line of its label, above and below the rows."""
LABELS, SUCRA, GUTTER = 1.30, 0.42, 0.14
"""Inches: the labels, the column of SUCRA, between panels."""
BLUES = LinearSegmentedColormap.from_list("blues", ["#ffffff", BAYES])


def rank_heatmap(analyses: "Sequence[SubgroupAnalysis]") -> Figure:
    """Draw the probability of every rank for every group, one panel an outcome.

    Parameters
    ----------
    analyses
        The same grouping of one outcome or more; ``ranks``, ``groups`` (SUCRA) and
        ``higher_is_better`` are read. The first gives the order of the rows, by SUCRA.

    Returns
    -------
    matplotlib.figure.Figure
        One page wide. Columns from rank 1, the best; the probability in per cent is printed in
        its cell, SUCRA at the right. White is 0, full blue 1 in every panel.

    Raises
    ------
    InputError
        If there is only one group.
    """
    n = len(analyses[0].groups)
    if n < 2:
        raise InputError(f"{analyses[0].name}: a single group; there is no order to draw")
    first = analyses[0].groups.set_index("group")["sucra"].astype(float)
    order = list(first.sort_values(ascending=False, kind="stable").index)
    labels = [wrapped(typeset(str(group)), LABELS - 0.12) for group in order]
    cell = max(CELL, LINE * max(map(len, labels)) + 0.04)
    height = TOP + n * cell + BOTTOM
    figure = Figure(figsize=(PAGE, height))
    panel = (PAGE - LABELS) / len(analyses)
    for i, analysis in enumerate(analyses):
        axes = figure.add_axes(
            (
                (LABELS + i * panel) / PAGE,
                BOTTOM / height,
                (panel - SUCRA - GUTTER) / PAGE,
                n * cell / height,
            )
        )
        ranks = analysis.ranks.loc[order]
        axes.imshow(ranks.to_numpy(), cmap=BLUES, vmin=0, vmax=1, aspect="auto")
        axes.set_xticks(range(n), [str(rank) for rank in ranks.columns])
        axes.set_yticks(range(n), ["\n".join(lines) for lines in labels] if not i else [""] * n)
        axes.tick_params(length=0, pad=4)
        for side in axes.spines.values():
            side.set_visible(False)
        for j in range(n - 1):
            axes.axhline(j + 0.5, color="white", lw=1.5)
            axes.axvline(j + 0.5, color="white", lw=1.5)
        sucra = analysis.groups.set_index("group")["sucra"].astype(float)
        rows, beside = axes.get_yaxis_transform(), 1 + 0.06 / (panel - SUCRA - GUTTER)
        for row, group in enumerate(order):
            for column, rank in enumerate(ranks.columns):
                value = float(ranks.loc[group, rank])
                axes.text(
                    column,
                    row,
                    per_cent(value),
                    ha="center",
                    va="center_baseline",
                    color=readable_on(BLUES(value)[:3]),
                )
            axes.text(beside, row, f"{sucra[group]:.2f}", va="center_baseline", transform=rows)
        axes.text(beside, -0.62, "SUCRA", va="bottom", fontsize=SMALL, transform=rows)
        event = OUTCOMES.get(analysis.outcome, "the event")
        axes.set_title(
            "\n".join(wrapped(typeset(event[:1].upper() + event[1:]), 1.45, bold=True)),
            loc="left",
            fontweight="bold",
            fontsize=FONT,
            pad=3,
        )
        end = "highest" if analysis.higher_is_better else "lowest"
        axes.set_xlabel(f"Rank (1: {end} rate), %", labelpad=2)
    figure.text(
        0.5,
        0.04 / height,
        "SUCRA: mean probability of being better than another group (0.50: no better than "
        "chance). No comparison is randomised.",
        ha="center",
        va="bottom",
        color=FAINT,
        fontsize=SMALL,
    )
    return figure


def per_cent(value: float) -> str:
    """Return a probability in whole per cent, never as a bare 0 or 100."""
    if value < 0.005:
        return "<1"
    return ">99" if value > 0.995 else f"{100 * value:.0f}"


def readable_on(background: str | tuple[float, float, float]) -> str:
    """Return black or white, whichever contrasts more with a background (WCAG 2 contrast ratio)."""

    def luminance(colour: str | tuple[float, float, float]) -> float:
        linear = [
            c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(colour)
        ]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    ground = luminance(background) + 0.05
    return "black" if ground / 0.05 >= 1.05 / ground else "white"
