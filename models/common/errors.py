"""The errors a user may see."""

from typing import Final

LONGEST_LINE: Final = 300
"""Characters of a message at most."""
_HEAD: Final = 200


class InputError(ValueError):
    """A fault in data that a user can mend; the message names file, row, column and value."""


class OutputError(InputError):
    """A file that cannot be written; the message names it as the user does."""


class GateError(RuntimeError):
    """A fit that failed the diagnostic gate after the whole recorded escalation."""


def one_line(text: str) -> str:
    """Return a message as one printable line of at most ``LONGEST_LINE`` characters.

    What a terminal cannot print or would obey (line ends, escapes, halves of characters in the
    name of a file) is shown by its number; a longer message loses its middle.
    """
    if len(text) > 2 * LONGEST_LINE:
        text = text[:LONGEST_LINE] + text[-LONGEST_LINE:]
    printable = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
    if len(printable) <= LONGEST_LINE:
        return printable
    return f"{printable[:_HEAD]} ... {printable[_HEAD + 5 - LONGEST_LINE :]}"
