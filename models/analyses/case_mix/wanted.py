"""The fits of the case mix: the review as it is, with something changed, and the approximation."""

from collections.abc import Mapping
from typing import Final

from models.analyses.case_mix.variants import (
    evaluable_only,
    single_arms,
    with_covariates_of,
    without_arms,
)
from models.estimands.case_mix import patient_mix
from models.evidence.case_mix import paper_review
from models.evidence.covariates import paper_covariates, with_covariates
from models.evidence.load import Evidence
from models.fitting.fit import Wanted
from models.fitting.registry import (
    CASE_MIX,
    CASE_MIX_APPROXIMATION,
    CASE_MIX_COVARIATES,
    CASE_MIX_UNPOOLED,
    Model,
)
from models.priors import DEFAULT_PRIORS, DEFAULT_REGRESSION_PRIORS
from models.reviews.case_mix import CaseMixReview
from models.reviews.covariates import make_design

MAIN, EVALUABLE, MIXED, APPROXIMATION = (
    "main",
    "evaluable patients",
    "without arms of one histology",
    "fast approximation",
)
UNPOOLED, UNPOOLED_MIXED = "unpooled treatments", "unpooled, without arms of one histology"
LINE, LINE_YEAR = "with line", "with line and year"
COVARIATES: Final = {LINE: ("line",), LINE_YEAR: ("line", "year")}
"""Covariates of the arms that a variant has besides treatment and histology."""
LENGTH: Final = {"draws": 1200, "tune": 800, "target_accept": 0.98}
"""Of the main fit: effective sample sizes above six times the gate's least."""
BRIEF: Final = {"draws": 800, "tune": 500, "target_accept": 0.98}
"""Of the variants."""


def reviews_of(evidence: Evidence) -> dict[str, CaseMixReview]:
    """Return the paper's review and its variants, by analysis; the others use the main one."""
    review = paper_review(evidence)
    evaluable = evidence.outcome("orr").set_index("study")["total"].to_dict()
    return {
        MAIN: review,
        EVALUABLE: evaluable_only(review, evaluable),
        MIXED: without_arms(review, single_arms(review)),
    }


def main_fit(review: CaseMixReview) -> Wanted:
    """Return the fit of the paper's review as it is."""
    return Wanted(
        CASE_MIX, review.ledger(), name="case_mix", description="case mix", settings=LENGTH
    )


def wanted(reviews: Mapping[str, CaseMixReview], evidence: Evidence) -> dict[str, Wanted]:
    """Return the fits by analysis; rates of the variants are for the patients of the main one."""
    mix = patient_mix(reviews[MAIN])

    def variant(analysis: str, review: CaseMixReview, model: Model, name: str) -> Wanted:
        shares = mix[review.subtypes] / mix[review.subtypes].sum()
        return Wanted(
            model,
            review.ledger(),
            name=f"case_mix_{name}",
            description=f"case mix, {analysis}",
            given={"mix": shares.to_dict()},
            settings=BRIEF,
        )

    main, mixed = reviews[MAIN], reviews[MIXED]
    return {
        MAIN: main_fit(main),
        EVALUABLE: variant(EVALUABLE, reviews[EVALUABLE], CASE_MIX, "evaluable"),
        MIXED: variant(MIXED, mixed, CASE_MIX, "mixed_arms"),
        UNPOOLED: variant(UNPOOLED, main, CASE_MIX_UNPOOLED, "unpooled"),
        UNPOOLED_MIXED: variant(UNPOOLED_MIXED, mixed, CASE_MIX_UNPOOLED, "unpooled_mixed_arms"),
        LINE: _with_covariates(LINE, main, evidence, "line"),
        LINE_YEAR: _with_covariates(LINE_YEAR, main, evidence, "line_year"),
        APPROXIMATION: Wanted(
            CASE_MIX_APPROXIMATION,
            main.ledger(),
            DEFAULT_PRIORS,
            name="case_mix_approximation",
            description=f"case mix, {APPROXIMATION}",
        ),
    }


def _with_covariates(analysis: str, review: CaseMixReview, evidence: Evidence, name: str) -> Wanted:
    arms = with_covariates(evidence.outcome("orr"), evidence)
    design = make_design(arms, paper_covariates(COVARIATES[analysis]), "the paper's arms")
    return Wanted(
        CASE_MIX_COVARIATES,
        with_covariates_of(review, design),
        DEFAULT_REGRESSION_PRIORS,
        name=f"case_mix_{name}",
        description=f"case mix, {analysis}",
        settings=BRIEF,
    )
