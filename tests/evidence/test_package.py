"""The data package: what the schemas say, valid for frictionless, which finds planted faults."""

import json
import shutil
from pathlib import Path

import pytest
from frictionless import validate

from models.common.constants import DATA_DIR
from models.evidence.package import FILE, data_package
from models.evidence.schemas import SCHEMAS


def test_the_package_is_what_the_schemas_say() -> None:
    """After a change: ``uv run scripts/verify/data_package.py``."""
    assert json.loads(FILE.read_text(encoding="utf-8")) == data_package()


def test_frictionless_accepts_package_and_data() -> None:
    report = validate(str(FILE))
    assert [task.name for task in report.tasks] == list(SCHEMAS)
    assert report.flatten(["name", "rowNumber", "fieldName", "message"]) == []
    assert report.valid


def test_fields_carry_type_meaning_and_constraints() -> None:
    resources = data_package()["resources"]
    fields = {r["name"]: {f["name"]: f for f in r["schema"]["fields"]} for r in resources}
    events = fields["outcomes"]["events"]
    assert events["type"] == "integer"
    assert events["constraints"] == {"required": True, "minimum": 0, "maximum": 1_000_000}
    assert "orr" in fields["outcomes"]["outcome"]["constraints"]["enum"]
    assert all(f["description"] for table in fields.values() for f in table.values())
    references = next(r for r in resources if r["name"] == "outcomes")
    assert references["schema"]["foreignKeys"] == [
        {"fields": ["arm_id"], "reference": {"resource": "arms", "fields": ["arm_id"]}}
    ]


@pytest.mark.parametrize(
    ("table", "old", "new", "kind"),
    [
        ("outcomes", "Chawla2022_atezo,orr,0,42", "Chawla2022_atezo,orr,none,42", "type-error"),
        ("outcomes", "Chawla2022_atezo,orr,0,42", "Chawla2022_atezo,rr,0,42", "constraint-error"),
        ("outcomes", "Chawla2022_atezo,orr,0,42", "Nobody2022,orr,0,42", "foreign-key"),
        ("medians", "Wilky2019,OS,18.7", "Wilky2019,PFS,18.7", "primary-key"),
    ],
)
def test_frictionless_finds_a_planted_fault(
    tmp_path: Path, table: str, old: str, new: str, kind: str
) -> None:
    needed = {table, "arms"}
    descriptor = data_package()
    descriptor["resources"] = [r for r in descriptor["resources"] if r["name"] in needed]
    for resource in descriptor["resources"]:
        keys = resource["schema"].get("foreignKeys", [])
        kept = [k for k in keys if k["reference"]["resource"] in needed]
        resource["schema"] = {k: v for k, v in resource["schema"].items() if k != "foreignKeys"}
        if kept:
            resource["schema"]["foreignKeys"] = kept
        shutil.copy(DATA_DIR / resource["path"], tmp_path)
    path = tmp_path / f"{table}.csv"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    (tmp_path / "datapackage.json").write_text(json.dumps(descriptor), encoding="utf-8")
    report = validate(str(tmp_path / "datapackage.json"))
    assert kind in {error.type for task in report.tasks for error in task.errors}
