"""Fits on disk: draws as netCDF, and a run record beside them that says what made them."""

import hashlib
import importlib.metadata
import json
import os
import platform
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from models.common.constants import CI_PROB
from models.common.errors import InputError
from models.common.sources import code_hash
from models.exnex_priors import ExnexPriors
from models.priors import Priors
from models.render.format import gate_sentence

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

    from models.fitting.sampler import Fit

PACKAGES: Final = (
    "pymc",
    "pytensor",
    "nutpie",
    "arviz",
    "arviz-stats",
    "numpy",
    "scipy",
    "pandas",
    "xarray",
)

REVIEW_COLUMNS: Final = (
    "part",
    "study",
    "arm",
    "stratum",
    "treatment",
    "group",
    "parent",
    "events",
    "total",
)
"""What identifies the data of a fit."""


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path that replaces ``path`` only if the block succeeds.

    A run that fails half-way leaves the existing result as it was.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=path.suffix)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        # mkstemp makes the file private; results are as readable as any other file
        umask = os.umask(0)
        os.umask(umask)
        temporary.chmod(0o666 & ~umask)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write a text file (UTF-8, Unix line ends) in one step."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def write_json(path: Path, content: object) -> None:
    """Write JSON in one step; NaN is refused, since what does not exist is null."""
    write_text(path, json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def model_hash(model: str) -> str:
    """Return the hash of what a model's builder computes (see `models.common.sources`).

    Saved fits carry it, so that results of an older model show as stale.
    """
    return code_hash(f"models.{model}:build_{model}_model")


def versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that a result depends on."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def review_hash(review: "pd.DataFrame") -> str:
    """Return the SHA-256 of what was fitted: labels, groups and counts, in order.

    Saved fits carry it, so that one made from other counts is never taken for this one.
    """
    columns = [name for name in REVIEW_COLUMNS if name in review]
    text = review[columns].astype(str).to_csv(index=False, lineterminator="\n")
    return hashlib.sha256(text.encode()).hexdigest()


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
