"""Reviews read one after the other from a folder of CSV files or from one Parquet file."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from models.common.errors import InputError
from models.reviews.reader import read_review

if TYPE_CHECKING:
    import pandas as pd

REQUIRED: Final = ("review", "study", "events", "total")
_ROWS: Final = 65_536
"""Rows of a Parquet file that are in memory at a time."""


@dataclass(frozen=True)
class Review:
    """One review, as plain values that travel to another process at little cost.

    Attributes
    ----------
    name
        Stem of its file, or value of the column ``review``.
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
        If there is no such folder or file, it holds no review, or a Parquet file lacks a column,
        has a row without a review, or one whose rows do not stand together.
    """
    if source.is_dir():
        found = len(_csv_files(source))
        if not found:
            raise InputError(f"{source}: the folder holds no .csv file")
        return found
    if not source.exists():
        raise InputError(f"{source}: no such folder or file")
    if source.suffix != ".parquet":
        raise InputError(f"{source}: is neither a folder of CSV files nor a .parquet file")
    return _count_parquet(source)


def read_reviews(source: Path) -> Iterator[Review]:
    """Yield the reviews in order: files by name, or as they stand in the Parquet file.

    A review with a fault is yielded with its ``error``; nothing is raised for it.
    """
    return _read_folder(source) if source.is_dir() else _read_parquet(source)


def _csv_files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.suffix.lower() == ".csv")


def _read_folder(folder: Path) -> Iterator[Review]:
    for path in _csv_files(folder):
        try:
            frame = read_review(path)
        except InputError as error:
            yield Review(path.stem, str(path), error=str(error))
        else:
            yield _sound(path.stem, str(path), frame)


def _sound(name: str, source: str, frame: "pd.DataFrame") -> Review:
    return Review(name, source, tuple(map(int, frame["events"])), tuple(map(int, frame["total"])))


def _batches(path: Path, columns: tuple[str, ...]) -> "Iterator[pd.DataFrame]":
    """Yield a Parquet file's rows as frames whose index is the row number, from 1."""
    import pyarrow as pa
    from pyarrow import parquet

    try:
        file = parquet.ParquetFile(path)
        for name in REQUIRED:
            if name not in file.schema_arrow.names:
                found = ", ".join(map(repr, file.schema_arrow.names))
                raise InputError(f"{path}: no column {name!r}; the file has {found}")
        row = 1
        for batch in file.iter_batches(_ROWS, columns=list(columns)):
            frame = batch.to_pandas()
            frame.index = range(row, row + len(frame))
            row += len(frame)
            yield frame
    except (pa.ArrowException, OSError) as error:
        text = str(error).splitlines()[0]
        raise InputError(f"{path}: not a readable Parquet file ({text})") from None


def _count_parquet(path: Path) -> int:
    seen: set[str] = set()
    current: str | None = None
    for frame in _batches(path, ("review",)):
        names = frame["review"]
        if names.isna().any():
            row = int(names.index[names.isna()][0])
            raise InputError(f"{path}, row {row}, column 'review': the cell is blank")
        starts = names[(names != names.shift()).to_numpy()]
        for row, name in starts.items():
            label = str(name)
            if label == current:
                continue
            if label in seen:
                raise InputError(
                    f"{path}, row {row}, column 'review': {label!r} stood further up already; "
                    "sort the file by review"
                )
            seen.add(label)
            current = label
    if not seen:
        raise InputError(f"{path}: the file has no rows")
    return len(seen)


def _read_parquet(path: Path) -> Iterator[Review]:
    import pandas as pd

    waiting: list[pd.DataFrame] = []
    current: str | None = None
    for frame in _batches(path, REQUIRED):
        labels = frame["review"].astype(str)
        block = (labels != labels.shift()).cumsum()
        for _, part in frame.groupby(block.to_numpy(), sort=False):
            label = str(part["review"].iloc[0])
            if current is not None and label != current:
                yield _checked(path, current, pd.concat(waiting))
                waiting = []
            current = label
            waiting.append(part)
    if current is not None:
        yield _checked(path, current, pd.concat(waiting))


def _checked(path: Path, name: str, frame: "pd.DataFrame") -> Review:
    fault = _fault(frame)
    if fault is not None:
        row, column, text = fault
        return Review(
            name,
            f"{path}, review {name!r}",
            error=f"{path}, review {name!r}, row {row}, column {column!r}: {text}",
        )
    return _sound(name, f"{path}, review {name!r}", frame)


def _fault(frame: "pd.DataFrame") -> tuple[int, str, str] | None:
    """Return row, column and fault of the first cell that is no label or count of patients."""
    seen: set[str] = set()
    cells = zip(frame.index, frame["study"], frame["events"], frame["total"], strict=True)
    for row, study, events, total in cells:
        label = "" if _missing(study) else str(study).strip()
        if not label:
            return row, "study", "the cell is blank"
        if label in seen:
            return row, "study", f"{label!r} stands in this review already"
        seen.add(label)
        for column, value in (("events", events), ("total", total)):
            text = _not_a_count(value)
            if text is not None:
                return row, column, text
        if total == 0:
            return row, "total", "0 patients; no rate exists"
        if events > total:
            return row, "events", f"{events:g} is more than the total of {total:g}"
    return None


def _missing(value: Any) -> bool:
    import pandas as pd

    return bool(pd.isna(value))


def _not_a_count(value: Any) -> str | None:
    if _missing(value):
        return "the cell is blank; a count is needed"
    try:
        number = float(value)
    except (TypeError, ValueError):
        return f"{value!r} is not a number"
    if isinstance(value, (str, bool)):
        return f"{value!r} is not a number"
    if not number.is_integer():
        return f"{number!r} is not a whole number"
    return f"{number:g} is negative" if number < 0 else None
