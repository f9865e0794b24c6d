"""The paper's conclusions as claims, each with what the posterior says of it.

A claim is defined once, in ``CLAIMS``: the claims table judges it by the fits of the main job,
`models.analyses.checks.sensitivity` in every scenario. The words follow the posterior probability
of the claim by one fixed scale (``WORDS``), so that no sentence is stronger than the number beside
it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from models.analyses.pools.summary import PooledPosterior
from models.estimands.contrasts import DEFAULT_MARGIN, NOT_RANDOMISED
from models.estimands.rates import summarise
from models.evidence.vocabulary import LINES, TREATMENTS
from models.fitting.fit import Fit
from models.render.format import frame_markdown, points, probability, rate

if TYPE_CHECKING:
    from models.analyses.groups.summary import SubgroupAnalysis

WORDS: Final = (
    (0.975, "strongly supported"),
    (0.90, "supported"),
    (0.75, "weakly supported"),
    (0.25, "undecided"),
    (0.10, "weakly contradicted"),
    (0.025, "contradicted"),
    (0.0, "strongly contradicted"),
)
"""Least posterior probability of a claim for each wording."""
VISIBLE_SHIFT: Final = 0.05
"""A wording that changes with a smaller shift of the probability lay at a limit of the scale."""

MONO, DUAL, TKI, CHEMO, IMMUNO = TREATMENTS
FIRST, LATER, _ = LINES

type Draws = NDArray[np.float64]
type Rates = Mapping[str, Draws]
"""Draws of the typical rates by group, all of one shape."""


def wording(p: float, mcse: float = 0.0) -> str:
    """Return the words for the posterior probability of a claim.

    Parameters
    ----------
    p
        Posterior probability.
    mcse
        Its Monte Carlo standard error; where a limit lies within two of them, both wordings are
        given, since another run could fall on either side.
    """
    low, high = (
        next(words for least, words in WORDS if value >= least)
        for value in (max(p - 2 * mcse, 0.0), p + 2 * mcse)
    )
    return low if low == high else f"{low} to {high}"


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

    @property
    def analysis(self) -> str:
        """Name of the analysis."""
        return f"{self.outcome}_{self.grouping}"


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


def _rates(posterior: xr.Dataset) -> dict[str, Draws]:
    """Return the draws of each group's typical rate, shape (chain, draw)."""
    typical = posterior["typical_rate"]
    return {str(group): typical.sel(group=group).values for group in typical["group"].values}


def _probability(claim: Claim, posterior: xr.Dataset) -> tuple[float, float]:
    """Return the share of draws in which an event holds, and its Monte Carlo standard error."""
    import arviz_stats as azs

    holds = claim.holds(_rates(posterior)).astype(float)
    p = float(holds.mean())
    if p in (0.0, 1.0):
        return p, 0.0
    indicator = xr.Dataset({"event": (("chain", "draw"), holds)})
    return p, float(azs.mcse(indicator, method="mean")["event"])


def _judged(claim: Claim, analysis: "SubgroupAnalysis", unpooled: Fit) -> dict[str, object]:
    p, mcse = _probability(claim, analysis.posterior)
    estimand = claim.estimand
    if len(claim.groups) == 2:
        ratio = analysis.contrast(*claim.groups, "risk_ratio")
        estimand += f" (risk ratio {rate(ratio['median'], ratio['lower'], ratio['upper'], 2)})"
    return {
        "claim_id": claim.claim_id,
        "claim": claim.claim,
        "place": claim.place,
        "event": claim.event,
        "probability": p,
        "mcse": mcse,
        "probability_unpooled": _probability(claim, unpooled.posterior)[0],
        "estimand": estimand,
        **summarise(xr.DataArray(claim.estimate(_rates(analysis.posterior)))),
        "verdict": wording(p, mcse),
    }


def _overall(
    claim_id: str, name: str, printed: str, place: str, bayes: PooledPosterior
) -> dict[str, object]:
    average = rate(bayes.average["median"], bayes.average["lower"], bayes.average["upper"])
    return {
        "claim_id": claim_id,
        "claim": f"The overall {name} rate is {printed}",
        "place": place,
        "event": "",
        "estimand": f"typical rate of all arms; average rate {average}",
        **bayes.typical,
        "verdict": "estimate",
    }


def paper_claims(
    analyses: Mapping[str, "SubgroupAnalysis"],
    unpooled: Mapping[str, Fit],
    overall: Mapping[str, PooledPosterior],
    printed: Mapping[str, str],
) -> pd.DataFrame:
    """Judge the conclusions of the paper that concern treatment, line and toxicity.

    Parameters
    ----------
    analyses
        Subgroup analyses by name, those of ``CLAIMS`` at least.
    unpooled
        Fits of the same with unpooled group means, by the same names.
    overall
        Pooled posteriors of all arms by outcome code.
    printed
        The printed overall pools by outcome code, for the wording.

    Returns
    -------
    pandas.DataFrame
        One row a claim: ``claim_id``, ``claim``, ``place``, ``event`` (empty for a plain
        estimate), its posterior ``probability`` given the model and that number's Monte Carlo
        standard error ``mcse``, ``probability_unpooled`` (unpooled group means, a common tau),
        ``estimand``, ``median``, ``lower``, ``upper`` (95 % equal-tailed; differences are
        proportions), ``verdict``.
    """
    rows = [_judged(claim, analyses[claim.analysis], unpooled[claim.analysis]) for claim in CLAIMS]
    rows += [
        _overall("C13", "response", printed["orr"], "Abstract; 3.4; Discussion", overall["orr"]),
        _overall("C14", "disease control", printed["dcr"], "Abstract; 3.4", overall["dcr"]),
        _overall("C15", "grade 3-5 TRAE", printed["trae"], "Abstract; 3.4.4", overall["trae"]),
    ]
    return pd.DataFrame(rows)


def claims_frame(claims: pd.DataFrame) -> pd.DataFrame:
    """Return the claims as a frame of texts."""
    rows = []
    for c in claims.itertuples():
        difference = str(c.estimand).startswith("risk difference")
        show = points if difference else rate
        shown = show(c.median, c.lower, c.upper) + (" points" if difference else "")
        missing = c.probability is None or pd.isna(c.probability)
        rows.append(
            {
                "id": c.claim_id,
                "claim": c.claim,
                "where": c.place,
                "event judged": c.event or "-",
                "posterior probability": "-" if missing else probability(c.probability),
                "with unpooled means": "-" if missing else probability(c.probability_unpooled),
                "estimate (95 % interval)": f"{shown}: {c.estimand}",
                "verdict": c.verdict,
            }
        )
    return pd.DataFrame(rows)


def claims_markdown(claims: pd.DataFrame) -> str:
    """Return the page of claims."""
    scale = (
        "; ".join(f"{words} from {least:g}" for least, words in WORDS[:-1])
        + f"; below that {WORDS[-1][1]}"
    )
    return "\n".join(
        [
            "# The paper's conclusions and what the posterior says",
            "",
            NOT_RANDOMISED,
            "",
            "Probabilities are posterior, given the partially pooled subgroup model and its "
            f"priors. Wording by probability of the claim: {scale}; two wordings where the limit "
            "between them lies within two Monte Carlo standard errors. *Similar* is judged as a "
            f"difference of at most {100 * DEFAULT_MARGIN:g} percentage points, which partial "
            "pooling favours, and which is a wide margin where rates are low: see the risk ratio. "
            "*With unpooled means*: the same probability if no group learns from another's mean; "
            "where the two columns differ much, the conclusion rests on the prior of sigma_group "
            "(`sigma_sensitivity.md`).",
            "",
            frame_markdown(claims_frame(claims)),
            "",
        ]
    )
