"""The checks and the sensitivity analyses as pages."""

from collections.abc import Mapping

import pandas as pd

from models.analyses.checks.sensitivity import DRAWS
from models.analyses.checks.verdicts import FAIL, NOTED
from models.estimands.contrasts import NOT_RANDOMISED
from models.render.format import frame_markdown, probability, rate


def checks_markdown(table: pd.DataFrame) -> str:
    """Return the page of checks."""
    failed, noted = (int((table["verdict"] == v).sum()) for v in (FAIL, NOTED))
    return "\n".join(
        [
            "# Checks",
            "",
            f"{len(table)} checks: {failed} failed, {noted} noted. *Noted* is what the data or a "
            "choice show and a reader should know; it is no error of the computation.",
            "",
            frame_markdown(table),
            "",
        ]
    )


def sensitivity_markdown(table: pd.DataFrame) -> str:
    """Return the page of the sensitivity analyses."""
    pools = table[table["quantity"] == "orr"].set_index("scenario")
    claims = table[table["quantity"].str.startswith("C")]
    rows = []
    for scenario, pool in pools.iterrows():
        own = claims[claims["scenario"] == scenario]
        rows.append(
            {
                "scenario": pool["change"],
                "k": f"{pool['k']:.0f}",
                "typical ORR": rate(
                    pool["typical_median"], pool["typical_lower"], pool["typical_upper"]
                ),
                "Freeman-Tukey": rate(pool["ft_estimate"], pool["ft_lower"], pool["ft_upper"]),
                "average ORR": rate(
                    pool["average_median"], pool["average_lower"], pool["average_upper"]
                ),
                **{
                    str(r.quantity): "-"
                    if pd.isna(r.probability)
                    else probability(r.probability) + (" *" if r.conclusion_changed else "")
                    for r in own.itertuples()
                },
                "the paper says": pool["published"] or "-",
                "how it was read": pool["reason"],
            }
        )
    names = claims.drop_duplicates("quantity")
    legend = "; ".join(f"{r.quantity} {r.label}" for r in names.itertuples())
    return "\n".join(
        [
            "# Does any conclusion change?",
            "",
            NOT_RANDOMISED,
            "",
            f"Posterior probabilities of the claims ({legend}), with partially pooled groups. An "
            "asterisk marks another wording than in the main analysis with a shift of 5 points "
            "or more. Scenarios (1) to (6) are the paper's own analyses of the response rate and "
            "leave the other outcomes as they are. Exact posteriors (grid engine); probabilities "
            f"have a Monte Carlo error of at most {0.5 / DRAWS**0.5:.4f}.",
            "",
            frame_markdown(pd.DataFrame(rows)),
            "",
        ]
    )


def pages(tables: Mapping[str, pd.DataFrame]) -> dict[str, str]:
    """Return the pages of this part from its tables."""
    return {
        "checks.md": checks_markdown(tables["checks"]),
        "sensitivity.md": sensitivity_markdown(tables["sensitivity"]),
    }
