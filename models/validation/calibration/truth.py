"""Simulated truths for simulation-based calibration: parameters from the prior, counts from them.

Every generator is written in NumPy from the mathematics in the docstring of its model, not from the
model's code: a fault in a model (a prior of the wrong scale, an effect added twice) then shows as a
lack of calibration instead of cancelling out. The true estimands are computed apart from
`models.estimands.rates` and `models.estimands.subtypes` for the same reason. Sizes, groups and
families are those of the paper; only the responders are simulated.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit

from models.priors import Priors, as_exnex_priors

type FloatArray = NDArray[np.float64]
type IntArray = NDArray[np.int64]

_Z: Final = np.linspace(-9.0, 9.0, 1801)
_DENSITY: Final = np.exp(-0.5 * _Z**2) / np.exp(-0.5 * _Z**2).sum()


@dataclass(frozen=True)
class Truth:
    """One simulated truth.

    Attributes
    ----------
    events
        Responders of every row of the design.
    scalars
        True values by label: hyperparameters and estimands that are ranked one by one.
    units
        True rates of the units by name, shape (k,) each; the first are those whose patients are
        counted.
    unit_events, unit_total
        Counts of the first kind of units, shape (k,).
    """

    events: IntArray
    scalars: dict[str, float]
    units: dict[str, FloatArray]
    unit_events: IntArray
    unit_total: IntArray


def mean_rate(mu: float, sd: float) -> float:
    """Return the mean of ``expit(mu + sd z)``, ``z ~ Normal(0, 1)``, by the trapezoid rule."""
    return float(expit(mu + sd * _Z) @ _DENSITY)


def _half_normal(rng: np.random.Generator, scale: float) -> float:
    return float(abs(rng.normal(0.0, scale)))


def _counts(
    design: pd.DataFrame, rate: FloatArray, rng: np.random.Generator
) -> tuple[IntArray, IntArray]:
    total = design["total"].to_numpy("int64")
    return rng.binomial(total, rate), total


def pooled_truth(design: pd.DataFrame, priors: Priors, rng: np.random.Generator) -> Truth:
    """Draw from the pooled model: ``mu``, ``tau``, average rate, rate of a new study."""
    mu, tau = rng.normal(priors.mu_mean, priors.mu_sd), _half_normal(rng, priors.tau_scale)
    rate = expit(rng.normal(mu, tau, len(design)))
    events, total = _counts(design, rate, rng)
    scalars = {
        "mu": mu,
        "tau": tau,
        "average_rate": mean_rate(mu, tau),
        "new_study_rate": float(expit(rng.normal(mu, tau))),
    }
    return Truth(events, scalars, {"study_rate": rate}, events, total)


def subgroup_truth(design: pd.DataFrame, priors: Priors, rng: np.random.Generator) -> Truth:
    """Draw from the subgroup model: scales, both rates of every group, contrasts of every pair."""
    mu = rng.normal(priors.mu_mean, priors.mu_sd)
    sigma, tau = _half_normal(rng, priors.sigma_scale), _half_normal(rng, priors.tau_scale)
    groups = [str(label) for label in design["group"].cat.categories]
    centre = rng.normal(mu, sigma, len(groups))
    rate = expit(rng.normal(centre[design["group"].cat.codes.to_numpy()], tau))
    events, total = _counts(design, rate, rng)
    average = [mean_rate(eta, tau) for eta in centre]
    scalars = {"mu": mu, "sigma_group": sigma, "tau": tau}
    scalars |= {f"typical_rate[{g}]": float(expit(centre[i])) for i, g in enumerate(groups)}
    scalars |= {f"average_rate[{g}]": average[i] for i, g in enumerate(groups)}
    for b, reference in enumerate(groups):
        for a in range(b + 1, len(groups)):
            pair = f"{groups[a]} v. {reference}"
            scalars[f"log_odds_ratio[typical, {pair}]"] = float(centre[a] - centre[b])
            scalars[f"risk_difference[average, {pair}]"] = average[a] - average[b]
    return Truth(events, scalars, {"study_rate": rate}, events, total)


def family_rates(design: pd.DataFrame, rate: FloatArray) -> dict[str, FloatArray]:
    """Return the patient-weighted mean rate of each family by its label.

    Parameters
    ----------
    design
        Columns ``total`` and ``parent``, in the order of the rates.
    rate
        Rates of the strata, shape (..., k).
    """
    total, parent = design["total"].to_numpy("float64"), design["parent"]
    rates = {}
    for label in parent.dropna().unique():
        member = (parent == label).to_numpy()
        rates[str(label)] = rate[..., member] @ (total[member] / total[member].sum())
    return rates


def _family_scalars(
    design: pd.DataFrame, rate: FloatArray, name: str = "family_rate"
) -> dict[str, float]:
    return {f"{name}[{f}]": float(v) for f, v in family_rates(design, rate).items()}


def subtype_truth(design: pd.DataFrame, priors: Priors, rng: np.random.Generator) -> Truth:
    """Draw from the subtype model: scales, the family's rate and a new stratum's."""
    mu = rng.normal(priors.mu_mean, priors.mu_sd)
    tau, tau_child = _half_normal(rng, priors.tau_scale), _half_normal(rng, priors.tau_scale)
    logit = np.empty(len(design))
    parent = design["parent"]
    alone = parent.isna().to_numpy()
    logit[alone] = rng.normal(mu, tau, int(alone.sum()))
    for label in parent.dropna().unique():
        member = (parent == label).to_numpy()
        phi = rng.normal(mu, tau)
        logit[member] = rng.normal(phi, tau_child, int(member.sum()))
    rate = expit(logit)
    events, total = _counts(design, rate, rng)
    scalars = {
        "mu": mu,
        "tau": tau,
        "tau_child": tau_child,
        **_family_scalars(design, rate),
        "new_stratum_rate": float(expit(rng.normal(mu, tau))),
    }
    return Truth(events, scalars, {"stratum_rate": rate}, events, total)


def exnex_truth(design: pd.DataFrame, priors: Priors, rng: np.random.Generator) -> Truth:
    """Draw from EXNEX: hyperparameters, which strata are exchangeable, their rates."""
    settings = as_exnex_priors(priors)
    mu = rng.normal(settings.mu_mean, settings.mu_sd)
    tau = _half_normal(rng, settings.tau_scale)
    k = len(design)
    exchangeable = rng.random(k) < settings.p_exchangeable
    own = rng.normal(settings.nex_mean, settings.nex_sd, k)
    rate = expit(np.where(exchangeable, rng.normal(mu, tau, k), own))
    events, total = _counts(design, rate, rng)
    scalars = {
        "mu": mu,
        "tau": tau,
        "exchangeable_strata": float(exchangeable.sum()),
        **_family_scalars(design, rate),
        "new_stratum_rate": float(expit(rng.normal(mu, tau))),
    }
    return Truth(events, scalars, {"stratum_rate": rate}, events, total)


def subtype_treatment_truth(
    design: pd.DataFrame, priors: Priors, rng: np.random.Generator
) -> Truth:
    """Draw from the subtype by treatment model, over the complete table of combinations."""
    strata = list(dict.fromkeys(design["stratum"]))
    treatments = [str(label) for label in design["treatment"].cat.categories]
    row = np.array([strata.index(label) for label in design["stratum"]])
    column = design["treatment"].cat.codes.to_numpy()
    shape = (len(strata), len(treatments))

    mu = rng.normal(priors.mu_mean, priors.mu_sd)
    tau = _half_normal(rng, priors.tau_scale)
    sigma = _half_normal(rng, priors.sigma_scale)
    sigma_interaction = _half_normal(rng, priors.interaction_scale)
    treatment = rng.normal(0.0, sigma, shape[1])
    logit = mu + rng.normal(0.0, tau, shape[0])[:, None] + treatment
    rate = expit(logit + rng.normal(0.0, sigma_interaction, shape))
    total = np.zeros(shape, dtype=np.int64)
    total[row, column] = design["total"].to_numpy("int64")
    events = rng.binomial(total, rate)

    patients = total.sum(axis=1)
    own_mix, equal_mix = (rate * total).sum(axis=1) / patients, rate.mean(axis=1)
    parents = design.drop_duplicates("stratum")["parent"].to_numpy()
    by_stratum = pd.DataFrame({"total": patients, "parent": parents})
    scalars = {
        "mu": mu,
        "tau": tau,
        "sigma_treatment": sigma,
        "sigma_interaction": sigma_interaction,
        **{f"treatment_logit[{t}]": float(treatment[i]) for i, t in enumerate(treatments)},
        **_family_scalars(by_stratum, own_mix),
        **_family_scalars(by_stratum, equal_mix, "equal_mix_family_rate"),
        "new_stratum_rate": float(expit(rng.normal(mu, tau))),
    }
    units = {"cell_rate": rate.ravel(), "stratum_rate": own_mix, "equal_mix_rate": equal_mix}
    return Truth(events[row, column], scalars, units, events.ravel(), total.ravel())


GENERATORS: Final[dict[str, Callable[[pd.DataFrame, Priors, np.random.Generator], Truth]]] = {
    "pooled": pooled_truth,
    "subgroup": subgroup_truth,
    "subtype": subtype_truth,
    "exnex": exnex_truth,
    "subtype_treatment": subtype_treatment_truth,
}
"""Generator of each model: of the design, the priors and the random numbers."""
