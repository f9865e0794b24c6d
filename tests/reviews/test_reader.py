"""The reader of a user's review: what it refuses, in words, and what it accepts."""

import pytest

from models.common.errors import InputError
from models.reviews.reader import read_review, select

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
    "Latin-1": ("study,events,total\nA,1,9\nBjörk,1,10\n".encode("latin-1"), ["row 3", "UTF-8"]),
    "open quote": (b'study,events,total\n"A,1,10\n', ["CSV"]),
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
