"""A review of one's own: numbers against other code, cautions where they belong, all in JSON."""

import json
import math
import re
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from models.analyses.review import frames, influence
from models.analyses.review.forest import review_forest
from models.analyses.review.pages import html, output, text
from models.analyses.review.posterior import exact_pool, numbers
from models.analyses.review.run import analyse_review
from models.analyses.review.settings import Fixed, Settings, describe, parse_priors
from models.analyses.review.summary import ReviewResult
from models.analyses.review.words import digits, interval, percent
from models.common.constants import PROJECT_ROOT
from models.common.errors import InputError
from models.grid import HalfNormal, HalfT, Normal
from models.reviews.reader import read_review

EXAMPLE = PROJECT_ROOT / "data" / "examples" / "debruin2009.csv"
# control arms of the BCG trials, Colditz et al. 1994, JAMA 271:698 (metadat dat.bcg)
BCG_EVENTS = [11, 29, 11, 248, 47, 372, 10, 499, 45, 65, 141, 3, 29]
BCG_TOTAL = [139, 303, 220, 12867, 5808, 1451, 629, 88391, 7277, 1665, 27338, 2341, 17854]


def studies(events: list[int], total: list[int], **columns: list[str]) -> pd.DataFrame:
    labels = [f"S{i}" for i in range(len(events))]
    return pd.DataFrame({"study": labels, "events": events, "total": total, **columns})


@pytest.fixture(scope="module")
def example() -> ReviewResult:
    frame = read_review(EXAMPLE).assign(rob_selection="low")
    settings = Settings(thresholds=(0.4,), predict=30, event="suppressed virus")
    return analyse_review(frame, settings, source="de Bruin", by="ethnicity")


def test_the_example_gives_the_numbers_of_other_code(example) -> None:
    """Two-dimensional quadrature written by someone else, and metafor (see tests/reference)."""
    row = example.bayes
    found = [row[f"typical_{part}"] for part in ("median", "lower", "upper")]
    # printed to four digits, and interpolated there
    assert found == pytest.approx([0.4729, 0.3717, 0.5808], abs=3e-4)
    groups = example.tables["groups"].set_index("group")["typical_median"]
    assert groups["caucasian"] == pytest.approx(0.5337, abs=3e-4)
    assert groups["other"] == pytest.approx(0.4204, abs=3e-4)
    pair = example.tables["contrasts"].iloc[0]
    assert (pair["a"], pair["b"]) == ("caucasian", "other")
    # 40,000 draws: standard error 0.0015 of the probability, 1 % of the limits of the ratio
    assert pair["p_higher"] == pytest.approx(0.8938, abs=0.006)
    ratio = [pair[f"odds_ratio_{part}"] for part in ("median", "lower", "upper")]
    assert ratio == pytest.approx([1.559, 0.830, 3.443], rel=0.03)
    pools = example.tables["pools"].set_index("estimator")
    reference = json.loads(
        (PROJECT_ROOT / "tests" / "reference" / "random_effects_metafor.json").read_text()
    )["data_sets"]["debruin2009"]
    for name, key in (
        ("Freeman-Tukey, DerSimonian-Laird", "PFT DL z"),
        ("Freeman-Tukey, REML, Hartung-Knapp", "PFT REML knha"),
        ("logit, REML, Hartung-Knapp", "PLO REML knha"),
    ):
        one = pools.loc[name, ["typical_median", "typical_lower", "typical_upper"]].tolist()
        pin = reference[key]
        assert one == pytest.approx([pin["estimate"], pin["lower"], pin["upper"]], abs=2e-6)
    assert example.cautions == []


@pytest.mark.parametrize("tau", [0.1, 0.7, 2.0])
def test_a_fixed_tau_is_the_model_without_its_prior(tau: float) -> None:
    frame = studies([1, 4, 9], [20, 30, 25])
    pool = exact_pool(frame, Settings(tau=Fixed(tau)))
    z, weight = np.polynomial.hermite_e.hermegauss(60)
    mu = np.linspace(-9, 7, 4001)
    log_p = -0.5 * (mu / 1.5) ** 2
    for x, n in zip(frame["events"], frame["total"], strict=True):
        rates = 1 / (1 + np.exp(-(mu[:, None] + tau * z)))
        log_p += np.log(stats.binom.pmf(x, n, rates) @ weight)
    masses = np.exp(log_p - log_p.max())
    masses /= masses.sum()
    mean = float(masses @ mu)
    sd = math.sqrt(masses @ (mu - mean) ** 2)
    assert float(pool.exact.mu.mean) == pytest.approx(mean, abs=1e-4)
    assert float(pool.exact.mu.sd) == pytest.approx(sd, rel=1e-4)


def test_leave_one_out_is_the_fit_of_the_others_and_their_prediction() -> None:
    frame, settings = studies([1, 4, 9, 2], [20, 30, 25, 40]), Settings()
    table = influence.leave_one_out(frame, settings, None)
    whole = exact_pool(frame, settings).exact
    # the cavity of the full posterior, by other code than a fit of three studies
    without, _, _ = whole.without_each_study()
    assert table["typical_median"].to_numpy() == pytest.approx(without.rate_quantile(0.5), abs=1e-6)
    assert table["left_out"].tolist() == list(frame["study"])
    expected = frame["total"] * whole.leave_one_out().rate_mean
    assert table["expected"].to_numpy() == pytest.approx(expected.to_numpy(), rel=1e-5)
    assert table["p_value"].between(0, 1).all()


def test_the_last_of_the_cumulative_pools_is_the_pool(example) -> None:
    table = example.tables["cumulative"]
    assert table["k"].tolist() == list(range(1, 14))
    assert table["order"].is_monotonic_increasing
    assert table["typical_median"].iloc[-1] == pytest.approx(example.bayes["typical_median"])


def test_predicted_counts_have_the_mean_of_the_rate(example) -> None:
    chance = example.tables["prediction"]["probability"]
    assert len(chance) == 31
    assert chance.sum() == pytest.approx(1, abs=1e-9)
    mean = float((chance * np.arange(31)).sum())
    assert mean == pytest.approx(30 * example.bayes["new_study_mean"], abs=1e-6)


def test_arms_of_one_trial_count_for_less_than_trials() -> None:
    """Four trials of two arms that agree: as eight trials they would say more of the mean."""
    frame = studies([2, 3, 9, 10, 5, 5, 14, 13], [20] * 8, trial=list("aabbccdd"))
    single, clustered = (exact_pool(frame, Settings(), c) for c in (None, "trial"))
    widths = []
    for pool in (single, clustered):
        row = numbers(pool.typical, Settings())
        widths.append(row["upper"] - row["lower"])
    assert widths[1] > 1.2 * widths[0]
    assert clustered.sigma.quantile(0.5) > clustered.tau.quantile(0.5)


def test_levels_nest() -> None:
    frame = studies([1, 4, 9], [20, 30, 25])
    rows = [
        analyse_review(frame, Settings(level=level)).tables["pools"] for level in (0.8, 0.9, 0.95)
    ]
    for inner, outer in pairwise(rows):
        assert (outer["typical_lower"] < inner["typical_lower"]).all()
        assert (outer["typical_upper"] > inner["typical_upper"]).all()
        assert outer["typical_median"].to_numpy() == pytest.approx(inner["typical_median"])


CAUTIONS = {
    "the prior of mu decides": studies(BCG_EVENTS, BCG_TOTAL),
    "the prior of tau decides": studies([2, 5, 9], [30, 30, 30]),
    "is cut off at 0": studies([1, 0, 0, 0], [489, 9, 8, 7]),
    "two studies are pooled with a fixed effect": studies([0, 30], [20, 30]),
    "no maximum of the likelihood": studies([0, 0, 0], [9, 8, 7]),
    "is the sum of all other rows": studies([1, 2, 3, 6], [9, 8, 7, 24]),
    "is called like a sum": studies([1, 2, 3], [9, 8, 7]).assign(study=["A", "B", "Total (n)"]),
    "differ by blanks or case": studies([1, 2], [9, 8]).assign(study=["Smith 2001", "smith  2001"]),
    "without drug left out: 'S2'": studies([1, 2, 3], [9, 8, 7], drug=["x", "y", ""]),
    "is taken for a group of that name": studies([1, 2, 3], [9, 8, 7], drug=["x", "x", "NA"]),
    "use --covariates drug": studies([1] * 6, [9] * 6, drug=list("123456")),
    "a group of one study: 'y'": studies([1, 2, 3], [9, 8, 7], drug=["x", "x", "y"]),
    "is not predicted by the others": studies([1, 2, 1, 2, 1, 58], [60] * 6),
}


@pytest.mark.parametrize("words", CAUTIONS)
def test_a_caution_is_said_where_it_belongs_and_nowhere_else(words, example) -> None:
    frame = CAUTIONS[words]
    result = analyse_review(frame, Settings(draws=200), by="drug" if "drug" in frame else None)
    said = [caution for caution in result.cautions if words in caution]
    assert len(said) == 1, result.cautions
    assert said[0] in text(result).replace("&lt;", "<").replace("\\", "")


def written(row: dict[str, object]) -> set[str]:
    """Return the numbers of a row in every way that a table may write them."""
    found: set[str] = set()
    for value in row.values():
        if isinstance(value, int | float) and not isinstance(value, bool):
            turned = {value, 1 - value, *({1 / value} if value else ())}
            found |= {f"{abs(s * x):.{d}f}" for x in turned for s in (1, 100) for d in range(6)}
    return found | {"0.999", "0.001"}


@pytest.mark.parametrize(
    "name", ["studies", "thresholds", "groups", "contrasts", "group_priors", "leave_one_out",
             "cumulative", "priors"]
)  # fmt: skip
def test_every_number_of_a_printed_row_is_in_the_same_row_of_the_json(example, name) -> None:
    content = json.loads(json.dumps(example.as_dict(), allow_nan=False))[name]
    printed = getattr(frames, f"{name}_frame")(example)
    assert len(printed) == len(content) > 0
    for row, texts in zip(content, printed.to_dict("records"), strict=True):
        labels = {str(value) for value in row.values() if isinstance(value, str)}
        numbers = [
            number
            for column, cell in texts.items()
            if cell not in labels and "prior" not in column
            for number in re.findall(r"\d+(?:\.\d+)?", cell)
        ]
        assert numbers
        assert set(numbers) <= written(row), texts


def test_every_output_is_made(example, tmp_path) -> None:
    made = output(example)
    assert set(made.figures) == {"forest"}
    assert "\\section*" in made.pages["review.tex"]
    assert "<table>" in html(example)
    words = " ".join(t.get_text() for axes in made.figures["forest"].axes for t in axes.texts)
    assert "van Servellen 2005" in words
    assert "Patients with suppressed virus (%)" in made.figures["forest"].axes[0].get_xlabel()
    without = analyse_review(studies([1], [9]), Settings(direction="lower"))
    assert "1 study" in without.answer()
    review_forest(without)
    text(without)


def test_priors_are_read_as_they_are_written() -> None:
    found = parse_priors(["mu=normal(-2, 1)", "tau = half-t(3,1)", "sigma=fixed(0)"])
    assert found["mu"] == Normal(-2.0, 1.0)
    assert found["tau"] == HalfT(1.0, 3.0)
    for call in ("half-normal(0.5)", "half-t(3, 1)", "half-cauchy(0.5)", "fixed(0.5)", "fixed(0)"):
        assert describe(parse_priors([f"tau={call}"])["tau"]) == call
    settings = Settings(tau=HalfNormal(0.5))
    assert settings.plain_priors().tau_scale == 0.5
    with pytest.raises(InputError, match="--engine nuts takes a half-normal prior of tau"):
        replace(settings, tau=HalfT(1.0)).plain_priors()


@pytest.mark.parametrize(
    ("prior", "words"),
    [
        ("tau", "write mu=, tau= or sigma="),
        ("nu=normal(0,1)", "write mu=, tau= or sigma="),
        ("tau=uniform(0,1)", "tau takes half-normal"),
        ("tau=normal(0,1)", "tau takes half-normal"),
        ("mu=half-normal(1)", "mu takes normal"),
        ("tau=half-normal(1,2)", "tau takes half-normal"),
        ("tau=half-normal(x)", "numbers with a comma"),
        ("tau=half-normal(inf)", "finite"),
        ("tau=half-normal(-1)", "positive"),
        ("tau=fixed(50)", "0 or lies between"),
        ("tau=half-normal 1", "write half-normal(1)"),
    ],
)
def test_a_prior_that_cannot_be_is_named(prior: str, words: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_priors([prior])
    assert words in str(caught.value)
    assert prior in str(caught.value)


def test_rates_keep_three_figures() -> None:
    assert [digits(rate) for rate in (0.5, 0.161, 0.0224, 0.00093, 0.98, 0.0, 1.0)] == [
        *(1, 1, 2, 4, 2, 1, 1)
    ]
    assert percent(0.161) == "16 %"
    assert percent(0.0224) == "2.2 %"
    row = {"median": 0.00093, "lower": 0.0001, "upper": 0.0123}
    assert interval(row) == "0.0930 (0.0100-1.2300)"
    assert interval({"median": math.nan, "lower": 0.1, "upper": 0.2}) == "-"
