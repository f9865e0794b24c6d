"""The texts of a run: how its fits passed, discussion, README headline, index of the results."""

from collections.abc import Mapping
from dataclasses import asdict

import pandas as pd

from models.fitting.fit import SamplerSettings
from models.fitting.gate_table import diagnostics_markdown
from models.priors import DEFAULT_PRIORS
from models.render.citations import Citations
from models.render.format import latex_text
from models.render.output import Output
from models.report.facts import fact_frames
from models.report.paper import discussion_markdown


def run_record(rows: list[dict[str, object]], settings: SamplerSettings) -> Output:
    """Return the diagnostics of every fit, the settings and the versions.

    Parameters
    ----------
    rows
        From `models.fitting.records.Recorder`.
    settings
        Of the sampler.
    """
    diagnostics = pd.DataFrame(rows)
    return Output(
        tables={"diagnostics": diagnostics, **fact_frames(asdict(settings), DEFAULT_PRIORS)},
        pages={"diagnostics.md": diagnostics_markdown(diagnostics)},
    )


def texts(tables: Mapping[str, pd.DataFrame]) -> tuple[Output, Output]:
    """Write the discussion from the tables of a run.

    Returns
    -------
    tuple of Output
        The pages, and the table that says where each of their numbers is from.
    """
    cite = Citations(tables)
    page = discussion_markdown(cite)
    return (
        Output(pages={"discussion.md": page, "discussion.tex": latex_text(page)}),
        Output(tables={"discussion_numbers": cite.frame()}),
    )
