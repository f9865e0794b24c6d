"""The evidence: every table of ``data/``, read and validated once, and the views the models take.

>>> evidence = load_evidence()
>>> evidence.outcome("orr")[["study", "events", "total"]]
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Final, Self, overload

import pandas as pd

from models.common.constants import DATA_DIR
from models.common.errors import InputError
from models.evidence import selector as selectors
from models.evidence.reader import read_table
from models.evidence.vocabulary import LPS_UNSPECIFIED, LPS_UNSPECIFIED_NAME, PARENT, TREATMENTS

_PRINTED: Final = {
    "estimate": "printed_estimate",
    "lower": "printed_lower",
    "upper": "printed_upper",
    "i2": "printed_i2",
    "p": "printed_p",
}
"""Numeric columns that loading adds to published_values, and the texts they are read from."""


class _Table:
    """Attribute that hands out a copy of one table."""

    def __init__(self, doc: str) -> None:
        self.__doc__ = doc

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    @overload
    def __get__(self, instance: None, owner: type) -> Self: ...
    @overload
    def __get__(self, instance: "Evidence", owner: type) -> pd.DataFrame: ...
    def __get__(self, instance: "Evidence | None", owner: type) -> Self | pd.DataFrame:
        return self if instance is None else instance._tables[self._name].copy()


@dataclass(frozen=True, eq=False)
class Evidence:
    """What is known of the trials and what was published about them.

    Every attribute and method hands out a fresh copy, so no caller can change the evidence.
    ``data/README.md`` describes each column; missing values are NA. The columns ``printed_*`` are
    the printed digits as text.

    Attributes
    ----------
    arms
        38 trial arms in the order of Fig. 2 (by treatment group, then by response rate).
    publications
        35 publications and their DOI.
    outcomes
        Counts by arm and outcome, with the printed digits.
    printed_weights
        Weights printed in Figs 2, 3 and 5.
    composition
        Patients by arm and subtype.
    subtypes
        24 rows of Fig. 4.
    subtype_treatment
        85 cells of subtype by treatment group, the LPS row and its parts both among them.
    published_values
        131 published numbers. Loading adds ``estimate``, ``lower``, ``upper``, ``i2`` and ``p`` as
        numbers, in the row's ``unit`` (``i2`` in percent); NaN where nothing or NA is printed.
    trial_reports, trial_report_subtypes
        What the trial reports themselves say.
    reported_counts
        Counts that a trial's own report gives otherwise than the paper.
    trials_not_pooled
        Trials that the paper names but did not pool, and patients that they may share with an arm.
    drug_approvals
        Arms with a drug that some or all regulators had not approved.
    known_disagreements
        Published values that do not agree with what the counts give, and why.
    corrections
        Every place where the data differ from the text they were transcribed from.
    exceptions
        Disagreements inside the paper that the cross-checks let pass, with reasons.
    paper_items
        Every figure and table of the paper: where it is reproduced, or why it cannot be.
    risk_of_bias
        What the paper's text says of the risk of bias; scores of single studies are not in it.
    reporting_items
        Two checklists of reporting, with the file behind each item.
    pfs_rates, medians
        Survival, as far as a public text states it.
    known_faults
        Faults found in the paper and in the text of it.
    """

    _tables: Mapping[str, pd.DataFrame] = field(repr=False)

    arms = _Table("38 trial arms.")
    publications = _Table("35 publications.")
    outcomes = _Table("Counts by arm and outcome.")
    printed_weights = _Table("Weights printed in Figs 2, 3 and 5.")
    composition = _Table("Patients by arm and subtype.")
    subtypes = _Table("24 rows of Fig. 4.")
    subtype_treatment = _Table("85 cells of subtype by treatment group.")
    published_values = _Table("131 published numbers.")
    trial_reports = _Table("What the trial reports say.")
    trial_report_subtypes = _Table("What the trial reports say of subtypes.")
    reported_counts = _Table("Counts that trial reports give otherwise.")
    trials_not_pooled = _Table("Trials that the paper names but did not pool.")
    drug_approvals = _Table("Arms with drugs that were not approved.")
    known_disagreements = _Table("Published values that do not agree.")
    corrections = _Table("Differences from the transcribed text.")
    exceptions = _Table("Disagreements that the cross-checks let pass.")
    known_faults = _Table("Faults of the paper and of its text.")
    paper_items = _Table("Figures and tables of the paper, and where they are reproduced.")
    risk_of_bias = _Table("What the text says of the risk of bias.")
    reporting_items = _Table("Checklists of reporting.")
    pfs_rates = _Table("Rates of progression-free survival, as far as at hand.")
    medians = _Table("Medians of survival, as far as at hand.")

    def outcome(self, code: str) -> pd.DataFrame:
        """Return the arms that report an outcome, with counts and arm columns.

        Parameters
        ----------
        code
            ``orr``, ``dcr``, ``trae``, or the parts of the first, ``cr`` and ``pr``.

        Returns
        -------
        DataFrame
            One row an arm, in the order of Fig. 2: ``study`` (the unique label), ``arm_id``,
            ``publication_id``, ``events``, ``total``, ``enrolled``, ``treatment``, ``line``, then
            the other columns of ``arms``. ``total`` counts evaluable patients for response and
            disease control, safety patients for adverse events.

        Raises
        ------
        InputError
            If no arm reports an outcome of that name.
        """
        counts = self._tables["outcomes"].query("outcome == @code")
        if counts.empty:
            known = ", ".join(self._tables["outcomes"]["outcome"].unique())
            raise InputError(f"outcomes.csv, column outcome: no '{code}', only {known}")
        arms = self._tables["arms"].rename(columns={"label": "study"})
        merged = arms.merge(counts[["arm_id", "events", "total"]], on="arm_id", how="inner")
        first = ["study", "arm_id", "publication_id", "events", "total", "enrolled"]
        first += ["treatment", "line"]
        return merged[first + [c for c in merged if c not in first]]

    def strata(self) -> pd.DataFrame:
        """Return the disjoint subtypes: the rows of Fig. 4 with LPS less its named parts.

        Returns
        -------
        DataFrame
            24 rows in the order of Fig. 4: ``stratum``, ``full_name``, ``events`` (responders),
            ``total`` (patients enrolled) and ``parent`` (``LPS`` for the four liposarcomas). The
            LPS row becomes ``LPS, unspecified``.
        """
        rows = self.subtypes.rename(columns={"subtype": "stratum"})
        rows["events"] = rows["complete_responses"] + rows["partial_responses"]
        counts = ["events", "total"]
        parts = rows.groupby("parent")[counts].sum().reindex(rows["stratum"], fill_value=0)
        rows[counts] -= parts.to_numpy()
        rest = rows["stratum"] == PARENT
        rows.loc[rest, ["stratum", "full_name", "parent"]] = [
            LPS_UNSPECIFIED,
            LPS_UNSPECIFIED_NAME,
            PARENT,
        ]
        return rows[["stratum", "full_name", *counts, "parent"]]

    def cells(self) -> pd.DataFrame:
        """Return the disjoint cells of subtype by treatment group.

        Returns
        -------
        DataFrame
            83 rows in the order of Fig. 4, then of the treatment groups: ``subtype`` (as in
            :meth:`strata`), ``treatment``, ``events`` (responders), ``total`` (patients
            enrolled). Cells without patients are left out. Most events were recovered, not
            printed: see ``data/README.md``.
        """
        key, counts = ["subtype", "treatment"], ["events", "total"]
        cells = self.subtype_treatment
        parent_of = self._tables["subtypes"].set_index("subtype")["parent"]
        parts = cells.assign(subtype=cells["subtype"].map(parent_of)).groupby(key)[counts].sum()
        cells[counts] -= parts.reindex(
            pd.MultiIndex.from_frame(cells[key]), fill_value=0
        ).to_numpy()
        cells["subtype"] = cells["subtype"].replace(PARENT, LPS_UNSPECIFIED)
        return cells.loc[cells["total"] > 0, key + counts].reset_index(drop=True)

    def select(self, selector: str) -> pd.DataFrame:
        """Return the rows that a published value summarises.

        Parameters
        ----------
        selector
            Text in the grammar of :mod:`models.evidence.selector`, as in the column ``selector`` of
            ``published_values``.

        Returns
        -------
        DataFrame
            The rows of :meth:`outcome` or of the named table that meet the conditions.

        Raises
        ------
        InputError
            If the selector is malformed, names an unknown column or leaves no rows.
        """
        parsed = selectors.parse(selector)
        return selectors.keep(self._source(parsed), parsed)

    def tally(self, selector: str) -> float:
        """Return the count, sum, share or the like that a selector asks for.

        Parameters
        ----------
        selector
            Text in the grammar of :mod:`models.evidence.selector` with a ``give`` clause other than
            ``between``.

        Returns
        -------
        float
            In the unit of the column; a percentage for ``share``.

        Raises
        ------
        InputError
            If the selector is malformed or asks for a pool or a test.
        """
        parsed = selectors.parse(selector)
        return selectors.tally(self._source(parsed), parsed)

    def _source(self, parsed: selectors.Selector) -> pd.DataFrame:
        if parsed.outcome is not None:
            return self.outcome(parsed.outcome)
        if parsed.table == "strata":
            return self.strata()
        if parsed.table == "cells":
            return self.cells()
        return self._tables[str(parsed.table)].copy()


def load_evidence(data_dir: Path = DATA_DIR) -> Evidence:
    """Read every table of a data folder, validate it, and check the tables against each other.

    Parameters
    ----------
    data_dir
        Folder with the CSV files.

    Returns
    -------
    Evidence

    Raises
    ------
    InputError
        At the first fault: one line that names file, line, column and value.
    """
    # Pandera takes about half a second to import, so only those who read data pay for it.
    from models.evidence.cross_checks import check_tables
    from models.evidence.schemas import SCHEMAS

    tables = {name: read_table(data_dir, name, schema) for name, schema in SCHEMAS.items()}
    check_tables(tables)
    values = tables["published_values"]
    for column, printed in _PRINTED.items():
        # The article's NA and its dot for a value that it does not give are no numbers.
        values[column] = pd.to_numeric(values[printed], errors="coerce").astype("float64")
    return Evidence(MappingProxyType(tables))


def paper_cells(evidence: Evidence) -> pd.DataFrame:
    """Return the paper's 83 disjoint cells with ``stratum``, ``treatment`` and ``parent``."""
    cells = evidence.cells().rename(columns={"subtype": "stratum"})
    parents = evidence.strata().set_index("stratum")["parent"]
    treatment = pd.Categorical(cells["treatment"], categories=list(TREATMENTS))
    return cells.assign(treatment=treatment, parent=cells["stratum"].map(parents))
