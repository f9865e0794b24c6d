"""Reviews padded with empty units, so that one compiled model serves many of them."""

from typing import Final

import numpy as np
import pandas as pd
import xarray as xr

from models.reviews.groups import group_codes

PADDING: Final = "\x1fpadding"
"""Starts with a control character, which no label that a reader typed holds."""
CAPACITY: Final = {"study": 40, "group": 8}
"""Units that a compilation holds at least; a larger review is compiled at its own size."""


def pad_review(review: pd.DataFrame, n_studies: int, n_groups: int) -> pd.DataFrame:
    """Pad a review with empty studies (and a grouping with empty groups) up to given numbers.

    Parameters
    ----------
    review
        Columns ``study``, ``events``, ``total`` and, if grouped, ``group``.
    n_studies, n_groups
        Numbers after padding; a review that is as long or longer is returned as it is, and so
        is a frame of other units (``stratum`` in place of ``study``).

    Returns
    -------
    pandas.DataFrame
        The columns that a model reads; the padding's labels start with ``PADDING``.
    """
    if "study" not in review:
        return review.reset_index(drop=True)
    columns = [c for c in ("study", "events", "total", "publication_id") if c in review]
    padded = review[columns].reset_index(drop=True)
    missing = max(0, n_studies - len(padded))
    empty = pd.DataFrame(
        {"study": [f"{PADDING} {i + 1}" for i in range(missing)], "events": 0, "total": 0}
    )
    padded = pd.concat([padded, empty], ignore_index=True) if missing else padded
    if "group" in review:
        codes, labels = group_codes(review["group"])
        labels += [f"{PADDING} group {i + 1}" for i in range(max(0, n_groups - len(labels)))]
        codes = np.concatenate([codes, np.zeros(missing, dtype=np.int64)])
        padded["group"] = pd.Categorical.from_codes(codes, categories=labels)
    return padded


def drop_padding(dataset: xr.Dataset) -> xr.Dataset:
    """Drop padded units along every labelled dimension."""
    for dim, index in dataset.indexes.items():
        if dim in ("chain", "draw"):
            continue
        keep = [not str(label).startswith(PADDING) for label in index]
        if not any(keep):
            dataset = dataset.drop_dims(dim)
        elif not all(keep):
            dataset = dataset.isel({dim: keep})
    return dataset
