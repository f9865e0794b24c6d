"""The gate: what a fit must show before any of its numbers is reported.

Thresholds of a sampler follow Vehtari et al. (2021, Bayesian Anal 16:667) for R-hat and effective
sample size and Betancourt (2016, arXiv:1604.00695) for BFMI. They are checked on unrounded values
of every free variable and every estimand, since samplers do not report them on their own. None of
this exists for a quadrature, whose draws are independent and whose numbers hold no Monte Carlo
error: it is judged by how far its moments move when the grid is refined.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

RHAT_MAX: Final = 1.01
ESS_MIN: Final = 400.0
BFMI_MIN: Final = 0.3
QUADRATURE_ERROR_MAX: Final = 1e-4
"""Largest change of a posterior mean or sd (logit scale) on refinement that a fit may show: a
thousandth of the posterior standard deviation of a well-informed mean, below any rounding."""
SAMPLER_KEYS: Final = ("rhat_max", "ess_bulk_min", "ess_tail_min", "divergences")
"""Diagnostics of a sampler that the JSON outputs carry."""


@dataclass(frozen=True)
class Gate:
    """The verdict on one fit.

    Attributes
    ----------
    failures
        What failed, in words; empty if the fit passed.
    numbers
        Of a sampler: ``rhat_max``, ``ess_bulk_min``, ``ess_tail_min`` over all parameters,
        ``divergences`` and ``saturated_trees`` (post-warm-up transitions), ``bfmi_min`` over
        chains, ``parameters``. Of a quadrature: ``quadrature_error``, the largest change of any
        posterior mean or standard deviation (logit scale) on the last refinement.
    table
        One row a scalar parameter (``parameter``, ``rhat``, ``ess_bulk``, ``ess_tail``,
        ``passed``), while the fit is in memory.
    """

    failures: tuple[str, ...]
    numbers: Mapping[str, float]
    table: "pd.DataFrame | None" = field(default=None, compare=False)

    @classmethod
    def of_quadrature(cls, error: float) -> "Gate":
        """Return the verdict on a quadrature; NaN fails."""
        failures = () if error <= QUADRATURE_ERROR_MAX else (f"limit {QUADRATURE_ERROR_MAX:g}",)
        return cls(failures, {"quadrature_error": error})

    @classmethod
    def of_record(cls, diagnostics: Mapping[str, Any]) -> "Gate":
        """Return the verdict that a run record holds (`record`)."""
        numbers = {k: v for k, v in diagnostics.items() if k not in ("passed", "failures")}
        return cls(tuple(diagnostics["failures"]), numbers)

    @property
    def passed(self) -> bool:
        """Whether nothing failed."""
        return not self.failures

    @property
    def exact(self) -> bool:
        """Whether the fit is a quadrature."""
        return "quadrature_error" in self.numbers

    def as_dict(self) -> dict[str, Any]:
        """Return the ``diagnostics`` of the JSON outputs; what only a sampler has is None."""
        numbers = {key: self.numbers.get(key) for key in SAMPLER_KEYS}
        if not self.exact:
            return {"passed": self.passed, **numbers}
        error = self.numbers["quadrature_error"]
        return {"passed": self.passed, **numbers, "engine": "grid", "quadrature_error": error}

    def record(self) -> dict[str, Any]:
        """Return all of the verdict, for the run record."""
        return {"passed": self.passed, **self.numbers, "failures": list(self.failures)}

    def sentence(self) -> str:
        """Return one line for tables and the terminal."""
        verdict = "passed" if self.passed else f"FAILED: {'; '.join(self.failures)}"
        if self.exact:
            return (
                f"{verdict}, quadrature error {self.numbers['quadrature_error']:.1e} (logit scale)"
            )
        n = self.numbers
        return (
            f"{verdict} (R-hat <= {n['rhat_max']:.4f}, ESS bulk >= {n['ess_bulk_min']:.0f}, "
            f"tail >= {n['ess_tail_min']:.0f}, {n['divergences']} divergences, "
            f"BFMI >= {n['bfmi_min']:.2f})"
        )


def _per_scalar(statistic: "xr.Dataset", name: str) -> "pd.Series":
    """Flatten a dataset of one statistic a parameter to a series indexed by label."""
    import pandas as pd

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


def _not_finite(posterior: "xr.Dataset") -> list[str]:
    """Return what to say about infinite or missing draws: ranks would hide a single one."""
    import numpy as np

    found = {name: ~np.isfinite(array.values) for name, array in posterior.data_vars.items()}
    bad = {name: int(flags.sum()) for name, flags in found.items() if flags.any()}
    if not bad:
        return []
    return [f"{sum(bad.values())} draws that are not finite ({', '.join(map(str, bad))})"]


def check_fit(tree: "xr.DataTree") -> Gate:
    """Judge the draws of a sampler.

    Parameters
    ----------
    tree
        Groups ``posterior`` (every variable there is judged, free or derived; dims ``chain`` and
        ``draw`` first) and ``sample_stats`` (``diverging``, ``energy``, and
        ``maxdepth_reached`` or ``reached_max_treedepth``).

    Returns
    -------
    Gate
        A value that cannot be computed (NaN) counts as a failure, and so does a single draw that
        is not finite.
    """
    import arviz_stats as azs
    import numpy as np
    import pandas as pd

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
    good = {
        "rhat": table["rhat"] <= RHAT_MAX,
        "ess_bulk": table["ess_bulk"] >= ESS_MIN,
        "ess_tail": table["ess_tail"] >= ESS_MIN,
    }
    table["passed"] = good["rhat"] & good["ess_bulk"] & good["ess_tail"]
    depth = next(n for n in ("maxdepth_reached", "reached_max_treedepth") if n in stats)
    numbers: dict[str, float] = {
        "rhat_max": float(table["rhat"].max()),
        "ess_bulk_min": float(table["ess_bulk"].min()),
        "ess_tail_min": float(table["ess_tail"].min()),
        "divergences": int(stats["diverging"].sum()),
        "saturated_trees": int(stats[depth].sum()),
        "bfmi_min": float(np.min(azs.bfmi(tree)["energy"].values)),
        "parameters": len(table),
    }
    failures = _not_finite(posterior)
    for column, rule in (
        ("rhat", f"R-hat above {RHAT_MAX}"),
        ("ess_bulk", f"bulk ESS below {ESS_MIN:.0f}"),
        ("ess_tail", f"tail ESS below {ESS_MIN:.0f}"),
    ):
        worst = table.loc[~good[column], column]
        if len(worst):
            if worst.isna().any():
                label = worst.index[worst.isna()][0]
            else:
                label = worst.idxmax() if column == "rhat" else worst.idxmin()
            failures.append(f"{rule} for {len(worst)} ({label}: {table.loc[label, column]:.4g})")
    if numbers["divergences"]:
        failures.append(f"{numbers['divergences']} divergences")
    if numbers["saturated_trees"]:
        failures.append(f"{numbers['saturated_trees']} saturated trees")
    if not numbers["bfmi_min"] >= BFMI_MIN:
        failures.append(f"BFMI {numbers['bfmi_min']:.2f} below {BFMI_MIN}")
    return Gate(tuple(failures), numbers, table.rename_axis("parameter").reset_index())
