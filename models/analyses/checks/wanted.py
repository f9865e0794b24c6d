"""The fits that the checks want: exact ones, and those that only a sampler gives."""

from typing import Final

from models.analyses.case_mix.wanted import main_fit
from models.analyses.groups.run import ANALYSES
from models.analyses.regression.wanted import (
    LINE_BY_TREATMENT,
    SHARES,
    regression,
)
from models.evidence.case_mix import paper_review
from models.evidence.groupings import grouped_outcome
from models.evidence.load import Evidence, paper_cells
from models.evidence.vocabulary import OUTCOMES
from models.fitting.fit import Wanted
from models.fitting.registry import (
    BETA_BINOMIAL,
    EXNEX,
    POOLED,
    STUDENT_T,
    SUBGROUP,
    SUBTYPE,
    SUBTYPE_TREATMENT,
)
from models.priors import DEFAULT_EXNEX_PRIORS

REGRESSIONS: Final = {
    "treatment + line": LINE_BY_TREATMENT,
    "shares of ASPS and of SS + MLS": SHARES,
}
"""Regressions of the comparison by their names in words. With treatments besides the shares, an arm
has a Pareto k of 0.70, beyond which importance sampling is not to be relied on."""


def pool(evidence: Evidence, outcome: str) -> Wanted:
    """Return the pool of all arms of an outcome."""
    return Wanted(POOLED, evidence.outcome(outcome), name=f"{outcome} pooled")


def grouping(evidence: Evidence, outcome: str, by: str) -> Wanted:
    """Return a grouping of the arms of an outcome."""
    return Wanted(SUBGROUP, grouped_outcome(evidence, outcome, by), name=f"{outcome} by {by}")


def exact_fits(evidence: Evidence) -> list[Wanted]:
    """List what the exact engine gives: pools of all arms, every grouping, the subtypes."""
    return [
        *(pool(evidence, outcome) for outcome in OUTCOMES),
        *(grouping(evidence, outcome, by) for outcome, by in ANALYSES),
        Wanted(SUBTYPE, evidence.strata(), name="subtypes_exchangeable"),
    ]


def rivals(evidence: Evidence) -> dict[str, Wanted]:
    """Return the models of the comparison that only a sampler gives, by their names in words."""
    arms = evidence.outcome("orr")
    compared = {"Student-t effects": (STUDENT_T, arms), "beta-binomial": (BETA_BINOMIAL, arms)}
    return {words: regression(evidence, asked)[0] for words, asked in REGRESSIONS.items()} | {
        words: Wanted(
            model,
            frame,
            name=f"compare_{model.name}",
            description=f"ORR, model comparison: {words}",
        )
        for words, (model, frame) in compared.items()
    }


def of_other_parts(evidence: Evidence) -> list[Wanted]:
    """List the fits of other parts that the exact engine cannot give."""
    return [
        # as the part itself wants it
        Wanted(
            EXNEX,
            evidence.strata(),
            DEFAULT_EXNEX_PRIORS,
            name="subtypes_exnex",
            description="subtypes, EXNEX",
        ),
        # as the part itself wants it
        Wanted(
            SUBTYPE_TREATMENT,
            paper_cells(evidence),
            name="subtypes_by_treatment",
            description="subtype by treatment",
        ),
        main_fit(paper_review(evidence)),
    ]


def sampled_fits(evidence: Evidence) -> list[Wanted]:
    """List every fit that a sampler makes for the checks, in order."""
    return [*rivals(evidence).values(), *of_other_parts(evidence)]
