"""The paper's conclusions as claims, each with what prior and posterior say of it.

A claim is defined once, in ``CLAIMS``: the claims table judges it by the main analysis,
`models.analyses.groups.assumptions` under other assumptions, `models.analyses.checks.questions`
with other arms and counts.

The words are a published scale, that of Makowski, Ben-Shachar, Chen and Lüdecke 2019, *Indices of
effect existence and significance in the Bayesian framework*, Front Psychol 10:2767
(doi:10.3389/fpsyg.2019.02767), for a probability of direction (``DIRECTION``) and for the part of
the posterior within a region of practical equivalence (``EQUIVALENCE``). It calls 0.95 one-sided
"uncertain", as two-sided testing at 0.10 would. The words judge the number alone; what it rests on
is beside it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.common.constants import INTERVAL_PROBS
from models.estimands.contrasts import DEFAULT_MARGIN
from models.evidence.vocabulary import LINES, TREATMENTS

DIRECTION: Final = ((0.999, "certain"), (0.99, "probable"), (0.97, "likely"), (0.95, "possible"))
"""A claim is called so if its probability exceeds the limit; "... not" if one less it does."""
UNCERTAIN: Final = "uncertain"
EQUIVALENCE: Final = ((0.99, "negligible"), (0.975, "probably negligible"))
"""The same of a difference that is claimed to lie within a margin."""
NOT_EQUIVALENT: Final = ((0.99, "not negligible"), (0.975, "probably not negligible"))
UNDECIDED: Final = "undecided"
VISIBLE_SHIFT: Final = 0.05
"""A wording that changes with a smaller shift of the probability lay at a limit of the scale."""
NARROW_MARGIN: Final = 0.05
SIMILAR_ODDS: Final = 1.5
"""Odds ratios from its inverse to it count as similar."""

MONO, DUAL, TKI, CHEMO, IMMUNO = TREATMENTS
FIRST, LATER, _ = LINES

type Draws = NDArray[np.float64]
type Rates = Mapping[str, Draws]
"""Draws of the typical rates by group, all of one shape."""


def wording(p: float, *, similar: bool = False) -> str:
    """Return the word for the posterior probability of a claim.

    Parameters
    ----------
    p
        Its posterior probability.
    similar
        Whether the claim is that a difference lies within a margin.
    """
    scale = EQUIVALENCE if similar else DIRECTION
    against = NOT_EQUIVALENT if similar else tuple((at, f"{word} not") for at, word in DIRECTION)
    for value, words in ((p, scale), (1 - p, against)):
        for least, word in words:
            if value > least:
                return word
    return UNDECIDED if similar else UNCERTAIN


def limits(similar: bool) -> tuple[float, ...]:
    """Return the probabilities at which the wording of a claim changes."""
    scales = (EQUIVALENCE, NOT_EQUIVALENT) if similar else (DIRECTION, DIRECTION)
    return (*(least for least, _ in scales[0]), *(1 - least for least, _ in scales[1]))


def odds_ratio(a: Draws, b: Draws) -> Draws:
    """Return the odds ratio of two rates."""
    return a / (1 - a) * (1 - b) / b


@dataclass(frozen=True)
class Claim:
    """A conclusion of the paper that has a probability.

    Attributes
    ----------
    claim_id, label, place
        Short id, short name, and where the paper makes it.
    outcome, grouping
        The analysis that it concerns.
    groups
        Groups without which there is nothing to judge; two if they are compared.
    claim
        The claim in our words.
    event, holds
        The event that it rests on, in words, and whether it holds, draw by draw.
    estimand, estimate
        What is estimated with it, in words, and its draws; differences are proportions.
    similar
        Whether the claim is that two rates lie within a margin.
    """

    claim_id: str
    label: str
    place: str
    outcome: str
    grouping: str
    groups: tuple[str, ...]
    claim: str
    event: str
    holds: Callable[[Rates], NDArray[np.bool_]]
    estimand: str
    estimate: Callable[[Rates], Draws]
    similar: bool = field(default=False, kw_only=True)

    @property
    def analysis(self) -> str:
        """Name of the analysis."""
        return f"{self.outcome}_{self.grouping}"

    @property
    def pair(self) -> tuple[str, str] | None:
        """The two groups that it orders, if it does no more."""
        return (self.groups[0], self.groups[1]) if len(self.groups) == 2 else None

    def verdict(self, p: float) -> str:
        """Return the word for its posterior probability."""
        return wording(p, similar=self.similar)

    def summary(self, rates: Rates) -> dict[str, float]:
        """Summarise draws of the rates.

        Returns
        -------
        dict
            ``probability``; ``estimate_*`` (median, lower, upper: a difference of two rates or a
            rate, as a proportion), and ``odds_ratio_*`` where two groups are compared.
        """
        found = {"probability": float(self.holds(rates).mean())}
        draws = {"estimate": self.estimate(rates)}
        if self.pair:
            draws["odds_ratio"] = odds_ratio(*(rates[group] for group in self.pair))
        for name, values in draws.items():
            cut = np.quantile(values, [0.5, *INTERVAL_PROBS])
            found |= {
                f"{name}_{part}": float(value)
                for part, value in zip(("median", "lower", "upper"), cut, strict=True)
            }
        return found


type _Names = tuple[str, str, str]
"""Id, label and place."""
type _Pair = tuple[str, str]


def _above(names: _Names, analysis: _Pair, pair: _Pair, claim: str) -> Claim:
    """Return the claim that a rate is higher than another."""
    a, b = pair
    return Claim(
        *names,
        *analysis,
        groups=pair,
        claim=claim,
        event=f"typical {analysis[0].upper()} of {a} above that of {b}",
        holds=lambda rates: rates[a] > rates[b],
        estimand=f"risk difference of typical rates, {a} - {b}",
        estimate=lambda rates: rates[a] - rates[b],
    )


def _similar(names: _Names, analysis: _Pair, pair: _Pair, claim: str) -> Claim:
    """Return the claim that two rates are similar."""
    a, b = pair
    margin = f"{100 * DEFAULT_MARGIN:g} percentage points"
    return replace(
        _above(names, analysis, pair, claim),
        event=f"typical {analysis[0].upper()}s of {a} and {b} within {margin}",
        holds=lambda rates: np.abs(rates[a] - rates[b]) <= DEFAULT_MARGIN,
        similar=True,
    )


def _highest(names: _Names, analysis: _Pair, group: str, claim: str) -> Claim:
    """Return the claim that one treatment group has the highest rate."""
    number = len(TREATMENTS)
    return Claim(
        *names,
        *analysis,
        groups=(group,),
        claim=claim,
        event=f"{group} has the highest typical {analysis[0].upper()} of the {number} groups",
        holds=lambda rates: rates[group] == np.max(list(rates.values()), axis=0),
        estimand=f"typical rate, {group}",
        estimate=lambda rates: rates[group],
    )


def _combined(rates: Rates) -> Draws:
    """Return the mean rate of the combination groups less that of monotherapy."""
    others = [values for group, values in rates.items() if group != MONO]
    return np.asarray(np.mean(others, axis=0) - rates[MONO])


ORR, DCR, TRAE = (("orr", "treatment"), ("dcr", "treatment"), ("trae", "treatment"))

CLAIMS: Final = (
    _highest(
        ("C01", "TKI has the highest ORR", "Abstract; 3.4.1"),
        ORR,
        TKI,
        "ICI + TKI has the highest response rate",
    ),
    _above(
        ("C02", "TKI > mono, ORR", "Discussion"),
        ORR,
        (TKI, MONO),
        "ICI + TKI is more effective than monotherapy",
    ),
    _above(
        ("C03", "chemo > mono, ORR", "3.4.1; Discussion"),
        ORR,
        (CHEMO, MONO),
        "ICI + chemotherapy is more effective than monotherapy",
    ),
    Claim(
        *("C04", "combinations > mono, ORR", "Discussion; Conclusions"),
        *ORR,
        groups=(MONO,),
        claim="Combination therapy is more effective than single-drug therapy",
        event="mean typical ORR of the four combination groups (equal weights) above that of "
        "monotherapy",
        holds=lambda rates: _combined(rates) > 0,
        estimand=f"risk difference, mean of the four combination groups - {MONO}",
        estimate=_combined,
    ),
    _similar(
        ("C05", "dual ~ mono, ORR", "3.4.1"),
        ORR,
        (DUAL, MONO),
        "Dual checkpoint inhibition is similar to monotherapy",
    ),
    _similar(
        ("C06", "immuno ~ mono, ORR", "3.4.1"),
        ORR,
        (IMMUNO, MONO),
        "ICI + immunomodulator is similar to monotherapy",
    ),
    _highest(
        ("C07", "TKI has the highest DCR", "3.4.1"),
        DCR,
        TKI,
        "ICI + TKI has the highest disease control rate",
    ),
    _above(
        ("C08", "first > later line, ORR", "Abstract; 3.4.2; Discussion"),
        ("orr", "line"),
        (FIRST, LATER),
        "Response is higher in first line than in later lines",
    ),
    _above(
        ("C09", "the same in chemo arms", "-"),
        ("orr", "line_in_chemotherapy"),
        (FIRST, LATER),
        "The same among ICI + chemotherapy arms only (not in the paper; both first-line arms are "
        "ICI + chemotherapy)",
    ),
    _above(
        ("C10", "first > later line, DCR", "3.4.2"),
        ("dcr", "line"),
        (FIRST, LATER),
        "Disease control is higher in first line than in later lines",
    ),
    _above(
        ("C11", "TKI > mono, TRAE", "Abstract; 3.4.4; Discussion"),
        TRAE,
        (TKI, MONO),
        "ICI + TKI is more toxic than monotherapy",
    ),
    _above(
        ("C12", "chemo > mono, TRAE", "3.4.4"),
        TRAE,
        (CHEMO, MONO),
        "ICI + chemotherapy is more toxic than monotherapy",
    ),
)
"""The claims with a probability, in the order of the claims table."""


def similarity(rates: Rates, pair: tuple[str, str]) -> dict[str, float]:
    """Return the probability that two rates are similar, by three margins."""
    a, b = (rates[group] for group in pair)
    difference, log_odds = np.abs(a - b), np.abs(np.log(odds_ratio(a, b)))
    return {
        "within_10_points": float((difference <= DEFAULT_MARGIN).mean()),
        "within_5_points": float((difference <= NARROW_MARGIN).mean()),
        "within_odds": float((log_odds <= np.log(SIMILAR_ODDS)).mean()),
    }
