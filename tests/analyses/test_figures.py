"""The figures: what is drawn is what was computed, in order, and nothing is cut or overlaps."""

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
from matplotlib.patches import Polygon
from matplotlib.text import Text
from scipy.special import expit
from scipy.stats import chi2, norm

from models.analyses.groups.contrast_forest import MINUS, contrast_forest
from models.analyses.groups.forest import group_forest, wrapped
from models.analyses.groups.ranks import BLUES, rank_heatmap, readable_on
from models.analyses.groups.tradeoff import joint_region, tradeoff, tradeoff_counts
from models.analyses.pools.agreement import agreement
from models.analyses.pools.forest import ForestBlock, forest
from models.common.errors import InputError
from models.estimands.contrasts import (
    contrast_draws,
    contrast_table,
    rank_probabilities,
    rank_table,
)
from models.estimands.rates import summarise
from models.evidence.groupings import grouped_outcome
from models.evidence.load import load_evidence
from models.evidence.vocabulary import OUTCOMES, TREATMENTS
from models.frequentist.freeman_tukey import exact_interval, freeman_tukey_pool
from models.render.format import probability
from models.render.style import BAYES, OBSERVED, PUBLISHED, THIRD, save

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


@pytest.mark.parametrize("name", REVIEWS)
def test_group_forest(
    name: str, reviews: dict[str, pd.DataFrame], analyses: dict[str, Any]
) -> None:
    analysis, own = analyses[name], alone(reviews[name])
    figure = group_forest(analysis, own)
    assert_readable(figure)
    assert_beside_panels(figure)
    axes = figure.axes[0]
    groups = analysis.groups.sort_values("typical_median", ascending=False)
    partial = groups[["typical_median", "typical_lower", "typical_upper"]]
    published = groups[["ft_estimate", "ft_lower", "ft_upper"]]
    np.testing.assert_array_equal(rows_of(axes, BAYES), partial)
    np.testing.assert_array_equal(rows_of(axes, PUBLISHED), published)
    assert rows_of(axes, THIRD) == [own[g] for g in groups["group"]]
    crude = [line for line in lines_of(axes) if line.get_gid() == "crude"]
    assert [line.get_xdata()[0] for line in crude] == groups["crude"].tolist()
    drawn = np.concatenate([line.get_xdata() for line in lines_of(axes)])
    assert axes.get_xlim()[0] <= drawn.min()
    assert drawn.max() <= axes.get_xlim()[1]
    for colour, rates in ((BAYES, partial), (PUBLISHED, published)):
        numbers = column(figure, lambda t, c=colour: t.get_color() == c)
        expected = [f"{m:.0f} ({lo:.0f}-{hi:.0f})" for m, lo, hi in 100 * rates.to_numpy()]
        assert numbers == expected
    counts = column(figure, lambda t: "/" in t.get_text() and t.get_text()[0].isdigit())
    assert counts == [f"{r.events}/{r.total}" for r in groups.itertuples()]
    ks = column(figure, lambda t: t.get_text().isdigit())
    assert [k for k in ks if k] == [str(k) for k in groups["k"]]
    bold = column(figure, lambda t: t.get_fontweight() == "bold")
    labels = "".join(bold[3:]).replace(" ", "")
    assert labels == "".join(groups["group"]).replace(" ", "")


def test_group_forest_needs_every_group_on_its_own(analyses: dict[str, Any]) -> None:
    with pytest.raises(KeyError):
        group_forest(analyses["orr line"], {})


@pytest.mark.parametrize("estimand", ["typical", "average"])
@pytest.mark.parametrize("name", REVIEWS)
def test_contrast_forest(name: str, estimand: str, analyses: dict[str, Any]) -> None:
    analysis = analyses[name]
    figure = contrast_forest(analysis, 0.10, estimand)
    assert_readable(figure)
    assert_beside_panels(figure)
    table = analysis.contrasts
    of_estimand = table[table["estimand"] == estimand]
    differences = of_estimand[of_estimand["scale"] == "risk_difference"]
    differences = differences.sort_values("median", ascending=False, kind="stable")
    n = len(analysis.groups)
    assert len(differences) == n * (n - 1) / 2
    left, right = figure.axes
    numbers = 100 * differences[["median", "lower", "upper"]].to_numpy()
    np.testing.assert_allclose(rows_of(left, BAYES), numbers, rtol=1e-15)
    ratios = of_estimand[of_estimand["scale"] == "odds_ratio"].set_index(["a", "b"])
    ratios = ratios.loc[list(zip(differences["a"], differences["b"], strict=True))]
    np.testing.assert_array_equal(
        rows_of(right, BAYES), ratios[["median", "lower", "upper"]].to_numpy()
    )
    assert right.get_xscale() == "log"
    blue = column(figure, lambda t: t.get_color() == BAYES)
    printed = [
        text.replace("-", MINUS)
        for m, lo, hi in numbers
        for text in (f"{m:+z.1f}", f"({lo:+z.1f} to {hi:+z.1f})")
    ]
    assert blue == printed
    by_x: dict[float, list[Text]] = {}
    for text in left.texts:
        by_x.setdefault(text.get_position()[0], []).append(text)
    columns = {texts[0].get_text(): [t.get_text() for t in texts[1:]] for texts in by_x.values()}
    assert columns["P(a > b)"] == [probability(p) for p in differences["p_superior"]]
    assert columns["P(> 10)"] == [probability(p) for p in differences["p_margin"]]
    labels = "".join(columns["a"][1:]).replace(" ", "")
    pairs = zip(differences["a"], differences["b"], strict=True)
    assert labels == "".join(f"{a}v.{b}" for a, b in pairs).replace(" ", "")
    notes = " ".join(text.get_text() for text in figure.texts)
    assert "none of these contrasts is randomised" in notes
    assert f"{estimand} rates" in notes


@pytest.mark.parametrize("margin", [0.05, 0.075, 0.30])
def test_the_band_is_the_margin(margin: float, reviews: dict[str, pd.DataFrame]) -> None:
    analysis = analyse(reviews["orr line"], "orr", margin)
    figure = contrast_forest(analysis, margin)
    assert_readable(figure)
    axes = figure.axes[0]
    patch: Any = axes.patches[0]
    band = patch.get_bbox()
    assert (band.x0, band.x1) == (-100 * margin, 100 * margin)
    assert axes.get_xlim()[0] < band.x0
    assert band.x1 < axes.get_xlim()[1]


@pytest.mark.parametrize("name", REVIEWS)
def test_rank_heatmap(name: str, analyses: dict[str, Any]) -> None:
    analysis = analyses[name]
    figure = rank_heatmap(analysis)
    assert_readable(figure)
    axes = figure.axes[0]
    n = len(analysis.groups)
    order = analysis.groups.sort_values("sucra", ascending=False)["group"].tolist()
    ranks = analysis.ranks.loc[order].to_numpy()
    np.testing.assert_array_equal(axes.images[0].get_array(), ranks)
    cells = {t.get_position(): t.get_text() for t in axes.texts[: n * n]}
    assert cells == {(j, i): probability(ranks[i, j]) for i in range(n) for j in range(n)}
    sucra = analysis.groups.set_index("group")["sucra"].astype(float)
    assert [t.get_text() for t in axes.texts[n * n : -1]] == [f"{sucra[g]:.2f}" for g in order]
    ticks = "".join(t.get_text() for t in axes.get_yticklabels())
    assert "".join(ticks.split()) == "".join("".join(order).split())
    end = "lowest" if name.startswith("trae") else "highest"
    assert f"1 is best: the {end} typical rate" in axes.get_xlabel()


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
        contrast_forest(analysis, 0.10)
    with pytest.raises(InputError, match="single group"):
        rank_heatmap(analysis)
    assert_readable(group_forest(analysis, alone(review)))


def test_contrast_forest_refuses_an_unknown_estimand(analyses: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="'mean'"):
        contrast_forest(analyses["orr line"], 0.10, "mean")


def test_joint_region_is_the_ellipse_of_two_normals() -> None:
    # Quantiles stand in for draws: no Monte Carlo noise. For independent normals the
    # highest-density region is an ellipse whose radii are sqrt(chi2_2 quantile) deviations.
    z = norm.ppf((np.arange(4000) + 0.5) / 4000)
    centre, sd = np.array([-1.6, -0.9]), np.array([0.35, 0.5])  # response, toxicity; logits
    region = joint_region(expit(centre[0] + sd[0] * z), expit(centre[1] + sd[1] * z))
    np.testing.assert_allclose(region.median, expit(centre[::-1]), rtol=1e-3)
    for level, content in ((0, 0.95), (1, 0.50)):
        radius = np.sqrt(chi2.ppf(content, 2))
        ends = region.reach(level)
        z_toxicity = (np.log(ends[0] / (1 - ends[0])) - centre[1]) / sd[1]
        z_response = (np.log(ends[1] / (1 - ends[1])) - centre[0]) / sd[0]
        # Scott's bandwidth (0.19 sd) widens by under 2 %; the grid is 0.05 sd wide
        np.testing.assert_allclose([z_toxicity, z_response], radius, atol=0.02 * radius + 0.05)


def test_joint_region_holds_its_share_of_the_draws(analyses: dict[str, Any]) -> None:
    rng = np.random.default_rng(11)
    for name in TREATMENTS:
        response, toxicity = (
            analyses[f"{outcome} treatment"].typical_draws.sel(group=name).to_numpy().ravel()
            for outcome in ("orr", "trae")
        )
        region = joint_region(response, toxicity)
        row = np.abs(region.response[:, None] - rng.permutation(response)).argmin(axis=0)
        col = np.abs(region.toxicity[:, None] - rng.permutation(toxicity)).argmin(axis=0)
        for level, content in zip(region.levels, (0.95, 0.50), strict=True):
            share = (region.density[row, col] >= level).mean()
            # 4000 pairs: standard error 0.008 at most; the kernels' width adds about 0.02
            assert share == pytest.approx(content, abs=0.05)


def tradeoff_figure(analyses: dict[str, Any]) -> tuple[Figure, pd.DataFrame]:
    """Return the figure of the paper's treatment groups with its counts."""
    response, toxicity = analyses["orr treatment"], analyses["trae treatment"]
    counts = tradeoff_counts(response.groups, toxicity.groups)
    return tradeoff(response.typical_draws, toxicity.typical_draws, counts), counts


def test_tradeoff(analyses: dict[str, Any]) -> None:
    figure, counts = tradeoff_figure(analyses)
    assert_readable(figure)
    assert counts["group"].tolist() == list(TREATMENTS)
    response, toxicity = (
        analyses[f"{outcome} treatment"].groups.set_index("group")["typical_median"]
        for outcome in ("orr", "trae")
    )
    overview, *panels = figure.axes
    styles = set()
    for axes, row in zip(panels, counts.itertuples(), strict=True):
        point = next(line for line in lines_of(axes) if line.get_transform() == axes.transData)
        assert (point.get_xdata()[0], point.get_ydata()[0]) == pytest.approx(
            (toxicity[row.group], response[row.group]), rel=1e-12
        )
        styles.add((point.get_color(), point.get_marker()))
        written = [t.get_text() for t in axes.texts]
        assert row.group in written
        assert (
            f"response {row.response_events}/{row.response_total}, "
            f"toxicity {row.toxicity_events}/{row.toxicity_total}" in written
        )
    assert {axes.get_xlim() for axes in panels} == {panels[0].get_xlim()}
    assert {axes.get_ylim() for axes in panels} == {panels[0].get_ylim()}
    # neither the colour nor the marker alone carries a group
    assert len({colour for colour, _ in styles}) == len({m for _, m in styles}) == 5
    points = {
        (line.get_xdata()[0], line.get_ydata()[0])
        for line in lines_of(overview)
        if len(line.get_xdata()) == 1
    }
    assert points == set(zip(toxicity[list(TREATMENTS)], response[list(TREATMENTS)], strict=True))
    labels = [t.get_text() for t in overview.texts]
    for name in TREATMENTS:
        numbers = f"{100 * response[name]:.0f} % response, {100 * toxicity[name]:.0f} % toxicity"
        assert f"{name}\n{numbers}" in labels
    corner = next(t for t in overview.texts if "better" in t.get_text()).get_position()
    assert corner[0] < 0.1 * overview.get_xlim()[1]
    assert corner[1] > 0.9 * overview.get_ylim()[1]
    notes = " ".join(t.get_text() for t in figure.texts)
    assert "independent fits" in notes
    assert "not formed by randomisation" in notes


def test_tradeoff_labels_keep_clear_of_the_regions(analyses: dict[str, Any]) -> None:
    figure, _ = tradeoff_figure(analyses)
    canvas: Any = FigureCanvasAgg(figure)
    canvas.draw()
    overview = figure.axes[0]
    outlines = [
        overview.transData.transform(path.vertices)
        for contour in overview.collections
        for path in contour.get_paths()
    ]
    assert len(outlines) == len(TREATMENTS)
    for text in (t for t in overview.texts if t.get_position()[1] <= overview.get_ylim()[1]):
        box = text.get_window_extent()
        for points in outlines:
            assert not any(box.contains(x, y) for x, y in points), text.get_text()


@pytest.mark.parametrize("n", [1, 2, 3, 4])
def test_tradeoff_of_fewer_groups(n: int, analyses: dict[str, Any]) -> None:
    response, toxicity = analyses["orr treatment"], analyses["trae treatment"]
    counts = tradeoff_counts(response.groups.iloc[:n], toxicity.groups)
    figure = tradeoff(response.typical_draws, toxicity.typical_draws, counts)
    assert len(figure.axes) == n + 1
    assert_readable(figure)


def test_tradeoff_refuses_groups_without_both_outcomes(analyses: dict[str, Any]) -> None:
    response, toxicity = analyses["orr treatment"], analyses["trae treatment"]
    counts = tradeoff_counts(response.groups.iloc[:2], toxicity.groups.iloc[2:])
    with pytest.raises(InputError, match="got 0"):
        tradeoff(response.typical_draws, toxicity.typical_draws, counts)


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
    figure = forest(blocks, forest_block(arms, "All arms", arms.iloc[:0]), "objective response")
    assert_readable(figure)
    assert_beside_panels(figure)
    axes = figure.axes[0]
    ordered = pd.concat([part for _, part in parts])
    observed = [
        line.get_xdata()[0] for line in lines_of(axes) if to_hex(line.get_color()) == OBSERVED
    ][1::2]
    assert observed == (ordered["events"] / ordered["total"]).tolist()
    posterior = [line.get_xdata()[0] for line in lines_of(axes) if line.get_marker() == "o"]
    assert posterior == ordered["median"].tolist()
    markers = [line for line in lines_of(axes) if line.get_marker() in ("s", "o")]
    assert not any(line.get_clip_on() for line in markers)
    diamonds = [patch for patch in axes.patches if isinstance(patch, Polygon)]
    assert len(diamonds) == 2 * (len(blocks) + 1)
    blue = [p for p in diamonds if to_hex(p.get_facecolor()) == BAYES.lower()]
    spans = [(p.get_xy()[1, 0], p.get_xy()[0, 0], p.get_xy()[2, 0]) for p in blue]
    assert spans[:-1] == [block.typical for block in blocks]


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
    assert_beside_panels(figure)
    drawn = pools.assign(order=pools["outcome"].map(list(OUTCOMES.values()).index))
    drawn = drawn.sort_values(["order", "estimate"], ascending=[True, False])
    axes = figure.axes[0]
    np.testing.assert_array_equal(
        rows_of(axes, PUBLISHED), drawn[["estimate", "lower", "upper"]].to_numpy()
    )
    np.testing.assert_array_equal(
        rows_of(axes, BAYES), drawn[["median", "typical_lower", "typical_upper"]].to_numpy()
    )
    differences = column(figure, lambda t: " points" in t.get_text())
    signed = [f"{100 * (r.median - r.estimate):+z.1f} points" for r in drawn.itertuples()]
    assert [text.split("  (")[0] for text in differences] == signed
    assert not any(line.get_clip_on() for line in lines_of(axes))


def test_wrapped_labels_lose_nothing_and_fit() -> None:
    text = "WWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWW of a kind (grade 3-5) and more words after it"
    lines = wrapped(text, 1.2)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")
    figure = Figure(dpi=300)
    FigureCanvasAgg(figure)
    for line in lines:
        drawn = figure.text(0, 0, line, fontsize=7.0)
        # the box of a text is its ink rounded outwards to whole pixels
        assert drawn.get_window_extent().width <= 300 * 1.2 + 3
        assert drawn.get_text()


def test_saved_files_are_the_same_byte_for_byte(analyses: dict[str, Any], tmp_path: Any) -> None:
    contents = []
    for name in ("one", "two"):
        figure = contrast_forest(analyses["orr line"], 0.10)
        contents.append([path.read_bytes() for path in save(figure, tmp_path / name)])
    assert contents[0] == contents[1]
