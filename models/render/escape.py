r"""Labels of data and users as text: nothing in them acts where they are shown.

One function for each target. A plain label passes unchanged. HTML has none here: Jinja escapes it
(``models.render.templates``).
"""

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd
    from rich.text import Text

_BREAKS = re.compile("[ ]*[\t\n\v\f\r\x1c-\x1e\x85\u2028\u2029]+[ ]*")
_UNSEEN = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff]"
)
"""Control characters, marks that turn the direction of writing, bytes that were no UTF-8."""


def printable(text: object) -> str:
    r"""Return text in one line in which every control character is seen, ``\x1b`` for escape."""
    line = _BREAKS.sub(" ", str(text))
    return _UNSEEN.sub(lambda found: found[0].encode("unicode_escape").decode("ascii"), line)


def terminal(text: object) -> "Text":
    """Return text that rich prints as it is: no markup, no emoji codes, no escape sequences."""
    from rich.text import Text

    return Text(printable(text))


def titled(name: str, words: str) -> "Text":
    """Return a line for the terminal that begins with the name of the data."""
    from rich.text import Text

    return Text.assemble((printable(name), "bold"), ": ", printable(words))


def say(text: object) -> None:
    """Print a line in which what a path or a label holds is only seen."""
    print(printable(text))


_EDGE = "\0"
_MARKS = re.compile(r"[\\`|$*_~<&\[\]]")
_ENTITY = re.compile(r"&(?:#\d+|#[xX][0-9a-fA-F]+|\w+);")
_BLOCK = re.compile(r"^(?:(\d{1,9})([.)])(?=\s|$)|(#{1,6}|[-+])(?=\s|-|$)|(>))")
"""What makes the start of a line a list, a heading, a rule or a quotation."""


def _mark(found: re.Match[str]) -> str:
    """Return a character that may act as Markdown, escaped where it does."""
    mark, text = found[0], found.string
    before, after = text[found.start() - 1], text[found.end()]
    if mark in "*_~" and before.isspace() and after.isspace():
        return mark
    if mark == "_" and before.isalnum() and after.isalnum():
        return mark
    if mark == "[" and after not in "[^":
        return mark
    if mark == "]" and after not in "[(:]" + _EDGE:
        return mark
    if mark == "<":
        return "&lt;" if after.isalpha() or after in "/!?" + _EDGE else mark
    if mark == "&":
        return "&amp;" if _ENTITY.match(text, found.start()) else mark
    return "\\" + mark


def _inline(text: str, edge: str) -> str:
    return _MARKS.sub(_mark, f"{edge}{text}{edge}")[1:-1]


def markdown(text: object) -> str:
    """Return text for a sentence in Markdown, wherever in a line it stands."""
    label = _inline(printable(text).strip(), _EDGE)
    return _BLOCK.sub(
        lambda found: f"{found[1]}\\{found[2]}" if found[1] else f"\\{found[0]}", label
    )


def markdown_cell(text: object) -> str:
    """Return text for a cell of a Markdown table, which has a space on both sides."""
    return _inline(printable(text), " ")


_LATEX = str.maketrans(
    {
        "\\": r"\textbackslash{}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "<": r"$<$",
        ">": r"$>$",
        **{mark: f"\\{mark}" for mark in "{}$#%&_"},
    }
)


def latex(text: object) -> str:
    """Return text for LaTeX."""
    return printable(text).translate(_LATEX)


def latex_cell(text: object) -> str:
    r"""Return text for a cell of a LaTeX table; ``\\`` of the row before takes ``[`` and ``*``."""
    cell = latex(text)
    return "{}" + cell if cell.lstrip().startswith(("[", "*")) else cell


_FORMULA = re.compile(r"\s*[=+\-@＝＋－＠]")
_NUMBER = re.compile(r"\s*[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?\s*%?\s*|\s*[-+]\s*")


def spreadsheet(text: object) -> str:
    """Return text for a CSV cell; a quote goes before what a spreadsheet would compute."""
    cell = printable(text)
    return "'" + cell if _FORMULA.match(cell) and not _NUMBER.fullmatch(cell) else cell


def spreadsheet_frame(frame: "pd.DataFrame") -> "pd.DataFrame":
    """Return a frame for a CSV file: texts and names of columns so, numbers as they are."""
    import pandas as pd

    def cell(value: object) -> object:
        return spreadsheet(value) if isinstance(value, str) else value

    safe = frame.rename(columns=cell)
    for place, kind in enumerate(frame.dtypes):
        if not (pd.api.types.is_numeric_dtype(kind) or pd.api.types.is_datetime64_any_dtype(kind)):
            safe.isetitem(place, frame.iloc[:, place].astype(object).map(cell))
    return safe
