"""Reading one table: CSV file to validated frame, and every fault to one line of plain words."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pandas as pd

from models.common.errors import InputError
from models.reviews.decoding import TableError, csv_rows

if TYPE_CHECKING:
    import pandera.pandas as pa

HEADER_LINES: Final = 1


def fault(table: str, row: int, column: str, value: object, message: str) -> InputError:
    """Build the error for one cell.

    Parameters
    ----------
    table
        Name of the table, that is of the file without ``.csv``.
    row
        Position of the row in the frame, from 0; the message gives the line of the file.
    column, value
        The cell's column and what stands in it; a missing value is shown as empty.
    message
        What the value must be.

    Returns
    -------
    InputError
        With a message such as ``outcomes.csv, line 7, column events, value '43': must not exceed
        total``.
    """
    shown = "" if pd.isna(value) else str(value)  # type: ignore[call-overload]
    line = row + HEADER_LINES + 1
    return InputError(f"{table}.csv, line {line}, column {column}, value '{shown}': {message}")


def read_table(directory: Path, table: str, schema: "pa.DataFrameSchema") -> pd.DataFrame:
    """Read and validate one table.

    Parameters
    ----------
    directory
        Where ``<table>.csv`` lies.
    table
        Name of the table.
    schema
        Its schema; the columns must stand in the schema's order.

    Returns
    -------
    DataFrame
        With the types of the schema and an index that counts the rows from 0 in file order.

    Raises
    ------
    InputError
        If the file is absent or not UTF-8, its header or a row has the wrong cells, or a value
        breaks the schema. The message names the file, line, column and value.
    """
    columns = list(schema.columns)
    rows = _read_cells(directory / f"{table}.csv", columns)
    raw = pd.DataFrame(rows, columns=columns, dtype="str")
    return _validate(raw, table, schema)


def _read_cells(path: Path, columns: list[str]) -> list[list[str | None]]:
    if not path.exists():
        raise InputError(f"{path.name}: file not found in {path.parent}")
    try:
        return list(_cells(path, columns))
    except TableError as error:
        line = "" if error.row is None else f", line {error.row}"
        raise InputError(f"{path.name}{line}: {error.text}") from None


def _cells(path: Path, columns: list[str]) -> Iterator[list[str | None]]:
    """Yield the rows below a header that must be ``columns``; an empty cell is None."""
    rows = csv_rows(path, ",")
    _, header = next(rows, (1, []))
    for position in range(max(len(columns), len(header))):
        found = header[position] if position < len(header) else ""
        wanted = columns[position] if position < len(columns) else None
        if found != wanted:
            must = "no such column" if wanted is None else f"must be {wanted}"
            where = f"{path.name}, line 1, column {position + 1}"
            raise InputError(f"{where}, value '{found}': {must}")
    for number, (line, row) in enumerate(rows, HEADER_LINES + 1):
        if len(row) != len(columns):
            last = row[-1] if row else ""
            wide = f"has {len(row)} cells instead of {len(columns)}, the last is '{last}'"
            raise TableError(line, None, wide)
        # Cells with line breaks would make every later line number wrong.
        if line != number:
            raise TableError(line, None, "a cell contains a line break")
        yield [cell or None for cell in row]


def _validate(raw: pd.DataFrame, table: str, schema: "pa.DataFrameSchema") -> pd.DataFrame:
    from pandera.errors import SchemaErrors

    try:
        return schema.validate(raw, lazy=True)
    except SchemaErrors as errors:
        faults = [_locate(error, raw) for error in errors.schema_errors]
        _, row, column, message = min(faults, key=lambda found: found[:2])
        raise fault(table, row, column, raw[column].iloc[row], message) from None


_RANKS: Final = {
    "DATATYPE_COERCION": 0,
    "SERIES_CONTAINS_NULLS": 1,
    "DATAFRAME_CHECK": 2,
    "SERIES_CONTAINS_DUPLICATES": 3,
    "DUPLICATES": 3,
}
"""Pandera's reasons, the more basic first. A value of the wrong type has others in its train."""


def _locate(error: Any, raw: pd.DataFrame) -> tuple[int, int, str, str]:
    """Return rank, row, column and message of one pandera error."""
    reason, cases, column = error.reason_code.name, error.failure_cases, error.schema.name
    if reason not in _RANKS or not isinstance(cases, pd.DataFrame):
        return len(_RANKS), 0, column or raw.columns[0], " ".join(str(error).split())
    rank, row = _RANKS[reason], int(cases["index"].min())
    if reason == "DUPLICATES":
        # Of the lines that share a key, the later is the one too many.
        key = error.schema.unique
        row = int(cases["index"].max())
        return rank, row, key[-1], f"repeats the key ({', '.join(key)}) of an earlier line"
    if reason == "SERIES_CONTAINS_DUPLICATES":
        return rank, int(cases["index"].max()), column, "stands in an earlier line too"
    if column is None:
        # Checks over whole rows carry the column to report as their name.
        column = error.check.name
    if pd.isna(raw[column].iloc[row]):
        return rank, row, column, "must not be empty"
    if reason == "DATATYPE_COERCION":
        kind = "a number" if "float" in str(error.check) else "a whole number"
        return rank, row, column, f"must be {kind}"
    return rank, row, column, error.check.error
