"""Schemas of survival end points: to be filled from the paper's supplement or the trial reports."""

from typing import Final

import pandera.pandas as pa

from models.evidence.columns import count, number, one_of, ordered, schema, text

END_POINTS: Final = ("PFS", "OS")

SURVIVAL_SCHEMAS: Final[dict[str, pa.DataFrameSchema]] = {
    "pfs_rates": schema(
        {
            "arm_id": text("ours"),
            "months": number("row", 0.1, 120.0),
            "rate": number("row", 0.0, 1.0),
            "lower": number("row", 0.0, 1.0, nullable=True),
            "upper": number("row", 0.0, 1.0, nullable=True),
            "total": count("row", 1, 10_000, nullable=True),
            "source": text("ours"),
            "quotation": text("row"),
        },
        ["arm_id", "months"],
        [ordered("lower", "rate"), ordered("rate", "upper")],
    ),
    "medians": schema(
        {
            "arm_id": text("ours"),
            "end_point": text("ours", one_of(END_POINTS)),
            "median": number("row", 0.01, 600.0),
            "lower": number("row", 0.0, 600.0, nullable=True),
            "upper": number("row", 0.0, 600.0, nullable=True),
            "events": count("row", 1, 10_000, nullable=True),
            "total": count("row", 1, 10_000, nullable=True),
            "follow_up": number("row", 0.1, 600.0, nullable=True),
            "source": text("ours"),
            "quotation": text("row"),
        },
        ["arm_id", "end_point"],
        [ordered("lower", "median"), ordered("median", "upper")],
    ),
}
"""Schema of each table, by file name without ``.csv``."""
