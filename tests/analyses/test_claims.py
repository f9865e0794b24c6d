"""The claims: events worked by hand, and the analyses that they need."""

import numpy as np
import pytest

from models.analyses.groups.claims import (
    CHEMO,
    CLAIMS,
    DIRECTION,
    DUAL,
    FIRST,
    IMMUNO,
    LATER,
    MONO,
    TKI,
    Claim,
    limits,
    similarity,
    wording,
)
from models.evidence.groupings import grouped_outcome
from models.evidence.load import Evidence

TREATMENT = {
    MONO: [0.20, 0.20, 0.20],
    DUAL: [0.31, 0.29, 0.11],
    TKI: [0.40, 0.20, 0.21],
    CHEMO: [0.30, 0.41, 0.15],
    IMMUNO: [0.05, 0.10, 0.25],
}
LINE = {LATER: [0.1, 0.2, 0.3], FIRST: [0.2, 0.2, 0.1]}
HOLDS = {
    "C01": [True, False, False],
    "C02": [True, False, True],  # equal is not higher
    "C03": [True, True, False],
    "C04": [True, True, False],  # means of the other four: 0.265, 0.25, 0.18
    "C05": [False, True, True],
    "C06": [False, True, True],
    "C08": [True, False, False],
}
HOLDS |= {"C07": HOLDS["C01"], "C11": HOLDS["C02"], "C12": HOLDS["C03"]}
HOLDS |= {"C09": HOLDS["C08"], "C10": HOLDS["C08"]}


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.claim_id)
def test_events_worked_by_hand(claim: Claim) -> None:
    table = TREATMENT if claim.grouping == "treatment" else LINE
    rates = {group: np.array(values) for group, values in table.items()}
    assert claim.holds(rates).tolist() == HOLDS[claim.claim_id]
    # chains and draws keep their shape
    square = {group: np.array([values, values]) for group, values in table.items()}
    assert claim.holds(square).shape == claim.estimate(square).shape == (2, 3)


def test_estimates_worked_by_hand() -> None:
    rates = {group: np.array(values) for group, values in TREATMENT.items()}
    estimates = {claim.claim_id: claim.estimate for claim in CLAIMS}
    assert estimates["C01"](rates).tolist() == TREATMENT[TKI]
    assert estimates["C05"](rates) == pytest.approx([0.11, 0.09, -0.09])
    assert estimates["C04"](rates) == pytest.approx([0.065, 0.05, -0.02])


def test_each_analysis_has_the_groups_that_its_claims_compare(evidence: Evidence) -> None:
    assert [claim.claim_id for claim in CLAIMS] == [f"C{i:02d}" for i in range(1, 13)]
    for claim in CLAIMS:
        groups = grouped_outcome(evidence, claim.outcome, claim.grouping)["group"].cat.categories
        assert set(claim.groups) <= set(groups), claim.claim_id
        if claim.grouping == "treatment":
            # "of the five groups", as the event says
            assert set(groups) == set(TREATMENT)


def test_words_are_those_of_the_published_scale() -> None:
    """Makowski et al. 2019: limits are exceeded, not reached; 0.90 is uncertain."""
    for p, word in (
        (0.5, "uncertain"), (0.90, "uncertain"), (0.95, "uncertain"), (0.951, "possible"),
        (0.971, "likely"), (0.991, "probable"), (0.9991, "certain"), (0.04, "possible not"),
        (0.0005, "certain not"),
    ):  # fmt: skip
        assert wording(p) == word
    for p, word in (
        (0.9, "undecided"), (0.976, "probably negligible"), (0.995, "negligible"),
        (0.02, "probably not negligible"), (0.005, "not negligible"),
    ):  # fmt: skip
        assert wording(p, similar=True) == word
    assert [least for least, _ in DIRECTION] == sorted((p for p, _ in DIRECTION), reverse=True)
    for similar in (False, True):
        for p in limits(similar):
            assert wording(p - 1e-6, similar=similar) != wording(p + 1e-6, similar=similar)


def test_similarity_by_three_margins_worked_by_hand() -> None:
    rates = {"x": np.array([0.10, 0.10, 0.10, 0.10]), "y": np.array([0.12, 0.16, 0.21, 0.10])}
    # odds ratios 1.23, 1.71, 2.39, 1; differences 2, 6, 11, 0 points
    assert similarity(rates, ("y", "x")) == pytest.approx(
        {"within_10_points": 0.75, "within_5_points": 0.5, "within_odds": 0.5}
    )
