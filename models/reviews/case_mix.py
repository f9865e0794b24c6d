"""A review with the histology of its arms: what is known of the arm by subtype table, and its rest.

The parts of a case-mix review:

cells
    One row an arm and a subtype that it enrolled: patients, and the responders where a source
    states them.
arms
    One row an arm: treatment, responders, patients.
margins
    One row a treatment and a subtype whose responders are printed. Subtypes of a treatment group
    without such a row share one margin, ``REST``: what the arms' responders leave.

Patients are those of the cells; a patient without a subtype is in none.

A user's review is a folder with:

``arms.csv``
    ``arm`` (unique label), ``treatment``, ``responders``.
``composition.csv``
    ``arm``, ``subtype``, ``patients``: one row an arm and a subtype that it enrolled. Patients that
    could not be evaluated count, as non-responders.
``subtype_treatment.csv``, if there is any
    ``subtype``, ``treatment``, ``responders``: totals over the arms of a treatment. Subtypes may be
    left out; what the arms' responders leave is then theirs together.
``known.csv``, if there is any
    ``arm``, ``subtype``, ``responders``: cells that a trial report states.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from models.common.errors import InputError, one_line
from models.numerics.margins import InfeasibleTableError, IntArray, Lattice
from models.reviews.decoding import TableError, shown
from models.reviews.reader import Form, read_table

REST: Final = "(subtypes not listed)"
"""Label of the margin that the unlisted subtypes of a treatment group share."""
CELL, ARM, MARGIN = "cell", "arm", "margin"

ARMS, COMPOSITION = "arms.csv", "composition.csv"
TOTALS, KNOWN = "subtype_treatment.csv", "known.csv"
_FORMS: Final = {
    ARMS: Form(("arm", "treatment"), ("responders",), key=("arm",)),
    COMPOSITION: Form(("arm", "subtype"), ("patients",), positive="patients"),
    TOTALS: Form(("treatment", "subtype"), ("responders",)),
    KNOWN: Form(("arm", "subtype"), ("responders",)),
}
_MIX: Final = Form(("subtype",), ("patients",))


@dataclass(frozen=True, eq=False)
class CaseMixReview:
    """Counts of a review by arm and subtype.

    Parameters
    ----------
    cells
        ``arm``, ``treatment``, ``subtype``, ``total`` (patients, at least 1) and ``events``
        (responders, missing where not known). ``treatment`` and ``subtype`` are categorical.
    arms
        ``arm``, ``treatment``, ``events``, ``total``, in order.
    margins
        ``treatment``, ``subtype`` (or ``REST``), ``events``, ``total``.
    set_aside
        Sources not used, one row each: ``arm``, ``reason``.
    """

    cells: pd.DataFrame
    arms: pd.DataFrame
    margins: pd.DataFrame
    set_aside: pd.DataFrame

    @property
    def subtypes(self) -> list[str]:
        """Levels of the subtype, in order."""
        return [str(label) for label in self.cells["subtype"].cat.categories]

    @property
    def treatments(self) -> list[str]:
        """Treatment groups, in order."""
        return [str(label) for label in self.cells["treatment"].cat.categories]

    @cached_property
    def arm_codes(self) -> IntArray:
        """Position in ``arms`` of every cell's arm."""
        codes = pd.Index(self.arms["arm"]).get_indexer(pd.Index(self.cells["arm"]))
        return codes.astype(np.int64)

    @cached_property
    def margin_codes(self) -> IntArray:
        """Position in ``margins`` of every cell's margin."""
        keys = zip(self.margins["treatment"].astype(str), self.margins["subtype"], strict=True)
        place = {key: i for i, key in enumerate(keys)}
        codes = [
            place.get((str(t), str(s)), place.get((str(t), REST), -1))
            for t, s in zip(self.cells["treatment"], self.cells["subtype"], strict=True)
        ]
        return np.array(codes, dtype=np.int64)

    @property
    def total(self) -> IntArray:
        """Patients of every cell."""
        return self.cells["total"].to_numpy("int64")

    @property
    def known(self) -> NDArray[np.bool_]:
        """Whether a source states the responders of every cell."""
        return self.cells["events"].notna().to_numpy()

    @cached_property
    def lattice(self) -> Lattice:
        """The tables that agree with the margins and with the known cells."""
        events = self.cells["events"].fillna(-1).to_numpy("int64")
        return Lattice(
            row=self.arm_codes,
            column=self.margin_codes,
            lower=np.where(self.known, events, 0),
            upper=np.where(self.known, events, self.total),
            row_sum=self.arms["events"].to_numpy("int64"),
            column_sum=self.margins["events"].to_numpy("int64"),
        )

    def ledger(self) -> pd.DataFrame:
        """Return everything as one frame: ``part`` (cell, arm, margin) and the counts.

        Columns ``arm``, ``stratum`` (subtype), ``treatment``, ``events``, ``total``; the inverse
        of `from_ledger`.
        """
        parts = [
            self.cells.assign(part=CELL),
            self.arms.assign(part=ARM, subtype=""),
            self.margins.assign(part=MARGIN, arm=""),
        ]
        columns = ["part", "arm", "stratum", "treatment", "events", "total"]
        texts = {"subtype": str, "treatment": str, "events": "Int64"}
        joined = pd.concat([part.astype(texts) for part in parts], ignore_index=True)
        ledger = joined.rename(columns={"subtype": "stratum"})[columns]
        labels = dict.fromkeys(ledger["stratum"])
        strata = self.subtypes + [label for label in labels if label not in self.subtypes]
        ledger["stratum"] = pd.Categorical(ledger["stratum"], categories=strata)
        ledger["treatment"] = pd.Categorical(ledger["treatment"], categories=self.treatments)
        return ledger

    def with_cells(self, **columns: object) -> "CaseMixReview":
        """Return a review with other columns of the cells, margins kept."""
        return CaseMixReview(self.cells.assign(**columns), self.arms, self.margins, self.set_aside)


def from_ledger(ledger: pd.DataFrame) -> CaseMixReview:
    """Return the review of a ledger."""
    frame = ledger.rename(columns={"stratum": "subtype"})
    part = {name: frame[frame["part"] == name].drop(columns="part") for name in (CELL, ARM, MARGIN)}
    used = [s for s in frame["subtype"].cat.categories if (part[CELL]["subtype"] == s).any()]
    cells = part[CELL].reset_index(drop=True)
    cells["subtype"] = pd.Categorical(cells["subtype"].astype(str), categories=used)
    counts = {"events": "int64", "total": "int64"}
    arms = part[ARM].drop(columns="subtype").astype(counts).reset_index(drop=True)
    margins = part[MARGIN].drop(columns="arm").astype(counts).reset_index(drop=True)
    margins["subtype"] = margins["subtype"].astype(str)
    return CaseMixReview(cells, arms, margins, pd.DataFrame(columns=["arm", "reason"]))


def make_review(
    arms: pd.DataFrame,
    composition: pd.DataFrame,
    subtype_totals: pd.DataFrame,
    known: pd.DataFrame,
    *,
    treatments: list[str],
    subtypes: list[str],
    source: str = "the review",
    set_aside: pd.DataFrame | None = None,
) -> CaseMixReview:
    """Join what is known to a review and check that a table of responders exists.

    Parameters
    ----------
    arms
        ``arm``, ``treatment``, ``events``.
    composition
        ``arm``, ``subtype``, ``total``; unique pairs, at least one patient each.
    subtype_totals
        ``treatment``, ``subtype``, ``events``; may lack subtypes.
    known
        ``arm``, ``subtype``, ``events``: cells that a source states.
    treatments, subtypes
        Levels in order.
    source
        What the review is called in error messages.
    set_aside
        Sources not used and why.

    Raises
    ------
    InputError
        If responders exceed patients, if arm totals and subtype totals of a treatment disagree, or
        if no table has both.
    """
    composition = composition[["arm", "subtype", "total"]]
    cells = composition.merge(arms[["arm", "treatment"]], on="arm", how="left")
    cells = cells.merge(known[["arm", "subtype", "events"]], on=["arm", "subtype"], how="left")
    cells["events"] = cells["events"].astype("Int64")
    cells["treatment"] = pd.Categorical(cells["treatment"], categories=treatments)
    cells["subtype"] = pd.Categorical(cells["subtype"], categories=subtypes)
    place = {arm: i for i, arm in enumerate(arms["arm"])}
    order = cells.assign(place=cells["arm"].map(place)).sort_values(["place", "subtype"])
    cells = cells.loc[order.index].reset_index(drop=True)
    patients = cells.groupby("arm")["total"].sum()
    arms = arms.assign(
        total=arms["arm"].map(patients).fillna(0).astype("int64"),
        treatment=pd.Categorical(arms["treatment"], categories=treatments),
    )[["arm", "treatment", "events", "total"]]
    for row in arms.itertuples():
        if row.events > row.total:
            raise InputError(
                f"{source}, arm {row.arm!r}: {row.events} responders, but the composition has "
                f"{row.total} patients"
            )
    margins = _margins(cells, arms, subtype_totals, source)
    if set_aside is None:
        set_aside = pd.DataFrame(columns=["arm", "reason"])
    review = CaseMixReview(cells, arms, margins, set_aside)
    _check_tables(review, source)
    return review


def _margins(
    cells: pd.DataFrame, arms: pd.DataFrame, subtype_totals: pd.DataFrame, source: str
) -> pd.DataFrame:
    """Return one margin a listed subtype of a treatment group, and one for those not listed."""
    key = ["treatment", "subtype"]
    patients = cells.groupby(key, observed=True)["total"].sum().reset_index()
    patients[key] = patients[key].astype(str)
    listed = subtype_totals[[*key, "events"]].astype({"treatment": str, "subtype": str})
    merged = patients.merge(listed, on=key, how="outer")
    for row in merged[merged["total"].isna()].itertuples():
        raise InputError(
            f"{source}: {row.events:g} responders with {row.subtype!r} and {row.treatment!r}, but "
            "no arm enrolled such patients"
        )
    rows: list[dict[str, object]] = []
    for treatment in arms["treatment"].cat.categories:
        mine = merged[merged["treatment"] == treatment]
        named = mine[mine["events"].notna()]
        rest = mine[mine["events"].isna()]
        in_arms = int(arms.loc[arms["treatment"] == treatment, "events"].sum())
        left = in_arms - int(named["events"].sum())
        patients_left = int(rest["total"].sum())
        for row in named.itertuples():
            if row.events > row.total:
                raise InputError(
                    f"{source}: {row.events:g} responders with {row.subtype!r} and {treatment!r}, "
                    f"but the composition has {row.total:g} patients"
                )
        if left < 0 or left > patients_left:
            raise InputError(
                f"{source}, treatment {treatment!r}: the arms have {in_arms} responders, the "
                f"subtypes {in_arms - left}"
                + (f", and {patients_left} patients have other subtypes" if patients_left else "")
            )
        rows += [
            {"treatment": treatment, "subtype": r.subtype, "events": r.events, "total": r.total}
            for r in named.itertuples()
        ]
        if len(rest):
            # a single subtype that is not listed has its name: what is left is its own
            label = str(rest["subtype"].iloc[0]) if len(rest) == 1 else REST
            rows.append(
                {"treatment": treatment, "subtype": label, "events": left, "total": patients_left}
            )
    margins = pd.DataFrame(rows).astype({"events": "int64", "total": "int64"})
    order = {s: i for i, s in enumerate([*cells["subtype"].cat.categories, REST])}
    categories = list(arms["treatment"].cat.categories)
    margins["treatment"] = pd.Categorical(margins["treatment"], categories=categories)
    margins["place"] = margins["subtype"].map(order)
    margins = margins.sort_values(["treatment", "place"]).drop(columns="place")
    return margins.reset_index(drop=True)


def _check_tables(review: CaseMixReview, source: str) -> None:
    """Refuse a review that no table of responders agrees with; name the treatment."""
    lattice = review.lattice
    for row in review.cells[review.known].itertuples():
        if row.events > row.total:
            raise InputError(
                f"{source}: {row.events} responders stated for {row.subtype!r} in {row.arm!r}, "
                f"which enrolled {row.total}"
            )
    treatments = review.cells["treatment"].cat.codes.to_numpy()
    for code, label in enumerate(review.treatments):
        cells = np.flatnonzero(treatments == code)
        if cells.size == 0:
            raise InputError(f"{source}: no arm with treatment {label!r}")
        try:
            lattice.part(cells).extreme_table(np.zeros(cells.size))
        except InfeasibleTableError:
            raise InputError(
                f"{source}, treatment {label!r}: no table of responders by arm and subtype agrees "
                "with the arms' responders, the subtypes' responders and the cells stated"
            ) from None


def read_case_mix(folder: Path) -> CaseMixReview:
    """Read and check the folder of a review.

    Parameters
    ----------
    folder
        Its files are those above; a file's further columns are left out. Separators and encodings
        as `models.reviews.reader.read_counts` takes them.

    Returns
    -------
    CaseMixReview
        Treatments and subtypes in order of first appearance.

    Raises
    ------
    InputError
        Naming file, row, column and value; or, if the files disagree, the treatment.
    """
    if not folder.is_dir():
        raise InputError(one_line(f"{folder}: no such folder"))
    read = {name: _read(folder / name) for name in _FORMS}
    for name, column, other in (
        (COMPOSITION, "arm", ARMS),
        (ARMS, "arm", COMPOSITION),
        (TOTALS, "treatment", ARMS),
        (TOTALS, "subtype", COMPOSITION),
    ):
        known = read[name][column].isin(read[other][column])
        _require(folder / name, read[name], column, known, f"not in {other}")
    free = read[COMPOSITION]["subtype"] != REST
    _require(folder / COMPOSITION, read[COMPOSITION], "subtype", free, "a reserved label")
    stated, enrolled = (
        pd.MultiIndex.from_frame(read[name][["arm", "subtype"]]) for name in (KNOWN, COMPOSITION)
    )
    _require(folder / KNOWN, read[KNOWN], "subtype", stated.isin(enrolled), f"not in {COMPOSITION}")
    counts = {"responders": "events", "patients": "total"}
    return make_review(
        *(frame.rename(columns=counts).reset_index(drop=True) for frame in read.values()),
        treatments=list(dict.fromkeys(read[ARMS]["treatment"])),
        subtypes=list(dict.fromkeys(read[COMPOSITION]["subtype"])),
        source=str(folder),
    )


def _read(path: Path) -> pd.DataFrame:
    """Read a file of a review; one that need not be there may be absent."""
    form = _FORMS[path.name]
    columns = [*form.labels, *form.counts]
    if path.name in (TOTALS, KNOWN) and not path.exists():
        return pd.DataFrame(columns=columns)
    return read_table(path, form)[columns]


def _require(path: Path, frame: pd.DataFrame, column: str, fine: Any, fault: str) -> None:
    """Refuse the first row of a file that another file of the review contradicts."""
    for line, value in frame.loc[~np.asarray(fine, dtype=bool), column].items():
        text = f"{shown(value)} is {fault}"
        raise InputError(TableError(int(str(line)), column, text).sentence(str(path)))


def read_mix(path: Path, subtypes: Sequence[str]) -> pd.Series:
    """Read a patient mix: ``subtype``, ``patients``.

    Parameters
    ----------
    path
        CSV with one row a subtype; those left out have no patients.
    subtypes
        The subtypes of the review.

    Returns
    -------
    pandas.Series
        Shares by subtype, in the order of ``subtypes``; they sum to one.

    Raises
    ------
    InputError
        Naming file, row, column and value.
    """
    mix = read_table(path, _MIX)
    _require(path, mix, "subtype", mix["subtype"].isin(subtypes), "not in the review")
    patients = mix.set_index("subtype")["patients"].reindex(list(subtypes), fill_value=0)
    if patients.sum() == 0:
        raise InputError(TableError(None, "patients", "no patients at all").sentence(str(path)))
    shares: pd.Series = patients / patients.sum()
    return shares
