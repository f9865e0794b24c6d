"""CSV files as text: rows with their line numbers, and every fault in words that name its place."""

import csv
import reprlib
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import Final

from models.common.errors import one_line
from models.common.files import check_input

LARGEST_FILE: Final = 200_000_000
"""Bytes of a file that is read; what is larger is no table of counts."""
_NO_TEXT: Final = "not a text file (it holds NUL bytes); save it as CSV UTF-8"
_shorten = reprlib.Repr(maxstring=60, maxother=60, maxlong=60)


def shown(value: object) -> str:
    """Return what stands in a cell for a message: in quotes, escaped, at most 60 characters."""
    return _shorten.repr(value)


class TableError(Exception):
    """A fault of a table before it is known how the table is called.

    Attributes
    ----------
    row
        Line of the file, or number of the row; None if it is the file's.
    column
        Name of the column, or its number in a file without a header; None if it is the row's.
    text
        What is wrong.
    """

    def __init__(self, row: int | None, column: str | int | None, text: str) -> None:
        self.row, self.column, self.text = row, column, text

    def sentence(self, source: str) -> str:
        """Return the message: ``source, row 3, column 'total': the cell is blank``."""
        row = "" if self.row is None else f", row {self.row}"
        column = "" if self.column is None else f", column {shown(self.column)}"
        return one_line(f"{source}{row}{column}: {self.text}")


def csv_rows(
    path: Path, delimiter: str | None = None, encoding: str = "utf-8-sig"
) -> Iterator[tuple[int, list[str]]]:
    """Yield the rows of a CSV file with their line numbers, as they stand.

    Parameters
    ----------
    path
        CSV; read as it is needed, never as a whole.
    delimiter
        Sign between cells; by default that of ``;``, tab and ``,`` which the first line shows most.
    encoding
        By default UTF-8, with or without a byte-order mark.

    Raises
    ------
    InputError
        If there is no such file, or it is no regular file.
    TableError
        If it is too large, no text, not of that encoding or not valid CSV.
    """
    check_input(path)
    size = path.stat().st_size
    if size > LARGEST_FILE:
        limit = LARGEST_FILE // 10**6
        raise TableError(
            None, None, f"the file has {size / 1e6:.0f} MB; at most {limit} MB are read"
        )
    reader = None
    try:
        with path.open(encoding=encoding, newline="") as file:
            lines = _text_lines(file)
            if delimiter is None:
                first: list[str] = []
                for line in lines:
                    first.append(line)
                    if line.strip():
                        break
                delimiter = _delimiter(first[-1] if first else "")
                lines = chain(first, lines)
            reader = csv.reader(lines, delimiter=delimiter, strict=True)
            for row in reader:
                yield reader.line_num, row
    except UnicodeError:
        if encoding != "utf-8-sig":
            raise TableError(None, None, f"not {encoding} text; save it as CSV UTF-8") from None
        raise _not_utf8(path) from None
    except csv.Error as error:
        line_num = None if reader is None else reader.line_num
        raise TableError(line_num, None, f"{error} (not valid CSV)") from None
    except OSError as error:
        raise TableError(None, None, f"cannot be read ({error.strerror})") from None


def _text_lines(file: Iterable[str]) -> Iterator[str]:
    for number, line in enumerate(file, 1):
        if "\0" in line:
            raise TableError(number, None, _NO_TEXT)
        yield line


def _delimiter(line: str) -> str:
    # a semicolon only where the header shows it: labels may contain either sign
    counts = {sign: line.count(sign) for sign in (";", "\t", ",")}
    return max(counts, key=lambda sign: counts[sign]) if any(counts.values()) else ","


def _not_utf8(path: Path) -> TableError:
    """Return the fault of the first byte that is no UTF-8, with its place."""
    raw = path.read_bytes()
    if b"\0" in raw:
        return TableError(None, None, _NO_TEXT)
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError as error:
        at = error.start
    start, end = raw.rfind(b"\n", 0, at) + 1, raw.find(b"\n", at)
    text = raw[start : end if end >= 0 else None][:200].decode("latin-1").strip()
    separator = _delimiter(raw.split(b"\n", 1)[0].decode("latin-1")).encode()
    column = raw.count(separator, start, at) + 1
    return TableError(
        raw.count(b"\n", 0, at) + 1,
        column,
        f"not UTF-8 text: byte 0x{raw[at]:02x} in {shown(text)} (Latin-1 or Windows-1252?); save "
        "the file as CSV UTF-8",
    )
