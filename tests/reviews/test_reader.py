"""The reader of a user's review: what it refuses, in words, and what it accepts."""

import os
import time
from pathlib import Path

import pytest

from models.common.errors import LONGEST_LINE, InputError
from models.reviews.conditions import exclude, select
from models.reviews.decoding import csv_rows
from models.reviews.names import Named
from models.reviews.reader import read_review, read_studies

BAD = {
    "missing column": (b"study,events\nA,1\n", ["row 1", "'total'"]),
    "text in a number": (
        b"study,events,total\nA,1,10\nB,three,10\n",
        ["row 3", "'events'", "three"],
    ),
    "blank cell": (b"study,events,total\nA,,10\n", ["row 2", "'events'", "blank"]),
    "blank label": (b"study,events,total\n,1,10\n", ["row 2", "'study'", "blank"]),
    "NaN": (b"study,events,total\nA,NaN,10\n", ["row 2", "'events'", "NaN"]),
    "infinite": (b"study,events,total\nA,1,inf\n", ["row 2", "'total'", "inf"]),
    "more events": (b"study,events,total\nA,11,10\n", ["row 2", "'events'", "11", "10"]),
    "total 0": (b"study,events,total\nA,0,0\n", ["row 2", "'total'", "0"]),
    "negative": (b"study,events,total\nA,-1,10\n", ["row 2", "'events'", "-1"]),
    "fraction": (b"study,events,total\nA,1.5,10\n", ["row 2", "'events'", "1.5"]),
    "huge": (b"study,events,total\nA,1,99999999999999999999\n", ["row 2", "'total'", "999"]),
    "other digits": ("study,events,total\nA,٣,10\n".encode(), ["row 2", "'events'", "٣"]),
    "duplicate": (
        b"study,events,total\nA,1,10\nB,1,9\nA,2,12\n",
        ["row 4", "'study'", "'A'", "row 2", "unique"],
    ),
    "short row": (b"study,events,total\nA,1\n", ["row 2", "2 cells"]),
    "column twice": (b"study,events,total,total\nA,1,2,3\n", ["'total'", "twice"]),
    "empty": (b"", ["empty"]),
    "blank lines": (b"\n \n", ["empty"]),
    "header only": (b"study,events,total\n", ["no row"]),
    "binary": (b"\x89PNG\r\n\x00\x00\x01", ["NUL"]),
    "no encoding": (b"study,events,total\nA,1,9\nBj\x81rk,1,10\n", ["not cp1252 text"]),
    "half of a UTF-16 character": (b"\xff\xfes\x00t", ["not utf-16 text"]),
    "an old workbook": (b"\xd0\xcf\x11\xe0\xa1\xb1", ["old Excel"]),
    "a workbook by another name": (b"PK\x03\x04", ["must end in .xlsx"]),
    "two columns of totals": (
        b"study,events,n,ni\nA,1,9,9\n",
        ["'n' or 'ni'", "--total"],
    ),
    "open quote": (b'study,events,total\n"A,1,10\n', ["CSV"]),
    "commas only": (b",,\n,,,\n", ["empty"]),
    "byte-order mark only": (b"\xef\xbb\xbf \r\n", ["empty"]),
    "quotes only": (b'""', ["empty"]),
    "5000 digits": (b"study,events,total\nA," + b"7" * 5000 + b",9\n", ["row 2", "too large"]),
    "exponent": (b"study,events,total\nA,1e3,9999\n", ["row 2", "'1e3'", "in digits"]),
    "column in two cases": (b"study,Study,events,total\nA,B,1,9\n", ["'study'", "twice"]),
    "UTF-16 without its mark": ("study,events,total\nA,1,9\n".encode("utf-16-le"), ["NUL"]),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_files_are_refused_in_one_line(tmp_path, name):
    content, words = BAD[name]
    path = tmp_path / "review.csv"
    path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        read_review(path)
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith(str(path))
    for word in words:
        assert word in message


@pytest.mark.parametrize("part", ["label", "count", "header", "undecodable", "path"])
def test_no_message_is_longer_than_a_few_lines(tmp_path, part):
    """What stands in a file may be megabytes long; its message never repeats it."""
    long = "x" * 100_000
    text = {
        "label": f"study,events,total\n{long},9,8\n",
        "count": f"study,events,total\nA,{long},8\n",
        "header": f"study,events\n{long},9\n".replace("events", ",".join(map(str, range(9000)))),
        "undecodable": f"study,events,total\nA\udcff{long},9,8\n",
        "path": "",
    }[part]
    path = tmp_path / ("\x1b[31m\n" + "p" * 200 + ".csv" if part == "path" else "review.csv")
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(InputError) as caught:
        read_review(path)
    assert len(str(caught.value)) <= LONGEST_LINE
    assert str(caught.value).isprintable()


def test_limits_are_said(tmp_path, monkeypatch):
    path = tmp_path / "review.csv"
    path.write_text("study,events,total\nA,1,9\nB,1,9\nC,1,9\n")
    monkeypatch.setattr("models.reviews.reader.MOST_ROWS", 2)
    with pytest.raises(InputError, match="row 4: more than 2 rows"):
        read_review(path)
    monkeypatch.setattr("models.reviews.decoding.LARGEST_FILE", 30)
    with pytest.raises(InputError, match="at most 0 MB are read"):
        read_review(path)


def test_a_pipe_and_a_device_are_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe.csv")
    for path in (tmp_path / "pipe.csv", Path("/dev/zero")):
        with pytest.raises(InputError, match="is a device or a pipe"):
            read_review(path)


def test_a_file_is_streamed(tmp_path):
    """The text was held four times, once at four bytes a character; now it is not held at all."""
    import tracemalloc

    path = tmp_path / "review.csv"
    row = ",1,9," + ",".join(["some words in a cell of a table"] * 12) + "\n"
    names = ",".join(f"c{i}" for i in range(12))
    with path.open("w") as file:
        file.write(f"study,events,total,{names}\n")
        file.writelines(f"s{i}{row}" for i in range(50_000))
    size = path.stat().st_size
    assert size > 19e6
    tracemalloc.start()
    count = sum(1 for _ in csv_rows(path))
    streaming = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == 50_001
    assert streaming < size / 20


def test_ten_thousand_columns_are_read_in_a_moment(tmp_path):
    path = tmp_path / "review.csv"
    names = ",".join(f"c{i}" for i in range(9_990))
    path.write_text(f"study,events,total,{names}\nA,1,9{',x' * 9_990}\n")
    started = time.perf_counter()
    frame = read_review(path)
    # comparing every name with every other took 1.1 s; reading takes a tenth on one busy core
    assert time.perf_counter() - started < 5
    assert frame.shape == (1, 9_993)
    path.write_text("study,events,total" + ",x" * 100_000)
    with pytest.raises(InputError, match="100003 columns; at most 10000"):
        read_review(path)


def test_an_absent_file_and_a_folder_are_named(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        read_review(tmp_path / "nowhere.csv")
    with pytest.raises(InputError, match="folder"):
        read_review(tmp_path)


GOOD = {
    "one study": (b"study,events,total\nA,1,10\n", [("A", 1, 10)]),
    "all zero": (b"study,events,total\nA,0,10\nB,0,3\n", [("A", 0, 10), ("B", 0, 3)]),
    "all events": (b"study,events,total\nA,10,10\n", [("A", 10, 10)]),
    "byte-order mark": (b"\xef\xbb\xbfstudy,events,total\nA,1,10\n", [("A", 1, 10)]),
    "semicolons": (b"study;events;total\nA, B;1;10\n", [("A, B", 1, 10)]),
    "semicolon in a label": (b"study,events,total\nA; B,1,10\n", [("A; B", 1, 10)]),
    "quotes": (b'study,events,total\n"A, B",1,10\n', [("A, B", 1, 10)]),
    "Windows line ends": (b"study,events,total\r\nA,1,10\r\n", [("A", 1, 10)]),
    "no final line end": (b"study,events,total\nA,1,10", [("A", 1, 10)]),
    "spreadsheet integers": (b"study,events,total\nA,1.0,10.\n", [("A", 1, 10)]),
    "other order and case": (b"Total,Study,Events\n10,A,1\n", [("A", 1, 10)]),
    "accents": ("study,events,total\nBjörk 2020,1,10\n".encode(), [("Björk 2020", 1, 10)]),
    "UTF-16": ("study;events;total\nÄ;1;10\n".encode("utf-16"), [("Ä", 1, 10)]),
    "Latin-1": ("study,events,total\nBjörk,1,10\n".encode("latin-1"), [("Björk", 1, 10)]),
    "metafor": (b"slab,xi,ni\nA,1,10\n", [("A", 1, 10)]),
    "meta": (b"studlab,event,n\nA,1,10\n", [("A", 1, 10)]),
    "RevMan": (b"Study,Events,Total\nA,1,10\n", [("A", 1, 10)]),
    "a column of words beside": (b"slab,xi,ni,patients\nA,1,10,old\n", [("A", 1, 10)]),
    "author and year": (b"Author,year,xi,ni\nA,2001,1,10\n", [("A 2001", 1, 10)]),
    "label NA": (b"study,events,total\nNA,1,10\n", [("NA", 1, 10)]),
}


@pytest.mark.parametrize("name", GOOD)
def test_odd_but_legitimate_files_are_read(tmp_path, name):
    content, expected = GOOD[name]
    path = tmp_path / "review.csv"
    path.write_bytes(content)
    frame = read_review(path)
    assert list(frame[["study", "events", "total"]].itertuples(index=False, name=None)) == expected


def test_further_columns_are_kept_as_text(tmp_path):
    path = tmp_path / "review.csv"
    path.write_text("study,drug,events,total,year\nA,x,1,10,2020\n")
    frame = read_review(path)
    assert list(frame.columns) == ["study", "events", "total", "drug", "year"]
    assert frame.loc[0, "year"] == "2020"


def test_select_keeps_rows_and_explains_what_is_wrong(evidence):
    arms = evidence.outcome("orr")
    assert len(select(arms, ["treatment=ICI + TKI"], "x")) == 5
    assert len(select(arms, ["treatment = ici + tki", "line=>= second line"], "x")) == 2
    with pytest.raises(InputError, match="no column 'treatmnt'"):
        select(arms, ["treatmnt=ICI + TKI"], "x")
    with pytest.raises(InputError, match="'ICI monotherapy'"):
        select(arms, ["treatment=TKI"], "x")
    with pytest.raises(InputError, match="COLUMN=VALUE"):
        select(arms, ["treatment"], "x")


def frame_of(tmp_path: Path, text: str, **named: str):
    path = tmp_path / "review.csv"
    path.write_text(text, encoding="utf-8")
    return read_studies(path, Named(**named))


def test_conditions_compare_numbers_and_either_of_several_values_is_kept(tmp_path):
    text = "study,events,total,year,drug\nA,1,9,2001,x\nB,1,9,2010,y\nC,1,9,,z\nD,1,9,2015,z\n"
    frame = frame_of(tmp_path, text).frame

    def kept(*conditions: str) -> str:
        return "".join(select(frame, conditions, "r")["study"])

    assert kept("year>=2010") == "BD"
    assert kept("year ≥ 2010", "year<2015") == "B"
    assert kept("drug=x", "drug = Z") == "ACD"
    assert kept("drug!=z", "year>2001") == "B"
    for condition, words in (
        ("year>x", "'x' is no number"),
        ("drug>3", "holds 'x', no number"),
        ("year>2015", "no row of r"),
        ("Drug=x", "did you mean 'drug'"),
    ):
        with pytest.raises(InputError, match=words):
            select(frame, [condition], "r")
    assert list(exclude(frame, ["b", "C"], "r")["study"]) == ["A", "D"]
    with pytest.raises(InputError, match="no such study"):
        exclude(frame, ["E"], "r")
    with pytest.raises(InputError, match="is left"):
        exclude(frame, list("ABCD"), "r")


def test_a_reading_says_what_it_took_for_what(tmp_path):
    read = frame_of(tmp_path, "slab;xi;ni;dose\nA;1;9;1,5\nB;2;8;2\nC;1;3;\n")
    assert read.notes == ["taken: 'slab' for study, 'xi' for events, 'ni' for total"]
    assert list(read.frame["dose"]) == ["1.5", "2", ""]
    assert frame_of(tmp_path, "study,events,total\nA,1,9\n").notes == []
    named = frame_of(tmp_path, "study,events,total,n\nA,1,9,20\n", total="n")
    assert named.frame["total"].tolist() == [20]
    assert named.notes == ["taken: 'n' for total"]
    with pytest.raises(InputError, match="--events y: no such column"):
        frame_of(tmp_path, "study,events,total\nA,1,9\n", events="y")
    path = tmp_path / "latin.csv"
    path.write_bytes("study,events,total\nBjörk,1,10\n".encode("latin-1"))
    assert "Latin-1" in read_studies(path).notes[0]


def test_workbooks_and_stata_files_give_what_a_csv_gives(tmp_path):
    import pandas as pd

    table = pd.DataFrame({"Study": ["Ä 1", "B"], "Events": [1, 2], "Total": [9.0, 8.0]})
    table["dose"] = [1.5, None]
    with pd.ExcelWriter(tmp_path / "review.xlsx") as book:
        pd.DataFrame({"x": [1]}).to_excel(book, sheet_name="notes", index=False)
        table.to_excel(book, sheet_name="data", index=False)
    table.to_stata(tmp_path / "review.dta", write_index=False, version=118)
    table.to_csv(tmp_path / "review.csv", index=False)
    expected = read_review(tmp_path / "review.csv")
    assert read_studies(tmp_path / "review.xlsx", Named(sheet="data")).frame.equals(expected)
    assert read_review(tmp_path / "review.dta").equals(expected)
    with pytest.raises(InputError, match="no column 'study'"):
        read_review(tmp_path / "review.xlsx")
    with pytest.raises(InputError, match=r"review\.xlsx has 'notes', 'data'"):
        read_studies(tmp_path / "review.xlsx", Named(sheet="other"))
    with pytest.raises(InputError, match="no Excel workbook"):
        read_studies(tmp_path / "review.csv", Named(sheet="data"))
    for name in ("damaged.xlsx", "damaged.dta"):
        (tmp_path / name).write_bytes(b"PK\x03\x04 nothing")
        with pytest.raises(InputError, match="is not a readable"):
            read_review(tmp_path / name)
