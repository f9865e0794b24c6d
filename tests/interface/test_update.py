"""The command of the living review: files, a user's review, refusals."""

import importlib.util
import json
from pathlib import Path

import pandas as pd
import pytest

from models.common.constants import DATA_DIR, PROJECT_ROOT
from models.common.sources import sha256
from models.interface import cli

_spec = importlib.util.spec_from_file_location(
    "update_script", PROJECT_ROOT / "scripts" / "update.py"
)
assert _spec is not None
assert _spec.loader is not None
script = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(script)

REVIEW = "study,events,total,drug,year\nA,2,30,one,2019\nB,8,30,one,2020\nC,2,30,two,2021\n"
NEW = "study,events,total,drug,year\nD,9,24,two,2024\na,2,30,one,2019\n"


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    for name, text in (("my.csv", REVIEW), ("new.csv", NEW)):
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path / "my.csv", tmp_path / "new.csv"


def ask(*arguments: object) -> None:
    cli.run(script.app, [str(a) for a in arguments])


def test_an_update_is_a_folder_with_its_record(files, tmp_path, capsys):
    review, new = files
    out, answer = tmp_path / "update", tmp_path / "answer.json"
    before = {path.name: sha256(path) for path in DATA_DIR.glob("*.csv")}
    ask(new, "--review", review, "--by", "drug", "--out", out, "--json", answer)
    names = {path.name for path in out.iterdir()}
    assert {"update.md", "record.json", "review.csv", "cumulative.png", "expected.csv"} <= names
    record = json.loads((out / "record.json").read_text())
    assert record["added"] == ["D"]
    assert record["duplicates"] == ["a"]
    assert record["inputs"] == {path.name: sha256(path) for path in (new, review)}
    assert list(pd.read_csv(out / "review.csv")["study"]) == ["A", "B", "C", "D"]
    found = json.loads(answer.read_text())
    claims = pd.read_csv(out / "moved_claims.csv").set_index("claim")
    assert found["moved_claims"][0]["claim"] == "two above one"
    assert found["moved_claims"][0]["change"] == pytest.approx(
        claims.loc["two above one", "change"]
    )
    assert [row["year"] for row in found["cumulative"]] == [2019, 2020, 2021, 2024]
    assert "1 arm added" in capsys.readouterr().out
    assert {path.name: sha256(path) for path in DATA_DIR.glob("*.csv")} == before
    # the review that was written takes the next update
    with pytest.raises(SystemExit) as ended:
        ask(new, "--review", out / "review.csv", "--by", "drug")
    assert ended.value.code == 2
    assert "every arm is in the review already" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ([], "column 'treatment'"),
        (["--review", "{review}"], "a review needs --by"),
        (["--review", "{review}", "--by", "drug", "--reference", "three"], "--reference 'three'"),
        (["--review", "{review}", "--outcome", "orr"], "either --review or --outcome"),
        (
            ["--review", "{review}", "--by", "drug", "--reference", "one", "--follow", "one"],
            "is the reference itself",
        ),
    ],
)
def test_what_cannot_be_asked(options, words, files, capsys):
    review, new = files
    with pytest.raises(SystemExit) as ended:
        ask(new, *[str(review) if o == "{review}" else o for o in options])
    assert ended.value.code == 2
    err = capsys.readouterr().err
    assert words in err
    assert len(err.splitlines()) == 1


def test_a_fault_of_the_new_arms_names_row_column_and_value(files, capsys):
    review, new = files
    new.write_text(NEW.replace("D,9,24", "D,29,24"), encoding="utf-8")
    with pytest.raises(SystemExit):
        ask(new, "--review", review, "--by", "drug")
    err = capsys.readouterr().err
    assert "new.csv" in err
    assert "29" in err
