"""The case mix: contrasts with and without adjustment, and arms by composition and response."""

from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import NullLocator
from matplotlib.transforms import blended_transform_factory

from models.analyses.case_mix.variants import single_arms
from models.common.errors import InputError
from models.render.format import probability, rate
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
)

if TYPE_CHECKING:
    from models.analyses.case_mix.summary import CaseMixResult

ROW: Final = 0.40
"""Inches a pair."""
TOP, BOTTOM = 0.42, 0.72
MARKS: Final = (
    ("o", BAYES),
    ("s", PUBLISHED),
    ("D", THIRD),
    ("^", "#CC79A7"),
    ("v", "#56B4E9"),
    ("P", "#E69F00"),
    ("X", INK),
    ("<", OBSERVED),
)
"""Marker and colour of every treatment, Okabe and Ito's palette; both differ."""


def adjusted_contrasts(result: "CaseMixResult") -> Figure:
    """Draw the odds ratio of every pair of treatments, adjusted and not.

    Parameters
    ----------
    result
        ``contrasts`` is read.

    Returns
    -------
    matplotlib.figure.Figure
        One row a pair, highest adjusted median first, log axis. Blue circle: conditional odds
        ratio at equal histology. Orange, open: unadjusted. Medians with 95 % equal-tailed
        intervals; numbers and probabilities at the right.

    Raises
    ------
    InputError
        If there is no pair.
    """
    odds = result.contrasts[result.contrasts["scale"] == "odds_ratio"]
    if odds.empty:
        raise InputError("a single treatment; there is no contrast to draw")
    odds = odds.sort_values("adjusted_median", ascending=False, kind="stable")
    height = TOP + len(odds) * ROW + BOTTOM
    figure = Figure(figsize=(TEXT_WIDTH, height))
    axes = figure.add_axes(
        (1.62 / TEXT_WIDTH, BOTTOM / height, 2.3 / TEXT_WIDTH, 1 - BOTTOM / height)
    )
    bare_rows(axes, top=TOP, bottom=-len(odds) * ROW)
    inches = blended_transform_factory(figure.dpi_scale_trans, axes.transData)

    def write(x: float, y: float, text: str, colour: str = INK, weight: str = "normal") -> None:
        axes.text(
            x,
            y,
            text,
            transform=inches,
            va="center",
            color=colour,
            fontsize=FONT - 0.5,
            fontweight=weight,
            clip_on=False,
        )

    for x, text in ((0.05, "a v. b"), (4.08, "odds ratio a / b (95 % int.)"), (5.72, "P(a > b)")):
        write(x, TOP - 0.18, text, weight="bold")
    for i, row in enumerate(odds.itertuples()):
        y = -(i + 0.5) * ROW
        write(0.05, y + 0.075, str(row.a))
        write(0.05, y - 0.075, f"v. {row.b}")
        for prefix, colour, offset, filled in (
            ("adjusted", BAYES, 0.075, True),
            ("unadjusted", PUBLISHED, -0.075, False),
        ):
            middle, low, high = (
                float(getattr(row, f"{prefix}_{part}")) for part in ("median", "lower", "upper")
            )
            interval(axes, y + offset, middle, low, high, colour, filled=filled)
            write(4.08, y + offset, rate(middle, low, high, 2), colour)
            chance = probability(float(getattr(row, f"{prefix}_p_superior")))
            write(5.72, y + offset, chance, colour)
    _odds_axis(axes, odds)
    figure.text(
        0.5,
        0.03 / height,
        "Blue, filled: at equal histology (conditional: same subtype, same study effect). "
        "Orange, open: unadjusted.\nArms of different trials are compared: none of these contrasts "
        "is randomised.",
        ha="center",
        va="bottom",
        fontsize=FONT - 0.5,
        color=INK,
        linespacing=1.25,
    )
    return figure


def _odds_axis(axes: Axes, odds: pd.DataFrame) -> None:
    """Set the log axis with ticks at powers of two, and the line of no difference."""
    columns = [f"{p}_{b}" for p in ("adjusted", "unadjusted") for b in ("lower", "upper")]
    low, high = float(odds[columns].min().min()), float(odds[columns].max().max())
    axes.set_xscale("log")
    axes.set_xlim(low / 1.15, high * 1.15)
    powers = np.arange(np.ceil(np.log2(low / 1.15)), np.floor(np.log2(high * 1.15)) + 1)
    powers = powers[:: max(1, len(powers) // 6)]
    axes.set_xticks(2.0**powers)
    axes.set_xticklabels([f"{2.0**p:g}" for p in powers])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.plot([1, 1], [0, axes.get_ylim()[0]], color=OBSERVED, lw=0.6, zorder=1)
    axes.set_xlabel("Odds ratio a / b")


def composition_rates(result: "CaseMixResult") -> pd.DataFrame:
    """Return for every arm the rate its histology lets expect, and the observed one.

    Returns
    -------
    pandas.DataFrame
        The arms with ``expected``: the median rates of the subtypes at equal treatment, averaged
        over the arm's patients; ``observed``: responders over patients; ``single``: the histology
        of an arm that enrolled one only, else empty.
    """
    review = result.review
    medians = result.subtypes.set_index("subtype")["median"]
    cells = review.cells.astype({"subtype": str})
    weighted = cells["total"] * cells["subtype"].map(medians)
    by_arm = weighted.groupby(cells["arm"]).sum() / cells.groupby("arm")["total"].sum()
    first, alone = cells.groupby("arm")["subtype"].first(), set(single_arms(review))
    arms = review.arms
    return arms.assign(
        expected=arms["arm"].map(by_arm),
        observed=arms["events"] / arms["total"],
        single=[first[arm] if arm in alone else "" for arm in arms["arm"]],
    )


def arms_by_composition(result: "CaseMixResult", labelled: int = 20) -> Figure:
    """Place every arm by what its histology lets expect and by what was observed.

    Parameters
    ----------
    result
        ``review`` and ``subtypes`` are read.
    labelled
        How many arms are named, where there is room: those of one histology, with a favourable
        composition, or far from what it lets expect.

    Returns
    -------
    matplotlib.figure.Figure
        Across: response expected from the arm's subtypes at equal treatment. Up: responders over
        patients. Marker and colour: treatment; area: patients; ring: one histology only. On the
        grey line observed and expected agree.
    """
    arms = composition_rates(result)
    figure = Figure(figsize=(TEXT_WIDTH, 4.7))
    axes = figure.add_axes((0.085, 0.185, 0.9, 0.795))
    top = float(max(arms["observed"].max(), arms["expected"].max())) * 1.1 + 0.02
    right = float(arms["expected"].max()) * 1.12
    axes.plot([0, min(top, right)], [0, min(top, right)], color=OBSERVED, lw=0.7, zorder=1)
    handles = []
    for i, treatment in enumerate(result.review.treatments):
        marker, colour = MARKS[i % len(MARKS)]
        mine = arms[arms["treatment"] == treatment]
        alone = mine["single"] != ""
        axes.scatter(
            mine["expected"],
            mine["observed"],
            s=6 + 1.1 * mine["total"],
            marker=marker,
            color=colour,
            alpha=0.75,
            linewidths=[1.2 if one else 0.0 for one in alone],
            edgecolors=INK,
            zorder=3,
        )
        handles.append(
            Line2D([], [], marker=marker, color=colour, ls="", ms=5, label=str(treatment))
        )
    handles.append(
        Line2D([], [], marker="o", mfc="white", mec=INK, ls="", ms=5, label="one histology only")
    )
    for spine in ("right", "top"):
        axes.spines[spine].set_visible(False)
    axes.set_xlim(0, right)
    axes.set_ylim(-0.02, top)
    for set_ticks, set_labels, end in (
        (axes.set_xticks, axes.set_xticklabels, right),
        (axes.set_yticks, axes.set_yticklabels, top),
    ):
        ticks = np.arange(0, end, 0.1)
        set_ticks(list(ticks))
        set_labels([f"{100 * t:.0f}" for t in ticks])
    axes.set_xlabel("Response expected from the arm's subtypes at equal treatment (%)")
    axes.set_ylabel("Responders of all patients (%)")
    _name_arms(axes, arms, labelled, right, top)
    figure.legend(
        handles=handles,
        loc="lower center",
        ncols=3,
        frameon=False,
        fontsize=FONT - 0.5,
        bbox_to_anchor=(0.5, 0.0),
        handletextpad=0.2,
        columnspacing=1.2,
    )
    return figure


def _name_arms(axes: Axes, arms: pd.DataFrame, labelled: int, right: float, top: float) -> None:
    """Write the names of the arms furthest from the line of agreement or of one histology."""
    distance = (arms["observed"] - arms["expected"]).abs() + 0.15 * (arms["single"] != "")
    distance += 0.8 * (arms["expected"] - arms["expected"].median()).clip(lower=0)
    chosen = arms.loc[distance.sort_values(ascending=False).index[:labelled]]
    dots = list(zip(arms["expected"] / right, arms["observed"] / top, strict=True))
    taken: list[tuple[float, float, float]] = []
    for row in chosen.sort_values("observed", ascending=False).itertuples():
        x, y = float(row.expected) / right, float(row.observed) / top
        text = f"{row.arm}  {row.events}/{row.total}" + (f", {row.single}" if row.single else "")
        width = 0.0108 * len(text)
        sides = (-1, 1) if x + width > 0.98 else (1, -1)
        places = [
            (x + 0.018 if side > 0 else x - 0.018 - width, y + shift)
            for shift in (0.0, 0.028, -0.028, 0.05, -0.05)
            for side in sides
        ]
        spot = next((spot for spot in places if _clear(spot, width, taken, dots)), None)
        if spot is None:
            continue
        start, place = spot
        taken.append((start, start + width, place))
        axes.text(
            start * right if start > x else (start + width) * right,
            place * top,
            text,
            ha="left" if start > x else "right",
            va="center",
            fontsize=FONT - 1.5,
            color=INK,
            zorder=4,
        )


def _clear(
    spot: tuple[float, float],
    width: float,
    taken: list[tuple[float, float, float]],
    dots: list[tuple[float, float]],
) -> bool:
    """Say whether a label at a spot (axes fractions) touches no other label and no arm."""
    start, place = spot
    if not (start > 0.0 and start + width < 1.0 and 0.0 < place < 0.99):
        return False
    labels = all(abs(place - b) > 0.026 or start > e or start + width < a for a, e, b in taken)
    arms = all(abs(place - y) > 0.022 or x < start or x > start + width for x, y in dots)
    return labels and arms
