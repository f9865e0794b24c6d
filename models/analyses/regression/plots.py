"""Bubble plots: arms by a covariate and by response, with the regression's typical rate."""

from collections.abc import Sequence
from typing import Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from models.analyses.regression.summary import RegressionAnalysis
from models.common.constants import INTERVAL_PROBS
from models.estimands.regression import rates_at
from models.render.style import BAYES, FAINT, INK, MARKERS, PAGE, SMALL
from models.reviews.covariates import COLUMN

HEIGHT: Final = 5.3
"""Inches."""
NAMES: Final = {
    "asps_share": "Patients with alveolar soft part sarcoma (%)",
    "ss_mls_share": "Patients with synovial sarcoma or\nmyxoid liposarcoma (%)",
    "year": "Year of publication",
    "log2_enrolled": "Patients enrolled",
}
POINTS: Final = 41


def bubbles(arms: pd.DataFrame, analyses: Sequence[RegressionAnalysis]) -> Figure:
    """Draw the response of the arms against covariates, four at most.

    Parameters
    ----------
    arms
        ``study``, ``events``, ``total``, ``treatment``.
    analyses
        Regressions on one numeric covariate each, without groups, of these arms.

    Returns
    -------
    matplotlib.figure.Figure
        Area: patients; marker: treatment. Line and band: rate of the median arm and its 95 %
        interval. Arms that do not report the covariate are left out.
    """
    figure = Figure(figsize=(PAGE, HEIGHT))
    treatments = list(dict.fromkeys(arms["treatment"].astype(str)))
    markers = dict(zip(treatments, MARKERS, strict=False))
    grid = figure.subplots(2, 2, sharey=True)
    figure.subplots_adjust(0.07, 0.19, 0.99, 0.985, wspace=0.06, hspace=0.36)
    for axes, analysis in zip(grid.ravel(), analyses, strict=True):
        _panel(axes, arms, analysis, markers)
    for axes in grid[:, 0]:
        axes.set_ylabel("Responders / patients (%)")
    handles = [
        Line2D([], [], marker=m, ls="", ms=4.5, mfc="none", mec=INK, label=t)
        for t, m in markers.items()
    ]
    figure.legend(handles=handles, loc="lower center", ncols=3, frameon=False, handletextpad=0.2)
    return figure


def _panel(
    axes: Axes, arms: pd.DataFrame, analysis: RegressionAnalysis, markers: dict[str, str]
) -> None:
    (term,) = analysis.design.terms
    design = analysis.design.frame.set_index("arm")
    values = (design[COLUMN + term.label] * (term.unit or 1.0) + term.centre).to_numpy()
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    at = np.linspace(low, high, POINTS)
    curves = np.array(
        [
            np.quantile(
                rates_at(analysis.fit.posterior, analysis.design, {term.covariate: x})[
                    "typical_rate"
                ],
                [INTERVAL_PROBS[0], 0.5, INTERVAL_PROBS[1]],
            )
            for x in at
        ]
    )
    axes.fill_between(at, 100 * curves[:, 0], 100 * curves[:, 2], color=BAYES, alpha=0.15, lw=0)
    axes.plot(at, 100 * curves[:, 1], color=BAYES, lw=1.2)
    shown = arms.assign(
        value=design.loc[arms["study"].astype(str)].index.map(
            dict(zip(design.index, values, strict=True))
        )
    )
    for treatment, marker in markers.items():
        mine = shown[(shown["treatment"].astype(str) == treatment) & shown["value"].notna()]
        axes.scatter(
            mine["value"],
            100 * mine["events"] / mine["total"],
            s=4 + 0.9 * mine["total"],
            marker=marker,
            facecolors="none",
            edgecolors=INK,
            linewidths=0.7,
            zorder=3,
        )
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    axes.tick_params(length=2.5, pad=2)
    axes.set_ylim(-3, 80)
    axes.set_xlabel(NAMES[term.covariate])
    if term.covariate.endswith("share"):
        axes.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0", "25", "50", "75", "100"])
    elif term.covariate.startswith("log2"):
        ticks = np.arange(np.ceil(low), np.floor(high) + 1)
        axes.set_xticks(list(ticks), [f"{2**t:.0f}" for t in ticks])
    else:
        axes.set_xticks(np.arange(low, high + 1, 3))
    absent = int(np.isnan(values).sum())
    if absent:
        axes.text(
            0.98,
            0.97,
            f"{absent} arms without it",
            transform=axes.transAxes,
            ha="right",
            va="top",
            color=FAINT,
            fontsize=SMALL,
        )
