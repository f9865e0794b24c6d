"""Simulation-based calibration as a whole: tasks, store, and what the results belong to."""

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from models.common.constants import FIGURES_DIR
from models.common.errors import InputError
from models.common.parallel import Task, run_stored, stored_results
from models.common.sources import code_hash

if TYPE_CHECKING:
    import pandas as pd

SEED: Final = 20250107
ENGINES: Final = ("nuts", "grid")
NUTS_MODELS: Final = ("pooled", "subtype", "subgroup", "exnex", "subtype_treatment")
GRID_MODELS: Final = ("pooled", "subtype", "subgroup")
SIMULATIONS: Final = {"nuts": 500, "grid": 2000}
CHUNK: Final = {"nuts": 10, "grid": 50}
"""Simulations a task: some seconds."""
RESULTS: Final = FIGURES_DIR / "calibration"
STORE: Final = FIGURES_DIR / "fits" / "calibration"

_BUILDERS: Final = {model: f"models.{model}:build_{model}_model" for model in NUTS_MODELS}
_ESTIMANDS: Final = {
    "pooled": "models.estimands.rates:pooled_estimands",
    "subgroup": "models.estimands.rates:group_estimands",
    "subtype": "models.estimands.subtypes:subtype_estimands",
    "exnex": "models.estimands.subtypes:exnex_estimands",
    "subtype_treatment": "models.estimands.subtypes:subtype_treatment_estimands",
}
_TABLES: Final = ("GENERATORS", "_builder", "_estimands", "load_evidence", "paper_design")
"""Not followed: tables of all models, and the data, which the hash holds as they are."""


def model_hash(engine: str, model: str) -> str:
    """Return the SHA-256 of the code and the design that results of a model belong to.

    Sampler: model, priors, estimands, generator and ranks; grid: the engine, generator and ranks.
    Both: labels, groups and totals of the paper's arms or subtypes.
    """
    from models.validation.calibration.quantities import design_text
    from models.validation.calibration.simulate import paper_design

    roots = [
        f"models.validation.calibration.simulate:simulate_{engine}",
        f"models.validation.calibration.truth:{model}_truth",
    ]
    if engine == "nuts":
        roots += [_BUILDERS[model], _ESTIMANDS[model]]
    digest = hashlib.sha256(code_hash(*roots, stop=_TABLES).encode())
    digest.update(design_text(paper_design(model)).encode())
    return digest.hexdigest()


def models_of(engine: str, model: str | None) -> tuple[str, ...]:
    """Return the models asked for.

    Raises
    ------
    models.common.errors.InputError
        If the engine does not exist or does not have the model.
    """
    if engine not in ENGINES:
        raise InputError(f"--engine must be nuts or grid, got {engine!r}")
    known = NUTS_MODELS if engine == "nuts" else GRID_MODELS
    if model is None:
        return known
    if model not in known:
        raise InputError(f"--model {model!r}: engine {engine} has {', '.join(known)}")
    return (model,)


def settings(engine: str, model: str, seed: int) -> dict[str, Any]:
    """Return what the results depend on, for the store and beside the results."""
    from models.validation.calibration.simulate import GRID_DRAWS, NUTS, model_priors

    engine_settings = NUTS[model].as_dict() if engine == "nuts" else {"draws": GRID_DRAWS}
    return {
        "engine": engine,
        "model": model,
        "seed": seed,
        "priors": model_priors(model).as_dict(),
        **engine_settings,
        "sources": model_hash(engine, model),
    }


def kept_draws(engine: str, model: str) -> int:
    """Return the number of draws that a truth is ranked among."""
    from models.validation.calibration.simulate import GRID_DRAWS, NUTS

    return NUTS[model].kept if engine == "nuts" else GRID_DRAWS - 1


def _simulate(engine: str, model: str, first: int, stop: int, seed: int) -> "pd.DataFrame":
    from models.validation.calibration.simulate import NUTS, simulate_grid, simulate_nuts

    if engine == "nuts":
        return simulate_nuts(model, first, stop, seed, NUTS[model])
    return simulate_grid(model, first, stop, seed)


def tasks(engine: str, model: str, simulations: int, seed: int) -> Iterator[Task]:
    """Yield the tasks of a model."""
    for first in range(0, simulations, CHUNK[engine]):
        stop = first + CHUNK[engine]
        yield f"{first:05}_{stop:05}", (engine, model, first, stop, seed)


def run_calibration(
    engine: str,
    model: str,
    simulations: int,
    seed: int,
    store: Path,
    *,
    workers: int,
    scheduler: str | None,
    advance: Callable[[str], None],
) -> "pd.DataFrame":
    """Run the simulations of a model that the store lacks and return all that were asked for.

    Parameters
    ----------
    engine, model
        As `models_of` returns them.
    simulations
        Number of simulations, a multiple of ``CHUNK[engine]``.
    seed
        Of the simulations.
    store
        Folder of the stores of all models.
    workers, scheduler, advance
        As in `models.common.parallel.run_stored`.

    Returns
    -------
    pandas.DataFrame
        As `models.validation.calibration.simulate.simulate_nuts` or ``simulate_grid``, in order.

    Raises
    ------
    models.common.errors.InputError
        As `models.common.parallel.run_stored`, and for a number of simulations that is no multiple.
    """
    chunk = CHUNK[engine]
    if simulations < chunk or simulations % chunk:
        raise InputError(
            f"--simulations must be a multiple of {chunk} for engine {engine}, got {simulations}"
        )
    folder = store / f"{engine}_{model}"
    run_stored(
        _simulate,
        tasks(engine, model, simulations, seed),
        folder,
        settings(engine, model, seed),
        workers=workers,
        scheduler=scheduler,
        advance=advance,
    )
    stored = stored_results(folder)
    return stored[stored["simulation"] < simulations].reset_index(drop=True)
