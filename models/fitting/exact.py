"""Fits of the grid engine, with the interface that tables and texts expect of a fit.

What a sampler is judged by (R-hat, effective sample size, divergences) does not exist here: draws
are independent, and the numbers of single estimands contain no Monte Carlo error at all. What a
quadrature is judged by is its error under refinement.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from models.fitting.datatree import to_datatree
from models.grid import PooledPosterior, SubgroupPosterior, TreePosterior
from models.priors import Priors

if TYPE_CHECKING:
    import xarray as xr

QUADRATURE_ERROR_MAX: Final = 1e-4
"""Largest change of a posterior mean or sd (logit scale) on refinement that a fit may show: a
thousandth of the posterior standard deviation of a well-informed mean, below any rounding."""
SAMPLER_KEYS: Final = ("rhat_max", "ess_bulk_min", "ess_tail_min", "divergences")
"""Diagnostics of a sampler, which a quadrature does not have."""


@dataclass(frozen=True)
class GridGate:
    """The verdict on a quadrature.

    Parameters
    ----------
    quadrature_error
        Largest change of any posterior mean or standard deviation (logit scale) when the grid was
        last refined.
    """

    quadrature_error: float

    @property
    def passed(self) -> bool:
        """Whether the error is at most ``QUADRATURE_ERROR_MAX``; NaN fails."""
        return self.quadrature_error <= QUADRATURE_ERROR_MAX

    def as_dict(self) -> dict[str, Any]:
        """Return the ``diagnostics`` of the JSON outputs; what only a sampler has is None."""
        return {
            "passed": self.passed,
            **dict.fromkeys(SAMPLER_KEYS),
            "engine": "grid",
            "quadrature_error": self.quadrature_error,
        }

    def sentence(self) -> str:
        """Return one line for tables and the terminal."""
        verdict = "passed" if self.passed else f"FAILED (limit {QUADRATURE_ERROR_MAX:g})"
        return f"{verdict}, quadrature error {self.quadrature_error:.1e} (logit scale)"


@dataclass(frozen=True)
class GridFit:
    """A fit of the grid engine (`models.fitting.fit.FittedModel`).

    Parameters
    ----------
    exact
        The posterior: moments, quantiles and probabilities by quadrature.
    tree
        Independent joint draws, labelled as the sampler's are.
    priors
        The prior settings.
    """

    exact: PooledPosterior | SubgroupPosterior | TreePosterior
    tree: "xr.DataTree"
    priors: Priors

    @classmethod
    def of(
        cls,
        exact: PooledPosterior | SubgroupPosterior | TreePosterior,
        priors: Priors,
        *,
        draws: int,
        seed: int,
    ) -> "GridFit":
        """Return a fit with ``draws`` joint draws in each of four chains."""
        return cls(exact, to_datatree(exact, priors=priors, draws=draws, seed=seed), priors)

    @property
    def posterior(self) -> "xr.Dataset":
        """The draws, dims ``chain``, ``draw`` first."""
        return self.tree["posterior"].to_dataset()

    @property
    def gate(self) -> GridGate:
        """The verdict on the quadrature."""
        return GridGate(self.exact.quadrature_error)
