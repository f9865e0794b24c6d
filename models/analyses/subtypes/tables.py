"""Tables and figures of the subtypes: results in, files out; nothing is computed here."""

from pathlib import Path
from typing import Final

import pandas as pd

from models.analyses.subtypes.run import (
    BY_TREATMENT,
    EQUAL_MIX,
    EXCHANGEABLE,
    EXNEX,
    OWN_MIX,
    SubtypeResults,
)
from models.analyses.subtypes.summary import SubtypeResult
from models.common.files import write_csv, write_text
from models.evidence.load import Evidence
from models.evidence.vocabulary import TREATMENTS
from models.render.format import frame_markdown, probability, rate

_EMPTY: Final = "-"


def estimates_table(results: SubtypeResults, evidence: Evidence) -> pd.DataFrame:
    """Return every subtype under every model, one row each, unrounded.

    Returns
    -------
    pandas.DataFrame
        ``subtype``, ``full_name``, ``kind`` (stratum, or family for LPS as the patient-weighted
        mean of its members), ``printed_estimate``, ``printed_lower``, ``printed_upper`` (Fig. 4,
        as printed; empty for ``LPS, unspecified``), ``model``, ``treatment_mix`` and the columns
        of `models.analyses.subtypes.summary.SubtypeResult`.
    """
    parts = []
    for (model, mix), result in results.results.items():
        for kind, frame in (("stratum", result.strata), ("family", result.families)):
            if len(frame):
                parts.append(frame.assign(kind=kind, model=model, treatment_mix=mix))
    table = pd.concat(parts, ignore_index=True).rename(columns={"stratum": "subtype"})
    own = treatment_mixes(results.cells, evidence)
    table["treatment_mix"] = [
        f"own: {own[subtype]}" if mix == OWN_MIX else mix
        for subtype, mix in zip(table["subtype"], table["treatment_mix"], strict=True)
    ]
    rows = evidence.subtypes.set_index("subtype")
    names = rows["full_name"].to_dict() | dict(
        zip(evidence.strata()["stratum"], evidence.strata()["full_name"], strict=True)
    )
    table.insert(1, "full_name", table["subtype"].map(names))
    for place, name in enumerate(("printed_estimate", "printed_lower", "printed_upper")):
        table.insert(2 + place, name, table["subtype"].map(rows[name]))
    first = ["subtype", "full_name", "kind", "model", "treatment_mix"]
    return table[first + [name for name in table if name not in first]]


def treatment_mixes(cells: pd.DataFrame, evidence: Evidence) -> dict[str, str]:
    """Return each subtype's patients by treatment group as text, in the paper's order."""
    totals = cells.pivot_table(
        index="stratum", columns="treatment", values="total", sort=False, observed=False
    )[list(TREATMENTS)].astype(int)
    strata = evidence.strata()
    for parent in strata["parent"].dropna().unique():
        members = strata.loc[strata["parent"] == parent, "stratum"]
        totals.loc[parent] = totals.loc[list(members)].sum()
    return {str(label): "/".join(map(str, row)) for label, row in totals.iterrows()}


def subtypes_markdown(table: pd.DataFrame) -> str:
    """Return the estimates for readers: rates in per cent, three tables."""

    def pick(model: str, mix: str = "") -> pd.DataFrame:
        chosen = (table["model"] == model) & table["treatment_mix"].str.startswith(mix)
        return table[chosen].set_index("subtype")

    exchangeable, exnex = pick(EXCHANGEABLE), pick(EXNEX)
    own, equal = pick(BY_TREATMENT, OWN_MIX), pick(BY_TREATMENT, EQUAL_MIX)
    order = list(exchangeable.sort_values("median", ascending=False).index)

    def cell(frame: pd.DataFrame, subtype: str) -> str:
        if subtype not in frame.index:
            return _EMPTY
        row = frame.loc[subtype]
        return _percents(row["median"], row["lower"], row["upper"])

    rates, rests, ranks = [], [], []
    for subtype in order:
        row = exchangeable.loc[subtype]
        label = f"{subtype} *" if row["kind"] == "family" else subtype
        printed = (
            _percents(*(float(row[f"printed_{name}"]) for name in ("estimate", "lower", "upper")))
            if not pd.isna(row["printed_estimate"])
            else _EMPTY
        )
        rates.append(
            {
                "subtype": label,
                "responders": f"{row['events']}/{row['total']}",
                "raw (exact)": _percents(row["raw"], row["exact_lower"], row["exact_upper"]),
                "published": printed,
                "exchangeable": cell(exchangeable, subtype),
                "EXNEX": cell(exnex, subtype),
                "by treatment, own mix": cell(own, subtype),
                "by treatment, equal weights": cell(equal, subtype),
            }
        )
        rests.append(
            {
                "subtype": label,
                "responders": f"{row['events']}/{row['total']}",
                **{
                    f"shrinkage, {name}": _number(frame.loc[subtype, "shrinkage"], 2)
                    for name, frame in (
                        ("exchangeable", exchangeable),
                        ("EXNEX", exnex),
                        ("by treatment", own),
                    )
                },
                "borrowed, patients": _number(row["borrowed"], 0),
                "P(exchangeable)": _chance(exnex.loc[subtype].get("p_exchangeable")),
                "treatment mix": own.loc[subtype, "treatment_mix"].removeprefix("own: "),
            }
        )
        ranks.append(
            {
                "subtype": label,
                **{f"P(rate > {t} %)": _chance(row[f"p_above_{t}"]) for t in (10, 20, 30)},
                "expected rank": _number(row["expected_rank"], 1),
                "P(top three)": _chance(row["p_top_three"]),
                "P(top three), EXNEX": _chance(exnex.loc[subtype, "p_top_three"]),
            }
        )
    return "\n".join(
        [
            "# Subtypes\n",
            "Response rates in per cent. Posterior: median with 95 % equal-tailed interval. "
            "*exchangeable*: the subtypes are draws of one population, the liposarcomas one level "
            "deeper. *EXNEX*: each subtype may stand on its own. *by treatment*: the recovered "
            "cells, for the patients' own mix of treatment groups and for equal weights of the "
            "five. *published*: Freeman-Tukey, as printed in Fig. 4. LPS * is the patient-weighted "
            "mean of DDLPS, MLS, PLS and LPS, unspecified.\n",
            frame_markdown(pd.DataFrame(rates)),
            "\n## What each rate rests on\n",
            "*shrinkage*: how far the estimate has moved from the raw rate (0) to what the other "
            "subtypes predict (1), by posterior means; empty where the two are within one "
            "percentage point. It leaves that range where the posterior mean does not lie between "
            "them: under EXNEX the prediction averages the common rate with that of a subtype on "
            "its own, and lies above both where the latter's prior is wide. *borrowed*: "
            "information beyond the subtype's own patients, in patients (exchangeable model); "
            "negative where the posterior is wider than they alone would make it. *treatment "
            "mix*: patients in "
            f"{', '.join(TREATMENTS)}.\n",
            frame_markdown(pd.DataFrame(rests)),
            "\n## Thresholds and ranks\n",
            "Exchangeable model unless named otherwise; rank 1 is the highest rate of the 24 "
            "disjoint subtypes, and the ranks average 12.5.\n",
            frame_markdown(pd.DataFrame(ranks)),
            "",
        ]
    )


def cells_markdown(cells: pd.DataFrame) -> str:
    """Return the subtype by treatment table for readers."""
    records: dict[str, dict[str, str]] = {}
    for row in cells.itertuples():
        text = _percents(row.median, row.lower, row.upper)
        text = f"{row.events}/{row.total}: {text}" if row.total else f"*predicted {text}*"
        records.setdefault(row.stratum, {"subtype": row.stratum})[row.treatment] = text
    predicted = int((cells["basis"] == "prediction").sum())
    return (
        "# Subtype by treatment\n\n"
        f"Responders/patients of the {len(cells) - predicted} cells with patients and the "
        "posterior of their response rate in per cent (median, 95 % equal-tailed interval), "
        "additive model with interaction. The "
        f"{predicted} cells without a patient are *predictions* from the subtype, the treatment "
        "group and the size of interactions seen elsewhere: no such patient was treated in these "
        "trials. The groups are not randomised against each other.\n\n"
        f"{frame_markdown(pd.DataFrame(records.values()))}\n"
    )


def histology_markdown(table: pd.DataFrame) -> str:
    """Return the histology sensitivity for readers."""
    rows = [
        {
            "subtype": r.stratum,
            "reading": r.reading,
            "responders": f"{r.events}/{r.total}",
            "rate (%)": _percents(r.median, r.lower, r.upper),
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


def parameters_table(results: SubtypeResults) -> pd.DataFrame:
    """Return moments and intervals of the models' scalar parameters, logit scale."""
    return pd.DataFrame(
        [
            {"model": model, "parameter": name, **moments}
            for (model, _), result in results.results.items()
            for name, moments in result.parameters.items()
        ]
    )


def write_subtypes(results: SubtypeResults, evidence: Evidence, out: Path) -> list[Path]:
    """Write the tables and figures of the subtypes.

    Parameters
    ----------
    results
        From `models.analyses.subtypes.run.run_subtypes`.
    evidence
        The validated evidence.
    out
        Folder of the results.

    Returns
    -------
    list of pathlib.Path
        The files written.
    """
    tables = out / "tables"
    estimates = estimates_table(results, evidence)
    frames = {
        "subtypes": estimates,
        "subtype_parameters": parameters_table(results),
        "subtype_by_treatment": results.cells.rename(columns={"stratum": "subtype"}),
        "histology_sensitivity": results.histology,
    }
    pages = {
        "subtypes": subtypes_markdown(estimates),
        "subtype_by_treatment": cells_markdown(results.cells),
        "histology_sensitivity": histology_markdown(results.histology),
    }
    written = [write_csv(frame, tables / f"{name}.csv") for name, frame in frames.items()]
    for name, page in pages.items():
        write_text(tables / f"{name}.md", page)
        written.append(tables / f"{name}.md")
    return written + write_figures(results, estimates, out)


def write_figures(results: SubtypeResults, estimates: pd.DataFrame, out: Path) -> list[Path]:
    """Draw the shrinkage plot and the subtype by treatment heat map."""
    from models.analyses.subtypes.heatmap import subtype_heatmap
    from models.analyses.subtypes.shrinkage import shrinkage_plot
    from models.render.style import mark_failed, save

    written = []
    for name, figure in (
        ("subtype_shrinkage", shrinkage_plot(estimates)),
        ("subtype_by_treatment", subtype_heatmap(results.cells, _totals(results))),
    ):
        if not results.passed:
            mark_failed(figure)
        written += save(figure, out / name)
    return written


def _totals(results: SubtypeResults) -> pd.DataFrame:
    own: SubtypeResult = results.results[BY_TREATMENT, OWN_MIX]
    return own.strata[["stratum", "events", "total", "median"]]


def _percents(estimate: float, lower: float, upper: float) -> str:
    return rate(100 * estimate, 100 * lower, 100 * upper, 0)


def _number(value: object, digits: int) -> str:
    return "" if pd.isna(value) else f"{float(str(value)):.{digits}f}"  # type: ignore[call-overload]


def _chance(value: object) -> str:
    return "" if value is None or pd.isna(value) else probability(float(str(value)))  # type: ignore[call-overload]
