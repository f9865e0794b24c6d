"""Default priors, in one place, each with its reason.

All of them are on the logit scale. The scripts change them with ``--prior-...``; what the prior of
sigma_group does to the contrasts is shown by ``models/analyses/groups/assumptions.py``. Two priors
stand elsewhere since they are not on this scale: the correlation of ``models/publication.py`` and
the Jeffreys priors of ``models/analyses/groups/randomised.py``.
"""

import math
from dataclasses import asdict, dataclass, fields
from typing import Final

from models.common.errors import InputError


@dataclass(frozen=True)
class Priors:
    """Prior settings of every model, logit scale.

    Parameters
    ----------
    mu_mean, mu_sd
        Overall mean ``mu ~ Normal(mu_mean, mu_sd)``. A standard deviation of 1.5 on the logit
        scale is about uniform on the probability scale: it prefers no rate, of response, disease
        control or toxicity alike, and says of half of all trials that more than half respond. A
        prior about the response rate of an earlier meta-analysis, Normal(logit 0.14, 1), changes
        hardly anything (``models/analyses/groups/assumptions.py``), so one prior serves all.
    tau_scale
        Standard deviation between studies, and in the subtype models between subtypes and between
        members of a family, ``tau ~ HalfNormal(tau_scale)``. With scale 1, 95 % of
        the prior lies below 1.96. Read clinically: at tau = 1 and a typical rate of 15 %, 95 % of
        study rates spread over 2-56 %, already a very large heterogeneity (Röver et al. 2021,
        Res Synth Methods). At a rate of 16 % the unit-information standard deviation,
        1 / sqrt(p (1 - p)), is 2.7, and half of it, which RBesT takes, would be about 1.4.
    sigma_scale
        Standard deviation between groups (treatments, lines), half-normal as for tau.
    interaction_scale
        Standard deviation of subtype-by-treatment interactions, half-normal; half as wide as a
        main effect's, since interactions are usually smaller than main effects.
    """

    mu_mean: float = 0.0
    mu_sd: float = 1.5
    tau_scale: float = 1.0
    sigma_scale: float = 1.0
    interaction_scale: float = 0.5

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if not math.isfinite(value):
                raise InputError(f"prior {field.name} must be a finite number, got {value}")
            if field.name != "mu_mean" and value <= 0:
                raise InputError(f"prior {field.name} must be positive, got {value}")

    def as_dict(self) -> dict[str, float]:
        """Return the settings as plain numbers, for run records and tables."""
        return asdict(self)


DEFAULT_PRIORS: Final = Priors()


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


@dataclass(frozen=True)
class RegressionPriors(Priors):
    """Prior settings of the regression on covariates of the arms, logit scale.

    Parameters
    ----------
    mu_mean, mu_sd, tau_scale, sigma_scale
        As in `models.priors.Priors`; ``mu`` is the logit of an arm with average covariates.
    coefficient_sd
        Each coefficient ``beta ~ Normal(0, coefficient_sd)``, the log odds ratio of one named
        unit. With 1, 95 % of the prior lies between odds ratios of 0.14 and 7.1 a unit: at a rate
        of 15 % that is from 2 to 56 %. It is weakly informative as long as a unit is a difference
        between arms that one would call large (a standard deviation, ten years of age, all
        patients of a subtype instead of none), which is what the units are chosen for.
    """

    coefficient_sd: float = 1.0


DEFAULT_REGRESSION_PRIORS: Final = RegressionPriors()


@dataclass(frozen=True)
class JointPriors(Priors):
    """Prior settings of the joint model of response, disease control and toxicity, logit scale.

    Parameters
    ----------
    mu_mean, mu_sd
        Mean of each of the four conditional rates, as in `models.priors.Priors`.
    tau_scale, sigma_scale
        Standard deviations between arms and between treatments of disease control, of response
        given control, and of toxicity, half-normal as there.
    complete_scale
        Both standard deviations of complete response given response, half-normal. Half as wide
        as the others: few responses are complete, most arms have none, and the counts say little
        about how arms differ.
    correlation_shape
        The correlations of the three arm effects have the density ``det(R) ** (shape - 1)``
        (Lewandowski, Kurowicka and Joe 2009, J Multivar Anal 100:1989). With 2 each is
        ``2 Beta(2.5, 2.5) - 1``: 95 % within -0.75 and 0.75, no correlation preferred weakly.
    """

    complete_scale: float = 0.5
    correlation_shape: float = 2.0


DEFAULT_JOINT_PRIORS: Final = JointPriors()
