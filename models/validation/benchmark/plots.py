"""Figure of the benchmarks: effective draws a second, and growth with the number of studies."""

from itertools import pairwise
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from models.render.style import BAYES, FONT, INK, OBSERVED, PUBLISHED, TEXT_WIDTH, THIRD
from models.validation.benchmark.run import GROWTH, LIMIT, PEERS

COLOURS = {
    "grid": PUBLISHED,
    "nutpie": BAYES,
    "pymc": "#56B4E9",
    "numpyro": "#CC79A7",
    "brms": THIRD,
    "rstanarm": "#E69F00",
}
MARKERS = {"grid": "o", "nutpie": "s", "pymc": "D", "numpyro": "P", "brms": "^", "rstanarm": "v"}


def benchmark(table: pd.DataFrame) -> Figure:
    """Draw the medians of the benchmarks.

    Parameters
    ----------
    table
        From `models.validation.benchmark.tables.medians`.

    Returns
    -------
    matplotlib.figure.Figure
        Left: effective draws a second in the pooled model, compilation counted (filled) and warm
        (open), fastest on top. Right: seconds to the first answer by number of studies.
    """
    figure = Figure(figsize=(TEXT_WIDTH, 2.9), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(1.0, 1.0))
    _speeds(left, table[table["model"] == "pooled"])
    _growth(right, table[table["model"] == GROWTH])
    return figure


def _speeds(axes: Axes, table: pd.DataFrame) -> None:
    rows = table.sort_values("ess_per_second").to_dict("records")
    for y, row in enumerate(rows):
        peer = row["peer"]
        style: dict[str, Any] = {"marker": MARKERS[peer], "color": COLOURS[peer], "ls": "none"}
        cold, warm = row["ess_per_second"], row["ess_per_second_warm"]
        axes.plot([cold, warm], [y, y], color=COLOURS[peer], lw=0.8, zorder=1)
        axes.plot([cold], [y], **style)
        axes.plot([warm], [y], **style, markerfacecolor="white")
        offset: dict[str, Any] = {
            "textcoords": "offset points",
            "fontsize": FONT - 1,
            "color": INK,
            "va": "center",
        }
        axes.annotate(_short(cold), (cold, y), (-5, 0), ha="right", **offset)
        axes.annotate(_short(warm), (warm, y), (5, 0), ha="left", **offset)
    axes.set_yticks(range(len(rows)), [row["peer"] for row in rows])
    axes.set_ylim(-0.7, len(rows) - 0.3)
    axes.set_xscale("log")
    if rows:
        speeds = [row[name] for row in rows for name in ("ess_per_second", "ess_per_second_warm")]
        axes.set_xlim(min(speeds) / 12, max(speeds) * 12)
    axes.set_xlabel("effective draws a second\n(filled: compilation counted, open: warm)")
    axes.set_title("Pooled model, objective response", loc="left")
    axes.spines[["top", "right"]].set_visible(False)


def _growth(axes: Axes, table: pd.DataFrame) -> None:
    ends = []
    for peer in PEERS:
        own = table[table["peer"] == peer].sort_values("k")
        if own.empty:
            continue
        colour, marker = COLOURS[peer], MARKERS[peer]
        axes.plot(own["k"], own["first_answer"], color=colour, marker=marker, ms=3.5, lw=1.0)
        ends.append((float(own["k"].iloc[-1]), float(own["first_answer"].iloc[-1]), peer))
    axes.set_xscale("log")
    axes.set_yscale("log")
    largest = max((k for k, _, _ in ends), default=1.0)
    if ends:
        axes.plot([table["k"].min(), largest], [LIMIT, LIMIT], color=OBSERVED, lw=0.6, ls=":")
        axes.set_xlim(table["k"].min() / 1.5, largest * 16)
        axes.set_ylim(table["first_answer"].min() / 2, 6 * max(LIMIT, table["first_answer"].max()))
        axes.annotate(
            f"limit, {LIMIT:.0f} s",
            (table["k"].min() / 1.4, LIMIT),
            (0, 2),
            textcoords="offset points",
            fontsize=FONT - 1,
            color=OBSERVED,
        )
    # labels in a column of their own, since the curves end close to each other
    for (k, seconds, peer), y in zip(ends, _apart([end[1] for end in ends]), strict=True):
        axes.annotate(
            peer,
            (k, seconds),
            (2.2 * largest, y),
            color=COLOURS[peer],
            fontsize=FONT,
            va="center",
            arrowprops={"arrowstyle": "-", "color": COLOURS[peer], "lw": 0.4, "ls": "--"},
        )
    axes.set_xlabel("studies")
    axes.set_ylabel("seconds to the first answer")
    axes.set_title("Growth with the number of studies", loc="left")
    axes.spines[["top", "right"]].set_visible(False)


def _apart(values: list[float], factor: float = 1.6) -> list[float]:
    """Return positions on a log axis near the values, at least ``factor`` apart."""
    order = sorted(range(len(values)), key=values.__getitem__)
    found = list(values)
    for before, after in pairwise(order):
        found[after] = max(found[after], found[before] * factor)
    return found


def _short(value: float) -> str:
    if value >= 10_000:
        return f"{value / 1000:,.0f}k"
    return f"{value:,.0f}" if value >= 10 else f"{value:.1f}"
