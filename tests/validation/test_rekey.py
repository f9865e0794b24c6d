"""Re-keying: a key is written only where old and new code compute the same."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest

from models.common.constants import PROJECT_ROOT
from models.common.errors import InputError
from models.validation import rekey
from models.validation.studies import Kept, kept_studies

FRAME = pd.DataFrame({"simulation": [0, 1], "rank": [3, 9]})
OLD, NEW = "a" * 64, "b" * 64
in_git = pytest.mark.skipif(
    shutil.which("git") is None or not (PROJECT_ROOT / ".git").exists(), reason="no repository"
)


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Kept:
    """One stored result by code that has changed since."""
    record, table = tmp_path / "record.json", tmp_path / "runs.csv"
    record.write_text(json.dumps({"settings": {"seed": 1, "sources": OLD}}), encoding="utf-8")
    table.write_text(f"model,sources\nm,{OLD}\nother,{'c' * 64}\n", encoding="utf-8")
    study = SimpleNamespace(settings={"sources": NEW}, chunk=5)
    found = Kept(lambda simulations, seed: study, 5, record, (table,))  # type: ignore[arg-type, return-value]
    monkeypatch.setattr(rekey, "kept_studies", lambda: {"m": found})

    @contextmanager
    def tree(revision: str) -> Iterator[Path]:
        yield tmp_path / revision

    monkeypatch.setattr(rekey, "tree_of", tree)
    return found


@pytest.mark.parametrize(
    ("key_of_base", "anew", "written", "said"),
    [
        (OLD, FRAME, True, "2 rows of 2 columns are the same"),
        (OLD, FRAME.assign(rank=[3, 8]), False, "2 rows computed anew are not the same"),
        (OLD, FRAME.astype({"rank": "float64"}), False, "not the same"),
        ("d" * 64, FRAME, False, "is not of base"),
    ],
)
def test_a_key_is_written_only_over_equal_results(
    kept: Kept,
    monkeypatch: pytest.MonkeyPatch,
    key_of_base: str,
    anew: pd.DataFrame,
    written: bool,
    said: str,
) -> None:
    by_base = ({"m": key_of_base}, {"m": FRAME})
    by_us = ({"m": NEW}, {"m": anew})
    monkeypatch.setattr(
        rekey, "emitted", lambda tree, names: by_us if tree == PROJECT_ROOT else by_base
    )
    lines: list[str] = []
    assert rekey.rekey("base", lines.append) == ([] if written else ["m"])
    assert said in lines[0]
    assert kept.settings()["sources"] == (NEW if written else OLD)
    rows = pd.read_csv(kept.also[0]).set_index("model")["sources"]
    assert rows.to_dict() == {"m": NEW if written else OLD, "other": "c" * 64}


def test_nothing_is_computed_where_nothing_is_stale(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept.record.write_text(json.dumps({"seed": 1, "sources": NEW}), encoding="utf-8")
    monkeypatch.delattr(rekey, "emitted")
    assert rekey.rekey("base", print) == []


@in_git
def test_revisions_that_cannot_serve_are_said() -> None:
    with pytest.raises(InputError, match="no such revision"), rekey.tree_of("nowhere"):
        pass
    git = ["git", "-C", str(PROJECT_ROOT), "rev-list", "--max-parents=0", "HEAD"]
    first = subprocess.run(git, capture_output=True, text=True, check=True).stdout.split()[0]
    with pytest.raises(InputError, match="too old"), rekey.tree_of(first):
        pass


@in_git
def test_a_revision_is_checked_out_and_leaves_no_trace() -> None:
    git = ["git", "-C", str(PROJECT_ROOT), "worktree", "list"]
    before = subprocess.run(git, capture_output=True, text=True, check=True).stdout
    with rekey.tree_of("HEAD") as tree:
        assert (tree / "models" / "validation" / "rekey.py").is_file()
    assert subprocess.run(git, capture_output=True, text=True, check=True).stdout == before
    assert not tree.exists()


@pytest.mark.slow
def test_what_a_tree_emits_is_its_own_computation() -> None:
    keys, frames = rekey.emitted(PROJECT_ROOT, ["recovery"])
    study = kept_studies()["recovery"].study()
    assert keys == {"recovery": study.settings["sources"]}
    pd.testing.assert_frame_equal(frames["recovery"], study.sample(rekey.SIMULATIONS))
    assert "seconds" not in frames["recovery"]


def test_every_stored_result_is_known() -> None:
    """None is left out of the re-keying: each JSON with a hash of code is some study's record."""
    folder = PROJECT_ROOT / "figures" / "validation"
    stored = {p for p in folder.rglob("*.json") if '"sources"' in p.read_text(encoding="utf-8")}
    assert stored == {kept.record for kept in kept_studies().values()}
