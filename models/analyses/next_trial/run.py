"""The next trial in the paper's treatments: priors, what they are worth, rules, two figures."""

from collections.abc import Mapping
from typing import Any, Final

import pandas as pd

from models.analyses.case_mix.wanted import MAIN, main_fit, reviews_of
from models.analyses.next_trial.figures import prior_figure, rules_figure
from models.analyses.next_trial.plan import Design, Plan, make_plan
from models.analyses.next_trial.prior import (
    PAPER,
    MapPrior,
    case_mix_prior,
    group_priors,
    pooled_prior,
)
from models.estimands.case_mix import patient_mix
from models.evidence.groupings import grouped_outcome
from models.evidence.load import Evidence
from models.fitting.fit import Fitter
from models.render.output import Output
from models.reviews.case_mix import CaseMixReview

DESIGN: Final = Design(n=40, null=0.10, alternative=0.25)
"""The trial that tables and figures are about: 10 % is the monotherapy pool of the paper, about."""
CONTROL: Final = "ICI monotherapy"
SHOWN: Final = "ICI + TKI"
"""The treatment whose arm the figures show."""
LARGE: Final = 3
"""Subtypes with the most patients, for which priors at one histology are given."""
ALL: Final = "all arms"
MIX: Final = "the review's mix"


def run(evidence: Evidence, fit: Fitter, done: Mapping[str, Output]) -> Output:
    """Plan a trial of each treatment, and of some histologies."""
    plans = plans_of_arms(evidence)
    shown = plans[SHOWN, "as enrolled"]
    draws = fit(main_fit(reviews_of(evidence)[MAIN]))
    review = reviews_of(evidence)[MAIN]
    plans |= plans_of_mixes(review, draws.posterior)
    priors = pd.DataFrame([_prior_row(*key, p) for key, p in plans.items()])
    return Output(
        tables={
            "next_trial_priors": priors.merge(_of_histology(review), how="left"),
            "next_trial_mixtures": _long(plans, lambda plan: pd.DataFrame(plan.mixture.rows())),
            "next_trial_rules": _long(plans, Plan.rules_frame),
            "next_trial_smallest": _long(plans, lambda plan: pd.DataFrame(plan.smallest)),
            "next_trial_predictive": _long(plans, Plan.predictive),
            "next_trial_randomised": _long(plans, lambda plan: plan.randomised),
            "next_trial_drift": shown.drift,
            "next_trial_curves": shown.curves(),
        },
        figures={
            "next_trial_prior": prior_figure(shown),
            "next_trial_rules": rules_figure(shown),
        },
        problems=[] if draws.gate.passed else ["next trial: the case-mix fit failed its gate"],
    )


def plans_of_arms(evidence: Evidence) -> dict[tuple[str, str], Plan]:
    """Return the plans for an arm like any, and for one of each treatment, by arm and patients."""
    source = "the paper's review"
    studies = grouped_outcome(evidence, "orr", "treatment")
    counted = PAPER["orr"]
    plans = {
        (ALL, "as enrolled"): make_plan(pooled_prior(studies, source, counted=counted), DESIGN)
    }
    groups = group_priors(studies, source, counted=counted)
    for name, prior in groups.prior.items():
        control = None if name == CONTROL else CONTROL
        plans[name, "as enrolled"] = make_plan(prior, DESIGN, groups, name, control)
    return plans


def plans_of_mixes(review: CaseMixReview, posterior: Any) -> dict[tuple[str, str], Plan]:
    """Return the plans at equal histology: the review's mix, and its largest subtypes."""
    totals = review.cells.groupby("subtype", observed=False)["total"].sum()
    mixes = {MIX: patient_mix(review)}
    for subtype in totals.drop(["other", "unknown"], errors="ignore").nlargest(LARGE).index:
        mixes[str(subtype)] = pd.Series(
            [float(name == subtype) for name in review.subtypes], index=review.subtypes
        )
    plans = {}
    for treatment in review.treatments:
        for patients, shares in mixes.items():
            prior = case_mix_prior(posterior, review, treatment, shares, patients)
            plans[treatment, patients] = make_plan(prior, DESIGN)
    return plans


def _of_histology(review: CaseMixReview) -> pd.DataFrame:
    """Return ``arm``, ``patients`` and the counts of that histology in that treatment.

    ``histology_events`` is missing where no source states the sum.
    """
    known = review.margins.rename(columns={"subtype": "patients", "events": "histology_events"})
    known = known.assign(arm=known["treatment"].astype(str)).drop(columns=["treatment", "total"])
    totals = review.cells.groupby(["treatment", "subtype"], observed=True)["total"].sum()
    frame = totals.rename("histology_total").rename_axis(["arm", "patients"]).reset_index()
    frame = frame.astype({"arm": str, "patients": str}).merge(known, how="left")
    return frame.astype({"histology_events": "Int64", "histology_total": "Int64"})


def _prior_row(arm: str, patients: str, plan: Plan) -> dict[str, Any]:
    prior: MapPrior = plan.prior
    return {
        "arm": arm,
        "patients": patients,
        "model": prior.model,
        "arms": prior.arms,
        "events": prior.events,
        "total": prior.total,
        **plan.map(),
        **plan.ess,
        "robust_elir": plan.robust_ess,
        "above_null": plan.above,
        "components": plan.mixture.weight.size,
        "cdf_error": plan.mixture.cdf_error,
        "divergence": plan.mixture.divergence,
    }


def _long(plans: Mapping[tuple[str, str], Plan], frame_of: Any) -> pd.DataFrame:
    """Return one frame of all plans, with their keys."""
    frames = []
    for (arm, patients), plan in plans.items():
        frame = frame_of(plan)
        if not frame.empty:
            frame.insert(0, "patients", patients)
            frame.insert(0, "arm", arm)
            frames.append(frame)
    return pd.concat(frames, ignore_index=True)
