"""Labels that would act if they could, through every output of the commands on a user's data."""

import csv
import dataclasses
import importlib.util
import json
import re
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from models.common.constants import PROJECT_ROOT
from models.interface import cli
from models.render.escape import printable

LABELS = (
    "[/foo]",
    "[red]x",
    "[link=http://y]x[/link]",
    r"\input{x}",
    "<script>alert(1)</script>",
    "=cmd|' /C calc'!A0",
    "@SUM(A1)",
    "\x1b[31mred\x1b[0m",
    "\x1b]0;title\x07",
    "a|b",
    "two\nlines",
    "≥ 日本",
    "{{ 7 * 7 }}",
    "long " * 100 + "x",
)
CONTROL = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f]")


def module(path: Path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


def run(script: str, *arguments: object) -> None:
    app = module(PROJECT_ROOT / "scripts" / f"{script}.py").app
    cli.run(app, [str(argument) for argument in arguments])


def write(path: Path, *columns: str, **labels: tuple[str, ...]) -> Path:
    """Write a review with hostile labels in some columns, and counts."""
    names = [*labels, *columns]
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([*names, "events", "total"])
        for i in range(len(LABELS)):
            cells = [values[i % len(values)] for values in labels.values()]
            writer.writerow([*cells, *columns, i % 4, 12 + i])
    return path


def shown(text: str, labels: tuple[str, ...] = LABELS) -> None:
    """Assert that every label is on the terminal as it is, and that none of them acts there."""
    assert not CONTROL.search(text)
    # the widest table ends its cells with blanks
    lines = re.sub(" +", " ", text)
    for label in labels:
        assert re.sub(" +", " ", printable(label)).strip() in lines


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "4000")
    # escape sequences of rich itself would be there for a terminal only
    monkeypatch.setenv("TERM", "dumb")


def test_pool(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    review = write(tmp_path / "[red]x=.csv", study=LABELS)
    out = tmp_path / "[bold].json"
    run("pool", review, "--engine", "grid", "--json", out)
    shown(capsys.readouterr().out, (*LABELS, str(review)))
    studies = json.loads(out.read_text(encoding="utf-8"))["bayes"]["studies"]
    assert [row["study"] for row in studies] == list(LABELS)


def test_subgroups(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    groups = LABELS[:7]
    review = write(tmp_path / "r.csv", study=LABELS, **{"[kind]": groups})
    out = tmp_path / "out.json"
    run("subgroups", review, "--by", "[kind]", "--engine", "grid", "--draws", 100, "--json", out)
    shown(capsys.readouterr().out, groups)
    found = json.loads(out.read_text(encoding="utf-8"))["groups"]
    assert {row["group"] for row in found} == set(groups)


def test_subtypes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    families = ("[/bar]", "[blue]y", "\x1b[32mz")
    strata = write(tmp_path / "s.csv", stratum=LABELS, parent=families)
    out = tmp_path / "out.json"
    arguments = ("--engine", "grid", "--draws", 100, "--json", out)
    run("subtypes", "--data", strata, *arguments)
    shown(capsys.readouterr().out, (*LABELS, *(f"{family} *" for family in families)))
    found = json.loads(out.read_text(encoding="utf-8"))
    assert [row["stratum"] for row in found["strata"]] == list(LABELS)
    assert {row["stratum"] for row in found["families"]} == set(families)


def test_batch(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "many"
    folder.mkdir()
    names = ("=cmd|' &C calc'!A0", "@SUM(A1)", "[red]x", "\x1b[31mred", "+1+1")
    for name in names:
        write(folder / f"{name}.csv", study=LABELS)
    (folder / "=bad.csv").write_text("study,events,total\n=A,9,3\n")
    out = tmp_path / "[bold].csv"
    with pytest.raises(SystemExit) as stopped:
        run("pool", "--batch", folder, "--out", out, "--workers", 1)
    assert stopped.value.code == 2
    printed = capsys.readouterr()
    shown(printed.out, (str(out),))
    assert len([line for line in printed.err.splitlines() if line.startswith("error: ")]) == 1
    with out.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(names) + 1
    for row in rows:
        assert not row["review"].startswith(("=", "+", "@"))
        assert not any(CONTROL.search(cell) for cell in row.values())
    assert {row["review"].removeprefix("'") for row in rows} >= {printable(n) for n in names}


def test_discussion(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from models.fitting.fit import Wanted
    from models.fitting.records import GROUPS_REVIEW, POOL_REVIEW, save_fit
    from models.fitting.registry import POOLED, SUBGROUP
    from models.reviews.groups import group_by
    from models.reviews.reader import read_review

    groups, by = LABELS[:7], "<b>`kind`"
    review = write(tmp_path / "r.csv", study=LABELS, **{by: groups})
    fits = tmp_path / "[fits]"
    fitter = module(Path(__file__).parents[1] / "interface" / "fake.py").FakeFitter()
    for model, name, frame, context in (
        (POOLED, POOL_REVIEW, read_review(review), {"source": str(review), "where": []}),
        (
            SUBGROUP,
            GROUPS_REVIEW,
            group_by(read_review(review), by, str(review)),
            {"outcome": "events", "by": by, "margin": 0.1, "higher_is_better": True},
        ),
    ):
        fit = fitter(Wanted(model, frame, name=name))
        save_fit(dataclasses.replace(fit, context=context), fits, name, [review])
    run("discussion", "--fits", fits)
    shown(capsys.readouterr().out, (str(fits / "discussion.md"),))

    page = (fits / "discussion.md").read_text(encoding="utf-8")
    inline = [t for t in MarkdownIt("commonmark").parse(page) if t.type == "inline"]
    kinds = {part.type for token in inline for part in token.children or ()}
    assert kinds <= {"text", "text_special"}
    text = "\n".join("".join(p.content for p in token.children or ()) for token in inline)
    shown(text, (*groups, by))
    source = (fits / "discussion.tex").read_text(encoding="utf-8")
    assert "\\input{" not in source
    assert r"\textbackslash{}input\{x\}" in source
    assert not CONTROL.search(source)
    for path in sorted((fits / "tables").glob("*.csv")):
        with path.open(encoding="utf-8", newline="") as file:
            for row in csv.reader(file):
                for cell in row:
                    assert not cell.startswith(("=", "@"))
                    assert not CONTROL.search(cell)
