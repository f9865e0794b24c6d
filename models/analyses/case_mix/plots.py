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
from models.render.format import printed, probability, typeset
from models.render.style import (
    BAYES,
    FONT,
    INK,
    MARKERS,
    OBSERVED,
    PAGE,
    SMALL,
    TEXT_WIDTH,
    bare_rows,
    interval,
    row_writer,
)

if TYPE_CHECKING:
    from models.analyses.case_mix.summary import CaseMixResult

ROW: Final = 3.4 / 25.4
TOP, BOTTOM = 0.30, 0.60
LABEL, AXIS, AXIS_END, VALUE, CHANCE = (x / 25.4 for x in (2, 76, 126, 130, 178))
"""Inches: half a row; above and below the rows; columns from the left edge."""


def adjusted_contrasts(result: "CaseMixResult") -> Figure:
    """Draw the odds ratio of every pair of treatments, adjusted and not.

    Parameters
    ----------
    result
        ``contrasts`` is read.

    Returns
    -------
    matplotlib.figure.Figure
        One page wide, one row a pair, the treatment first that is higher at equal histology, the
        largest ratio on top, log axis. Filled: conditional odds ratio at equal histology. Open:
        the same arms unadjusted. Medians with 95 % equal-tailed intervals and probabilities.

    Raises
    ------
    InputError
        If there is no pair.
    """
    odds = upward_odds(result.contrasts)
    if odds.empty:
        raise InputError("a single treatment; there is no contrast to draw")
    body = len(odds) * 2 * ROW
    height = TOP + body + BOTTOM
    figure = Figure(figsize=(PAGE, height))
    axes = figure.add_axes(
        (AXIS / PAGE, BOTTOM / height, (AXIS_END - AXIS) / PAGE, 1 - BOTTOM / height)
    )
    bare_rows(axes, top=TOP, bottom=-body)
    inches = blended_transform_factory(figure.dpi_scale_trans, axes.transData)
    write = row_writer(axes, inches, baseline=True)
    for x, text in ((LABEL, "First v. second"), (VALUE, "Odds ratio (95 % interval)")):
        write(x, TOP - 0.9 * ROW, text, bold=True)
    write(CHANCE, TOP - 0.9 * ROW, "P(> 1)", bold=True, align="right")
    for i, row in enumerate(odds.to_dict("records")):
        y = -(2 * i + 0.5) * ROW
        write(LABEL, y - 0.5 * ROW, typeset(f"{row['a']} v. {row['b']}"))
        for prefix, at, filled in (("adjusted", y, True), ("unadjusted", y - 0.95 * ROW, False)):
            middle, low, high = (row[f"{prefix}_{part}"] for part in ("median", "lower", "upper"))
            interval(axes, at, middle, low, high, BAYES, filled=filled, width=1.0)
            write(VALUE, at, printed(middle, low, high, digits=2), bold=filled)
            chance = probability(row[f"{prefix}_p_superior"])
            write(CHANCE, at, chance, align="right", bold=filled)
    _odds_axis(axes, odds, body)
    figure.legend(
        handles=[
            Line2D([], [], color=BAYES, marker="o", ms=3, mfc=face, lw=1.0)
            for face in (BAYES, "white")
        ],
        labels=["at equal histology", "unadjusted"],
        loc="lower center",
        ncols=2,
        frameon=False,
        fontsize=SMALL,
        bbox_to_anchor=(0.5, 0.0),
    )
    return figure


def upward_odds(contrasts: pd.DataFrame) -> pd.DataFrame:
    """Return the odds ratios, the treatment first that is higher at equal histology.

    Returns
    -------
    pandas.DataFrame
        ``a``, ``b`` and, ``adjusted_`` and ``unadjusted_``, ``median``, ``lower``, ``upper``,
        ``p_superior``; largest adjusted median first, which is at least 1.
    """
    odds = contrasts[contrasts["scale"] == "odds_ratio"].reset_index(drop=True)
    down = odds["adjusted_median"] < 1
    turned = odds.rename(columns={"a": "b", "b": "a"})
    for prefix in ("adjusted", "unadjusted"):
        lower, upper = odds[f"{prefix}_upper"], odds[f"{prefix}_lower"]
        turned[f"{prefix}_median"] = 1 / odds[f"{prefix}_median"]
        turned[f"{prefix}_lower"], turned[f"{prefix}_upper"] = 1 / lower, 1 / upper
        turned[f"{prefix}_p_superior"] = 1 - odds[f"{prefix}_p_superior"]
    pairs = pd.concat([odds[~down], turned[down]])[list(odds.columns)]
    return pairs.sort_values("adjusted_median", ascending=False, kind="stable", ignore_index=True)


def _odds_axis(axes: Axes, odds: pd.DataFrame, body: float) -> None:
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
    axes.vlines(1, -body, 0, color=OBSERVED, lw=0.6, zorder=1)
    axes.set_xlabel("Odds ratio", labelpad=2)


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


def arms_by_composition(result: "CaseMixResult", labelled: int = 12) -> Figure:
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
        patients. Marker: treatment; area: patients; filled: one histology only. On the
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
        marker = MARKERS[i % len(MARKERS)]
        mine = arms[arms["treatment"] == treatment]
        alone = mine["single"] != ""
        axes.scatter(
            mine["expected"],
            mine["observed"],
            s=6 + 1.1 * mine["total"],
            marker=marker,
            facecolors=[BAYES if one else "white" for one in alone],
            alpha=0.8,
            linewidths=0.8,
            edgecolors=INK,
            zorder=3,
        )
        handles.append(
            Line2D([], [], marker=marker, mfc="white", mec=INK, ls="", ms=5, label=str(treatment))
        )
    handles.append(
        Line2D([], [], marker="o", mfc=BAYES, mec=INK, ls="", ms=5, label="one histology only")
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
