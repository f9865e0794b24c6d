"""The report's section on rates: forest plots, and a table whose rows open to the arms."""

import pandas as pd
from markupsafe import Markup

from models.evidence.vocabulary import OUTCOMES
from models.render.format import typeset
from models.render.html import Cell, cells, chosen, doi, table
from models.render.templates import render
from models.report.material import Material, percents

NAMES = {"orr": "response", "dcr": "control", "trae": "toxicity"}
"""Headings of the outcomes in the table of arms."""


def rates(material: Material) -> Markup:
    """Return the section."""
    forests = {
        name[:1].upper() + name[1:]: material.drawn(f"pools/forest_{code}")
        for code, name in OUTCOMES.items()
    }
    names, details = arm_table(material)
    note = render("report", "rates_note.html.j2")
    return Markup("").join(
        (
            chosen("outcome", "Outcome", {typeset(name): body for name, body in forests.items()}),
            Markup(note),
            table(
                names,
                "Arms: events/patients, and the rate estimated in a model of all arms, % (95 %)",
                details,
            ),
        )
    )


def arm_table(material: Material) -> tuple[pd.DataFrame, list[Markup]]:
    """Return one row an arm, and what each opens to."""
    arms = material.evidence.arms
    frame = arms[["label", "treatment", "line"]].rename(columns={"label": "arm"})
    frame["line"] = frame["line"].map(typeset)
    for code, name in NAMES.items():
        rates = material.tables[f"study_rates_{code}"].set_index("study").reindex(arms["label"])
        frame[name] = cells(
            "" if pd.isna(e) else Cell.of(f"{e:.0f}/{n:.0f} ({100 * e / n:.0f} %)", e / n)
            for e, n in zip(rates["events"], rates["total"], strict=True)
        )
        frame[f"{name}, estimated"] = percents(rates)
    return frame, [_arm(material, arm) for arm in arms.to_dict("records")]


def _arm(material: Material, arm: dict[str, object]) -> Markup:
    """Return what is known of an arm: regimen, patients, composition, what its report says."""
    evidence = material.evidence
    place = evidence.publications.set_index("publication_id").loc[str(arm["publication_id"])]
    parts = evidence.composition
    parts = parts[parts["arm_id"] == arm["arm_id"]].sort_values("patients", ascending=False)
    names = evidence.subtypes.set_index("subtype")["full_name"]
    reports = evidence.trial_reports
    mine = (reports["arm_id"] == arm["arm_id"]) | (
        reports["arm_id"].isna() & (reports["publication_id"] == arm["publication_id"])
    )
    differing = reports[mine & (reports["agreement"] == "differs")]
    words = render(
        "report",
        "arm.html.j2",
        arm={key: "" if pd.isna(value) else typeset(str(value)) for key, value in arm.items()},
        journal=place["journal"],
        composition=[
            (names.get(row.subtype, row.subtype), row.patients) for row in parts.itertuples()
        ],
        reports=[(row.item, row.report_says, row.paper_says) for row in differing.itertuples()],
        address="" if pd.isna(place["doi"]) else doi(str(place["doi"])),
    )
    return Markup(words)
