"""The recovered cells of Fig. 4: the enumeration, the estimator it uses, and what decides."""

import subprocess
import sys
from dataclasses import fields
from itertools import product

import numpy as np
import pandas as pd
import pytest

from models.analyses.paper.cells import (
    AllocationPools,
    RecoveredRow,
    allocations_of,
    cell_patients,
    fitting,
    pool_allocations,
    recover_cells,
)
from models.analyses.paper.cells_checks import cell_differences, recovered_cells, text_checks
from models.common.constants import PROJECT_ROOT
from models.common.errors import InputError
from models.evidence.load import Evidence, load_evidence
from models.frequentist.freeman_tukey import freeman_tukey_pool

# Numbers of allocations counted by hand for rows that a reader can follow, and the total of all.
FEW = {"MLS": 3, "SFT": 4, "CCS": 9, "MFS": 9, "Chordoma": 6, "FS": 4}
TRIED = 75_997


@pytest.fixture(scope="module")
def evidence() -> Evidence:
    return load_evidence()


@pytest.fixture(scope="module")
def rows(evidence: Evidence) -> dict[str, RecoveredRow]:
    return {row.subtype: row for row in recover_cells(evidence)}


def printed_texts(evidence: Evidence, subtype: str) -> dict[str, str]:
    row = evidence.subtypes.set_index("subtype").loc[subtype]
    return {name: str(row[f"printed_{name}"]) for name in ("estimate", "lower", "upper", "i2", "p")}


def test_allocations_are_all_of_them_and_each_once() -> None:
    for responders, patients in ((3, [2, 1, 5]), (4, [2, 2, 1]), (0, [3, 1]), (7, [4, 4])):
        listed = allocations_of(responders, np.array(patients))
        brute = {
            combination
            for combination in product(*(range(n + 1) for n in patients))
            if sum(combination) == responders
        }
        assert len(listed) == len(brute)
        assert set(map(tuple, listed.tolist())) == brute


def test_vectorised_pool_is_the_published_estimator(evidence: Evidence) -> None:
    rng = np.random.default_rng(4)
    patients = cell_patients(evidence).to_numpy()
    responders = evidence.subtypes[["complete_responses", "partial_responses"]].sum(axis=1)
    for subtype, total, x in zip(evidence.subtypes["subtype"], patients, responders, strict=True):
        n = total[total > 0]
        if n.size < 2:
            continue
        events = allocations_of(int(x), n)
        sample = events[rng.permutation(len(events))[:100]]
        pools = pool_allocations(sample, n)
        for i, allocation in enumerate(sample):
            one = freeman_tukey_pool(allocation, n)
            expected = [one.estimate, one.lower, one.upper, one.i2, one.q_p]
            found = [getattr(pools, field.name)[i] for field in fields(AllocationPools)]
            # the same closed formulas in another order of operations
            assert found == pytest.approx(expected, rel=1e-10, abs=1e-10), (subtype, allocation)


def test_all_allocations_were_tried(rows: dict[str, RecoveredRow]) -> None:
    assert {name: rows[name].allocations for name in FEW} == FEW
    assert sum(row.allocations for row in rows.values() if len(row.patients) > 1) == TRIED


def test_85_cells_of_the_data(evidence: Evidence, rows: dict[str, RecoveredRow]) -> None:
    cells = recovered_cells(list(rows.values()))
    pd.testing.assert_frame_equal(
        cells.sort_values(["subtype", "treatment"], ignore_index=True),
        evidence.subtype_treatment[list(cells)].sort_values(
            ["subtype", "treatment"], ignore_index=True
        ),
        check_dtype=False,
    )
    assert len(cells) == 85
    assert cell_differences(list(rows.values()), evidence.subtype_treatment) == []


def test_18_rows_are_unique_and_2_are_decided(rows: dict[str, RecoveredRow]) -> None:
    shared = {name: row for name, row in rows.items() if len(row.patients) > 1}
    assert len(shared) == 20
    assert sum(row.unique for row in shared.values()) == 18
    assert {name for name, row in shared.items() if len(row.solutions) == 2} == {"DDLPS", "SFT"}


def test_the_parent_decides_for_ddlps(rows: dict[str, RecoveredRow]) -> None:
    row = rows["DDLPS"]
    other = next(s for s in row.solutions if s != row.events)
    tki, immunomodulator = (
        row.treatments.index(name) for name in ("ICI + TKI", "ICI + immunomodulator")
    )
    assert (row.events[tki], other[tki]) == (0, 1)
    # the text's 1/5 for the immunomodulator group is the other place where the two part
    assert (row.events[immunomodulator], other[immunomodulator]) == (1, 0)
    assert row.decided_by == "the parent LPS has 0/5 in ICI + TKI"


def test_the_trial_report_decides_for_sft(rows: dict[str, RecoveredRow]) -> None:
    row = rows["SFT"]
    chemotherapy = row.treatments.index("ICI + chemotherapy")
    assert {solution[chemotherapy] for solution in row.solutions} == {0, 1}
    assert row.events[chemotherapy] == 1
    assert row.decided_by.startswith("the report of Toulmonde 2018")


def test_no_allocation_gives_the_printed_i2_of_mls(evidence: Evidence) -> None:
    total = np.array([19, 8, 17])
    events = allocations_of(1, total)
    texts = printed_texts(evidence, "MLS")
    assert texts["i2"] == "19.40"
    assert len(fitting(events, total, texts)) == 0
    assert fitting(events, total, texts | {"i2": "19.49"}).tolist() == [[0, 1, 0]]


def test_a_printed_digit_less_would_leave_more(evidence: Evidence) -> None:
    """Uniqueness is found, not assumed: with estimate and interval only, LMS has many."""
    total = np.array([42, 24, 22, 117, 26])
    texts = printed_texts(evidence, "LMS")
    assert len(fitting(allocations_of(25, total), total, texts)) == 1
    fewer = {name: texts[name] for name in ("estimate", "lower", "upper")}
    assert len(fitting(allocations_of(25, total), total, fewer)) > 1


def test_text_values_agree_with_the_cells(
    evidence: Evidence, rows: dict[str, RecoveredRow]
) -> None:
    checks = text_checks(evidence, list(rows.values())).set_index("id")
    assert len(checks) == 13
    assert checks["agrees"].all()
    assert checks.loc["P062", "recovered"] == "1/5"


def test_a_difference_is_named(evidence: Evidence, rows: dict[str, RecoveredRow]) -> None:
    cells = evidence.subtype_treatment
    first = (cells["subtype"] == "SS") & (cells["treatment"] == "ICI + TKI")
    cells.loc[first, "events"] = 5
    cells = cells[cells["subtype"] != "EAS"]
    lines = cell_differences(list(rows.values()), cells)
    assert "SS x ICI + TKI, events: recovered 4, the data have 5" in lines
    assert any(line.startswith("EAS x ICI + chemotherapy") for line in lines)
    assert len(lines) == 2


def test_a_row_that_nothing_fits_is_an_error(evidence: Evidence) -> None:
    class Altered:
        def __init__(self) -> None:
            self.subtypes = evidence.subtypes
            self.subtypes.loc[self.subtypes["subtype"] == "SS", "printed_estimate"] = "0.07"
            self.arms, self.composition = evidence.arms, evidence.composition
            self.trial_report_subtypes = evidence.trial_report_subtypes
            self.published_values = evidence.published_values
            self.known_disagreements = evidence.known_disagreements

    with pytest.raises(InputError, match=r"row SS: 0 allocations of its 10 responders"):
        recover_cells(Altered())  # type: ignore[arg-type]


def test_the_script_shows_the_table() -> None:
    done = subprocess.run(
        [sys.executable, str(PROJECT_ROOT / "scripts" / "verify" / "recover_cells.py")],
        capture_output=True,
        text=True,
        check=False,
        env={"COLUMNS": "250", "PATH": "/usr/bin:/bin"},
    )
    assert done.returncode == 0, done.stderr
    assert "85 cells; 75,997 allocations tried in the 20 rows" in done.stdout
    assert "18 have one solution, 2 are decided" in done.stdout
