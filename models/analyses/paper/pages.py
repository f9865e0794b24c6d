"""The comparison with the paper, as tables and text."""

from collections.abc import Mapping

import pandas as pd

from models.analyses.paper.recompute import agreement_counts
from models.evidence.load import Evidence
from models.render.format import frame_markdown, markdown


def unexpected(comparison: pd.DataFrame, evidence: Evidence) -> list[str]:
    """Return the ids whose disagreement is not in ``known_disagreements``, or there but gone."""
    differing = set(comparison.loc[comparison["status"] == "differs", "id"])
    return sorted(differing ^ set(evidence.known_disagreements["id"]))


def comparison_markdown(comparison: pd.DataFrame) -> str:
    """Return the page that sets every published value beside its recomputation."""
    counts = agreement_counts(comparison)
    direct, inverted, checks, others = (
        counts.loc[basis]
        for basis in ("direct", "by_inversion", "check_of_inversion", "other values")
    )
    not_recomputable = int((comparison["status"] == "not_recomputable").sum())
    lines = [
        "# Every published value, recomputed",
        "",
        f"The paper states {len(comparison)} numbers on pooled or derived results. "
        f"{int(counts['total'].sum())} can be formed from what it prints; "
        f"{not_recomputable} cannot, for the reason on their row.",
        "",
        "What the agreements of pooled and exact estimates rest on:",
        "",
        f"- **direct**: {direct['agrees']} of {direct['total']} estimates formed from printed "
        "counts agree at every printed digit.",
        f"- **by inversion**: {inverted['agrees']} of {inverted['total']} rows of Fig. 4 agree by "
        "construction. Their cells are not printed; they were found from the row itself, so the "
        "finding is that a solution exists and whether it is the only one "
        "(`scripts/verify/recover_cells.py`), not that the row agrees.",
        f"- **check of inversion**: {checks['agrees']} of {checks['total']} subtype by treatment "
        "rates of the text agree with those cells; the text is not used to find them.",
        "",
        f"Of the other recomputable values (tests between groups, counts, shares, medians), "
        f"{others['agrees']} of {others['total']} agree.",
        "",
        "## What does not agree",
        "",
        markdown(
            ["id", "where", "value", "finding"],
            [
                (r.id, r.place, f"{r.outcome} {r.subgroup}".strip(), r.reason)
                for r in comparison[comparison["status"] == "differs"].itertuples()
            ],
        ),
        "",
        "## All values",
        "",
        "Agreement means that the recomputed value, rounded to the printed decimals, is the "
        "printed text. `k` is the number of units pooled, which for Fig. 4 is the number of "
        "treatment groups, not of studies. Unrounded values: `published_comparison.csv`.",
        "",
        frame_markdown(_readable(comparison)),
        "",
    ]
    return "\n".join(lines)


def _readable(comparison: pd.DataFrame) -> pd.DataFrame:
    def triple(estimate: object, lower: object, upper: object) -> str:
        parts = [x for x in (lower, upper) if x not in ("", None) and not pd.isna(x)]
        if estimate in ("", None) or pd.isna(estimate):
            return ""
        shown = estimate if isinstance(estimate, str) else f"{estimate:.4g}"
        ends = [p if isinstance(p, str) else f"{p:.4g}" for p in parts]
        return f"{shown} ({'-'.join(ends)})" if ends else shown

    def number(value: object, digits: int) -> str:
        return "" if value is None or pd.isna(value) else f"{float(str(value)):.{digits}f}"

    rows = []
    for r in comparison.itertuples():
        rows.append(
            {
                "id": r.id,
                "value": f"{r.outcome} {r.subgroup}".strip(),
                "k": "" if pd.isna(r.k) else f"{int(r.k)}",
                "printed": triple(r.printed_estimate, r.printed_lower, r.printed_upper),
                "recomputed": triple(r.estimate, r.lower, r.upper),
                "I2 printed": r.printed_i2,
                "I2": number(r.i2, 2),
                "p printed": r.printed_p,
                "p": number(r.p, 4),
                "basis": r.basis,
                "status": r.status.replace("_", " "),
                "reason": r.reason,
            }
        )
    return pd.DataFrame(rows)


def lps_markdown(steps: pd.DataFrame, groups: pd.DataFrame) -> str:
    """Return the explanation of the LPS row for readers."""
    columns = {
        "crude": "all responders over all patients",
        "weights_only": "published weights on plain rates",
        "transformation_only": "double arcsine, weighted by patients",
        "transformation_at_total": "the same, turned back at all patients",
        "published": "both: the published pool",
    }
    rows = [
        {
            "row": f"{r['subtype']} ({r['events']}/{r['total']})",
            **{title: f"{100 * r[name]:.1f}" for name, title in columns.items()},
            "printed": r["printed"],
            "I2 (%)": f"{r['i2']:.1f}",
        }
        for r in steps.to_dict("records")
    ]
    shares = [
        {
            "treatment group": r.treatment,
            "responders": f"{r.events}/{r.total}",
            "rate (%)": f"{100 * r.rate:.1f}",
            "share of patients (%)": f"{100 * r.patient_share:.1f}",
            "published weight (%)": f"{100 * r.weight:.1f}",
        }
        for r in groups.itertuples()
    ]
    return (
        "# Why the printed LPS lies below its parts\n\n"
        "Rates in per cent. The published row pools treatment-group totals. Its weights "
        "(DerSimonian-Laird) and its scale (double arcsine, turned back at the harmonic mean "
        "size of the groups) each lower it, and both together more.\n\n"
        f"{frame_markdown(pd.DataFrame(rows))}\n\n"
        "## The five groups of LPS\n\n"
        f"{frame_markdown(pd.DataFrame(shares))}\n"
    )


def pages(tables: Mapping[str, pd.DataFrame]) -> dict[str, str]:
    """Return the pages of this part from its tables."""
    recovered = frame_markdown(tables["recovered_cells"])
    return {
        "published_comparison.md": comparison_markdown(tables["published_comparison"]),
        "lps_explained.md": lps_markdown(tables["lps_explained"], tables["lps_groups"]),
        "recovered_cells.md": f"# Recovery of the cells of Fig. 4\n\n{recovered}\n",
    }
