"""Each kind of fault in the data is refused with one line: file, line, column and value."""

import csv
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from models.common.constants import DATA_DIR
from models.common.errors import InputError
from models.evidence.load import load_evidence

Cells = list[list[str]]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Return a copy of the data to be broken."""
    return Path(shutil.copytree(DATA_DIR, tmp_path / "data"))


def read(path: Path) -> Cells:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


def write(path: Path, cells: Cells) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(cells)


def break_cell(data: Path, table: str, key: dict[str, str], column: str, value: str) -> int:
    """Overwrite one cell of the first row that matches, and return the row's line in the file."""
    path = data / f"{table}.csv"
    cells = read(path)
    header = cells[0]
    for line, row in enumerate(cells[1:], start=2):
        if all(row[header.index(name)] == wanted for name, wanted in key.items()):
            assert row[header.index(column)] != value
            row[header.index(column)] = value
            write(path, cells)
            # The line is the one an editor shows, which numbers the lines of the text.
            shown = path.read_text(encoding="utf-8").splitlines()[line - 1]
            assert next(csv.reader([shown])) == row
            return line
    raise AssertionError(f"no row {key} in {table}.csv")


class Fault(NamedTuple):
    """One broken cell, and the end of the message it must give."""

    table: str
    key: dict[str, str]
    column: str
    value: str
    message: str


TAWBI = {"arm_id": "Tawbi2017"}
ORR = {**TAWBI, "outcome": "orr"}

FAULTS = {
    "not a number": Fault("outcomes", ORR, "events", "seven", "must be a whole number"),
    "not a whole number": Fault("outcomes", ORR, "events", "7.5", "must be a whole number"),
    "negative": Fault("outcomes", ORR, "events", "-1", "must lie between 0 and 1000000"),
    "required and empty": Fault("outcomes", ORR, "total", "", "must not be empty"),
    "required text empty": Fault("arms", TAWBI, "label", "", "must not be empty"),
    "more events than patients": Fault("outcomes", ORR, "events", "41", "must not exceed total"),
    "not an allowed value": Fault(
        "arms", TAWBI, "treatment", "ICI + chemo", "must be one of: ICI monotherapy, Dual"
    ),
    "age span reversed": Fault("arms", TAWBI, "age_low", "60", "must not exceed age_median"),
    "percentage above 100": Fault(
        "arms", TAWBI, "female_percent", "360", "must lie between 0 and 100"
    ),
    "repeated key": Fault(
        "outcomes",
        {**TAWBI, "outcome": "cr"},
        "outcome",
        "orr",
        "repeats the key (arm_id, outcome) of an earlier line",
    ),
    "repeated label": Fault("arms", TAWBI, "label", "Tamura 2019", "stands in an earlier line too"),
    "digits with a comma": Fault(
        "outcomes", ORR, "printed_estimate", "0,17", "must be a number as printed"
    ),
    "limits reversed": Fault(
        "outcomes", ORR, "printed_lower", "0.70", "must not exceed printed_estimate"
    ),
    "malformed selector": Fault(
        "published_values",
        {"id": "P004"},
        "selector",
        "orr where treatment",
        "must follow the selector grammar",
    ),
    "malformed DOI": Fault(
        "publications", {"publication_id": "Tawbi2017"}, "doi", "doi:10", "must be a DOI"
    ),
    "unknown arm": Fault(
        "composition", {**TAWBI, "subtype": "SS"}, "arm_id", "Tawbi2018", "is not in arms.csv"
    ),
    "unknown publication": Fault(
        "trial_reports",
        {"report_id": "R01"},
        "publication_id",
        "DAngelo2019",
        "is not in publications.csv",
    ),
    "responses do not add up": Fault(
        "outcomes", ORR, "events", "8", "must be complete plus partial responses"
    ),
    "another denominator": Fault(
        "outcomes",
        {**TAWBI, "outcome": "dcr"},
        "total",
        "41",
        "must equal the evaluable patients of orr",
    ),
    "fewer controlled than responding": Fault(
        "outcomes",
        {**TAWBI, "outcome": "dcr"},
        "events",
        "6",
        "must not be less than the responders",
    ),
    "more evaluable than enrolled": Fault(
        "outcomes", ORR, "total", "43", "must not exceed the patients enrolled"
    ),
    "percentage of another count": Fault(
        "outcomes",
        ORR,
        "printed_percent",
        "18.50",
        "the check printed_percent of Tawbi2017/orr expects 17.50, finds 18.50, "
        "and exceptions.csv does not allow it",
    ),
    "safety patients not those enrolled": Fault(
        "outcomes",
        {**TAWBI, "outcome": "trae"},
        "total",
        "41",
        "the check trae_total of Tawbi2017 expects 42, finds 41, "
        "and exceptions.csv does not allow it",
    ),
    "weights do not add up": Fault(
        "printed_weights",
        {"figure": "Fig. 2", "arm_id": "Kelly2023"},
        "weight_percent",
        "24.41",
        "belongs to a pool whose weights do not add up to 100",
    ),
    "weight in another pool": Fault(
        "printed_weights",
        {"figure": "Fig. 3", "arm_id": "Kelly2023"},
        "pool",
        "first line",
        "must be the arm's treatment (Figs 2 and 5) or line (Fig. 3) in arms.csv",
    ),
    "subtype in another row of Fig. 4": Fault(
        "composition",
        {**TAWBI, "subtype": "SS"},
        "figure4_row",
        "UPS",
        "must be the row of Fig. 4 that the subtype stands in",
    ),
    "not a single histology": Fault(
        "arms",
        TAWBI,
        "single_histology",
        "SS",
        "must be the one subtype in composition.csv, or empty",
    ),
    "row of Fig. 4 against Table 1": Fault(
        "subtypes",
        {"subtype": "SS"},
        "total",
        "148",
        "must be the subtype's patients in composition",
    ),
    "parent said to be disjoint": Fault(
        "subtypes", {"subtype": "LPS"}, "disjoint", "yes", "must be no for a parent"
    ),
    "cell against Table 1": Fault(
        "subtype_treatment",
        {"subtype": "SS", "treatment": "ICI + TKI"},
        "total",
        "24",
        "must be the cell's patients in composition.csv",
    ),
    "studies of a row of Fig. 4": Fault(
        "subtypes",
        {"subtype": "SS"},
        "printed_studies",
        "20",
        "the check figure4_studies of SS expects 21, finds 20, "
        "and exceptions.csv does not allow it",
    ),
    "correction not applied": Fault(
        "corrections",
        {"key": "Cho2024/orr", "field": "printed_estimate"},
        "used",
        "0.20",
        "but outcomes.csv has '0.30' at Cho2024/orr",
    ),
    "correction of no row": Fault(
        "corrections",
        {"key": "Cho2024/orr", "field": "printed_estimate"},
        "key",
        "Cho2024",
        "must name one row of outcomes.csv",
    ),
    "count that its trial report does not give": Fault(
        "reported_counts",
        {"arm_id": "DAngelo2018_nivo"},
        "events",
        "3",
        "does not stand with its total in report_says of that report",
    ),
    "part of a number in its trial report": Fault(
        "reported_counts",
        {"arm_id": "Blay2023"},
        "events",
        "7",
        "does not stand with its total in report_says of that report",
    ),
    "unknown report": Fault(
        "reported_counts",
        {"arm_id": "Shi2020"},
        "report_id",
        "R99",
        "is not in trial_reports.csv",
    ),
    "patients that the arm they may be shared with did not enrol": Fault(
        "trials_not_pooled",
        {"trial_id": "Tan2024_ASPS"},
        "overlap_total",
        "13",
        "is not what composition.csv has",
    ),
    "approval of an unknown arm": Fault(
        "drug_approvals", {"arm_id": "Naing2021"}, "arm_id", "Naing2020", "is not in arms.csv"
    ),
    "known disagreement of another digit": Fault(
        "known_disagreements",
        {"id": "P031"},
        "printed",
        "19.49",
        "is not what published_values.csv has",
    ),
    "known disagreement without a fault": Fault(
        "known_disagreements", {"id": "P031"}, "fault_id", "A99", "is not in known_faults.csv"
    ),
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS.keys())
def test_a_broken_cell_is_named(data: Path, fault: Fault) -> None:
    line = break_cell(data, fault.table, fault.key, fault.column, fault.value)
    with pytest.raises(InputError) as raised:
        load_evidence(data)
    message = str(raised.value)
    place = f"{fault.table}.csv, line {line}, column {fault.column}, value '{fault.value}': "
    assert message.startswith(place + fault.message), message
    assert "\n" not in message


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        pytest.param(
            Fault("arms", {"arm_id": "Blay2023"}, "enrolled", "98", ""),
            "arms.csv, line 10, column enrolled, value '98': the check composition_sum of "
            "Blay2023 expects 98, finds 97, and exceptions.csv does not allow it",
            id="enrolled against composition",
        ),
        pytest.param(
            Fault("composition", {"arm_id": "Maki2013"}, "patients", "5", ""),
            "composition.csv, line 14, column denominator_printed, value '6': must be the sum of "
            "the arm's patients",
            id="patients against denominator",
        ),
        pytest.param(
            Fault("subtype_treatment", {"subtype": "EAS"}, "events", "0", ""),
            "subtypes.csv, line 25, column partial_responses, value '1': does not agree with the "
            "subtype's cells in subtype_treatment.csv",
            id="responders of the cells against the row",
        ),
        pytest.param(
            Fault("exceptions", {"key": "LPS"}, "found", "21", ""),
            "subtypes.csv, line 14, column printed_studies, value '20': the check figure4_studies "
            "of LPS expects 23, finds 20, and exceptions.csv does not allow it",
            id="exception for another value",
        ),
        pytest.param(
            Fault("subtypes", {"subtype": "LPS"}, "printed_studies", "23", ""),
            "exceptions.csv, line 5, column key, value 'LPS': the check figure4_studies finds no "
            "such thing",
            id="exception without a disagreement",
        ),
        pytest.param(
            Fault("outcomes", {"arm_id": "Maki2013", "outcome": "pr"}, "outcome", "dcr", ""),
            "outcomes.csv, line 118, column outcome, value 'dcr': repeats the key "
            "(arm_id, outcome) of an earlier line",
            id="repeated key is named at the later line",
        ),
        pytest.param(
            Fault("outcomes", {"arm_id": "BenAmi2017", "outcome": "pr"}, "outcome", "dcr", ""),
            "arms.csv, line 4, column arm_id, value 'BenAmi2017': has no row for pr in "
            "outcomes.csv",
            id="arm without an outcome",
        ),
    ],
)
def test_a_fault_between_tables_names_the_cell_that_shows_it(
    data: Path, broken: Fault, message: str
) -> None:
    break_cell(data, broken.table, broken.key, broken.column, broken.value)
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        load_evidence(data)


def drop(path: Path) -> None:
    path.unlink()


def rename_column(path: Path) -> None:
    cells = read(path)
    cells[0][2] = "phase"
    write(path, cells)


def add_column(path: Path) -> None:
    write(path, [[*row, "extra"] for row in read(path)])


def drop_column(path: Path) -> None:
    write(path, [row[:-1] for row in read(path)])


def shorten_row(path: Path) -> None:
    cells = read(path)
    cells[4].pop()
    write(path, cells)


def break_line(path: Path) -> None:
    cells = read(path)
    cells[4][2] = "J Clin\nOncol"
    write(path, cells)


def encode_otherwise(path: Path) -> None:
    cells = read(path)
    cells[4][2] = "Revista Médica"
    write(path, cells)
    path.write_bytes(path.read_text(encoding="utf-8").encode("latin-1"))


def open_quote(path: Path) -> None:
    path.write_text(path.read_text(encoding="utf-8") + 'X2020,6,"J Clin', encoding="utf-8")


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (drop, "publications.csv: file not found in "),
        (rename_column, "publications.csv, line 1, column 3, value 'phase': must be journal"),
        (add_column, "publications.csv, line 1, column 5, value 'extra': no such column"),
        (drop_column, "publications.csv, line 1, column 4, value '': must be doi"),
        (shorten_row, "publications.csv, line 5: has 3 cells instead of 4, the last is 'Br J Can"),
        (break_line, "publications.csv, line 6: a cell contains a line break"),
        (encode_otherwise, "publications.csv, line 5: not UTF-8 text"),
        (open_quote, "publications.csv, line 37: unexpected end of data"),
    ],
)
def test_a_damaged_file_is_named(data: Path, damage: Callable[[Path], None], message: str) -> None:
    damage(data / "publications.csv")
    with pytest.raises(InputError, match=f"^{re.escape(message)}") as raised:
        load_evidence(data)
    assert "\n" not in str(raised.value)


def test_a_copy_without_damage_loads(data: Path) -> None:
    assert len(load_evidence(data).arms) == 38
