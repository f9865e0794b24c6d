"""Strata: disjoint kinds of patients (subtypes), some of them members of a family.

A frame of strata has one row a stratum with the columns ``stratum`` (unique labels), ``events``,
``total`` and, where there are families, ``parent``: the label of the stratum's family, missing for
a stratum in none. A parent is a label only. It has no counts of its own: what is known of a family
is the sum of its strata.
"""

from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from models.common.errors import InputError, one_line
from models.reviews.decoding import shown
from models.reviews.reader import Form, read_counts, read_table

type IntArray = NDArray[np.int64]

_PARENT = ("parent",)
_MISSING = ("nan", "none", "null", "<na>")
_CELLS = Form(("stratum", "treatment"), ("events", "total"), positive="total", optional=_PARENT)


def family_codes(strata: pd.DataFrame) -> tuple[IntArray, list[str]]:
    """Return the family number of every stratum and the labels of the families.

    Parameters
    ----------
    strata
        A frame of strata.

    Returns
    -------
    tuple
        Numbers, shape (k,), -1 for a stratum in no family; labels by first appearance.
    """
    if "parent" not in strata:
        return np.full(len(strata), -1, dtype=np.int64), []
    codes, labels = pd.factorize(strata["parent"])
    return codes.astype("int64"), [str(label) for label in labels]


def family_totals(strata: pd.DataFrame) -> pd.DataFrame:
    """Return the sums over each family.

    Returns
    -------
    pandas.DataFrame
        ``stratum`` (the family's label), ``events``, ``total``; empty without families.
    """
    codes, labels = family_codes(strata)
    sums = {
        name: [int(strata[name].to_numpy()[codes == i].sum()) for i in range(len(labels))]
        for name in ("events", "total")
    }
    return pd.DataFrame({"stratum": labels, **sums})


def strata_of_cells(cells: pd.DataFrame) -> pd.DataFrame:
    """Return the strata that cells sum to, in order of first appearance.

    Parameters
    ----------
    cells
        ``stratum``, ``treatment``, ``events``, ``total`` and, if there are families, ``parent``.

    Returns
    -------
    pandas.DataFrame
        A frame of strata.
    """
    how = {"events": "sum", "total": "sum"}
    if "parent" in cells:
        how["parent"] = "first"
    return cells.groupby("stratum", sort=False).agg(how).reset_index()


def read_strata(path: Path) -> pd.DataFrame:
    """Read a user's strata: ``stratum``, ``events``, ``total`` and, optionally, ``parent``.

    Parameters
    ----------
    path
        CSV, as `models.reviews.reader.read_counts` takes it.

    Returns
    -------
    pandas.DataFrame
        A frame of strata in file order; a blank parent is missing.

    Raises
    ------
    InputError
        As `models.reviews.reader.read_counts`, and if a parent is at the same time a stratum: its
        patients would be counted twice if they include those of its members.
    """
    strata = read_counts(path, "stratum", optional=_PARENT)
    return _with_parent(strata, ["stratum", "events", "total"], path)


def read_cells(path: Path) -> pd.DataFrame:
    """Read a user's cells: ``stratum``, ``treatment``, ``events``, ``total``, maybe ``parent``.

    Parameters
    ----------
    path
        CSV with one row a combination of stratum and treatment that has patients.

    Returns
    -------
    pandas.DataFrame
        The cells in file order.

    Raises
    ------
    InputError
        Naming file, row, column and value: a blank label, a combination that stands twice, counts
        that cannot be, a stratum with two parents or one that is itself a stratum.
    """
    cells = read_table(path, _CELLS).reset_index(drop=True)
    cells = _with_parent(cells, [*_CELLS.labels, *_CELLS.counts], path)
    parents = cells.groupby("stratum")["parent"].nunique(dropna=False)
    if (parents > 1).any():
        stratum = shown(parents.index[parents > 1][0])
        text = "not the same in all its rows"
        raise InputError(one_line(f"{path}, stratum {stratum}, column 'parent': {text}"))
    return cells


def _with_parent(frame: pd.DataFrame, required: list[str], path: Path) -> pd.DataFrame:
    """Return the columns needed and ``parent`` (missing where blank), checked."""
    if "parent" not in frame:
        return frame[required].assign(parent=None)
    frame = frame[[*required, "parent"]]
    frame["parent"] = frame["parent"].where(frame["parent"] != "", None)
    unclear = frame["parent"].str.casefold().isin(_MISSING)
    if unclear.any():
        row = frame[unclear].iloc[0]
        raise InputError(
            f"{path}, stratum {row['stratum']!r}, column 'parent': {row['parent']!r} is how "
            "programs write a missing name; leave it blank if there is no parent, else write it out"
        )
    both = frame["parent"].isin(frame["stratum"])
    if both.any():
        stratum, parent = frame.loc[both, ["stratum", "parent"]].iloc[0]
        raise InputError(
            one_line(
                f"{path}, stratum {shown(stratum)}, column 'parent': {shown(parent)} is itself a "
                "stratum, but strata must be disjoint; name its patients outside the members "
                "otherwise (such as 'X, unspecified'), with this parent"
            )
        )
    return frame


def cell_table(cells: pd.DataFrame, column: str) -> pd.DataFrame:
    """Spread a column of counts over all combinations, zero where there are no patients.

    Parameters
    ----------
    cells
        ``stratum``, ``treatment`` and the column. Treatments keep their categories' order, or that
        of first appearance.

    Returns
    -------
    pandas.DataFrame
        Index ``stratum`` in order of first appearance, columns the treatments.
    """
    treatment = cells["treatment"]
    order = (
        list(treatment.cat.categories)
        if isinstance(treatment.dtype, pd.CategoricalDtype)
        else list(dict.fromkeys(treatment))
    )
    wide = cells.pivot_table(
        index="stratum", columns="treatment", values=column, aggfunc="sum", observed=False
    )
    strata = list(dict.fromkeys(cells["stratum"]))
    return wide.reindex(index=strata, columns=order).fillna(0).astype("int64")
