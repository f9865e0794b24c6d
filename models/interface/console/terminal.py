"""Tables, notes and progress on the terminal: 80 columns, quiet where nobody looks."""

import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from rich.cells import cell_len
from rich.console import Console

from models.render.escape import printable

if TYPE_CHECKING:
    import pandas as pd

WIDTH: Final = 80
"""Columns of a terminal that everybody has."""
_GAP: Final = 2
_NARROWEST: Final = 12
"""Columns that a label keeps."""


def table_lines(frame: "pd.DataFrame", width: int = WIDTH) -> list[str]:
    """Return a frame of texts as lines; columns of words are folded, numbers never.

    Parameters
    ----------
    frame
        Texts; the columns whose cells begin with a letter are words and stand to the left.
    width
        Columns at most; a table whose numbers alone are wider is wider.
    """
    cells = [list(map(printable, frame.columns))]
    cells += [list(map(printable, row)) for row in frame.astype(str).to_numpy().tolist()]
    columns = list(zip(*cells, strict=True))
    words = [i == 0 or any(cell[:1].isalpha() for cell in column[1:]) for i, column in
             enumerate(columns)]  # fmt: skip
    widths = [max(map(cell_len, column)) for column in columns]
    excess = sum(widths) + _GAP * (len(widths) - 1) - width
    while excess > 0:
        wide = [i for i, word in enumerate(words) if word and widths[i] > _NARROWEST]
        if not wide:
            break
        widest = max(wide, key=lambda i: widths[i])
        widths[widest] -= 1
        excess -= 1
    lines: list[str] = []
    for row in cells:
        folded = [_fold(cell, size) for cell, size in zip(row, widths, strict=True)]
        for part in range(max(map(len, folded))):
            texts = [
                _padded(cell[part] if part < len(cell) else "", size, left=word)
                for cell, size, word in zip(folded, widths, words, strict=True)
            ]
            lines.append((" " * _GAP).join(texts).rstrip())
    return lines


def _padded(text: str, size: int, *, left: bool) -> str:
    blank = " " * (size - cell_len(text))
    return text + blank if left else blank + text


def _fold(text: str, size: int) -> list[str]:
    """Break a cell at blanks, and within a word that alone is too wide."""
    lines = [""]
    for word in text.split(" "):
        joined = f"{lines[-1]} {word}" if lines[-1] else word
        if cell_len(joined) <= size:
            lines[-1] = joined
            continue
        lines += [""] if lines[-1] else []
        for character in word:
            if lines[-1] and cell_len(lines[-1] + character) > size:
                lines.append("")
            lines[-1] += character
    return lines


def show_table(title: str, frame: "pd.DataFrame") -> None:
    """Print a titled table: as wide as the terminal, or as it is where a program reads it."""
    width = max(WIDTH, shutil.get_terminal_size().columns) if sys.stdout.isatty() else sys.maxsize
    print(f"\n{printable(title)}")
    for line in table_lines(frame, width):
        print(line)


def show_lines(text: str, first: str = "", rest: str = "") -> None:
    """Print a paragraph: folded on a terminal, in one line where a program reads it."""
    words = printable(text)
    if not sys.stdout.isatty():
        print(first + words)
        return
    for number, line in enumerate(_fold(words, WIDTH - len(rest or first))):
        print((first if number == 0 else rest) + line)


def show_cautions(cautions: Sequence[str]) -> None:
    """Print the block of what is to be known before the answer; nothing if there is nothing."""
    if cautions:
        print("\nBefore you read on")
        for caution in cautions:
            show_lines(caution, "  ! ", "    ")


@contextmanager
def working(words: str, *, quiet: bool = False) -> Iterator[Callable[[str], None]]:
    """Show that something is computed, on a terminal alone; yield what says what it is."""
    console = Console(stderr=True, highlight=False)
    if quiet or not console.is_terminal:
        yield lambda text: None
        return
    with console.status(words) as status:
        yield lambda text: status.update(text)
