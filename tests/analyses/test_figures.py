"""The figures: what is drawn is what was computed, in order, and nothing is cut or overlaps."""

import re
from collections.abc import Sequence
from itertools import combinations
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure
from matplotlib.text import Text
from scipy.special import expit, logit
from scipy.stats import chi2

from models.analyses.checks.loo_plot import influence_figure
from models.analyses.groups.contrast_forest import contrast_forest, upward_pairs
from models.analyses.groups.forest import group_forest
from models.analyses.groups.ranks import BLUES, per_cent, rank_heatmap, readable_on
from models.analyses.outcomes.plots import net_benefit, responses
from models.analyses.outcomes.tradeoff import joint_region, tradeoff
from models.analyses.pools.agreement import agreement
from models.common.constants import FIGURES_DIR
from models.common.errors import InputError
from models.estimands.contrasts import (
    contrast_draws,
    contrast_table,
    rank_probabilities,
    rank_table,
)
from models.estimands.joint import RATES
from models.estimands.rates import summarise
from models.evidence.groupings import grouped_outcome
from models.evidence.load import load_evidence
from models.evidence.vocabulary import OUTCOMES, TREATMENTS
from models.frequentist.freeman_tukey import exact_interval, freeman_tukey_pool
from models.render.forest import ForestBlock, ForestWords, forest, sorted_by_rate
from models.render.format import printed, probability, typeset
from models.render.style import BAYES, COLUMN, PAGE, PUBLISHED, save, svg, wrapped
from models.validation.small_subtypes.plots import SHOWN, simulation_figure
from models.validation.small_subtypes.replicate import METHODS
from models.validation.small_subtypes.summary import LPS_ROW

DRAWS = 1000


def analyse(review: pd.DataFrame, outcome: str, margin: float = 0.10) -> Any:
    """Return what the figures read of a subgroup analysis, with made-up draws.

    The logit of a group's typical rate is normal about its empirical logit; that of its average
    rate is a little higher.
    """
    names = [str(name) for name in review["group"].cat.categories]
    sums = review.groupby("group", observed=True)[["events", "total"]].sum()
    high, low = sums["events"] + 0.5, sums["total"] - sums["events"] + 0.5
    centre, sd = np.log(high / low).to_numpy(), np.sqrt(0.1 + 1 / high + 1 / low).to_numpy()
    z = np.random.default_rng(3).standard_normal((4, DRAWS, len(names)))
    dims = ("chain", "draw", "group")
    posterior = xr.Dataset(
        {
            "typical_rate": (dims, expit(centre + sd * z)),
            "average_rate": (dims, expit(centre + sd * z + 0.1)),
        },
        coords={"group": names},
    )
    higher = outcome != "trae"
    rows = []
    for name in names:
        part = review[review["group"] == name]
        events, total = int(part["events"].sum()), int(part["total"].sum())
        pool = freeman_tukey_pool(part["events"], part["total"])
        typical = summarise(posterior["typical_rate"].sel(group=name))
        rows.append(
            {"group": name, "k": len(part), "events": events, "total": total}
            | {"crude": events / total}
            | {f"typical_{key}": value for key, value in typical.items()}
            | {"ft_estimate": pool.estimate, "ft_lower": pool.lower, "ft_upper": pool.upper}
        )
    typical_draws = posterior["typical_rate"]
    return SimpleNamespace(
        name=f"groups_{outcome}",
        outcome=outcome,
        groups=pd.DataFrame(rows).merge(
            rank_table(typical_draws, higher_is_better=higher), on="group"
        ),
        contrasts=contrast_table(posterior.merge(contrast_draws(posterior)), margin),
        ranks=rank_probabilities(typical_draws, higher_is_better=higher),
        higher_is_better=higher,
        typical_draws=typical_draws,
    )


def alone(review: pd.DataFrame) -> dict[str, tuple[float, float, float]]:
    """Return another estimate of every group: crude rates with their exact intervals."""
    sums = review.groupby("group", observed=True)[["events", "total"]].sum()
    lower, upper = exact_interval(sums["events"], sums["total"])
    crude = sums["events"] / sums["total"]
    return {
        str(name): (float(crude[name]), float(low), float(high))
        for name, low, high in zip(sums.index, lower, upper, strict=True)
    }


def awkward_review() -> pd.DataFrame:
    """Return a review with long labels, no events, all events, one patient and one study."""
    groups = {
        "A LABEL IN CAPITALS THAT IS FAR TOO LONG FOR ITS COLUMN AND HAS TO BE BROKEN": [(0, 12)],
        "Dedifferentiated-and-well-differentiated-liposarcoma-without-any-space": [(3, 9), (4, 8)],
        "all responded": [(14, 14), (31, 31), (22, 22)],
        "none responded": [(0, 40), (0, 33)],
        "one patient": [(1, 1)],
        "x": [(120, 1024), (230, 2300)],
    }
    rows = [(name, *counts) for name, arms in groups.items() for counts in arms]
    review = pd.DataFrame(rows, columns=["group", "events", "total"])
    review["group"] = review["group"].astype(pd.CategoricalDtype(list(groups)))
    return review


REVIEWS = ("orr treatment", "trae treatment", "dcr treatment", "orr line", "awkward")


@pytest.fixture(scope="module")
def reviews() -> dict[str, pd.DataFrame]:
    """Return the reviews that every figure of groups is drawn for."""
    evidence = load_evidence()
    grouped = {
        name: grouped_outcome(evidence, *name.split()) for name in REVIEWS if name != "awkward"
    }
    return grouped | {"awkward": awkward_review()}


@pytest.fixture(scope="module")
def analyses(reviews: dict[str, pd.DataFrame]) -> dict[str, Any]:
    """Return their analyses."""
    return {name: analyse(review, name.split()[0]) for name, review in reviews.items()}


def texts_of(figure: Figure) -> list[Text]:
    """Return the texts that are drawn: visible, not empty, and no tick label off its axis."""
    canvas: Any = FigureCanvasAgg(figure)
    canvas.draw()
    hidden = set()
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            assert isinstance(axis, Axis)
            low, high = sorted(axis.get_view_interval())
            for tick in [*axis.get_major_ticks(), *axis.get_minor_ticks()]:
                if not low <= tick.get_loc() <= high:
                    hidden |= {tick.label1, tick.label2}
    found: Any = figure.findobj(Text)
    shown = [text for text in found if text.get_visible() and text not in hidden]
    return [text for text in shown if text.get_text().strip()]


def assert_printable(figure: Figure) -> None:
    """Check in the saved file the width, one column or a page, and that no text is below 6.5 pt."""
    text = svg(figure)
    width = re.search(r'<svg[^>]* width="([\d.]+)pt"', text)
    assert width is not None
    assert min(abs(float(width[1]) / 72 - w) for w in (COLUMN, PAGE)) < 1e-3
    sizes = [float(size) for size in re.findall(r"font(?:-size)?: [^;]*?([\d.]+)px", text)]
    assert len(sizes) == text.count("<text")
    assert min(sizes) >= 6.5
    assert "Liberation Sans', 'Arial', 'Helvetica'" in text


def assert_readable(figure: Figure) -> None:
    """Check that no text is cut by the edge, overlaps another or runs into a panel of rows."""
    texts = texts_of(figure)
    boxes = [text.get_window_extent() for text in texts]
    page = figure.bbox
    for text, box in zip(texts, boxes, strict=True):
        inside = page.x0 <= box.x0 and box.x1 <= page.x1 and page.y0 <= box.y0 <= box.y1 <= page.y1
        assert inside, f"cut: {text.get_text()!r}"
    for (one, a), (other, b) in combinations(zip(texts, boxes, strict=True), 2):
        width = min(a.x1, b.x1) - max(a.x0, b.x0)
        height = min(a.y1, b.y1) - max(a.y0, b.y0)
        # half a pixel at 100 dpi: boxes are rounded outwards
        assert width <= 0.5 or height <= 0.5, f"{one.get_text()!r} on {other.get_text()!r}"


def assert_beside_panels(figure: Figure) -> None:
    """Check that the texts of rows stand beside the panels, not on what is drawn in them.

    Headings are in bold and have a row to themselves.
    """
    texts = [text for axes in figure.axes for text in axes.texts]
    for text in (text for text in texts if text.get_fontweight() != "bold"):
        box = text.get_window_extent()
        for axes in figure.axes:
            panel = axes.get_window_extent()
            assert box.x1 <= panel.x0 or box.x0 >= panel.x1, f"in a panel: {text.get_text()!r}"


def rows_of(axes: Any, colour: str) -> list[tuple[float, float, float]]:
    """Return (median, lower, upper) of the intervals in a colour, from the top."""
    lines = [line for line in axes.lines if to_hex(line.get_color()) == colour.lower()]
    spans = {line.get_ydata()[0]: line.get_xdata() for line in lines if len(line.get_xdata()) == 2}
    points = {line.get_ydata()[0]: line.get_xdata() for line in lines if len(line.get_xdata()) == 1}
    assert spans.keys() == points.keys()
    return [(points[y][0], spans[y][0], spans[y][1]) for y in sorted(spans, reverse=True)]


def lines_of(axes: Any) -> list[Any]:
    """Return the lines of axes, whose data Matplotlib types too loosely to index."""
    return list(axes.lines)


def column(figure: Figure, predicate: Any) -> list[str]:
    """Return the texts of a figure's rows that satisfy a predicate, from the top."""
    chosen = [t for axes in figure.axes for t in axes.texts if predicate(t)]
    return [t.get_text() for t in sorted(chosen, key=lambda t: -t.get_position()[1])]


def percents(frame: pd.DataFrame) -> list[str]:
    """Return rows of (estimate, lower, upper) as a figure prints them."""
    return [printed(*row) for row in 100 * frame.to_numpy()]


@pytest.mark.parametrize("name", REVIEWS)
def test_group_forest(
    name: str, reviews: dict[str, pd.DataFrame], analyses: dict[str, Any]
) -> None:
    analysis, own = analyses[name], alone(reviews[name])
    figure = group_forest([analysis], [own])
    assert_readable(figure)
    assert_printable(figure)
    axes = figure.axes[0]
    groups = analysis.groups.sort_values("typical_median", ascending=False)
    partial = groups[["typical_median", "typical_lower", "typical_upper"]]
    published = groups[["ft_estimate", "ft_lower", "ft_upper"]]
    single = pd.DataFrame([own[g] for g in groups["group"]])
    blue = rows_of(axes, BAYES)
    np.testing.assert_array_equal(blue[1::2], partial)
    np.testing.assert_array_equal(blue[::2], single)
    np.testing.assert_array_equal(rows_of(axes, PUBLISHED), published)
    crude = [line for line in lines_of(axes) if line.get_gid() == "crude"]
    assert [line.get_xdata()[0] for line in crude] == groups["crude"].tolist()
    drawn = np.concatenate([line.get_xdata() for line in lines_of(axes)])
    assert axes.get_xlim()[0] <= drawn.min()
    assert drawn.max() <= axes.get_xlim()[1]
    numbers = column(figure, lambda t: "–" in t.get_text() and t.get_text()[0].isdigit())
    assert numbers[::3] == percents(published)
    assert numbers[1::3] == percents(single)
    assert numbers[2::3] == percents(partial)
    counts = column(figure, lambda t: " / " in t.get_text())
    assert counts == [
        f"{r.k} arm{'s' * (r.k > 1)}, {r.events} / {r.total}" for r in groups.itertuples()
    ]


def test_groups_of_three_outcomes_stand_side_by_side(
    reviews: dict[str, pd.DataFrame], analyses: dict[str, Any]
) -> None:
    names = [f"{outcome} treatment" for outcome in OUTCOMES]
    three = [analyses[name] for name in names]
    for figure in (
        group_forest(three, [alone(reviews[name]) for name in names]),
        rank_heatmap(three),
    ):
        assert_readable(figure)
        assert_printable(figure)
        assert len(figure.axes) == 3
    order = three[0].groups.sort_values("typical_median", ascending=False)["group"]
    figure = group_forest(three, [alone(reviews[name]) for name in names])
    for axes, analysis in zip(figure.axes, three, strict=True):
        rows = analysis.groups.set_index("group").loc[order]
        np.testing.assert_array_equal(
            rows_of(axes, BAYES)[1::2], rows[["typical_median", "typical_lower", "typical_upper"]]
        )


def test_group_forest_needs_every_group_on_its_own(analyses: dict[str, Any]) -> None:
    with pytest.raises(KeyError):
        group_forest([analyses["orr line"]], [{}])


def test_pairs_point_upwards(analyses: dict[str, Any]) -> None:
    """No probability of a margin exceeds that of a difference; nothing but the order changes."""
    for name in REVIEWS:
        table = analyses[name].contrasts
        pairs = upward_pairs(table, "typical")
        assert (pairs["median"] >= 0).all()
        assert pairs["median"].is_monotonic_decreasing
        assert (pairs["p_margin"] <= pairs["p_superior"]).all()
        chosen = table[(table["estimand"] == "typical") & (table["scale"] == "risk_difference")]
        both = chosen.set_index(["a", "b"])
        for row in pairs.itertuples():
            if (row.a, row.b) in both.index:
                source = both.loc[(row.a, row.b)]
                expected = [source[c] for c in ("median", "lower", "upper", "p_superior")]
            else:
                source = both.loc[(row.b, row.a)]
                expected = [-source[c] for c in ("median", "upper", "lower")]
                expected.append(1 - source["p_superior"])
            assert [row.median, row.lower, row.upper, row.p_superior] == expected
        assert len(pairs) == len(chosen)


@pytest.mark.parametrize("estimand", ["typical", "average"])
@pytest.mark.parametrize("name", REVIEWS)
def test_contrast_forest(name: str, estimand: str, analyses: dict[str, Any]) -> None:
    figure = contrast_forest([analyses[name]], 0.10, estimand)
    assert_readable(figure)
    assert_printable(figure)
    pairs = upward_pairs(analyses[name].contrasts, estimand)
    numbers = 100 * pairs[["median", "lower", "upper"]].to_numpy()
    axes = figure.axes[0]
    np.testing.assert_allclose(rows_of(axes, BAYES), numbers, rtol=1e-15)
    by_x: dict[float, list[Text]] = {}
    for text in axes.texts:
        by_x.setdefault(text.get_position()[0], []).append(text)
    columns = {texts[0].get_text(): [t.get_text() for t in texts[1:]] for texts in by_x.values()}
    assert columns["Difference, points"][1:] == [
        printed(*row, digits=1, signed=True) for row in numbers
    ]
    assert columns["P(higher)"] == [probability(p) for p in pairs["p_superior"]]
    assert columns["P(> 10)"] == [probability(p) for p in pairs["p_margin"]]
    labels = "".join(columns["Higher v. lower rate"]).replace(" ", "")
    assert labels == "".join(
        typeset(f"{a}v.{b}") for a, b in zip(pairs["a"], pairs["b"], strict=True)
    ).replace(" ", "")
    assert "No contrast is randomised" in " ".join(text.get_text() for text in figure.texts)


def test_contrasts_of_three_outcomes_stand_under_their_names(analyses: dict[str, Any]) -> None:
    three = [analyses[f"{outcome} treatment"] for outcome in OUTCOMES]
    figure = contrast_forest(three, 0.10)
    assert_readable(figure)
    assert_printable(figure)
    pairs = pd.concat([upward_pairs(a.contrasts, "typical") for a in three])
    numbers = 100 * pairs[["median", "lower", "upper"]].to_numpy()
    np.testing.assert_allclose(rows_of(figure.axes[0], BAYES), numbers, rtol=1e-15)
    bold = column(figure, lambda t: t.get_fontweight() == "bold")
    headings = [typeset(name[:1].upper() + name[1:]) for name in OUTCOMES.values()]
    assert [text for text in bold if text in headings] == headings


@pytest.mark.parametrize("margin", [0.05, 0.075, 0.30])
def test_the_band_is_the_margin(margin: float, reviews: dict[str, pd.DataFrame]) -> None:
    analysis = analyse(reviews["orr line"], "orr", margin)
    figure = contrast_forest([analysis], margin)
    assert_readable(figure)
    axes = figure.axes[0]
    collection: Any = axes.collections[0]
    across = collection.get_paths()[0].vertices[:, 0]
    assert (across.min(), across.max()) == (-100 * margin, 100 * margin)
    assert axes.get_xlim()[0] < across.min()
    assert across.max() < axes.get_xlim()[1]


@pytest.mark.parametrize("name", REVIEWS)
def test_rank_heatmap(name: str, analyses: dict[str, Any]) -> None:
    analysis = analyses[name]
    figure = rank_heatmap([analysis])
    assert_readable(figure)
    assert_printable(figure)
    axes = figure.axes[0]
    n = len(analysis.groups)
    order = analysis.groups.sort_values("sucra", ascending=False)["group"].tolist()
    ranks = analysis.ranks.loc[order].to_numpy()
    np.testing.assert_array_equal(axes.images[0].get_array(), ranks)
    cells = {t.get_position(): t.get_text() for t in axes.texts}
    for i in range(n):
        for j in range(n):
            assert cells[j, i] == per_cent(ranks[i, j])
    sucra = analysis.groups.set_index("group")["sucra"].astype(float)
    written = [t.get_text().strip() for t in axes.texts if "." in t.get_text()]
    assert written == [f"{sucra[g]:.2f}" for g in order]
    ticks = "".join(t.get_text() for t in axes.get_yticklabels())
    assert "".join(ticks.split()) == "".join(typeset("".join(order)).split())
    end = "lowest" if name.startswith("trae") else "highest"
    assert f"1: {end} rate" in axes.get_xlabel()


def test_cells_are_readable_whatever_the_probability() -> None:
    def luminance(colour: Any) -> float:
        linear = np.array(to_rgb(colour))
        linear = np.where(linear <= 0.04045, linear / 12.92, ((linear + 0.055) / 1.055) ** 2.4)
        return float(linear @ [0.2126, 0.7152, 0.0722])

    for value in np.linspace(0, 1, 201):
        cell = BLUES(value)[:3]
        dark, light = sorted((luminance(cell), luminance(readable_on(cell))))
        # level AA of WCAG 2 for text of this size
        assert (light + 0.05) / (dark + 0.05) >= 4.5


def test_figures_of_pairs_refuse_a_single_group(reviews: dict[str, pd.DataFrame]) -> None:
    review = reviews["orr line"]
    review = review[review["group"] == "first line"].copy()
    review["group"] = review["group"].cat.remove_unused_categories()
    analysis = analyse(review, "orr")
    with pytest.raises(InputError, match="single group"):
        contrast_forest([analysis], 0.10)
    with pytest.raises(InputError, match="single group"):
        rank_heatmap([analysis])
    assert_readable(group_forest([analysis], [alone(review)]))


def test_contrast_forest_refuses_an_unknown_estimand(analyses: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="'mean'"):
        contrast_forest([analyses["orr line"]], 0.10, "mean")


def test_joint_region_is_the_ellipse_of_two_normals() -> None:
    """For correlated normals the region is an ellipse; its reach is that of its projections."""
    rng = np.random.default_rng(5)
    centre, sd, rho = np.array([-1.6, -0.9]), np.array([0.35, 0.5]), 0.6  # response, toxicity
    z = rng.multivariate_normal([0, 0], [[1, rho], [rho, 1]], 20_000) * sd + centre
    region = joint_region(expit(z[:, 0]), expit(z[:, 1]))
    np.testing.assert_allclose(region.median, expit(centre[::-1]), rtol=0.02)
    for level, content in ((0, 0.95), (1, 0.50)):
        radius = np.sqrt(chi2.ppf(content, 2))
        ends = region.reach(level)
        reached = (logit(np.array(ends[::-1])) - centre) / sd
        # kernels of 2000 draws widen by 4 % and their edge wavers; the grid is 0.1 sd wide
        np.testing.assert_allclose(reached, radius, atol=0.12 * radius + 0.1)
    share = [
        region.density[
            np.abs(region.response[:, None] - expit(z[:1000, 0])).argmin(axis=0),
            np.abs(region.toxicity[:, None] - expit(z[:1000, 1])).argmin(axis=0),
        ]
        >= level
        for level in region.levels
    ]
    # the correlation is in the region: a product of the margins would hold far more than half
    assert [s.mean() for s in share] == pytest.approx([0.95, 0.5], abs=0.05)


def joint_rates(treatments: Sequence[str]) -> xr.DataArray:
    """Return made-up draws of the average rates of the joint model."""
    rng = np.random.default_rng(8)
    base = np.array([-4.0, -1.9, -0.3, 0.6, -1.6, 0.5, -1.2])
    dims = ("chain", "draw", "treatment", "rate")
    z = base + rng.normal(0, 0.35, (4, 500, len(treatments), len(RATES)))
    coords = {"treatment": list(treatments), "rate": list(RATES)}
    return xr.DataArray(expit(z), dims=dims, coords=coords)


@pytest.mark.parametrize("n", [2, 3, 5])
def test_tradeoff_draws_medians_of_joint_draws(n: int) -> None:
    rates = joint_rates(TREATMENTS[:n])
    figure = tradeoff(rates)
    assert_readable(figure)
    drawn = [axes for axes in figure.axes if axes.get_visible()]
    assert [axes.get_title(loc="left") for axes in drawn] == list(TREATMENTS[:n])
    medians = {
        (
            round(100 * float(rates.sel(treatment=t, rate="trae").median()), 6),
            round(100 * float(rates.sel(treatment=t, rate="orr").median()), 6),
        )
        for t in TREATMENTS[:n]
    }
    for axes in drawn:
        points = {
            (round(float(line.get_xdata()[0]), 6), round(float(line.get_ydata()[0]), 6))
            for line in axes.lines
        }
        assert points == medians
    markers = {line.get_marker() for line in drawn[0].lines}
    assert len(markers) == n


def test_tradeoff_refuses_a_single_treatment() -> None:
    with pytest.raises(InputError, match="single treatment"):
        tradeoff(joint_rates(TREATMENTS[:1]))


def test_responses_are_bars_of_the_means() -> None:
    shares = {"cr": 0.02, "pr": 0.15, "sd": 0.43, "pd": 0.40}
    rates = pd.DataFrame(
        {"treatment": t, "rate": name, "mean": value}
        for t in TREATMENTS
        for name, value in shares.items()
    )
    figure = responses(rates)
    assert_readable(figure)
    axes = figure.axes[0]
    widths = np.array([bar.get_width() for bar in axes.patches]).reshape(4, 5)
    np.testing.assert_allclose(widths, [[100 * value] * 5 for value in shares.values()])
    # a bar too narrow for its number has none
    assert {t.get_text() for t in axes.texts} == {"15", "43", "40"}


def test_net_benefit_draws_contrasts_with_the_reference() -> None:
    mono, *others = TREATMENTS
    table = pd.DataFrame(
        {"a": a, "b": b, "weight": w, "probability": 0.9 - 0.1 * i - 0.5 * w}
        for i, (a, b) in enumerate([*((a, mono) for a in others), (others[1], others[0])])
        for w in (0.0, 0.5, 1.0)
    )
    figure = net_benefit(table)
    assert_readable(figure)
    curves = [line for line in figure.axes[0].lines if len(line.get_xdata()) == 3]
    assert [line.get_label() for line in curves] == others
    np.testing.assert_allclose(curves[1].get_ydata(), [0.8, 0.55, 0.3])


def forest_block(arms: pd.DataFrame, title: str, shown: pd.DataFrame) -> ForestBlock:
    """Return a block of the forest plot; the crude rate plays the posterior."""
    pool = freeman_tukey_pool(arms["events"], arms["total"])
    events, total = int(arms["events"].sum()), int(arms["total"].sum())
    (lower,), (upper,) = exact_interval([events], [total])
    return ForestBlock(
        title=title,
        arms=shown,
        events=events,
        total=total,
        published=(pool.estimate, pool.lower, pool.upper),
        typical=(events / total, float(lower), float(upper)),
        new_study=(0.0, 1.0),
        tau=(0.81, 0.40, 1.53),
        i2=pool.i2,
    )


@pytest.mark.parametrize("name", ["orr treatment", "dcr treatment", "trae treatment"])
def test_forest(name: str, reviews: dict[str, pd.DataFrame]) -> None:
    arms = reviews[name]
    lower, upper = exact_interval(arms["events"], arms["total"])
    arms = arms.assign(
        exact_lower=lower,
        exact_upper=upper,
        median=(arms["events"] + 1) / (arms["total"] + 2),
        lower=0.8 * lower,
        upper=0.2 + 0.8 * upper,
    )
    parts = [(t, arms[arms["group"] == t]) for t in arms["group"].cat.categories]
    blocks = [forest_block(part, title, part) for title, part in parts]
    blocks = sorted_by_rate(blocks)
    overall = forest_block(arms, "All arms", arms.iloc[:0])
    marked = frozenset(arms["study"].iloc[:2])
    words = ForestWords("Patients with an event, %", marked=marked, mark="first line")
    figure = forest(blocks, overall, words)
    assert_readable(figure)
    assert_printable(figure)
    assert figure.get_figheight() * 25.4 <= 230
    axes = figure.axes[0]
    rates = [block.typical[0] for block in blocks]
    assert rates == sorted(rates, reverse=True)
    shown = dict(parts)
    ordered = pd.concat([shown[block.title] for block in blocks])

    def points(gid: str) -> list[float]:
        return [line.get_xdata()[0] for line in lines_of(axes) if line.get_gid() == gid]

    assert points("observed") == (ordered["events"] / ordered["total"]).tolist()
    assert points("exact") == ordered["exact_lower"].tolist()
    assert points("estimate") == ordered["median"].tolist()
    sizes = [line.get_markersize() for line in lines_of(axes) if line.get_gid() == "observed"]
    assert np.array_equal(
        np.argsort(sizes, kind="stable"), np.argsort(ordered["total"], kind="stable")
    )
    markers = [line for line in lines_of(axes) if line.get_marker() in ("s", "o")]
    assert not any(line.get_clip_on() for line in markers)
    diamonds = [patch for patch in axes.patches if patch.get_zorder() == 3]
    spans = [(p.get_xy()[1, 0], p.get_xy()[0, 0], p.get_xy()[2, 0]) for p in diamonds]
    assert spans[::2] == [block.typical for block in [*blocks, overall]]
    assert spans[1::2] == [block.published for block in [*blocks, overall]]
    counts = column(figure, lambda t: " / " in t.get_text() and t.get_fontweight() != "bold")
    assert counts == [f"{r.events:,} / {r.total:,}" for r in ordered.itertuples()]
    names = [t.get_text() for t in axes.texts if t.get_text().endswith("‡")]
    assert len(names) == len(marked)


def test_forest_of_a_review_without_groups_with_risk_of_bias() -> None:
    rng = np.random.default_rng(1)
    total = rng.integers(3, 2500, 60)
    events = rng.binomial(total, 0.02)
    lower, upper = exact_interval(events, total)
    arms = pd.DataFrame(
        {
            "study": [f"A study with a very long name that does not fit {i}" for i in range(60)],
            "events": events,
            "total": total,
            "exact_lower": lower,
            "exact_upper": upper,
            "median": (events + 1) / (total + 2),
            "lower": 0.8 * lower,
            "upper": upper,
            "rob_selection": ["low", "high", "some concerns", "unclear"] * 15,
            "rob_attrition": ["", "high", "Low", "unclear"] * 15,
        }
    )
    block = forest_block(arms, "", arms)
    figure = forest([], block, ForestWords("Patients with an event, %", published="DL", level=0.9))
    assert_readable(figure)
    assert_printable(figure)
    assert len(column(figure, lambda t: t.get_text().endswith("…"))) == 60
    assert len(column(figure, lambda t: t.get_text() == "−")) == 30
    assert column(figure, lambda t: "90 % interval" in t.get_text())


def test_agreement(reviews: dict[str, pd.DataFrame]) -> None:
    rows = []
    for outcome, event in OUTCOMES.items():
        arms = reviews[f"{outcome} treatment"]
        for label in arms["group"].cat.categories:
            part = arms[arms["group"] == label]
            block = forest_block(part, str(label), part)
            assert block.published is not None
            numbers = [*block.published, *block.typical]
            names = ["estimate", "lower", "upper", "median", "typical_lower", "typical_upper"]
            rows.append(
                {"outcome": event, "label": label, "k": len(part), "total": block.total}
                | dict(zip(names, numbers, strict=True))
                | {"events": block.events, "note": "k = 2, fixed effect" if len(part) < 3 else ""}
            )
    pools = pd.DataFrame(rows)
    figure = agreement(pools)
    assert_readable(figure)
    assert_printable(figure)
    axes = figure.axes[0]
    order = pools.assign(order=pools["outcome"].map(list(OUTCOMES.values()).index))
    order = order.sort_values(
        ["order", "k", "total"], ascending=[True, False, False], kind="stable"
    )
    dots = [line.get_xdata()[0] for line in lines_of(axes) if line.get_gid() == "difference"]
    assert dots == (100 * (order["median"] - order["estimate"])).tolist()
    numbers = column(figure, lambda t: re.fullmatch(r"\d+ \(\d+–\d+\)", t.get_text()))
    ours = percents(order[["median", "typical_lower", "typical_upper"]])
    theirs = percents(order[["estimate", "lower", "upper"]])
    assert sorted(numbers) == sorted(ours + theirs)
    assert numbers[::2] == ours


def test_influence_shows_the_arms_that_move_a_pool_most() -> None:
    rng = np.random.default_rng(2)
    rows = [
        {"outcome": outcome, "study": f"study {i}", "events": i, "total": 40}
        | dict(zip(("typical_shift", "average_shift"), rng.normal(0, 0.01, 2), strict=True))
        | {"typical_median": 0.2, "typical_lower": 0.1, "typical_upper": 0.3}
        for outcome in OUTCOMES
        for i in range(20)
    ]
    table = pd.DataFrame(rows)
    figure = influence_figure(table, OUTCOMES)
    assert_readable(figure)
    assert_printable(figure)
    shown = column(figure, lambda t: t.get_text().startswith("study "))
    expected = [
        study
        for outcome in OUTCOMES
        for study in table[table["outcome"] == outcome]
        .sort_values("typical_shift", key=lambda s: -s.abs())["study"]
        .head(8)
    ]
    assert shown == expected


def test_simulation_figure_draws_what_is_stored() -> None:
    sizes = pd.read_csv(FIGURES_DIR / "validation" / "small_subtypes" / "simulation_sizes.csv")
    figure = simulation_figure(sizes)
    assert_readable(figure)
    assert_printable(figure)
    panel = figure.axes[0]
    part = sizes[(sizes["scenario"] == next(iter(SHOWN))) & (sizes["size"] != LPS_ROW)]
    for line, method in zip(lines_of(panel), METHODS, strict=True):
        own = part[part["method"] == method]
        np.testing.assert_allclose(line.get_ydata(), 100 * own["rmse"], rtol=1e-12)


def test_wrapped_labels_lose_nothing_and_fit() -> None:
    text = "WWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWW of a kind (grade 3-5) and more words after it"
    lines = wrapped(text, 1.2)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")
    figure = Figure(dpi=300)
    FigureCanvasAgg(figure)
    for line in lines:
        drawn = figure.text(0, 0, line, fontsize=8.0)
        # the box of a text is its ink rounded outwards to whole pixels
        assert drawn.get_window_extent().width <= 300 * 1.2 + 3
        assert drawn.get_text()


def test_saved_files_are_the_same_byte_for_byte(analyses: dict[str, Any], tmp_path: Any) -> None:
    contents = []
    for name in ("one", "two"):
        figure = contrast_forest([analyses["orr line"]], 0.10)
        contents.append([path.read_bytes() for path in save(figure, tmp_path / name)])
    assert contents[0] == contents[1]
