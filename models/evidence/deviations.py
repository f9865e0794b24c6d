"""Disagreements inside the paper, each of which a row of ``exceptions.csv`` must allow.

Such a row says what disagrees and why it is let pass; a disagreement without one is an error, and
so is such a row without a disagreement.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd

from models.evidence.reader import fault

type Tables = dict[str, pd.DataFrame]


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


def check_deviations(tables: Tables) -> None:
    """Match all disagreements between printed values with the exceptions.

    Parameters
    ----------
    tables
        Validated tables by name, each indexed by row from 0.

    Raises
    ------
    InputError
        At the first disagreement that no row of ``exceptions.csv`` allows, or the first such row
        without a disagreement.
    """
    deviations = [
        *_percent_deviations(tables["outcomes"]),
        *_safety_deviations(tables),
        *_composition_deviations(tables),
        *_study_deviations(tables),
    ]
    _reconcile(deviations, tables)


def figure4_patients(tables: Tables) -> pd.DataFrame:
    """Count patients by arm and row of Fig. 4, those of the parent's parts counted in both."""
    composition = tables["composition"].merge(
        tables["arms"][["arm_id", "treatment"]], on="arm_id", how="left"
    )
    parent_of = tables["subtypes"].set_index("subtype")["parent"]
    inherited = composition.assign(figure4_row=composition["figure4_row"].map(parent_of))
    both = pd.concat([composition, inherited]).dropna(subset="figure4_row")
    return both[["figure4_row", "arm_id", "treatment", "patients"]]


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
    arms = figure4_patients(tables).groupby("figure4_row")["arm_id"].nunique()
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
