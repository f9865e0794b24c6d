"""Two figures: the prior meeting possible results, and what each rule leads to."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.special import logit
from scipy.stats import beta

from models.analyses.next_trial.plan import Plan
from models.grid.distributions import Array
from models.grid.marginals import LogitMarginals
from models.render.format import probability
from models.render.style import (
    BAYES,
    FONT,
    INK,
    OBSERVED,
    PUBLISHED,
    TEXT_WIDTH,
    THIRD,
    percent_axis,
)

_RATES = np.linspace(0.003, 0.75, 400)
_TICKS = (0.0, 0.25, 0.5, 0.75)
_LOOKS = {
    "exact": (INK, "-"),
    "simon optimal": (THIRD, "--"),
    "simon minimax": (THIRD, ":"),
    "map": (BAYES, "-"),
    "robust map": (BAYES, "--"),
    "vague": (OBSERVED, "-"),
}


def prior_figure(plan: Plan) -> Figure:
    """Draw prior, likelihood and posterior for three possible results.

    Returns
    -------
    matplotlib.figure.Figure
        One panel a result: the numbers of responders that are the 10 %, 50 % and 90 % points of
        what the prior predicts. Grey: likelihood, scaled to a density. Blue line: MAP prior; blue
        area: posterior. Dashed line: the null rate.
    """
    n, prior = plan.design.n, plan.prior
    cumulative = np.cumsum(prior.predictive(n))
    results = [int(np.searchsorted(cumulative, q)) for q in (0.1, 0.5, 0.9)]
    posterior = prior.posterior(n)
    figure = Figure(figsize=(TEXT_WIDTH, 2.2))
    panels = figure.subplots(1, 3, sharey=True)
    before = _rate_density(prior.density)
    for axes, y in zip(panels, results, strict=True):
        after = _rate_density(LogitMarginals(posterior.mesh, posterior.masses[:, y]))
        axes.fill_between(_RATES, after, color=BAYES, alpha=0.3, lw=0)
        axes.plot(_RATES, after, color=BAYES, lw=0.8, label="posterior")
        axes.plot(_RATES, before, color=BAYES, lw=1.4, label="MAP prior")
        axes.plot(
            _RATES,
            beta.pdf(_RATES, y + 1, n - y + 1),
            color=OBSERVED,
            lw=1.0,
            label="likelihood alone",
        )
        axes.axvline(plan.design.null, color=INK, lw=0.6, ls="--")
        chance = float(posterior.prob_rate_above(plan.design.null)[y])
        found = f"P(rate > {100 * plan.design.null:g} %): {probability(chance)}"
        axes.set_title(f"{y} of {n} {prior.counted.did}\n{found}", fontsize=FONT)
        _bare(axes)
        percent_axis(axes, _TICKS)
        axes.set_xlim(0.0, 0.75)
        axes.set_yticks([])
    panels[0].set_ylim(bottom=0.0)
    panels[0].set_ylabel("density")
    panels[0].legend(frameon=False, fontsize=FONT, loc="upper right")
    figure.supxlabel(f"true {prior.counted.rate} of the new arm, %", fontsize=FONT, y=0.04)
    figure.tight_layout()
    return figure


def rules_figure(plan: Plan) -> Figure:
    """Draw the probability of success of every rule, and patients needed, by true rate.

    Returns
    -------
    matplotlib.figure.Figure
        Left: probability of success; grey area: density of the MAP prior, any height. Right:
        expected patients. Rules that ask for the same number of responders among the same number
        of patients are one line. Dashed: the null rate; dotted: the alternative.
    """
    curves, design = plan.curves(), plan.design
    figure = Figure(figsize=(TEXT_WIDTH, 2.6))
    left, right = figure.subplots(1, 2, width_ratios=[1.6, 1.0])
    height = _rate_density(plan.prior.density)
    left.fill_between(_RATES, 0.5 * height / height.max(), color=OBSERVED, alpha=0.2, lw=0)
    drawn: dict[tuple[object, ...], list[str]] = {}
    for rule in plan.rules:
        drawn.setdefault((rule.n, rule.critical, rule.first), []).append(rule.name)
    for (n, critical, _), names in drawn.items():
        own = curves[curves["rule"] == names[0]]
        colour, dashes = _LOOKS[names[0]]
        asks = "never" if critical is None else f"{critical}/{n}"
        label = f"{', '.join(names).replace('map', 'MAP')}: {asks}"
        left.plot(own["rate"], own["success"], color=colour, ls=dashes, lw=1.2, label=label)
        right.plot(own["rate"], own["expected_n"], color=colour, ls=dashes, lw=1.2)
    left.axhline(design.level, color=PUBLISHED, lw=0.6)
    for axes in (left, right):
        axes.axvline(design.null, color=INK, lw=0.6, ls="--")
        if design.alternative is not None:
            axes.axvline(design.alternative, color=INK, lw=0.6, ls=":")
        axes.set_xlim(0.0, 0.6)
        percent_axis(axes, (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6))
        axes.set_xlabel(f"true {plan.prior.counted.rate}, %")
        _bare(axes)
    left.set_ylim(0.0, 1.0)
    left.set_ylabel("probability of success")
    left.legend(frameon=False, fontsize=FONT, loc="lower right")
    right.set_ylim(bottom=0.0)
    right.set_ylabel("expected patients")
    figure.tight_layout()
    return figure


def _rate_density(density: LogitMarginals) -> Array:
    """Return the density of the rate at the figure's rates."""
    return np.asarray(density.density(logit(_RATES)) / (_RATES * (1.0 - _RATES)))


def _bare(axes: Axes) -> None:
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
