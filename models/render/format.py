"""Words and tables: results in, text out; nothing is computed here."""

from collections.abc import Iterable, Sequence

import pandas as pd


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


def markdown(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table; bars within cells are escaped."""

    def line(cells: Sequence[str]) -> str:
        return "| " + " | ".join(str(cell).replace("|", "\\|") for cell in cells) + " |"

    return "\n".join([line(header), line(["---"] * len(header)), *map(line, rows)])


def frame_markdown(frame: pd.DataFrame) -> str:
    """Return a frame of texts as a Markdown table."""
    return markdown([str(c) for c in frame.columns], frame.astype(str).to_numpy().tolist())


_LATEX_ESCAPES = str.maketrans(
    {"%": r"\%", "&": r"\&", "_": r"\_", "#": r"\#", ">": r"$>$", "<": r"$<$"}
)


def latex(frame: pd.DataFrame, caption: str) -> str:
    """Return a frame of texts as a LaTeX ``table`` (booktabs)."""

    def line(cells: Sequence[str]) -> str:
        return " & ".join(str(cell).translate(_LATEX_ESCAPES) for cell in cells) + r" \\"

    body = [line(row) for row in frame.astype(str).to_numpy().tolist()]
    return "\n".join(
        [
            r"\begin{table}",
            rf"\caption{{{caption.translate(_LATEX_ESCAPES)}}}",
            rf"\begin{{tabular}}{{{'l' * frame.shape[1]}}}",
            r"\toprule",
            line([str(c) for c in frame.columns]),
            r"\midrule",
            *body,
            r"\bottomrule",
            r"\end{tabular}",
            r"\end{table}",
            "",
        ]
    )


def latex_text(page: str) -> str:
    """Return a Markdown page of headings, paragraphs and lists as LaTeX."""
    lines = []
    for line in page.splitlines():
        text = line.translate(_LATEX_ESCAPES)
        if line.startswith("## "):
            text = rf"\subsection*{{{line[3:].translate(_LATEX_ESCAPES)}}}"
        elif line.startswith("# "):
            text = rf"\section*{{{line[2:].translate(_LATEX_ESCAPES)}}}"
        elif line.startswith("- "):
            text = rf"\noindent --- {line[2:].translate(_LATEX_ESCAPES)}\par"
        lines.append(text.replace("**", "").replace("`", ""))
    return "\n".join(lines) + "\n"
