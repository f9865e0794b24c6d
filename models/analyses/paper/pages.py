"""Pages of the comparison with the paper; their words stand in ``templates``."""

from collections.abc import Mapping

import pandas as pd

from models.analyses.paper.recompute import agreement_counts
from models.evidence.load import Evidence
from models.render.format import latex
from models.render.templates import page


def unexpected(comparison: pd.DataFrame, evidence: Evidence) -> list[str]:
    """Return the ids whose disagreement is not in ``known_disagreements``, or there but gone."""
    differing = set(comparison.loc[comparison["status"] == "differs", "id"])
    return sorted(differing ^ set(evidence.known_disagreements["id"]))


def comparison_markdown(comparison: pd.DataFrame) -> str:
    """Return the page that sets every published value beside its recomputation."""
    counts = agreement_counts(comparison)
    differing = comparison[comparison["status"] == "differs"]
    return page(
        "analyses/paper/published_comparison.md",
        values=len(comparison),
        recomputable=int(counts["total"].sum()),
        not_recomputable=int((comparison["status"] == "not_recomputable").sum()),
        direct=counts.loc["direct"],
        inverted=counts.loc["by_inversion"],
        checks=counts.loc["check_of_inversion"],
        others=counts.loc["other values"],
        differing=pd.DataFrame(
            {
                "id": differing["id"],
                "where": differing["place"],
                "value": (differing["outcome"] + " " + differing["subgroup"]).str.strip(),
                "finding": differing["reason"],
            }
        ),
        comparison=_readable(comparison),
    )


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


def _printed(table: pd.DataFrame) -> pd.DataFrame:
    shares = table["female (%)"].map(lambda value: "" if pd.isna(value) else f"{value:g}")
    return table.assign(**{"female (%)": shares}).astype(str)


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
    return page(
        "analyses/paper/lps_explained.md", steps=pd.DataFrame(rows), groups=pd.DataFrame(shares)
    )


def pages(tables: Mapping[str, pd.DataFrame]) -> dict[str, str]:
    """Return the pages of this part from its tables."""
    return {
        "published_comparison.md": comparison_markdown(tables["published_comparison"]),
        "lps_explained.md": lps_markdown(tables["lps_explained"], tables["lps_groups"]),
        "recovered_cells.md": page(
            "analyses/paper/recovered_cells.md", cells=tables["recovered_cells"]
        ),
        "items.md": page(
            "analyses/paper/items.md",
            items=tables["items"],
            counts=tables["items"]["status"].value_counts(),
        ),
        "reporting.md": page(
            "analyses/paper/reporting.md",
            lists=list(tables["reporting"].groupby("checklist", sort=False)),
        ),
        "table1.md": page(
            "analyses/paper/table1.md",
            arms=_printed(tables["table1"]),
            flow=tables["flow"],
            bias=tables["risk_of_bias"],
        ),
        "table1.tex": latex(_printed(tables["table1"]), "Characteristics of the 38 arms."),
    }
