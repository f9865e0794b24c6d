"""Whatever bytes come, a reader gives the counts that stand there, or one line that says why not.

The counts are compared with those of a second reading that shares no code with the first: Python's
csv module on the whole text. Fifty examples a reader in the normal run, 2,000 under ``-m slow``.
"""

import csv
import io
import itertools
import math
import os
import random
import re
import subprocess
import sys
import textwrap
from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from models.common.constants import PROJECT_ROOT
from models.common.errors import LONGEST_LINE, InputError
from models.reviews.batches import count_reviews, read_reviews
from models.reviews.case_mix import read_case_mix, read_mix
from models.reviews.joint import COUNTS as JOINT
from models.reviews.joint import read_joint
from models.reviews.reader import read_review
from models.reviews.strata import read_cells, read_strata

FAST, SLOW = 50, 2000
EXAMPLES = [pytest.param(FAST, id="fast"), pytest.param(SLOW, id="slow", marks=pytest.mark.slow)]

type Counts = list[tuple[str, int, int]]


def fuzz(examples: int, strategy: st.SearchStrategy[Any], check: Callable[[Any], None]) -> None:
    """Run a check on many examples; the fast ones are the same in every run."""

    @settings(
        max_examples=examples,
        derandomize=examples == FAST,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def run(example: Any) -> None:
        check(example)

    run()


def refusal(error: InputError) -> str:
    """Return a refusal, which must be a line that a terminal can show."""
    text = str(error)
    assert text.isprintable()
    assert len(text) <= LONGEST_LINE
    return text


# Texts


LABELS = ("A", "B", "C", "A, B", "A; B", 'q"q', "Ä", "日本", " pad ", "NA", "=1+1", "\x1b[31m")
ODD = (
    *("", " ", "\u00a0", "\ufeff", "\x00", "x", "-1", "-0", "+3", "007", "3.0", "3.", "1.5", "1e3"),
    *("NaN", "inf", "٣", "1_0", "0x10", "2,5", "two\nlines"),
    *("9" * 30, "1" * 5000, "0" * 5000 + "1"),
)
STUDIES = (
    *(["study", "events", "total"], ["Total", "STUDY", " events "], ["study", "events"]),
    *(["study", "events", "total", "drug"], ["study", "Study", "events", "total"], ["", "", ""]),
)
OTHERS = (
    *(["stratum", "events", "total", "parent"], ["stratum", "events", "total", "parent", "Parent"]),
    *(["stratum", "treatment", "events", "total"], ["subtype", "patients"], ["Stratum", "total"]),
    ["study", *JOINT, "Treatment"],
)


@st.composite
def tables(draw: st.DrawFn, headers: tuple[list[str], ...]) -> bytes:
    """Return the bytes of a table, most of it sound, some of it damaged."""
    header = list(draw(st.sampled_from(headers)))
    rows: list[list[str]] = [header]
    for i in range(draw(st.integers(0, 5))):
        total = draw(st.integers(1, 60))
        events = draw(st.integers(0, total))
        numbers = iter((str(events), str(total)))
        row = [
            next(numbers, "1")
            if name.strip().lower() in ("events", "total", "patients", "responders")
            else f"{draw(st.sampled_from(LABELS))}{i}"
            for name in header
        ]
        if header[0] == "Total":
            row[0], row[-1] = str(total), str(events)
        rows.append(row)
    for _ in range(draw(st.sampled_from((0, 0, 0, 1, 1, 2)))):
        row = draw(st.sampled_from(rows))
        kind = draw(st.sampled_from(("cell", "cell", "cell", "more", "fewer", "blank")))
        if kind == "cell" and row:
            row[draw(st.integers(0, len(row) - 1))] = draw(st.sampled_from((*LABELS, *ODD)))
        elif kind == "more":
            row.append(draw(st.sampled_from(ODD)))
        elif kind == "fewer" and row:
            row.pop()
        else:
            rows.insert(draw(st.integers(0, len(rows))), [""] * draw(st.integers(0, 3)))
    text = io.StringIO(newline="")
    delimiter = draw(st.sampled_from((",", ",", ";", "\t")))
    end = draw(st.sampled_from(("\n", "\n", "\r\n", "\r")))
    quoting = draw(st.sampled_from((csv.QUOTE_MINIMAL, csv.QUOTE_ALL)))
    csv.writer(text, delimiter=delimiter, lineterminator=end, quoting=quoting).writerows(rows)
    code = draw(st.sampled_from(("utf-8", "utf-8", "utf-8", "utf-8-sig", "utf-16", "latin-1")))
    raw = bytearray(text.getvalue().encode(code, "replace"))
    for _ in range(draw(st.sampled_from((0, 0, 0, 0, 1, 3)))):
        if raw:
            place = draw(st.integers(0, len(raw) - 1))
            raw[place : place + draw(st.integers(0, 2))] = draw(st.binary(max_size=3))
    return bytes(raw)


def files(headers: tuple[list[str], ...]) -> st.SearchStrategy[bytes]:
    """Return a strategy of files: tables, or any bytes."""
    return st.one_of(*[tables(headers)] * 4, st.binary(max_size=40))


def decoded(raw: bytes) -> str:
    """Return the text of a file; what is no UTF is taken for Windows-1252."""
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        return raw.decode("utf-16", "replace")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        return raw.decode("cp1252", "replace")


def second_reading(raw: bytes, delimiter: str) -> Counts | None:
    """Return the counts of a table if it is one beyond doubt, else None."""
    text = decoded(raw)
    try:
        rows = [
            [cell.strip() for cell in row]
            for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
        ]
    except csv.Error:
        return None
    rows = [row for row in rows if any(row)]
    if "\0" in text or len(rows) < 2 or len({len(row) for row in rows}) > 1:
        return None
    names = {"study", "events", "total"}
    header = [name.lower() if name.lower() in names else name for name in rows[0]]
    if not names <= set(header) or len(set(header)) < len(header):
        return None
    found = []
    for row in rows[1:]:
        cells = dict(zip(header, row, strict=True))
        numbers = [cells["events"], cells["total"]]
        if not all(re.fullmatch(r"[-+]?[0-9]+(\.0*)?", text) for text in numbers):
            return None
        events, total = (Decimal(text) for text in numbers)
        if not (cells["study"] and 0 <= events <= total and 1 <= total <= 10**9):
            return None
        found.append((cells["study"], int(events), int(total)))
    return found if len({label for label, *_ in found}) == len(found) else None


def reading(path: Path) -> Counts | str:
    """Return the counts that the project reads, or its refusal."""
    try:
        frame = read_review(path)
    except InputError as error:
        return refusal(error)
    return list(frame[["study", "events", "total"]].itertuples(index=False, name=None))


def readings(raw: bytes) -> dict[str, Counts]:
    """Return the second readings of a file, by the sign between its cells."""
    found = {sign: second_reading(raw, sign) for sign in (",", ";", "\t")}
    return {sign: counts for sign, counts in found.items() if counts is not None}


def certain(raw: bytes) -> Counts | None:
    """Return the counts that no reader may refuse: one sign alone stands in the first line."""
    found = readings(raw)
    text = decoded(raw)
    lines = text.lstrip().splitlines() if "\ufffd" not in text else []
    signs = [sign for sign in (",", ";", "\t") if lines and sign in lines[0]]
    return found.get(signs[0]) if len(signs) == 1 else None


@pytest.mark.parametrize("examples", EXAMPLES)
def test_a_review_is_read_right_or_refused(
    tmp_path: Path, examples: int, record_property: Callable[[str, object], None]
) -> None:
    record_property("examples", examples)
    outcomes: Counter[str] = Counter()
    path = tmp_path / "review.csv"

    def check(raw: bytes) -> None:
        path.write_bytes(raw)
        found = reading(path)
        if isinstance(found, str):
            assert certain(raw) is None, found
            assert found.startswith(str(path))
        else:
            assert found in readings(raw).values()
        outcomes["refused" if isinstance(found, str) else "read"] += 1

    fuzz(examples, files(STUDIES), check)
    # the examples are worth something only if there are enough of both kinds
    assert min(outcomes["read"], outcomes["refused"]) >= examples / 10, outcomes


@pytest.mark.parametrize("examples", EXAMPLES)
def test_every_other_reader_ends_in_a_frame_or_a_line(
    tmp_path: Path, examples: int, record_property: Callable[[str, object], None]
) -> None:
    record_property("examples", examples)
    outcomes: Counter[str] = Counter()
    path = tmp_path / "table.csv"
    readers: dict[str, Callable[[Path], Any]] = {
        "strata": read_strata,
        "cells": read_cells,
        "joint": read_joint,
        "mix": lambda path: read_mix(path, ["A0", "B0", "C0", "A1", "B1", "C1"]),
    }

    def check(raw: bytes) -> None:
        path.write_bytes(raw)
        for name, reader in readers.items():
            try:
                reader(path)
            except InputError as error:
                refused = refusal(error)
            else:
                outcomes[name] += 1
                continue
            assert refused.startswith(str(path))

    fuzz(examples, files(OTHERS), check)
    assert outcomes["strata"] >= examples / 50, outcomes


SOUND_FILES = {
    "arms.csv": b"arm,treatment,responders\nA,mono,3\nB,mono,1\nC,TKI,4\n",
    "composition.csv": b"arm,subtype,patients\nA,x,5\nA,y,5\nB,x,4\nB,y,4\nC,x,6\nC,y,3\n",
    "subtype_treatment.csv": b"subtype,treatment,responders\nx,mono,3\nx,TKI,3\n",
    "known.csv": b"arm,subtype,responders\nA,x,2\n",
}


@st.composite
def damaged(draw: st.DrawFn) -> dict[str, bytes]:
    """Return the files of a case-mix review, one of them damaged."""
    name = draw(st.sampled_from(sorted(SOUND_FILES)))
    raw = bytearray(SOUND_FILES[name])
    for _ in range(draw(st.sampled_from((0, 1, 1, 2)))):
        place = draw(st.integers(0, len(raw) - 1))
        sign = st.sampled_from([b"0", b"1", b"2", b"9", b",", b"\n", b"x", b"A", b" "])
        new = draw(st.one_of(sign, sign, sign, st.binary(max_size=3)))
        raw[place : place + draw(st.sampled_from((0, 1, 1, 1, 2)))] = new
    return SOUND_FILES | {name: bytes(raw)}


@pytest.mark.parametrize("examples", EXAMPLES)
def test_a_case_mix_folder_is_read_or_refused(
    tmp_path: Path, examples: int, record_property: Callable[[str, object], None]
) -> None:
    record_property("examples", examples)
    outcomes: Counter[str] = Counter()

    def check(files: dict[str, bytes]) -> None:
        for name, raw in files.items():
            (tmp_path / name).write_bytes(raw)
        try:
            review = read_case_mix(tmp_path)
        except InputError as error:
            # what the files say together may be long; the command line shortens it
            outcomes["refused" if "\n" not in str(error) else "of two lines"] += 1
        else:
            assert review.arms["events"].sum() == review.margins["events"].sum()
            assert (review.cells.groupby("arm")["total"].sum() > 0).all()
            outcomes["read"] += 1

    fuzz(examples, damaged(), check)
    # no example comes twice, and few changes leave a folder whose files agree
    assert min(outcomes["read"], outcomes["refused"]) >= examples / 50, outcomes
    assert outcomes["of two lines"] == 0


# Folders and Parquet

NAMES = (b"a.csv", b"a.CSV", b"b\xff.csv", b"n\n.csv", b".hidden.csv", b"notes.txt", b"c.csv")


@pytest.mark.parametrize("examples", EXAMPLES)
def test_a_folder_loses_no_review(
    tmp_path: Path, examples: int, record_property: Callable[[str, object], None]
) -> None:
    record_property("examples", examples)
    numbers = itertools.count()

    def check(files: dict[bytes, bytes]) -> None:
        folder = tmp_path / str(next(numbers))
        folder.mkdir()
        for name, raw in files.items():
            Path(os.fsdecode(os.fsencode(folder) + b"/" + name)).write_bytes(raw)
        expected = {n: r for n, r in files.items() if n not in (b"notes.txt", b".hidden.csv")}
        if not expected:
            with pytest.raises(InputError, match=r"holds no \.csv file"):
                count_reviews(folder)
            return
        assert count_reviews(folder) == len(expected)
        reviews = list(read_reviews(folder))
        assert len({review.name for review in reviews}) == len(expected)
        for (_, raw), review in zip(sorted(expected.items()), reviews, strict=True):
            counts = list(zip(review.events, review.total, strict=True))
            if review.error is None:
                assert counts in [[row[1:] for row in rows] for rows in readings(raw).values()]
            else:
                assert certain(raw) is None, review.error
                refusal(InputError(review.error))

    named = st.dictionaries(st.sampled_from(NAMES), files(STUDIES), min_size=1, max_size=4)
    fuzz(examples, named, check)


VALUES: dict[str, tuple[pa.DataType, st.SearchStrategy[Any]]] = {
    "int": (pa.int64(), st.integers(-2, 30)),
    "large": (pa.uint64(), st.sampled_from((0, 1, 10**9, 10**9 + 1, 2**64 - 1))),
    "float": (
        pa.float64(),
        st.one_of(st.integers(0, 9).map(float), st.floats(), st.sampled_from((0.5, 1e300))),
    ),
    "decimal": (pa.decimal128(6, 1), st.sampled_from([Decimal(i) / 2 for i in range(-2, 20)])),
    "text": (pa.string(), st.sampled_from(("1", "2", ""))),
    "binary": (pa.binary(), st.sampled_from((b"1", b"\xff"))),
    "bool": (pa.bool_(), st.booleans()),
    "list": (pa.list_(pa.int64()), st.lists(st.integers(0, 3), max_size=2)),
    "map": (pa.map_(pa.string(), pa.int64()), st.just([("a", 1)])),
    "struct": (pa.struct({"x": pa.int64()}), st.just({"x": 1})),
    "time": (pa.timestamp("ns"), st.integers(-(2**62), 2**62)),
    "date": (pa.date64(), st.sampled_from((0, 86_400_000, 2**55 // 86_400_000 * 86_400_000))),
    "null": (pa.null(), st.none()),
}
SOUND_KINDS = ("int", "int", "int", "float", "decimal")


@st.composite
def columns(draw: st.DrawFn) -> dict[str, pa.Array]:
    """Return the columns of a batch, of whatever types and values."""
    sizes = draw(st.lists(st.integers(1, 3), min_size=1, max_size=4))
    rows = sum(sizes)
    names = [f"r{i}" for i, size in enumerate(sizes) for _ in range(size)]
    studies = [f"s{j}" for size in sizes for j in range(size)]
    found: dict[str, pa.Array] = {"review": pa.array(names), "study": pa.array(studies)}
    if draw(st.sampled_from((False, False, True))):
        kind, values = VALUES[draw(st.sampled_from(sorted(VALUES)))]
        found["study"] = pa.array(draw(st.lists(values, min_size=rows, max_size=rows)), kind)
    for name in ("events", "total"):
        odd = draw(st.sampled_from((False, False, True)))
        kind, values = VALUES[draw(st.sampled_from(sorted(VALUES) if odd else SOUND_KINDS))]
        if name == "total" and not odd:
            values = st.integers(10, 40).map(Decimal if pa.types.is_decimal(kind) else int)
        cells = draw(st.lists(st.one_of(values, values, values), min_size=rows, max_size=rows))
        if draw(st.sampled_from((False, False, False, True))):
            cells[draw(st.integers(0, rows - 1))] = None
        if draw(st.booleans()) and name == "events" and not odd:
            cells = [None if cell is None else i % 5 for i, cell in enumerate(cells)]
            kind = pa.int64()
        found[name] = pa.array(cells, kind)
    return found


def is_count(value: Any) -> bool:
    """Say whether a value is a number of patients."""
    if isinstance(value, bool) or not isinstance(value, (int, float, Decimal)):
        return False
    return math.isfinite(value) and value == int(value) and 0 <= value <= 10**9


@pytest.mark.parametrize("examples", EXAMPLES)
def test_a_parquet_file_loses_no_review(
    tmp_path: Path, examples: int, record_property: Callable[[str, object], None]
) -> None:
    record_property("examples", examples)
    outcomes: Counter[str] = Counter()
    path = tmp_path / "all.parquet"

    def check(given: dict[str, pa.Array]) -> None:
        parquet.write_table(pa.table(given), path)
        names = given["review"].to_pylist()
        order = list(dict.fromkeys(names))
        assert count_reviews(path) == len(order)
        reviews = list(read_reviews(path))
        assert [review.name for review in reviews] == order
        # a time is no count, and some times are none that Python knows
        cells = {
            name: [None] * len(names) if pa.types.is_temporal(column.type) else column.to_pylist()
            for name, column in given.items()
        }
        pairs = list(zip(cells["events"], cells["total"], strict=True))
        for review in reviews:
            rows = [i for i, name in enumerate(names) if name == review.name]
            mine = [pairs[i] for i in rows]
            sound = all(is_count(x) and is_count(n) and x <= n and n > 0 for x, n in mine)
            labels = [cells["study"][i] for i in rows]
            unique = len({str(label) for label in labels if label}) == len(labels)
            if review.error is None:
                assert sound
                assert review.events == tuple(int(x) for x, _ in mine)
                assert review.total == tuple(int(n) for _, n in mine)
            else:
                refusal(InputError(review.error))
                # labels of text, unique and none blank: then the counts were at fault
                assert not (sound and unique and isinstance(labels[0], str)), review.error
            outcomes["refused" if review.error else "read"] += 1

    fuzz(examples, columns(), check)
    assert min(outcomes["read"], outcomes["refused"]) >= examples / 10, outcomes


FLIPS = """
    import random, sys
    from pathlib import Path
    from models.common.errors import InputError
    from models.reviews.batches import count_reviews, read_reviews

    source, seed, examples = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    raw, rng, path = source.read_bytes(), random.Random(seed), source.with_name("bad.parquet")
    read = 0
    for number in range(examples):
        damaged = bytearray(raw)
        if number % 4 == 0:
            damaged = damaged[: rng.randrange(len(raw))]
        else:
            low = len(raw) * 2 // 3 if number % 4 == 1 else 0
            for _ in range(rng.randint(1, 3)):
                damaged[rng.randrange(low, len(raw))] ^= 1 << rng.randrange(8)
        path.write_bytes(damaged)
        try:
            count = count_reviews(path)
            assert len(list(read_reviews(path))) == count
            read += 1
        except InputError as error:
            assert str(error).isprintable() and len(str(error)) <= 300, error
    print(read)
"""


@pytest.mark.parametrize("examples", EXAMPLES)
def test_a_damaged_parquet_file_is_read_or_refused(
    tmp_path: Path, examples: int, record_property: Callable[[str, object], None]
) -> None:
    record_property("examples", examples)
    """In a process of its own: what a library of another language does may end it."""
    rng = random.Random(3)
    rows = [
        (f"r{i}", f"s{j}", rng.randint(0, 5), rng.randint(5, 50))
        for i in range(20)
        for j in range(4)
    ]
    names = ("review", "study", "events", "total")
    table = pa.table(dict(zip(names, map(list, zip(*rows, strict=True)), strict=True)))
    parquet.write_table(table, tmp_path / "good.parquet", row_group_size=30)
    seed = 1 if examples == FAST else random.randrange(2**31)
    command = [sys.executable, "-c", textwrap.dedent(FLIPS), str(tmp_path / "good.parquet")]
    done = subprocess.run(
        [*command, str(seed), str(examples)],
        cwd=PROJECT_ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, (seed, done.stderr[-2000:])
    assert int(done.stdout) < examples
