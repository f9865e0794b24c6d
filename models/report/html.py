"""Reports in one HTML file: of a user's review here, of the paper's re-analysis in its parts."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
from markupsafe import Markup

from models.common.files import write_text
from models.render.html import Page, Section, copied, csv, figure, opened, prose, table

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def review_report(
    title: str,
    answer: str,
    *,
    warnings: str = "",
    figures: "Mapping[str, tuple[Figure, str, str]]",
    tables: Mapping[str, tuple[pd.DataFrame, str]],
    text: str = "",
    checks: str = "",
    facts: Mapping[str, str],
) -> str:
    """Return the report of a user's own review as one HTML file.

    Parameters
    ----------
    title
        Heading of the page.
    answer
        The answer in a few sentences, Markdown; labels of the data escaped
        (``models.render.escape.markdown``), as in every text here.
    warnings
        What to know before it is read, Markdown.
    figures
        By name: figure, what it shows in a sentence, the rest of its legend (Markdown).
    tables
        By name (of the CSV file): frame, and what it shows.
    text
        Paragraphs for a manuscript, Markdown.
    checks
        Whether it can be trusted, Markdown.
    facts
        What made it: input and checksum, options, priors, seed, versions, date.
    """
    from models.render.style import svg

    warned = Markup('<div class="warning">{}</div>').format(prose(warnings)) if warnings else ""
    drawn = Markup("").join(
        figure(name, svg(drawing), sentence, legend)
        for name, (drawing, sentence, legend) in figures.items()
    )
    shown = Markup("").join(
        opened(caption, table(frame, caption) + csv(frame, name))
        for name, (frame, caption) in tables.items()
    )
    sections = [
        Section("answer", "The answer", Markup("{}{}").format(warned, prose(answer))),
        Section("figures", "Figures", drawn),
        Section("tables", "All tables", Markup('<div class="tables">{}</div>').format(shown)),
    ]
    if checks:
        sections.insert(2, Section("checks", "Can it be trusted?", prose(checks)))
    if text:
        sections.insert(
            -1, Section("text", "Text for your paper", copied("copied-text", prose(text)))
        )
    return Page(title, "", sections, facts).html()


def write_review_report(page: str, folder: Path) -> Path:
    """Write a report beside the other results of a review."""
    path = folder / "report.html"
    write_text(path, page)
    return path
