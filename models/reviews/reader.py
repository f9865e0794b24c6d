"""A review as a user brings it: a CSV with the columns ``study``, ``events``, ``total``.

There is one reader. The paper's own outcomes pass through the same checks (``check_review``), so
nothing reaches a model that has not been validated here or in ``models.evidence.load``.
"""

import csv
import io
import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

from models.common.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

REQUIRED: Final = ("study", "events", "total")
_INTEGER: Final = re.compile(r"[+-]?[0-9]+(\.0*)?", re.ASCII)
_LARGEST: Final = 10**9


def _decode(path: Path) -> str:
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except IsADirectoryError:
        raise InputError(f"{path}: is a folder, not a CSV file") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None
    if not raw.strip():
        raise InputError(f"{path}: the file is empty")
    if b"\0" in raw:
        raise InputError(f"{path}: not a text file (it holds NUL bytes); save it as CSV UTF-8")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        start = raw.rfind(b"\n", 0, error.start) + 1
        end = raw.find(b"\n", error.start)
        text = raw[start : end if end >= 0 else None].decode("latin-1").strip()
        separator = ";" if b";" in raw.split(b"\n", 1)[0] else ","
        column = raw[start : error.start].count(separator.encode()) + 1
        raise InputError(
            f"{path}, row {line}, column {column}: byte 0x{raw[error.start]:02x} in {text!r} is "
            "not UTF-8 (Latin-1 or Windows-1252?); save the file as CSV UTF-8"
        ) from None


def read_rows(
    path: Path, required: tuple[str, ...]
) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """Return the header and the non-blank rows with their line numbers.

    Parameters
    ----------
    path
        CSV, as `read_counts` takes it.
    required
        Columns that must be there; their names are matched in any case.

    Raises
    ------
    InputError
        For an unreadable file, a lacking or repeated column, or a row of another length.
    """
    text = _decode(path)
    first_line = next(line for line in text.splitlines() if line.strip())
    # a semicolon only where the header shows it: labels may contain either sign
    counts = {sign: first_line.count(sign) for sign in (";", "\t", ",")}
    delimiter = max(counts, key=lambda sign: counts[sign]) if any(counts.values()) else ","
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    rows: list[tuple[int, list[str]]] = []
    try:
        for row in reader:
            if any(cell.strip() for cell in row):
                rows.append((reader.line_num, [cell.strip() for cell in row]))
    except csv.Error as error:
        raise InputError(f"{path}, row {reader.line_num}: not valid CSV ({error})") from None
    header = [name.lower() if name.lower() in required else name for name in rows[0][1]]
    for name in required:
        if name not in header:
            found = ", ".join(repr(h) for h in header)
            raise InputError(
                f"{path}, row {rows[0][0]}: no column {name!r}; the header has {found}"
            )
    for name in header:
        if header.count(name) > 1:
            raise InputError(f"{path}, row {rows[0][0]}: column {name!r} stands there twice")
    if len(rows) == 1:
        raise InputError(f"{path}: there is a header but no row below it")
    for line, row in rows[1:]:
        if len(row) != len(header):
            raise InputError(
                f"{path}, row {line}: {len(row)} cells where the header has {len(header)} columns"
            )
    return header, rows[1:]


def read_count(path: Path, line: int, column: str, text: str) -> int:
    """Return a cell as a whole number of patients.

    Raises
    ------
    InputError
        Naming file, row, column and value.
    """
    where = f"{path}, row {line}, column {column!r}"
    if not text:
        raise InputError(f"{where}: the cell is blank; a count is needed")
    if not _INTEGER.fullmatch(text):
        try:
            float(text)
        except ValueError:
            raise InputError(f"{where}: {text!r} is not a number") from None
        raise InputError(f"{where}: {text!r} is not a whole number")
    value = int(text.split(".")[0])
    if value < 0:
        raise InputError(f"{where}: {text!r} is negative")
    if value > _LARGEST:
        raise InputError(f"{where}: {text!r} is too large for a number of patients")
    return value


def read_counts(path: Path, unit: str = "study") -> "pd.DataFrame":
    """Read and check a table of counts.

    Parameters
    ----------
    path
        CSV in UTF-8 (with or without a byte-order mark), separated by commas, or by semicolons
        or tabs where the header shows them. Blank lines are skipped.
    unit
        Name of the column that labels the rows.

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
    required = (unit, "events", "total")
    header, rows = read_rows(path, required)
    columns: dict[str, list[str]] = {
        name: [row[i] for _, row in rows] for i, name in enumerate(header)
    }
    counts: dict[str, list[int]] = {
        name: [read_count(path, line, name, row[header.index(name)]) for line, row in rows]
        for name in ("events", "total")
    }
    seen: dict[str, int] = {}
    for (line, _), label, events, total in zip(
        rows, columns[unit], counts["events"], counts["total"], strict=True
    ):
        if not label:
            raise InputError(f"{path}, row {line}, column {unit!r}: the cell is blank")
        if label in seen:
            raise InputError(
                f"{path}, row {line}, column {unit!r}: {label!r} stands already in row "
                f"{seen[label]}; make the arm's label unique (for example by adding the drug)"
            )
        seen[label] = line
        if total == 0:
            raise InputError(f"{path}, row {line}, column 'total': 0 patients; no rate exists")
        if events > total:
            raise InputError(
                f"{path}, row {line}, column 'events': {events} is more than the total of {total}"
            )
    import pandas as pd

    frame = pd.DataFrame(columns | counts)
    rest = [name for name in header if name not in required]
    return frame[[*required, *rest]]


def read_review(path: Path) -> "pd.DataFrame":
    """Read a user's review: ``study``, ``events``, ``total`` and any further columns.

    See ``read_counts`` for what is accepted, what is returned and what is raised.
    """
    return read_counts(path, "study")


def select(review: "pd.DataFrame", conditions: list[str], source: str) -> "pd.DataFrame":
    """Keep the rows that meet every condition ``COLUMN=VALUE``.

    Parameters
    ----------
    review
        A review.
    conditions
        Conditions such as ``treatment=ICI + TKI``; case and surrounding blanks do not matter.
    source
        What the review is called in error messages.

    Raises
    ------
    InputError
        If a condition has no ``=``, names no column, or leaves no row; the message lists what
        there is.
    """
    for condition in conditions:
        column, sign, value = condition.partition("=")
        column, value = column.strip(), value.strip().strip("\"'")
        if not sign:
            raise InputError(f"--where {condition!r}: write COLUMN=VALUE")
        if column not in review:
            raise InputError(
                f"--where {condition!r}: {source} has no column {column!r}; it has "
                f"{', '.join(map(str, review.columns))}"
            )
        texts = review[column].astype(str)
        keep = texts.str.strip().str.casefold() == value.casefold()
        if not keep.any():
            raise InputError(
                f"--where {condition!r}: no row of {source} has that value; column {column!r} "
                f"has {', '.join(repr(v) for v in sorted(texts.unique())[:12])}"
            )
        review = review[keep]
    return review.reset_index(drop=True)
