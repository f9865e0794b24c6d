"""Reviews with several outcomes an arm: what each arm reports, as nested counts.

Complete responders are among the responders, these among the patients whose disease is controlled,
these among all who could be evaluated; toxicity is counted among the patients of the safety
population. An arm may leave out any of these but its total. What it does report is a chain of
binomial counts, each out of the nearest count before it that is reported: responders out of the
controlled, or out of all patients where control is not reported.
"""

from itertools import pairwise
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

from models.common.errors import InputError
from models.reviews.decoding import TableError
from models.reviews.groups import as_categorical
from models.reviews.reader import Form, read_table

OUTCOMES: Final = ("control", "response", "complete", "toxicity")
"""The four conditional rates: disease control; response given control; complete response given
response; toxicity."""
CHAIN: Final = ("total", "controlled", "responders", "cr")
"""Nested counts, the largest first."""
COUNTS: Final = (*CHAIN, "toxicity", "toxicity_total")
"""Columns of a frame; all but ``total`` may be missing."""
EVERYONE: Final = "all arms"
"""Treatment of a file without that column."""
_ARMS: Final = Form(("study",), COUNTS, optional=("treatment",), blanks=True)


def make_joint(review: pd.DataFrame, source: str) -> pd.DataFrame:
    """Return the frame that the joint model reads, checked.

    Parameters
    ----------
    review
        ``arm`` (unique labels), ``treatment`` (categorical, or text in order of first
        appearance) and the columns of ``COUNTS``, NA where not reported.
    source
        What the review is called in error messages.

    Returns
    -------
    pandas.DataFrame
        These columns in this order; counts are Int64, treatment is categorical.

    Raises
    ------
    InputError
        If a count exceeds one that it is part of, toxicity is given without its total, an arm
        stands there twice, or no arm at all reports one of the four outcomes.
    """
    frame = review[["arm"]].astype(str).reset_index(drop=True)
    treatment = as_categorical(review["treatment"].reset_index(drop=True))
    frame["treatment"] = treatment.cat.remove_unused_categories()
    for name in COUNTS:
        frame[name] = review[name].astype("Int64").array
    if frame["arm"].duplicated().any():
        raise InputError(f"{source}: arm {frame['arm'][frame['arm'].duplicated()].iloc[0]!r} twice")
    for row in frame.to_dict("records"):
        where = f"{source}, arm {row['arm']!r}"
        if pd.isna(row["total"]) or row["total"] < 1:
            raise InputError(f"{where}, column 'total': the number of patients is needed")
        chain = [(name, row[name]) for name in CHAIN if not pd.isna(row[name])]
        pairs = [*pairwise(chain)]
        if not pd.isna(row["toxicity"]):
            if pd.isna(row["toxicity_total"]):
                raise InputError(f"{where}, column 'toxicity_total': needed with toxicity")
            pairs.append((("toxicity_total", row["toxicity_total"]), ("toxicity", row["toxicity"])))
        for (outer, of), (inner, count) in pairs:
            if not 0 <= count <= of:
                raise InputError(f"{where}, column {inner!r}: {count} of {of} in {outer!r}")
    for name in ("cr", "responders", "controlled", "toxicity"):
        if frame[name].isna().all():
            raise InputError(
                f"{source}, column {name!r}: blank in every row; nothing could be said of it (for "
                "single outcomes there is scripts/subgroups.py)"
            )
    return frame


def reports(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the binomial counts that the arms report.

    Parameters
    ----------
    frame
        From `make_joint`, or with fewer outcomes reported.

    Returns
    -------
    pandas.DataFrame
        One row a count: ``report`` (unique label), ``arm`` (row number in the frame), ``events``,
        ``total``, and for each of ``OUTCOMES`` whether its conditional rate is a factor of the
        count's rate (0 or 1). A count out of none has likelihood one.
    """
    rows = []
    for number, row in enumerate(frame.to_dict("records")):
        place = 0
        for step in range(1, len(CHAIN)):
            if pd.isna(row[CHAIN[step]]):
                continue
            factors = [int(place <= i < step) for i in range(len(CHAIN) - 1)]
            rows.append((row, number, CHAIN[step], row[CHAIN[place]], [*factors, 0]))
            place = step
        if not pd.isna(row["toxicity"]):
            rows.append((row, number, "toxicity", row["toxicity_total"], [0, 0, 0, 1]))
    return pd.DataFrame(
        [
            {
                "report": f"{row['arm']}: {name}",
                "arm": number,
                "events": int(row[name]),
                "total": int(total),
                **dict(zip(OUTCOMES, factors, strict=True)),
            }
            for row, number, name, total, factors in rows
        ]
    )


def read_joint(path: Path) -> pd.DataFrame:
    """Read a user's arms with several outcomes.

    Parameters
    ----------
    path
        CSV with the columns ``study``, ``total``, ``cr``, ``responders``, ``controlled``,
        ``toxicity``, ``toxicity_total`` and, if treatments are to be compared, ``treatment``.
        A blank cell is not reported; ``total`` may not be blank.

    Returns
    -------
    pandas.DataFrame
        As `make_joint`.

    Raises
    ------
    InputError
        Naming file, row, column and value.
    """
    arms = read_table(path, _ARMS)
    if "treatment" not in arms:
        arms["treatment"] = EVERYONE
    blank = arms.index[arms["treatment"] == ""]
    if len(blank):
        fault = TableError(int(blank[0]), "treatment", "the cell is blank")
        raise InputError(fault.sentence(str(path)))
    frame = arms[["study", "treatment", *COUNTS]].rename(columns={"study": "arm"})
    return make_joint(frame, str(path))


def treatment_codes(frame: pd.DataFrame) -> tuple["np.ndarray", list[str]]:
    """Return the treatment number of every arm and the labels of the treatments."""
    labels = [str(label) for label in frame["treatment"].cat.categories]
    return frame["treatment"].cat.codes.to_numpy("int64"), labels
