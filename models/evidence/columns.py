"""Builders of schema columns and checks, with messages that a reader of the data can act on.

``basis`` is always the provenance of a column as :mod:`models.evidence.schemas` defines it.
"""

from collections.abc import Callable, Sequence
from typing import Final

import pandas as pd
import pandera.pandas as pa

PRINTED_NUMBER: Final = r"\d+(\.\d+)?"
PRINTED_OR_MISSING: Final = rf"({PRINTED_NUMBER}|NA|\.)"


def one_of(values: Sequence[str]) -> pa.Check:
    """Build a check that each value is one of ``values``."""
    return pa.Check.isin(list(values), error="must be one of: " + ", ".join(values))


def pattern(regex: str, meaning: str) -> pa.Check:
    """Build a check that each value matches ``regex`` from end to end.

    Parameters
    ----------
    regex
        Regular expression.
    meaning
        What it describes, to complete the sentence "must be ...".

    Returns
    -------
    Check
    """
    return pa.Check.str_matches(rf"^({regex})$", error=f"must be {meaning}")


def text(basis: str, *checks: pa.Check, nullable: bool = False, unique: bool = False) -> pa.Column:
    """Build a column of text.

    Parameters
    ----------
    basis
        Provenance of the column.
    *checks
        Conditions on each value that is not missing.
    nullable
        Whether a cell may be empty, which means missing.
    unique
        Whether no value may stand twice.

    Returns
    -------
    Column
    """
    return pa.Column(str, list(checks), nullable=nullable, unique=unique, metadata={"basis": basis})


def count(basis: str, low: int = 0, high: int = 1_000_000, *, nullable: bool = False) -> pa.Column:
    """Build a column of whole numbers.

    Parameters
    ----------
    basis
        Provenance of the column.
    low, high
        Least and greatest value allowed.
    nullable
        Whether a cell may be empty; the column is then of the type Int64, else int64.

    Returns
    -------
    Column
    """
    check = pa.Check.in_range(low, high, error=f"must lie between {low} and {high}")
    dtype = "Int64" if nullable else "int64"
    return pa.Column(dtype, check, nullable=nullable, coerce=True, metadata={"basis": basis})


def number(basis: str, low: float, high: float, *, nullable: bool = False) -> pa.Column:
    """Build a column of real numbers, with the parameters of :func:`count`."""
    check = pa.Check.in_range(low, high, error=f"must lie between {low:g} and {high:g}")
    return pa.Column("float64", check, nullable=nullable, coerce=True, metadata={"basis": basis})


def digits(basis: str = "printed", *, nullable: bool = True, missing: bool = False) -> pa.Column:
    """Build a column of numbers kept as the text that is printed, with every trailing zero.

    Parameters
    ----------
    basis
        Provenance of the column.
    nullable
        Whether a cell may be empty: nothing is printed.
    missing
        Whether the article's own ``NA`` and ``.`` are allowed, for a value it does not give.

    Returns
    -------
    Column
    """
    regex = PRINTED_OR_MISSING if missing else PRINTED_NUMBER
    meaning = "a number as printed" + (", NA or a dot" if missing else "")
    return text(basis, pattern(regex, meaning), nullable=nullable)


def ordered(low: str, high: str) -> pa.Check:
    """Build a check that column ``low`` does not exceed column ``high``, reported at ``low``.

    Rows in which either is missing pass; printed digits are compared as numbers.
    """

    def holds(frame: pd.DataFrame) -> pd.Series:
        low_values, high_values = (pd.to_numeric(frame[c]) for c in (low, high))
        return (low_values <= high_values) | low_values.isna() | high_values.isna()

    return row_check(holds, low, f"must not exceed {high}")


def row_check(holds: Callable[[pd.DataFrame], pd.Series], column: str, message: str) -> pa.Check:
    """Build a check over whole rows.

    Parameters
    ----------
    holds
        From the table to one truth value a row.
    column
        Where a failure is reported.
    message
        What the value there must be.

    Returns
    -------
    Check
    """
    return pa.Check(holds, name=column, error=message)


def schema(
    columns: dict[str, pa.Column], unique: list[str], checks: list[pa.Check] | None = None
) -> pa.DataFrameSchema:
    """Build a schema that allows exactly these columns, in this order.

    Parameters
    ----------
    columns
        Columns by name.
    unique
        Columns that together form the key of a row.
    checks
        Conditions over several columns.

    Returns
    -------
    DataFrameSchema
    """
    return pa.DataFrameSchema(columns, checks=checks, unique=unique, strict=True, ordered=True)
