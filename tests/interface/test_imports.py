"""Which libraries each path of a command may import: they are what a first answer waits for."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from models.common.constants import PROJECT_ROOT

DATA = {"numpy", "pandas", "scipy", "threadpoolctl", "xarray", "pandera"}
MODELS = {"pymc", "pytensor", "nutpie", "numba", "arviz", "arviz_stats"}
PAGES = {"jinja2", "matplotlib", "arviz_plots"}
WATCHED = DATA | MODELS | PAGES

LOADED = """
import json, runpy, sys
sys.argv = sys.argv[1:]
try:
    runpy.run_path(sys.argv[0], run_name="__main__")
finally:
    print("LOADED " + json.dumps(sorted({name.partition(".")[0] for name in sys.modules})))
"""

REVIEW = "study,events,total\nA,3,38\nB,7,40\nC,5,12\n"


@pytest.mark.parametrize(
    ("arguments", "status", "allowed"),
    [
        # readers bring pandas, the published estimators SciPy
        (["REVIEW", "--engine", "grid"], 0, {"numpy", "pandas", "scipy", "threadpoolctl"}),
        (["--help"], 0, set()),
        (["absent.csv", "--engine", "grid"], 2, set()),
        (["REVIEW", "--engine", "grit"], 2, set()),
    ],
)
def test_a_pool_imports_no_more_than_it_needs(
    arguments: list[str], status: int, allowed: set[str], tmp_path: Path
) -> None:
    review = tmp_path / "review.csv"
    review.write_text(REVIEW, encoding="utf-8")
    script = str(PROJECT_ROOT / "scripts" / "pool.py")
    given = [str(review) if argument == "REVIEW" else argument for argument in arguments]
    command = [sys.executable, "-c", LOADED, script, *given]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == status, done.stderr
    loaded = json.loads(done.stdout.splitlines()[-1].removeprefix("LOADED "))
    assert set(loaded) & WATCHED == allowed
