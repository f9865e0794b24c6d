"""Fits on disk: draws as netCDF, and a run record beside them that says what made them.

`Saved` answers from disk. `Recorder` goes around any fitter: what it has made already, in this run
or an earlier one with the same settings, is not made again; everything else is saved as soon as it
is there, and its verdict noted.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from models.common.constants import CI_PROB, INTERVAL_PROBS
from models.common.errors import InputError
from models.common.files import replacing, write_json
from models.common.sources import sha256, versions
from models.fitting.fit import Fit, Fitter, SamplerSettings, Wanted
from models.fitting.gate import Gate
from models.fitting.gate_table import gate_row
from models.fitting.registry import MODELS
from models.priors import ExnexPriors, JointPriors, Priors, RegressionPriors

if TYPE_CHECKING:
    import pandas as pd

POOL_REVIEW, GROUPS_REVIEW = "pool_review", "groups_review"
"""Names under which ``scripts/pool.py`` and ``scripts/subgroups.py`` save the fits of a review."""


def save_fit(fit: Fit, folder: Path, name: str, inputs: Sequence[Path]) -> Path:
    """Save a fit as ``NAME.nc`` with ``NAME.json`` (run record) and ``NAME_summary.csv``.

    Parameters
    ----------
    fit
        The fit; one that failed the gate is saved too, and its record says so.
    folder
        Where to write; made if absent.
    name
        File stem.
    inputs
        Files that the data came from; their SHA-256 go into the record.

    Returns
    -------
    pathlib.Path
        The netCDF file.
    """
    target, record = folder / f"{name}.nc", folder / f"{name}.json"
    # a record without its draws is no fit; draws of one fit must not stand under another's record
    record.unlink(missing_ok=True)
    with replacing(target) as temporary:
        fit.tree.to_netcdf(temporary, engine="netcdf4")
        draws = sha256(temporary)
    with replacing(folder / f"{name}_summary.csv") as temporary:
        _summary(fit).to_csv(temporary, index=False, lineterminator="\n")
    write_json(
        record,
        {
            "identity": dict(fit.identity),
            "draws": draws,
            "inputs": {path.name: sha256(path) for path in inputs},
            "observations": len(next(iter(fit.tree["observed_data"].data_vars.values()))),
            "context": dict(fit.context),
            "sampling": dict(fit.sampling),
            "diagnostics": fit.gate.record(),
            "interval": f"{CI_PROB:.0%} equal-tailed",
            "seconds": fit.seconds,
            "finished": datetime.now(UTC).isoformat(timespec="seconds"),
            "versions": versions(),
        },
    )
    return target


def _summary(fit: Fit) -> "pd.DataFrame":
    """Return one row a parameter: mean, sd, interval, and what the gate judged it by."""
    import numpy as np
    import pandas as pd

    rows = []
    for variable, array in fit.posterior.data_vars.items():
        draws = array.transpose("chain", "draw", ...)
        flat = draws.values.reshape(draws.shape[0] * draws.shape[1], -1)
        inner = [draws[dim].values for dim in draws.dims[2:]]
        labels = pd.MultiIndex.from_product(inner) if inner else [()]
        quantiles = np.quantile(flat, [INTERVAL_PROBS[0], 0.5, INTERVAL_PROBS[1]], axis=0)
        for i, label in enumerate(labels):
            within = ", ".join(map(str, label if isinstance(label, tuple) else (label,)))
            lower, median, upper = (float(q[i]) for q in quantiles)
            rows.append(
                {
                    "parameter": f"{variable}[{within}]" if inner else str(variable),
                    "mean": float(flat[:, i].mean()),
                    "sd": float(flat[:, i].std(ddof=1)),
                    "median": median,
                    "lower": lower,
                    "upper": upper,
                }
            )
    table = pd.DataFrame(rows)
    return table if fit.gate.table is None else table.merge(fit.gate.table, how="left")


def load_fit(folder: Path, name: str) -> tuple[Fit, dict[str, Any]]:
    """Read a fit that `save_fit` wrote, with its run record.

    Raises
    ------
    InputError
        If it is not there, cannot be read or is not the file that its record tells of (cut, or
        of another run at the same time), or if the code of its model or its estimands has changed
        since it was made.
    """
    import xarray as xr

    path, record_path = folder / f"{name}.nc", folder / f"{name}.json"
    if not path.exists() or not record_path.exists():
        raise InputError(f"{path}: no saved fit; run scripts/reproduce.py first")
    try:
        record = json.loads(record_path.read_text(encoding="utf-8"))
        identity, model = record["identity"], MODELS[record["identity"]["model"]]
        tree = xr.load_datatree(path, engine="netcdf4")
        fit = Fit(
            what=identity,
            draws=tree,
            gate=Gate.of_record(record["diagnostics"]),
            priors=_priors(identity["priors"]),
            sampling=record["sampling"],
            seconds=record["seconds"],
            context=record["context"],
        )
    except (KeyError, TypeError, ValueError, OSError) as error:
        raise InputError(f"{record_path}: is no run record of a saved fit ({error!r})") from error
    if record.get("draws") != sha256(path):
        raise InputError(f"{path}: is not the file that {record_path.name} tells of; fit again")
    if identity["code"] != model.code_hash():
        raise InputError(
            f"{path}: models/{model.name}.py or its estimands have changed since this fit was "
            "made; run scripts/reproduce.py again"
        )
    return fit, record


def _priors(values: Mapping[str, float]) -> Priors:
    kinds = (Priors, ExnexPriors, RegressionPriors, JointPriors)
    return next(kind(**values) for kind in kinds if {f.name for f in fields(kind)} == set(values))


_FAULTS = {
    "model": "is of another model",
    "code": "was made by other code",
    "data": "was fitted to other counts",
    "given": "was made for other shares",
    "priors": "was fitted with other priors",
}


class Saved:
    """Answers from disk.

    Parameters
    ----------
    folder
        Where `save_fit` wrote.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._settings: SamplerSettings | None = None

    @property
    def seed(self) -> int:
        """Seed of the fits."""
        return self.settings.seed

    @property
    def settings(self) -> SamplerSettings:
        """Settings of the first fit of the folder, as set before any escalation.

        Raises
        ------
        InputError
            If there is none.
        """
        if self._settings is None:
            for path in sorted(self.folder.glob("pool_*.json")):
                record = json.loads(path.read_text(encoding="utf-8"))
                self._settings = SamplerSettings(**record["sampling"]["first_attempt"])
                break
            else:
                raise InputError(f"{self.folder}: no saved fit; run scripts/reproduce.py first")
        return self._settings

    def __call__(self, wanted: Wanted) -> Fit:
        """Return the saved fit of that name.

        Raises
        ------
        InputError
            If it is not there, or is not the fit that is wanted: other code, counts or priors.
        """
        fit, _ = load_fit(self.folder, wanted.name)
        for part, value in wanted.identity().items():
            if fit.identity[part] != value:
                path = self.folder / f"{wanted.name}.nc"
                raise InputError(f"{path} {_FAULTS[part]}; run it again")
        return fit


class Recorder:
    """Any fitter, with what it makes saved, judged and reported.

    Parameters
    ----------
    fitter
        Makes the fits.
    folder
        Where fits are saved; None if the fitter reads them from disk.
    settings
        Of the fitter: a fit on disk made with others is made anew.
    inputs
        Files that the data come from.
    fresh
        Make every fit anew.
    report
        Called with what is wanted before it is made, and with its fit when it is there.

    Attributes
    ----------
    rows
        Lines of the diagnostics table, in order.
    problems
        Fits that did not pass the gate, in words.
    made
        How many fits were made, not read from disk.
    """

    def __init__(
        self,
        fitter: Fitter,
        folder: Path | None = None,
        settings: SamplerSettings | None = None,
        *,
        inputs: Sequence[Path] = (),
        fresh: bool = False,
        report: Callable[[Wanted, Fit | None], None] = lambda wanted, fit: None,
    ) -> None:
        self._fitter = fitter
        self._folder = folder
        self._settings = settings
        self._inputs = tuple(inputs)
        self._fresh = fresh
        self._report = report
        self._fits: dict[str, Fit] = {}
        self.rows: list[dict[str, object]] = []
        self.problems: list[str] = []
        self.made = 0

    @property
    def seed(self) -> int:
        """Seed of every fit."""
        return self._fitter.seed

    def __call__(self, wanted: Wanted) -> Fit:
        """Return the fit that is wanted."""
        if wanted.name in self._fits:
            fit = self._fits[wanted.name]
            if fit.identity != wanted.identity():
                raise ValueError(f"two different fits are called {wanted.name}")
            return fit
        self._report(wanted, None)
        found = self._on_disk(wanted)
        fit = found or self._fitter(wanted)
        if found is None:
            self.made += 1
            if self._folder is not None:
                save_fit(fit, self._folder, wanted.name, self._inputs)
        self._fits[wanted.name] = fit
        self.rows.append(gate_row(wanted, fit))
        if not fit.gate.passed:
            self.problems.append(
                f"{wanted.name} ({wanted.description}) did not pass the gate: "
                f"{'; '.join(fit.gate.failures)}"
            )
        self._report(wanted, fit)
        return fit

    def has(self, wanted: Wanted) -> bool:
        """Return whether a fit need not be made."""
        return wanted.name in self._fits or self._on_disk(wanted) is not None

    def _on_disk(self, wanted: Wanted) -> Fit | None:
        """Return the fit of an earlier run, if it is the one that would be made."""
        if self._folder is None or self._fresh or self._settings is None:
            return None
        try:
            fit = Saved(self._folder)(wanted)
        except InputError:
            return None
        first = asdict(replace(self._settings, **wanted.settings))
        return fit if fit.sampling.get("first_attempt") == first else None
