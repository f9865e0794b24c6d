"""Schemas of what is recorded about the paper: its faults, its items, corrections, reporting."""

from typing import Final

import pandera.pandas as pa

from models.evidence.columns import digits, one_of, pattern, schema, text

PAPER_SCHEMAS: Final[dict[str, pa.DataFrameSchema]] = {
    "known_disagreements": schema(
        {
            "id": text("ours", unique=True),
            "statistic": text("ours", one_of(("estimate", "lower", "upper", "i2", "p"))),
            "printed": digits(nullable=False),
            "recomputed": digits("derived", nullable=False),
            "fault_id": text("ours"),
            "reason": text("ours"),
        },
        ["id"],
    ),
    "corrections": schema(
        {
            "correction_id": text("ours", pattern(r"C\d{3}", "C and three digits")),
            "table": text("ours"),
            "key": text("ours"),
            "field": text("ours"),
            "printed": text("printed", nullable=True),
            "used": text("row"),
            "kind": text(
                "ours",
                one_of(
                    ("ocr", "inferred", "padded", "label", "position", "duplicate", "suspected")
                ),
            ),
            "reason": text("ours"),
        },
        ["correction_id"],
    ),
    "exceptions": schema(
        {
            "check": text(
                "ours",
                one_of(("composition_sum", "trae_total", "figure4_studies", "printed_percent")),
            ),
            "key": text("ours"),
            "expected": digits("derived", nullable=False),
            "found": digits("printed", nullable=False),
            "reason": text("ours"),
        },
        ["check", "key"],
    ),
    "known_faults": schema(
        {
            "fault_id": text("ours", pattern(r"A\d{2}", "A and two digits")),
            "category": text(
                "ours",
                one_of(
                    (
                        "method",
                        "claim",
                        "text",
                        "text against figure",
                        "Table 1",
                        "Fig. 4",
                        "Fig. 2 against Fig. 4",
                        "Fig. 5",
                        "trial reports",
                        "search",
                        "sensitivity analysis",
                        "transcription",
                    )
                ),
            ),
            "severity": text("ours", one_of(("high", "medium", "low", "info"))),
            "finding": text("ours"),
            "evidence": text("ours"),
        },
        ["fault_id"],
    ),
    "paper_items": schema(
        {
            "item": text("printed", unique=True),
            "shows": text("printed"),
            "status": text("ours", one_of(("reproduced", "partly", "not"))),
            "where": text("ours", nullable=True),
            "reason": text("ours", nullable=True),
        },
        ["item"],
    ),
    "risk_of_bias": schema(
        {
            "subject": text("printed"),
            "arm_id": text("ours", nullable=True),
            "tool": text("printed", one_of(("MINORS", "RoB 2"))),
            "domain": text("printed"),
            "judgement": text("printed"),
            "place": text("ours"),
        },
        ["subject", "arm_id", "domain"],
    ),
    "reporting_items": schema(
        {
            "checklist": text("ours", one_of(("BARG (Kruschke 2021)", "PRISMA 2020"))),
            "item": text("ours"),
            "topic": text("ours"),
            "status": text("ours", one_of(("given", "in the original", "cannot be filled"))),
            "where": text("ours", nullable=True),
            "remark": text("ours", nullable=True),
        },
        ["checklist", "item"],
    ),
}
"""Schema of each table, by file name without ``.csv``."""
