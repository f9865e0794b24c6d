"""Fits on disk: draws as netCDF, and a run record beside them that says what made them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from models.common.constants import CI_PROB
from models.common.errors import InputError
from models.common.files import replacing, write_json
from models.common.sources import code_hash, sha256, versions
from models.fitting.gate import gate_sentence
from models.priors import ExnexPriors, Priors

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

    from models.fitting.fit import Fit


def model_hash(model: str) -> str:
    """Return the hash of what a model's builder computes (see `models.common.sources`).

    Saved fits carry it, so that results of an older model show as stale.
    """
    return code_hash(f"models.{model}:build_{model}_model")


def save_fit(
    fit: "Fit",
    folder: Path,
    name: str,
    inputs: Sequence[Path],
    context: Mapping[str, Any] | None = None,
) -> Path:
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
    context
        What else a reader of the fit must know, for example which end of the ranks is best.

    Returns
    -------
    pathlib.Path
        The netCDF file.
    """
    import arviz_stats as azs

    target = folder / f"{name}.nc"
    with replacing(target) as temporary:
        fit.tree.to_netcdf(temporary, engine="netcdf4")
    summary = azs.summary(fit.tree, ci_prob=CI_PROB, ci_kind="eti", round_to="none")
    with replacing(folder / f"{name}_summary.csv") as temporary:
        summary.rename_axis("parameter").to_csv(temporary, lineterminator="\n")
    write_json(
        folder / f"{name}.json",
        {
            "model": fit.model,
            "model_sha256": model_hash(fit.model),
            "inputs": {path.name: sha256(path) for path in inputs},
            "observations": len(next(iter(fit.tree["observed_data"].data_vars.values()))),
            "review_sha256": fit.review_sha256,
            "context": dict(context or {}),
            "priors": fit.priors.as_dict(),
            "sampling": fit.settings_dict(),
            "diagnostics": {
                **fit.gate.as_dict(),
                "bfmi_min": fit.gate.bfmi_min,
                "saturated_trees": fit.gate.saturated_trees,
                "parameters": len(fit.gate.table),
                "failures": list(fit.gate.failures),
            },
            "interval": f"{CI_PROB:.0%} equal-tailed",
            "seconds": fit.seconds,
            "finished": datetime.now(UTC).isoformat(timespec="seconds"),
            "versions": versions(),
        },
    )
    return target


@dataclass(frozen=True)
class SavedGate:
    """The verdict of the gate as a run record holds it."""

    diagnostics: dict[str, Any]

    @property
    def passed(self) -> bool:
        """Whether the fit passed."""
        return bool(self.diagnostics["passed"])

    def as_dict(self) -> dict[str, bool | float | int]:
        """Return the summary that the JSON outputs carry."""
        keys = ("passed", "rhat_max", "ess_bulk_min", "ess_tail_min", "divergences")
        return {key: self.diagnostics[key] for key in keys}

    def sentence(self) -> str:
        """Return one line for tables and the terminal."""
        return gate_sentence(
            self.as_dict(), self.diagnostics["bfmi_min"], self.diagnostics["failures"]
        )


@dataclass(frozen=True)
class SavedFit:
    """A fit read back: its draws and its run record."""

    tree: "xr.DataTree"
    record: dict[str, Any]

    @property
    def posterior(self) -> "xr.Dataset":
        """The draws, dims ``chain``, ``draw`` first."""
        return self.tree["posterior"].to_dataset()

    @property
    def gate(self) -> SavedGate:
        """The verdict of the gate."""
        return SavedGate(self.record["diagnostics"])

    @property
    def priors(self) -> Priors:
        """The priors of the fit."""
        values = self.record["priors"]
        return ExnexPriors(**values) if "nex_mean" in values else Priors(**values)

    def review(self) -> "pd.DataFrame":
        """Return the studies that were fitted: ``study``, ``events``, ``total``, ``group``."""
        import pandas as pd

        observed = self.tree["observed_data"].to_dataset()["responders"]
        constant = self.tree["constant_data"].to_dataset()
        frame = pd.DataFrame(
            {
                "study": observed["study"].values.astype(str),
                "events": observed.values,
                "total": constant["total"].values,
            }
        )
        if "group_of" in constant:
            labels = self.posterior["group"].values.astype(str)
            frame["group"] = pd.Categorical.from_codes(
                constant["group_of"].values, categories=list(labels)
            )
        return frame


def load_fit(folder: Path, name: str) -> SavedFit:
    """Read a fit that ``save_fit`` wrote.

    Raises
    ------
    InputError
        If it is not there, or if the model's source has changed since it was made.
    """
    import xarray as xr

    path, record_path = folder / f"{name}.nc", folder / f"{name}.json"
    if not path.exists() or not record_path.exists():
        raise InputError(f"{path}: no saved fit; run scripts/reproduce.py first")
    record = json.loads(record_path.read_text(encoding="utf-8"))
    if record["model_sha256"] != model_hash(record["model"]):
        raise InputError(
            f"{path}: models/{record['model']}.py has changed since this fit was made; "
            "run scripts/reproduce.py again"
        )
    return SavedFit(tree=xr.load_datatree(path, engine="netcdf4"), record=record)
