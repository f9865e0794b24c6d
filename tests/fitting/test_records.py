"""Saved fits, run records and writing in one step."""

import json

import pytest

from models.common.constants import PROJECT_ROOT
from models.common.errors import InputError
from models.common.files import replacing, write_json
from models.fitting.records import load_fit
from models.fitting.registry import MODELS, POOLED, SUBGROUP


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
    assert POOLED.code_hash() != SUBGROUP.code_hash()
    assert len(POOLED.code_hash()) == 64


def test_every_model_is_in_the_registry_and_can_be_found():
    files = {path.stem for path in (PROJECT_ROOT / "models").glob("*.py")}
    assert set(MODELS) == files - {"__init__", "priors"}
    for name, model in MODELS.items():
        assert model.builder == f"models.{name}:build_{name}_model"
        assert len(model.code_hash()) == 64


@pytest.mark.parametrize("content", ["", "{", "[]", '{"identity": {}}', '{"identity": 1}'])
def test_a_cut_run_record_is_one_line(tmp_path, content):
    (tmp_path / "pool_P001.nc").write_bytes(b"")
    (tmp_path / "pool_P001.json").write_text(content)
    with pytest.raises(InputError, match=r"pool_P001\.json: is no run record"):
        load_fit(tmp_path, "pool_P001")


def test_an_absent_fit_is_named(tmp_path):
    with pytest.raises(InputError, match="no saved fit"):
        load_fit(tmp_path, "pool_P001")
