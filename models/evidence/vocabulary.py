"""Words that the data tables and the code share: subtypes, lines of treatment, targets."""

from typing import Final

TREATMENTS: Final = (
    "ICI monotherapy",
    "Dual Checkpoint Inhibitors",
    "ICI + TKI",
    "ICI + chemotherapy",
    "ICI + immunomodulator",
)
"""The five treatment groups as Fig. 2 of the paper prints them, in its order."""

OUTCOMES: Final = {
    "orr": "objective response",
    "dcr": "disease control",
    "trae": "grade 3-5 treatment-related adverse event",
}
"""Outcome codes and what is counted as an event."""

LINES: Final = ("first line", ">= second line", "unknown")
"""Lines of treatment; the article prints the second with a greater-or-equal sign."""

TARGETS: Final = (
    "PD-1",
    "PD-L1",
    "CTLA-4",
    "PD-1 + CTLA-4",
    "PD-L1 + CTLA-4",
    "PD-1 + IDO1",
    "PD-L1 + TGF-beta",
)
"""Checkpoint targets of the regimens; the first three are those of the monotherapies."""

OUTCOME_CODES: Final = ("orr", "cr", "pr", "dcr", "trae")
"""Outcomes counted in ``outcomes.csv``: ``OUTCOMES`` and the two parts of ORR."""

SUBTYPES: Final = (
    "EHE",
    "Myofibrosarcoma",
    "Rhabdomyosarcoma",
    "MLS",
    "SFT",
    "SS",
    "CCS",
    "MFS",
    "LMS",
    "MPNST",
    "PLS",
    "Chordoma",
    "LPS",
    "ESS",
    "DDLPS",
    "DSRCT",
    "UPS",
    "FS",
    "EMC",
    "SMRT",
    "AS",
    "ES",
    "ASPS",
    "EAS",
)
"""The rows of Fig. 4, in its order."""

PARENT: Final = "LPS"
"""The one row of Fig. 4 that contains others: liposarcoma, with DDLPS, MLS and PLS."""

LPS_UNSPECIFIED: Final = "LPS, unspecified"
"""Liposarcoma of no named type: what is left of the LPS row without the rows it contains."""

LPS_UNSPECIFIED_NAME: Final = "Liposarcoma, type not specified"

OUTSIDE_FIGURE_4: Final = ("GIST", "other", "unknown")
"""What an enrolled patient can have without standing in any row of Fig. 4."""

COMPOSITION_SUBTYPES: Final = (
    *(subtype for subtype in SUBTYPES if subtype != PARENT),
    LPS_UNSPECIFIED,
    *OUTSIDE_FIGURE_4,
)
"""What an enrolled patient can have: disjoint, so the parent itself is not among them."""
