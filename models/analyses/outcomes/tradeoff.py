"""Trade-off plane: response against toxicity of every treatment, jointly estimated."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy.special import expit, logit
from scipy.stats import gaussian_kde

from models.common.errors import InputError
from models.render.style import BAYES, FAINT, FONT, INK, MARKERS, PAGE, SMALL

type FloatArray = NDArray[np.float64]

CONTENTS: Final = (0.95, 0.50)
GRID: Final = 90
DRAWS: Final = 2000
"""Of each treatment, evenly taken: more change the regions less than the lines are wide."""
COLUMNS: Final = 3


@dataclass(frozen=True)
class Region:
    """Joint posterior of the two rates of a treatment, on a grid of logits.

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

    toxicity: FloatArray
    response: FloatArray
    density: FloatArray
    levels: tuple[float, ...]
    median: tuple[float, float]

    def reach(self, level: int) -> tuple[float, float]:
        """Return the largest rates (toxicity, response) of the region with a level's index."""
        inside = self.density >= self.levels[level]
        return (
            float(self.toxicity[inside.any(axis=0)].max()),
            float(self.response[inside.any(axis=1)].max()),
        )


def joint_region(response: FloatArray, toxicity: FloatArray) -> Region:
    """Return the joint posterior of two rates from their joint draws.

    A Gaussian kernel density of the pairs on the logit scale (Scott's bandwidth). Highest-density
    regions are formed there; they keep their probability when the axes are transformed to rates.

    Parameters
    ----------
    response, toxicity
        Draws of the two rates, pair by pair, flat, probability scale.
    """
    pairs = np.vstack([logit(toxicity), logit(response)])
    pairs = pairs[:, :: max(1, pairs.shape[1] // DRAWS)]
    kernel = gaussian_kde(pairs)
    # three bandwidths beyond the draws, the kernel density has fallen to nothing
    reach = 3 * np.sqrt(np.diag(kernel.covariance))
    x, y = (
        np.linspace(row.min() - r, row.max() + r, GRID) for row, r in zip(pairs, reach, strict=True)
    )
    density = kernel(np.stack(np.meshgrid(x, y)).reshape(2, -1)).reshape(GRID, GRID)
    descending = np.sort(density, axis=None)[::-1]
    mass = np.cumsum(descending) / descending.sum()  # equal cells: mass is proportional
    levels = tuple(float(descending[np.searchsorted(mass, p)]) for p in CONTENTS)
    median = (float(np.median(toxicity)), float(np.median(response)))
    return Region(expit(x), expit(y), density, levels, median)


def tradeoff(rates: xr.DataArray) -> Figure:
    """Draw response against toxicity of every treatment, one panel each.

    Parameters
    ----------
    rates
        Draws of the average rates (chain, draw, rate, treatment), ``orr`` and ``trae`` among them.

    Returns
    -------
    matplotlib.figure.Figure
        Medians with 50 % and 95 % highest-density regions; the medians of the others in grey.

    Raises
    ------
    InputError
        If there is a single treatment.
    """
    if "treatment" not in rates.dims or rates.sizes["treatment"] < 2:
        raise InputError("a single treatment; there is nothing to weigh against it")
    labels = [str(label) for label in rates["treatment"].values]
    regions = {
        label: joint_region(
            *(rates.sel(treatment=label, rate=name).values.ravel() for name in ("orr", "trae"))
        )
        for label in labels
    }
    rows = -(-len(labels) // COLUMNS)
    figure = Figure(figsize=(PAGE, 2.25 * rows + 0.45))
    grid = np.atleast_1d(figure.subplots(rows, COLUMNS, sharex=True, sharey=True)).ravel()
    bottom = 0.42 / figure.get_figheight()
    figure.subplots_adjust(0.075, bottom, 0.99, 1 - 0.22 / figure.get_figheight(), 0.07, 0.17)
    ends = [max(region.reach(0)[axis] for region in regions.values()) for axis in (0, 1)]
    markers = dict(zip(labels, MARKERS, strict=False))
    for axes, label in zip(grid, labels, strict=False):
        _panel(axes, label, regions, markers)
        axes.set_xlim(0, 100 * min(1.0, 1.03 * ends[0]))
        axes.set_ylim(0, 100 * min(1.0, 1.03 * ends[1]))
    for axes in grid[len(labels) :]:
        axes.set_visible(False)
    for i, axes in enumerate(grid[: len(labels)]):
        if i + COLUMNS >= len(labels):
            axes.tick_params(labelbottom=True)
    figure.supxlabel(
        "Patients with a grade 3–5 adverse event (%), mean over arms", y=0.01, fontsize=FONT
    )
    figure.supylabel("Responders / patients (%), mean over arms", x=0.005, fontsize=FONT)
    return figure


def _panel(axes: Axes, label: str, regions: dict[str, Region], markers: dict[str, str]) -> None:
    """Draw the regions of one treatment, and the medians of all."""
    region = regions[label]
    place = (100 * region.toxicity, 100 * region.response, region.density)
    axes.contourf(*place, levels=[*region.levels, np.inf], colors=[BAYES, BAYES], alpha=0.18)
    axes.contour(*place, levels=region.levels, colors=[BAYES], linewidths=0.7)
    for other, its in regions.items():
        mine = other == label
        axes.plot(
            100 * its.median[0],
            100 * its.median[1],
            marker=markers[other],
            ms=4.5 if mine else 3.5,
            ls="",
            color=BAYES if mine else FAINT,
            mfc=BAYES if mine else "white",
            zorder=4 if mine else 3,
        )
    axes.set_title(label, loc="left", color=INK, pad=3)
    axes.text(
        0.98,
        0.03,
        f"{100 * region.median[1]:.0f} % response, {100 * region.median[0]:.0f} % toxicity",
        transform=axes.transAxes,
        ha="right",
        va="bottom",
        fontsize=SMALL,
    )
    axes.tick_params(length=2.5, pad=2)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
