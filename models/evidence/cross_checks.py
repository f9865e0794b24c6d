"""Checks of the tables against each other, after each has passed its own schema.

Disagreements inside the paper, which a row may allow, are in `models.evidence.deviations`.
"""

import re
from typing import Final

import numpy as np
import pandas as pd

from models.evidence.deviations import Tables, check_deviations, figure4_patients
from models.evidence.reader import fault
from models.evidence.vocabulary import LPS_UNSPECIFIED, OUTSIDE_FIGURE_4, PARENT

FOREIGN_KEYS: Final = (
    ("arms", "publication_id", "publications"),
    ("outcomes", "arm_id", "arms"),
    ("printed_weights", "arm_id", "arms"),
    ("composition", "arm_id", "arms"),
    ("subtype_treatment", "subtype", "subtypes"),
    ("trial_reports", "publication_id", "publications"),
    ("trial_reports", "arm_id", "arms"),
    ("trial_report_subtypes", "arm_id", "arms"),
    ("reported_counts", "arm_id", "arms"),
    ("reported_counts", "report_id", "trial_reports"),
    ("drug_approvals", "arm_id", "arms"),
    ("risk_of_bias", "arm_id", "arms"),
    ("trials_not_pooled", "subtype", "subtypes"),
    ("known_disagreements", "id", "published_values"),
    ("known_disagreements", "fault_id", "known_faults"),
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
    _check_reported(tables)
    _check_not_pooled(tables)
    _check_disagreements(tables)
    check_deviations(tables)


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


def _check_figure4(tables: Tables) -> None:
    """Check the rows of Fig. 4 against the composition of the arms and against the cells."""
    subtypes, cells = tables["subtypes"], tables["subtype_treatment"]
    patients = figure4_patients(tables)
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


def _check_reported(tables: Tables) -> None:
    """Check that every count said to be reported stands in the trial report that it cites."""
    reported = tables["reported_counts"]
    says = reported["report_id"].map(tables["trial_reports"].set_index("report_id")["report_says"])
    fractions = reported["events"].astype(str) + "/" + reported["total"].astype(str)
    stands = [
        re.search(rf"(?<!\d){fraction}(?!\d)", text) is not None
        for fraction, text in zip(fractions, says, strict=True)
    ]
    _require(
        np.array(stands),
        reported,
        "reported_counts",
        "events",
        "does not stand with its total in report_says of that report",
    )


def _check_not_pooled(tables: Tables) -> None:
    """Check the patients that a trial may share with an arm against the arm's composition."""
    trials = tables["trials_not_pooled"]
    shared = trials[trials["overlap_arm_id"].notna()]
    enrolled = tables["composition"].groupby(["arm_id", "subtype"])["patients"].sum()
    stands = [
        enrolled.get((arm, subtype)) == total
        for arm, subtype, total in zip(
            shared["overlap_arm_id"], shared["subtype"], shared["overlap_total"], strict=True
        )
    ]
    _require(
        np.array(stands, dtype=bool),
        shared,
        "trials_not_pooled",
        "overlap_total",
        "is not what composition.csv has",
    )


def _check_disagreements(tables: Tables) -> None:
    """Check that what is said to be printed is what ``published_values.csv`` has."""
    known = tables["known_disagreements"]
    values = tables["published_values"].set_index("id")
    printed = [
        values.loc[key, f"printed_{name}"]
        for key, name in zip(known["id"], known["statistic"], strict=True)
    ]
    _require(
        known["printed"] == printed,
        known,
        "known_disagreements",
        "printed",
        "is not what published_values.csv has",
    )


def _same(used: str, value: object) -> bool:
    if isinstance(value, str):
        return used == value
    try:
        return float(used) == value
    except ValueError:
        return False
