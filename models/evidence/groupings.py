"""The groupings of the paper's arms: what each compares, in which order, and which arms it has."""

from dataclasses import dataclass
from typing import Final

import pandas as pd

from models.common.errors import InputError
from models.evidence.load import Evidence
from models.evidence.vocabulary import TREATMENTS
from models.reviews.groups import group_by

LINES: Final = (">= second line", "first line")


@dataclass(frozen=True)
class Grouping:
    """One way of grouping the arms.

    Attributes
    ----------
    name
        Code on the command line.
    column
        Column of the arms that holds the groups.
    labels
        From the column's value to the group's name, in the order of the groups; the first is the
        reference of the contrasts. Values that are not listed are left out.
    where
        Conditions ``column: value`` on the arms.
    description
        What is compared.
    """

    name: str
    column: str
    labels: dict[str, str]
    description: str
    where: dict[str, str] | None = None


GROUPINGS: Final = {
    grouping.name: grouping
    for grouping in (
        Grouping(
            "treatment",
            "treatment",
            {t: t for t in TREATMENTS},
            "the five treatment groups",
        ),
        Grouping(
            "line",
            "line",
            {line: line for line in LINES},
            "line of treatment; arms of unknown line left out, as in the paper",
        ),
        Grouping(
            "line_with_unknown",
            "line",
            {line: line for line in (*LINES, "unknown")},
            "line of treatment; arms of unknown line as a level of their own",
        ),
        Grouping(
            "line_in_chemotherapy",
            "line",
            {line: line for line in LINES},
            "line of treatment among ICI + chemotherapy arms (both first-line arms are such)",
            {"treatment": "ICI + chemotherapy"},
        ),
        Grouping(
            "target",
            "monotherapy_target",
            {t: f"anti-{t}" for t in ("PD-1", "PD-L1", "CTLA-4")},
            "checkpoint target of the monotherapy arms",
        ),
        Grouping(
            "doxorubicin",
            "doxorubicin",
            {"other": "other chemotherapy", "doxorubicin": "doxorubicin"},
            "chemotherapy partner: doxorubicin or other",
        ),
        Grouping(
            "pd1_chemotherapy",
            "pd1_chemotherapy",
            {"no": "other ICI + chemotherapy", "yes": "anti-PD-1 + chemotherapy"},
            "ICI + chemotherapy: anti-PD-1 alone with it, or another ICI",
        ),
    )
}


def grouped_outcome(evidence: Evidence, outcome: str, by: str) -> pd.DataFrame:
    """Return the arms of an outcome with the categorical column ``group``.

    Parameters
    ----------
    evidence
        The validated evidence.
    outcome
        ``orr``, ``dcr`` or ``trae``.
    by
        A name of ``GROUPINGS``, or any column of the arms.

    Raises
    ------
    InputError
        If there is neither a grouping nor a column of that name.
    """
    arms = evidence.outcome(outcome)
    if by not in GROUPINGS:
        if by not in arms:
            raise InputError(
                f"--by {by!r}: no such grouping; there are {', '.join(GROUPINGS)}, and the "
                f"columns of the arms: {', '.join(map(str, arms.columns))}"
            )
        return group_by(arms, by, f"the paper's {outcome} data")
    grouping = GROUPINGS[by]
    for column, value in (grouping.where or {}).items():
        arms = arms[arms[column] == value]
    group = arms[grouping.column].map(grouping.labels)
    kept = arms[group.notna()].assign(group=group[group.notna()])
    present = [label for label in grouping.labels.values() if (kept["group"] == label).any()]
    if not present:
        raise InputError(f"--by {by!r}: no arm of {outcome} belongs to any of its groups")
    kept["group"] = kept["group"].astype(pd.CategoricalDtype(present))
    return kept.reset_index(drop=True)
