"""The generated part of the README: headline table and findings, taken from the tables."""

from pathlib import Path

from models.common.files import write_text
from models.render.citations import Citations, read_tables
from models.report.paper import cited

START, END = "<!-- headline: generated -->", "<!-- headline: end -->"


def with_headline(readme: str, tables: Path) -> str:
    """Return the README with its generated block made anew from the tables."""
    before, _, rest = readme.partition(START)
    _, _, after = rest.partition(END)
    return before + cited(Citations(read_tables(tables)), "headline") + after


def update_readme(path: Path, tables: Path) -> None:
    """Rewrite the generated block of the README in place."""
    text = path.read_text(encoding="utf-8")
    if START in text and END in text:
        write_text(path, with_headline(text, tables))
