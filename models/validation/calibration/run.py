"""Simulation-based calibration as a whole: its study, and what the results belong to."""

import hashlib
import math
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

from models.common.constants import FIGURES_DIR
from models.common.errors import InputError
from models.common.sources import code_hash
from models.common.study import Study
from models.fitting.registry import MODELS
from models.validation.calibration.plan import CASE_MIX

if TYPE_CHECKING:
    import pandas as pd

    from models.fitting.fit import SamplerSettings

SEED: Final = 20250107
ENGINES: Final = ("nuts", "grid", "arms")
"""NUTS on one count an arm or subtype; the exact grid; NUTS on arms with covariates or several
outcomes."""
NUTS_MODELS: Final = ("pooled", "subtype", "subgroup", "exnex", "subtype_treatment")
GRID_MODELS: Final = ("pooled", "subtype", "subgroup")
ARM_MODELS: Final = ("regression", "joint")
_MODELS: Final = {
    "nuts": NUTS_MODELS,
    "grid": GRID_MODELS,
    "arms": ARM_MODELS,
    "lattice": (CASE_MIX,),
}
"""Models that each engine calibrates, in order of cost; the lattice's has results of its own."""
CHUNK: Final = {"nuts": 10, "grid": 50, "arms": 10}
"""Simulations a task: some seconds."""
KEPT: Final = {"regression": (60, 10), "joint": (30, 30)}
"""Draws of each of two chains that are ranked among, and one in how many of the chain's draws they
are: about as many as are effective."""
RESULTS: Final = FIGURES_DIR / "validation" / "calibration"
STORE: Final = FIGURES_DIR / "fits" / "calibration"

_TABLES: Final = (
    *("GENERATORS", "MODELS", "load_evidence", "paper_design"),
    *("Wanted", "Fit", "fit_until_passed", "sample_with_table"),
)
"""Not followed: tables of all models; the data, which the hash holds as they are; and what the
sampler does beside the single attempts that are made here."""


def model_hash(engine: str, model: str) -> str:
    """Return the SHA-256 of the code and the design that results of a model belong to.

    Sampler: model, priors, estimands, generator and ranks; grid: the engine, generator and ranks.
    Both: labels, groups and totals of the paper's arms or subtypes.
    """
    from models.validation.calibration.quantities import design_text
    from models.validation.calibration.simulate import paper_design

    if engine == "arms":
        return _arm_hash(model)
    roots = [
        f"models.validation.calibration.simulate:simulate_{engine}",
        f"models.validation.calibration.truth:{model}_truth",
    ]
    if engine == "nuts":
        estimands = MODELS[model].estimands
        roots += [MODELS[model].builder, f"{estimands.__module__}:{estimands.__name__}"]
    digest = hashlib.sha256(code_hash(*roots, stop=_TABLES).encode())
    digest.update(design_text(paper_design(model)).encode())
    return digest.hexdigest()


def _arm_hash(model: str) -> str:
    """As `model_hash`, of models of arms with covariates or several outcomes."""
    from models.validation.calibration.arms import design_of

    estimands = MODELS[model].estimands
    roots = [
        "models.validation.calibration.arms:simulate_arms",
        MODELS[model].builder,
        f"{estimands.__module__}:{estimands.__name__}",
    ]
    digest = hashlib.sha256(code_hash(*roots, stop=_TABLES).encode())
    design = design_of(model).frame.astype(str).to_csv(index=False, lineterminator="\n")
    digest.update(design.encode())
    return digest.hexdigest()


def arm_settings(model: str) -> "SamplerSettings":
    """Return the sampler's settings in a simulation of a model of arms."""
    from models.fitting.fit import SamplerSettings

    return SamplerSettings(draws=math.prod(KEPT[model]), tune=500, chains=2, target_accept=0.95)


def models_of(engine: str, model: str | None) -> tuple[str, ...]:
    """Return the models asked for.

    Raises
    ------
    models.common.errors.InputError
        If the engine does not exist or does not have the model.
    """
    if engine not in _MODELS:
        raise InputError(f"--engine must be nuts, grid, arms or lattice, got {engine!r}")
    known = _MODELS[engine]
    if model is None:
        return known
    if model not in known:
        raise InputError(f"--model {model!r}: engine {engine} has {', '.join(known)}")
    return (model,)


def kept_draws(engine: str, model: str) -> int:
    """Return the number of draws that a truth is ranked among."""
    from models.validation.calibration.simulate import GRID_DRAWS, NUTS

    if engine == "arms":
        return arm_settings(model).chains * KEPT[model][0] - 1
    return NUTS[model].kept if engine == "nuts" else GRID_DRAWS - 1


def _simulate(engine: str, model: str, first: int, stop: int, seed: int) -> "pd.DataFrame":
    from models.validation.calibration.simulate import NUTS, simulate_grid, simulate_nuts

    if engine == "nuts":
        return simulate_nuts(model, first, stop, seed, NUTS[model])
    if engine == "arms":
        from models.validation.calibration.arms import simulate_arms

        return simulate_arms(model, first, stop, seed, arm_settings(model), KEPT[model][1])
    return simulate_grid(model, first, stop, seed)


def study_of(engine: str, model: str, simulations: int, seed: int) -> Study:
    """Return the calibration of any model that `models_of` names."""
    if model == CASE_MIX:
        from models.validation.calibration.case_mix import case_mix_study

        return case_mix_study(simulations, seed)
    return calibration_study(engine, model, simulations, seed)


def calibration_study(engine: str, model: str, simulations: int, seed: int) -> Study:
    """Return the calibration of a model by ``nuts``, ``grid`` or ``arms``.

    Its results are as `models.validation.calibration.simulate.simulate_nuts` or ``simulate_grid``.
    """
    from models.validation.calibration.simulate import GRID_DRAWS, NUTS, model_priors

    engine_settings: dict[str, Any]
    if engine == "arms":
        from models.validation.calibration.arms import design_of

        own = asdict(arm_settings(model))
        engine_settings = {name: own[name] for name in ("draws", "tune", "chains", "target_accept")}
        engine_settings["thin"] = KEPT[model][1]
        priors = design_of(model).priors
    else:
        engine_settings = NUTS[model].as_dict() if engine == "nuts" else {"draws": GRID_DRAWS}
        priors = model_priors(model)
    return Study(
        name=f"{engine}_{model}",
        function=_simulate,
        cells={"": (engine, model)},
        simulations=simulations,
        chunk=CHUNK[engine],
        seed=seed,
        settings={
            "engine": engine,
            "model": model,
            "seed": seed,
            "priors": priors.as_dict(),
            **engine_settings,
            "sources": model_hash(engine, model),
        },
        part="{first:05}_{stop:05}",
    )
