"""Which rows of a review are kept: conditions on columns, and studies left out by name."""

import difflib
import operator
import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

from models.common.errors import InputError, one_line
from models.reviews.decoding import shown

if TYPE_CHECKING:
    import pandas as pd

_CONDITION: Final = re.compile(
    r"(?P<column>[^=<>!≤≥]+?)\s*(?P<sign><=|>=|!=|==|[=<>≤≥])(?P<value>.*)"
)
_ORDER: Final[dict[str, Callable[[Any, Any], Any]]] = {
    "<": operator.lt,
    "<=": operator.le,
    "≤": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "≥": operator.ge,
}
_LISTED: Final = 12


def select(review: "pd.DataFrame", conditions: Sequence[str], source: str) -> "pd.DataFrame":
    """Keep the rows that meet every condition; of several ``=`` on one column, either.

    Parameters
    ----------
    review
        A review.
    conditions
        ``COLUMN=VALUE``, ``!=``, ``<``, ``<=``, ``>`` or ``>=``, such as ``treatment=ICI + TKI``
        or ``year>=2020``; case and surrounding blanks of a value do not matter. A blank cell meets
        no inequality.
    source
        What the review is called in error messages.

    Raises
    ------
    InputError
        If a condition cannot be read, names no column, compares what is no number, or leaves no
        row; the message lists what there is.
    """
    equal: dict[str, list[tuple[str, str]]] = {}
    for condition in conditions:
        column, sign, value = _parts(condition)
        require_column(review, column, f"--where {condition!r}: {source}")
        if sign in ("=", "=="):
            equal.setdefault(column, []).append((condition, value))
        elif sign == "!=":
            review = _kept(review, ~_is(review[column], value), condition, column, source)
        else:
            keep = _compared(review[column], sign, value, condition)
            review = _kept(review, keep, condition, column, source)
    for column, several in equal.items():
        keeps = [_is(review[column], value) for _, value in several]
        for (condition, _), keep in zip(several, keeps, strict=True):
            _kept(review, keep, condition, column, source)
        review = review[keeps[0] if len(keeps) == 1 else _any(keeps)]
    return review.reset_index(drop=True)


def exclude(review: "pd.DataFrame", studies: Sequence[str], source: str) -> "pd.DataFrame":
    """Leave out studies by name, in any case.

    Raises
    ------
    InputError
        If there is no such study, or none is left.
    """
    labels = review["study"].astype(str)
    plain = labels.str.strip().str.casefold()
    gone = plain.eq("") & False
    for study in studies:
        found = plain == study.strip().casefold()
        if not found.any():
            close = difflib.get_close_matches(study, list(labels), 1, 0.5)
            hint = f"; did you mean {close[0]!r}?" if close else ""
            raise InputError(one_line(f"--exclude {study!r}: {source} has no such study{hint}"))
        gone |= found
    if gone.all():
        raise InputError(one_line(f"--exclude: no study of {source} is left"))
    return review[~gone].reset_index(drop=True)


def require_column(review: "pd.DataFrame", column: str, what: str) -> None:
    """Refuse a column that a review does not have; the message begins with ``what``."""
    if column not in review:
        names = [str(name) for name in review.columns]
        close = difflib.get_close_matches(column, names, 1, 0.5)
        hint = f"; did you mean {close[0]!r}?" if close else ""
        listed = ", ".join(names[:_LISTED])
        more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
        raise InputError(f"{what} has no column {column!r}{hint} (columns: {listed}{more})")


def _parts(condition: str) -> tuple[str, str, str]:
    found = _CONDITION.fullmatch(condition.strip())
    if found is None:
        raise InputError(
            one_line(f"--where {condition!r}: write COLUMN=VALUE (or !=, <, <=, >, >=)")
        )
    return found["column"].strip(), found["sign"], found["value"].strip().strip("\"'")


def _is(column: "pd.Series", value: str) -> "pd.Series":
    return column.astype(str).str.strip().str.casefold() == value.casefold()


def _compared(column: "pd.Series", sign: str, value: str, condition: str) -> "pd.Series":
    import pandas as pd

    try:
        limit = float(value)
    except ValueError:
        raise InputError(one_line(f"--where {condition!r}: {value!r} is no number")) from None
    text = column.astype(str).str.strip()
    numbers = pd.to_numeric(text, errors="coerce")
    wrong = text[numbers.isna() & ~text.str.casefold().isin(("", "na", "nan", "<na>", "none"))]
    if len(wrong):
        found = shown(wrong.iloc[0])
        raise InputError(one_line(f"--where {condition!r}: the column holds {found}, no number"))
    return _ORDER[sign](numbers, limit)


def _kept(
    review: "pd.DataFrame", keep: "pd.Series", condition: str, column: str, source: str
) -> "pd.DataFrame":
    if not keep.any():
        values = sorted(review[column].astype(str).unique())[:_LISTED]
        raise InputError(
            f"--where {condition!r}: no row of {source} has that value; column {column!r} "
            f"has {', '.join(map(repr, values))}"
        )
    return review[keep]


def _any(keeps: Sequence["pd.Series"]) -> "pd.Series":
    found = keeps[0]
    for keep in keeps[1:]:
        found = found | keep
    return found
