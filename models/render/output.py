"""What a part of the analysis hands out, and how it becomes files."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from models.common.files import write_csv, write_text

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


@dataclass
class Output:
    """Tables, figures and pages by name, and what went wrong.

    Attributes
    ----------
    tables
        Frames by file stem; written as CSV, unrounded.
    figures
        By file stem; written as PNG and SVG.
    pages
        Texts by file name (``.md``, ``.tex``).
    problems
        In words; empty if nothing went wrong.
    """

    tables: "dict[str, pd.DataFrame]" = field(default_factory=dict)
    figures: "dict[str, Figure]" = field(default_factory=dict)
    pages: dict[str, str] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


def read_output(folder: Path) -> Output:
    """Return the tables that a part wrote."""
    import pandas as pd

    return Output(tables={p.stem: pd.read_csv(p) for p in sorted(folder.glob("*.csv"))})


def write_output(output: Output, folder: Path) -> list[Path]:
    """Write tables, figures and pages; a file that would not change is not touched."""
    from models.render.style import save

    written = [write_csv(frame, folder / f"{name}.csv") for name, frame in output.tables.items()]
    for name, text in output.pages.items():
        write_text(folder / name, text)
        written.append(folder / name)
    for name, figure in output.figures.items():
        written += save(figure, folder / name)
    return written
