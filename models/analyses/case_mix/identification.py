"""What the contrast of two treatments at equal histology can rest on."""

import math
from typing import Final

import pandas as pd
from scipy.stats import norm

from models.analyses.case_mix.variants import single_arms
from models.common.constants import INTERVAL_PROBS
from models.estimands.contrasts import group_pairs
from models.evidence.vocabulary import LPS_UNSPECIFIED, OUTSIDE_FIGURE_4
from models.reviews.case_mix import REST, CaseMixReview

NO_HISTOLOGY: Final = (*OUTSIDE_FIGURE_4, LPS_UNSPECIFIED)
"""Labels that stand for no one histology: left out where like is compared with like."""


def identification(review: CaseMixReview) -> pd.DataFrame:
    """Say for every pair of treatments what its contrast at equal histology can rest on.

    Returns
    -------
    pandas.DataFrame
        ``a``, ``b``; ``shared_subtypes``, and ``patients_a``, ``patients_b`` with them;
        ``single_a``, ``single_b`` (patients with a shared subtype in arms of one histology);
        ``single_shared`` (histologies of which both have such arms, and their number in
        ``single_shared_count``); ``basis``; ``mantel_haenszel_median`` with ``lower`` and
        ``upper`` (95 %), the common odds ratio over the shared subtypes that are listed by name,
        from the totals of the treatment groups: by counting alone, blind to differences between
        studies, missing where nobody responded to one of the two.
    """
    totals = review.margins.astype({"treatment": str}).set_index(["treatment", "subtype"])
    cells = review.cells.astype({"treatment": str, "subtype": str})
    single = cells[cells["arm"].isin(single_arms(review))]
    rows = []
    for a, b in group_pairs(review.treatments):
        patients = {
            t: cells[cells["treatment"] == t].groupby("subtype")["total"].sum() for t in (a, b)
        }
        shared = [s for s in review.subtypes if s in patients[a] and s in patients[b]]
        alone = {
            t: single[(single["treatment"] == t) & single["subtype"].isin(shared)] for t in (a, b)
        }
        both = [s for s in shared if all((alone[t]["subtype"] == s).any() for t in (a, b))]
        rows.append(
            {
                "a": a,
                "b": b,
                "shared_subtypes": len(shared),
                "patients_a": int(patients[a][shared].sum()),
                "patients_b": int(patients[b][shared].sum()),
                "single_a": int(alone[a]["total"].sum()),
                "single_b": int(alone[b]["total"].sum()),
                "single_shared": ", ".join(both),
                "single_shared_count": len(both),
                "basis": (
                    f"arms of one histology ({', '.join(both)}) and composition within arms"
                    if both
                    else "composition within arms"
                ),
                **{
                    f"mantel_haenszel_{part}": value
                    for part, value in _mantel_haenszel(totals, a, b).items()
                },
            }
        )
    return pd.DataFrame(rows)


def _mantel_haenszel(totals: pd.DataFrame, a: str, b: str) -> dict[str, float]:
    """Return the common odds ratio over subtypes with its interval.

    Mantel and Haenszel (1959, JNCI 22:719), variance of its logarithm by Robins, Breslow and
    Greenland (1986, Biometrics 42:311).
    """
    counts = totals[~totals.index.get_level_values("subtype").isin((REST, *NO_HISTOLOGY))]
    both = counts.xs(a).add_suffix("_a").join(counts.xs(b).add_suffix("_b"), how="inner")
    size = both["total_a"] + both["total_b"]
    none_a, none_b = both["total_a"] - both["events_a"], both["total_b"] - both["events_b"]
    for_a, for_b = both["events_a"] * none_b / size, both["events_b"] * none_a / size
    agree, differ = (both["events_a"] + none_b) / size, (none_a + both["events_b"]) / size
    r, s = float(for_a.sum()), float(for_b.sum())
    if r == 0 or s == 0:
        return dict.fromkeys(("median", "lower", "upper"), math.nan)
    variance = float((agree * for_a).sum()) / (2 * r**2) + float((differ * for_b).sum()) / (
        2 * s**2
    )
    variance += float((agree * for_b + differ * for_a).sum()) / (2 * r * s)
    reach = float(norm.ppf(INTERVAL_PROBS[1])) * math.sqrt(variance)
    odds = r / s
    return {"median": odds, "lower": odds * math.exp(-reach), "upper": odds * math.exp(reach)}
