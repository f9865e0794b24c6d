"""Benchmarks: the grid against samplers, on the same models, priors and data.

Every measurement is a process of its own (`models.validation.benchmark.worker`,
``scripts/verify/benchmark.R``), so that imports, compilation and sampling are what a first answer
costs. What a peer keeps on disk of earlier compilations is left to it, which favours the samplers:
on a machine where they never ran, their first answer takes longer. Runs of the peers take turns, so
that a busy quarter of an hour meets all of them. Each measurement is stored; an interrupted run
goes on where it stopped.
"""

import csv
import importlib.metadata
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from models.common.constants import FIGURES_DIR, PROJECT_ROOT
from models.common.files import write_json
from models.common.parallel import claim_folder
from models.common.sources import code_hash

PEERS: Final = ("grid", "nutpie", "pymc", "numpyro", "brms", "rstanarm")
R_PEERS: Final = ("brms", "rstanarm")
COVERED: Final = {
    "grid": ("pooled", "subgroup", "subtype"),
    "nutpie": ("pooled", "subgroup", "subtype"),
    "pymc": ("pooled", "subgroup", "subtype"),
    "numpyro": ("pooled",),
    "brms": ("pooled", "subgroup"),
    "rstanarm": ("pooled",),
}
"""Models that each peer is written for here."""
SIZES: Final = (10, 30, 100, 300, 1000, 3000, 10000)
LIMIT: Final = 180.0
"""Seconds to the first answer after which a peer of the growth curves is asked for no more."""
_OVERTIME: Final = 60.0
"""Seconds left for counting effective draws, which is not measured."""
PATIENCE: Final = 1200.0
"""Seconds after which a measurement on the paper's data is given up."""
GROWTH: Final = "growth"
MODELS: Final = ("pooled", "subgroup", "subtype")
RESULTS: Final = FIGURES_DIR / "validation" / "benchmark"
STORE: Final = FIGURES_DIR / "fits" / "benchmark"
QUICK: Final = PROJECT_ROOT / "figures-quick" / "benchmark"
"""Results of a quick run, which are not to be mistaken for the full ones."""
SEED: Final = 20250107


@dataclass(frozen=True)
class Measurement:
    """One process to run.

    Attributes
    ----------
    peer, model
        Who fits what; ``growth`` is the pooled model on ``k`` simulated studies.
    k
        Studies or strata.
    run
        Number of the repetition, from 0; it sets the seed.
    """

    peer: str
    model: str
    k: int
    run: int

    @property
    def name(self) -> str:
        """File stem of the record."""
        return f"{self.model}-{self.k}-{self.peer}-{self.run}"

    @property
    def limit(self) -> float:
        """Seconds allowed."""
        return LIMIT + _OVERTIME if self.model == GROWTH else PATIENCE


def paper_rows(model: str) -> list[dict[str, Any]]:
    """Return the paper's objective responses as a model reads them, with plain labels."""
    from models.evidence.groupings import grouped_outcome
    from models.evidence.load import load_evidence

    evidence = load_evidence()
    if model == "subtype":
        strata = evidence.strata()
        parent = strata["parent"].fillna("")
        rows = zip(strata["events"], strata["total"], parent, strict=True)
        return [
            {"stratum": f"s{i + 1}", "events": int(x), "total": int(n), "parent": str(family)}
            for i, (x, n, family) in enumerate(rows)
        ]
    frame = grouped_outcome(evidence, "orr", "treatment")
    rows = zip(frame["events"], frame["total"], frame["group"].cat.codes, strict=True)
    return [
        {"study": f"s{i + 1}", "events": int(x), "total": int(n), "group": f"g{code + 1}"}
        for i, (x, n, code) in enumerate(sorted(rows, key=lambda row: row[2]))
    ]


def simulated_rows(k: int) -> list[dict[str, Any]]:
    """Return simulated studies like the paper's: mu -1.66, tau 0.92, its totals in turn."""
    import numpy as np

    totals = [row["total"] for row in paper_rows("pooled")]
    rng = np.random.default_rng([SEED, k])
    total = np.resize(totals, k)
    rate = 1.0 / (1.0 + np.exp(1.66 - 0.92 * rng.standard_normal(k)))
    events = rng.binomial(total, rate)
    return [
        {"study": f"s{i + 1}", "events": int(x), "total": int(n)}
        for i, (x, n) in enumerate(zip(events, total, strict=True))
    ]


def plan(
    peers: tuple[str, ...], models: tuple[str, ...], sizes: tuple[int, ...], runs: int
) -> list[Measurement]:
    """Return all measurements; repetitions outermost, so that the peers take turns."""
    known = {model: len(paper_rows(model)) for model in models}
    main = [
        Measurement(peer, model, known[model], run)
        for run in range(runs)
        for model in models
        for peer in peers
        if model in COVERED[peer]
    ]
    growth = [Measurement(peer, GROWTH, k, 0) for k in sizes for peer in peers]
    return main + growth


def stopped(measurement: Measurement, folder: Path) -> bool:
    """Whether the peer took too long, or is absent, before it would come to this measurement."""
    for path in folder.glob(f"*-{measurement.peer}-*.json"):
        record = json.loads(path.read_text(encoding="utf-8"))
        if "absent" in record:
            return True
        smaller = measurement.model == record["model"] == GROWTH and record["k"] < measurement.k
        if smaller and ("failed" in record or first_answer(record) > LIMIT):
            return True
    return False


def first_answer(record: dict[str, Any]) -> float:
    """Return the seconds from launch to draws."""
    return float(record["imports"] + record["compilation"] + record["sampling"])


def run_benchmark(
    measurements: list[Measurement],
    folder: Path,
    advance: Callable[[Measurement], None] = lambda measurement: None,
) -> None:
    """Run what has no record yet and store each result.

    Parameters
    ----------
    measurements
        From `plan`.
    folder
        Where the records are and go.
    advance
        Called after each measurement, also for those found done or left out.

    Raises
    ------
    models.common.errors.InputError
        If the folder holds records of other code.
    """
    claim_folder(folder, {"code_sha256": code_hash("models.validation.benchmark.worker:main")})
    for path in folder.glob("*-*.json"):
        if "absent" in json.loads(path.read_text(encoding="utf-8")):
            # it may have been installed since
            path.unlink()
    for measurement in measurements:
        path = folder / f"{measurement.name}.json"
        if not path.exists() and not stopped(measurement, folder):
            write_json(path, measure(measurement))
        advance(measurement)


def measure(measurement: Measurement) -> dict[str, Any]:
    """Run one measurement and return its record."""
    growth = measurement.model == GROWTH
    rows = simulated_rows(measurement.k) if growth else paper_rows(measurement.model)
    record: dict[str, Any] = {
        "peer": measurement.peer,
        "model": measurement.model,
        "k": measurement.k,
        "run": measurement.run,
        "load_average": os.getloadavg()[0],
        "cores": os.cpu_count(),
    }
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        with (scratch / "data.csv").open("w", newline="", encoding="utf-8") as stream:
            writer = csv.DictWriter(stream, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
        model = "pooled" if growth else measurement.model
        return record | _run(measurement, model, scratch)


def _run(measurement: Measurement, model: str, scratch: Path) -> dict[str, Any]:
    peer, out = measurement.peer, scratch / "out"
    in_r = peer in R_PEERS
    if in_r and shutil.which("Rscript") is None:
        return {"absent": "R is not installed"}
    script = str(PROJECT_ROOT / "scripts" / "verify" / "benchmark.R")
    command = (
        ["Rscript", script]
        if in_r
        else [sys.executable, "-m", "models.validation.benchmark.worker"]
    )
    seed = str(SEED + 2 * measurement.run)
    command += [peer, model, str(scratch / "data.csv"), seed, repr(time.time())]
    command += [str(out) if in_r else f"{out}.json", "0" if measurement.model == GROWTH else "1"]
    environment = os.environ | {"TMPDIR": str(scratch)}
    code, message = _finish(command, environment, measurement.limit)
    if code is None:
        return {"failed": f"took more than {measurement.limit:.0f} s"}
    written = Path(f"{out}.json")
    if not written.exists():
        lines = message.strip().splitlines() or [f"exit code {code}"]
        return {"failed": lines[-1]}
    record: dict[str, Any] = json.loads(written.read_text(encoding="utf-8"))
    if "absent" in record:
        return record
    if in_r:
        record |= _effective_of(Path(f"{out}.bin"), model)
    return {"version": version(peer), **record}


def _finish(
    command: list[str], environment: dict[str, str], seconds: float
) -> tuple[int | None, str]:
    """Run a command; return its exit code, None if it took too long, and what it said of errors."""
    process = subprocess.Popen(
        command,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
        cwd=PROJECT_ROOT,
        # samplers start processes of their own, which must end with it
        start_new_session=True,
    )
    try:
        _, message = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        return None, ""
    except BaseException:
        os.killpg(process.pid, signal.SIGKILL)
        raise
    return process.returncode, message


def _effective_of(path: Path, model: str) -> dict[str, Any]:
    """Return effective sample sizes of the draws that R wrote."""
    import numpy as np

    from models.validation.benchmark.worker import CHAINS, DRAWS, effective

    draws = np.fromfile(path).reshape(-1, CHAINS, DRAWS).transpose(1, 2, 0)
    parts = {"mu": draws[..., 0], "tau": draws[..., 1], "rest": draws[..., 2:]}
    return effective(parts)


def version(peer: str) -> str:
    """Return the version of a peer's Python package; the grid has the project's."""
    try:
        return importlib.metadata.version("ici-sarcoma-evidence" if peer == "grid" else peer)
    except importlib.metadata.PackageNotFoundError:
        return ""


def read_records(folder: Path) -> Iterator[dict[str, Any]]:
    """Yield the stored records, by name."""
    for path in sorted(folder.glob("*-*.json")):
        yield json.loads(path.read_text(encoding="utf-8"))
