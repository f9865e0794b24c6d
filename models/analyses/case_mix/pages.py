"""The case mix in words."""

from collections.abc import Mapping
from typing import Final

import pandas as pd

from models.analyses.case_mix.tables import (
    adjustment_text,
    contrasts_frame,
    covariates_text,
    external_text,
    identification_text,
    parameters_frame,
    sensitivity_text,
    subtypes_frame,
    table_text,
    treatments_frame,
)
from models.render.format import frame_markdown
from models.render.templates import page

NOTE: Final = (
    "Adjusted: treatment contrasts at equal histology from the case-mix model; the conditional "
    "odds ratio holds subtype and study effect fixed, the others compare rates of a typical study "
    "averaged over one patient mix. Unadjusted: the subgroup model of the same arms with the same "
    "patients. The marginal odds ratio lies nearer to 1 than the conditional one because odds "
    "ratios do not average (non-collapsibility), not because anything confounds. None of these "
    "contrasts is randomised."
)


def contrasts_markdown(tables: Mapping[str, pd.DataFrame]) -> str:
    """Return the page of contrasts, rates, subtypes and what they rest on."""
    found = {name.removeprefix("case_mix_"): frame for name, frame in tables.items()}
    texts = {
        "contrasts": contrasts_frame(found["contrasts"]),
        "adjustment": adjustment_text(found["sensitivity"]),
        "parameters": parameters_frame(found["parameters"]),
        "treatments": treatments_frame(found["treatments"]),
        "subtypes": subtypes_frame(found["subtypes"]),
        "covariates": covariates_text(found["covariates"]),
        "external": external_text(found["external"]),
        "identification": identification_text(found["identification"]),
        "sensitivity": sensitivity_text(found["sensitivity"], found["variants"]),
        "set_aside": found["set_aside"],
    }
    shown = {name: frame_markdown(frame) for name, frame in texts.items()}
    return page("analyses/case_mix/case_mix_contrasts.md", note=NOTE, **shown)


def table_markdown(table: pd.DataFrame, facts: pd.DataFrame) -> str:
    """Return the page of the inferred table.

    Parameters
    ----------
    table
        The arm by subtype table.
    facts
        ``name``, ``value``; how many cells are what is read.
    """
    counts = facts.set_index("name")["value"].map("{:.0f}".format)
    return "\n".join(
        [
            "# Responders by arm and subtype",
            "",
            f"{counts['cells']} cells, of which {counts['cells_fixed']} have one possible value "
            "given the arms' responders, the subtypes' responders in every treatment group and "
            f"what trial reports state; {counts['cells_moving']} take another value than their "
            "most frequent one in at least "
            f"1 % of draws, {counts['cells_resting']} are free but move less. Inferred "
            "responders: posterior mean (95 % interval).",
            "",
            frame_markdown(table_text(table)),
            "",
        ]
    )


def pages(tables: Mapping[str, pd.DataFrame]) -> dict[str, str]:
    """Return the pages of this part from its tables."""
    return {
        "case_mix_contrasts.md": contrasts_markdown(tables),
        "case_mix_table.md": table_markdown(tables["case_mix_table"], tables["case_mix_facts"]),
    }
