"""The command on the next trial: shape of the JSON, files, a user's review, refusals."""

import importlib.util
import json
import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from models.common.constants import PROJECT_ROOT
from models.interface import cli

SCRIPT = PROJECT_ROOT / "scripts" / "next_trial.py"
_spec = importlib.util.spec_from_file_location("next_trial_script", SCRIPT)
assert _spec is not None
assert _spec.loader is not None
script = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(script)

REVIEW = """study,events,total,drug
A,2,30,one
B,18,30,one
C,0,30,one
D,2,30,two
E,6,24,two
F,1,12,"<b>three</b>"
"""


@pytest.fixture
def review(tmp_path: Path) -> Path:
    path = tmp_path / "my.csv"
    path.write_text(REVIEW, encoding="utf-8")
    return path


def ask(*arguments: object) -> None:
    cli.run(script.app, [str(a) for a in arguments])


def test_the_answer_of_a_cold_shell_and_its_json(tmp_path):
    """Within seconds, without sampler or plotting library; the shape that others read."""
    out = tmp_path / "answer.json"
    command = [sys.executable, "-X", "importtime", str(SCRIPT), "--outcome", "orr"]
    command += ["--treatment", "ICI + TKI", "--n", "40", "--null", "0.10"]
    command += ["--alternative", "0.25", "--json", str(out)]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    # seconds of a processor: on a busy machine the clock tells nothing
    used = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    assert used < 6.0
    assert done.returncode == 0, done.stderr
    loaded = {line.rpartition("|")[2].strip().split(".")[0] for line in done.stderr.splitlines()}
    assert not loaded & {"pymc", "arviz", "xarray", "matplotlib"}
    found = json.loads(out.read_text())
    assert list(found["map"]) == ["mean", "sd", "median", "lower", "upper"]
    assert list(found["mixture"][0]) == ["weight", "a", "b"]
    assert list(found["ess"]) == ["elir", "moment", "morita"]
    assert [row["responders"] for row in found["predictive"]] == list(range(41))
    assert sum(row["probability"] for row in found["predictive"]) == pytest.approx(1.0)
    keys = ["rule", "n", "critical", "type_one_error", "power", "assurance"]
    assert all(list(row) == keys for row in found["rules"])
    names = [row["rule"] for row in found["rules"]]
    assert names == ["exact", "simon optimal", "simon minimax", "map", "robust map", "vague"]
    assert found["rules"][0]["critical"] == 8
    assert "assurance" in done.stdout


def test_a_review_of_ones_own_by_group(review, tmp_path, capsys):
    out, folder = tmp_path / "answer.json", tmp_path / "plan"
    ask(review, "--by", "drug", "--treatment", "one", "--control", "two", "--n", 30, "--null", 0.1,
        "--n-control", 15, "--json", out, "--out", folder)  # fmt: skip
    found = json.loads(out.read_text())
    assert found["question"]["responders"] == 20
    assert found["rules"][0]["power"] is None
    assert found["ess"]["elir"] > 0
    assert {row["n_control"] for row in found["randomised"]["rules"]} == {15}
    names = {path.name for path in folder.iterdir()}
    assert {"map.json", "map_robust.json", "prior.png", "rules.svg", "protocol.md"} <= names
    robust = np.array(json.loads((folder / "map_robust.json").read_text())["comp"])
    assert robust[:, -1].tolist() == [0.2, 1.0, 1.0]
    rules = pd.read_csv(folder / "rules.csv").set_index("rule")
    assert rules.loc["exact", "assurance"] == pytest.approx(found["rules"][0]["assurance"])
    protocol = (folder / "protocol.md").read_text()
    assert f"at least {found['rules'][0]['critical']} responders reject" in protocol
    assert "Randomised against two" in capsys.readouterr().out


def test_all_arms_without_a_group_and_a_scale_that_has_no_local_ratio(review, tmp_path, capsys):
    out = tmp_path / "answer.json"
    ask(review, "--n", 25, "--prior-tau-scale", 2, "--json", out)
    assert json.loads(out.read_text())["ess"]["elir"] is None
    assert "does not exist" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--n", "1"], "--n must lie between 2 and 1000, got 1"),
        (["--null", "0"], "--null must lie between 0 and 1, got 0"),
        (["--null", "0.3", "--alternative", "0.2"], "--alternative must exceed --null (0.3)"),
        (["--outcome", "trae"], "--outcome trae: a rule of success asks for a high rate"),
        (["--subtype", "UPS"], "--subtype needs --treatment"),
        (["--subtype", "XYZ", "--treatment", "ICI + TKI"], "--subtype 'XYZ': the review has"),
        (["--treatment", "aspirin"], "'aspirin': there is no such group"),
        (["--by", "drug"], "no such grouping"),
        (["--by", "treatment"], "--treatment says which group is planned"),
        (["--treatment", "ICI + TKI", "--n", "500"], "--n must be at most 300"),
        (["--treatment", "ICI + TKI", "--control", "ICI + TKI"], "is the treatment itself"),
        (["--robust", "1"], "--robust must lie between 0 and 1, got 1"),
    ],
)
def test_what_cannot_be_asked(options, words, tmp_path, capsys):
    out = tmp_path / "answer.json"
    with pytest.raises(SystemExit) as ended:
        ask(*options, "--json", out)
    assert ended.value.code == 2
    err = capsys.readouterr().err
    assert words in err
    assert len(err.splitlines()) == 1
    assert not out.exists()


def test_a_fault_of_a_review_names_row_column_and_value(review, capsys):
    review.write_text(REVIEW.replace("B,18,30", "B,48,30"), encoding="utf-8")
    with pytest.raises(SystemExit) as ended:
        ask(review)
    assert ended.value.code == 2
    err = capsys.readouterr().err
    assert "my.csv" in err
    assert "48" in err
