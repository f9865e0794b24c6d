"""What was broken on purpose, and what became of it: the tests of reliability, counted.

``scripts/verify/break_things.py`` runs ``tests/reliability`` with everything that the suite leaves
to be run on demand, and stores the counts with a hash of the tests; the checks of the job report
them.
"""

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Final
from xml.etree import ElementTree

from models.common.constants import FIGURES_DIR, PROJECT_ROOT
from models.common.files import write_json
from models.common.sources import versions

TESTS: Final = PROJECT_ROOT / "tests" / "reliability"
RECORD: Final = FIGURES_DIR / "validation" / "reliability" / "reliability.json"


@dataclass(frozen=True)
class Tried:
    """Counts of one file of tests.

    Attributes
    ----------
    tests, failed, skipped
        Numbers of tests.
    examples
        Made-up inputs among them, of tests that draw many.
    """

    tests: int = 0
    failed: int = 0
    skipped: int = 0
    examples: int = 0


def tests_hash() -> str:
    """Return the hash of the files of tests, names and bytes."""
    found = sha256()
    for path in sorted(TESTS.glob("*.py")):
        found.update(path.name.encode() + path.read_bytes())
    return found.hexdigest()


def read_counts(report: Path) -> dict[str, Tried]:
    """Return the counts of each file of tests, from pytest's report in JUnit's XML."""
    found: dict[str, Tried] = {}
    for case in ElementTree.parse(report).iter("testcase"):
        name = case.get("classname", "").rpartition(".")[2].removeprefix("test_")
        properties = {p.get("name"): p.get("value") for p in case.iter("property")}
        before = found.get(name, Tried())
        found[name] = Tried(
            before.tests + 1,
            before.failed + any(case.find(kind) is not None for kind in ("failure", "error")),
            before.skipped + (case.find("skipped") is not None),
            before.examples + int(properties.get("examples") or 0),
        )
    return found


def break_things(record: Path = RECORD, tests: Path = TESTS) -> dict[str, Tried]:
    """Run the tests of reliability, all of them, and store what came of them.

    Returns
    -------
    dict
        Counts by file of tests.
    """
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        everything = ["-m", "slow or not slow", "-n", "0", f"--junitxml={report}", str(tests)]
        command = [sys.executable, "-m", "pytest", "-q", *everything]
        subprocess.run(command, cwd=PROJECT_ROOT, env=os.environ, check=False)
        counts = read_counts(report)
    write_json(
        record,
        {
            "tests": tests_hash(),
            "counts": {name: asdict(tried) for name, tried in counts.items()},
            "finished": datetime.now(UTC).isoformat(timespec="seconds"),
            "versions": versions(),
        },
    )
    return counts


def stored_counts(record: Path = RECORD) -> tuple[dict[str, Tried], bool]:
    """Return the stored counts, and whether they are of the present tests; none if there are none.

    Raises
    ------
    ValueError
        If the record is damaged.
    """
    if not record.is_file():
        return {}, False
    content = json.loads(record.read_text(encoding="utf-8"))
    counts = {name: Tried(**tried) for name, tried in content["counts"].items()}
    return counts, content["tests"] == tests_hash()
