"""What the priors say, as a figure."""

import numpy as np
from matplotlib.figure import Figure

from models.analyses.checks.prior_predictive import EXTREME, PAIR, PriorDraws
from models.render.style import BAYES, FONT, TEXT_WIDTH, percent_axis


def prior_figure(found: PriorDraws) -> Figure:
    """Draw what the priors say of a typical rate, a study's rate and an odds ratio."""
    figure = Figure(figsize=(TEXT_WIDTH, 2.0), layout="constrained")
    panels = figure.subplots(1, 3)
    bins = np.linspace(0, 1, 41)
    for axes, values, name in (
        (panels[0], found.typical, "typical rate"),
        (panels[1], found.study, "rate of a study"),
    ):
        axes.hist(values, bins=bins, density=True, color=BAYES, alpha=0.75)
        outside = float(((values < EXTREME[0]) | (values > EXTREME[1])).mean())
        axes.set_title(f"{name}\n{100 * outside:.1f} % below 1 % or above 99 %", fontsize=FONT)
        axes.set_xlabel("rate, %")
        percent_axis(axes, (0, 0.25, 0.5, 0.75, 1))
    values = found.log_odds_ratio
    panels[2].hist(values, bins=np.linspace(-6, 6, 61), density=True, color=BAYES, alpha=0.75)
    ticks = (0.05, 1, 20)
    panels[2].set_xticks(np.log(ticks))
    panels[2].set_xticklabels([f"{tick:g}" for tick in ticks])
    above = float((values > np.log(20)).mean())
    panels[2].set_title(f"{PAIR[0]} v. {PAIR[1]}\n{100 * above:.1f} % above 20", fontsize=FONT)
    panels[2].set_xlabel("odds ratio")
    for axes in panels:
        axes.set_yticks([])
        for side in ("left", "right", "top"):
            axes.spines[side].set_visible(False)
    return figure
