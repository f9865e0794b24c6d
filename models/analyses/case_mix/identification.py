"""What the contrast of two treatments at equal histology can rest on."""

import pandas as pd

from models.analyses.case_mix.variants import single_arms
from models.estimands.contrasts import group_pairs
from models.reviews.case_mix import REST, CaseMixReview


def identification(review: CaseMixReview) -> pd.DataFrame:
    """Say for every pair of treatments what its contrast at equal histology can rest on.

    Returns
    -------
    pandas.DataFrame
        ``a``, ``b``; ``shared_subtypes``, and ``patients_a``, ``patients_b`` with them;
        ``single_a``, ``single_b`` (patients with a shared subtype in arms of one histology);
        ``single_shared`` (histologies of which both have such arms, and their number in
        ``single_shared_count``); ``basis``; ``mantel_haenszel``, the common odds ratio over the
        shared subtypes from the totals of the treatment groups: by counting alone, blind to
        differences between studies, missing where nobody responded to one of the two.
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
                "mantel_haenszel": _mantel_haenszel(totals, a, b),
            }
        )
    return pd.DataFrame(rows)


def _mantel_haenszel(totals: pd.DataFrame, a: str, b: str) -> float:
    """Return the common odds ratio of Mantel and Haenszel (1959, JNCI 22:719) over subtypes."""
    counts = totals[totals.index.get_level_values("subtype") != REST]
    both = counts.xs(a).add_suffix("_a").join(counts.xs(b).add_suffix("_b"), how="inner")
    size = both["total_a"] + both["total_b"]
    for_a = (both["events_a"] * (both["total_b"] - both["events_b"]) / size).sum()
    for_b = (both["events_b"] * (both["total_a"] - both["events_a"]) / size).sum()
    return float(for_a / for_b) if for_b > 0 else float("nan")
