"""Every study whose results are kept in ``figures/``: how to make it, and where its key stands."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from models.common.study import Study
from models.validation.calibration import case_mix
from models.validation.calibration import run as calibration
from models.validation.recovery import run as recovery
from models.validation.small_subtypes import run as small_subtypes


@dataclass(frozen=True)
class Kept:
    """A study with kept results.

    Attributes
    ----------
    make
        Returns the study, of a number of simulations and a seed.
    chunk
        Least number of simulations.
    record
        JSON file that holds settings, seed and key (``sources``: the hash of the code).
    also
        Further files that hold the key.
    """

    make: Callable[[int, int], Study]
    chunk: int
    record: Path
    also: tuple[Path, ...] = ()

    def settings(self) -> dict[str, object]:
        """Return the settings on record."""
        found = json.loads(self.record.read_text(encoding="utf-8"))
        settings: dict[str, object] = found.get("settings", found)
        return settings

    def study(self) -> Study:
        """Return the study of the recorded seed by the present code, of a few simulations."""
        return self.make(self.chunk, int(str(self.settings()["seed"])))


def kept_studies() -> dict[str, Kept]:
    """Return every study with kept results, by name; one that was never run is none."""
    folder = calibration.RESULTS
    runs = {
        f"{engine}_{model}": Kept(
            partial(calibration.calibration_study, engine, model),
            calibration.CHUNK[engine],
            folder / f"sbc_{engine}_{model}.json",
            (folder / "sbc_runs.csv",),
        )
        for engine in calibration.ENGINES
        for model in calibration.models_of(engine, None)
        if (folder / f"sbc_{engine}_{model}.json").exists()
    }
    return runs | {
        "case_mix": Kept(case_mix.case_mix_study, 1, folder / "case_mix.json"),
        "case_mix_repeat": Kept(case_mix.case_mix_study, 1, folder / "case_mix_repeat.json"),
        "recovery": Kept(
            recovery.recovery_study, recovery.CHUNK, recovery.RESULTS / "recovery_study.json"
        ),
        "small_subtypes": Kept(
            small_subtypes.simulation_study,
            small_subtypes.CHUNK,
            small_subtypes.RESULTS / "settings.json",
        ),
    }
