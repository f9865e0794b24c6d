"""What the priors say before any data, in numbers a clinician reads.

The draws come from the models themselves (``pm.sample_prior_predictive`` on the builders), so a
prior that is changed in a builder shows here.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit

from models.estimands.contrasts import pair_label
from models.evidence.groupings import grouped_outcome
from models.evidence.load import Evidence
from models.pooled import build_pooled_model
from models.priors import Priors
from models.subgroup import build_subgroup_model

if TYPE_CHECKING:
    import pymc as pm

type Array = NDArray[np.float64]

DRAWS: Final = 20_000
PAIR: Final = ("ICI + TKI", "ICI monotherapy")
EXTREME: Final = (0.01, 0.99)

LIMITS: Final = {
    "p_typical_extreme": (0.05, "a typical rate below 1 % or above 99 % is hardly conceivable"),
    "p_study_extreme": (0.10, "so is a single study's rate, if less so"),
    "p_or_above_20": (0.05, "no treatment multiplies the odds of response by 20"),
    "p_or_beyond_20": (0.05, "nor does it divide them by 20; both directions together"),
}
"""Largest prior probability allowed, and why."""


@dataclass(frozen=True)
class PriorDraws:
    """Prior draws, probability scale; ``log_odds_ratio`` is of ``PAIR``, in the subgroup model."""

    typical: Array
    study: Array
    log_odds_ratio: Array
    responders_share: Array


def _prior(model: "pm.Model", seed: int, draws: int, names: list[str]) -> dict[str, Array]:
    import pymc as pm

    tree = pm.sample_prior_predictive(draws=draws, model=model, random_seed=seed)
    prior = tree["prior"].to_dataset().isel(chain=0)
    found = {name: prior[name].values for name in names}
    found["responders"] = tree["prior_predictive"]["responders"].isel(chain=0).values
    return found


def prior_draws(evidence: Evidence, priors: Priors, seed: int, draws: int = DRAWS) -> PriorDraws:
    """Draw from the priors of the pooled and of the subgroup model of the response outcome."""
    review = evidence.outcome("orr")
    pooled = _prior(build_pooled_model(review, priors), seed, draws, ["mu", "tau", "z"])
    arms = grouped_outcome(evidence, "orr", "treatment")
    names = ["sigma_group", "group_effect"]
    groups = _prior(build_subgroup_model(arms, priors), seed, draws, names)
    a, b = (list(arms["group"].cat.categories).index(group) for group in PAIR)
    effect = groups["group_effect"]
    return PriorDraws(
        typical=expit(pooled["mu"]),
        # of one study: the others have the same distribution
        study=expit(pooled["mu"] + pooled["tau"] * pooled["z"][:, 0]),
        log_odds_ratio=groups["sigma_group"] * (effect[:, a] - effect[:, b]),
        responders_share=pooled["responders"].sum(axis=1) / review["total"].sum(),
    )


def prior_table(found: PriorDraws) -> pd.DataFrame:
    """Return the prior in numbers.

    Returns
    -------
    pandas.DataFrame
        ``quantity``, ``meaning``, ``value``, ``mcse`` (of a probability), ``limit`` and
        ``reason`` (missing where nothing is asked of it).
    """
    low, high = EXTREME

    def extreme(rates: Array) -> NDArray[np.bool_]:
        return (rates < low) | (rates > high)

    ratio = np.exp(found.log_odds_ratio)
    pair = pair_label(*PAIR)
    rows: list[dict[str, object]] = []

    def probability(name: str, meaning: str, event: NDArray[np.bool_]) -> None:
        p = float(event.mean())
        limit, reason = LIMITS.get(name, (float("nan"), ""))
        mcse = float(np.sqrt(p * (1 - p) / event.size))
        rows.append(
            {
                "quantity": name,
                "meaning": meaning,
                "value": p,
                "mcse": mcse,
                "limit": limit,
                "reason": reason,
            }
        )

    probability("p_typical_extreme", "P(typical rate < 1 % or > 99 %)", extreme(found.typical))
    probability("p_study_extreme", "P(a study's rate < 1 % or > 99 %)", extreme(found.study))
    probability("p_study_below_5", "P(a study's rate < 5 %)", found.study < 0.05)
    probability("p_study_above_50", "P(a study's rate > 50 %)", found.study > 0.5)
    probability("p_or_above_20", f"P(odds ratio of {pair} above 20)", ratio > 20)
    probability(
        "p_or_beyond_20",
        f"P(odds ratio of {pair} above 20 or below 1/20)",
        np.abs(found.log_odds_ratio) > np.log(20),
    )
    probability("p_or_above_5", f"P(odds ratio of {pair} above 5)", ratio > 5)
    for name, meaning, values in (
        ("typical", "typical rate", found.typical),
        ("study", "rate of a study", found.study),
        ("odds_ratio", f"odds ratio of {pair}", ratio),
        ("responders", "share of all patients of the review who respond", found.responders_share),
    ):
        for prob, words in ((0.025, "2.5 %"), (0.5, "median"), (0.975, "97.5 %")):
            rows.append(
                {
                    "quantity": f"{name}_{100 * prob:g}",
                    "meaning": f"{meaning}: {words}",
                    "value": float(np.quantile(values, prob)),
                }
            )
    return pd.DataFrame(rows)
