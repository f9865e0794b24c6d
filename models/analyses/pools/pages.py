"""The pools as tables for readers."""

from collections.abc import Mapping

import pandas as pd

from models.render.format import frame_markdown, latex, rate


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
    text = (
        "# Published pools, three estimators\n\n"
        "Rates are proportions. Bayes: posterior median with 95 % equal-tailed interval; "
        "*typical* is the rate of the median study, *average* the mean rate over studies; tau is "
        "the standard deviation between studies (logit scale). *difference* is typical minus "
        "Freeman-Tukey, *overlap* the common part of the two intervals as a share of the shorter. "
        "A pool of five studies or more passes if the difference is at most 0.030 and the overlap "
        "at least 0.75; of three or four, if the difference is at most 0.035.\n\n"
    )
    return text + frame_markdown(pools_frame(table)) + "\n"


def pages(tables: Mapping[str, pd.DataFrame]) -> dict[str, str]:
    """Return the pages of this part from its tables."""
    return {
        "pools.md": pools_markdown(tables["pools"]),
        "pools.tex": latex(pools_frame(tables["pools"]), "Published pools."),
    }
