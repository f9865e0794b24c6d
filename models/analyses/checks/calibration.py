"""What the stored simulation-based calibration says, and which errors it could have missed."""

import json
import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import pandas as pd
from scipy.stats import norm

from models.analyses.checks.verdicts import ATTENTION, COMPUTATION, FAIL, PASS, Check
from models.validation.calibration.case_mix import SIMULATIONS as CASE_MIX_SIMULATIONS
from models.validation.calibration.case_mix import sources as case_mix_sources
from models.validation.calibration.plan import SIMULATIONS
from models.validation.calibration.run import ENGINES, model_hash, models_of
from models.validation.calibration.tables import ENGINE_NAMES

REJECTED: Final = 0.05
POWER: Final = 0.8


def detectable(simulations: int, tests: int) -> float:
    """Return the location error that calibration detects with 80 % power, in posterior SD.

    A posterior ``N(d, 1)`` instead of ``N(0, 1)`` shifts the mean of its probability transform by
    ``d / (2 sqrt(pi))``; the mean of so many uniform ones has the variance 1 / (12 simulations),
    and the level is shared among the tests.
    """
    reach = float(norm.isf(REJECTED / 2 / tests) + norm.ppf(POWER))
    return reach * math.sqrt(1 / (12 * simulations)) * 2 * math.sqrt(math.pi)


def calibration_checks(folder: Path) -> list[Check]:
    """Report the stored simulation-based calibration, by engine.

    Parameters
    ----------
    folder
        Holds ``sbc_runs.csv`` (`models.validation.calibration.tables`), ``case_mix.csv`` and
        ``case_mix.json`` (`models.validation.calibration.case_mix`), and as ``case_mix_repeat``
        those of another seed.
    """
    path = folder / "sbc_runs.csv"
    stored = pd.read_csv(path) if path.exists() else pd.DataFrame({"engine": [], "model": []})
    found = []
    for engine in ENGINES:
        own = stored[stored["engine"] == engine].set_index("model")
        runs = [
            _Run(
                model,
                int(own.loc[model, "simulations"]) if model in own.index else 0,
                SIMULATIONS[engine],
                float(own.loc[model, "smallest_p_holm"]) if model in own.index else math.nan,
                int(own.loc[model, "tests"]) if model in own.index else 0,
                model in own.index and own.loc[model, "sources"] != model_hash(engine, model),
            )
            for model in models_of(engine, None)
        ]
        found.append(_calibration(f"by {ENGINE_NAMES[engine]}", runs))
    return [*found, _case_mix_calibration(folder)]


def _case_mix_calibration(folder: Path) -> Check:
    """Judge the calibration of the case mix, and its repeat with another seed if there is one.

    One of twenty right models is rejected by chance. What a first run rejects, an independent one
    decides: only a quantity that both reject is a failure, one that the repeat does not reject
    asks for attention, with both figures.
    """
    first, repeat = (_case_mix_run(folder, name) for name in ("case_mix", "case_mix_repeat"))
    check = _calibration("by the sampler of latent tables", [first])
    if not repeat.done or first.stale or repeat.stale or not first.rejected:
        return check
    again = first.rejected & repeat.rejected
    return replace(
        check,
        figure=f"{check.figure}; rejected: {', '.join(sorted(first.rejected))}; in an independent "
        f"repeat of {repeat.done} simulations smallest adjusted p {repeat.p:.2f}, rejected again: "
        f"{', '.join(sorted(again)) or 'none'}",
        verdict=FAIL if again or repeat.done < repeat.planned else ATTENTION,
    )


def _case_mix_run(folder: Path, name: str) -> "_Run":
    table, record = folder / f"{name}.csv", folder / f"{name}.json"
    if not (table.exists() and record.exists()):
        return _Run("case_mix", 0, CASE_MIX_SIMULATIONS, math.nan, 0, stale=False)
    results = pd.read_csv(table)
    settings = json.loads(record.read_text(encoding="utf-8"))
    return _Run(
        *("case_mix", settings["simulations"], CASE_MIX_SIMULATIONS),
        *(float(results["p_holm"].min()), len(results)),
        stale=settings["sources"] != case_mix_sources(),
        rejected=frozenset(results.loc[~(results["p_holm"] >= REJECTED), "quantity"]),
    )


@dataclass(frozen=True)
class _Run:
    """A stored run of calibration; ``p`` is the smallest adjusted one of ``tests``."""

    model: str
    done: int
    planned: int
    p: float
    tests: int
    stale: bool
    rejected: frozenset[str] = frozenset()


def _calibration(name: str, runs: list[_Run]) -> Check:
    """Judge stored runs: rejected or stale fails, incomplete asks for attention."""
    made = [run for run in runs if run.done]
    stale = [run.model for run in runs if run.stale]
    lacking = [run.model for run in runs if run.done < run.planned]
    figure = "no simulation stored"
    if made:
        worst = min(made, key=lambda run: run.p)
        power = [detectable(run.done, run.tests) for run in made]
        figure = (
            f"{min(r.done for r in made)} simulations a model at least; smallest adjusted p "
            f"{worst.p:.2f} ({worst.model}); detects a shift of {max(power):.2f} posterior SD "
            f"with {100 * POWER:.0f} % power in the weakest case"
        )
    if stale:
        figure += f"; STALE, sources have changed since: {', '.join(stale)}"
    if lacking:
        figure += f"; incomplete: {', '.join(lacking)}"
    rejected = any(not run.p >= REJECTED for run in made)
    return Check(
        COMPUTATION,
        f"simulation-based calibration {name}: {', '.join(run.model for run in runs)}",
        figure,
        f"no adjusted p below {REJECTED:g} (Holm), all simulations there",
        "stored results; smaller errors than the shift named could pass",
        FAIL if stale or rejected else (ATTENTION if lacking else PASS),
    )
