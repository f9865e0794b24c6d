"""How long the grid takes. Limits are several times what a quiet machine with two cores needs.

They are there to catch a change of order (a loop over studies, a dense matrix of studies by
studies), not to measure: `scripts/verify/benchmark.py` does.
"""

import json
import subprocess
import sys
import time
from collections.abc import Callable

from models.evidence.groupings import grouped_outcome
from models.evidence.load import Evidence
from models.grid import fit_pooled, fit_subgroup, fit_tree

MARGIN = 6.0
"""Over the seconds promised on two quiet cores: test machines are busy and smaller."""

TEN_THOUSAND = """
import json, resource, sys, time
from pathlib import Path
import numpy as np
from models.grid import fit_pooled
rng = np.random.default_rng(1)
k = int(sys.argv[1])
total = rng.integers(5, 100, k)
events = rng.binomial(total, 1 / (1 + np.exp(1.5 - 0.8 * rng.standard_normal(k))))
fit_pooled(events[:20], total[:20]).studies.rate_summary()
start = time.perf_counter()
fit = fit_pooled(events, total)
summary = fit.studies.rate_summary()
seconds = time.perf_counter() - start
status = Path("/proc/self/status")
if status.exists():
    # the kernel's ru_maxrss holds the peak of the process that started this one, too
    peak = 1024 * int(status.read_text().partition("VmHWM:")[2].split()[0])
else:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps({"seconds": seconds, "peak": peak, "error": fit.quadrature_error,
                  "mu": float(fit.mu.mean), "tau": fit.tau.mean, "studies": len(summary.mean)}))
"""


def quickest(task: Callable[[], object], repeats: int = 5) -> float:
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        task()
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def test_posterior_and_joint_draws_are_quick(evidence: Evidence) -> None:
    orr, strata = evidence.outcome("orr"), evidence.strata()
    groups = grouped_outcome(evidence, "orr", "treatment")
    labels = groups["group"].astype(str).tolist()
    pooled = quickest(lambda: fit_pooled(orr["events"], orr["total"]).draws(4000, 1))
    grouped = quickest(
        lambda: fit_subgroup(groups["events"], groups["total"], labels).draws(4000, 1)
    )
    tree = quickest(
        lambda: fit_tree(strata["events"], strata["total"], list(strata["parent"])).draws(4000, 1)
    )
    assert pooled < MARGIN * 0.05
    assert grouped < MARGIN * 0.2
    assert tree < MARGIN * 0.1


def test_ten_thousand_studies_take_seconds_and_less_than_a_gibibyte() -> None:
    command = [sys.executable, "-c", TEN_THOUSAND, "10000"]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    found = json.loads(result.stdout)
    assert found["seconds"] < MARGIN * 3.0
    assert found["peak"] < 2**30
    assert found["studies"] == 10_000
    # half the promised 1e-4, and the truth within five standard errors (0.8 / 100)
    assert found["error"] <= 5e-5
    assert abs(found["mu"] + 1.5) < 0.05
    assert abs(found["tau"] - 0.8) < 0.05
