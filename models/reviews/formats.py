"""Tables in whatever form they come: CSV of several encodings, Excel, Stata; as rows of text.

What was not as expected but could be read is said in a note, one sentence each.
"""

import codecs
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any, Final

from models.common.errors import InputError, one_line
from models.common.files import check_input
from models.reviews.decoding import LARGEST_FILE, TableError, csv_rows, shown

EXCEL: Final = (".xlsx", ".xlsm")
STATA: Final = ".dta"
_CHUNK: Final = 1 << 20
_SINGLE: Final = "cp1252"
"""Windows' superset of Latin-1."""


def table_rows(
    path: Path, notes: list[str], sheet: str | None = None
) -> Iterator[tuple[int, list[str]]]:
    """Yield the rows of a user's table with their line numbers, the header first.

    Parameters
    ----------
    path
        CSV (UTF-8 with or without a byte-order mark, UTF-16 with one, else Windows-1252), an Excel
        workbook (.xlsx) or a Stata data set (.dta).
    notes
        Takes what a user should know of the reading.
    sheet
        Sheet of a workbook; by default the first.

    Raises
    ------
    InputError
        If there is no such file or sheet, or a sheet is named of what is no workbook.
    TableError
        If the file is too large or is not what its name or its bytes say.
    """
    check_input(path)
    kind = path.suffix.lower()
    if sheet is not None and kind not in EXCEL:
        raise InputError(one_line(f"--sheet {sheet}: {path} is no Excel workbook (.xlsx)"))
    if kind in EXCEL or kind == STATA:
        if path.stat().st_size > LARGEST_FILE:
            limit = LARGEST_FILE // 10**6
            raise TableError(None, None, f"the file is too large; at most {limit} MB are read")
        return _excel(path, sheet, notes) if kind in EXCEL else _stata(path)
    return csv_rows(path, encoding=_encoding(path, notes))


def _encoding(path: Path, notes: list[str]) -> str:
    """Return the encoding of a text file."""
    if path.stat().st_size > LARGEST_FILE:
        return "utf-8-sig"  # refused for its size
    try:
        with path.open("rb") as file:
            first = file.read(_CHUNK)
            if first.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
                notes.append("read as UTF-16 text")
                return "utf-16"
            if first.startswith(b"PK\x03\x04"):
                raise TableError(None, None, "is an Excel workbook; its name must end in .xlsx")
            if first.startswith(b"\xd0\xcf\x11\xe0"):
                raise TableError(
                    None, None, "is a workbook of an old Excel; save it as .xlsx or CSV UTF-8"
                )
            if b"\0" in first:
                return "utf-8-sig"  # no text: refused where the byte stands
            decoder = codecs.getincrementaldecoder("utf-8")()
            while first:
                decoder.decode(first)
                first = file.read(_CHUNK)
            decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        notes.append("not UTF-8 text; read as Latin-1 (Windows-1252): check accents in the labels")
        return _SINGLE
    except OSError as error:
        raise TableError(None, None, f"cannot be read ({error.strerror})") from None
    return "utf-8-sig"


def _excel(path: Path, sheet: str | None, notes: list[str]) -> Iterator[tuple[int, list[str]]]:
    """Yield the rows of a sheet; cells of a formula have the value that was saved."""
    from openpyxl import load_workbook

    try:
        with path.open("rb") as file:
            book = load_workbook(file, read_only=True, data_only=True)
            names = list(book.sheetnames)
            chosen = names[0] if sheet is None else sheet
            if chosen not in names:
                raise InputError(
                    one_line(f"--sheet {sheet}: {path} has {', '.join(map(shown, names[:12]))}")
                )
            if sheet is None and len(names) > 1:
                notes.append(f"sheet {shown(chosen)}, the first of {len(names)} (--sheet)")
            rows = [list(map(_text, row)) for row in book[chosen].iter_rows(values_only=True)]
    except InputError:
        raise
    except Exception as error:
        # a damaged workbook may raise anything
        text = str(error) or type(error).__name__
        raise TableError(None, None, f"is not a readable Excel workbook ({text})") from None
    return _rectangle(rows)


def _rectangle(rows: list[list[str]]) -> Iterator[tuple[int, list[str]]]:
    """Yield rows cut to the width that is used; a sheet may have cells that were once filled."""
    width = max((i + 1 for row in rows for i, cell in enumerate(row) if cell.strip()), default=0)
    for line, row in enumerate(rows, 1):
        yield line, [*islice(row, width), *[""] * (width - len(row))]


def _stata(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield the rows of a Stata data set, value labels in place of codes."""
    import pandas as pd

    try:
        frame = pd.read_stata(path)
    except Exception as error:
        text = str(error) or type(error).__name__
        raise TableError(None, None, f"is not a readable Stata data set ({text})") from None
    rows = [list(map(str, frame.columns)), *(map(_text, row) for row in frame.to_numpy(object))]
    return ((line, list(row)) for line, row in enumerate(rows, 1))


def _text(value: Any) -> str:
    """Return a cell as a user would write it in a CSV file."""
    if value is None or value != value:
        return ""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return str(value)
