"""Words and tables: results in, text out; nothing is computed here."""

import re
from collections.abc import Collection, Iterable, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

import pandas as pd

from models.render import escape

if TYPE_CHECKING:
    from markdown_it.token import Token


def rate(estimate: float, lower: float, upper: float, digits: int = 3) -> str:
    """Format an estimate with its interval, ``0.161 (0.116-0.211)``."""
    dash = "-" if min(lower, upper) >= 0 else " to "
    return f"{estimate:.{digits}f} ({lower:.{digits}f}{dash}{upper:.{digits}f})"


def percents(estimate: float, lower: float, upper: float) -> str:
    """Format a proportion in whole per cent, ``16 (12-21)``."""
    return rate(100 * estimate, 100 * lower, 100 * upper, 0)


def points(estimate: float, lower: float, upper: float) -> str:
    """Format a difference of proportions in percentage points, ``5.8 (-5.9 to 24.6)``."""
    return rate(100 * estimate, 100 * lower, 100 * upper, 1)


def printed(
    estimate: float, lower: float, upper: float, *, digits: int = 0, signed: bool = False
) -> str:
    """Format an estimate for a figure, typeset: ``16 (12–21)``, ``+5.8 (−5.9 to +24.6)``."""
    numbers = [f"{v:{'+' if signed else ''}z.{digits}f}" for v in (estimate, lower, upper)]
    middle, low, high = (text.replace("-", "\N{MINUS SIGN}") for text in numbers)
    return f"{middle} ({low}{' to ' if signed else '–'}{high})"


def typeset(text: str) -> str:
    """Return a label with the signs of print for those of a keyboard."""
    return re.sub(r"(?<=\d)-(?=\d)", "–", text.replace(">=", "≥").replace("<=", "≤"))


def probability(value: float, resolution: float = 0.001) -> str:
    """Format a posterior probability, never as a bare 0 or 1.

    Parameters
    ----------
    value
        Probability from draws or quadrature.
    resolution
        Smallest probability (and distance from 1) that is printed as a number.
    """
    if value < resolution:
        return f"< {resolution:g}"
    if value > 1 - resolution:
        return f"> {1 - resolution:g}"
    return f"{value:.3f}" if min(value, 1 - value) < 0.01 else f"{value:.2f}"


def markdown(
    header: Sequence[object], rows: Iterable[Sequence[object]], marked: Collection[object] = ()
) -> str:
    """Return a Markdown table.

    Parameters
    ----------
    header
        Names of the columns.
    rows
        Cells, as many as columns.
    marked
        Columns whose cells are Markdown already; in every other cell nothing acts.
    """
    shown = [str if name in marked else escape.markdown_cell for name in header]
    lines = (
        map(escape.markdown_cell, header),
        ["---"] * len(shown),
        *([show(cell) for show, cell in zip(shown, row, strict=True)] for row in rows),
    )
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def frame_markdown(frame: pd.DataFrame, marked: Collection[object] = ()) -> str:
    """Return a frame of texts as a Markdown table; ``marked`` as in ``markdown``."""
    return markdown(list(frame.columns), frame.astype(str).to_numpy().tolist(), marked)


def latex(frame: pd.DataFrame, caption: str) -> str:
    """Return a frame of texts as a LaTeX ``table`` (booktabs)."""

    def line(cells: Iterable[object]) -> str:
        return " & ".join(escape.latex_cell(cell) for cell in cells) + r" \\"

    return "\n".join(
        [
            r"\begin{table}",
            rf"\caption{{{escape.latex(caption)}}}",
            rf"\begin{{tabular}}{{{'l' * frame.shape[1]}}}",
            r"\toprule",
            line(frame.columns),
            r"\midrule",
            *map(line, frame.astype(str).to_numpy().tolist()),
            r"\bottomrule",
            r"\end{tabular}",
            r"\end{table}",
            "",
        ]
    )


def latex_text(page: str) -> str:
    """Return a Markdown page of headings, paragraphs and lists as LaTeX."""
    from markdown_it import MarkdownIt

    def words(inline: "Token") -> str:
        marks = {"strong_open": r"\textbf{", "strong_close": "}", "softbreak": " "}
        return "".join(
            marks.get(part.type) or escape.latex(part.content) for part in inline.children or ()
        )

    tokens = MarkdownIt("commonmark", {"html": False}).parse(page)
    parts: list[str] = []
    for before, token in pairwise(tokens):
        if token.type != "inline":
            continue
        if before.type == "heading_open":
            section = "section" if before.tag == "h1" else "subsection"
            parts.append(rf"\{section}*{{{words(token)}}}")
        elif before.hidden:
            item = rf"\noindent --- {words(token)}\par"
            follows = bool(parts) and parts[-1].startswith(r"\noindent")
            parts[-1:] = [f"{parts[-1]}\n{item}"] if follows else [*parts[-1:], item]
        else:
            parts.append(words(token))
    return "\n\n".join(parts) + "\n"
