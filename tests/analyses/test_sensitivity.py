"""Sensitivity: which arms each scenario keeps, and that the claims are the claims table's."""

import pandas as pd
import pytest

from models.analyses.checks.scenarios import corrected, scenarios
from models.analyses.checks.sensitivity import sensitivity_table
from models.evidence.load import Evidence

MAIN_AND_FEW = ("main", "mu1_tau1", "no_asps", "corrections")


@pytest.fixture(scope="module")
def table(evidence: Evidence) -> pd.DataFrame:
    wanted = [s for s in scenarios(evidence) if s.scenario_id in MAIN_AND_FEW]
    return sensitivity_table(evidence, 1, draws=4000, wanted=wanted)


@pytest.mark.parametrize(
    ("scenario", "k"),
    [
        ("paper1", 38),
        ("paper2_enrolled", 15),  # the counts that the tables give for either reading
        ("paper2_evaluable", 13),
        ("paper3", 24),
        ("paper4", 35),
        ("paper5_all24", 24),
        ("paper6", 30),
        ("paper6_fda", 27),
        ("no_asps", 34),
    ],
)
def test_arms_of_each_scenario(evidence: Evidence, scenario: str, k: int) -> None:
    change = {s.scenario_id: s.change for s in scenarios(evidence)}[scenario]
    assert len(change("orr", evidence.outcome("orr"))) == k
    trae = evidence.outcome("trae")
    assert change("trae", trae).equals(trae)


def test_enrolled_denominators_add_up_to_the_papers_patients(evidence: Evidence) -> None:
    change = {s.scenario_id: s.change for s in scenarios(evidence)}["paper1"]
    assert change("orr", evidence.outcome("orr"))["total"].sum() == 1349


def test_corrections_are_the_counts_of_the_trial_reports(evidence: Evidence) -> None:
    """That each stands in its report is checked when the data are read (tests/evidence)."""
    reported = evidence.reported_counts
    both = reported[reported["correction"] == "D'Angelo 2018: confirmed responses, 2/38 and 6/38"]
    arms = corrected("orr", evidence.outcome("orr"), both).set_index("arm_id")
    assert arms.loc["DAngelo2018_nivo", ["events", "total"]].tolist() == [2, 38]
    assert arms.loc["DAngelo2018_nivoipi", ["events", "total"]].tolist() == [6, 38]
    unchanged = evidence.outcome("orr").set_index("arm_id").drop(index=both["arm_id"])
    pd.testing.assert_frame_equal(arms.drop(index=both["arm_id"]), unchanged)
    # each differs from the paper's own counts, or it would correct nothing
    paper = evidence.outcomes.set_index(["arm_id", "outcome"])[["events", "total"]]
    for row in reported.itertuples():
        assert paper.loc[(row.arm_id, row.outcome)].tolist() != [row.events, row.total]


def test_drugs_that_were_not_approved_are_in_the_regimens(evidence: Evidence) -> None:
    drugs = evidence.drug_approvals
    assert drugs["approval"].tolist() == ["none"] * 8 + ["not FDA"] * 3
    regimens = evidence.arms.set_index("arm_id")["regimen"].str.lower()
    for row in drugs.itertuples():
        for drug in row.drug.lower().split(" and "):
            assert drug in regimens[row.arm_id], row


def test_shifts_are_against_the_main_analysis(table: pd.DataFrame) -> None:
    main = table[table["scenario"] == "main"]
    assert (main["typical_shift"].dropna() == 0).all()
    assert (main["probability_shift"].dropna() == 0).all()
    assert not main["verdict_changed"].any()
    unchanged = table[(table["scenario"] == "no_asps") & (table["quantity"] == "trae")].iloc[0]
    assert unchanged["same_data"]
    assert unchanged["typical_shift"] == 0
