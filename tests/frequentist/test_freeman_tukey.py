"""The published estimator against metafor, scipy's exact test and the paper's printed digits."""

import csv
import json
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from models.common.constants import DATA_DIR, PROJECT_ROOT
from models.common.errors import InputError
from models.frequentist.freeman_tukey import (
    BetweenGroups,
    FreemanTukeyPool,
    between_groups,
    double_arcsine,
    double_arcsine_variance,
    exact_interval,
    freeman_tukey_pool,
    inverse_double_arcsine,
    printed,
)

REFERENCE = PROJECT_ROOT / "tests" / "reference"
INPUTS: dict[str, Any] = json.loads((REFERENCE / "inputs.json").read_text())["data_sets"]
METAFOR: dict[str, Any] = json.loads((REFERENCE / "freeman_tukey_metafor.json").read_text())
PINS: dict[str, Any] = METAFOR["data_sets"]

# Both sides are closed formulas in double precision. They part only where metafor's inverse takes
# √(1 - a²) with a near 1, that is near p = 1/2: an error of 1e-16 in a² is then one of 1e-8 in p.
TOLERANCE = 1e-8


def near(value: float | list[float] | np.ndarray) -> Any:
    return pytest.approx(value, rel=TOLERANCE, abs=TOLERANCE)


def pool(name: str, **options: Any) -> FreemanTukeyPool:
    return freeman_tukey_pool(PINS[name]["events"], PINS[name]["total"], **options)


def test_pins_cover_every_data_set_with_its_own_counts() -> None:
    assert set(PINS) == set(INPUTS)
    for name, data in INPUTS.items():
        assert PINS[name]["events"] == data["events"], name
        assert PINS[name]["total"] == data["total"], name


@pytest.mark.parametrize("outcome", ["orr", "dcr", "trae"])
def test_pinned_counts_are_those_of_the_project(outcome: str) -> None:
    with (DATA_DIR / "outcomes.csv").open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["outcome"] == outcome]
    pinned = zip(PINS[outcome]["events"], PINS[outcome]["total"], strict=True)
    assert sorted(pinned) == sorted((int(row["events"]), int(row["total"])) for row in rows)


@pytest.mark.parametrize("name", PINS)
def test_transform_and_variance_match_metafor(name: str) -> None:
    pin = PINS[name]
    # metafor's half scale: transformed values half, variances a quarter
    assert double_arcsine(pin["events"], pin["total"]) == near(2 * np.array(pin["yi"]))
    assert double_arcsine_variance(pin["total"]) == near(4 * np.array(pin["vi"]))


@pytest.mark.parametrize("name", PINS)
def test_random_effects_match_metafor(name: str) -> None:
    pin, result = PINS[name], pool(name, metaprop_rules=False)
    expected = pin["random_effects"]
    assert result.method == "random effects"
    assert result.estimate == near(expected["estimate"])
    assert result.lower == near(expected["lower"])
    assert result.upper == near(expected["upper"])
    assert result.theta == near(2 * expected["theta"])
    assert result.theta_se == near(2 * expected["theta_se"])
    assert result.weights == near(expected["weights"])
    assert result.tau2 == near(4 * pin["tau2"])
    assert result.q == near(pin["q"])
    assert result.i2 == near(pin["i2"])
    assert result.harmonic_mean_total == near(pin["harmonic_mean_total"])
    # relative only: some of these p are below 1e-20
    assert result.q_p == pytest.approx(pin["q_p"], rel=1e-8, abs=0)


@pytest.mark.parametrize("name", [name for name in PINS if len(PINS[name]["total"]) >= 3])
def test_prediction_interval_matches_t_quantile_of_r(name: str) -> None:
    result = pool(name)
    assert result.prediction_lower == near(PINS[name]["prediction_t"]["lower"])
    assert result.prediction_upper == near(PINS[name]["prediction_t"]["upper"])


@pytest.mark.parametrize("name", ["orr_first_line", "trae_chemotherapy"])
def test_two_studies_are_a_fixed_effect_pool(name: str) -> None:
    pin, result = PINS[name], pool(name)
    expected = pin["fixed_effect"]
    assert result.method == "fixed effect"
    assert result.tau2 == 0
    assert result.estimate == near(expected["estimate"])
    assert result.lower == near(expected["lower"])
    assert result.upper == near(expected["upper"])
    assert result.theta_se == near(2 * expected["theta_se"])
    assert result.weights == near(expected["weights"])
    # heterogeneity is the same number under either model
    assert result.q == near(pin["q"])
    assert result.i2 == near(pin["i2"])
    assert (result.prediction_lower, result.prediction_upper) == (None, None)
    # and the random effects that were asked for are something else
    assert pool(name, metaprop_rules=False).estimate - result.estimate > 0.005


@pytest.mark.parametrize("test", METAFOR["between_groups"])
def test_between_groups_matches_metafor(test: str) -> None:
    pin = METAFOR["between_groups"][test]
    result = between_groups([pool(name) for name in pin["groups"]])
    assert result.df == pin["df"]
    assert result.q == near(pin["q"])
    assert result.p == pytest.approx(pin["p"], rel=1e-8, abs=0)


def test_between_groups_of_equal_groups_is_zero() -> None:
    same = freeman_tukey_pool([3, 5, 2], [20, 31, 9])
    assert between_groups([same, same]) == BetweenGroups(q=0.0, df=1, p=1.0)
    with pytest.raises(InputError, match="two groups or more expected, got 1"):
        between_groups([same])


def test_miller_1978_example() -> None:
    """Miller 1978, p. 138: 3/11, 6/17, 10/21, 1/6; unweighted .3164, weighted .3595."""
    data = INPUTS["miller1978"]
    y = double_arcsine(data["events"], data["total"])
    result = pool("miller1978")
    unweighted = inverse_double_arcsine(y.mean(), result.harmonic_mean_total)
    assert printed(float(unweighted), 4) == "0.3164"
    assert printed(result.estimate, 4) == "0.3595"
    assert result.tau2 == 0  # so the random-effects weights are those of the example


# Cao et al. 2025: estimate, interval and I2 as printed; None where the paper prints no I2.
PUBLISHED = {
    "orr": ("0.16", "0.12", "0.21", "75.52"),  # Fig. 2
    "orr_monotherapy": ("0.11", "0.04", "0.20", "80.66"),
    "orr_dual": ("0.12", "0.05", "0.21", "44.51"),
    "orr_tki": ("0.28", "0.18", "0.40", "60.79"),
    "orr_chemotherapy": ("0.20", "0.13", "0.29", "74.19"),
    "orr_immunomodulator": ("0.13", "0.03", "0.28", "74.45"),
    "orr_second_line": ("0.11", "0.06", "0.16", "73.96"),  # Fig. 3
    "orr_first_line": ("0.28", "0.20", "0.37", None),
    "dcr": ("0.64", "0.57", "0.70", "82.24"),  # section 3.4
    "trae": ("0.19", "0.13", "0.27", "80.09"),  # Fig. 5
    "trae_monotherapy": ("0.11", "0.04", "0.21", "76.38"),
    "trae_dual": ("0.19", "0.11", "0.28", None),
    "trae_tki": ("0.39", "0.30", "0.49", None),
    "trae_chemotherapy": ("0.31", "0.22", "0.41", None),
    "trae_immunomodulator": ("0.14", "0.06", "0.24", None),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_pools_to_the_printed_digit(name: str) -> None:
    result = pool(name)
    estimate, lower, upper, i2 = PUBLISHED[name]
    assert [printed(v, 2) for v in (result.estimate, result.lower, result.upper)] == [
        estimate,
        lower,
        upper,
    ]
    assert result.i2 is not None
    if i2 is None:
        assert result.k < 4  # what metaprop leaves out is the I2 of small pools only
    else:
        assert printed(result.i2, 2) == i2


def test_published_p_values_between_groups() -> None:
    for test, p in (
        ("orr_treatments", "0.110"),
        ("orr_lines", "0.001"),
        ("trae_treatments", "0.000"),
    ):
        groups = [pool(name) for name in METAFOR["between_groups"][test]["groups"]]
        assert printed(between_groups(groups).p, 3) == p, test


def test_published_weights() -> None:
    """Figs 2 and 3, per cent; the order is that of the printed rows."""
    monotherapy = [printed(weight, 2) for weight in pool("orr_monotherapy").weights]
    assert monotherapy[0] == "8.67"  # Chawla 2022
    assert monotherapy[3] == "4.74"  # Maki 2013
    assert monotherapy[8] == "9.47"  # Blay 2023
    assert [printed(weight, 2) for weight in pool("orr_first_line").weights] == ["72.27", "27.73"]


@pytest.mark.parametrize("n", [1, 2, 7, 30, 79])
def test_exact_interval_matches_scipy_binomtest(n: int) -> None:
    x = np.arange(n + 1)
    lower, upper = exact_interval(x, np.full(n + 1, n), 0.9)
    expected = [
        stats.binomtest(int(i), n).proportion_ci(confidence_level=0.9, method="exact") for i in x
    ]
    # scipy finds the limits by root search, good to about 1e-9
    assert lower == pytest.approx([e.low for e in expected], abs=1e-8)
    assert upper == pytest.approx([e.high for e in expected], abs=1e-8)
    assert lower[0] == 0
    assert upper[n] == 1


@pytest.mark.parametrize(("x", "n"), [(0, 12), (3, 12), (12, 12), (1, 1)])
@pytest.mark.parametrize("metaprop_rules", [True, False])
def test_one_study_shows_its_exact_interval(x: int, n: int, metaprop_rules: bool) -> None:
    result = freeman_tukey_pool([x], [n], metaprop_rules=metaprop_rules)
    expected = stats.binomtest(x, n).proportion_ci(method="exact")
    assert result.method == "exact"
    assert result.estimate == x / n
    assert result.lower == pytest.approx(expected.low, abs=1e-8)
    assert result.upper == pytest.approx(expected.high, abs=1e-8)
    assert result.weights.tolist() == [100.0]
    assert (result.k, result.q_df, result.q, result.tau2) == (1, 0, 0.0, 0.0)
    assert result.q_p is result.i2 is result.prediction_lower is result.prediction_upper is None


def test_interval_content_is_asked_for() -> None:
    data = PINS["orr"]
    narrow = freeman_tukey_pool(data["events"], data["total"], ci_prob=0.5)
    z = stats.norm.ppf(0.75)
    limit = inverse_double_arcsine(narrow.theta - z * narrow.theta_se, narrow.harmonic_mean_total)
    assert narrow.lower == pytest.approx(float(limit), abs=1e-12)
    for ci_prob in (0.0, 1.0, 95.0, float("nan")):
        with pytest.raises(InputError, match=r"ci_prob = .*: outside \(0, 1\)"):
            freeman_tukey_pool(data["events"], data["total"], ci_prob=ci_prob)


@pytest.mark.parametrize(
    ("x", "decimals", "text"),
    [
        (7 / 40, 2, "0.17"),  # Fig. 2, Tawbi 2017
        (9 / 40, 2, "0.22"),  # Fig. 2, Tian 2024: the nearest double would print 0.23
        (3 / 24, 2, "0.13"),  # section 3.4.3, LMS under dual blockade: a binary tie goes up
        (3 / 8, 2, "0.38"),
        (75.5169230239052, 2, "75.52"),
        (0.000692, 3, "0.001"),
        (1.0, 2, "1.00"),
    ],
)
def test_printed_rounds_as_stata(x: float, decimals: int, text: str) -> None:
    assert printed(x, decimals) == text


def test_inverse_is_clipped_where_the_formula_turns_back() -> None:
    n = 12.0
    ends = double_arcsine([0.0, n], [n, n])
    t = np.array([-1.0, 0.0, ends[0] - 1e-9, ends[1] + 1e-9, np.pi, 4.0])
    assert inverse_double_arcsine(t, n).tolist() == [0, 0, 0, 1, 1, 1]
    inside = inverse_double_arcsine(ends + np.array([1e-3, -1e-3]), n)
    assert 0 < inside[0] < 0.01
    assert 0.99 < inside[1] < 1


@settings(deadline=None)
@given(st.integers(1, 10_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_inverse_undoes_the_transform_at_the_same_size(count: tuple[int, int]) -> None:
    x, n = count
    # a few roundings of numbers up to 1, magnified by 1 / sin t, at most 100 here
    assert inverse_double_arcsine(double_arcsine(x, n), n) == pytest.approx(x / n, abs=1e-12)


@settings(deadline=None)
@given(st.integers(1, 500), st.lists(st.floats(-1, 4), min_size=2, max_size=20))
def test_inverse_is_monotone_at_one_size(n: int, t: list[float]) -> None:
    p = inverse_double_arcsine(np.sort(t), float(n))
    assert np.all(np.diff(p) >= -1e-15)
    assert np.all((p >= 0) & (p <= 1))


@settings(deadline=None)
@given(st.integers(1, 300))
def test_transform_rises_with_events_and_mirrors_its_complement(n: int) -> None:
    x = np.arange(n + 1)
    y = double_arcsine(x, n)
    assert np.all(np.diff(y) > 0)
    assert y + y[::-1] == pytest.approx(np.full(n + 1, np.pi), abs=1e-14)


counts = st.lists(
    st.integers(1, 400).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))),
    min_size=1,
    max_size=12,
)


@settings(deadline=None)
@given(counts, st.booleans())
def test_pool_lies_in_its_interval(data: list[tuple[int, int]], metaprop_rules: bool) -> None:
    events, total = zip(*data, strict=True)
    result = freeman_tukey_pool(events, total, metaprop_rules=metaprop_rules)
    assert 0 <= result.lower <= result.estimate <= result.upper <= 1
    assert result.weights.sum() == pytest.approx(100)
    assert result.tau2 >= 0
    assert result.i2 is None or 0 <= result.i2 < 100
    if result.prediction_lower is not None:
        assert result.prediction_upper is not None
        assert result.prediction_lower <= result.lower
        assert result.upper <= result.prediction_upper


@settings(deadline=None)
@given(counts, st.randoms())
def test_order_of_studies_does_not_matter(data: list[tuple[int, int]], random: Any) -> None:
    shuffled = list(data)
    random.shuffle(shuffled)
    a, b = (freeman_tukey_pool(*zip(*d, strict=True)) for d in (data, shuffled))
    # Sums in another order differ by roundings; at a boundary of the inverse, whose slope is
    # unbounded there, that is up to their square root.
    assert b.theta == pytest.approx(a.theta, abs=1e-11)
    assert b.tau2 == pytest.approx(a.tau2, abs=1e-11)
    assert (b.estimate, b.lower, b.upper) == pytest.approx((a.estimate, a.lower, a.upper), abs=1e-6)
    assert np.sort(b.weights) == pytest.approx(np.sort(a.weights), abs=1e-8)


@settings(deadline=None)
@given(counts)
def test_rate_of_non_events_is_the_complement(data: list[tuple[int, int]]) -> None:
    x, n = (np.array(column) for column in zip(*data, strict=True))
    a, b = freeman_tukey_pool(x, n), freeman_tukey_pool(n - x, n)
    assert (b.estimate, b.lower, b.upper) == pytest.approx(
        (1 - a.estimate, 1 - a.upper, 1 - a.lower), abs=1e-6
    )
    assert b.tau2 == pytest.approx(a.tau2, abs=1e-11)


@pytest.mark.parametrize(
    ("events", "total", "message"),
    [
        ([1, 7], [5, 6], r"events\[1\] = 7: more than total\[1\] = 6"),
        ([1, -2], [5, 6], r"events\[1\] = -2: negative"),
        ([0, 0], [5, 0], r"total\[1\] = 0: below 1"),
        ([1.5, 2], [5, 6], r"events\[0\] = 1.5: not a whole number"),
        ([1, float("nan")], [5, 6], r"events\[1\] = nan: missing or infinite"),
        ([1, 2], [5, float("inf")], r"total\[1\] = inf: missing or infinite"),
        ([1, 2, 3], [5, 6], "events has 3 values, total has 2"),
        ([], [], "hold no study"),
        ([[1], [2]], [[5], [6]], r"events: one value a study expected, got shape \(2, 1\)"),
        (["one"], [5], "events: not numbers"),
    ],
)
def test_impossible_counts_are_named(events: Any, total: Any, message: str) -> None:
    for function in (freeman_tukey_pool, exact_interval):
        with pytest.raises(InputError, match=message):
            function(events, total)


def test_import_is_light() -> None:
    """A command that only pools must not wait for the modelling stack."""
    code = (
        "import sys, models.frequentist.freeman_tukey; "
        "print(*sorted({'pymc', 'pandas', 'xarray', 'arviz', 'matplotlib', 'scipy.stats', "
        "'scipy.optimize'} & set(sys.modules)))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == ""
