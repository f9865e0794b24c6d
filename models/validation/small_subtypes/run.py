"""The simulation of subtypes as a whole: scenarios, and what the results depend on."""

from typing import Final

from models.common.constants import DATA_DIR, FIGURES_DIR
from models.common.sources import code_hash, sha256
from models.common.study import Study
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
RESULTS: Final = FIGURES_DIR / "validation" / "small_subtypes"
STORE: Final = FIGURES_DIR / "fits" / "simulation"
_DATA: Final = ("composition", "arms", "subtypes", "outcomes", "published_values")


def simulation_study(replicates: int, seed: int) -> Study:
    """Return the study: all scenarios, each with a number of replicates."""
    return Study(
        name="small_subtypes",
        function=run_replicates,
        cells={name.replace(" ", "-"): (name,) for name in SCENARIOS},
        simulations=replicates,
        chunk=CHUNK,
        seed=seed,
        settings={
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
        },
        column="replicate",
    )
