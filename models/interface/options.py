"""Options that scripts share: one name, one default and one explanation for the same thing."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from models.priors import DEFAULT_PRIORS, Priors

if TYPE_CHECKING:
    from models.fitting.fit import Fitter

type Outcome = Literal["orr", "dcr", "trae"]
type Engine = Literal["nuts", "grid"]
type Review = Annotated[Path | None, Parameter(name=["--review", "--data"])]
"""The input, by position; ``--data`` is its older name."""
type Folder = Annotated[Path | None, Parameter(name=["--out", "--save"])]
"""A folder to write to; ``--save`` is its older name."""
type Conditions = Annotated[list[str] | None, Parameter(negative=())]

SEED_MAX = 2**32 - 1


@Parameter(name="*")
@dataclass(frozen=True)
class PoolPriors:
    """Priors of one population of studies.

    Parameters
    ----------
    prior_mu_mean
        Mean of the normal prior of mu (logit of the overall typical rate).
    prior_mu_sd
        Standard deviation of the normal prior of mu.
    prior_tau_scale
        Scale of the half-normal prior of tau (SD between studies, logit scale).
    """

    prior_mu_mean: float = DEFAULT_PRIORS.mu_mean
    prior_mu_sd: float = DEFAULT_PRIORS.mu_sd
    prior_tau_scale: float = DEFAULT_PRIORS.tau_scale

    def priors(self) -> Priors:
        """Return the prior settings.

        Raises
        ------
        models.common.errors.InputError
            If one is impossible.
        """
        named = {name.removeprefix("prior_"): value for name, value in vars(self).items()}
        return Priors(**named)


@Parameter(name="*")
@dataclass(frozen=True)
class GroupPriors(PoolPriors):
    """Priors of grouped studies.

    Parameters
    ----------
    prior_sigma_scale
        Scale of the half-normal prior of sigma_group (SD between groups, logit scale).
    """

    prior_sigma_scale: float = DEFAULT_PRIORS.sigma_scale


@Parameter(name="*")
@dataclass(frozen=True)
class Sampling:
    """How the posterior is computed.

    Parameters
    ----------
    engine
        nuts: sample; grid: the same posterior by quadrature, without a sampler, with independent
        draws for contrasts and ranks.
    draws
        Draws kept per chain (four chains).
    seed
        Seed of the sampler, or of the grid's independent draws.
    """

    engine: Engine = "nuts"
    draws: int = 2000
    seed: int = 20250107

    def check(self) -> None:
        """Refuse, before anything is computed, what would fail later.

        Raises
        ------
        models.common.errors.InputError
            Naming the option and its value.
        """
        from models.interface.cli import check_run_options

        check_run_options(self.draws, self.seed)

    def fitter(self) -> "Fitter":
        """Return what makes the fits."""
        if self.engine == "grid":
            from models.fitting.exact import Exact

            return Exact(self.draws, self.seed)
        from models.fitting.fit import SamplerSettings
        from models.fitting.sampler import Sampler

        return Sampler(SamplerSettings(draws=self.draws, seed=self.seed))
