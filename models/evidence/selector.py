"""The selector grammar: which rows of the evidence a published value summarises, and how.

A selector is a list of clauses separated by ``"; "``::

    outcome=orr; line=first line | >= second line; give=between:line
    table=strata; parent=LPS; give=share:total

- The first clause names the rows: ``outcome=CODE`` for one row an arm that reports the outcome
  (:meth:`models.evidence.load.Evidence.outcome`), or ``table=NAME`` for one of ``SOURCES``.
- ``column=value`` keeps the rows with that value; `` | `` separates alternatives.
- ``column~text`` keeps the rows whose value contains the text.
- ``give=FUNCTION`` or ``give=FUNCTION:column`` says what is formed of the rows. Without it, the
  rows are pooled; a single row is a pool of one. ``between:column`` is the test between the pools
  of the groups that the column defines. The others are in ``TALLIES``; ``share`` is the
  percentage that the kept rows are of all rows of the source (of the column's sum, when one is
  named), and the column ``percent`` means ``100 * events / total``.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from models.common.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

SOURCES: Final = ("arms", "subtypes", "subtype_treatment", "strata", "cells")
"""Tables that ``table=`` may name."""

TALLIES: Final[dict[str, Callable[["pd.Series"], float]]] = {
    "count": lambda values: float(values.size),
    "distinct": lambda values: float(values.nunique()),
    "max": lambda values: float(values.max()),
    "median": lambda values: float(values.median()),
    "min": lambda values: float(values.min()),
    "sum": lambda values: float(values.sum()),
}
"""Functions of one column that ``give=`` may name, besides ``share`` and ``between``."""

_OPTIONAL_COLUMN: Final = ("count", "share")


@dataclass(frozen=True)
class Filter:
    """One condition on a row.

    Attributes
    ----------
    column
        Column of the source.
    allowed
        Allowed values, or the one text that must be contained.
    contains
        Whether ``allowed`` holds a text to be contained.
    """

    column: str
    allowed: tuple[str, ...]
    contains: bool = False


@dataclass(frozen=True)
class Selector:
    """A parsed selector.

    Attributes
    ----------
    outcome
        Outcome code when the rows are trial arms with counts, else None.
    table
        Name of the table the rows come from, else None.
    filters
        Conditions, all of which a row meets.
    give
        ``pool``, ``between``, ``share`` or a key of ``TALLIES``.
    column
        Column that ``give`` refers to, if any.
    """

    outcome: str | None
    table: str | None
    filters: tuple[Filter, ...]
    give: str = "pool"
    column: str | None = None


def parse(selector: str) -> Selector:
    """Parse a selector.

    Parameters
    ----------
    selector
        Text in the grammar of this module.

    Returns
    -------
    Selector

    Raises
    ------
    InputError
        If the text does not follow the grammar; the message names the clause.
    """
    first, *rest = selector.split("; ")
    source, _, name = first.partition("=")
    if source not in ("outcome", "table") or not name:
        raise InputError(f"selector '{selector}': must begin with outcome= or table=")
    if source == "table" and name not in SOURCES:
        raise InputError(f"selector '{selector}': table must be one of {', '.join(SOURCES)}")
    filters: list[Filter] = []
    give, column = "pool", None
    for clause in rest:
        # The operator is the first of = and ~, so that values may contain either, as ">= second".
        position = min((i for i in map(clause.find, "=~") if i > 0), default=0)
        key, value = clause[:position], clause[position + 1 :]
        if not position or not value:
            raise InputError(f"selector '{selector}': clause '{clause}' must be column=value")
        if key == "give":
            if clause is not rest[-1]:
                raise InputError(f"selector '{selector}': give must be the last clause")
            give, column = _parse_give(selector, value)
        elif clause[position] == "~":
            filters.append(Filter(key, (value,), contains=True))
        else:
            filters.append(Filter(key, tuple(value.split(" | "))))
    return Selector(
        outcome=name if source == "outcome" else None,
        table=name if source == "table" else None,
        filters=tuple(filters),
        give=give,
        column=column,
    )


def _parse_give(selector: str, value: str) -> tuple[str, str | None]:
    function, _, column = value.partition(":")
    known = ("between", "share", *TALLIES)
    if function not in known:
        raise InputError(f"selector '{selector}': give must be one of {', '.join(known)}")
    if not column and function not in _OPTIONAL_COLUMN:
        raise InputError(f"selector '{selector}': give={function} needs a column")
    return function, column or None


def is_selector(text: str) -> bool:
    """Say whether a text follows the grammar."""
    try:
        parse(text)
    except InputError:
        return False
    return True


def keep(frame: "pd.DataFrame", selector: Selector) -> "pd.DataFrame":
    """Keep the rows of a source that meet every condition.

    Parameters
    ----------
    frame
        The rows that the selector's source names.
    selector
        The parsed selector.

    Returns
    -------
    DataFrame
        The kept rows in their order, with a fresh index.

    Raises
    ------
    InputError
        If a column does not exist or no row is left.
    """
    for condition in selector.filters:
        if condition.column not in frame:
            raise InputError(f"selector column '{condition.column}' does not exist")
        values = frame[condition.column]
        if condition.contains:
            frame = frame[values.str.contains(condition.allowed[0], regex=False, na=False)]
        else:
            frame = frame[values.astype("str").isin(condition.allowed)]
        if frame.empty:
            wanted = " | ".join(condition.allowed)
            raise InputError(f"selector column '{condition.column}', value '{wanted}': no rows")
    return frame.reset_index(drop=True)


def tally(frame: "pd.DataFrame", selector: Selector) -> float:
    """Form the number that a selector asks for by counting.

    Parameters
    ----------
    frame
        All rows of the selector's source, before its conditions.
    selector
        The parsed selector, with ``give`` other than ``pool`` and ``between``.

    Returns
    -------
    float
        In the unit of the column; a percentage for ``share``.

    Raises
    ------
    InputError
        If the selector asks for a pool or a test, or for a column that does not exist.
    """
    if selector.give in ("pool", "between"):
        raise InputError(f"selector gives '{selector.give}', which is not a tally")
    rows = keep(frame, selector)
    if selector.give == "share":
        if selector.column is None:
            return 100 * len(rows) / len(frame)
        return 100 * float(_column(rows, selector).sum() / _column(frame, selector).sum())
    return TALLIES[selector.give](_column(rows, selector))


def _column(frame: "pd.DataFrame", selector: Selector) -> "pd.Series":
    if selector.column == "percent" and {"events", "total"} <= set(frame):
        return 100 * frame["events"] / frame["total"]
    name = selector.column or frame.columns[0]
    if name not in frame:
        raise InputError(f"selector column '{name}' does not exist")
    return frame[name]
