"""New arms joined to a review: duplicates told apart from later reports and from new groups."""

import re
import unicodedata
from dataclasses import dataclass, field
from typing import Final

import pandas as pd

from models.common.errors import InputError
from models.reviews.decoding import TableError

COUNTS: Final = ("events", "total")


@dataclass(frozen=True, eq=False)
class Merged:
    """A review before and after.

    Attributes
    ----------
    before, after
        ``study``, ``events``, ``total``, ``group`` (categorical) and further columns.
    added, replaced, duplicates
        Labels of the rows that were new, that took the place of an earlier report, and that were
        in the review already.
    notes
        What a user should look at, a sentence each.
    """

    before: pd.DataFrame
    after: pd.DataFrame
    added: list[str]
    replaced: list[str]
    duplicates: list[str]
    notes: list[str] = field(default_factory=list)


def merge(
    review: pd.DataFrame,
    new: pd.DataFrame,
    source: str,
    *,
    replace: bool = False,
    new_groups: bool = False,
) -> Merged:
    """Join new arms to a review.

    An arm whose label is in the review (case, accents and punctuation apart) is a duplicate if its
    counts are the same too, and left out; with other counts it is a later report, which takes the
    earlier one's place if ``replace`` says so. An arm under another label with the counts and the
    group of one in the review is added, and noted.

    Parameters
    ----------
    review, new
        ``study``, ``events``, ``total``, ``group`` and further columns; the review's ``group`` is
        categorical.
    source
        What the new arms are called in messages.
    replace
        Let later reports take the place of earlier ones.
    new_groups
        Let new arms open groups that the review does not have.

    Raises
    ------
    InputError
        Naming the row, column and value: for other counts under a known label without
        ``replace``, for an unknown group without ``new_groups``, or if nothing is new.
    """
    known = {key(label): place for place, label in enumerate(review["study"])}
    after = review.copy()
    groups = [str(g) for g in review["group"].cat.categories]
    after["group"] = after["group"].astype(str)
    rows, added, replaced, duplicates, notes = [], [], [], [], []
    for line, row in enumerate(new.to_dict("records"), start=2):
        label, group = str(row["study"]), str(row["group"])
        if group not in groups:
            if not new_groups:
                raise _fault(
                    source, line, "group",
                    f"{group!r} is no group of the review ({', '.join(groups)}); --new-groups "
                    "opens it",
                )  # fmt: skip
            groups.append(group)
            notes.append(f"{label} opens the group {group}")
        place = known.get(key(label))
        if place is None:
            same = review[
                (review["events"] == row["events"])
                & (review["total"] == row["total"])
                & (review["group"].astype(str) == group)
            ]
            if len(same):
                notes.append(f"{label} has counts and group of {same['study'].iloc[0]}: the same?")
            rows.append(row)
            added.append(label)
            continue
        earlier = review.iloc[place]
        if all(earlier[name] == row[name] for name in COUNTS):
            duplicates.append(label)
            continue
        if not replace:
            raise _fault(
                source, line, "study",
                f"{label!r} is in the review with {earlier['events']}/{earlier['total']}, here "
                f"{row['events']}/{row['total']}; --replace takes the later report",
            )  # fmt: skip
        replaced.append(label)
        for name in set(row) & set(after.columns) - {"study"}:
            after.iloc[place, after.columns.get_loc(name)] = row[name]
    if not rows and not replaced:
        raise InputError(f"{source}: every arm is in the review already; nothing changes")
    if rows:
        after = pd.concat([after, pd.DataFrame(rows)], ignore_index=True)
    present = [g for g in groups if (after["group"] == g).any()]
    after["group"] = after["group"].astype(pd.CategoricalDtype(present))
    return Merged(review, after, added, replaced, duplicates, notes)


def key(label: object) -> str:
    """Return a label without case, accents, blanks and punctuation."""
    plain = unicodedata.normalize("NFKD", str(label)).casefold()
    return re.sub(r"[\W_]+", "", "".join(c for c in plain if not unicodedata.combining(c)))


def _fault(source: str, line: int, column: str, words: str) -> InputError:
    return InputError(TableError(line, column, words).sentence(source))
