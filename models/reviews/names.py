"""What the columns of a review are called elsewhere, and which of them is taken for which.

The names are those of metafor (``xi``, ``ni``, ``slab``), meta (``event``, ``n``, ``studlab``) and
RevMan (``Study``, ``Events``, ``Total``), and what people write beside them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from models.common.errors import InputError, one_line
from models.reviews.decoding import TableError, shown

SYNONYMS: Final[Mapping[str, tuple[str, ...]]] = {
    "study": ("slab", "studlab", "study label", "study id", "studyid", "trial", "arm"),
    "events": ("event", "xi", "ai", "cases", "responders", "number of events"),
    "total": ("ni", "n", "n1i", "patients", "sample size", "number of patients"),
}
"""By the name used here; written in small letters, blanks, dots and underscores alike."""

CONVENTIONS: Final = frozenset(("slab", "studlab", "xi", "ni", "event", "n"))
"""Names of metafor and meta, which go before what people write beside them."""
AUTHORS: Final = ("author", "authors", "first author")
"""With a year beside it, the label of a study where there is no other."""


@dataclass(frozen=True)
class Named:
    """Columns that the user named, None where the file's own names are to be found.

    Attributes
    ----------
    study, events, total
        Names in the file's header.
    sheet
        Sheet of a workbook.
    """

    study: str | None = None
    events: str | None = None
    total: str | None = None
    sheet: str | None = None


def _plain(name: str) -> str:
    return " ".join(name.replace("_", " ").replace(".", " ").casefold().split())


def take_names(
    header: Sequence[str], required: Sequence[str], named: Named, notes: list[str]
) -> tuple[list[str], int | None]:
    """Return a header in which the columns needed have the names used here.

    Parameters
    ----------
    header
        As it stands in the file.
    required
        Names needed; those without an entry in ``SYNONYMS`` are matched as they are.
    named
        What the user said.
    notes
        Takes a sentence that says what was taken for what.

    Returns
    -------
    tuple
        The header, and the place of a year that is to follow the author in the label of a study,
        if there is no label but these two.

    Raises
    ------
    TableError
        If two columns could be the one that is needed.
    InputError
        If a column was named that is not there.
    """
    found = list(header)
    taken: list[str] = []
    for name in required:
        asked = getattr(named, name, None)
        place = _asked(header, name, asked) if asked is not None else _guess(header, name)
        if place is None:
            continue
        for other, label in enumerate(found):
            if label.casefold() == name and other != place:
                found[other] = f"{label} (column {other + 1})"
        if header[place].casefold() != name:
            taken.append(f"{shown(header[place])} for {name}")
        found[place] = name
    year = None
    plain = [_plain(label) for label in header]
    authors = [i for i, label in enumerate(plain) if label in AUTHORS]
    if "study" in required and not any(map(_is_study, found)) and authors:
        found[authors[0]] = "study"
        words = shown(header[authors[0]])
        if "year" in plain:
            year = plain.index("year")
            words += f" and {shown(header[year])}"
        taken.append(f"{words} for study")
    if taken:
        notes.append(f"taken: {', '.join(taken)}")
    return found, year


def _is_study(label: str) -> bool:
    return label.casefold() == "study"


def _asked(header: Sequence[str], name: str, asked: str) -> int:
    same = [i for i, label in enumerate(header) if label.casefold() == asked.strip().casefold()]
    exact = [i for i in same if header[i] == asked.strip()] or same
    if len(exact) != 1:
        known = ", ".join(map(shown, header[:12]))
        raise InputError(one_line(f"--{name} {asked}: no such column; the file has {known}"))
    return exact[0]


def _guess(header: Sequence[str], name: str) -> int | None:
    """Return the place of a column under one of its other names; None if it is there by its own."""
    if name not in SYNONYMS or any(label.casefold() == name for label in header):
        return None
    places = [i for i, label in enumerate(header) if _plain(label) in SYNONYMS[name]]
    places = [i for i in places if _plain(header[i]) in CONVENTIONS] or places
    if len(places) > 1:
        both = " or ".join(shown(header[i]) for i in places)
        raise TableError(None, None, f"{name} may be {both}; say which, with --{name} COLUMN")
    return places[0] if places else None
