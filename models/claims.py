"""The paper's conclusions as claims, each with what the posterior says of it.

The words follow the posterior probability of the claim by one fixed scale (``WORDS``), so that no
sentence is stronger than the number beside it.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Final

import numpy as np
import pandas as pd

from models.constants import INTERVAL_PROBS
from models.contrasts import DEFAULT_MARGIN, NOT_RANDOMISED
from models.pooled_results import PooledPosterior
from models.subgroup_job import SubgroupAnalysis
from models.tables import frame_markdown, points, probability, rate

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


def wording(p: float) -> str:
    """Return the words for the posterior probability of a claim."""
    return next(words for least, words in WORDS if p >= least)


@dataclass(frozen=True)
class Claim:
    """One claim of the paper against the posterior.

    Attributes
    ----------
    claim_id, claim, place
        Short id, the claim in our words, and where the paper makes it.
    event
        The event whose posterior probability is given.
    probability
        Posterior probability of that event, given the model; None for a plain estimate.
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
    estimand: str
    median: float
    lower: float
    upper: float
    verdict: str


def _superiority(
    claim_id: str, claim: str, place: str, analysis: SubgroupAnalysis, a: str, b: str
) -> Claim:
    row = analysis.contrast(a, b, "risk_difference")
    p = float(row["p_superior"])
    return Claim(
        claim_id,
        claim,
        place,
        f"typical {analysis.outcome.upper()} rate of {a} above that of {b}",
        p,
        f"risk difference of typical rates, {a} - {b}",
        row["median"],
        row["lower"],
        row["upper"],
        wording(p),
    )


def _similarity(
    claim_id: str, claim: str, place: str, analysis: SubgroupAnalysis, a: str, b: str
) -> Claim:
    row = analysis.contrast(a, b, "risk_difference")
    p = float(row["p_within"])
    return Claim(
        claim_id,
        claim,
        place,
        f"typical {analysis.outcome.upper()} rates of {a} and {b} within "
        f"{100 * DEFAULT_MARGIN:g} percentage points",
        p,
        f"risk difference of typical rates, {a} - {b}",
        row["median"],
        row["lower"],
        row["upper"],
        wording(p),
    )


def _best(claim_id: str, claim: str, place: str, analysis: SubgroupAnalysis, group: str) -> Claim:
    row = analysis.group(group)
    p = float(row["p_best"])
    return Claim(
        claim_id,
        claim,
        place,
        f"{group} has the highest typical {analysis.outcome.upper()} rate of the "
        f"{len(analysis.groups)} groups",
        p,
        f"typical rate, {group}",
        row["typical_median"],
        row["typical_lower"],
        row["typical_upper"],
        wording(p),
    )


def _combinations(analysis: SubgroupAnalysis) -> Claim:
    rates = analysis.fit.posterior["typical_rate"]
    others = [str(g) for g in rates["group"].values if str(g) != MONO]
    difference = (
        rates.sel(group=others).mean("group") - rates.sel(group=MONO, drop=True)
    ).values.ravel()
    lower, median, upper = np.quantile(difference, [INTERVAL_PROBS[0], 0.5, INTERVAL_PROBS[1]])
    p = float((difference > 0).mean())
    return Claim(
        "C04",
        "Combination therapy is more effective than single-drug therapy",
        "Discussion; Conclusions",
        "mean typical ORR rate of the four combination groups (equal weights) above that of "
        "monotherapy",
        p,
        "risk difference, mean of the four combination groups - ICI monotherapy",
        float(median),
        float(lower),
        float(upper),
        wording(p),
    )


def _overall(claim_id: str, name: str, printed: str, place: str, bayes: PooledPosterior) -> Claim:
    return Claim(
        claim_id,
        f"The overall {name} rate is {printed}",
        place,
        "",
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
    overall: Mapping[str, PooledPosterior],
    printed: Mapping[str, str],
) -> pd.DataFrame:
    """Judge the conclusions of the paper that concern treatment, line and toxicity.

    Parameters
    ----------
    analyses
        Subgroup analyses by name: ``orr_treatment``, ``dcr_treatment``, ``trae_treatment``,
        ``orr_line``, ``dcr_line``, ``orr_line_in_chemotherapy``.
    overall
        Pooled posteriors of all arms by outcome code.
    printed
        The printed overall pools by outcome code, for the wording.

    Returns
    -------
    pandas.DataFrame
        One row a claim, columns as ``Claim``.
    """
    orr, dcr = analyses["orr_treatment"], analyses["dcr_treatment"]
    trae = analyses["trae_treatment"]
    first, later = "first line", ">= second line"
    claims = [
        _best("C01", "ICI + TKI has the highest response rate", "Abstract; 3.4.1", orr, TKI),
        _superiority(
            "C02", "ICI + TKI is more effective than monotherapy", "Discussion", orr, TKI, MONO
        ),
        _superiority(
            "C03",
            "ICI + chemotherapy is more effective than monotherapy",
            "3.4.1; Discussion",
            orr,
            CHEMO,
            MONO,
        ),
        _combinations(orr),
        _similarity(
            "C05", "Dual checkpoint inhibition is similar to monotherapy", "3.4.1", orr, DUAL, MONO
        ),
        _similarity(
            "C06", "ICI + immunomodulator is similar to monotherapy", "3.4.1", orr, IMMUNO, MONO
        ),
        _best("C07", "ICI + TKI has the highest disease control rate", "3.4.1", dcr, TKI),
        _superiority(
            "C08",
            "Response is higher in first line than in later lines",
            "Abstract; 3.4.2; Discussion",
            analyses["orr_line"],
            first,
            later,
        ),
        _superiority(
            "C09",
            "The same among ICI + chemotherapy arms only (not in the paper; both first-line arms "
            "are ICI + chemotherapy)",
            "-",
            analyses["orr_line_in_chemotherapy"],
            first,
            later,
        ),
        _superiority(
            "C10",
            "Disease control is higher in first line than in later lines",
            "3.4.2",
            analyses["dcr_line"],
            first,
            later,
        ),
        _superiority(
            "C11",
            "ICI + TKI is more toxic than monotherapy",
            "Abstract; 3.4.4; Discussion",
            trae,
            TKI,
            MONO,
        ),
        _superiority(
            "C12", "ICI + chemotherapy is more toxic than monotherapy", "3.4.4", trae, CHEMO, MONO
        ),
        _overall("C13", "response", printed["orr"], "Abstract; 3.4; Discussion", overall["orr"]),
        _overall("C14", "disease control", printed["dcr"], "Abstract; 3.4", overall["dcr"]),
        _overall("C15", "grade 3-5 TRAE", printed["trae"], "Abstract; 3.4.4", overall["trae"]),
    ]
    return pd.DataFrame([asdict(claim) for claim in claims])


def claims_markdown(claims: pd.DataFrame) -> str:
    """Return the page of claims."""
    rows = []
    for c in claims.itertuples():
        difference = c.estimand.startswith("risk difference")
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
                "estimate (95 % interval)": f"{shown}: {c.estimand}",
                "verdict": c.verdict,
            }
        )
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
            f"priors. Wording by probability of the claim: {scale}. *Similar* is judged as a "
            f"difference of at most {100 * DEFAULT_MARGIN:g} percentage points. How the "
            "probabilities depend on the prior of sigma_group: `sigma_sensitivity.md`. Their Monte "
            "Carlo error is about 0.01 at most, so a claim within 0.01 of a limit could as well "
            "have the neighbouring wording.",
            "",
            frame_markdown(pd.DataFrame(rows)),
            "",
        ]
    )
