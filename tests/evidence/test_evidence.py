"""The data contract: literal facts of the paper about arms, patients and subtypes."""

import subprocess
import sys

import pandas as pd
import pytest

from models.common.errors import InputError
from models.evidence.load import Evidence, load_evidence
from models.evidence.vocabulary import OUTCOMES, TREATMENTS


@pytest.fixture(scope="module")
def evidence() -> Evidence:
    return load_evidence()


# Counts of the paper


def test_arms_publications_and_patients(evidence: Evidence) -> None:
    arms = evidence.arms
    assert len(arms) == 38
    assert arms["publication_id"].nunique() == 35
    assert len(evidence.publications) == 35
    assert arms["enrolled"].sum() == 1349
    assert arms["label"].is_unique
    twice = arms["publication_id"].value_counts()
    assert set(twice[twice == 2].index) == {"DAngelo2018", "Chawla2022", "Broto2020"}


def test_arms_by_treatment_are_those_of_the_five_blocks_of_figure_2(evidence: Evidence) -> None:
    arms = evidence.arms
    assert list(arms["treatment"].drop_duplicates()) == list(TREATMENTS)
    assert arms["treatment"].value_counts().to_dict() == dict(
        zip(TREATMENTS, (13, 5, 5, 10, 5), strict=True)
    )
    # Fig. 2 orders each block by response rate; ties aside, so must the arms.
    orr = evidence.outcome("orr")
    rate = orr["events"] / orr["total"]
    assert rate.groupby(orr["treatment"]).apply(lambda r: r.is_monotonic_increasing).all()


def test_lines_of_treatment(evidence: Evidence) -> None:
    assert evidence.arms["line"].value_counts().to_dict() == {
        ">= second line": 24,
        "unknown": 12,
        "first line": 2,
    }
    first = evidence.arms.query("line == 'first line'")["label"]
    assert set(first) == {"Gordon 2023", "Livingston 2021"}


@pytest.mark.parametrize(
    ("outcome", "arms", "total", "events"),
    [("orr", 38, 1268, 238), ("dcr", 35, 1177, 753), ("trae", 20, 659, 139)],
)
def test_outcome_totals(
    evidence: Evidence, outcome: str, arms: int, total: int, events: int
) -> None:
    frame = evidence.outcome(outcome)
    assert (len(frame), frame["total"].sum(), frame["events"].sum()) == (arms, total, events)
    assert list(frame.columns[:8]) == [
        "study",
        "arm_id",
        "publication_id",
        "events",
        "total",
        "enrolled",
        "treatment",
        "line",
    ]
    assert frame["study"].is_unique
    assert frame["events"].dtype == frame["total"].dtype == "int64"


def test_every_outcome_of_the_project_has_counts(evidence: Evidence) -> None:
    for code in OUTCOMES:
        assert not evidence.outcome(code).empty


def test_arms_without_disease_control_rate(evidence: Evidence) -> None:
    missing = set(evidence.arms["arm_id"]) - set(evidence.outcome("dcr")["arm_id"])
    assert missing == {"DAngelo2018_nivo", "DAngelo2018_nivoipi", "BenAmi2017"}


def test_composition_sums_and_the_three_patients_without_subtype(evidence: Evidence) -> None:
    composition = evidence.composition
    assert composition["patients"].sum() == 1346
    enrolled = evidence.arms.set_index("arm_id")["enrolled"]
    gaps = enrolled - composition.groupby("arm_id")["patients"].sum()
    assert gaps[gaps != 0].to_dict() == {"Tawbi2017": 2, "Chawla2022_atezo": 1}


def test_patients_outside_figure_4(evidence: Evidence) -> None:
    outside = evidence.composition.query("figure4_row.isna()")
    assert outside.groupby("subtype")["patients"].sum().to_dict() == {
        "GIST": 10,
        "other": 163,
        "unknown": 33,
    }


def test_rows_of_figure_4_overlap(evidence: Evidence) -> None:
    subtypes = evidence.subtypes
    assert len(subtypes) == 24
    assert subtypes["total"].sum() == 1254
    assert subtypes.loc[subtypes["parent"].isna(), "total"].sum() == 1140
    assert set(subtypes.loc[subtypes["parent"] == "LPS", "subtype"]) == {"DDLPS", "MLS", "PLS"}


def test_strata_are_disjoint_and_complete(evidence: Evidence) -> None:
    strata = evidence.strata()
    assert list(strata.columns) == ["stratum", "full_name", "events", "total", "parent"]
    assert len(strata) == 24
    assert strata["total"].sum() == 1140
    assert strata["events"].sum() == 215
    counts = strata.set_index("stratum")[["events", "total"]]
    # 22 - 11 - 1 - 1 responders and 159 - 62 - 44 - 8 patients of the LPS row.
    assert list(counts.loc["LPS, unspecified"]) == [9, 45]
    assert list(counts.loc["ASPS"]) == [72, 168]
    assert "LPS" not in counts.index


def test_cells(evidence: Evidence) -> None:
    assert len(evidence.subtype_treatment) == 85
    cells = evidence.cells()
    assert len(cells) == 83
    assert (cells["total"] > 0).all()
    unspecified = cells.query("subtype == 'LPS, unspecified'").set_index("treatment")
    assert unspecified[["events", "total"]].T.to_dict("list") == {
        "ICI monotherapy": [0, 6],
        "Dual Checkpoint Inhibitors": [0, 8],
        "ICI + chemotherapy": [9, 31],
    }
    sums = cells.groupby("subtype")[["events", "total"]].sum()
    strata = evidence.strata().set_index("stratum")[["events", "total"]]
    pd.testing.assert_frame_equal(sums.loc[strata.index], strata, check_names=False)


def test_patients_of_the_recovered_cells_come_from_table_1(evidence: Evidence) -> None:
    by_arm = evidence.composition.merge(evidence.arms[["arm_id", "treatment"]], on="arm_id")
    counted = by_arm.groupby(["subtype", "treatment"])["patients"].sum()
    cells = evidence.cells().set_index(["subtype", "treatment"])["total"]
    counted = counted.drop(["GIST", "other", "unknown"], level="subtype")
    pd.testing.assert_series_equal(counted, cells.sort_index(), check_names=False)


def test_solutions_of_the_recovered_cells(evidence: Evidence) -> None:
    cells = evidence.subtype_treatment
    assert cells["basis"].value_counts().to_dict() == {"recovered": 75, "implied": 6, "printed": 4}
    several = cells.query("solutions > 1")["subtype"]
    assert set(several) == {"DDLPS", "SFT"}


def test_classes_of_arms_have_the_printed_sizes(evidence: Evidence) -> None:
    arms = evidence.arms
    assert arms["monotherapy_target"].value_counts().to_dict() == {
        "PD-1": 9,
        "PD-L1": 3,
        "CTLA-4": 1,
    }
    assert (arms["pd1_chemotherapy"] == "yes").sum() == 7
    assert set(arms.loc[arms["doxorubicin"] == "doxorubicin", "label"]) == {
        "Tian 2022",
        "Livingston 2021",
        "Pollack 2020",
    }
    assert set(arms.loc[arms["single_histology"] == "ASPS", "label"]) == {
        "Chen 2023",
        "Shi 2020",
        "Yang 2020",
        "Xie 2023",
    }
    assert set(arms.loc[arms["response_criteria"] != "RECIST 1.1", "label"]) == {
        "Chawla 2022 (atezolizumab)",
        "Chawla 2022 (atezolizumab + CMB305)",
        "Kelly 2023",
        "Somaiah 2022",
    }


# Provenance


def test_corrections_of_every_kind_are_recorded(evidence: Evidence) -> None:
    corrections = evidence.corrections
    assert set(corrections["kind"]) == {
        "ocr",
        "inferred",
        "padded",
        "label",
        "position",
        "duplicate",
        "suspected",
    }
    inferred = evidence.composition.query("basis == 'inferred'")
    recorded = corrections.query("table == 'composition.csv' and kind == 'inferred'")["key"]
    assert set(recorded) == set(inferred["arm_id"] + "/" + inferred["subtype"])
    assert len(inferred) == 15


def test_recomputed_weights_are_recorded_as_corrections(evidence: Evidence) -> None:
    recomputed = evidence.printed_weights.query("basis == 'recomputed'")
    recorded = evidence.corrections.query("table == 'printed_weights.csv'")["key"]
    assert set(recomputed["figure"] + "/" + recomputed["arm_id"]) <= set(recorded)


def test_faults_and_trial_reports(evidence: Evidence) -> None:
    assert list(evidence.known_faults["fault_id"]) == [f"A{i:02d}" for i in range(1, 50)]
    assert len(evidence.trial_reports) == 28
    assert len(evidence.trial_report_subtypes) == 27


def test_responders_of_trial_reports_fit_the_cells(evidence: Evidence) -> None:
    """In no cell do the reports name more responders than the recovery found."""
    reports = evidence.trial_report_subtypes.merge(
        evidence.arms[["arm_id", "treatment"]], on="arm_id"
    )
    named = reports.groupby(["subtype", "treatment"])["responders"].sum()
    cells = evidence.cells().set_index(["subtype", "treatment"])["events"]
    named = named.drop("GIST", level="subtype")
    assert (named <= cells.reindex(named.index)).all()


# Access


def test_frames_are_copies(evidence: Evidence) -> None:
    arms = evidence.arms
    arms["enrolled"] = 0
    orr = evidence.outcome("orr")
    orr["events"] = 0
    assert evidence.arms["enrolled"].sum() == 1349
    assert evidence.outcome("orr")["events"].sum() == 238


def test_an_unknown_outcome_is_refused(evidence: Evidence) -> None:
    with pytest.raises(InputError, match="pfs"):
        evidence.outcome("pfs")


def test_importing_the_module_does_not_import_pandera() -> None:
    code = "import sys, models.evidence.load; sys.exit('pandera' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
