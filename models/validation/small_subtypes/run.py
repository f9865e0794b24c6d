"""The simulation of subtypes as a whole: tasks, store, settings."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from models.common.constants import DATA_DIR, FIGURES_DIR
from models.common.errors import InputError
from models.common.parallel import Task, run_stored
from models.common.sources import code_hash, sha256
from models.priors import DEFAULT_EXNEX_PRIORS, DEFAULT_PRIORS
from models.validation.small_subtypes.replicate import FAMILY_DRAWS, METHODS, run_replicates

REPLICATES: Final = 2000
SEED: Final = 20250107
CHUNK: Final = 25
"""Replicates a task: some seconds."""
SCENARIOS: Final = (
    "posterior draws",
    "posterior means",
    "all 5 %",
    "all 10 %",
    "all 20 %",
    "all 30 %",
    "raw rates",
    "two high",
    "by treatment",
    "by treatment and arm",
)
RESULTS: Final = FIGURES_DIR / "simulation"
_DATA: Final = ("composition", "arms", "subtypes", "outcomes", "published_values")


def settings(seed: int) -> dict[str, Any]:
    """Return what the results depend on, for the store and beside the results."""
    return {
        "seed": seed,
        "chunk": CHUNK,
        "methods": list(METHODS),
        "family_draws": FAMILY_DRAWS,
        "priors": DEFAULT_PRIORS.as_dict(),
        "exnex_priors": DEFAULT_EXNEX_PRIORS.as_dict(),
        "sources": code_hash(
            "models.validation.small_subtypes.replicate:run_replicates", stop=("load_evidence",)
        ),
        "data": {name: sha256(DATA_DIR / f"{name}.csv") for name in _DATA},
    }


def tasks(replicates: int, seed: int) -> Iterator[Task]:
    """Yield the tasks, scenario by scenario in turn so that all advance together."""
    for first in range(0, replicates, CHUNK):
        for name in SCENARIOS:
            stop = min(first + CHUNK, replicates)
            yield f"{name.replace(' ', '-')}_{first:05}_{stop:05}", (name, first, stop, seed)


def run_simulation(
    store: Path,
    replicates: int,
    seed: int,
    *,
    workers: int,
    scheduler: str | None,
    advance: Callable[[str], None],
) -> None:
    """Run all replicates that the store lacks.

    Raises
    ------
    models.common.errors.InputError
        If the number of replicates is not a multiple of `CHUNK`, or as `models.common.parallel`.
    """
    if replicates < CHUNK or replicates % CHUNK:
        raise InputError(f"--replicates must be a multiple of {CHUNK}, got {replicates}")
    run_stored(
        run_replicates,
        tasks(replicates, seed),
        store,
        settings(seed),
        workers=workers,
        scheduler=scheduler,
        advance=advance,
    )
