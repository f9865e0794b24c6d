"""Options that scripts share: one name, one default, one explanation and one check of each."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Final, Literal

from cyclopts import Parameter

from models.common.errors import InputError
from models.common.files import check_output, check_output_folder
from models.priors import (
    DEFAULT_JOINT_PRIORS,
    DEFAULT_PRIORS,
    DEFAULT_REGRESSION_PRIORS,
    JointPriors,
    Priors,
    RegressionPriors,
)

if TYPE_CHECKING:
    from models.fitting.fit import Fitter

type Outcome = Literal["orr", "dcr", "trae"]
type Engine = Literal["exact", "grid", "nuts"]
"""``grid`` is the older name of ``exact``."""
type Review = Annotated[Path | None, Parameter(name=["--review", "--data"])]
"""The input, by position; ``--data`` is its older name."""
type Folder = Annotated[Path | None, Parameter(name=["--out", "--save"])]
"""A folder to write to; ``--save`` is its older name."""
type Conditions = Annotated[list[str] | None, Parameter(negative=())]
type Repeated = Annotated[list[str] | None, Parameter(negative=())]
"""An option that may be given more than once."""

DRAWS: Final = (100, 100_000)
"""Least and most draws per chain; the most, with the estimands of a large review, fill some GB."""
SIMULATIONS: Final = 10
"""Least simulations of a study, of which shares and ranks are reported."""
SEED_MAX: Final = 2**32 - 1
MEAN_MAX: Final = 100.0
"""Largest prior mean of a logit; at 37 the rate is one to double precision."""
SCALES: Final = (1e-3, 100.0)
"""Least and largest standard deviation or scale of a prior, logit scale."""


def _whole(hint: Any, tokens: Sequence[Any]) -> int:
    """Convert a whole number, where `int` would cut off decimals and take hexadecimals."""
    text = tokens[0].value
    sign, digits = (text[0], text[1:]) if text[:1] in "+-" else ("", text)
    # longer numbers are refused by int itself
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 100):
        raise ValueError(f"{text[:40]!r} is not a whole number")
    return int(sign + digits)


type Whole = Annotated[int, Parameter(converter=_whole)]
"""A whole number, as written."""


def check_run_options(draws: int, seed: int) -> None:
    """Refuse, before anything is computed, options that would fail at the end.

    Parameters
    ----------
    draws
        Draws kept per chain.
    seed
        From 0 to ``SEED_MAX``.

    Raises
    ------
    InputError
        Naming the option and its value.
    """
    least, most = DRAWS
    if draws < least:
        raise InputError(f"--draws must be at least {least}, got {draws}")
    if draws > most:
        raise InputError(f"--draws must be at most {most} (in each of four chains), got {draws}")
    _check_seed(seed)


def check_parallel_options(workers: int, scheduler: str | None, seed: int = 0) -> None:
    """Refuse options of a computation over processes that would fail later, or in many lines.

    Parameters
    ----------
    workers
        Processes of this machine, at least 1.
    scheduler
        Address of a dask scheduler, with its protocol, or None.
    seed
        From 0 to ``SEED_MAX``.

    Raises
    ------
    InputError
        Naming the option and its value.
    """
    _check_seed(seed)
    if workers < 1:
        raise InputError(f"--workers must be at least 1, got {workers}")
    if scheduler is not None and "://" not in scheduler:
        raise InputError(f"--scheduler must be an address as tcp://host:8786, got {scheduler!r}")


def _check_seed(seed: int) -> None:
    if not 0 <= seed <= SEED_MAX:
        raise InputError(f"--seed must lie between 0 and {SEED_MAX}, got {seed}")


def check_priors(priors: Priors) -> None:
    """Refuse prior settings at which no method computes: rates of 0 or 1, scales of nothing.

    Raises
    ------
    InputError
        Naming the setting and its value.
    """
    least, most = SCALES
    for name, value in asdict(priors).items():
        option = "--" + (name if name.startswith(("nex", "p_")) else f"prior_{name}")
        option = option.replace("_", "-")
        if name.endswith("mean"):
            if abs(value) > MEAN_MAX:
                raise InputError(
                    f"{option} must lie between {-MEAN_MAX:g} and {MEAN_MAX:g} (a logit), "
                    f"got {value:g}"
                )
        elif not name.startswith("p_") and not least <= value <= most:
            raise InputError(f"{option} must lie between {least:g} and {most:g}, got {value:g}")


def check_outputs(
    json: Path | None = None, out: Path | None = None, inputs: Iterable[Path | None] = ()
) -> None:
    """Refuse, before anything is computed, outputs that cannot be written or would destroy some.

    Parameters
    ----------
    json
        File to write.
    out
        Folder to write to.
    inputs
        What is read, as far as it was named.

    Raises
    ------
    models.common.errors.OutputError
        Naming the option and its value.
    """
    if json is not None:
        check_output(json, [path for path in inputs if path is not None], "--json")
    if out is not None:
        check_output_folder(out, "--out")


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

    kind: ClassVar[type[Priors]] = Priors
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
        priors = self.kind(**named)
        check_priors(priors)
        return priors


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
class RegressionOptions(GroupPriors):
    """Priors of the regression.

    Parameters
    ----------
    prior_coefficient_sd
        Standard deviation of the normal prior of a coefficient (log odds ratio of a unit).
    """

    kind: ClassVar[type[Priors]] = RegressionPriors
    prior_coefficient_sd: float = DEFAULT_REGRESSION_PRIORS.coefficient_sd


@Parameter(name="*")
@dataclass(frozen=True)
class JointOptions(GroupPriors):
    """Priors of the joint model of outcomes.

    Parameters
    ----------
    prior_complete_scale
        Scale of both standard deviations of complete response given response.
    prior_correlation_shape
        Shape of the LKJ prior of the correlations between arms.
    """

    kind: ClassVar[type[Priors]] = JointPriors
    prior_complete_scale: float = DEFAULT_JOINT_PRIORS.complete_scale
    prior_correlation_shape: float = DEFAULT_JOINT_PRIORS.correlation_shape


@Parameter(name="*")
@dataclass(frozen=True)
class Sampled:
    """How the posterior is sampled.

    Parameters
    ----------
    draws
        Draws kept per chain (four chains).
    seed
        Seed of the sampler.
    """

    draws: Whole = 2000
    seed: Whole = 20250107


@Parameter(name="*")
@dataclass(frozen=True)
class Sampling:
    """How the posterior is computed.

    Parameters
    ----------
    engine
        exact: by quadrature, with independent draws for contrasts and ranks (the default); nuts:
        sample.
    draws
        Draws kept per chain (four chains).
    seed
        Seed of the sampler, or of the independent draws.
    """

    engine: Engine | None = None
    draws: Whole = 2000
    seed: Whole = 20250107

    @property
    def exact(self) -> bool:
        """Whether the posterior is computed by quadrature."""
        return self.engine != "nuts"

    def check(self) -> None:
        """Refuse, before anything is computed, what would fail later.

        Raises
        ------
        models.common.errors.InputError
            Naming the option and its value.
        """
        check_run_options(self.draws, self.seed)

    def fitter(self) -> "Fitter":
        """Return what makes the fits."""
        if self.exact:
            from models.fitting.exact import Exact

            return Exact(self.draws, self.seed)
        from models.fitting.fit import SamplerSettings
        from models.fitting.sampler import Sampler

        return Sampler(SamplerSettings(draws=self.draws, seed=self.seed))
