"""Pictures of parameter recovery: bias and coverage over designs; the upper limit at tau = 0."""

from typing import Final

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from models.common.constants import CI_PROB
from models.render.style import BAYES, FONT, INK, OBSERVED, PUBLISHED, TEXT_WIDTH, THIRD

_COLOURS: Final = {0.02: BAYES, 0.15: PUBLISHED, 0.60: THIRD}
_MARKERS: Final = {0.02: "o", 0.15: "s", 0.60: "^"}
_TITLES: Final = {
    "mu": "mu (logit)",
    "typical_rate": "typical rate",
    "average_rate": "average rate",
    "tau": "tau (logit)",
}
_BIAS: Final = ("mu", "average_rate", "tau")
_NUDGE: Final = {0.02: 0.93, 0.15: 1.0, 0.60: 1.075}


def recovery_figure(table: pd.DataFrame) -> Figure:
    """Draw bias (upper half) and coverage (lower half), columns by tau, lines by rate.

    Parameters
    ----------
    table
        As `models.validation.recovery.run.summarise_recovery`.
    """
    taus = sorted(table["tau"].unique())
    figure = Figure(figsize=(TEXT_WIDTH, 8.2))
    panels = figure.subplots(2 * len(_BIAS), len(taus), sharex=True, sharey="row")
    for column, tau in enumerate(taus):
        for row, parameter in enumerate(_BIAS):
            mine = table[(table["parameter"] == parameter) & (table["tau"] == tau)]
            percent = parameter.endswith("rate")
            _lines(panels[row, column], mine, "bias", 0.0, 100 if percent else 1)
            coverage = panels[len(_BIAS) + row, column]
            if mine["coverage"].isna().all():
                _without(coverage)
                continue
            _lines(coverage, mine, "coverage", 100 * CI_PROB, 100)
        panels[0, column].set_title(f"tau = {tau:g}")
        panels[-1, column].set_xlabel("studies")
    for row, parameter in enumerate(_BIAS):
        unit = ", points" if parameter.endswith("rate") else ""
        panels[row, 0].set_ylabel(f"bias of\n{_TITLES[parameter]}{unit}")
        panels[len(_BIAS) + row, 0].set_ylabel(f"coverage, %\n{_TITLES[parameter]}")
    _names(panels[0, 0], table)
    replicates = int(table["replicates"].iloc[0])
    figure.suptitle(
        f"Bias of the posterior median and coverage of 95 % intervals; {replicates} reviews a "
        "design,\nbars: 95 % Monte Carlo intervals",
        fontsize=FONT + 1,
    )
    figure.subplots_adjust(left=0.14, right=0.98, top=0.92, bottom=0.06, hspace=0.18, wspace=0.08)
    return figure


def _lines(axes: Axes, mine: pd.DataFrame, name: str, reference: float, factor: float) -> None:
    axes.axhline(reference, color=OBSERVED, lw=0.7, zorder=1)
    for rate, part in mine.groupby("rate"):
        part = part.sort_values("k")
        axes.errorbar(
            part["k"] * _NUDGE[float(rate)],
            factor * part[name].astype(float),
            yerr=1.96 * factor * part[f"{name}_mc_error"].astype(float),
            color=_COLOURS[float(rate)],
            marker=_MARKERS[float(rate)],
            ms=3,
            lw=0.9,
            elinewidth=0.8,
        )
    _studies_axis(axes, sorted(mine["k"].unique()))


def _studies_axis(axes: Axes, studies: list[int]) -> None:
    axes.set_xscale("log")
    axes.set_xticks(studies, [str(k) for k in studies])
    axes.minorticks_off()
    for side in ("right", "top"):
        axes.spines[side].set_visible(False)
    axes.tick_params(length=2.5, pad=2)


def _without(axes: Axes) -> None:
    axes.text(
        0.5,
        0.5,
        "an equal-tailed interval\ncannot cover tau = 0",
        transform=axes.transAxes,
        ha="center",
        va="center",
        color=INK,
        fontsize=FONT - 0.5,
    )
    for side in ("right", "top"):
        axes.spines[side].set_visible(False)


def _names(axes: Axes, table: pd.DataFrame) -> None:
    """Name the lines within the first panel, in the colours and marks of the lines."""
    handles = [
        axes.plot([], [], color=_COLOURS[rate], marker=_MARKERS[rate], ms=3, lw=0.9)[0]
        for rate in sorted(table["rate"].unique())
    ]
    labels = [f"{100 * rate:.0f} %" for rate in sorted(table["rate"].unique())]
    axes.legend(
        handles,
        labels,
        title="typical rate",
        frameon=False,
        fontsize=FONT - 0.5,
        title_fontsize=FONT - 0.5,
        loc="upper right",
        handlelength=1.6,
    )


def upper_limit_figure(table: pd.DataFrame) -> Figure:
    """Draw the distribution over replicates of tau's upper limit where tau is zero."""
    mine = table[(table["parameter"] == "tau") & (table["tau"] == 0)]
    mine = mine.sort_values(["rate", "k"]).reset_index(drop=True)
    figure = Figure(figsize=(TEXT_WIDTH, 0.24 * len(mine) + 1.0))
    axes = figure.subplots()
    for y, r in enumerate(mine.itertuples()):
        colour = _COLOURS[float(r.rate)]
        axes.plot([r.upper_05, r.upper_95], [y, y], color=colour, lw=1.0)
        axes.plot([r.upper_25, r.upper_75], [y, y], color=colour, lw=3.2, solid_capstyle="butt")
        axes.plot([r.upper_50], [y], "o", color="white", mec=colour, ms=4)
        axes.text(
            -0.02,
            y,
            f"{100 * r.rate:.0f} %, {r.k} studies",
            ha="right",
            va="center",
            transform=axes.get_yaxis_transform(),
        )
        axes.text(
            1.01,
            y,
            f"{r.upper_50:.2f} ({r.upper_05:.2f}-{r.upper_95:.2f})",
            ha="left",
            va="center",
            transform=axes.get_yaxis_transform(),
        )
    axes.set_ylim(len(mine) - 0.4, -0.6)
    axes.set_yticks([])
    axes.set_xlim(0, None)
    for side in ("left", "right", "top"):
        axes.spines[side].set_visible(False)
    axes.set_xlabel("97.5 % quantile of the posterior of tau, truth 0 (logit scale)")
    axes.set_title(
        f"Median, middle half and middle 90 % of {int(mine['replicates'].iloc[0])} reviews"
    )
    figure.subplots_adjust(
        left=0.2,
        right=0.8,
        top=1 - 0.35 / figure.get_figheight(),
        bottom=0.5 / figure.get_figheight(),
    )
    return figure
