"""The pools as tables for readers."""

from collections.abc import Mapping

import pandas as pd

from models.analyses.pools.validation import OVERLAP, TOLERANCE_K3, TOLERANCE_K5
from models.render.format import latex, rate
from models.render.templates import page


def pools_frame(table: pd.DataFrame) -> pd.DataFrame:
    """Return the validation table as a frame of texts: proportions, three digits."""

    def cell(row: object, name: str) -> str:
        values = [getattr(row, f"{name}_{part}") for part in ("median", "lower", "upper")]
        return rate(*values)

    rows = []
    for r in table.itertuples():
        glmm = r.glmm_note or "none"
        if not pd.isna(r.glmm_estimate):
            glmm = rate(r.glmm_estimate, r.glmm_lower, r.glmm_upper)
        rows.append(
            {
                "id": r.id,
                "outcome": r.outcome.upper(),
                "pool": r.label,
                "k": str(r.k),
                "events/total": f"{r.events}/{r.total}",
                "crude": f"{r.crude:.3f}",
                "Freeman-Tukey (95 % CI)": rate(r.ft_estimate, r.ft_lower, r.ft_upper),
                "GLMM (95 % CI)": glmm,
                "Bayes, typical": cell(r, "typical"),
                "Bayes, average": cell(r, "average"),
                "tau": cell(r, "tau"),
                "difference": f"{r.difference:+.3f}",
                "overlap": f"{r.overlap:.2f}",
                "verdict": r.verdict if r.verdict == "passes" else f"{r.verdict}: {r.reason}",
                "gate": r.gate,
            }
        )
    frame = pd.DataFrame(rows)
    frame["verdict"] = frame["verdict"].str.removesuffix(": ")
    return frame


def pools_markdown(table: pd.DataFrame) -> str:
    """Return the page of pools."""
    return page(
        "analyses/pools/pools.md",
        limit=TOLERANCE_K5,
        overlap=OVERLAP,
        limit_small=TOLERANCE_K3,
        pools=pools_frame(table),
    )


def pages(tables: Mapping[str, pd.DataFrame]) -> dict[str, str]:
    """Return the pages of this part from its tables."""
    return {
        "pools.md": pools_markdown(tables["pools"]),
        "pools.tex": latex(pools_frame(tables["pools"]), "Published pools."),
    }
