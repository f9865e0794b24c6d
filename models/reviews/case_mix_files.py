"""A user's own review by arm and histology, and a patient mix, from CSV files.

The folder of a review holds:

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
from pathlib import Path

import pandas as pd

from models.common.errors import InputError
from models.reviews.case_mix import REST, CaseMixReview, make_review
from models.reviews.reader import read_count, read_rows

ARMS, COMPOSITION = "arms.csv", "composition.csv"
SUBTYPE_TOTALS, KNOWN = "subtype_treatment.csv", "known.csv"


def read_case_mix(folder: Path) -> CaseMixReview:
    """Read and check the folder of a review.

    Parameters
    ----------
    folder
        As the module describes; separators and encodings as `models.reviews.reader.read_counts`
        takes them.

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
        raise InputError(f"{folder}: no such folder")
    arms = _read(folder / ARMS, ("arm", "treatment"), "responders", unique=("arm",))
    composition = _read(folder / COMPOSITION, ("arm", "subtype"), "patients", positive=True)
    _check_labels(folder / COMPOSITION, composition, "arm", set(arms["arm"]), ARMS)
    missing = arms.loc[~arms["arm"].isin(composition["arm"])]
    for row in missing.itertuples():
        raise InputError(
            f"{folder / ARMS}, row {row.line}, column 'arm': {row.arm!r} has no row in "
            f"{COMPOSITION}"
        )
    subtypes = list(dict.fromkeys(composition["subtype"]))
    if REST in subtypes:
        line = composition.loc[composition["subtype"] == REST, "line"].iloc[0]
        raise InputError(
            f"{folder / COMPOSITION}, row {line}, column 'subtype': {REST!r} is a reserved label"
        )
    treatments = list(dict.fromkeys(arms["treatment"]))
    totals = _optional(folder / SUBTYPE_TOTALS, ("treatment", "subtype"))
    _check_labels(folder / SUBTYPE_TOTALS, totals, "treatment", set(treatments), ARMS)
    _check_labels(folder / SUBTYPE_TOTALS, totals, "subtype", set(subtypes), COMPOSITION)
    known = _optional(folder / KNOWN, ("arm", "subtype"))
    enrolled = set(zip(composition["arm"], composition["subtype"], strict=True))
    for row in known.itertuples():
        if (row.arm, row.subtype) not in enrolled:
            raise InputError(
                f"{folder / KNOWN}, row {row.line}, column 'subtype': {row.subtype!r} in "
                f"{row.arm!r} has no row in {COMPOSITION}"
            )
    return make_review(
        arms.rename(columns={"responders": "events"}),
        composition.rename(columns={"patients": "total"}),
        totals.rename(columns={"responders": "events"}),
        known.rename(columns={"responders": "events"}),
        treatments=treatments,
        subtypes=subtypes,
        source=str(folder),
    )


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
    mix = _read(path, ("subtype",), "patients")
    _check_labels(path, mix, "subtype", set(subtypes), "the review")
    patients = mix.set_index("subtype")["patients"].reindex(list(subtypes), fill_value=0)
    if patients.sum() == 0:
        raise InputError(f"{path}, column 'patients': no patients at all")
    shares: pd.Series = patients / patients.sum()
    return shares


def _read(
    path: Path,
    labels: tuple[str, ...],
    count: str,
    *,
    unique: tuple[str, ...] | None = None,
    positive: bool = False,
) -> pd.DataFrame:
    """Read labels and a count; the labels named in ``unique`` (all of them) stand once."""
    header, rows = read_rows(path, (*labels, count))
    key = unique or labels
    seen: dict[tuple[str, ...], int] = {}
    records = []
    for line, row in rows:
        values = dict(zip(header, row, strict=True))
        for name in labels:
            if not values[name]:
                raise InputError(f"{path}, row {line}, column {name!r}: the cell is blank")
        number = read_count(path, line, count, values[count])
        if positive and number == 0:
            raise InputError(f"{path}, row {line}, column {count!r}: 0 patients; leave the row out")
        label = tuple(values[name] for name in key)
        if label in seen:
            raise InputError(
                f"{path}, row {line}, column {key[-1]!r}: {' x '.join(map(repr, label))} stands "
                f"already in row {seen[label]}"
            )
        seen[label] = line
        records.append({name: values[name] for name in labels} | {count: number, "line": line})
    return pd.DataFrame(records)


def _optional(path: Path, labels: tuple[str, ...]) -> pd.DataFrame:
    """Read a file that need not be there."""
    if not path.exists():
        return pd.DataFrame(columns=[*labels, "responders", "line"])
    return _read(path, labels, "responders")


def _check_labels(
    path: Path, frame: pd.DataFrame, column: str, allowed: set[str], where: str
) -> None:
    """Refuse a label that another file does not have."""
    for row in frame[~frame[column].isin(allowed)].to_dict("records"):
        raise InputError(
            f"{path}, row {row['line']}, column {column!r}: {row[column]!r} is not in {where}"
        )
