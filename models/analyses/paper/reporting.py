"""The paper as a report: its Table 1, flow of studies, risk of bias, what of it is reproduced."""

from itertools import pairwise
from typing import Final

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from models.common.errors import InputError
from models.evidence.load import Evidence
from models.render.style import COLUMN, INK, SMALL, wrapped

SEARCH: Final = ("P093", "P094", "P095", "P096")
"""Ids of the published numbers of the search: found, without duplicates, excluded, full texts."""
BY_CITATION: Final = 1
"""Publications found by backward citation (section 3.1)."""


def table_one(evidence: Evidence) -> pd.DataFrame:
    """Return Table 1 of the paper, one row an arm, in its order."""
    arms, parts = evidence.arms, evidence.composition
    named = parts.assign(text=parts["subtype"].astype(str) + " " + parts["patients"].astype(str))
    subtypes = named.groupby("arm_id")["text"].agg("; ".join)
    rows = []
    for r in arms.itertuples():
        age = "" if pd.isna(r.age_median) else f"{r.age_median:.0f}"
        if not pd.isna(r.age_low):
            age = f"{age} ({r.age_low:.0f}-{r.age_high:.0f})".strip()
        rows.append(
            {
                "treatment group": r.treatment,
                "study": r.label,
                "design": r.design,
                "population": r.population,
                "enrolled": r.enrolled,
                "age, median (range)": age,
                "female (%)": r.female_percent,
                "line": r.line,
                "regimen": r.regimen_table1,
                "primary endpoint": r.primary_endpoint,
                "subtypes (patients)": subtypes.get(r.arm_id, "not given"),
            }
        )
    return pd.DataFrame(rows)


def flow(evidence: Evidence) -> pd.DataFrame:
    """Return the flow of studies with what left at each step.

    Returns
    -------
    pandas.DataFrame
        Columns ``step``, ``number``, ``change`` (from the step before), ``why``.

    Raises
    ------
    InputError
        If the printed numbers do not add up with each other or with the tables.
    """
    values = evidence.published_values.set_index("id")["estimate"]
    found, unique, excluded, full_texts = (int(values[id_]) for id_ in SEARCH)
    publications, arms = len(evidence.publications), len(evidence.arms)
    included = publications - BY_CITATION
    if unique - excluded != full_texts:
        raise InputError(
            f"published_values.csv: {SEARCH}: {unique} - {excluded} is not {full_texts}"
        )
    steps = [
        ("citations found in three databases", found, 0, ""),
        ("citations screened", unique, unique - found, "duplicates"),
        ("full texts examined", full_texts, -excluded, "excluded on title or abstract"),
        ("publications included from them", included, included - full_texts, "excluded, no list"),
        ("publications with one by backward citation", publications, BY_CITATION, "added"),
        ("arms analysed", arms, arms - publications, "two randomised trials, one in two phases"),
    ]
    if any(later[1] > earlier[1] for earlier, later in pairwise(steps[:4])):
        raise InputError(f"published_values.csv: {SEARCH}: a step has more than the one before")
    return pd.DataFrame(steps, columns=["step", "number", "change", "why"])


def flow_diagram(steps: pd.DataFrame) -> Figure:
    """Draw the flow of studies, one box a step, what left beside the arrows."""
    figure = Figure(figsize=(COLUMN, 0.62 * len(steps)))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, 1), ylim=(len(steps), 0))
    axes.axis("off")
    for i, row in enumerate(steps.itertuples()):
        box = FancyBboxPatch(
            (0.03, i + 0.12),
            0.55,
            0.56,
            boxstyle="round,pad=0,rounding_size=0.04",
            facecolor="white",
            edgecolor=INK,
            linewidth=0.8,
            mutation_aspect=2.0,
        )
        axes.add_patch(box)
        words = "\n".join(wrapped(row.step, 0.38 * COLUMN, size=SMALL))
        axes.text(0.07, i + 0.4, words, va="center", ha="left", color=INK, fontsize=SMALL)
        axes.text(0.55, i + 0.4, f"{row.number}", va="center", ha="right", color=INK)
        if i:
            arrow = {"arrowstyle": "-|>", "color": INK, "linewidth": 0.8}
            axes.annotate("", (0.3, i + 0.12), (0.3, i - 0.32), arrowprops=arrow)
            left = f"{row.change:+d} {row.why}".replace("-", "\N{MINUS SIGN}", 1)
            words = "\n".join(wrapped(left, 0.36 * COLUMN, size=SMALL))
            axes.text(0.62, i - 0.1, words, va="center", color=INK, fontsize=SMALL)
    return figure


def items_reproduced(evidence: Evidence) -> pd.DataFrame:
    """Return every figure and table of the paper, and where it is reproduced."""
    return evidence.paper_items.fillna("")


def bias(evidence: Evidence) -> pd.DataFrame:
    """Return the arms with what the text says of their risk of bias."""
    labels = evidence.arms.set_index("arm_id")["label"]
    stated = evidence.risk_of_bias
    arm = stated["arm_id"].map(labels).fillna("")
    return stated.assign(arm=arm)[["subject", "arm", "tool", "domain", "judgement", "place"]]


def checklists(evidence: Evidence) -> pd.DataFrame:
    """Return the items of both checklists with the file behind each."""
    return evidence.reporting_items.fillna("")
