"""Prior settings of EXNEX (`models.exnex`), apart from the model so that no sampler is imported."""

import math
from dataclasses import dataclass, fields
from typing import Final

from models.common.errors import InputError
from models.priors import Priors


@dataclass(frozen=True)
class ExnexPriors(Priors):
    """Prior settings of EXNEX, logit scale.

    Parameters
    ----------
    mu_mean, mu_sd, tau_scale
        Of the exchangeable part, as in `models.priors.Priors`.
    nex_mean, nex_sd
        Distribution of a stratum on its own. Its centre is the response rate of the earlier
        meta-analysis, 14 % (P104 of the published values), and its standard deviation gives it the
        information of about one patient: ``1 / (0.14 * 0.86 * 2.9**2)`` is 0.99.
    p_exchangeable
        Prior probability ``w`` that a stratum is exchangeable with the others: even odds.
    """

    nex_mean: float = math.log(0.14 / 0.86)
    nex_sd: float = 2.9
    p_exchangeable: float = 0.5

    def __post_init__(self) -> None:
        Priors(**{field.name: getattr(self, field.name) for field in fields(Priors)})
        if not math.isfinite(self.nex_mean):
            raise InputError(f"prior nex_mean must be a finite number, got {self.nex_mean}")
        if not (math.isfinite(self.nex_sd) and self.nex_sd > 0):
            raise InputError(f"prior nex_sd must be positive, got {self.nex_sd}")
        if not 0 < self.p_exchangeable < 1:
            raise InputError(
                f"prior p_exchangeable must lie between 0 and 1, got {self.p_exchangeable}; at 1 "
                "the model is that of exchangeable strata"
            )


DEFAULT_EXNEX_PRIORS: Final = ExnexPriors()


def as_exnex_priors(priors: Priors) -> ExnexPriors:
    """Return the settings with the defaults of EXNEX where they are plain `Priors`."""
    return priors if isinstance(priors, ExnexPriors) else ExnexPriors(**priors.as_dict())
