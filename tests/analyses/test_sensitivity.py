"""Sensitivity: which arms each scenario keeps, and that the claims are the claims table's."""

import pandas as pd
import pytest

from models.analyses.checks.scenarios import (
    CORRECTIONS,
    NOT_FDA,
    Correction,
    check_corrections,
    corrected,
    scenarios,
)
from models.analyses.checks.sensitivity import sensitivity_table
from models.analyses.groups.claims import CLAIMS
from models.common.errors import InputError
from models.evidence.load import Evidence

MAIN_AND_FEW = ("main", "mu1_tau1", "no_asps", "corrections")


@pytest.fixture(scope="module")
def table(evidence: Evidence) -> pd.DataFrame:
    wanted = [s for s in scenarios() if s.scenario_id in MAIN_AND_FEW]
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
    change = {s.scenario_id: s.change for s in scenarios()}[scenario]
    assert len(change("orr", evidence.outcome("orr"))) == k
    trae = evidence.outcome("trae")
    assert change("trae", trae).equals(trae)


def test_enrolled_denominators_add_up_to_the_papers_patients(evidence: Evidence) -> None:
    change = {s.scenario_id: s.change for s in scenarios()}["paper1"]
    assert change("orr", evidence.outcome("orr"))["total"].sum() == 1349


def test_every_correction_stands_in_its_trial_report(
    evidence: Evidence, monkeypatch: pytest.MonkeyPatch
) -> None:
    check_corrections(evidence)
    assert set(NOT_FDA) <= set(evidence.arms["arm_id"])
    both = CORRECTIONS["D'Angelo 2018: confirmed responses, 2/38 and 6/38"]
    arms = corrected("orr", evidence.outcome("orr"), both).set_index("arm_id")
    assert arms.loc["DAngelo2018_nivo", ["events", "total"]].tolist() == [2, 38]
    assert arms.loc["DAngelo2018_nivoipi", ["events", "total"]].tolist() == [6, 38]
    monkeypatch.setitem(CORRECTIONS, "x", (Correction("R01", "9/38", "Chen2023", "orr", 9, 38),))
    with pytest.raises(InputError, match=r"row R01: '9/38' not found"):
        check_corrections(evidence)


def test_claims_are_those_of_the_claims_table(
    table: pd.DataFrame, tables: dict[str, pd.DataFrame]
) -> None:
    """Against the sampler's probabilities; five standard errors of the two runs together."""
    claims = tables["claims"].set_index("claim_id")
    assert [claim.claim_id for claim in CLAIMS] == list(claims.index[claims["probability"].notna()])
    main = table[table["scenario"] == "main"].set_index("quantity")
    for claim in CLAIMS:
        p, mcse = claims.loc[claim.claim_id, ["probability", "mcse"]].astype(float)
        error = 5 * (mcse**2 + p * (1 - p) / 4000) ** 0.5
        assert abs(main.loc[claim.claim_id, "probability"] - p) < error, claim.claim_id


def test_shifts_are_against_the_main_analysis(table: pd.DataFrame) -> None:
    main = table[table["scenario"] == "main"]
    assert (main["typical_shift"].dropna() == 0).all()
    assert (main["probability_shift"].dropna() == 0).all()
    assert not main["verdict_changed"].any()
    unchanged = table[(table["scenario"] == "no_asps") & (table["quantity"] == "trae")].iloc[0]
    assert unchanged["same_data"]
    assert unchanged["typical_shift"] == 0
