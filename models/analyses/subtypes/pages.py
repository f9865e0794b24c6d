"""The subtypes as tables for readers."""

from collections.abc import Mapping
from typing import Final

import pandas as pd

from models.analyses.subtypes.summary import BY_TREATMENT, EQUAL_MIX, EXCHANGEABLE, EXNEX, OWN_MIX
from models.evidence.vocabulary import TREATMENTS
from models.render.format import frame_markdown, percents, probability
from models.render.templates import page

_EMPTY: Final = "-"
_OWN: Final = f"{OWN_MIX}: "


class _Estimates:
    """The table of estimates, by model and subtype.

    Parameters
    ----------
    table
        From `models.analyses.subtypes.tables.estimates_table`.
    """

    def __init__(self, table: pd.DataFrame) -> None:
        def pick(model: str, mix: str = "") -> pd.DataFrame:
            chosen = (table["model"] == model) & table["treatment_mix"].str.startswith(mix)
            return table[chosen].set_index("subtype")

        self.exchangeable, self.exnex = pick(EXCHANGEABLE), pick(EXNEX)
        self.own, self.equal = pick(BY_TREATMENT, OWN_MIX), pick(BY_TREATMENT, EQUAL_MIX)
        self.order = self.exchangeable.sort_values("median", ascending=False)

    def label(self, subtype: str) -> str:
        """Return the subtype's name, a family's with an asterisk."""
        family = self.order.loc[subtype, "kind"] == "family"
        return f"{subtype} *" if family else subtype

    def rates(self) -> pd.DataFrame:
        """Return raw, printed and estimated rates as a frame of texts."""

        def cell(frame: pd.DataFrame, subtype: str) -> str:
            return _interval(frame.loc[subtype]) if subtype in frame.index else _EMPTY

        rows = []
        for subtype, row in self.order.iterrows():
            printed = _EMPTY
            if not pd.isna(row["printed_estimate"]):
                parts = ("estimate", "lower", "upper")
                printed = percents(*(float(row[f"printed_{name}"]) for name in parts))
            rows.append(
                {
                    "subtype": self.label(subtype),
                    "responders": f"{row['events']}/{row['total']}",
                    "raw (exact)": percents(row["raw"], row["exact_lower"], row["exact_upper"]),
                    "published": printed,
                    "exchangeable": _interval(row),
                    "EXNEX": cell(self.exnex, subtype),
                    "by treatment, own mix": cell(self.own, subtype),
                    "by treatment, equal weights": cell(self.equal, subtype),
                }
            )
        return pd.DataFrame(rows)

    def rests(self) -> pd.DataFrame:
        """Return what each rate rests on as a frame of texts."""
        models = {
            "exchangeable": self.exchangeable,
            "by treatment": self.own,
        }
        return pd.DataFrame(
            {
                "subtype": self.label(subtype),
                "responders": f"{row['events']}/{row['total']}",
                **{
                    f"shrinkage, {name}": _number(frame.loc[subtype, "shrinkage"], 2)
                    for name, frame in models.items()
                },
                "borrowed, patients": _number(row["borrowed"], 0),
                "P(exchangeable)": _chance(self.exnex.loc[subtype, "p_exchangeable"]),
                "treatment mix": self.own.loc[subtype, "treatment_mix"].removeprefix(_OWN),
            }
            for subtype, row in self.order.iterrows()
        )

    def ranks(self) -> pd.DataFrame:
        """Return thresholds and ranks as a frame of texts."""
        return pd.DataFrame(
            {
                "subtype": self.label(subtype),
                **{f"P(rate > {t} %)": _chance(row[f"p_above_{t}"]) for t in (10, 20, 30)},
                "expected rank": _number(row["expected_rank"], 1),
                "P(top three)": _chance(row["p_top_three"]),
                "P(top three), EXNEX": _chance(self.exnex.loc[subtype, "p_top_three"]),
            }
            for subtype, row in self.order.iterrows()
        )


def subtypes_markdown(table: pd.DataFrame) -> str:
    """Return the estimates for readers: rates in per cent, three tables."""
    estimates = _Estimates(table)
    return "\n".join(
        [
            "# Subtypes\n",
            "Response rates in per cent. Posterior: median with 95 % equal-tailed interval. "
            "*exchangeable*: the subtypes are draws of one population, the liposarcomas one level "
            "deeper. *EXNEX*: each subtype may stand on its own. *by treatment*: the recovered "
            "cells, for the patients' own mix of treatment groups and for equal weights of the "
            "five. *published*: Freeman-Tukey, as printed in Fig. 4. LPS * is the patient-weighted "
            "mean of DDLPS, MLS, PLS and LPS, unspecified.\n",
            frame_markdown(estimates.rates()),
            "\n## What each rate rests on\n",
            "*shrinkage*: how far the estimate has moved from the raw rate (0) to what the other "
            "subtypes predict (1), by posterior means; empty where the two are within one "
            "percentage point. It leaves that range where the posterior mean does not lie between "
            "them. EXNEX has none: what may stand on its own moves towards no single rate. "
            "*borrowed*: information beyond the subtype's own patients, in patients "
            "(exchangeable model, exact moments); negative where no beta distribution has this "
            "shape. *treatment mix*: patients in "
            f"{', '.join(TREATMENTS)}.\n",
            frame_markdown(estimates.rests()),
            "\n## Thresholds and ranks\n",
            "Exchangeable model unless named otherwise; rank 1 is the highest rate of the 24 "
            "disjoint subtypes, and the ranks average 12.5.\n",
            frame_markdown(estimates.ranks()),
            "",
        ]
    )


def claims_frame(table: pd.DataFrame) -> pd.DataFrame:
    """Return what the paper says of subtypes as a frame of texts."""
    rows = []
    for r in table.itertuples():
        within = not pd.isna(r.rest_total)
        estimate = percents(r.median, r.lower, r.upper)
        rows.append(
            {
                "id": r.claim_id,
                "claim": r.claim,
                "where": r.place,
                "responders": f"{r.events}/{r.total}"
                + (f" v. {r.rest_events:.0f}/{r.rest_total:.0f}" if within else ""),
                "rate, or difference in points": estimate,
                "prior -> posterior": f"{probability(r.prior_probability)} -> "
                f"{probability(r.probability)}",
                "EXNEX": _chance(r.probability_exnex),
                "by treatment": _chance(r.probability_by_treatment),
                "model": r.model,
                "in words": r.verdict,
            }
        )
    return pd.DataFrame(rows)


def claims_markdown(table: pd.DataFrame) -> str:
    """Return the page of what the paper says of subtypes."""
    return page("analyses/subtypes/claims.md", claims=claims_frame(table))


def cells_markdown(cells: pd.DataFrame) -> str:
    """Return the subtype by treatment table for readers."""
    records: dict[str, dict[str, str]] = {}
    for row in cells.itertuples():
        text = percents(row.median, row.lower, row.upper)
        text = f"{row.events}/{row.total}: {text}" if row.total else f"*predicted {text}*"
        records.setdefault(row.subtype, {"subtype": row.subtype})[row.treatment] = text
    table = pd.DataFrame(records.values())
    predicted = int((cells["basis"] == "prediction").sum())
    return (
        "# Subtype by treatment\n\n"
        f"Responders/patients of the {len(cells) - predicted} cells with patients and the "
        "posterior of their response rate in per cent (median, 95 % equal-tailed interval), "
        "additive model with interaction. The "
        f"{predicted} cells without a patient are *predictions* from the subtype, the treatment "
        "group and the size of interactions seen elsewhere: no such patient was treated in these "
        "trials. The groups are not randomised against each other.\n\n"
        f"{frame_markdown(table, marked=table.columns[1:])}\n"
    )


def histology_markdown(table: pd.DataFrame) -> str:
    """Return the histology sensitivity for readers."""
    rows = [
        {
            "subtype": r.stratum,
            "reading": r.reading,
            "responders": f"{r.events}/{r.total}",
            "rate (%)": percents(r.median, r.lower, r.upper),
            "SD between subtypes": f"{r.tau:.2f}",
        }
        for r in table.sort_values("stratum", kind="stable").itertuples()
    ]
    return (
        "# Angiosarcoma, its epithelioid variant, and epithelioid haemangioendothelioma\n\n"
        "Epithelioid angiosarcoma (EAS, one patient) is by histology angiosarcoma (AS); "
        "epithelioid haemangioendothelioma (EHE) is an entity of its own. The paper prints AS and "
        "EAS apart, and the results follow it. This is what the other readings give (exchangeable "
        "model, posterior median with 95 % interval; SD: posterior mean, logit scale).\n\n"
        f"{frame_markdown(pd.DataFrame(rows))}\n"
    )


def _interval(row: pd.Series) -> str:
    return percents(row["median"], row["lower"], row["upper"])


def _number(value: float, digits: int) -> str:
    return "" if pd.isna(value) else f"{value:.{digits}f}"


def _chance(value: float) -> str:
    return "" if pd.isna(value) else probability(value)


def pages(tables: Mapping[str, pd.DataFrame]) -> dict[str, str]:
    """Return the pages of this part from its tables."""
    return {
        "subtypes.md": subtypes_markdown(tables["subtypes"]),
        "subtype_by_treatment.md": cells_markdown(tables["subtype_by_treatment"]),
        "subtype_claims.md": claims_markdown(tables["subtype_claims"]),
        "histology_sensitivity.md": histology_markdown(tables["histology_sensitivity"]),
    }
