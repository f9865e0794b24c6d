"""Groups of studies: from a column of a review to the ``group`` that the models read."""

from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from models.common.errors import InputError
from models.reviews.conditions import require_column

MOST_GROUPS: Final = 20
"""More groups than this make a league table that nobody can read."""


def as_categorical(group: "pd.Series") -> "pd.Series":
    """Return a categorical series; text labels are ordered by first appearance."""
    if isinstance(group.dtype, pd.CategoricalDtype):
        return group
    labels = list(dict.fromkeys(group.astype(str)))
    return group.astype(str).astype(pd.CategoricalDtype(labels))


def group_codes(group: "pd.Series") -> tuple[NDArray[np.int64], list[str]]:
    """Return the group number of every study and the labels of the groups."""
    categorical = as_categorical(group)
    codes = categorical.cat.codes.to_numpy("int64")
    return codes, [str(label) for label in categorical.cat.categories]


def group_by(review: pd.DataFrame, column: str, source: str) -> pd.DataFrame:
    """Return the review with ``group`` taken from a column.

    Parameters
    ----------
    review
        One row a study.
    column
        Name of the column; rows where it is blank are left out.
    source
        What the review is called in error messages.

    Returns
    -------
    pandas.DataFrame
        With the categorical column ``group``; only groups that have studies are categories.

    Raises
    ------
    InputError
        If there is no such column, if every row is blank, or if there are more than
        ``MOST_GROUPS`` groups.
    """
    require_column(review, column, source)
    values = review[column]
    filled = values.notna() & (values.astype(str).str.strip() != "")
    kept = review[filled].reset_index(drop=True)
    if kept.empty:
        raise InputError(f"{source}: column {column!r} is blank in every row; no group exists")
    group = as_categorical(kept[column]).cat.remove_unused_categories()
    if len(group.cat.categories) > MOST_GROUPS:
        raise InputError(
            f"{source}: column {column!r} makes {len(group.cat.categories)} groups; contrasts of "
            f"every pair are formed for at most {MOST_GROUPS}"
        )
    return kept.assign(group=group)
