"""New keys for stored results whose code has changed but not what it computes.

A stored result names the hash of the code it rests on. Code that is tidied (a name, the order of
two lines) makes the hash another and the result stale, though every number would come out the
same. This is settled by computing: the first simulations of the result are made anew by the old
code and by the present one, each in a process of its own, and only if they are equal to the last
bit is the new hash written.

``python -m models.validation.rekey --emit OUT NAME...`` is what runs in both trees: it writes the
keys of the studies named as ``keys.json`` and their first simulations as ``NAME.pickle``.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pandas as pd

from models.common.constants import PROJECT_ROOT
from models.common.errors import InputError
from models.common.files import write_text
from models.validation.studies import Kept, kept_studies

SIMULATIONS: Final = 3
"""Simulations of every cell that are compared, or as many as a part has."""
TIMINGS: Final = ("seconds",)
"""Columns that differ from run to run."""
_MODULE: Final = "models/validation/rekey.py"


def emit(out: Path, names: list[str]) -> None:
    """Write keys and first simulations of some studies by the code of this tree."""
    keys = {}
    for name, kept in kept_studies().items():
        if name in names:
            study = kept.study()
            keys[name] = study.settings["sources"]
            frame = study.sample(min(SIMULATIONS, study.chunk))
            frame.drop(columns=list(TIMINGS), errors="ignore").to_pickle(out / f"{name}.pickle")
    (out / "keys.json").write_text(json.dumps(keys), encoding="utf-8")


def stale_studies() -> dict[str, Kept]:
    """Return the studies whose stored key is not that of the present code."""
    return {
        name: kept
        for name, kept in kept_studies().items()
        if kept.settings()["sources"] != kept.study().settings["sources"]
    }


@contextmanager
def tree_of(revision: str) -> Iterator[Path]:
    """Yield a checkout of a revision in a temporary folder.

    Raises
    ------
    models.common.errors.InputError
        If there is no such revision, or it is older than this module.
    """

    def git(*arguments: str) -> bool:
        command = ["git", "-C", str(PROJECT_ROOT), *arguments]
        return subprocess.run(command, check=False, capture_output=True).returncode == 0

    if not git("rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}"):
        raise InputError(f"--base {revision}: no such revision")
    if not git("cat-file", "-e", f"{revision}:{_MODULE}"):
        raise InputError(f"--base {revision}: too old, it has no {_MODULE}")
    with tempfile.TemporaryDirectory() as name:
        tree = Path(name) / "tree"
        if not git("worktree", "add", "--detach", str(tree), revision):
            raise InputError(f"--base {revision}: cannot be checked out")
        try:
            yield tree
        finally:
            git("worktree", "remove", "--force", str(tree))


def emitted(tree: Path, names: list[str]) -> tuple[dict[str, str], dict[str, pd.DataFrame]]:
    """Return keys and first simulations by the code of a tree, computed in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "models.validation.rekey", "--emit", folder, *names]
        # more threads would add up in another order
        environment = {**os.environ, "PYTHONPATH": str(tree), "OMP_NUM_THREADS": "1"}
        subprocess.run(command, cwd=tree, env=environment, check=True)
        keys = json.loads((Path(folder) / "keys.json").read_text(encoding="utf-8"))
        return keys, {name: pd.read_pickle(Path(folder) / f"{name}.pickle") for name in keys}


def rekey(revision: str, say: Callable[[str], None]) -> list[str]:
    """Write the present key into every stale result that the present code computes alike.

    Parameters
    ----------
    revision
        Whose code made the results, or was last shown to compute the same.
    say
        Called with a line on each stale study.

    Returns
    -------
    list of str
        The studies that stay stale.

    Raises
    ------
    models.common.errors.InputError
        As `tree_of`.
    """
    stale = stale_studies()
    with tree_of(revision) as tree:
        if not stale:
            return []
        before, old = emitted(tree, list(stale))
    after, new = emitted(PROJECT_ROOT, list(stale))
    left = []
    for name, kept in stale.items():
        stored = str(kept.settings()["sources"])
        if before.get(name) != stored:
            say(f"{name}: stays stale, its key {stored[:12]} is not of {revision}")
        elif not old[name].equals(new[name]):
            say(f"{name}: stays stale, {len(new[name])} rows computed anew are not the same")
        else:
            for path in (kept.record, *kept.also):
                text = path.read_text(encoding="utf-8")
                write_text(path, text.replace(stored, after[name]))
            rows, columns = new[name].shape
            say(
                f"{name}: {rows} rows of {columns} columns are the same by both, "
                f"key {stored[:12]} is now {after[name][:12]}"
            )
            continue
        left.append(name)
    return left


if __name__ == "__main__":
    assert sys.argv[1] == "--emit"
    emit(Path(sys.argv[2]), sys.argv[3:])
