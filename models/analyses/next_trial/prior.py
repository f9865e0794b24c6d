r"""The meta-analytic-predictive (MAP) prior: the distribution of a new arm's true response rate.

It is the predictive distribution of one more arm, not the posterior of an average: besides the
uncertainty of the mean it holds the whole spread between arms. Three kinds of new arm::

    pooled      theta_new = mu + tau z                          an arm like any of the review
    group       theta_new = mu + sigma_group a_g + tau z        an arm of treatment group g,
                                                                groups partially pooled
    case mix    p_new = sum_s w_s expit(mu + subtype_s + treatment_g + tau z)
                                                                an arm of treatment g whose
                                                                patients have the mix w

The first two are exact (`models.grid`); the third averages the conditional distributions given the
draws of the case-mix model, since given a draw ``p_new`` increases with ``z``.

Schmidli et al. (2014, Biometrics 70:1023); Neuenschwander et al. (2010, Clin Trials 7:5).
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy.special import expit, ndtr

from models.common.errors import InputError
from models.fitting.exact import fit_groups, fit_review
from models.grid.distributions import Array
from models.grid.marginals import LogitMarginals, Summary
from models.grid.mesh import Component, Mesh
from models.numerics.binomial import pmf
from models.priors import DEFAULT_PRIORS, Priors

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

    from models.reviews.case_mix import CaseMixReview

_STEP, _WIDTH = 0.04, 4.0
"""Logits between nodes, and how far from the centre: enough for the likelihood of 1000 patients."""
_PART: Final = 0.2
"""Largest step, in standard deviations of the density."""
_NOTHING: Final = 1e-13
"""Density, relative to the highest, beyond which there is nothing."""
_DEVIATES: Final = np.linspace(-8.0, 8.0, 129)


@dataclass(frozen=True)
class Counted:
    """What the counts of a review are, in words.

    Attributes
    ----------
    one, many
        A patient with the outcome, and several.
    did
        What they did: ``46 of 168 patients ... responded``.
    rate
        Their share.
    patients
        Of whom they are a share.
    """

    one: str = "responder"
    many: str = "responders"
    did: str = "responded"
    rate: str = "response rate"
    patients: str = "patients"

    def count(self, number: int) -> str:
        """Return a number of patients with the outcome: ``1 responder``."""
        return f"{number} {self.one if number == 1 else self.many}"


RESPONSE: Final = Counted()
"""Of a user's review, which does not say what its events are."""
PAPER: Final = {
    "orr": Counted(patients="evaluable patients"),
    "dcr": Counted(
        "patient with disease control",
        "patients with disease control",
        "had disease control",
        "disease control rate",
        "evaluable patients",
    ),
}
"""By outcome of the paper's tables."""
ENROLLED: Final = Counted(patients="enrolled patients")
"""In the case-mix review, where patients who could not be evaluated are non-responders."""


@dataclass(frozen=True, eq=False)
class MapPrior:
    """Distribution of the true rate in a new arm.

    Attributes
    ----------
    density
        Its logit, masses ``(nodes,)``, on a mesh fine enough for the likelihood of a new trial.
    source
        The same as the engine gave it, precise in the far tails, too.
    arm
        What the new arm is, in words.
    model
        The model, in words.
    arms, events, total
        The evidence of the group itself: number of arms, responders, patients.
    exact
        By quadrature; otherwise from draws, and then no more precise than these.
    tail_scale
        Largest prior scale between arms, which decides how heavy the tails are.
    counted
        What ``events`` and ``total`` are, in words.
    """

    density: LogitMarginals
    source: LogitMarginals
    arm: str
    model: str
    arms: int
    events: int
    total: int
    exact: bool
    tail_scale: float
    counted: Counted = RESPONSE

    @property
    def rates(self) -> Array:
        """Rates at the nodes."""
        return np.asarray(expit(self.density.mesh.nodes))

    def summary(self) -> Summary:
        """Return mean, sd, median and 95 % interval of the rate."""
        return self.density.rate_summary()

    def mean_of(self, values: Array) -> Array:
        """Return the mean of functions of the rate, given at the nodes, ``(nodes, ...)``."""
        return np.asarray(np.tensordot(self.density.masses, values, axes=1))

    def predictive(self, n: int) -> Array:
        """Return the probability of 0 to n responders among n patients, ``(n + 1,)``."""
        return self.mean_of(pmf(np.arange(n + 1), n, self.rates[:, None]))

    def posterior(self, n: int) -> LogitMarginals:
        """Return the posteriors after 0 to n responders among n, masses ``(nodes, n + 1)``."""
        joint = self.density.masses[:, None] * pmf(np.arange(n + 1), n, self.rates[:, None])
        return LogitMarginals(self.density.mesh, joint / joint.sum(axis=0))


def on_fine_mesh(density: LogitMarginals) -> LogitMarginals:
    """Lay one density on a mesh fine enough for the likelihood of a new trial."""
    old = density.mesh.nodes
    present = density.masses / density.mesh.weights
    inside = old[present > _NOTHING * present.max()]
    step = min(_STEP, _PART * float(density.sd))
    mesh = Mesh.build((Component(float(density.mean), step, _WIDTH),), inside[0], inside[-1])
    masses = density.density(mesh.nodes) * mesh.weights
    return LogitMarginals(mesh, masses / masses.sum())


def pooled_prior(
    studies: "pd.DataFrame",
    source: str,
    priors: Priors = DEFAULT_PRIORS,
    counted: Counted = RESPONSE,
) -> MapPrior:
    """Return the prior for an arm like any of a review (``study``, ``events``, ``total``)."""
    posterior = fit_review(studies, priors)
    return MapPrior(
        on_fine_mesh(posterior.new_study),
        posterior.new_study,
        f"a new arm like those of {source}",
        "pooled model",
        len(studies),
        int(studies["events"].sum()),
        int(studies["total"].sum()),
        exact=True,
        tail_scale=priors.tau_scale,
        counted=counted,
    )


@dataclass(frozen=True, eq=False)
class GroupPriors:
    """Priors for a new arm of each group, partially pooled; their joint draws.

    Attributes
    ----------
    prior
        By group, in the order of the groups.
    draws
        Group means ``(draws, groups)`` and ``tau`` ``(draws,)``, logit scale, independent.
    """

    prior: dict[str, MapPrior]
    draws: tuple[Array, Array]

    def of(self, group: str) -> MapPrior:
        """Return the prior of one group.

        Raises
        ------
        InputError
            If there is no such group.
        """
        if group not in self.prior:
            raise InputError(f"{group!r}: there is no such group, only {', '.join(self.prior)}")
        return self.prior[group]


def group_priors(
    studies: "pd.DataFrame",
    source: str,
    priors: Priors = DEFAULT_PRIORS,
    counted: Counted = RESPONSE,
    draws: int = 4000,
    seed: int = 20250107,
) -> GroupPriors:
    """Return the priors for a new arm of each group (``study``, counts, ``group``)."""
    posterior = fit_groups(studies, priors)
    labels = list(posterior.group)
    new, found = posterior.new_study, {}
    for i, label in enumerate(labels):
        own = studies[studies["group"] == label]
        one = LogitMarginals(new.mesh, new.masses[:, i])
        found[label] = MapPrior(
            on_fine_mesh(one),
            one,
            f"a new {label} arm of {source}",
            "subgroup model, groups partially pooled",
            len(own),
            int(own["events"].sum()),
            int(own["total"].sum()),
            exact=True,
            tail_scale=max(priors.tau_scale, priors.sigma_scale),
            counted=counted,
        )
    sample = posterior.draws(draws, seed)
    return GroupPriors(found, (np.asarray(sample.group_logit), np.asarray(sample.tau)))


def case_mix_prior(
    posterior: "xr.Dataset",
    review: "CaseMixReview",
    treatment: str,
    shares: "pd.Series",
    patients: str,
    priors: Priors = DEFAULT_PRIORS,
) -> MapPrior:
    """Return the prior for a new arm of a treatment whose patients have a given mix.

    Parameters
    ----------
    posterior
        Draws of the case-mix model.
    review
        What it was fitted to.
    treatment
        One of its treatments.
    shares
        Share of every subtype; a single 1 for an arm of one histology.
    patients
        The patients in words.
    priors
        Of the fit.
    """
    from models.estimands.case_mix import effects

    subtype, by_treatment = effects(posterior)
    kept = shares[shares > 0]
    typical = (subtype + by_treatment.sel(treatment=treatment)).sel(subtype=list(kept.index))
    logits = typical.transpose("chain", "draw", "subtype").to_numpy().reshape(-1, len(kept))
    tau = posterior["tau"].to_numpy().reshape(-1)
    weights = kept.to_numpy()
    # Given a draw the logit of the arm's rate increases with z: tables of one by the other.
    table = np.empty((tau.size, _DEVIATES.size))
    for j, z in enumerate(_DEVIATES):
        rate = expit(logits + z * tau[:, None]) @ weights
        other = expit(-logits - z * tau[:, None]) @ weights
        table[:, j] = np.log(rate) - np.log(other)
    centre = float(table[:, _DEVIATES.size // 2].mean())
    low, high = float(np.quantile(table[:, 0], 0.05)), float(np.quantile(table[:, -1], 0.95))
    mesh = Mesh.build((Component(centre, _STEP, _WIDTH),), low, high)
    edges = mesh.logit(np.asarray(np.arange(mesh.size + 1) - 0.5, dtype=np.float64))
    cdf = np.zeros(edges.size)
    for row in table:
        cdf += ndtr(np.interp(edges, row, _DEVIATES, left=-np.inf, right=np.inf))
    masses = np.diff(cdf)
    arms = review.arms[review.arms["treatment"] == treatment]
    density = LogitMarginals(mesh, masses / masses.sum())
    return MapPrior(
        density,
        density,
        f"a new {treatment} arm with patients of {patients}",
        "case-mix model, patients not evaluable count as non-responders",
        len(arms),
        int(arms["events"].sum()),
        int(arms["total"].sum()),
        exact=False,
        tail_scale=max(priors.tau_scale, priors.sigma_scale),
        counted=ENROLLED,
    )
