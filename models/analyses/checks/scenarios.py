"""Which arms and counts are varied: the paper's own exclusions, corrections, other populations.

A scenario is a function of the arms of an outcome. Nothing is fitted here.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import pandas as pd

from models.evidence.load import Evidence

SMALL_ARM: Final = 40
"""The paper leaves out trials "with fewer than 40 participants"."""

ASPS_ONLY: Final = "ASPS"
NOT_SOFT_TISSUE: Final = ("Chordoma", "GIST")
OSTEOSARCOMA: Final = {"Somaiah2022": 5}
"""Patients by arm; the composition counts them among other tumours."""

type Change = Callable[[str, pd.DataFrame], pd.DataFrame]
"""From outcome code and its arms to the arms that are analysed."""


@dataclass(frozen=True)
class Scenario:
    """One way of repeating the analysis.

    Attributes
    ----------
    scenario_id, kind, label
        Short id; ``paper``, ``correction`` or ``population``; what is done.
    reason
        Why, and how the paper's words were read.
    change
        What is done to the arms.
    published
        What the paper states of its own analysis, in words; empty if it is no analysis of the
        paper's.
    """

    scenario_id: str
    kind: str
    label: str
    reason: str
    change: Change
    published: str = ""


def corrected(outcome: str, arms: pd.DataFrame, reported: pd.DataFrame) -> pd.DataFrame:
    """Return the arms of an outcome with the counts of some rows of ``reported_counts``."""
    arms = arms.copy()
    for change in reported[reported["outcome"] == outcome].to_dict("records"):
        row = arms["arm_id"] == change["arm_id"]
        arms.loc[row, ["events", "total"]] = (change["events"], change["total"])
    return arms


def _orr_where(condition: Callable[[pd.DataFrame], "pd.Series"]) -> Change:
    """Return a change that keeps arms of the response outcome and leaves the others alone."""

    def change(outcome: str, arms: pd.DataFrame) -> pd.DataFrame:
        return arms[condition(arms)].reset_index(drop=True) if outcome == "orr" else arms

    return change


def _enrolled(outcome: str, arms: pd.DataFrame) -> pd.DataFrame:
    return arms.assign(total=arms["enrolled"]) if outcome == "orr" else arms


def _without(drugs: pd.DataFrame) -> Change:
    return _orr_where(lambda arms: ~arms["arm_id"].isin(drugs["arm_id"]))


def _drugs(drugs: pd.DataFrame) -> str:
    pairs = zip(drugs["arm_id"], drugs["drug"], strict=True)
    return "; ".join(f"{arm}: {drug}" for arm, drug in pairs)


def paper_scenarios(evidence: Evidence) -> list[Scenario]:
    """List the paper's own sensitivity analyses as far as the tables tell."""
    not_fda = evidence.drug_approvals
    not_approved = not_fda[not_fda["approval"] == "none"]
    unchanged = 'only "did not significantly alter" (P067)'
    return [
        Scenario(
            "paper1",
            "paper",
            "(1) denominators: all enrolled",
            "the paper divides by all subjects of the study",
            _enrolled,
            published=unchanged,
        ),
        Scenario(
            "paper2_enrolled",
            "paper",
            f"(2) arms of >= {SMALL_ARM} enrolled",
            "participants read as enrolled patients of the arm",
            _orr_where(lambda arms: arms["enrolled"] >= SMALL_ARM),
            published=unchanged,
        ),
        Scenario(
            "paper2_evaluable",
            "paper",
            f"(2) arms of >= {SMALL_ARM} evaluable",
            "participants read as evaluable patients of the arm",
            _orr_where(lambda arms: arms["total"] >= SMALL_ARM),
            published=unchanged,
        ),
        Scenario(
            "paper3",
            "paper",
            "(3) phase II single-arm only",
            "design 'phase II single-arm' in Table 1: phases I, Ib, I/II and randomised left out",
            _orr_where(lambda arms: arms["design"] == "phase II single-arm"),
            published=unchanged,
        ),
        Scenario(
            "paper4",
            "paper",
            "(4) RECIST 1.1 only",
            "irRC and irRECIST left out; 'RECIST 1.1 at 24 weeks' (Kelly 2023) is kept",
            _orr_where(lambda arms: arms["response_criteria"].str.startswith("RECIST 1.1")),
            published=unchanged,
        ),
        Scenario(
            "paper5_all24",
            "paper",
            "(5) not repeatable; all 24 arms of >= second line",
            "the paper keeps 15 studies without naming them; 5 of the 1,307,504 sets of 15 out "
            "of these 24 arms give every printed digit (P066, A43), so the 15 cannot be told. "
            "All 24 are shown instead",
            _orr_where(lambda arms: arms["line"] == ">= second line"),
            published="0.09 (0.04-0.17), 15 studies (P066)",
        ),
        Scenario(
            "paper6",
            "paper",
            "(6) drugs approved by some regulator",
            "the paper gives no list. Left out, approved for no use by any regulator by 2024 "
            f"(our knowledge, not the paper's): {_drugs(not_approved)}",
            _without(not_approved),
            published=unchanged,
        ),
        Scenario(
            "paper6_fda",
            "paper",
            "(6) drugs approved by the FDA",
            f"the same with approval by the FDA; left out: {_drugs(not_fda)}",
            _without(not_fda),
            published=unchanged,
        ),
    ]


def correction_scenarios(evidence: Evidence) -> list[Scenario]:
    """List the corrections from the trial reports, one by one and together."""
    reported = evidence.reported_counts

    def using(changes: pd.DataFrame) -> Change:
        return lambda outcome, arms: corrected(outcome, arms, changes)

    found = [
        Scenario(
            f"correction{number}",
            "correction",
            str(label),
            f"trial report {', '.join(sorted(changes['report_id'].unique()))}",
            using(changes),
        )
        for number, (label, changes) in enumerate(reported.groupby("correction", sort=False), 1)
    ]
    return [
        *found,
        Scenario("corrections", "correction", "all of these together", "as above", using(reported)),
    ]


def without_patients(evidence: Evidence) -> Change:
    """Return a change that takes out the patients whose tumour is no soft tissue sarcoma.

    Chordoma and gastrointestinal stromal tumour (GIST) are in the composition of the arms. The
    responders of a chordoma row are those of its treatment group, which has such patients in one
    arm only; GIST had none. The five osteosarcomas of Somaiah 2022 are counted among its other
    tumours (composition, trial report); none is taken to have responded, and at most one can have.
    All of them are taken to have been evaluable.
    """
    composition = evidence.composition
    gone = composition[composition["subtype"].isin(NOT_SOFT_TISSUE)]
    groups = evidence.arms.set_index("arm_id")["treatment"]
    cells = evidence.subtype_treatment.set_index(["subtype", "treatment"])["events"]
    patients = gone.groupby("arm_id")["patients"].sum().add(pd.Series(OSTEOSARCOMA), fill_value=0)
    responders = dict.fromkeys(patients.index, 0)
    for row in gone.itertuples():
        responders[row.arm_id] += int(cells.get((row.subtype, groups[row.arm_id]), 0))

    def change(outcome: str, arms: pd.DataFrame) -> pd.DataFrame:
        if outcome != "orr":
            return arms
        fewer = arms["arm_id"].map(patients).fillna(0).astype(int)
        without = arms["arm_id"].map(responders).fillna(0).astype(int)
        return arms.assign(events=arms["events"] - without, total=arms["total"] - fewer)

    return change


def scenarios(evidence: Evidence) -> list[Scenario]:
    """List every scenario."""
    return [
        *paper_scenarios(evidence),
        *correction_scenarios(evidence),
        Scenario(
            "no_asps",
            "population",
            "arms that enrolled ASPS only left out",
            "alveolar soft part sarcoma responds unusually often; such arms are in two groups only",
            _orr_where(lambda arms: arms["single_histology"].fillna("") != ASPS_ONLY),
        ),
        Scenario(
            "soft_tissue",
            "population",
            "tumours that are no soft tissue sarcoma left out",
            "chordomas with their responses, gastrointestinal stromal tumours and osteosarcomas "
            "without any taken out of their arms (A23)",
            without_patients(evidence),
        ),
    ]
