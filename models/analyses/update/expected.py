"""Which new arm would most likely change a stated conclusion.

Before an arm is done its result has a distribution, the posterior predictive one. For every number
of responders the draws of the present posterior are weighted by the likelihood of that number (the
new arm's own effect integrated out by quadrature); the weighted shares are the probabilities of the
claims after it. A conclusion is changed if its probability moves by `VISIBLE_SHIFT` at least and
takes another wording.
"""

from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd
from scipy.special import gammaln, log_expit

from models.analyses.groups.claims import VISIBLE_SHIFT, limits
from models.analyses.update.state import State
from models.grid.distributions import Array
from models.numerics.threads import one_blas_thread

if TYPE_CHECKING:
    import xarray as xr

SIZES: Final = (20, 40, 80)
DRAWS: Final = 6000
"""Draws that are weighted."""
_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(24)
_LIMITS = np.array(limits(similar=False))


@one_blas_thread()
def after_one_arm(logits: Array, tau: Array, holds: Array, n: int) -> tuple[Array, Array]:
    """Return what one more arm of n patients would do.

    Parameters
    ----------
    logits, tau
        Draws of the mean of the arm's population and of the SD between arms, ``(draws,)``.
    holds
        Whether each claim holds, ``(draws, claims)``.
    n
        Patients.

    Returns
    -------
    tuple of ndarray
        Probability of 0 to n responders, ``(n + 1,)``; probabilities of the claims after each,
        ``(n + 1, claims)``.
    """
    counts = np.arange(n + 1)
    ways = gammaln(n + 1.0) - gammaln(counts + 1.0) - gammaln(n - counts + 1.0)
    likelihood = np.zeros((logits.size, n + 1))
    for z, weight in zip(_NODES, _WEIGHTS / _WEIGHTS.sum(), strict=True):
        theta = logits + tau * z
        likelihood += weight * np.exp(
            ways + np.outer(theta, counts) + n * log_expit(-theta)[:, None]
        )
    predictive = likelihood.mean(axis=0)
    return predictive, (likelihood.T @ holds) / likelihood.sum(axis=0)[:, None]


def stated(claims: pd.DataFrame) -> "pd.Series[bool]":
    """Return which claims are stated: every one of a pair, of the highest the likeliest."""
    highest = claims["b"] == ""
    return ~highest | (claims["probability"] == claims.loc[highest, "probability"].max())


def expected_changes(state: State, sizes: tuple[int, ...] = SIZES) -> pd.DataFrame:
    """Return, for an arm of each group and size and for each claim, what it would do.

    Returns
    -------
    pandas.DataFrame
        ``group``, ``n``, ``claim``, ``probability`` (now), ``expected_shift`` (mean absolute change
        of it), ``changes`` (probability that the conclusion changes), ``fewest`` and ``most``
        responders between which it does not (NaN: on that side nothing changes it).
    """
    means, tau = state.means[:DRAWS], state.tau[:DRAWS]
    claims = state.claims[stated(state.claims)]
    holds = np.empty((len(means), len(claims)))
    best = means.argmax(axis=1)
    for j, (a, b) in enumerate(zip(claims["a"], claims["b"], strict=True)):
        i = state.groups.index(a)
        holds[:, j] = means[:, i] > means[:, state.groups.index(b)] if b else best == i
    rows: list[dict[str, object]] = []
    for i, group in enumerate(state.groups):
        for n in sizes:
            predictive, later = after_one_arm(means[:, i], tau, holds, n)
            named = {"group": group, "n": n}
            rows += _rows(named, claims["claim"], holds.mean(axis=0), predictive, later)
    return pd.DataFrame(rows)


def expected_by_histology(
    posterior: "xr.Dataset", subtypes: list[str], a: str, b: str, sizes: tuple[int, ...] = SIZES
) -> pd.DataFrame:
    """Return the same at equal histology: arms of one subtype, and the claim that a is above b.

    Parameters
    ----------
    posterior
        Draws of the case-mix model.
    subtypes
        Histologies of the arms.
    a, b
        Treatments that the claim compares, for the same patients.
    """
    from models.estimands.case_mix import effects

    subtype, treatment = effects(posterior)
    tau = posterior["tau"].to_numpy().reshape(-1)
    drawn = {str(t): treatment.sel(treatment=t).to_numpy().reshape(-1) for t in (a, b)}
    holds = (drawn[a] > drawn[b]).astype(np.float64)[:, None]
    rows: list[dict[str, object]] = []
    for name in (a, b):
        for histology in subtypes:
            logits = subtype.sel(subtype=histology).to_numpy().reshape(-1) + drawn[name]
            for n in sizes:
                predictive, later = after_one_arm(logits, tau, holds, n)
                named = {"group": name, "subtype": histology, "n": n}
                claim = pd.Series([f"{a} above {b} at equal histology"])
                rows += _rows(named, claim, holds.mean(axis=0), predictive, later)
    return pd.DataFrame(rows)


def _rows(
    named: dict[str, object], claims: "pd.Series[str]", now: Array, predictive: Array, later: Array
) -> list[dict[str, object]]:
    rows = []
    for j, claim in enumerate(claims):
        moved = np.abs(later[:, j] - now[j])
        same = (_word(later[:, j]) == _word(now[j])) | (moved < VISIBLE_SHIFT)
        inside = np.flatnonzero(same)
        fewest, most = (inside[0], inside[-1]) if inside.size else (np.nan, np.nan)
        rows.append(
            {
                **named,
                "claim": claim,
                "probability": float(now[j]),
                "expected_shift": float(predictive @ moved),
                "changes": float(predictive @ ~same),
                "fewest": float(fewest) if fewest > 0 else np.nan,
                "most": float(most) if most < predictive.size - 1 else np.nan,
            }
        )
    return rows


def _word(probability: Array) -> Array:
    """Return the place of probabilities among the limits of the wordings."""
    return np.asarray((np.asarray(probability)[..., None] < _LIMITS).sum(axis=-1))
