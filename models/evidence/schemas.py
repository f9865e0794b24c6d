"""Schemas of the tables in ``data/``: one per file, types, allowed values, ranges and keys.

A column's ``metadata["basis"]`` says where its values come from:

- ``printed``: the published article (or, for the trial report tables, the report) prints them;
- ``derived``: they follow from printed values by counting or by rule;
- ``inferred``: they rest on outside knowledge or on closing sums;
- ``row``: it differs by row, and another column of the row (``basis`` or ``kind``) says which;
- ``ours``: keys, names and remarks of this project.

``data/README.md`` states the same basis for each column, and a test holds the two together.
Importing this module imports pandera (about half a second); ``models.evidence.load`` does so only
when data are read.
"""

from typing import Final

import pandera.pandas as pa

from models.evidence.columns import (
    count,
    digits,
    number,
    one_of,
    ordered,
    pattern,
    row_check,
    schema,
    text,
)
from models.evidence.paper_schemas import PAPER_SCHEMAS
from models.evidence.selector import is_selector
from models.evidence.survival_schemas import SURVIVAL_SCHEMAS
from models.evidence.vocabulary import (
    COMPOSITION_SUBTYPES,
    LINES,
    OUTCOME_CODES,
    PARENT,
    SUBTYPES,
    TARGETS,
    TREATMENTS,
)

ID: Final = r"[A-Z][A-Za-z0-9_]*"
_arm_id = pattern(ID, "an identifier of letters, digits and underscores")
_treatment = one_of(TREATMENTS)
_yes_no = one_of(("yes", "no"))

SCHEMAS: Final[dict[str, pa.DataFrameSchema]] = {
    "arms": schema(
        {
            "arm_id": text("ours", _arm_id),
            "publication_id": text("ours", _arm_id),
            "label": text("ours", unique=True),
            "author": text("printed"),
            "year": count("printed", 2000, 2025),
            "treatment": text("printed", _treatment),
            "table1_heading": text(
                "printed",
                one_of((*TREATMENTS, "Anti-PD1 + TKI", "Anti-PD1 + chemotherapy")),
            ),
            "regimen": text("printed"),
            "regimen_table1": text("printed"),
            "phase": text("printed", one_of(("I", "Ib", "I/II", "II", "II randomized"))),
            "design": text("printed"),
            "population": text("printed"),
            "enrolled": count("printed", 1, 10_000),
            "age_median": count("printed", 0, 110, nullable=True),
            "age_low": count("printed", 0, 110, nullable=True),
            "age_high": count("printed", 0, 110, nullable=True),
            "female_percent": number("printed", 0, 100, nullable=True),
            "female_patients": count("derived", 0, 10_000, nullable=True),
            "line": text("printed", one_of(LINES)),
            "primary_endpoint": text("printed"),
            "response_criteria": text(
                "printed", one_of(("RECIST 1.1", "irRC", "RECIST 1.1 at 24 weeks", "irRECIST"))
            ),
            "single_histology": text("derived", one_of(COMPOSITION_SUBTYPES), nullable=True),
            "target": text("inferred", one_of(TARGETS)),
            "monotherapy_target": text("inferred", one_of(TARGETS[:3]), nullable=True),
            "chemotherapy_partner": text("derived", nullable=True),
            "doxorubicin": text("derived", one_of(("doxorubicin", "other")), nullable=True),
            "pd1_chemotherapy": text("inferred", _yes_no, nullable=True),
            "note": text("ours", nullable=True),
        },
        ["arm_id"],
        [
            ordered("age_low", "age_median"),
            ordered("age_median", "age_high"),
            ordered("female_patients", "enrolled"),
        ],
    ),
    "publications": schema(
        {
            "publication_id": text("ours", _arm_id),
            "reference": count("printed", 1, 72),
            "journal": text("printed"),
            "doi": text("printed", pattern(r"10\.\d{4,}/\S+", "a DOI"), unique=True),
        },
        ["publication_id"],
    ),
    "outcomes": schema(
        {
            "arm_id": text("ours"),
            "outcome": text("ours", one_of(OUTCOME_CODES)),
            "events": count("row"),
            "total": count("printed", 1),
            "basis": text("ours", one_of(("printed", "implied"))),
            "source": text("ours"),
            "printed_estimate": digits(),
            "printed_lower": digits(),
            "printed_upper": digits(),
            "printed_percent": digits(),
            "note": text("ours", nullable=True),
        },
        ["arm_id", "outcome"],
        [
            ordered("events", "total"),
            ordered("printed_lower", "printed_estimate"),
            ordered("printed_estimate", "printed_upper"),
        ],
    ),
    "printed_weights": schema(
        {
            "figure": text("printed", one_of(("Fig. 2", "Fig. 3", "Fig. 5"))),
            "pool": text("printed", one_of((*TREATMENTS, *LINES[:2]))),
            "arm_id": text("ours"),
            "weight_percent": number("row", 0, 100),
            "basis": text("ours", one_of(("printed", "recomputed"))),
        },
        ["figure", "arm_id"],
    ),
    "composition": schema(
        {
            "arm_id": text("ours"),
            "subtype": text("row", one_of(COMPOSITION_SUBTYPES)),
            "patients": count("row", 1),
            "basis": text("ours", one_of(("printed", "inferred"))),
            "subtype_printed": text("printed", nullable=True),
            "denominator_printed": count("printed", 1, nullable=True),
            "figure4_row": text("derived", one_of(SUBTYPES), nullable=True),
            "note": text("ours", nullable=True),
        },
        ["arm_id", "subtype", "subtype_printed"],
        [ordered("patients", "denominator_printed")],
    ),
    "subtypes": schema(
        {
            "subtype": text("printed", one_of(SUBTYPES)),
            "full_name": text("printed", unique=True),
            "parent": text("derived", one_of((PARENT,)), nullable=True),
            "disjoint": text("derived", _yes_no),
            "printed_studies": count("printed", 1),
            "total": count("printed", 1),
            "complete_responses": count("printed"),
            "partial_responses": count("printed"),
            "printed_estimate": digits(nullable=False),
            "printed_lower": digits(nullable=False),
            "printed_upper": digits(nullable=False),
            "printed_i2": digits(nullable=False, missing=True),
            "printed_p": digits(nullable=False, missing=True),
            "note": text("ours", nullable=True),
        },
        ["subtype"],
        [
            row_check(
                lambda f: f["complete_responses"] + f["partial_responses"] <= f["total"],
                "partial_responses",
                "must not exceed total with complete_responses",
            ),
            ordered("printed_lower", "printed_estimate"),
            ordered("printed_estimate", "printed_upper"),
        ],
    ),
    "subtype_treatment": schema(
        {
            "subtype": text("ours", one_of(SUBTYPES)),
            "treatment": text("ours", _treatment),
            "events": count("row"),
            "total": count("derived", 1),
            "basis": text("ours", one_of(("printed", "implied", "recovered"))),
            "solutions": count("derived", 1, 10),
            "evidence": text("ours"),
        },
        ["subtype", "treatment"],
        [ordered("events", "total")],
    ),
    "published_values": schema(
        {
            "id": text("ours", pattern(r"P\d{3}", "P and three digits")),
            "place": text("printed"),
            "kind": text(
                "ours",
                one_of(
                    (
                        "pooled rate",
                        "pooled subtype rate",
                        "cell rate",
                        "between-group test",
                        "median",
                        "count",
                        "share",
                        "range limit",
                        "statement",
                        "comparator",
                    )
                ),
            ),
            "outcome": text("printed", one_of(OUTCOME_CODES), nullable=True),
            "subgroup": text("ours"),
            "reference": count("printed", 1, 72, nullable=True),
            "inputs": text(
                "ours",
                one_of(
                    (
                        "printed",
                        "recovered cells",
                        "members not named",
                        "supplement only",
                        "not tabulated",
                        "search record",
                        "another publication",
                    )
                ),
            ),
            "selector": text(
                "ours",
                pa.Check(is_selector, element_wise=True, error="must follow the selector grammar"),
                nullable=True,
            ),
            "printed_k": count("printed", 1, nullable=True),
            "printed_estimate": digits(),
            "printed_lower": digits(),
            "printed_upper": digits(),
            "interval": text("printed", one_of(("95% CI", "range")), nullable=True),
            "printed_i2": digits(missing=True),
            "printed_p": digits(missing=True),
            "unit": text(
                "printed",
                one_of(
                    ("proportion", "percent", "p value", "count", "months", "years", "statement")
                ),
            ),
            "note": text("ours", nullable=True),
        },
        ["id"],
        [
            ordered("printed_lower", "printed_estimate"),
            ordered("printed_estimate", "printed_upper"),
        ],
    ),
    "trial_reports": schema(
        {
            "report_id": text("ours", pattern(r"R\d{2}", "R and two digits")),
            "publication_id": text("ours", nullable=True),
            "arm_id": text("ours", nullable=True),
            "subject": text("ours"),
            "item": text("ours"),
            "report_says": text("printed"),
            "paper_says": text("printed"),
            "agreement": text("ours", one_of(("agrees", "differs", "adds"))),
            "source": text("printed"),
            "quotation": text("printed"),
        },
        ["report_id"],
    ),
    "trial_report_subtypes": schema(
        {
            "arm_id": text("ours"),
            "subtype": text("row", one_of(COMPOSITION_SUBTYPES)),
            "responders": count("row"),
            "patients": count("row", 1, nullable=True),
            "kind": text(
                "ours", one_of(("stated", "responders stated", "from a percentage", "deduced"))
            ),
            "source": text("printed"),
            "quotation": text("printed"),
            "note": text("ours", nullable=True),
        },
        ["arm_id", "subtype"],
        [ordered("responders", "patients")],
    ),
    "reported_counts": schema(
        {
            "correction": text("ours"),
            "arm_id": text("ours"),
            "outcome": text("ours", one_of(OUTCOME_CODES)),
            "events": count("printed"),
            "total": count("printed", 1),
            "report_id": text("ours"),
        },
        ["arm_id", "outcome"],
        [ordered("events", "total")],
    ),
    "trials_not_pooled": schema(
        {
            "trial_id": text("ours", _arm_id),
            "label": text("ours", unique=True),
            "reference": count("printed", 1, 72),
            "regimen": text("printed"),
            "treatment": text("derived", _treatment),
            "subtype": text("printed", one_of(COMPOSITION_SUBTYPES)),
            "events": count("row"),
            "total": count("printed", 1),
            "counted": text("ours", one_of(("printed", "inferred"))),
            "overlap_arm_id": text("ours", nullable=True),
            "overlap_events": count("derived", nullable=True),
            "overlap_total": count("printed", 1, nullable=True),
            "overlap": text("ours", one_of(("none known", "not stated"))),
            "source": text("ours"),
            "note": text("ours", nullable=True),
        },
        ["trial_id"],
        [ordered("events", "total"), ordered("overlap_events", "overlap_total")],
    ),
    "drug_approvals": schema(
        {
            "arm_id": text("ours", unique=True),
            "drug": text("derived"),
            "approval": text("inferred", one_of(("none", "not FDA"))),
            "as_of": count("ours", 2000, 2100),
            "source": text("ours"),
        },
        ["arm_id"],
    ),
    **PAPER_SCHEMAS,
    **SURVIVAL_SCHEMAS,
}
"""Schema of each table, by file name without ``.csv``."""
