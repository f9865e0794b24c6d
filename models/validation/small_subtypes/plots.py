"""Figures of the simulation of subtypes: bias and coverage by size."""

from typing import Any, Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from models.common.constants import CI_PROB
from models.render.style import FONT, INK, OBSERVED, TEXT_WIDTH
from models.validation.small_subtypes.replicate import METHODS
from models.validation.small_subtypes.summary import LPS_ROW, METHOD_WORDS

LOOKS: Final = {
    "ft_published": ("#D55E00", "s", "-"),
    "ft_arms": ("#D55E00", "s", ":"),
    "crude": (OBSERVED, "D", "-"),
    "glmm": ("#009E73", "^", "-"),
    "exchangeable": ("#0072B2", "o", "-"),
    "exnex": ("#0072B2", "o", ":"),
}
"""Colour, marker and line; a dotted line has open markers."""
_COLUMNS: Final = 2


def bias_figure(sizes: pd.DataFrame) -> Figure:
    """Draw the bias of every method by size of the subtype, one panel a scenario.

    Parameters
    ----------
    sizes
        As `models.validation.small_subtypes.summary.by_size` returns it.
    """
    values = sizes.assign(value=100 * sizes["bias"])
    reach = float(values["value"].abs().max()) * 1.1
    return _panels(
        values, "mean of estimate minus true rate, percentage points", 0.0, (-reach, reach)
    )


def bias_size_figure(sizes: pd.DataFrame) -> Figure:
    """Draw the size of the bias of single subtypes, in which opposite signs do not cancel."""
    values = sizes.assign(value=100 * sizes["rms_bias"])
    top = float(values["value"].max()) * 1.1
    title = "root mean square of the subtypes' biases, percentage points"
    return _panels(values, title, 0.0, (-0.03 * top, top))


def coverage_figure(sizes: pd.DataFrame) -> Figure:
    """Draw the coverage of every method's 95 % intervals by size, one panel a scenario."""
    values = sizes.assign(value=100 * sizes["coverage"])
    least = float(values["value"].min())
    low = 10 * np.floor(least / 10)
    title = f"coverage of {100 * CI_PROB:.0f} % intervals, per cent"
    return _panels(values, title, 100 * CI_PROB, (low, 101.5))


def _panels(
    values: pd.DataFrame, title: str, reference: float, limits: tuple[float, float]
) -> Figure:
    names = list(dict.fromkeys(values["scenario"]))
    rows = -(-len(names) // _COLUMNS)
    figure = Figure(figsize=(TEXT_WIDTH, 1.42 * rows + 0.75), layout="constrained")
    axes = figure.subplots(rows, _COLUMNS, sharex=True, sharey=True, squeeze=False).ravel()
    labels = list(dict.fromkeys(values["size"]))
    for ax, name in zip(axes, names, strict=False):
        _panel(ax, values[values["scenario"] == name], labels, reference)
        ax.set_title(name, loc="left", pad=3)
        ax.set_ylim(*limits)
    for ax in axes[len(names) :]:
        ax.set_visible(False)
    for ax in axes[-_COLUMNS:]:
        ax.set_xticks(range(len(labels)), labels)
        ax.set_xlabel("patients of the subtype")
    handles, words = axes[0].get_legend_handles_labels()
    figure.legend(
        handles, words, loc="outside upper center", ncols=len(METHODS), frameon=False,
        handlelength=2.6, columnspacing=1.2, fontsize=FONT,
    )  # fmt: skip
    figure.supylabel(title, fontsize=FONT + 0.5)
    return figure


def _panel(ax: Axes, part: pd.DataFrame, labels: list[str], reference: float) -> None:
    ax.axhline(reference, color=INK, lw=0.6, zorder=1)
    for method in METHODS:
        colour, marker, line = LOOKS[method]
        own = part[part["method"] == method].set_index("size")["value"].reindex(labels)
        x = np.arange(len(labels)) + 0.07 * (METHODS.index(method) - 2.5)
        # the row LPS is no size class: its point stands apart
        alone = labels.index(LPS_ROW) if LPS_ROW in labels else len(labels)
        face = "white" if line == ":" else colour
        style: dict[str, Any] = {
            "color": colour,
            "marker": marker,
            "ms": 3.6,
            "mfc": face,
            "mew": 0.9,
            "lw": 1.0,
        }
        ax.plot(x[:alone], own.to_numpy()[:alone], ls=line, label=METHOD_WORDS[method], **style)
        ax.plot(x[alone:], own.to_numpy()[alone:], ls="none", **style)
    ax.grid(axis="y", lw=0.3, color="#dddddd")
    ax.spines[["top", "right"]].set_visible(False)
