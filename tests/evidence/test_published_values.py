"""The printed digits against exact arithmetic, and the selectors of the published values."""

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import pandas as pd
import pytest
from scipy.stats import binomtest

from models.common.constants import CI_PROB
from models.common.errors import InputError
from models.evidence.load import Evidence, load_evidence
from models.evidence.selector import parse

ROUNDING_MARGIN = 1e-9
"""On top of half a unit in the last printed place: the paper rounds 9/40 = 0.225 to 0.22 and
3/24 = 0.125 to 0.13, so a value on the boundary may go either way, and the boundary itself is
not exact in binary (7/40 = 0.17499999999999998...)."""


@pytest.fixture(scope="module")
def evidence() -> Evidence:
    return load_evidence()


def agrees(value: float, printed: str) -> bool:
    """Whether a value rounds to the printed digits."""
    decimals = len(printed.partition(".")[2])
    return abs(value - float(printed)) <= 0.5 * 10.0**-decimals + ROUNDING_MARGIN


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the rows as dictionaries."""
    return frame.to_dict("records")  # type: ignore[return-value]


# Printed digits against the counts


class Printed(NamedTuple):
    """A count and the rate and interval printed for it."""

    name: str
    events: int
    total: int
    digits: tuple[str, str, str]


def printed_intervals(evidence: Evidence) -> Iterator[Printed]:
    """Yield every exact interval of the paper: arms of Figs 2, 3 and 5, single cells."""
    arms = evidence.outcomes.dropna(subset="printed_estimate")
    for row in records(arms):
        yield Printed(f"{row['arm_id']} {row['outcome']}", row["events"], row["total"], limits(row))
    values = evidence.published_values.dropna(subset=["selector", "printed_lower"])
    for row in records(values[values["selector"].str.startswith("table=subtype_treatment")]):
        cells = records(evidence.select(row["selector"]))
        if len(cells) == 1:
            yield Printed(row["id"], cells[0]["events"], cells[0]["total"], limits(row))


def limits(row: dict[str, Any]) -> tuple[str, str, str]:
    """Return the printed rate and the ends of its interval."""
    return row["printed_estimate"], row["printed_lower"], row["printed_upper"]


def test_printed_intervals_are_exact_intervals_of_the_counts(evidence: Evidence) -> None:
    intervals = list(printed_intervals(evidence))
    # 38 arms of Fig. 2 (26 of them again in Fig. 3), 20 of Fig. 5, and in Fig. 4 and the text 4
    # rows with one cell and the 11 cells with an interval.
    assert len(intervals) == 38 + 20 + 4 + 11
    for item in intervals:
        exact = binomtest(item.events, item.total).proportion_ci(CI_PROB, method="exact")
        values = (item.events / item.total, exact.low, exact.high)
        for value, digits in zip(values, item.digits, strict=True):
            assert agrees(value, digits), (item, value)


def test_figure_3_repeats_figure_2(evidence: Evidence) -> None:
    orr = evidence.outcomes.query("outcome == 'orr'")
    in_figure_3 = orr.loc[orr["source"].str.contains("Fig. 3"), "arm_id"]
    weights = evidence.printed_weights.query("figure == 'Fig. 3'")["arm_id"]
    known = evidence.arms.query("line != 'unknown'")["arm_id"]
    assert set(in_figure_3) == set(weights) == set(known)
    assert len(in_figure_3) == 26


def test_weights_are_printed_for_every_arm_of_the_three_figures(evidence: Evidence) -> None:
    weights = evidence.printed_weights
    assert weights["figure"].value_counts().to_dict() == {"Fig. 2": 38, "Fig. 3": 26, "Fig. 5": 20}
    assert (weights["basis"] == "recomputed").sum() == 6


# Published values


def test_published_values_are_complete(evidence: Evidence) -> None:
    values = evidence.published_values
    assert list(values["id"]) == [f"P{i:03d}" for i in range(1, 132)]
    digits = values.set_index("id")
    assert digits.loc["P001", "printed_estimate"] == "0.16"
    assert digits.loc["P004", "printed_upper"] == "0.20"
    assert digits.loc["P012", "printed_p"] == "0.110"
    assert digits.loc["P010", "printed_i2"] == "83.3"
    assert digits.loc["P018", "printed_i2"] == "76.20"
    assert digits.loc["P031", "printed_i2"] == "19.40"
    # The numbers are those of the digits, and missing where the paper prints NA or a dot.
    numbers = ["estimate", "lower", "upper", "i2", "p"]
    assert list(digits.loc["P001", numbers]) == [0.16, 0.12, 0.21, 75.52, 0.00]
    assert digits.loc["P017", ["i2", "p"]].isna().all()


def test_every_value_with_inputs_says_which_rows_it_summarises(evidence: Evidence) -> None:
    values = evidence.published_values
    recomputable = values["inputs"].isin(["printed", "recovered cells"])
    without = values.loc[recomputable & values["selector"].isna(), "id"]
    assert set(without) == {"P065"}  # a statement in words
    assert values.loc[~recomputable, "selector"].isna().all()


def test_pools_select_as_many_arms_as_are_printed(evidence: Evidence) -> None:
    values = evidence.published_values.query("kind == 'pooled rate'").dropna(subset="selector")
    assert len(values) == 24
    for row in records(values):
        assert len(evidence.select(row["selector"])) == row["printed_k"], row["id"]


def test_rows_of_figure_4_select_treatment_groups_not_studies(evidence: Evidence) -> None:
    values = evidence.published_values.query("kind == 'pooled subtype rate'")
    assert len(values) == 24
    selected = [evidence.select(selector) for selector in values["selector"]]
    assert sum(map(len, selected)) == 85
    printed = evidence.subtypes.set_index("subtype")["total"]
    for name, rows in zip(values["subgroup"], selected, strict=True):
        assert rows["total"].sum() == printed[name]


def test_figure_4_stands_in_two_files_with_the_same_digits(evidence: Evidence) -> None:
    digits = ["printed_estimate", "printed_lower", "printed_upper", "printed_i2", "printed_p"]
    figure = evidence.subtypes.rename(columns={"printed_studies": "printed_k"})
    figure = figure.set_index("subtype")[["printed_k", *digits]]
    values = evidence.published_values.query("kind == 'pooled subtype rate'")
    values = values.set_index("subgroup")[["printed_k", *digits]]
    pd.testing.assert_frame_equal(
        values.astype({"printed_k": "int64"}), figure, check_names=False, check_like=True
    )


def test_between_group_tests_select_their_groups(evidence: Evidence) -> None:
    tests = evidence.published_values.query("kind == 'between-group test'").set_index("id")
    groups = {
        name: evidence.select(text)[str(parse(text).column)].nunique()
        for name, text in tests["selector"].items()
    }
    assert groups == {"P012": 5, "P019": 2, "P027": 5}


def test_counts_and_shares_of_the_text_recompute(evidence: Evidence) -> None:
    values = evidence.published_values.dropna(subset="selector")
    tallies = values[[parse(s).give not in ("pool", "between") for s in values["selector"]]]
    assert len(tallies) == 19
    disagreeing = [
        row["id"]
        for row in records(tallies)
        if not agrees(evidence.tally(row["selector"]), row["printed_estimate"])
    ]
    # The median adverse event rate is printed 18.75 and is 18.77: fault A13.
    assert disagreeing == ["P072"]
    assert agrees(evidence.tally("outcome=trae; give=median:percent"), "18.77")


def test_a_selector_can_name_alternatives_and_contained_text(evidence: Evidence) -> None:
    lines = evidence.select("outcome=orr; line=first line | >= second line")
    assert set(lines["line"]) == {"first line", ">= second line"}
    assert len(evidence.select("table=arms; regimen~pembrolizumab")) == 10
    assert len(evidence.select("table=cells; subtype=LPS, unspecified")) == 3


@pytest.mark.parametrize(
    ("selector", "culprit"),
    [
        ("orr", "orr"),
        ("outcome=", "outcome="),
        ("outcome=pfs", "pfs"),
        ("table=patients", "patients"),
        ("outcome=orr; treatment", "treatment"),
        ("outcome=orr; give=mean:total", "mean"),
        ("outcome=orr; give=sum", "sum"),
        ("outcome=orr; give=sum:total; line=first line", "give"),
        ("outcome=orr; country=US", "country"),
        ("outcome=orr; treatment=placebo", "placebo"),
    ],
)
def test_a_bad_selector_is_refused(evidence: Evidence, selector: str, culprit: str) -> None:
    with pytest.raises(InputError, match=re.escape(culprit)):
        evidence.select(selector)


@pytest.mark.parametrize("selector", ["outcome=orr", "outcome=orr; give=between:treatment"])
def test_a_pool_is_no_tally(evidence: Evidence, selector: str) -> None:
    with pytest.raises(InputError, match="not a tally"):
        evidence.tally(selector)
