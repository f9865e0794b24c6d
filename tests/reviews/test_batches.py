"""Hostile reviews in a batch: each is a row with an error, and the others are read."""

import decimal
import os
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet

from models.common.errors import LONGEST_LINE, InputError
from models.reviews.batches import Review, count_reviews, read_reviews

SOUND = b"study,events,total\nA,1,10\nB,2,20\n"
FILES = {
    "byte-order mark": (b"\xef\xbb\xbf", "the file is empty"),
    "empty": (b"", "the file is empty"),
    "commas": (b",,\n", "the file is empty"),
    "quotes": (b'""\n', "the file is empty"),
    "quoted blanks": (b'" "," "\n', "the file is empty"),
    "quoted line end": (b'"\n"\n', "the file is empty"),
    "no-break spaces": ("\u00a0\u2003\n".encode(), "the file is empty"),
    "separators of information": (b"\x1c\x1d\x1e\x1f", "the file is empty"),
    "5000 digits": (b"study,events,total\nA," + b"1" * 5000 + b",9\n", "too large"),
    "5000 zeros": (b"study,events,total\nA," + b"0" * 5000 + b"x,9\n", "is not a number"),
    "long cell": (b"study,events,total\n" + b"A" * 200_000 + b",1,9\n", "field larger"),
    "one long line": (b"\xff" * 1_000_000, "field larger"),
    "many columns": (b"study,events,total" + b",x" * 100_000, "100003 columns; at most 10000"),
    "many names": (b",".join(b"c%d" % i for i in range(5_000)), "no column 'study'"),
    "lines": (b"study,events,total\nA,1,10\nB\n,2,20\n", "1 cells where the header has 3"),
}


@pytest.mark.parametrize("name", FILES)
def test_a_hostile_file_is_one_row(tmp_path: Path, name: str) -> None:
    content, words = FILES[name]
    for stem, text in {"a": SOUND, "b": content, "c": SOUND}.items():
        (tmp_path / f"{stem}.csv").write_bytes(text)
    assert count_reviews(tmp_path) == 3
    first, bad, last = read_reviews(tmp_path)
    for review in (first, last):
        assert (review.events, review.total, review.error) == ((1, 2), (10, 20), None)
    assert bad.error is not None
    assert words in bad.error
    assert bad.error.startswith(str(tmp_path / "b.csv"))
    assert len(bad.error) <= LONGEST_LINE
    assert bad.error.isprintable()


def test_names_that_are_hard(tmp_path: Path) -> None:
    """Not UTF-8, with a line end, the same but for the ending, a folder, a pipe, hidden."""
    for name in (b"b\xff.csv", b"n\n.csv"):
        Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name)).write_bytes(SOUND)
    (tmp_path / "folder.csv").mkdir()
    os.mkfifo(tmp_path / "pipe.csv")
    (tmp_path / ".hidden.csv").write_bytes(b"half")
    reviews = {review.name: review for review in read_reviews(tmp_path)}
    assert len(reviews) == count_reviews(tmp_path) == 4
    assert reviews["b\\xff"].events == reviews["n\n"].events == (1, 2)
    assert "is a folder" in str(reviews["folder"].error)
    assert "is a device or a pipe" in str(reviews["pipe"].error)
    for review in reviews.values():
        review.name.encode()
        assert review.source.isprintable()

    (tmp_path / "folder.CSV").write_bytes(SOUND)
    names = [review.name for review in read_reviews(tmp_path)]
    assert {"folder.csv", "folder.CSV"} < set(names)
    assert len(set(names)) == 5


def write(path: Path, **columns: Any) -> Path:
    """Write a Parquet file of three reviews of two studies, some of its columns replaced."""
    table: dict[str, Any] = {
        "review": ["a", "a", "b", "b", "c", "c"],
        "study": ["A", "B"] * 3,
        "events": [1, 2] * 3,
        "total": [10, 20] * 3,
    }
    parquet.write_table(pa.table(table | columns), path)
    return path


def middle(kind: pa.DataType, value: Any, other: tuple[Any, Any] = (1, 2)) -> pa.Array:
    """Return a column with a value at the second row of the second review."""
    return pa.array([*other, other[0], value, *other], kind)


CELLS: dict[str, tuple[dict[str, Any], str]] = {
    "uint64 maximum": ({"total": middle(pa.uint64(), 2**64 - 1, (10, 20))}, "is too large"),
    "int64 minimum": ({"events": middle(pa.int64(), -(2**63))}, "is negative"),
    "1e300": ({"total": middle(pa.float64(), 1e300, (10.0, 20.0))}, "1e+300 is too large"),
    "infinite": ({"total": middle(pa.float64(), float("inf"), (10, 20))}, "not a whole number"),
    "10^12": ({"total": middle(pa.int64(), 10**12, (10, 20))}, "is too large"),
    "missing": ({"events": middle(pa.int64(), None)}, "the cell is blank"),
    "NaN": ({"events": middle(pa.float64(), float("nan"), (1.0, 2.0))}, "the cell is blank"),
    "half": (
        {"events": middle(pa.decimal128(10, 2), decimal.Decimal("1.50"), (decimal.Decimal(1), 2))},
        "is not a whole number",
    ),
}
COLUMNS: dict[str, tuple[dict[str, Any], str]] = {
    "lists": ({"events": pa.array([[1]] * 6)}, "[1] is not a number"),
    "maps": (
        {"total": pa.array([[("k", 1)]] * 6, pa.map_(pa.string(), pa.int64()))},
        "is not a number",
    ),
    "structures": ({"events": pa.array([{"x": 1}] * 6)}, "{'x': 1} is not a number"),
    "binary counts": ({"events": pa.array([b"1", b"2"] * 3)}, "b'1' is not a number"),
    "text": ({"events": pa.array(["1", "2"] * 3)}, "'1' is not a number"),
    "truth": ({"events": pa.array([True, False] * 3)}, "True is not a number"),
    "lists of labels": ({"study": pa.array([["A"], ["B"]] * 3)}, "is not readable text"),
    "nothing": ({"study": pa.nulls(6)}, "the cell is blank"),
}


@pytest.mark.parametrize("name", CELLS)
def test_a_hostile_cell_is_one_row(tmp_path: Path, name: str) -> None:
    columns, words = CELLS[name]
    path = write(tmp_path / "p.parquet", **columns)
    assert count_reviews(path) == 3
    first, bad, last = read_reviews(path)
    for review in (first, last):
        assert (review.events, review.total, review.error) == ((1, 2), (10, 20), None)
    assert words in str(bad.error)
    assert f"{path}, review 'b', row 4, column " in str(bad.error)


@pytest.mark.parametrize("name", COLUMNS)
def test_a_hostile_column_is_an_error_in_every_row(tmp_path: Path, name: str) -> None:
    columns, words = COLUMNS[name]
    path = write(tmp_path / "p.parquet", **columns)
    reviews = list(read_reviews(path))
    assert [review.name for review in reviews] == ["a", "b", "c"]
    for review in reviews:
        assert words in str(review.error)
        assert len(str(review.error)) <= LONGEST_LINE


def invalid(values: list[bytes]) -> pa.Array:
    """Return text whose bytes were never checked, as a damaged file holds it."""
    binary = pa.array(values, pa.binary())
    return pa.Array.from_buffers(pa.string(), len(binary), binary.buffers())


@pytest.mark.parametrize("dictionary", [False, True])
def test_text_that_is_not_utf8_is_one_row(tmp_path: Path, dictionary: bool) -> None:
    def column(values: list[bytes]) -> pa.Array:
        if not dictionary:
            return invalid(values)
        labels = sorted(set(values))
        codes = pa.array([labels.index(value) for value in values], pa.int32())
        return pa.DictionaryArray.from_arrays(codes, invalid(labels))

    path = write(tmp_path / "p.parquet", study=column([b"A", b"B", b"A", b"\xff", b"A", b"B"]))
    first, bad, last = read_reviews(path)
    assert first.error is last.error is None
    assert r"row 4, column 'study': '\\xff' is not readable text" in str(bad.error)

    names = [b"a", b"a", b"\xfe", b"\xfe", b"c", b"c"]
    path = write(tmp_path / "q.parquet", review=column(names))
    assert count_reviews(path) == 3
    first, bad, last = read_reviews(path)
    assert bad == Review(r"\xfe", bad.source, error=bad.error)
    assert "is not readable text" in str(bad.error)
    assert (first.events, last.events) == ((1, 2), (1, 2))


def test_binary_labels_and_whole_decimals_are_read(tmp_path: Path) -> None:
    path = write(
        tmp_path / "p.parquet",
        study=pa.array(["Ä".encode(), b"B"] * 3),
        events=pa.array([decimal.Decimal(1), decimal.Decimal(2)] * 3),
        total=pa.array([10.0, 20.0] * 3),
    )
    assert [review.error for review in read_reviews(path)] == [None] * 3


@pytest.mark.parametrize("name", ["review", "study", "events", "total"])
def test_a_column_that_stands_twice_is_refused(tmp_path: Path, name: str) -> None:
    names = ["review", "study", "events", "total", name]
    arrays = [pa.array(["a"]), pa.array(["A"]), pa.array([1]), pa.array([10])]
    arrays.append(arrays[names.index(name)])
    parquet.write_table(pa.Table.from_arrays(arrays, names), tmp_path / "p.parquet")
    with pytest.raises(InputError, match=f"column '{name}' stands there twice"):
        count_reviews(tmp_path / "p.parquet")


@pytest.mark.parametrize("value", [[["a"]], [{"x": 1}], [None], [b"\xff"], [""]])
def test_reviews_without_a_name_are_refused(tmp_path: Path, value: list[Any]) -> None:
    path = write(tmp_path / "p.parquet", review=pa.array(value * 6))
    with pytest.raises(InputError, match="row 1, column 'review': "):
        count_reviews(path)


def test_a_file_that_promises_more_rows_than_it_has_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "p.parquet")
    raw = path.read_bytes()
    # the number of rows is written as a compact integer behind its field's head, 0x16
    footer = raw.rfind(b"PAR1")
    length = int.from_bytes(raw[footer - 4 : footer], "little")
    start = footer - 4 - length
    place = raw.index(b"\x16\x0c", start)
    path.write_bytes(raw[:place] + b"\x16\x0e" + raw[place + 2 :])
    assert parquet.ParquetFile(path).metadata.num_rows == 7
    with pytest.raises(InputError, match="7 rows are promised, 6 are there"):
        count_reviews(path)


@pytest.mark.parametrize("name", ["pipe.parquet", "device.parquet"])
def test_what_has_no_end_is_not_read(tmp_path: Path, name: str) -> None:
    if name == "pipe.parquet":
        os.mkfifo(tmp_path / name)
    else:
        (tmp_path / name).symlink_to("/dev/zero")
    with pytest.raises(InputError, match="is a device or a pipe"):
        count_reviews(tmp_path / name)
