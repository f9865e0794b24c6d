"""Tables of counts as users bring them: one reader of CSV, one check of counts, one wording.

A user's review is a CSV with the columns ``study``, ``events``, ``total``; tables of strata, of
cells, of arms and of a patient mix are read here, too, each by its `Form`. Counts in Parquet
(`models.reviews.batches`) pass the same check.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from models.common.errors import InputError
from models.reviews.decoding import TableError, shown
from models.reviews.formats import table_rows
from models.reviews.names import Named, take_names

if TYPE_CHECKING:
    import pandas as pd

REQUIRED: Final = ("study", "events", "total")
MOST_COLUMNS: Final = 10_000
MOST_ROWS: Final = 1_000_000
LARGEST_COUNT: Final = 10**9
"""Patients in one count at most: no trial has more, and a float holds it exactly."""
_INTEGER: Final = re.compile(r"([+-]?)([0-9]+)(\.0*)?", re.ASCII)
_DECIMAL: Final = re.compile(r"[-+]?\d+(?:,\d+)?", re.ASCII)
_LISTED: Final = 12
"""Names that a message lists."""


@dataclass(frozen=True)
class Form:
    """What a table of counts must have; the names are matched in any case.

    Attributes
    ----------
    labels
        Columns of text without a blank cell.
    counts
        Columns of whole numbers of patients; of two the first counts some of the second.
    key
        Labels that together stand once; by default all.
    positive
        Count that may not be 0.
    optional
        Columns that need not be there.
    blanks
        Whether a count may be blank: it is not known, and None.
    """

    labels: tuple[str, ...]
    counts: tuple[str, ...]
    key: tuple[str, ...] = ()
    positive: str | None = None
    optional: tuple[str, ...] = ()
    blanks: bool = False


AS_IT_STANDS: Final = Named()
STUDIES: Final = Form(("study",), ("events", "total"), positive="total")


def _columns(
    path: Path, form: Form, named: Named, notes: list[str]
) -> tuple[list[str], list[int], list[list[str]]]:
    """Return header, line numbers and columns of stripped cells; blank rows are left out."""
    table = table_rows(path, notes, named.sheet)
    rows = ((line, row) for line, row in table if any(cell.strip() for cell in row))
    first = next(rows, None)
    if first is None:
        raise TableError(None, None, "the file is empty: no cell is filled")
    top, header = first
    header, year = _header(top, [name.strip() for name in header], form, named, notes)
    lines: list[int] = []
    columns: list[list[str]] = [[] for _ in header]
    for line, row in rows:
        if len(row) != len(header):
            raise TableError(
                line, None, f"{len(row)} cells where the header has {len(header)} columns"
            )
        if len(lines) == MOST_ROWS:
            raise TableError(line, None, f"more than {MOST_ROWS} rows; at most so many are read")
        lines.append(line)
        for column, cell in zip(columns, row, strict=True):
            column.append(cell.strip())
    if not lines:
        raise TableError(None, None, "there is a header but no row below it")
    if year is not None:
        place = header.index("study")
        # the author is kept: several arms may be one author's
        header, columns = [*header, first[1][place].strip()], [*columns, list(columns[place])]
        pairs = zip(columns[place], columns[year], strict=True)
        columns[place] = [" ".join(filter(None, pair)) if pair[0] else "" for pair in pairs]
    return header, lines, columns


def _header(
    top: int, header: list[str], form: Form, named: Named, notes: list[str]
) -> tuple[list[str], int | None]:
    """Return a header with the names used here, checked, and a year that labels are to end in."""
    if len(header) > MOST_COLUMNS:
        raise TableError(top, None, f"{len(header)} columns; at most {MOST_COLUMNS} are read")
    required = (*form.labels, *form.counts)
    year = None
    if form == STUDIES:
        header, year = take_names(header, required, named, notes)
    known = {*required, *form.optional}
    header = [name.lower() if name.lower() in known else name for name in header]
    for name in required:
        if name not in header:
            more = f" and {len(header) - _LISTED} more" if len(header) > _LISTED else ""
            found = ", ".join(map(shown, header[:_LISTED]))
            raise TableError(top, None, f"no column {name!r}; the header has {found}{more}")
    seen: set[str] = set()
    for name in header:
        if name in seen:
            raise TableError(top, None, f"column {shown(name)} stands there twice")
        seen.add(name)
    return header, year


def count_of_text(text: str) -> int:
    """Return a cell of text as a whole number of patients.

    Raises
    ------
    ValueError
        Saying what the cell is.
    """
    if not text:
        raise ValueError("the cell is blank; a count is needed")
    found = _INTEGER.fullmatch(text)
    if found is None:
        try:
            float(text)
        except ValueError:
            raise ValueError(f"{shown(text)} is not a number") from None
        raise ValueError(f"{shown(text)} is not a whole number written in digits")
    sign, digits = found[1], found[2].lstrip("0") or "0"
    if sign == "-" and digits != "0":
        raise ValueError(f"{shown(text)} is negative")
    if len(digits) > len(str(LARGEST_COUNT)) or int(digits) > LARGEST_COUNT:
        raise ValueError(f"{shown(text)} is too large for a number of patients")
    return int(digits)


def label_of_text(text: str) -> str:
    """Return a label; a blank cell raises ValueError."""
    if not text:
        raise ValueError("the cell is blank")
    return text


def check_rows(
    form: Form,
    rows: Iterable[int],
    labels: Iterable[Sequence[Any]],
    counts: Iterable[Sequence[Any]],
    *,
    label: Callable[[Any], str] = label_of_text,
    count: Callable[[Any], int] = count_of_text,
) -> list[list[Any]]:
    """Check a table of counts row by row, whatever it was read from.

    Parameters
    ----------
    form
        What the table must have.
    rows
        Number of every row, for messages.
    labels, counts
        Cells of the columns ``form.labels`` and ``form.counts``, a sequence a row.
    label, count
        Make a cell a label or a count; they raise ValueError saying what it is instead.

    Returns
    -------
    list of list of int
        The columns of counts, None where one is blank and may be.

    Raises
    ------
    TableError
        At the first cell that cannot be.
    """
    columns: list[list[Any]] = [[] for _ in form.counts]
    key = form.key or form.labels
    places = [form.labels.index(name) for name in key]
    seen: dict[tuple[str, ...], int] = {}
    for row, cells, numbers in zip(rows, labels, counts, strict=True):
        texts = [_cell(row, *item, label) for item in zip(form.labels, cells, strict=True)]
        whole = tuple(texts[place] for place in places)
        if whole in seen:
            words = " x ".join(map(shown, whole))
            advice = "; make it unique (for example by adding the drug)" if len(whole) == 1 else ""
            raise TableError(row, key[-1], f"{words} stands already in row {seen[whole]}{advice}")
        seen[whole] = row
        values: list[Any] = [
            None if form.blanks and number == "" else _cell(row, name, number, count)
            for name, number in zip(form.counts, numbers, strict=True)
        ]
        for column, number in zip(columns, values, strict=True):
            column.append(number)
        if form.positive is not None and values[form.counts.index(form.positive)] == 0:
            raise TableError(row, form.positive, "0 patients; leave the row out")
        if len(values) == 2 and values[0] > values[1]:
            of = form.counts[1]
            raise TableError(
                row, form.counts[0], f"{values[0]} is more than the {of} of {values[1]}"
            )
    return columns


def _cell[T](row: int, column: str, value: Any, read: Callable[[Any], T]) -> T:
    try:
        return read(value)
    except ValueError as error:
        raise TableError(row, column, str(error)) from None


def read_table(
    path: Path, form: Form, named: Named = AS_IT_STANDS, notes: list[str] | None = None
) -> "pd.DataFrame":
    """Read and check a table of counts.

    Parameters
    ----------
    path
        CSV, Excel or Stata, as `models.reviews.formats.table_rows` takes it.
    form
        What it must have.
    named
        Columns and sheet that the user named.
    notes
        Takes what a user should know of the reading.

    Returns
    -------
    pandas.DataFrame
        All columns in file order, ``form.counts`` as integers and the others as text; the index
        is the line of the file.

    Raises
    ------
    InputError
        Naming file, row (line of the file), column and value.
    """
    try:
        header, lines, cells = _columns(path, form, named, [] if notes is None else notes)
        table: dict[str, list[Any]] = dict(zip(header, cells, strict=True))
        labels, counts = (
            zip(*(table[name] for name in names), strict=True)
            for names in (form.labels, form.counts)
        )
        table |= dict(zip(form.counts, check_rows(form, lines, labels, counts), strict=True))
    except TableError as fault:
        raise InputError(fault.sentence(str(path))) from None
    import pandas as pd

    return pd.DataFrame(table, index=lines)


def read_counts(path: Path, unit: str = "study", optional: tuple[str, ...] = ()) -> "pd.DataFrame":
    """Read and check events and totals.

    Parameters
    ----------
    path
        CSV, separated by commas, or by semicolons or tabs where the header shows them; Excel or
        Stata. Blank rows are skipped. At most 200 MB, 10,000 columns and 1,000,000 rows.
    unit
        Name of the column that labels the rows.
    optional
        Further columns whose names are matched in any case.

    Returns
    -------
    pandas.DataFrame
        Columns ``unit`` (unique text), ``events`` and ``total`` (integers,
        ``0 <= events <= total``, ``total >= 1``) and every further column as text, in file order.

    Raises
    ------
    InputError
        Naming file, row (line of the file), column and value.
    """
    required = [unit, *STUDIES.counts]
    form = Form((unit,), STUDIES.counts, positive=STUDIES.positive, optional=optional)
    frame = read_table(path, form)
    rest = [name for name in frame if name not in required]
    return frame[[*required, *rest]].reset_index(drop=True)


@dataclass(frozen=True)
class Studies:
    """A review as it was read.

    Attributes
    ----------
    frame
        As `read_counts` returns it.
    notes
        What a user should know of the reading, a sentence each.
    """

    frame: "pd.DataFrame"
    notes: list[str] = field(default_factory=list)


def read_studies(path: Path, named: Named = AS_IT_STANDS) -> Studies:
    """Read a user's review, under the names that other programs give its columns, too.

    Parameters
    ----------
    path
        CSV (comma, semicolon, tab; UTF-8, UTF-16, Latin-1), Excel (.xlsx) or Stata (.dta). Decimal
        commas are read as points in columns of numbers, unless the comma separates cells.
    named
        Columns and sheet that the user named.

    Raises
    ------
    InputError
        Naming file, row (line of the file), column and value.
    """
    notes: list[str] = []
    frame = read_table(path, STUDIES, named, notes)
    rest = [name for name in frame if name not in REQUIRED]
    frame = frame[[*REQUIRED, *rest]].reset_index(drop=True)
    commas = {name: points for name in rest if (points := _decimal_points(frame[name].tolist()))}
    return Studies(frame.assign(**commas), notes)


def _decimal_points(cells: list[str]) -> list[str]:
    """Return a column of numbers with points if it has decimal commas, else an empty list."""
    filled = [cell for cell in cells if cell]
    if not any("," in cell for cell in filled) or not all(map(_DECIMAL.fullmatch, filled)):
        return []
    return [cell.replace(",", ".") for cell in cells]


def read_review(path: Path) -> "pd.DataFrame":
    """Read a user's review: ``study``, ``events``, ``total`` and any further columns.

    See ``read_studies`` for what is accepted and raised; what it notes is left out.
    """
    return read_studies(path).frame
