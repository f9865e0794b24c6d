"""``scripts/review.py`` and its Python counterpart, as a user meets them."""

import doctest
import importlib
import importlib.util
import json
from pathlib import Path

import pandas as pd
import pytest

from models.common.constants import PROJECT_ROOT
from models.common.sources import sha256
from models.interface import cli
from models.interface.console.terminal import table_lines

EXAMPLE = PROJECT_ROOT / "data" / "examples" / "debruin2009.csv"


def run(*arguments: str) -> int:
    spec = importlib.util.spec_from_file_location("r", PROJECT_ROOT / "scripts" / "review.py")
    assert spec is not None
    assert spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    try:
        cli.run(script.app, list(arguments))
    except SystemExit as ended:
        return int(ended.code)
    return 0


def test_one_command_gives_tables_figure_text_and_record(tmp_path: Path, capsys) -> None:
    out, file = tmp_path / "results", tmp_path / "all.json"
    options = ["--by", "ethnicity", "--where", "year>=2003", "--exclude", "Wohl et al. 2006"]
    options += ["--threshold", "0.4", "--prior", "tau=half-t(3,1)", "--level", "0.9"]
    assert run(str(EXAMPLE), *options, "--json", str(file), "--out", str(out)) == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    lines = printed.out.splitlines()
    assert lines[0].startswith("debruin2009.csv: 9 of 13 studies")
    assert "'xi' for events" in lines[1]
    assert lines[-1].startswith("In a typical study ")
    page = (out / "report.html").read_text(encoding="utf-8")
    assert lines[-1] in page
    assert "Fairley et al. 2003" in page
    assert sha256(EXAMPLE)[:16] in page
    assert {"review.md", "review.json", "forest.svg", "forest.png", "pools.csv"} <= {
        path.name for path in out.iterdir()
    }
    content = json.loads(file.read_text(encoding="utf-8"))
    assert content == json.loads((out / "review.json").read_text(encoding="utf-8"))
    made = content["provenance"]
    assert made["sha256"] == sha256(EXAMPLE)
    assert (made["input"], made["rows_read"], made["rows_kept"]) == ("debruin2009.csv", 13, 9)
    assert made["options"]["where"] == ["year>=2003"]
    assert content["settings"]["priors"]["tau"] == "half-t(3, 1)"
    assert content["settings"]["level"] == 0.9
    assert content["answer"] == lines[-1]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nowhere.csv"], "no such file"),
        ([str(EXAMPLE), "--by", "etnicity"], "did you mean 'ethnicity'"),
        ([str(EXAMPLE), "--exclude", "Wohl 2006"], "did you mean 'Wohl et al. 2006'"),
        ([str(EXAMPLE), "--level", "95"], "--level must lie between"),
        ([str(EXAMPLE), "--threshold", "20"], "--threshold must lie between"),
        ([str(EXAMPLE), "--engine", "nuts", "--prior", "tau=fixed(1)"], "--engine nuts"),
        ([str(EXAMPLE), "--cluster", "author", "--by", "ethnicity"], "one at a time"),
        ([str(EXAMPLE), "--total", "patients"], "column 'total'"),
        ([str(EXAMPLE), "--json", str(EXAMPLE)], "is the input"),
        ([str(EXAMPLE), "--order", "ethnic"], "no column 'ethnic'"),
    ],
)
def test_what_cannot_be_is_one_line(arguments, words, capsys) -> None:
    assert run(*arguments) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert words in lines[0]


def test_quiet_is_the_answer_alone(capsys) -> None:
    assert run(str(EXAMPLE), "--quiet") == 0
    printed = capsys.readouterr()
    assert printed.out.startswith("In a typical study 47 %")
    assert len(printed.out.splitlines()) == 1
    assert printed.err == ""
    assert run("--version") == 0
    assert capsys.readouterr().out.startswith("ici-sarcoma-evidence 0")
    assert run("--help") == 0
    assert "--quiet prints" in capsys.readouterr().out


def test_the_examples_of_the_docstrings_are_true(monkeypatch) -> None:
    monkeypatch.chdir(PROJECT_ROOT)
    tested = doctest.testmod(importlib.import_module("models.interface.review"))
    assert tested.failed == 0
    assert tested.attempted > 12


def test_a_result_is_short_in_print_and_a_table_in_a_notebook() -> None:
    from models import review

    result = review.pool(review.studies([2, 4, 3], [20, 25, 30], ["<b>", "B", "C"]))
    assert len(repr(result)) < 400
    assert "&lt;b&gt;" in result._repr_html_()
    with pytest.raises(ValueError, match="a label for every study"):
        review.studies([1, 2], [9, 9], ["A", "A"])


def test_every_table_fits_a_terminal() -> None:
    from models import review
    from models.analyses.review.frames import frames

    frame = review.studies([1, 2, 9, 8], [20, 200, 2000, 20]).assign(
        drug=["a rather long name of a drug", "x", "a rather long name of a drug", "x"]
    )
    frame["study"] = [f"Author {name} and colleagues, 2020 (second cohort)" for name in "ABCD"]
    for _, shown in frames(review.pool(frame, by="drug", draws=200)):
        assert max(map(len, table_lines(shown))) <= 80


def test_words_are_folded_and_numbers_are_not() -> None:
    frame = pd.DataFrame(
        {"name": ["a long name " * 8, "日本"], "rate": ["12.3 (1.2-34.5)"] * 2, "x": ["1", "2"]}
    )
    lines = table_lines(frame, 40)
    assert max(map(len, lines)) <= 40
    assert sum("12.3 (1.2-34.5)" in line for line in lines) == 2
    assert " ".join(lines).count("long") == 8
