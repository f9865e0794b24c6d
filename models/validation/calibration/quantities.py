"""What is ranked in simulation-based calibration, and the ranks.

Of every model are ranked

- hyperparameters and estimands, one by one (the typical rate of the pooled model is a monotone
  function of ``mu``, so their ranks are the same and ``mu`` stands for both);
- the rate of *one unit drawn at random* in each simulation. Ranks of the units of one simulation
  depend on each other through the hyperparameters, so all of them together are no independent
  sample, and a test that takes them for one rejects too often. One at random each time gives
  independent ranks, uniform if every unit is calibrated;
- the *largest* rate of all units, a function of all of them at once;
- the log likelihood of the data given the unit rates. It depends on data and parameters together,
  and shows faults that no parameter on its own shows, such as a posterior equal to the prior
  (Modrák et al. 2023, Bayesian Anal, doi 10.1214/23-BA1404).
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray
from scipy.special import xlog1py, xlogy

from models.validation.calibration.truth import Truth

type FloatArray = NDArray[np.float64]

LEVELS: Final = (0.5, 0.8, 0.95)
"""Probability contents of the central intervals whose coverage is counted."""
ONE_AT_RANDOM: Final = "one at random"
LOG_LIKELIHOOD: Final = "log_likelihood"
_UNITS: Final = {
    "pooled": ("study_rate",),
    "subgroup": ("study_rate",),
    "subtype": ("stratum_rate",),
    "exnex": ("stratum_rate",),
    "subtype_treatment": ("cell_rate", "stratum_rate", "equal_mix_rate"),
}
_PLAIN: Final = {
    "pooled": ("mu", "tau", "average_rate", "new_study_rate"),
    "subgroup": ("mu", "sigma_group", "tau", "typical_rate", "average_rate"),
    "subtype": ("mu", "tau", "tau_child", "family_rate", "new_stratum_rate"),
    "exnex": ("mu", "tau", "family_rate", "new_stratum_rate"),
    "subtype_treatment": (
        *("mu", "tau", "sigma_treatment", "sigma_interaction"),
        *("family_rate", "equal_mix_family_rate", "new_stratum_rate"),
    ),
}


@dataclass(frozen=True)
class Quantities:
    """Posterior draws of everything that is ranked, axes chain and draw first.

    Attributes
    ----------
    scalars
        By label, shape (chains, draws).
    units
        Rates of the units by name, shape (chains, draws, k).
    """

    scalars: dict[str, FloatArray]
    units: dict[str, FloatArray]


def posterior_quantities(
    model: str, posterior: xr.Dataset, truth: Truth, rng: np.random.Generator
) -> Quantities:
    """Return the draws of what is ranked, from parameters and estimands of a fit.

    Parameters
    ----------
    model
        ``pooled``, ``subgroup``, ``subtype``, ``exnex`` or ``subtype_treatment``.
    posterior
        Free variables and estimands of the model, dims chain, draw first.
    truth
        Gives the counts that the log likelihood is of.
    rng
        For which strata are exchangeable, given their probabilities.
    """
    scalars: dict[str, FloatArray] = {}
    for name in _PLAIN[model]:
        scalars |= _labelled(name, posterior[name])
    if model == "subgroup":
        for name, rate in (("log_odds_ratio", "typical"), ("risk_difference", "average")):
            array = posterior[name].sel(rate=rate).drop_vars("rate")
            for pair, values in _by_label(array).items():
                scalars[f"{name}[{rate}, {pair}]"] = values
    if model == "exnex":
        probability = posterior["p_exchangeable"].values
        drawn = rng.random(probability.shape) < probability
        scalars["exchangeable_strata"] = drawn.sum(axis=2).astype(np.float64)
    if model == "subtype_treatment":
        effect = posterior["sigma_treatment"] * posterior["treatment_effect"]
        scalars |= _labelled("treatment_logit", effect)
    units = {}
    for name in _UNITS[model]:
        values = posterior[name].transpose("chain", "draw", ...).values
        units[name] = values.reshape(*values.shape[:2], -1)
    first = next(iter(units.values()))
    scalars[f"largest_{next(iter(units))}"] = first.max(axis=2)
    scalars[LOG_LIKELIHOOD] = log_likelihood(first, truth)
    return Quantities(scalars, units)


def _by_label(array: xr.DataArray) -> dict[str, FloatArray]:
    array = array.transpose("chain", "draw", ...)
    dim = array.dims[2]
    return {str(label): array.sel({dim: label}).values for label in array[dim].values}


def _labelled(name: str, array: xr.DataArray) -> dict[str, FloatArray]:
    if array.ndim == 2:
        return {name: array.transpose("chain", "draw").values}
    return {f"{name}[{label}]": values for label, values in _by_label(array).items()}


def log_likelihood(rate: FloatArray, truth: Truth) -> FloatArray:
    """Return the log likelihood of the counts, less the binomial coefficients.

    Parameters
    ----------
    rate
        Rates of the units counted, shape (..., k).
    truth
        Gives their counts.
    """
    x, n = truth.unit_events, truth.unit_total
    return np.asarray((xlogy(x, rate) + xlog1py(n - x, -rate)).sum(axis=-1))


def true_scalars(truth: Truth) -> dict[str, float]:
    """Return the true values of all scalars, with those that are functions of the unit rates."""
    name, rate = next(iter(truth.units.items()))
    return {
        **truth.scalars,
        f"largest_{name}": float(rate.max()),
        LOG_LIKELIHOOD: float(log_likelihood(rate, truth)),
    }


def random_units(truth: Truth, rng: np.random.Generator) -> dict[str, int]:
    """Return the position of one unit of each kind, drawn at random."""
    return {name: int(rng.integers(rate.size)) for name, rate in truth.units.items()}


def thinned(values: FloatArray, thin: int) -> FloatArray:
    """Return every ``thin``-th draw of all chains but the last, axis 0.

    Leaving one out makes the number of ranks, draws + 1, one that all levels of coverage divide.
    """
    kept = values[:, thin - 1 :: thin]
    return kept.reshape(-1, *values.shape[2:])[:-1]


def ranks(
    draws: FloatArray, truth: FloatArray | float, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Return how many draws lie below the truth, ties broken at random; axis 0 is the draw."""
    below = np.count_nonzero(draws < truth, axis=0)
    ties = np.count_nonzero(draws == truth, axis=0)
    return np.asarray(below + rng.integers(0, ties + 1))


def pit_values(rank: NDArray[np.int64], draws: int) -> FloatArray:
    """Return ``(rank + 1/2) / (draws + 1)``."""
    return np.asarray((rank + 0.5) / (draws + 1))


def rank_row(
    truth: Truth,
    quantities: Quantities,
    chosen: dict[str, int],
    thin: int,
    rng: np.random.Generator,
) -> dict[str, float]:
    """Return ranks by label and the share of units that central intervals cover.

    Parameters
    ----------
    truth, quantities
        True values and posterior draws.
    chosen
        Position of the unit drawn of each kind.
    thin
        One in how many draws is kept.
    rng
        For ties.

    Returns
    -------
    dict
        Ranks of the scalars and of the units chosen; ``units_50``, ``units_80``, ``units_95``:
        share of all units of the first kind whose truth lies in the interval.
    """
    true = true_scalars(truth)
    if true.keys() != quantities.scalars.keys():
        odd = sorted(true.keys() ^ quantities.scalars.keys())
        raise ValueError(f"ranked on one side only: {', '.join(odd)}")
    row: dict[str, float] = {
        label: int(ranks(thinned(quantities.scalars[label], thin), value, rng))
        for label, value in true.items()
    }
    for i, (name, rate) in enumerate(truth.units.items()):
        draws = thinned(quantities.units[name], thin)
        every = ranks(draws, rate, rng)
        row[f"{name}[{ONE_AT_RANDOM}]"] = int(every[chosen[name]])
        if i == 0:
            for level in LEVELS:
                inside = covered(pit_values(every, len(draws)), level)
                row[f"units_{100 * level:.0f}"] = float(inside.mean())
    return row


def covered(pit: FloatArray, level: float) -> NDArray[np.bool_]:
    """Return whether central intervals of a probability content cover the truth."""
    return np.asarray(np.abs(2 * pit - 1) < level)


def judged(quantities: Quantities, chosen: dict[str, int]) -> xr.Dataset:
    """Return the ranked quantities as a dataset, for the gate; the scalar labels are kept."""
    values = quantities.scalars | {
        f"{name}[{ONE_AT_RANDOM}]": quantities.units[name][:, :, position]
        for name, position in chosen.items()
    }
    constant = {name for name, draws in values.items() if np.ptp(draws) == 0}
    return xr.Dataset(
        {name: (("chain", "draw"), v) for name, v in values.items() if name not in constant}
    )


def design_text(design: pd.DataFrame) -> str:
    """Return labels, groups and totals of a design, what its simulations depend on."""
    columns = [c for c in ("study", "stratum", "treatment", "group", "parent") if c in design]
    return design[[*columns, "total"]].astype(str).to_csv(index=False, lineterminator="\n")
