"""The same review with something changed, to see what the contrasts rest on."""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import pandas as pd

from models.common.errors import InputError
from models.evidence.case_mix import OTHER
from models.evidence.vocabulary import OUTSIDE_FIGURE_4
from models.numerics.margins import InfeasibleTableError, IntArray
from models.reviews.case_mix import ARM, CaseMixReview
from models.reviews.covariates import COLUMN, Design

NO_HISTOLOGY: Final = (OTHER, *OUTSIDE_FIGURE_4)
"""Levels that are no single histology: an arm of one of them is not an arm of one histology."""


def single_arms(review: CaseMixReview) -> list[str]:
    """Return the arms that enrolled one histology only."""
    cells = review.cells
    size = cells.groupby("arm")["subtype"].transform("size")
    alone = cells[(size == 1) & ~cells["subtype"].isin(NO_HISTOLOGY)]
    return [str(arm) for arm in alone["arm"]]


def without_arms(review: CaseMixReview, arms: Sequence[str]) -> CaseMixReview:
    """Return the review without some arms, each of one subtype, their responders taken off.

    Raises
    ------
    ValueError
        If an arm has several subtypes: its responders by subtype are then not known.
    """
    gone = review.cells["arm"].isin(list(arms)).to_numpy()
    size = review.cells[gone].groupby("arm")["subtype"].size()
    if (size > 1).any():
        raise ValueError(f"{size.index[size > 1][0]}: several subtypes")
    events = review.arms.set_index("arm")["events"]
    lost = np.zeros((2, len(review.margins)), dtype=np.int64)
    for place in np.flatnonzero(gone):
        cell = review.cells.iloc[place]
        lost[:, review.margin_codes[place]] += (events[cell["arm"]], cell["total"])
    margins = review.margins.assign(
        events=review.margins["events"] - lost[0], total=review.margins["total"] - lost[1]
    )
    cells = review.cells[~gone].reset_index(drop=True)
    cells["subtype"] = cells["subtype"].cat.remove_unused_categories()
    return CaseMixReview(
        cells=cells,
        arms=review.arms[~review.arms["arm"].isin(list(arms))].reset_index(drop=True),
        margins=margins[margins["total"] > 0].reset_index(drop=True),
        set_aside=review.set_aside,
    )


def with_patients(review: CaseMixReview, total: IntArray) -> CaseMixReview:
    """Return the review with other numbers of patients in its cells.

    Raises
    ------
    InputError
        If no table of responders fits them.
    """
    changed = CaseMixReview(
        cells=review.cells.assign(total=total),
        arms=review.arms.assign(
            total=np.bincount(review.arm_codes, total, len(review.arms)).astype("int64")
        ),
        margins=review.margins.assign(
            total=np.bincount(review.margin_codes, total, len(review.margins)).astype("int64")
        ),
        set_aside=review.set_aside,
    )
    try:
        changed.lattice.extreme_table(np.zeros(total.size))
    except InfeasibleTableError:
        raise InputError("no table of responders fits these numbers of patients") from None
    return changed


def evaluable_only(review: CaseMixReview, evaluable: Mapping[str, int]) -> CaseMixReview:
    """Take the patients who could not be evaluated off each arm's subtypes in proportion.

    Which subtypes they had is not known. Shares are rounded by largest remainders, and no cell
    loses a patient who must have responded.

    Parameters
    ----------
    review
        The review.
    evaluable
        Evaluable patients by arm.
    """
    least, _ = review.lattice.ranges
    total = review.total.copy()
    for place, arm in enumerate(review.arms["arm"]):
        cells = np.flatnonzero(review.arm_codes == place)
        lost = int(total[cells].sum()) - int(evaluable[str(arm)])
        if lost <= 0:
            continue
        room = total[cells] - least[cells]
        wanted = lost * total[cells] / total[cells].sum()
        taken = np.minimum(np.floor(wanted).astype(np.int64), room)
        for cell in np.argsort(-(wanted - taken), kind="stable").repeat(lost):
            if taken.sum() == lost:
                break
            if taken[cell] < room[cell]:
                taken[cell] += 1
        total[cells] -= taken
    return with_patients(review, total)


def with_covariates_of(review: CaseMixReview, design: Design) -> pd.DataFrame:
    """Return the review's ledger with the columns of a design in the rows of the arms.

    Parameters
    ----------
    review
        The review.
    design
        Of the same arms, by their labels.
    """
    ledger, of_arm = review.ledger(), design.frame.set_index("arm")
    in_arms = ledger["part"] == ARM
    for name in of_arm:
        if str(name).startswith(COLUMN):
            ledger[name] = ledger["arm"].map(of_arm[name]).where(in_arms)
    return ledger
