"""Saved fits, run records and writing in one step."""

import json

import pytest

from models.common.errors import InputError
from models.common.files import replacing, write_json
from models.fitting.records import load_fit, model_hash


def test_a_failed_write_leaves_the_old_file(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("old")

    def fail_half_way():
        with replacing(path) as temporary:
            temporary.write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_half_way()
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["table.csv"]


def test_json_refuses_nan_and_keeps_the_old_file(tmp_path):
    path = tmp_path / "out.json"
    write_json(path, {"a": 1})
    with pytest.raises(ValueError, match="JSON"):
        write_json(path, {"a": float("nan")})
    assert json.loads(path.read_text()) == {"a": 1}


def test_the_model_hash_follows_the_source():
    assert model_hash("pooled") != model_hash("subgroup")
    assert len(model_hash("pooled")) == 64


def test_an_absent_fit_is_named(tmp_path):
    with pytest.raises(InputError, match="no saved fit"):
        load_fit(tmp_path, "pool_P001")
