"""Counts of the tests of reliability, from a small file of tests of known outcome."""

from pathlib import Path

from models.validation.reliability import Tried, break_things, stored_counts

TESTS = """
import pytest
def test_one(): pass
@pytest.mark.slow
def test_two(record_property): record_property("examples", 2000)
def test_three(record_property):
    record_property("examples", 50)
    assert False
@pytest.mark.skip(reason="planted: it is to be counted as skipped")
def test_four(): pass
@pytest.fixture
def broken(): raise OSError
def test_five(broken): pass
"""


def test_every_outcome_is_counted_and_a_record_belongs_to_its_tests(tmp_path: Path) -> None:
    folder = tmp_path / "tests"
    folder.mkdir()
    (folder / "test_planted.py").write_text(TESTS)
    record = tmp_path / "record.json"
    expected = {"planted": Tried(tests=5, failed=2, skipped=1, examples=2050)}
    assert break_things(record, folder) == expected
    assert stored_counts(record) == (expected, True)
    text = record.read_text()
    record.write_text(text.replace('"tests": "', '"tests": "0'))
    assert stored_counts(record) == (expected, False)
    assert stored_counts(tmp_path / "none.json") == ({}, False)
