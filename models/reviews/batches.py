"""Reviews read one after the other from a folder of CSV files or from one Parquet file."""

import math
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from models.common.errors import InputError, one_line
from models.common.files import check_input
from models.reviews.decoding import TableError, shown
from models.reviews.reader import LARGEST_COUNT, STUDIES, check_rows, label_of_text, read_review

if TYPE_CHECKING:
    import pyarrow as pa

REVIEW: Final = "review"
REQUIRED: Final = (REVIEW, *STUDIES.labels, *STUDIES.counts)
_ROWS: Final = 65_536
"""Rows of a Parquet file that are in memory at a time."""


class Unreadable(str):
    """A value of a Parquet file that cannot be read, such as text that is not UTF-8."""


@dataclass(frozen=True)
class Review:
    """One review, as plain values that travel to another process at little cost.

    Attributes
    ----------
    name
        Name of its file, without the ending unless two files differ in it only; or value of the
        column ``review``.
    source
        What it is called in messages.
    events, total
        Counts by study; empty if there is an error.
    error
        What is wrong with it, naming file, row, column and value; None if nothing is.
    """

    name: str
    source: str
    events: tuple[int, ...] = ()
    total: tuple[int, ...] = ()
    error: str | None = None


def count_reviews(source: Path) -> int:
    """Return how many reviews there are, and check what concerns them all.

    Raises
    ------
    models.common.errors.InputError
        If there is no such folder or file, it holds no review, or a Parquet file lacks a column
        or has it twice, has a row without a review, or one whose rows do not stand together.
    """
    if source.is_dir():
        found = len(_csv_files(source))
        if not found:
            raise InputError(one_line(f"{source}: the folder holds no .csv file"))
        return found
    if not source.exists():
        raise InputError(one_line(f"{source}: no such folder or file"))
    check_input(source)
    if source.suffix.lower() != ".parquet":
        text = "is neither a folder of CSV files nor a .parquet file"
        raise InputError(one_line(f"{source}: {text}"))
    return _count_parquet(source)


def read_reviews(source: Path) -> Iterator[Review]:
    """Yield the reviews in order: files by name, or as they stand in the Parquet file.

    A review with a fault, whatever it is, is yielded with its ``error``; nothing is raised for it.
    Hidden files of a folder are left out.
    """
    return _read_folder(source) if source.is_dir() else _read_parquet(source)


def _csv_files(folder: Path) -> list[Path]:
    try:
        files = sorted(folder.iterdir())
    except OSError as error:
        raise InputError(one_line(f"{folder}: cannot be read ({error.strerror})")) from None
    return [p for p in files if p.suffix.lower() == ".csv" and not p.name.startswith(".")]


def _read_folder(folder: Path) -> Iterator[Review]:
    files = _csv_files(folder)
    # a.csv and a.CSV are two reviews: then all keep their endings
    unique = len({path.stem for path in files}) == len(files)
    for path in files:
        name = os.fsencode(path.stem if unique else path.name).decode("utf-8", "backslashreplace")
        yield _guarded(name, str(path), partial(_counts_of_file, path))


def _counts_of_file(path: Path) -> list[list[int]]:
    frame = read_review(path)
    return [frame[name].tolist() for name in STUDIES.counts]


def _guarded(name: str, source: str, read: Callable[[], list[list[int]]]) -> Review:
    """Return a review, or what is wrong with it: one that cannot be read loses no other."""
    try:
        events, total = map(tuple, read())
    except TableError as error:
        return Review(name, one_line(source), error=error.sentence(source))
    except InputError as error:
        return Review(name, one_line(source), error=one_line(str(error)))
    except Exception as error:
        text = f"{source}: cannot be read ({type(error).__name__}: {error})"
        return Review(name, one_line(source), error=one_line(text))
    return Review(name, one_line(source), events, total)


def _rows(path: Path, columns: tuple[str, ...]) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of a Parquet file: the number of the row, from 1, and its cells."""
    from pyarrow import parquet

    try:
        with parquet.ParquetFile(path) as file:
            names = list(file.schema_arrow.names)
            for name in REQUIRED:
                if name not in names:
                    found = ", ".join(map(shown, names))
                    raise InputError(one_line(f"{path}: no column {name!r}; the file has {found}"))
                if names.count(name) > 1:
                    raise InputError(one_line(f"{path}: column {name!r} stands there twice"))
            row = 0
            for batch in file.iter_batches(_ROWS, columns=list(columns)):
                cells = [_values(batch.column(name)) for name in columns]
                for values in zip(*cells, strict=True):
                    row += 1
                    yield row, *values
            if row != file.metadata.num_rows:
                raise ValueError(f"{file.metadata.num_rows} rows are promised, {row} are there")
    except InputError:
        raise
    except Exception as error:
        # a damaged file may raise anything
        text = str(error) or type(error).__name__
        raise InputError(one_line(f"{path}: not a readable Parquet file ({text})")) from None


def _values(column: "pa.Array") -> list[Any]:
    """Return the values of a column; one that cannot be read is `Unreadable`, the others stay."""
    try:
        values: list[Any] = column.to_pylist()
    except Exception:
        return [_value(scalar) for scalar in column]
    return values


def _value(scalar: Any) -> Any:
    try:
        return scalar.as_py()
    except UnicodeDecodeError as error:
        return Unreadable(error.object.decode("utf-8", "backslashreplace"))
    except Exception:
        return Unreadable(scalar.type)


def _count_parquet(path: Path) -> int:
    seen: set[str] = set()
    current: str | None = None
    for row, name in _rows(path, (REVIEW,)):
        label = _review(path, row, name)
        if label == current:
            continue
        if label in seen:
            text = f"{shown(label)} stood further up already; sort the file by review"
            raise InputError(TableError(row, REVIEW, text).sentence(str(path)))
        seen.add(label)
        current = label
    if not seen:
        raise InputError(one_line(f"{path}: the file has no rows"))
    return len(seen)


def _review(path: Path, row: int, name: Any) -> str:
    """Return the name of a row's review; one that cannot be read is still a name."""
    if isinstance(name, Unreadable):
        return name
    try:
        return str(name) if isinstance(name, str) and name else _label(name)
    except ValueError as error:
        raise InputError(TableError(row, REVIEW, str(error)).sentence(str(path))) from None


def _read_parquet(path: Path) -> Iterator[Review]:
    waiting: list[tuple[Any, ...]] = []
    current = ""
    for row, name, *cells in _rows(path, REQUIRED):
        label = _review(path, row, name)
        if waiting and label != current:
            yield _of_rows(path, current, waiting)
            waiting = []
        current = label
        waiting.append((row, *cells))
    if waiting:
        yield _of_rows(path, current, waiting)


def _of_rows(path: Path, name: str, rows: list[tuple[Any, ...]]) -> Review:
    def read() -> list[list[int]]:
        if isinstance(name, Unreadable):
            raise TableError(rows[0][0], REVIEW, f"{shown(name)} is not readable text")
        numbers, studies, events, totals = zip(*rows, strict=True)
        labels, counts = ((study,) for study in studies), zip(events, totals, strict=True)
        return check_rows(STUDIES, numbers, labels, counts, label=_label, count=_count)

    return _guarded(str(name), f"{path}, review {shown(name)}", read)


def _missing(value: Any) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))


def _label(value: Any) -> str:
    """Return a value of a Parquet file as a label; raise ValueError saying what it is instead."""
    if isinstance(value, bytes):
        try:
            value = value.decode("utf-8")
        except UnicodeDecodeError:
            raise ValueError(f"{shown(value)} is not readable text") from None
    if isinstance(value, (Unreadable, list, tuple, dict)):
        raise ValueError(f"{shown(value)} is not readable text")
    return label_of_text("" if _missing(value) else str(value).strip())


def _count(value: Any) -> int:
    """Return a value of a Parquet file as a count; raise ValueError saying what it is instead."""
    if _missing(value):
        raise ValueError("the cell is blank; a count is needed")
    if isinstance(value, bool) or not isinstance(value, (int, float, Decimal)):
        raise ValueError(f"{shown(value)} is not a number")
    if not math.isfinite(value) or value != int(value):
        raise ValueError(f"{shown(value)} is not a whole number")
    if value < 0:
        raise ValueError(f"{value:g} is negative")
    if value > LARGEST_COUNT:
        raise ValueError(f"{shown(value)} is too large for a number of patients")
    return int(value)
