"""Pictures of simulation-based calibration: PIT values by quantity, coverage by model."""

from typing import Final

import arviz_plots as azp
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from models.render.format import probability
from models.render.style import BAYES, INK, OBSERVED, PUBLISHED, TEXT_WIDTH, bare_rows
from models.validation.calibration.quantities import LEVELS, ONE_AT_RANDOM
from models.validation.calibration.summary import ALL_UNITS, prior_sbc

_SHORT: Final = {
    "log_odds_ratio": "OR",
    "risk_difference": "RD",
    "ICI monotherapy": "mono",
    "Dual Checkpoint Inhibitors": "dual",
    "ICI + TKI": "TKI",
    "ICI + chemotherapy": "chemo",
    "ICI + immunomodulator": "immuno",
    f"[{ONE_AT_RANDOM}]": ", one at random",
    "_": " ",
}
_ENGINES: Final = {"nuts": "NUTS", "grid": "grid", "arms": "NUTS"}
_COLUMNS: Final = 5


def short_label(quantity: str) -> str:
    """Return a label that fits over a panel.

    Odds ratios (``OR``) are of typical rates, risk differences (``RD``) of average rates.
    """
    for long, short in _SHORT.items():
        quantity = quantity.replace(long, short)
    for rate in ("typical, ", "average, "):
        quantity = quantity.replace(f"[{rate}", "[")
    return quantity.replace("[", " ").replace("]", "")


def pit_figure(ranks: pd.DataFrame, draws: int, tests: pd.DataFrame) -> Figure:
    """Draw ECDF differences of the PIT values by ``az.plot_ecdf_pit``, one panel a quantity.

    Parameters
    ----------
    ranks, draws
        As in `models.validation.calibration.summary.prior_sbc`.
    tests
        The tests of these quantities; their adjusted p-values are printed in the panels, in place
        of ArviZ's unadjusted ones.
    """
    tree = prior_sbc(ranks, draws)
    names = list(tests["quantity"])
    rows = -(-len(names) // _COLUMNS)
    collection = azp.plot_ecdf_pit(
        tree,
        method="pot_c",
        backend="matplotlib",
        visuals={
            "p_value_text": False,
            "title": False,
            "xlabel": False,
            "ylabel": False,
            "ecdf_lines": {"color": BAYES, "width": 1.0},
            "suspicious_points": {"color": PUBLISHED},
        },
        col_wrap=_COLUMNS,
        figure_kwargs={"figsize": (TEXT_WIDTH * 1.25, 1.15 * rows + 1.0), "sharex": True},
    )
    figure: Figure = collection.viz["figure"].item()
    results = tests.set_index("quantity")
    for i, name in enumerate(names):
        axes: Axes = collection.viz["plot"][name].item()
        result = results.loc[name]
        colour = PUBLISHED if result["rejected"] else INK
        axes.set_title(short_label(name), fontsize=7, color=colour, pad=3)
        axes.text(
            0.98,
            0.96,
            f"p {probability(result['p_holm'])}",
            transform=axes.transAxes,
            ha="right",
            va="top",
            fontsize=6.5,
            color=colour,
        )
        axes.set_xticks([0, 0.5, 1], ["0", "0.5", "1"])
        axes.tick_params(labelsize=6.5, labelbottom=i + _COLUMNS >= len(names))
    height = figure.get_figheight()
    figure.set_layout_engine("none")
    figure.subplots_adjust(
        left=0.09, right=0.99, top=1 - 0.55 / height, bottom=0.45 / height, hspace=0.3, wspace=0.1
    )
    figure.supxlabel("PIT value", fontsize=7.5, y=0.05 / height)
    figure.supylabel("ECDF of PIT values less that of a uniform", fontsize=7.5, x=0.005)
    figure.suptitle(
        f"{len(ranks)} simulations, ranks among {draws} draws; p adjusted for {len(names)} tests "
        "(Holm)",
        fontsize=8.5,
        y=1 - 0.08 / height,
        va="top",
    )
    return figure


def coverage_figure(covers: pd.DataFrame) -> Figure:
    """Draw coverage by engine and model: every quantity, and all units together.

    Parameters
    ----------
    covers
        Columns ``engine``, ``model`` and those of
        `models.validation.calibration.summary.coverage_table`.
    """
    places = list(dict.fromkeys(zip(covers["engine"], covers["model"], strict=True)))
    figure = Figure(figsize=(TEXT_WIDTH, 0.42 * len(places) + 0.95))
    panels = figure.subplots(1, len(LEVELS), sharey=True)
    for axes, level in zip(panels, LEVELS, strict=True):
        bare_rows(axes, -0.6, len(places) - 0.4)
        axes.axvline(100 * level, color=OBSERVED, lw=0.7, zorder=1)
        for y, (engine, model) in enumerate(places):
            mine = covers[
                (covers["engine"] == engine)
                & (covers["model"] == model)
                & (covers["level"] == level)
            ]
            _coverage_row(axes, y, mine, level)
        reach = (
            max(abs(100 * (covers[covers["level"] == level]["coverage"] - level)).max(), 1) * 1.15
        )
        axes.set_xlim(100 * level - reach, 100 * level + reach)
        axes.set_title(f"{100 * level:.0f} % intervals")
    for y, (engine, model) in enumerate(places):
        count = covers[(covers["engine"] == engine) & (covers["model"] == model)]["simulations"]
        panels[0].text(
            -0.04,
            y,
            f"{model.replace('_', ' x ')}, {_ENGINES[engine]}\n{count.iloc[0]} simulations",
            transform=panels[0].get_yaxis_transform(),
            ha="right",
            va="center",
            fontsize=7,
        )
    panels[1].set_xlabel(
        "coverage, per cent.  Blue: all units, with 95 % Monte Carlo interval; open: every other\n"
        "quantity; grey band: where 95 % of these lie if intervals are calibrated"
    )
    figure.subplots_adjust(
        left=0.24,
        right=0.98,
        top=1 - 0.28 / figure.get_figheight(),
        bottom=0.62 / figure.get_figheight(),
    )
    return figure


def _coverage_row(axes: Axes, y: int, mine: pd.DataFrame, level: float) -> None:
    units = mine[mine["quantity"] == ALL_UNITS].iloc[0]
    rest = mine[mine["quantity"] != ALL_UNITS]
    half = 196 * rest["mc_error"].iloc[0]
    axes.fill_betweenx(
        [y - 0.34, y + 0.34], 100 * level - half, 100 * level + half, color="#e6e6e6", lw=0
    )
    spread = np.linspace(-0.02, 0.28, len(rest))
    axes.plot(100 * rest["coverage"], y + spread, "o", ms=2.2, mfc="white", mec=INK, mew=0.5)
    low, high = (100 * (units["coverage"] + s * 1.96 * units["mc_error"]) for s in (-1, 1))
    axes.plot([low, high], [y - 0.2] * 2, color=BAYES, lw=1.2)
    axes.plot([100 * units["coverage"]], [y - 0.2], "o", ms=3.2, color=BAYES)
