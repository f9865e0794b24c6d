"""The joint outcomes in words."""

from collections.abc import Mapping

import pandas as pd

from models.analyses.outcomes.tables import HEADINGS
from models.estimands.joint import CONTRASTED
from models.render.format import frame_markdown, percents, points, probability, rate
from models.render.templates import page


def rates_text(table: pd.DataFrame) -> pd.DataFrame:
    """Return the rates in per cent, one row an outcome and one column a treatment."""
    shown = [percents(r.median, r.lower, r.upper) for r in table.itertuples()]
    wide = table.assign(text=shown).pivot(index="rate", columns="treatment", values="text")
    wide = wide.loc[list(dict.fromkeys(table["rate"])), list(dict.fromkeys(table["treatment"]))]
    return wide.rename(index=HEADINGS).rename_axis(index="average rate (%)").reset_index()


def contrasts_text(table: pd.DataFrame) -> pd.DataFrame:
    """Return the contrasts as a frame of texts."""
    rows = []
    for row in table.to_dict("records"):
        numbers = {
            f"{HEADINGS[name]} (points)": points(
                *(row[f"{name}_{part}"] for part in ("median", "lower", "upper"))
            )
            for name in CONTRASTED
        }
        even = row["break_even"]
        rows.append(
            {
                "a": row["a"],
                "b": row["b"],
                **numbers,
                "P(more response)": probability(row["p_more_response"]),
                "P(more toxicity)": probability(row["p_more_toxicity"]),
                "P(more response without more toxicity)": probability(
                    row["p_more_response_without_more_toxicity"]
                ),
                "break-even weight": "-" if pd.isna(even) else f"{even:.2f}",
            }
        )
    return pd.DataFrame(rows)


def correlations_text(table: pd.DataFrame) -> pd.DataFrame:
    """Return the correlations as a frame of texts."""
    return pd.DataFrame(
        {
            "between": f"{r.a} and {r.b}",
            "correlation (95 % interval)": rate(r.median, r.lower, r.upper, 2),
            "P(> 0)": probability(r.p_above_zero),
        }
        for r in table.itertuples()
    )


def pages(tables: Mapping[str, pd.DataFrame]) -> dict[str, str]:
    """Return the pages of this part from its tables."""
    arms = tables["joint_arms"]
    counts = {name: int(arms[name].notna().sum()) for name in ("responders", "controlled")}
    shown = {
        "rates": rates_text(tables["joint_rates"]),
        "contrasts": contrasts_text(tables["joint_contrasts"]),
        "correlations": correlations_text(tables["joint_correlations"]),
    }
    texts = {name: frame_markdown(frame) for name, frame in shown.items()}
    reported = {**counts, "toxicity": int(arms["toxicity"].notna().sum())}
    by_treatment = arms.groupby("treatment", sort=False)["toxicity"].agg(["count", "size"])
    of_arms = "; ".join(f"{r.Index} {r.count} of {r.size}" for r in by_treatment.itertuples())
    return {
        "joint.md": page("analyses/outcomes/joint.md", reported=reported, of_arms=of_arms, **texts)
    }
