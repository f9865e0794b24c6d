"""The paper's conclusions as claims, each with what the posterior says of it.

The words follow the posterior probability of the claim by one fixed scale (``WORDS``), so that no
sentence is stronger than the number beside it.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Final

import arviz_stats as azs
import pandas as pd
import xarray as xr

from models.analyses.groups.summary import SubgroupAnalysis
from models.analyses.pools.summary import PooledPosterior
from models.estimands.contrasts import DEFAULT_MARGIN, NOT_RANDOMISED
from models.estimands.rates import summarise
from models.fitting.fit import Fit
from models.render.format import frame_markdown, points, probability, rate

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

MONO, DUAL, TKI, CHEMO, IMMUNO = (
    "ICI monotherapy",
    "Dual Checkpoint Inhibitors",
    "ICI + TKI",
    "ICI + chemotherapy",
    "ICI + immunomodulator",
)


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


def _probability(event: xr.DataArray) -> tuple[float, float]:
    """Return the share of draws in which an event holds, and its Monte Carlo standard error."""
    indicator = xr.Dataset({"event": event.astype(float)})
    p = float(indicator["event"].mean())
    if p in (0.0, 1.0):
        return p, 0.0
    return p, float(azs.mcse(indicator, method="mean")["event"])


@dataclass(frozen=True)
class Claim:
    """One claim of the paper against the posterior.

    Attributes
    ----------
    claim_id, claim, place
        Short id, the claim in our words, and where the paper makes it.
    event
        The event whose posterior probability is given.
    probability, mcse
        Posterior probability of that event, given the model, and its Monte Carlo standard error;
        None for a plain estimate.
    probability_unpooled
        The same with unpooled group means and a common tau.
    estimand, median, lower, upper
        The estimate that goes with it, 95 % equal-tailed interval; differences are proportions.
    verdict
        Words of matched strength.
    """

    claim_id: str
    claim: str
    place: str
    event: str
    probability: float | None
    mcse: float | None
    probability_unpooled: float | None
    estimand: str
    median: float
    lower: float
    upper: float
    verdict: str


type Event = Callable[[xr.DataArray], xr.DataArray]


@dataclass(frozen=True)
class Judged:
    """An analysis with partially pooled and with unpooled group means."""

    analysis: SubgroupAnalysis
    unpooled: Fit

    def judge(self, event: Event) -> tuple[float, float, float]:
        """Return probability and MCSE under partial pooling, and the probability without."""
        p, mcse = _probability(event(self.analysis.posterior["typical_rate"]))
        unpooled, _ = _probability(event(self.unpooled.posterior["typical_rate"]))
        return p, mcse, unpooled


def _difference(rates: xr.DataArray, a: str, b: str) -> xr.DataArray:
    return rates.sel(group=a, drop=True) - rates.sel(group=b, drop=True)


def _contrast_claim(
    claim_id: str,
    claim: str,
    place: str,
    evidence: Judged,
    pair: tuple[str, str],
    *,
    similar: bool = False,
) -> Claim:
    """Judge that a rate is higher than another, or that the two are similar."""
    a, b = pair
    analysis = evidence.analysis
    name = analysis.outcome.upper()
    if similar:
        event = f"typical {name}s of {a} and {b} within {100 * DEFAULT_MARGIN:g} percentage points"
        judged = evidence.judge(lambda r: abs(_difference(r, a, b)) <= DEFAULT_MARGIN)
    else:
        event = f"typical {name} of {a} above that of {b}"
        judged = evidence.judge(lambda r: _difference(r, a, b) > 0)
    row = analysis.contrast(a, b, "risk_difference")
    ratio = analysis.contrast(a, b, "risk_ratio")
    return Claim(
        claim_id,
        claim,
        place,
        event,
        *judged,
        f"risk difference of typical rates, {a} - {b} (risk ratio "
        f"{rate(ratio['median'], ratio['lower'], ratio['upper'], 2)})",
        row["median"],
        row["lower"],
        row["upper"],
        wording(*judged[:2]),
    )


def _best(claim_id: str, claim: str, place: str, evidence: Judged, group: str) -> Claim:
    analysis = evidence.analysis
    row = analysis.group(group)
    judged = evidence.judge(lambda r: r.sel(group=group, drop=True) == r.max("group"))
    return Claim(
        claim_id,
        claim,
        place,
        f"{group} has the highest typical {analysis.outcome.upper()} of the "
        f"{len(analysis.groups)} groups",
        *judged,
        f"typical rate, {group}",
        row["typical_median"],
        row["typical_lower"],
        row["typical_upper"],
        wording(*judged[:2]),
    )


def _combinations(evidence: Judged) -> Claim:
    def difference(rates: xr.DataArray) -> xr.DataArray:
        others = [str(g) for g in rates["group"].values if str(g) != MONO]
        return rates.sel(group=others).mean("group") - rates.sel(group=MONO, drop=True)

    judged = evidence.judge(lambda r: difference(r) > 0)
    summary = summarise(difference(evidence.analysis.posterior["typical_rate"]))
    return Claim(
        "C04",
        "Combination therapy is more effective than single-drug therapy",
        "Discussion; Conclusions",
        "mean typical ORR of the four combination groups (equal weights) above that of monotherapy",
        *judged,
        "risk difference, mean of the four combination groups - ICI monotherapy",
        summary["median"],
        summary["lower"],
        summary["upper"],
        wording(*judged[:2]),
    )


def _overall(claim_id: str, name: str, printed: str, place: str, bayes: PooledPosterior) -> Claim:
    return Claim(
        claim_id,
        f"The overall {name} rate is {printed}",
        place,
        "",
        None,
        None,
        None,
        "typical rate of all arms; average rate "
        + rate(bayes.average["median"], bayes.average["lower"], bayes.average["upper"]),
        bayes.typical["median"],
        bayes.typical["lower"],
        bayes.typical["upper"],
        "estimate",
    )


def paper_claims(
    analyses: Mapping[str, SubgroupAnalysis],
    unpooled: Mapping[str, Fit],
    overall: Mapping[str, PooledPosterior],
    printed: Mapping[str, str],
) -> pd.DataFrame:
    """Judge the conclusions of the paper that concern treatment, line and toxicity.

    Parameters
    ----------
    analyses
        Subgroup analyses by name: ``orr_treatment``, ``dcr_treatment``, ``trae_treatment``,
        ``orr_line``, ``dcr_line``, ``orr_line_in_chemotherapy``.
    unpooled
        Fits of the same with unpooled group means, by the same names.
    overall
        Pooled posteriors of all arms by outcome code.
    printed
        The printed overall pools by outcome code, for the wording.

    Returns
    -------
    pandas.DataFrame
        One row a claim, columns as ``Claim``.
    """
    both = {name: Judged(analyses[name], unpooled[name]) for name in unpooled}
    orr, dcr, trae = (both[f"{outcome}_treatment"] for outcome in ("orr", "dcr", "trae"))
    lines = ("first line", ">= second line")
    claims = [
        _best("C01", "ICI + TKI has the highest response rate", "Abstract; 3.4.1", orr, TKI),
        _contrast_claim(
            "C02",
            "ICI + TKI is more effective than monotherapy",
            "Discussion",
            orr,
            (TKI, MONO),
        ),
        _contrast_claim(
            "C03",
            "ICI + chemotherapy is more effective than monotherapy",
            "3.4.1; Discussion",
            orr,
            (CHEMO, MONO),
        ),
        _combinations(orr),
        _contrast_claim(
            "C05",
            "Dual checkpoint inhibition is similar to monotherapy",
            "3.4.1",
            orr,
            (DUAL, MONO),
            similar=True,
        ),
        _contrast_claim(
            "C06",
            "ICI + immunomodulator is similar to monotherapy",
            "3.4.1",
            orr,
            (IMMUNO, MONO),
            similar=True,
        ),
        _best("C07", "ICI + TKI has the highest disease control rate", "3.4.1", dcr, TKI),
        _contrast_claim(
            "C08",
            "Response is higher in first line than in later lines",
            "Abstract; 3.4.2; Discussion",
            both["orr_line"],
            lines,
        ),
        _contrast_claim(
            "C09",
            "The same among ICI + chemotherapy arms only (not in the paper; both first-line arms "
            "are ICI + chemotherapy)",
            "-",
            both["orr_line_in_chemotherapy"],
            lines,
        ),
        _contrast_claim(
            "C10",
            "Disease control is higher in first line than in later lines",
            "3.4.2",
            both["dcr_line"],
            lines,
        ),
        _contrast_claim(
            "C11",
            "ICI + TKI is more toxic than monotherapy",
            "Abstract; 3.4.4; Discussion",
            trae,
            (TKI, MONO),
        ),
        _contrast_claim(
            "C12",
            "ICI + chemotherapy is more toxic than monotherapy",
            "3.4.4",
            trae,
            (CHEMO, MONO),
        ),
        _overall("C13", "response", printed["orr"], "Abstract; 3.4; Discussion", overall["orr"]),
        _overall("C14", "disease control", printed["dcr"], "Abstract; 3.4", overall["dcr"]),
        _overall("C15", "grade 3-5 TRAE", printed["trae"], "Abstract; 3.4.4", overall["trae"]),
    ]
    return pd.DataFrame([asdict(claim) for claim in claims])


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
