"""Posteriors of a review, by quadrature or from draws, as marginals of one form."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from scipy.special import expit
from scipy.stats import binom

from models.analyses.review.settings import Settings
from models.common.errors import GateError
from models.fitting.gate import Gate
from models.grid import PooledPosterior, SubgroupPosterior, fit_pooled, fit_subgroup
from models.grid.distributions import Array
from models.grid.marginals import AverageRate, LogitMarginals, ScaleMarginal

if TYPE_CHECKING:
    import pandas as pd


class Marginal(Protocol):
    """The posterior of one number."""

    @property
    def mean(self) -> float:
        """Posterior mean."""
        ...

    def quantile(self, probability: float) -> float:
        """Return a quantile."""
        ...

    def above(self, value: float) -> float:
        """Return the posterior probability of a larger value."""
        ...


@dataclass(frozen=True)
class Rate:
    """A rate whose logit's posterior stands on a mesh, one of several."""

    logits: LogitMarginals
    place: int | None = None

    def _at(self, values: Array) -> float:
        return float(values if self.place is None else values[self.place])

    @property
    def mean(self) -> float:
        """Posterior mean."""
        return self._at(self.logits.rate_mean)

    def quantile(self, probability: float) -> float:
        """Return a quantile."""
        return self._at(self.logits.rate_quantile(probability))

    def above(self, value: float) -> float:
        """Return the posterior probability of a larger rate."""
        return self._at(self.logits.prob_rate_above(value))

    def expect(self, values: Array) -> Array:
        """Return posterior means of functions of the rate, given at `nodes`, ``(nodes, ...)``."""
        masses = self.logits.masses
        return np.asarray((masses if self.place is None else masses[:, self.place]) @ values)

    @property
    def nodes(self) -> Array:
        """Rates at the nodes."""
        return np.asarray(expit(self.logits.mesh.nodes))


@dataclass(frozen=True)
class Average:
    """The average rate, computed when it is asked for: of clusters it takes a second."""

    made: Callable[[], AverageRate]

    @cached_property
    def rate(self) -> AverageRate:
        """The posterior."""
        return self.made()

    @property
    def mean(self) -> float:
        """Posterior mean."""
        return self.rate.mean

    def quantile(self, probability: float) -> float:
        """Return a quantile."""
        return float(self.rate.quantile(probability))

    def above(self, value: float) -> float:
        """Return the posterior probability of a larger value."""
        return self.rate.prob_rate_above(value)


@dataclass(frozen=True)
class Scale:
    """A standard deviation, logit scale."""

    scale: ScaleMarginal

    @property
    def mean(self) -> float:
        """Posterior mean."""
        return self.scale.mean

    def quantile(self, probability: float) -> float:
        """Return a quantile."""
        return self.scale.quantile(probability)

    def above(self, value: float) -> float:
        """Return the posterior probability of a larger value."""
        return self.scale.prob_above(value)


@dataclass(frozen=True, eq=False)
class Drawn:
    """A number known by draws, ``(n,)``."""

    values: Array

    @property
    def mean(self) -> float:
        """Posterior mean."""
        return float(self.values.mean())

    def quantile(self, probability: float) -> float:
        """Return a quantile."""
        return float(np.quantile(self.values, probability))

    def above(self, value: float) -> float:
        """Return the share of larger draws."""
        return float((self.values > value).mean())

    def expect(self, values: Array) -> Array:
        """Return means of functions of the draws, given at `nodes`, ``(n, ...)``."""
        return np.asarray(values.mean(axis=0))

    @property
    def nodes(self) -> Array:
        """The draws."""
        return self.values


@dataclass(frozen=True, eq=False)
class Pool:
    """The posterior of one population of studies.

    Attributes
    ----------
    typical, average, new_study
        Rates: of the median study, mean over studies, of a study yet to be done.
    tau
        Standard deviation between studies; with clusters, between arms of a cluster.
    sigma
        Standard deviation between clusters; None without.
    studies
        Rates of the studies, in order.
    gate
        The verdict on the computation.
    exact
        The posterior of the grid, None if it was sampled.
    """

    typical: Marginal
    average: Marginal
    new_study: "Rate | Drawn"
    tau: Marginal
    sigma: Marginal | None
    studies: Sequence[Marginal]
    gate: Gate
    exact: "PooledPosterior | SubgroupPosterior | None" = None

    def count_probabilities(self, patients: int) -> Array:
        """Return the predictive probabilities of 0, 1, ... events in a new study, ``(n + 1,)``."""
        counts = np.arange(patients + 1)
        found = np.zeros(patients + 1)
        rates = self.new_study.nodes
        # in blocks: a new study may be large
        for start in range(0, counts.size, 256):
            block = counts[start : start + 256]
            found[block] = self.new_study.expect(binom.pmf(block, patients, rates[:, None]))
        return found


def exact_pool(frame: "pd.DataFrame", settings: Settings, cluster: str | None = None) -> Pool:
    """Return the exact posterior of a review's studies.

    Parameters
    ----------
    frame
        ``study``, ``events``, ``total`` and the column of the clusters, if there is one.
    settings
        The priors.
    cluster
        Column whose rows of one value share an effect.
    """
    counts = frame["events"].to_numpy(), frame["total"].to_numpy()
    labels = list(frame["study"])
    priors: dict[str, Any] = {"mu_mean": settings.mu.mean, "mu_sd": settings.mu.sd}
    if cluster is None:
        one = fit_pooled(*counts, study=labels, tau_prior=settings.tau, **priors)
        return Pool(
            Rate(one.mu),
            Average(lambda: one.average_rate),
            Rate(one.new_study),
            Scale(one.tau),
            None,
            [Rate(one.studies, i) for i in range(len(frame))],
            Gate.of_quadrature(one.quadrature_error),
            one,
        )
    several = fit_subgroup(
        *counts,
        frame[cluster].tolist(),
        study=labels,
        sigma_prior=settings.sigma,
        tau_prior=settings.tau,
        **priors,
    )
    return Pool(
        Rate(several.mu),
        Average(lambda: several.overall_average_rate),
        Rate(several.overall_new_study),
        Scale(several.tau),
        Scale(several.sigma_group),
        [Rate(several.studies, i) for i in range(len(frame))],
        Gate.of_quadrature(several.quadrature_error),
        several,
    )


def sampled_pool(frame: "pd.DataFrame", settings: Settings) -> Pool:
    """Return the posterior of a review's studies from a sampler's draws.

    Raises
    ------
    InputError
        If a prior is none of the sampler's model.
    """
    from models.fitting.fit import SamplerSettings, Wanted
    from models.fitting.registry import POOLED
    from models.fitting.sampler import Sampler

    priors = settings.plain_priors()
    sampler = Sampler(SamplerSettings(draws=settings.draws, seed=settings.seed))
    fit = sampler(Wanted(POOLED, frame, priors, "review"))
    found = fit.posterior
    rates = found["study_rate"].transpose(..., "study").values.reshape(-1, len(frame))
    names = ("typical_rate", "average_rate", "new_study_rate", "tau")
    typical, average, new_study, tau = (Drawn(found[name].values.ravel()) for name in names)
    studies = [Drawn(column) for column in rates.T]
    return Pool(typical, average, new_study, tau, None, studies, fit.gate)


def numbers(marginal: Marginal, settings: Settings) -> dict[str, float]:
    """Return median and interval of a posterior."""
    lower, upper = (marginal.quantile(tail) for tail in settings.tails)
    return {"median": marginal.quantile(0.5), "lower": lower, "upper": upper}


def require(gate: Gate) -> None:
    """End if a fit failed its gate.

    Raises
    ------
    GateError
        With the verdict.
    """
    if not gate.passed:
        raise GateError(f"the fit did not pass the gate; do not use it. {gate.sentence()}")
