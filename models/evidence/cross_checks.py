"""Checks of the tables against each other, after each has passed its own schema.

Where the paper disagrees with itself, a row of ``exceptions.csv`` says so and why; a disagreement
without such a row is an error, and so is such a row without a disagreement.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from models.evidence.reader import fault
from models.evidence.vocabulary import LPS_UNSPECIFIED, OUTSIDE_FIGURE_4, PARENT

type Tables = dict[str, pd.DataFrame]

FOREIGN_KEYS: Final = (
    ("arms", "publication_id", "publications"),
    ("outcomes", "arm_id", "arms"),
    ("printed_weights", "arm_id", "arms"),
    ("composition", "arm_id", "arms"),
    ("subtype_treatment", "subtype", "subtypes"),
    ("trial_reports", "publication_id", "publications"),
    ("trial_reports", "arm_id", "arms"),
    ("trial_report_subtypes", "arm_id", "arms"),
)
"""Table, column, and the table whose column of the same name must hold the value."""

CORRECTION_KEYS: Final = {
    "arms": ["arm_id"],
    "outcomes": ["arm_id", "outcome"],
    "printed_weights": ["figure", "arm_id"],
    "composition": ["arm_id", "subtype"],
    "subtypes": ["subtype"],
    "published_values": ["id"],
}
"""Columns that, joined by a slash, form the key by which corrections.csv names a row."""

WEIGHT_SUM_TOLERANCE: Final = 0.05
"""Percentage points: a weight rounded to 0.01 errs with standard deviation 0.0029, the sum of the
24 of the largest pool with 0.014, and 0.05 is 3.5 times that."""


@dataclass(frozen=True)
class Deviation:
    """A disagreement between two printed values, at the cell where it shows.

    Attributes
    ----------
    check, key, expected, found
        As in the columns of ``exceptions.csv``.
    table, row, column
        The cell to name when no exception allows it.
    """

    check: str
    key: str
    expected: str
    found: str
    table: str
    row: int
    column: str

    @property
    def identity(self) -> tuple[str, str, str, str]:
        """What a row of ``exceptions.csv`` must state to allow it."""
        return self.check, self.key, self.expected, self.found


def check_tables(tables: Tables) -> None:
    """Check the tables against each other.

    Parameters
    ----------
    tables
        Validated tables by name, each indexed by row from 0.

    Raises
    ------
    InputError
        At the first disagreement that no row of ``exceptions.csv`` allows.
    """
    _check_foreign_keys(tables)
    _check_responses(tables)
    _check_weights(tables)
    _check_composition(tables)
    _check_figure4(tables)
    _check_corrections(tables)
    deviations = [
        *_percent_deviations(tables["outcomes"]),
        *_safety_deviations(tables),
        *_composition_deviations(tables),
        *_study_deviations(tables),
    ]
    _reconcile(deviations, tables)


def _require(
    holds: "pd.Series | np.ndarray", frame: pd.DataFrame, table: str, column: str, message: str
) -> None:
    """Raise at the first row for which ``holds`` is false; rows are those of the file."""
    failing = frame.index[~np.asarray(holds, dtype=bool)]
    if len(failing):
        row = int(failing[0])
        raise fault(table, row, column, frame.loc[row, column], message)


def _check_foreign_keys(tables: Tables) -> None:
    for table, column, target in FOREIGN_KEYS:
        frame = tables[table]
        known = frame[column].isin(tables[target][column]) | frame[column].isna()
        _require(known, frame, table, column, f"is not in {target}.csv")


def _check_responses(tables: Tables) -> None:
    """Check CR + PR = responders <= disease controlled <= evaluable <= enrolled."""
    outcomes, arms = tables["outcomes"], tables["arms"]
    by = dict(iter(outcomes.groupby("outcome")))
    enrolled = arms.set_index("arm_id")["enrolled"]
    for code in ("orr", "cr", "pr"):
        reported = arms["arm_id"].isin(outcomes.loc[outcomes["outcome"] == code, "arm_id"])
        _require(reported, arms, "arms", "arm_id", f"has no row for {code} in outcomes.csv")
    _require(
        outcomes["total"] <= outcomes["arm_id"].map(enrolled),
        outcomes,
        "outcomes",
        "total",
        "must not exceed the patients enrolled",
    )
    parts = by["cr"].set_index("arm_id")["events"] + by["pr"].set_index("arm_id")["events"]
    responders = by["orr"].set_index("arm_id")
    _require(
        by["orr"]["events"] == by["orr"]["arm_id"].map(parts),
        by["orr"],
        "outcomes",
        "events",
        "must be complete plus partial responses",
    )
    for code in ("cr", "pr", "dcr"):
        _require(
            by[code]["total"] == by[code]["arm_id"].map(responders["total"]),
            by[code],
            "outcomes",
            "total",
            "must equal the evaluable patients of orr",
        )
    _require(
        by["dcr"]["events"] >= by["dcr"]["arm_id"].map(responders["events"]),
        by["dcr"],
        "outcomes",
        "events",
        "must not be less than the responders",
    )


def _check_weights(tables: Tables) -> None:
    """Check that the figures weigh the arms in their pools and each pool adds up to 100."""
    weights, arms = tables["printed_weights"], tables["arms"].set_index("arm_id")
    by_line = weights["figure"] == "Fig. 3"
    pool = (
        weights["arm_id"].map(arms["treatment"]).mask(by_line, weights["arm_id"].map(arms["line"]))
    )
    _require(
        weights["pool"] == pool,
        weights,
        "printed_weights",
        "pool",
        "must be the arm's treatment (Figs 2 and 5) or line (Fig. 3) in arms.csv",
    )
    sums = weights.groupby(["figure", "pool"])["weight_percent"].transform("sum")
    _require(
        (sums - 100).abs() <= WEIGHT_SUM_TOLERANCE,
        weights,
        "printed_weights",
        "weight_percent",
        "belongs to a pool whose weights do not add up to 100",
    )


def _check_composition(tables: Tables) -> None:
    composition, arms = tables["composition"], tables["arms"]
    sums = composition.groupby("arm_id")["patients"].sum()
    printed = composition["denominator_printed"]
    _require(
        printed.isna() | (printed == composition["arm_id"].map(sums)).fillna(True),
        composition,
        "composition",
        "denominator_printed",
        "must be the sum of the arm's patients",
    )
    expected = composition["subtype"].replace(LPS_UNSPECIFIED, PARENT)
    expected = expected.mask(composition["subtype"].isin(OUTSIDE_FIGURE_4))
    found = composition["figure4_row"]
    _require(
        (found == expected) | (found.isna() & expected.isna()),
        composition,
        "composition",
        "figure4_row",
        "must be the row of Fig. 4 that the subtype stands in",
    )
    named = composition[composition["subtype"] != "unknown"].groupby("arm_id")["subtype"]
    only = named.first().where(named.nunique().eq(1))
    expected = arms["arm_id"].map(only)
    found = arms["single_histology"]
    _require(
        (found == expected) | (found.isna() & expected.isna()),
        arms,
        "arms",
        "single_histology",
        "must be the one subtype in composition.csv, or empty",
    )


def _figure4_patients(tables: Tables) -> pd.DataFrame:
    """Count patients by arm and row of Fig. 4, those of the parent's parts counted in both."""
    composition = tables["composition"].merge(
        tables["arms"][["arm_id", "treatment"]], on="arm_id", how="left"
    )
    parent_of = tables["subtypes"].set_index("subtype")["parent"]
    inherited = composition.assign(figure4_row=composition["figure4_row"].map(parent_of))
    both = pd.concat([composition, inherited]).dropna(subset="figure4_row")
    return both[["figure4_row", "arm_id", "treatment", "patients"]]


def _check_figure4(tables: Tables) -> None:
    """Check the rows of Fig. 4 against the composition of the arms and against the cells."""
    subtypes, cells = tables["subtypes"], tables["subtype_treatment"]
    patients = _figure4_patients(tables)
    row_sums = patients.groupby("figure4_row")["patients"].sum()
    _require(
        subtypes["total"] == subtypes["subtype"].map(row_sums),
        subtypes,
        "subtypes",
        "total",
        "must be the subtype's patients in composition.csv",
    )
    is_parent = subtypes["subtype"].isin(subtypes["parent"].dropna())
    _require(
        (subtypes["disjoint"] == "no") == is_parent,
        subtypes,
        "subtypes",
        "disjoint",
        "must be no for a parent and yes for all others",
    )
    cell_sums = patients.groupby(["figure4_row", "treatment"])["patients"].sum()
    index = pd.MultiIndex.from_frame(cells[["subtype", "treatment"]])
    _require(
        cells["total"].to_numpy() == cell_sums.reindex(index, fill_value=0).to_numpy(),
        cells,
        "subtype_treatment",
        "total",
        "must be the cell's patients in composition.csv",
    )
    sums = cells.groupby("subtype")[["events", "total"]].sum().reindex(subtypes["subtype"])
    for column, printed in (
        ("total", subtypes["total"]),
        ("partial_responses", subtypes["complete_responses"] + subtypes["partial_responses"]),
    ):
        added = sums["total" if column == "total" else "events"].to_numpy()
        _require(
            printed.to_numpy() == added,
            subtypes,
            "subtypes",
            column,
            "does not agree with the subtype's cells in subtype_treatment.csv",
        )


def _check_corrections(tables: Tables) -> None:
    """Check that the value said to be used is the one in the table."""
    corrections = tables["corrections"]
    for table, rows in corrections.groupby("table"):
        name = str(table).removesuffix(".csv")
        if name not in CORRECTION_KEYS:
            raise fault(
                "corrections", int(rows.index[0]), "table", table, "has no correctable rows"
            )
        target = tables[name]
        rows_by_key: dict[str, list[int]] = {}
        for position, *parts in target[CORRECTION_KEYS[name]].itertuples(name=None):
            rows_by_key.setdefault("/".join(parts), []).append(position)
        for row, key, field, used in rows[["key", "field", "used"]].itertuples(name=None):
            matches = rows_by_key.get(key, [])
            if len(matches) != 1:
                raise fault("corrections", row, "key", key, f"must name one row of {name}.csv")
            if field not in target:
                raise fault("corrections", row, "field", field, f"is no column of {name}.csv")
            value = target.loc[matches[0], field]
            if not _same(used, value):
                raise fault(
                    "corrections", row, "used", used, f"but {name}.csv has '{value!s}' at {key}"
                )


def _same(used: str, value: object) -> bool:
    if isinstance(value, str):
        return used == value
    try:
        return float(used) == value
    except ValueError:
        return False


def _percent_deviations(outcomes: pd.DataFrame) -> Iterator[Deviation]:
    """Find printed percentages that are not events / total at the printed decimals."""
    printed = outcomes[outcomes["printed_percent"].notna()]
    for row, arm, code, events, total, text in printed[
        ["arm_id", "outcome", "events", "total", "printed_percent"]
    ].itertuples():
        decimals = len(text.partition(".")[2])
        exact = 100 * events / total
        # Half a unit in the last place; the margin lets values on the boundary round either way.
        if abs(float(text) - exact) > 0.5 * 10.0**-decimals + 1e-9:
            yield Deviation(
                "printed_percent",
                f"{arm}/{code}",
                f"{exact:.{decimals}f}",
                text,
                "outcomes",
                row,
                "printed_percent",
            )


def _safety_deviations(tables: Tables) -> Iterator[Deviation]:
    """Find arms whose safety patients are not the patients enrolled."""
    outcomes = tables["outcomes"]
    enrolled = tables["arms"].set_index("arm_id")["enrolled"]
    safety = outcomes[outcomes["outcome"] == "trae"]
    for row, arm, total in safety[["arm_id", "total"]].itertuples():
        if total != enrolled[arm]:
            yield Deviation(
                "trae_total", arm, str(enrolled[arm]), str(total), "outcomes", row, "total"
            )


def _composition_deviations(tables: Tables) -> Iterator[Deviation]:
    """Find arms whose subtypes do not add up to the patients enrolled."""
    sums = tables["composition"].groupby("arm_id")["patients"].sum()
    for row, arm, enrolled in tables["arms"][["arm_id", "enrolled"]].itertuples():
        found = int(sums.get(arm, 0))
        if found != enrolled:
            yield Deviation(
                "composition_sum", arm, str(enrolled), str(found), "arms", row, "enrolled"
            )


def _study_deviations(tables: Tables) -> Iterator[Deviation]:
    """Find rows of Fig. 4 whose number of studies is not the number of arms with such patients."""
    arms = _figure4_patients(tables).groupby("figure4_row")["arm_id"].nunique()
    for row, subtype, printed in tables["subtypes"][["subtype", "printed_studies"]].itertuples():
        if printed != arms[subtype]:
            yield Deviation(
                "figure4_studies",
                subtype,
                str(arms[subtype]),
                str(printed),
                "subtypes",
                row,
                "printed_studies",
            )


def _reconcile(deviations: list[Deviation], tables: Tables) -> None:
    """Match the deviations with the exceptions, each with its expected and found value."""
    listed = list(
        tables["exceptions"][["check", "key", "expected", "found"]].itertuples(
            index=False, name=None
        )
    )
    for deviation in deviations:
        if deviation.identity not in listed:
            raise fault(
                deviation.table,
                deviation.row,
                deviation.column,
                tables[deviation.table].loc[deviation.row, deviation.column],
                f"the check {deviation.check} of {deviation.key} expects {deviation.expected}, "
                f"finds {deviation.found}, and exceptions.csv does not allow it",
            )
    seen = {deviation.identity for deviation in deviations}
    for row, identity in enumerate(listed):
        if identity not in seen:
            check, key, *_ = identity
            raise fault("exceptions", row, "key", key, f"the check {check} finds no such thing")
