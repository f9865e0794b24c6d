"""What the joint model estimates, draw by draw: rates of a treatment averaged over arms.

All rates are population averages, the mean over arm effects of what the model says given them::

    DCR  = E[p1]              ORR = E[p1 p2]              CR = E[p1 p2] E[p3]
    PR   = ORR - CR           SD  = DCR - ORR             PD = 1 - DCR          TRAE = E[p4]

with ``p1`` disease control, ``p2`` response given control (whose arm effects are correlated),
``p3`` complete response given response (whose arm effect is its own) and ``p4`` toxicity. PD is
what is not controlled. One-dimensional means are those of `models.estimands.rates.average_rate`,
that of ``p1 p2`` is a product of two such rules. Contrasts are differences of these rates.

The net benefit of ``a`` against ``b`` at a weight ``w`` is ``ORR_a - ORR_b - w (TRAE_a - TRAE_b)``:
``w`` is how many responses one patient with toxicity counts for. The break-even weight is the one
at which the probability of a net benefit crosses one half, that is, at which its posterior median
is zero.
"""

from typing import Final

import numpy as np
import xarray as xr
from numpy.polynomial.hermite_e import hermegauss
from numpy.typing import NDArray
from scipy.special import expit

from models.estimands.contrasts import group_pairs, pair_label
from models.estimands.rates import average_rate

type FloatArray = NDArray[np.float64]

RATES: Final = ("cr", "pr", "sd", "pd", "orr", "dcr", "trae")
CONTRASTED: Final = ("orr", "dcr", "trae")
CORRELATIONS: Final = (
    ("control", "response"),
    ("control", "toxicity"),
    ("response", "toxicity"),
)
WEIGHTS: Final = tuple(round(0.05 * i, 2) for i in range(21))
"""From toxicity that does not count to one that cancels a response."""
_NODES, _NODE_WEIGHTS = hermegauss(41)
_NODE_WEIGHTS = _NODE_WEIGHTS / _NODE_WEIGHTS.sum()


def correlations(posterior: xr.Dataset) -> xr.DataArray:
    """Return the correlations of the arm effects, dims chain, draw, pair.

    Parameters
    ----------
    posterior
        ``partial`` in the order of `models.joint.PARTIAL`, on (0, 1).
    """
    partial = 2.0 * posterior["partial"] - 1.0
    first, second, third = (partial.isel(partial_correlation=i, drop=True) for i in range(3))
    last = first * second + third * np.sqrt((1.0 - first**2) * (1.0 - second**2))
    labels = [pair_label(*pair).replace(" v. ", ", ") for pair in CORRELATIONS]
    return xr.concat([first, second, last], dim="pair").assign_coords(pair=labels)


def treatment_logits(posterior: xr.Dataset) -> xr.DataArray:
    """Return ``mu_k + sigma_k a_kg``, dims outcome and, with several treatments, treatment."""
    if "treatment_effect" not in posterior:
        return posterior["mu"]
    return posterior["mu"] + posterior["sigma_treatment"] * posterior["treatment_effect"]


def mean_product(
    first: FloatArray, second: FloatArray, sd1: FloatArray, sd2: FloatArray, r: FloatArray
) -> FloatArray:
    """Return ``E[expit(first + sd1 u) expit(second + sd2 v)]`` for correlated normal u and v.

    Parameters
    ----------
    first, second
        Logits.
    sd1, sd2, r
        Standard deviations of the effects and their correlation; all of one shape.

    Returns
    -------
    numpy.ndarray
        By the product of two Gauss-Hermite rules of 41 nodes.
    """
    total = np.zeros(np.broadcast_shapes(first.shape, sd1.shape))
    rest = np.sqrt(1.0 - r**2)
    for node, weight in zip(_NODES, _NODE_WEIGHTS, strict=True):
        inner = second + sd2 * r * node
        mean = expit(inner[..., None] + (sd2 * rest)[..., None] * _NODES) @ _NODE_WEIGHTS
        total += weight * expit(first + sd1 * node) * mean
    return total


def joint_estimands(posterior: xr.Dataset, seed: int) -> xr.Dataset:
    """Return the estimands of the joint model.

    Parameters
    ----------
    posterior
        ``mu``, ``tau`` (outcome), ``partial``, and with several treatments ``sigma_treatment`` and
        ``treatment_effect``; dims chain, draw first.
    seed
        Not used: nothing is drawn here.

    Returns
    -------
    xarray.Dataset
        ``average_rate`` (rate, and treatment if there are several), ``correlation`` (pair), and
        with several treatments ``difference`` (contrast, outcome of ``CONTRASTED`` along
        ``contrasted``).
    """
    logit, tau, r = treatment_logits(posterior), posterior["tau"], correlations(posterior)
    single = average_rate(logit, tau)
    response = xr.apply_ufunc(
        mean_product,
        logit.sel(outcome="control", drop=True),
        logit.sel(outcome="response", drop=True),
        tau.sel(outcome="control", drop=True),
        tau.sel(outcome="response", drop=True),
        r.sel(pair="control, response", drop=True),
    )
    control = single.sel(outcome="control", drop=True)
    complete = response * single.sel(outcome="complete", drop=True)
    by_name = {
        "cr": complete,
        "pr": response - complete,
        "sd": control - response,
        "pd": 1.0 - control,
        "orr": response,
        "dcr": control,
        "trae": single.sel(outcome="toxicity", drop=True),
    }
    rates = xr.concat([by_name[name] for name in RATES], dim="rate").assign_coords(rate=list(RATES))
    found = xr.Dataset({"average_rate": rates, "correlation": r})
    if "treatment" in rates.dims and rates.sizes["treatment"] > 1:
        found["difference"] = differences(rates)
    return found.transpose("chain", "draw", ...)


def differences(rates: xr.DataArray) -> xr.DataArray:
    """Return ``a - b`` for every pair of treatments, dims contrast and contrasted."""
    pairs = group_pairs([str(label) for label in rates["treatment"].values])
    chosen = rates.sel(rate=list(CONTRASTED)).rename(rate="contrasted")

    def side(place: int) -> xr.DataArray:
        labels = xr.DataArray([pair[place] for pair in pairs], dims="contrast")
        return chosen.sel(treatment=labels).drop_vars("treatment")

    difference = side(0) - side(1)
    return difference.assign_coords(contrast=[pair_label(*pair) for pair in pairs])


def net_benefit_probability(orr: FloatArray, trae: FloatArray, weight: float) -> float:
    """Return the probability that more response outweighs more toxicity at a weight.

    Parameters
    ----------
    orr, trae
        Draws of the two differences, same shape.
    weight
        Responses that one patient with toxicity counts for, >= 0.
    """
    return float((orr - weight * trae > 0).mean())


def break_even(orr: FloatArray, trae: FloatArray) -> float | None:
    """Return the smallest weight at which the probability of a net benefit crosses one half.

    Parameters
    ----------
    orr, trae
        Draws of the two differences, same shape.

    Returns
    -------
    float or None
        None if the probability stays on one side of one half at every weight.
    """
    orr, trae = orr.ravel(), trae.ravel()
    # a draw changes sides at orr / trae: it leaves if both are positive, enters if both are not
    turns = orr * trae > 0
    at = orr[turns] / trae[turns]
    order = np.argsort(at)
    benefit = np.concatenate([[(orr > 0).sum()], np.where(trae[turns] > 0, -1, 1)[order]]).cumsum()
    above = 2 * benefit > orr.size
    crossed = np.flatnonzero(above != above[0])
    return float(at[order][crossed[0] - 1]) if crossed.size else None
