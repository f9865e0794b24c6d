"""The regressions in words."""

from collections.abc import Mapping

import pandas as pd

from models.analyses.groups.claims import MONO
from models.analyses.regression.wanted import ALONE
from models.render.format import frame_markdown, points, probability, rate
from models.render.templates import page


def coefficients_text(table: pd.DataFrame) -> pd.DataFrame:
    """Return the odds ratios as a frame of texts."""
    return pd.DataFrame(
        {
            "regression": r.regression,
            "covariate": r.term,
            "unit": r.unit,
            "odds ratio (95 % interval)": rate(r.median, r.lower, r.upper, 2),
            "P(> 1)": probability(r.p_above_one),
            "arms without it": str(r.missing or ""),
        }
        for r in table.itertuples()
    )


def scales_text(table: pd.DataFrame) -> pd.DataFrame:
    """Return standard deviations and shares explained as a frame of texts."""
    return pd.DataFrame(
        {
            "regression": r.regression,
            "tau": rate(r.tau_median, r.tau_lower, r.tau_upper, 2),
            "sigma, treatments": ""
            if pd.isna(r.sigma_group_median)
            else rate(r.sigma_group_median, r.sigma_group_lower, r.sigma_group_upper, 2),
            "share explained": rate(
                r.share_explained_median, r.share_explained_lower, r.share_explained_upper, 2
            ),
            "its prior median": f"{r.prior_share:.2f}",
        }
        for r in table.itertuples()
    )


def contrasts_text(table: pd.DataFrame) -> pd.DataFrame:
    """Return the contrasts with monotherapy as a frame of texts, one row a regression."""
    rows = []
    chosen = table[table["b"] == MONO]
    for (a, regression), pair in chosen.groupby(["a", "regression"], sort=False):
        part = pair.set_index(["estimand", "scale"])
        ratio = part.loc[("typical", "odds_ratio")]
        difference = part.loc[("average", "risk_difference")]
        rows.append(
            {
                "a": a,
                "b": MONO,
                "covariates": regression.rpartition(", by ")[0],
                "odds ratio a / b": rate(ratio["median"], ratio["lower"], ratio["upper"], 2),
                "difference of average rates (points)": points(
                    difference["median"], difference["lower"], difference["upper"]
                ),
                "P(a > b)": probability(ratio["p_superior"]),
            }
        )
    return pd.DataFrame(rows).sort_values("a", kind="stable")


def tried(coefficients: pd.DataFrame) -> dict[str, int]:
    """Return how much was tried one covariate at a time, without treatments.

    ``covariates``, their ``terms`` (odds ratios), and how many intervals lie ``apart`` from 1.
    """
    terms = coefficients[coefficients["regression"].isin([asked.label for asked in ALONE])]
    apart = (terms["lower"] > 1) | (terms["upper"] < 1)
    return {"covariates": len(ALONE), "terms": len(terms), "apart": int(apart.sum())}


def pages(tables: Mapping[str, pd.DataFrame]) -> dict[str, str]:
    """Return the pages of this part from its tables."""
    shown = {
        "coefficients": coefficients_text(tables["regression_coefficients"]),
        "scales": scales_text(tables["regression_scales"]),
        "contrasts": contrasts_text(tables["regression_contrasts"]),
    }
    texts = {name: frame_markdown(frame) for name, frame in shown.items()}
    counts = tried(tables["regression_coefficients"])
    return {"regression.md": page("analyses/regression/regression.md", tried=counts, **texts)}
