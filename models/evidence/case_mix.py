"""The paper's own case-mix review: composition, margins of Fig. 4, cells of trial reports."""

from collections.abc import Mapping
from typing import Final

import pandas as pd

from models.evidence.load import Evidence
from models.evidence.vocabulary import OUTSIDE_FIGURE_4, TREATMENTS
from models.reviews.case_mix import CaseMixReview, make_review

OTHER: Final = "other"


JOINED: Final = {"GIST": OTHER}
"""Subtypes that Fig. 4 leaves out and that join the level ``other``."""


DEDUCED: Final = "deduced"
"""Kind of ``trial_report_subtypes`` that is not a report's own words."""


def paper_review(evidence: Evidence) -> CaseMixReview:
    """Return the paper's own review.

    Patients are those of Table 1 with a subtype (1346 of 1349; Tawbi 2 and Chawla's atezolizumab
    arm 1 have none). GIST joins ``other``, and the arms without any subtype are the level
    ``unknown``. Subtype totals are the recovered cells of Fig. 4, whose denominators are patients
    enrolled, so that those who could not be evaluated count as non-responders. ``other`` and
    ``unknown`` are in no row of Fig. 4: the arms' responders leave their sum in every treatment
    group. Cells are known where a trial report states them and agrees with Fig. 2 (see
    `reported_cells`).
    """
    outcome = evidence.outcome("orr")
    names = outcome.set_index("arm_id")["study"]
    arms = outcome[["study", "treatment", "events"]].rename(columns={"study": "arm"})
    parts = evidence.composition
    parts["subtype"] = parts["subtype"].replace(JOINED)
    composition = parts.groupby(["arm_id", "subtype"], sort=False)["patients"].sum().reset_index()
    known, set_aside = reported_cells(evidence, composition)
    composition = composition.rename(columns={"patients": "total"})
    composition["arm"] = composition["arm_id"].map(names)
    subtypes = [*evidence.strata()["stratum"]]
    subtypes += [s for s in OUTSIDE_FIGURE_4 if s not in JOINED]
    return make_review(
        arms,
        composition,
        evidence.cells(),
        known.assign(arm=known["arm_id"].map(names)),
        treatments=list(TREATMENTS),
        subtypes=subtypes,
        source="the paper's tables",
        set_aside=set_aside.assign(arm=set_aside["arm_id"].map(names)),
    )


def reported_cells(
    evidence: Evidence, composition: pd.DataFrame
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the cells that trial reports give and that agree with Fig. 2, and those that do not.

    An arm's report is used if it names no more responders than Fig. 2 counts in the arm. Cells
    that were deduced from a report (not its own words) rest on its having named every responder,
    so they are used only if the named ones are all of Fig. 2's. Subtypes that are only part of a
    level (GIST) are left out.

    Parameters
    ----------
    evidence
        The validated evidence.
    composition
        ``arm_id``, ``subtype``, ``patients``.

    Returns
    -------
    tuple of pandas.DataFrame
        Known cells (``arm_id``, ``subtype``, ``events``); reports set aside (``arm_id``,
        ``reason``).
    """
    reports = evidence.trial_report_subtypes
    counted: Mapping[str, int] = evidence.outcome("orr").set_index("arm_id")["events"].to_dict()
    enrolled = composition.set_index(["arm_id", "subtype"])["patients"].to_dict()
    known: list[dict[str, object]] = []
    aside: list[dict[str, object]] = []
    for arm_id, report in reports.groupby("arm_id", sort=False):
        named, total = int(report["responders"].sum()), int(counted[str(arm_id)])
        if named > total:
            aside.append(
                {"arm_id": arm_id, "reason": f"report names {named} responders, Fig. 2 {total}"}
            )
            continue
        own_words = report["kind"] != DEDUCED
        if named < total and not own_words.all():
            aside.append(
                {
                    "arm_id": arm_id,
                    "reason": f"cells deduced from {named} named responders, Fig. 2 {total}",
                }
            )
            report = report[own_words]
        for row in report.itertuples():
            if (arm_id, row.subtype) in enrolled and row.subtype not in JOINED:
                known.append(
                    {"arm_id": arm_id, "subtype": row.subtype, "events": int(row.responders)}
                )
    return (
        pd.DataFrame(known, columns=["arm_id", "subtype", "events"]),
        pd.DataFrame(aside, columns=["arm_id", "reason"]),
    )
