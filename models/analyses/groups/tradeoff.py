"""Trade-off plane: response against toxicity of every group, with joint uncertainty."""

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy.special import expit, logit
from scipy.stats import gaussian_kde

from models.common.errors import InputError
from models.render.style import BAYES, FONT, INK, PUBLISHED, TEXT_WIDTH, THIRD

COLOURS = (BAYES, PUBLISHED, THIRD, "#CC79A7", INK, "#56B4E9", "#E69F00", "#7f7f7f")
MARKERS = ("o", "s", "D", "^", "v", "P", "X", "*")
"""Each group has a colour and a marker; neither alone carries the group."""
OTHERS = "#c9c9c9"

CONTENTS = (0.95, 0.50)
GRID = 160
LEFT, RIGHT, GUTTER = 0.42, 0.08, 0.26
PANEL, TITLE, TICKS, BOTTOM = 1.35, 0.34, 0.18, 0.86
"""Inches: margins, between columns; heights of a small panel, of its title, of the tick labels
below the large panel, of what stands below the last row."""
LABEL = 1.55
CORNER = 0.35
"""Inches: kept for the labels at the right of the large panel and the note at its top."""
WIDTH = (TEXT_WIDTH - LEFT - RIGHT - 2 * GUTTER) / 3


@dataclass(frozen=True)
class Region:
    """Joint posterior of the two rates of a group, on a grid of logits.

    Attributes
    ----------
    toxicity, response
        Rates at the grid points, probability scale, shapes (m,) and (n,).
    density
        Joint density per unit of both logits, shape (n, m).
    levels
        Density at the edge of the 95 % and of the 50 % highest-density region.
    median
        Posterior medians (toxicity, response), probability scale.
    """

    toxicity: NDArray[np.float64]
    response: NDArray[np.float64]
    density: NDArray[np.float64]
    levels: tuple[float, ...]
    median: tuple[float, float]

    def reach(self, level: int) -> tuple[float, float]:
        """Return the largest rates (toxicity, response) of the region with a level's index."""
        inside = self.density >= self.levels[level]
        return (
            float(self.toxicity[inside.any(axis=0)].max()),
            float(self.response[inside.any(axis=1)].max()),
        )


def tradeoff_counts(response: pd.DataFrame, toxicity: pd.DataFrame) -> pd.DataFrame:
    """Return the counts behind a trade-off plane.

    Parameters
    ----------
    response, toxicity
        Groups of the two analyses: ``group``, ``events``, ``total``.

    Returns
    -------
    pandas.DataFrame
        ``group``, ``response_events``, ``response_total``, ``toxicity_events``,
        ``toxicity_total``, for the groups that have both outcomes, in the order of ``response``.
    """
    parts = [
        groups[["group", "events", "total"]].rename(
            columns={"events": f"{name}_events", "total": f"{name}_total"}
        )
        for name, groups in (("response", response), ("toxicity", toxicity))
    ]
    return parts[0].merge(parts[1], on="group")


def joint_region(response: NDArray[np.float64], toxicity: NDArray[np.float64]) -> Region:
    """Return the joint posterior of two rates that were fitted independently.

    The joint density is the product of the two marginal densities, each a Gaussian kernel density
    of the draws on the logit scale (Scott's bandwidth). Highest-density regions are formed on the
    logit scale; they keep their probability when the axes are transformed to rates.

    Parameters
    ----------
    response, toxicity
        Draws of the two rates, flat, probability scale; their numbers may differ.
    """
    grids, densities = [], []
    for draws in (response, toxicity):
        logits = logit(draws)
        kde = gaussian_kde(logits)
        # four bandwidths beyond the draws, the kernel density has fallen to nothing
        reach = 4 * float(np.sqrt(kde.covariance[0, 0]))
        grid = np.linspace(logits.min() - reach, logits.max() + reach, GRID)
        grids.append(grid)
        densities.append(kde(grid))
    joint = np.outer(*densities)
    descending = np.sort(joint, axis=None)[::-1]
    mass = np.cumsum(descending) / descending.sum()  # equal cells: mass is proportional
    levels = tuple(float(descending[np.searchsorted(mass, p)]) for p in CONTENTS)
    return Region(
        toxicity=expit(grids[1]),
        response=expit(grids[0]),
        density=joint,
        levels=levels,
        median=(float(np.median(toxicity)), float(np.median(response))),
    )


def tradeoff(
    response_draws: xr.DataArray, toxicity_draws: xr.DataArray, counts: pd.DataFrame
) -> Figure:
    """Draw response against toxicity: one panel of all groups, and a small one for each.

    Parameters
    ----------
    response_draws, toxicity_draws
        Typical rates (chain, draw, group) of two independent fits, probability scale.
    counts
        From ``tradeoff_counts``; its groups are drawn, in its order.

    Returns
    -------
    matplotlib.figure.Figure
        Large panel: medians and 50 % highest-density regions of the joint posterior, labelled.
        Small panels, same axes: one group in colour with its 50 % (filled) and 95 % (line)
        regions, the 50 % regions of the others in grey.

    Raises
    ------
    InputError
        If no group has both outcomes, or if there are more groups than colours.
    """
    names = [str(name) for name in counts["group"]]
    if not 0 < len(names) <= len(COLOURS):
        raise InputError(
            f"trade-off plane: 1 to {len(COLOURS)} groups with both outcomes, got {len(names)}"
        )
    styles = dict(zip(names, zip(COLOURS, MARKERS, strict=True), strict=False))
    regions = {
        name: joint_region(
            response_draws.sel(group=name).to_numpy().ravel(),
            toxicity_draws.sel(group=name).to_numpy().ravel(),
        )
        for name in names
    }
    # the large panel takes two by two places, the small ones fill the column beside and rows below
    places = [(0, 2), (1, 2)] + [(2 + i // 3, i % 3) for i in range(len(names) - 2)]
    places = places[: len(names)]
    rows = 1 + max(1, *(row for row, _ in places))
    body = rows * (PANEL + TITLE) + (TICKS if rows > 2 else 0)
    height = body + BOTTOM
    figure = Figure(figsize=(TEXT_WIDTH, height))
    ends = _small_ends(regions)
    overview = _panel(figure, (1, 0), _large_ends(regions), span=2, labelled=(True, True))
    _overview(overview, regions, styles)
    for row, place in zip(counts.itertuples(), places, strict=True):
        below = (place[0] + 1, place[1]) in places
        axes = _panel(figure, place, ends, labelled=(place[0] < 2 or place[1] == 0, not below))
        for other, region in regions.items():
            if other != row.group:
                axes.contourf(
                    region.toxicity,
                    region.response,
                    region.density,
                    levels=[region.levels[1], np.inf],
                    colors=[OTHERS],
                    zorder=1,
                )
                axes.contour(
                    region.toxicity,
                    region.response,
                    region.density,
                    levels=[region.levels[1]],
                    colors=["white"],
                    linewidths=0.6,
                    zorder=1,
                )
        _outline(axes, regions[row.group], styles[row.group], fill=True)
        _title(axes, str(row.group), styles[row.group])
        axes.text(
            0,
            1.035,
            f"response {row.response_events}/{row.response_total}, "
            f"toxicity {row.toxicity_events}/{row.toxicity_total}",
            transform=axes.transAxes,
            fontsize=FONT - 0.5,
            color=INK,
        )
    figure.text(
        (LEFT + (3 * WIDTH + 2 * GUTTER) / 2) / TEXT_WIDTH,
        (BOTTOM - 0.30) / height,
        "Patients with grade 3-5 treatment-related adverse event, typical rate (%)",
        ha="center",
        va="center",
    )
    figure.text(
        0.11 / TEXT_WIDTH,
        (BOTTOM + body / 2) / height,
        "Patients with objective response, typical rate (%)",
        ha="center",
        va="center",
        rotation=90,
    )
    figure.text(
        0.5,
        0.03 / height,
        "Medians with highest-density regions: inner line 50 % (alone in the large panel), outer "
        "line 95 %; grey: 50 % of the others.\n"
        "Response and toxicity are independent fits: their joint density is the product of the "
        "two, without correlation between them.\n"
        "Groups are arms of different trials; they were not formed by randomisation.",
        ha="center",
        va="bottom",
        fontsize=FONT - 0.8,
        linespacing=1.25,
    )
    return figure


def _small_ends(regions: dict[str, Region]) -> tuple[float, float]:
    """Return the ends of the axes (toxicity, response) that hold every 95 % region."""
    reaches = [region.reach(0) for region in regions.values()]
    return _round_up(max(x for x, _ in reaches)), _round_up(max(y for _, y in reaches))


def _large_ends(regions: dict[str, Region]) -> tuple[float, float]:
    """Return the ends of the axes that hold the 50 % regions and the text beside and above."""
    reaches = [region.reach(1) for region in regions.values()]
    width, height = 2 * WIDTH + GUTTER, 2 * PANEL + TITLE
    return (
        _round_up(max(x for x, _ in reaches) * width / (width - LABEL)),
        _round_up(max(y for _, y in reaches) * height / (height - CORNER)),
    )


def _round_up(end: float) -> float:
    """Return the end of a rate axis: a multiple of 5 %, at most 1."""
    return min(1.0, math.ceil((end + 0.005) / 0.05) * 0.05)


def _panel(
    figure: Figure,
    place: tuple[int, int],
    ends: tuple[float, float],
    *,
    span: int = 1,
    labelled: tuple[bool, bool],
) -> Axes:
    """Add a panel whose lower left corner is at (row, column), with or without tick labels."""
    row, column = place
    height = figure.get_figheight()
    axes = figure.add_axes(
        (
            (LEFT + column * (WIDTH + GUTTER)) / TEXT_WIDTH,
            (height - (row + 1) * (PANEL + TITLE) - (TICKS if row > 1 else 0)) / height,
            (span * WIDTH + (span - 1) * GUTTER) / TEXT_WIDTH,
            (span * PANEL + (span - 1) * TITLE) / height,
        )
    )
    axes.set_xlim(0, ends[0])
    axes.set_ylim(0, ends[1])
    for axis, end, shown in zip((axes.yaxis, axes.xaxis), ends[::-1], labelled, strict=True):
        step = 0.1 if end <= 0.5 else 0.2
        ticks = np.arange(0, end + 1e-9, step)
        axis.set_ticks(list(ticks), [f"{100 * t:.0f}" if shown else "" for t in ticks])
    axes.tick_params(length=2.5, pad=2)
    axes.grid(color="#eeeeee", lw=0.5, zorder=0)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    return axes


def _outline(axes: Axes, region: Region, style: tuple[str, str], *, fill: bool) -> None:
    """Draw regions and median of one group; without fill only the edge of the 50 % region."""
    colour, marker = style
    points = (region.toxicity, region.response, region.density)
    if fill:
        axes.contourf(
            *points, levels=[region.levels[1], np.inf], colors=[colour], alpha=0.35, zorder=2
        )
    levels = region.levels if fill else region.levels[1:]
    axes.contour(*points, levels=levels, colors=[colour], linewidths=0.9, zorder=3)
    axes.plot(
        *region.median, marker=marker, ms=4.5, color=colour, mec="white", mew=0.5, zorder=5, lw=0
    )


def _overview(axes: Axes, regions: dict[str, Region], styles: dict[str, tuple[str, str]]) -> None:
    """Draw all medians and 50 % regions, and label them at the right, joined by thin lines."""
    width, height = 2 * WIDTH + GUTTER, 2 * PANEL + TITLE
    end_x, end_y = axes.get_xlim()[1], axes.get_ylim()[1]
    axes.grid(visible=False)  # would run through the labels
    for name, region in regions.items():
        _outline(axes, region, styles[name], fill=False)
    order = sorted(regions, key=lambda name: regions[name].median[1])
    inch_x, inch_y = end_x / width, end_y / height
    label_x = end_x - (LABEL - 0.08) * inch_x
    step = 0.31 * inch_y
    middle = float(np.mean([regions[name].median[1] for name in order]))
    first = max(0.6 * step, middle - step * (len(order) - 1) / 2)
    for i, name in enumerate(order):
        toxicity, response = regions[name].median
        colour = styles[name][0]
        y = first + i * step
        axes.plot(
            [toxicity, label_x], [response, y], color=colour, lw=0.6, ls=(0, (2, 1.5)), zorder=4
        )
        axes.text(
            label_x + 0.04 * inch_x,
            y,
            f"{name}\n{100 * response:.0f} % response, {100 * toxicity:.0f} % toxicity",
            va="center",
            color=INK,
            fontsize=FONT - 0.5,
            linespacing=1.15,
        )
    axes.text(
        0.02 * end_x,
        0.98 * end_y,
        "\N{NORTH WEST ARROW} better: more response,\n    less toxicity",
        va="top",
        color=INK,
    )
    axes.text(0, 1.015, "All groups", transform=axes.transAxes, fontweight="bold")


def _title(axes: Axes, name: str, style: tuple[str, str]) -> None:
    """Write the name of a group above its panel, after its marker."""
    colour, marker = style
    x, y = 0.035, 1 + 0.235 / PANEL
    axes.plot(
        [x], [y], marker=marker, ms=4.5, color=colour, transform=axes.transAxes, clip_on=False
    )
    axes.text(
        0.085,
        y - 0.005,
        name,
        transform=axes.transAxes,
        va="center_baseline",
        color=INK,
        fontweight="bold",
        fontsize=FONT - 0.5,
    )
