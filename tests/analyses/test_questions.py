"""One question, every analysis: which arms each scenario keeps, and what has no row."""

import numpy as np
import pandas as pd
import pytest

from models.analyses.checks.question_plot import question_figure
from models.analyses.checks.questions import (
    HISTOLOGY,
    NO_ARM,
    one_question,
    pool_ranges,
    question_ranges,
    same_arms,
)
from models.analyses.checks.scenarios import corrected, scenarios
from models.analyses.groups.assumptions import GROUPS, MAIN
from models.analyses.groups.claims import CLAIMS, MONO, TKI
from models.common.errors import InputError
from models.evidence.load import Evidence

FEW = ("paper2_evaluable",)


@pytest.fixture(scope="module")
def table(evidence: Evidence) -> pd.DataFrame:
    main = pd.DataFrame(
        {
            "claim_id": [claim.claim_id for claim in CLAIMS],
            "section": GROUPS,
            "scenario": MAIN,
            "change": "main analysis",
            "arms": 38,
            "arms_a": 5,
            "arms_b": 13,
            "prior_probability": 0.5,
            "probability": np.linspace(0.5, 0.9, len(CLAIMS)),
            **{f"odds_ratio_{part}": value for part, value in SHAPE.items()},
            **{f"estimate_{part}": value / 10 for part, value in SHAPE.items()},
        }
    )
    wanted = [s for s in scenarios(evidence) if s.scenario_id in FEW]
    return one_question(evidence, main, case_mix(), 1, draws=500, wanted=wanted)


SHAPE = {"median": 1.5, "lower": 0.8, "upper": 4.0}


def case_mix() -> pd.DataFrame:
    rows = [
        {
            "analysis": "main",
            "a": TKI,
            "b": MONO,
            "scale": scale,
            **{f"{p}_{part}": value * factor for part, value in SHAPE.items() for p in PREFIXES},
            **{f"{p}_p_superior": chance for p, chance in zip(PREFIXES, (0.98, 0.87), strict=True)},
        }
        for scale, factor in (("odds_ratio", 1.0), ("risk_difference", 0.1))
    ]
    return pd.DataFrame(rows)


PREFIXES = ("adjusted", "unadjusted")


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
        ("soft_tissue", 38),
    ],
)
def test_arms_of_each_scenario(evidence: Evidence, scenario: str, k: int) -> None:
    change = {s.scenario_id: s.change for s in scenarios(evidence)}[scenario]
    assert len(change("orr", evidence.outcome("orr"))) == k
    trae = evidence.outcome("trae")
    assert change("trae", trae).equals(trae)


def test_tumours_that_are_no_soft_tissue_sarcoma(evidence: Evidence) -> None:
    """39 chordomas, 10 gastrointestinal stromal tumours, 5 osteosarcomas; worked by hand."""
    change = {s.scenario_id: s.change for s in scenarios(evidence)}["soft_tissue"]
    arms = evidence.outcome("orr")
    left = change("orr", arms).set_index("arm_id")[["events", "total"]]
    was = arms.set_index("arm_id")[["events", "total"]]
    gone = was - left
    assert gone.sum().tolist() == [5, 39 + 10 + 5]
    assert gone.loc["Blay2023"].tolist() == [4, 34]
    assert gone.loc["Somaiah2022"].tolist() == [1, 5 + 5]
    assert gone.loc["Toulmonde2018"].tolist() == [0, 10]
    note = evidence.composition.set_index(["arm_id", "subtype"]).loc[("Somaiah2022", "other")]
    assert "5 osteosarcomas" in note["note"]


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


def test_what_a_scenario_does_not_touch_has_no_row(table: pd.DataFrame) -> None:
    """The scenario changes the response rate only."""
    small = table[table["scenario"] == "paper2_evaluable"].set_index("claim_id")
    assert not {"C07", "C10", "C11", "C12"} & set(small.index)
    assert small.loc["C02", "arms"] == 13
    # every row has its numbers, or says why not
    assert (small["probability"].notna() | (small["note"] == NO_ARM)).all()


def test_contrasts_at_equal_histology_stand_with_their_claims(table: pd.DataFrame) -> None:
    rows = table[table["section"] == HISTOLOGY]
    assert rows["claim_id"].tolist() == ["C02", "C02"]
    assert rows["probability"].tolist() == [0.98, 0.87]
    assert rows["estimate_median"].tolist() == pytest.approx([0.15, 0.15])
    assert rows["prior_probability"].isna().all()


def test_ranges_worked_by_hand() -> None:
    rows = [("C01", "a", 0.4), ("C01", "a", 0.7), ("C01", "b", 0.9), ("C02", "b", np.nan)]
    table = pd.DataFrame(rows, columns=["claim_id", "section", "probability"])
    found = question_ranges(table).set_index(["claim_id", "section"])
    assert found.loc[("C01", "a")].tolist() == [2, 0.4, 0.7]
    assert found.loc[("C01", "all")].tolist() == [3, 0.4, 0.9]
    assert "C02" not in found.index.get_level_values("claim_id")
    moved = pd.DataFrame(
        {
            "scenario": [MAIN, "x", "y"],
            "section": "s",
            "outcome": "orr",
            "typical_shift": [0.0, 0.01, -0.03],
        }
    )
    assert pool_ranges(moved)["largest_shift"].tolist() == [0.03]


def test_same_arms() -> None:
    arms = pd.DataFrame({"arm_id": ["a", "b"], "events": [1, 2], "total": [5, 6], "line": "x"})
    assert same_arms(arms, arms.assign(line="y"))
    assert not same_arms(arms, arms.assign(total=[5, 7]))
    assert not same_arms(arms, arms.iloc[:1])


def test_the_figure_shows_every_analysis(table: pd.DataFrame) -> None:
    claim = next(claim for claim in CLAIMS if claim.claim_id == "C02")
    figure = question_figure(table, claim)
    texts = [text.get_text() for axes in figure.axes for text in axes.texts]
    own = table[table["claim_id"] == "C02"]
    for change in own["change"]:
        assert any(change.startswith(text.rstrip("…")[:20]) for text in texts if text), change
    assert texts.count("1.50 (0.80-4.00)") == 3
    with pytest.raises(InputError, match="C01"):
        question_figure(table, CLAIMS[0])
