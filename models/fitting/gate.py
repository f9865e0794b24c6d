"""The gate: what a fit must show before any of its numbers is reported.

Thresholds follow Vehtari et al. (2021, Bayesian Anal 16:667) for R-hat and effective sample size
and Betancourt (2016, arXiv:1604.00695) for BFMI. They are checked on unrounded values of every
free variable and every estimand, since samplers do not report them on their own.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import arviz_stats as azs
import numpy as np
import pandas as pd

if TYPE_CHECKING:
    import xarray as xr

RHAT_MAX: Final = 1.01
ESS_MIN: Final = 400.0
BFMI_MIN: Final = 0.3


def gate_sentence(
    diagnostics: Mapping[str, bool | float | int], bfmi_min: float, failures: Sequence[str]
) -> str:
    """Return the verdict of the gate in one line, for tables and the terminal."""
    numbers = (
        f"R-hat <= {diagnostics['rhat_max']:.4f}, ESS bulk >= {diagnostics['ess_bulk_min']:.0f}, "
        f"tail >= {diagnostics['ess_tail_min']:.0f}, {diagnostics['divergences']} divergences, "
        f"BFMI >= {bfmi_min:.2f}"
    )
    if diagnostics["passed"]:
        return f"passed ({numbers})"
    return f"FAILED: {'; '.join(failures)} ({numbers})"


@dataclass(frozen=True)
class GateReport:
    """The verdict on one fit.

    Attributes
    ----------
    table
        One row a scalar parameter (``parameter``, ``rhat``, ``ess_bulk``, ``ess_tail``,
        ``passed``).
    divergences, saturated_trees
        Number of post-warm-up transitions that diverged or reached the maximum tree depth.
    bfmi_min
        Smallest Bayesian fraction of missing information over chains.
    failures
        What failed, in words; empty if the fit passed.
    """

    table: pd.DataFrame
    divergences: int
    saturated_trees: int
    bfmi_min: float
    failures: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """Whether nothing failed."""
        return not self.failures

    @property
    def rhat_max(self) -> float:
        """Largest rank-normalised split R-hat over all parameters."""
        return float(self.table["rhat"].max())

    @property
    def ess_bulk_min(self) -> float:
        """Smallest bulk effective sample size over all parameters."""
        return float(self.table["ess_bulk"].min())

    @property
    def ess_tail_min(self) -> float:
        """Smallest tail effective sample size over all parameters."""
        return float(self.table["ess_tail"].min())

    def as_dict(self) -> dict[str, bool | float | int]:
        """Return the summary that the JSON outputs carry."""
        return {
            "passed": self.passed,
            "rhat_max": self.rhat_max,
            "ess_bulk_min": self.ess_bulk_min,
            "ess_tail_min": self.ess_tail_min,
            "divergences": self.divergences,
        }

    def sentence(self) -> str:
        """Return one line for tables and the terminal."""
        return gate_sentence(self.as_dict(), self.bfmi_min, self.failures)


def _per_scalar(statistic: "xr.Dataset", name: str) -> pd.Series:
    """Flatten a dataset of one statistic a parameter to a series indexed by label."""
    values: dict[str, float] = {}
    for variable, array in statistic.data_vars.items():
        if array.ndim == 0:
            values[str(variable)] = float(array)
            continue
        stacked = array.stack(scalar=array.dims)
        for label, value in zip(stacked["scalar"].values, stacked.values, strict=True):
            inner = ", ".join(str(part) for part in label)
            values[f"{variable}[{inner}]"] = float(value)
    return pd.Series(values, name=name)


def check_fit(tree: "xr.DataTree") -> GateReport:
    """Judge one fit.

    Parameters
    ----------
    tree
        Groups ``posterior`` (every variable there is judged, free or derived; dims ``chain`` and
        ``draw`` first) and ``sample_stats`` (``diverging``, ``energy``, and
        ``maxdepth_reached`` or ``reached_max_treedepth``).

    Returns
    -------
    GateReport
        A value that cannot be computed (NaN) counts as a failure.
    """
    posterior = tree["posterior"].to_dataset()
    stats = tree["sample_stats"].to_dataset()
    table = pd.concat(
        [
            _per_scalar(azs.rhat(posterior), "rhat"),
            _per_scalar(azs.ess(posterior, method="bulk"), "ess_bulk"),
            _per_scalar(azs.ess(posterior, method="tail"), "ess_tail"),
        ],
        axis=1,
    )
    # written so that NaN fails
    table["passed"] = (
        (table["rhat"] <= RHAT_MAX)
        & (table["ess_bulk"] >= ESS_MIN)
        & (table["ess_tail"] >= ESS_MIN)
    )
    divergences = int(stats["diverging"].sum())
    depth = next(n for n in ("maxdepth_reached", "reached_max_treedepth") if n in stats)
    saturated = int(stats[depth].sum())
    bfmi = float(np.min(azs.bfmi(tree)["energy"].values))

    failures: list[str] = []
    for column, good, rule in (
        ("rhat", table["rhat"] <= RHAT_MAX, f"R-hat above {RHAT_MAX}"),
        ("ess_bulk", table["ess_bulk"] >= ESS_MIN, f"bulk ESS below {ESS_MIN:.0f}"),
        ("ess_tail", table["ess_tail"] >= ESS_MIN, f"tail ESS below {ESS_MIN:.0f}"),
    ):
        bad = table.index[~good]
        if len(bad):
            worst = table.loc[bad, column]
            if worst.isna().any():
                label = worst.index[worst.isna()][0]
            else:
                label = worst.idxmax() if column == "rhat" else worst.idxmin()
            failures.append(f"{rule} for {len(bad)} ({label}: {table.loc[label, column]:.4g})")
    if divergences:
        failures.append(f"{divergences} divergences")
    if saturated:
        failures.append(f"{saturated} saturated trees")
    if not bfmi >= BFMI_MIN:
        failures.append(f"BFMI {bfmi:.2f} below {BFMI_MIN}")
    return GateReport(
        table=table.rename_axis("parameter").reset_index(),
        divergences=divergences,
        saturated_trees=saturated,
        bfmi_min=bfmi,
        failures=tuple(failures),
    )
