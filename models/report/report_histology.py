"""The report's sections on histology and on the paper's own numbers."""

import pandas as pd
from markupsafe import Markup

from models.render.format import typeset
from models.render.html import opened, prose, table
from models.render.templates import page
from models.report.material import Material, percents


def histology(material: Material) -> Markup:
    """Return equal histology, subtypes by treatment, and shrinkage."""
    return Markup("").join(
        (
            Markup("<h3>Treatments at equal histology</h3>"),
            material.drawn("case_mix/case_mix_contrasts", "case_mix/case_mix_arms"),
            opened("Every variant of the analysis", material.told("case_mix/case_mix_contrasts")),
            opened(
                "The table of arms by histology: known, fixed by totals, inferred",
                material.told("case_mix/case_mix_table"),
            ),
            Markup("<h3>Response by the composition of arms</h3>"),
            material.drawn("regression/regression_bubbles"),
            opened("Regressions on covariates of arms", material.told("regression/regression")),
            Markup("<h3>Subtype by treatment</h3>"),
            material.drawn("subtypes/subtype_by_treatment"),
            table(by_treatment(material), "Subtype by treatment; predictions have no patients"),
            Markup("<h3>Small subtypes</h3>"),
            material.drawn("subtypes/subtype_shrinkage"),
        )
    )


def by_treatment(material: Material) -> pd.DataFrame:
    """Return the cells of subtype by treatment, the highest rate first."""
    cells = material.tables["subtype_by_treatment"].sort_values(
        "median", ascending=False, ignore_index=True
    )
    names = material.tables["subtypes"].set_index("subtype")["full_name"].to_dict()
    predicted = cells["basis"] == "prediction"
    counts = [
        "no patients" if alone else f"{events:.0f}/{total:.0f}"
        for alone, events, total in zip(predicted, cells["events"], cells["total"], strict=True)
    ]
    return pd.DataFrame(
        {
            "subtype": cells["subtype"].map(names),
            "treatment": cells["treatment"].map(typeset),
            "responders/patients": counts,
            "estimated % (95 %)": percents(cells),
            "basis": ["prediction" if alone else "observed" for alone in predicted],
        }
    )


def paper(material: Material) -> Markup:
    """Return every published value, the faults that matter, and the recovered cells."""
    values = material.tables["published_comparison"]
    faults = material.evidence.known_faults
    grave = faults[faults["severity"] == "high"]
    counts = values["status"].value_counts()
    return Markup("").join(
        (
            prose(
                page(
                    "report/paper_note.md",
                    values=len(values),
                    counts=list(counts.items()),
                    faults=len(faults),
                    grave=len(grave),
                )
            ),
            table(grave[["category", "finding", "evidence"]], "The faults that matter"),
            opened("All faults", table(faults.drop(columns="fault_id"), "All faults found")),
            Markup("<h3>Every published value</h3>"),
            table(published(values), "Every published value, recomputed", filtered=True),
            opened("The counts behind Fig. 4", material.told("paper/recovered_cells")),
            opened("Why liposarcoma is printed so low", material.told("paper/lps_explained")),
        )
    )


def published(values: pd.DataFrame) -> pd.DataFrame:
    """Return the published values as a reader compares them."""

    def cell(row: pd.Series, prefix: str) -> str:
        numbers = [row[f"{prefix}{part}"] for part in ("estimate", "lower", "upper")]
        if pd.isna(numbers[0]):
            return ""
        first, *ends = (n if isinstance(n, str) else f"{n:.4g}" for n in numbers)
        return f"{first} ({ends[0]}–{ends[1]})" if not pd.isna(numbers[1]) else str(first)

    rows = [row for _, row in values.iterrows()]
    return pd.DataFrame(
        {
            "where": values["place"],
            "value": [f"{r['kind']}, {r['outcome']}, {r['subgroup']}" for r in rows],
            "printed": [cell(row, "printed_") for row in rows],
            "recomputed": [cell(row, "") for row in rows],
            "basis": values["basis"].str.replace("_", " "),
            "result": values["status"].str.replace("_", " "),
            "reason": values["reason"].fillna(""),
        }
    )
