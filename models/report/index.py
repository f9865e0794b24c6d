"""The index of the results: one line a file, what it shows."""

from collections.abc import Iterable
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final

from models.render.templates import page

PARTS: Final = {
    "": "To read first",
    "paper": "The paper, recomputed",
    "pools": "Pools of arms, by three estimators",
    "groups": "Treatments and lines compared",
    "subtypes": "Histologic subtypes",
    "case_mix": "Treatments at equal histology",
    "regression": "Response and covariates of the arms",
    "outcomes": "Response, disease control and toxicity together",
    "next_trial": "The next trial: priors for a new arm, rules of success",
    "checks": "Whether models and conclusions hold",
    "run": "The run: fits, settings, versions",
    "validation/calibration": "Simulation-based calibration",
    "validation/recovery": "Recovery of known parameters",
    "validation/small_subtypes": "Six methods for small subtypes, simulated",
    "validation/benchmark": "The exact engine against samplers",
}
"""Folders in order, with their headings."""

SHOWS: Final = {
    "report": "the whole analysis as one page for a browser",
    "captions": "the legends of the figures",
    "discussion": "paragraphs for methods, results and discussion, every number from a table",
    "paper/published_comparison": "every number that the paper prints, beside its recomputation",
    "paper/recovered_cells": "the counts behind Fig. 4: how many solutions, what decided",
    "paper/table1": "Table 1: the 38 arms; selection of studies; risk of bias",
    "paper/flow": "flow of the selection of studies",
    "paper/risk_of_bias": "what the text says of the risk of bias",
    "paper/items": "figures and tables of the paper: where each is reproduced",
    "paper/reporting": "checklists of reporting, BARG and PRISMA 2020",
    "paper/lps_explained": "why the printed rate of liposarcoma lies below its parts",
    "paper/lps_groups": "weights of the five treatment groups in that row",
    "*_sampler": "the sampler held against the exact posterior",
    "pools/pools": "every pool: Freeman-Tukey, maximum likelihood, Bayes",
    "pools/study_rates_*": "arms of an outcome: observed and shrunken rates",
    "pools/forest_*": "forest plot of an outcome: arms, pools, prediction",
    "pools/agreement": "published pools beside the typical rates of the same arms",
    "groups/claims": "the paper's conclusions, each with its posterior probability",
    "groups/groupings": "scales, tests and gate of every grouping",
    "groups/assumptions": "each conclusion under every assumption about the groups",
    "groups/similarity": "how probable it is that treatments are similar, by three margins",
    "groups/randomised": "the two comparisons that were randomised",
    "groups/groups_*_contrasts": "every pair of groups, on three scales",
    "groups/groups_*_ranks": "probability of each rank",
    "groups/groups_*": "groups of an outcome: rates, shrinkage, thresholds, ranks",
    "groups/groups": "treatments, three outcomes: three estimates of each",
    "groups/contrasts": "every pair of treatments, three outcomes, with the margin",
    "groups/ranks": "how probable each rank of each treatment is",
    "subtypes/subtypes": "each subtype: raw rate and what each model makes of it",
    "subtypes/subtype_claims": "what the paper says of subtypes, each with its probability",
    "subtypes/subtype_parameters": "scales of the subtype models",
    "subtypes/subtype_by_treatment": "response of every subtype under every treatment",
    "subtypes/histology_sensitivity": "other readings of angiosarcoma and its variants",
    "subtypes/subtype_shrinkage": "raw rates to posterior rates, 24 subtypes",
    "case_mix/case_mix_contrasts": "treatments compared at equal histology and without",
    "case_mix/case_mix_table": "the inferred table of arms by subtypes",
    "case_mix/case_mix_arms": "arms by composition and response",
    "case_mix/case_mix_treatments": "rate of each treatment at the review's histology",
    "case_mix/case_mix_subtypes": "rate of each subtype at equal treatment",
    "case_mix/case_mix_predictions": "rates predicted for combinations",
    "case_mix/case_mix_sensitivity": "contrasts in every variant of the analysis",
    "case_mix/case_mix_variants": "scales in every variant",
    "case_mix/case_mix_parameters": "scales of the model",
    "case_mix/case_mix_identification": "which contrasts rest on which arms",
    "case_mix/case_mix_set_aside": "trial reports that were not used, and why",
    "case_mix/case_mix_covariates": "line of treatment and year at equal treatment and histology",
    "case_mix/case_mix_external": "trials that were not pooled, beside what the model predicts",
    "case_mix/case_mix_facts": "counts that the texts cite",
    "regression/regression": "odds ratios of covariates, what they explain, contrasts beside them",
    "regression/regression_coefficients": "odds ratio of every covariate in every regression",
    "regression/regression_scales": "standard deviations, and the share explained",
    "regression/regression_contrasts": "treatments compared at equal covariates, and without",
    "regression/regression_bubbles": "response against four covariates",
    "outcomes/joint": "rates, contrasts, net benefit and correlations, from one model",
    "outcomes/joint_rates": "best response, disease control and toxicity of each treatment",
    "outcomes/joint_contrasts": "differences of these, and what a response may cost",
    "outcomes/joint_net_benefit": "probability of a net benefit by the weight of toxicity",
    "outcomes/joint_correlations": "how the outcomes of arms go together",
    "outcomes/joint_responses": "complete, partial response, stable disease, progression",
    "outcomes/joint_tradeoff": "response against toxicity of each treatment",
    "outcomes/joint_arms": "what each arm reports",
    "next_trial/next_trial": "priors for a new arm, their worth, rules of success",
    "next_trial/next_trial_priors": "predicted rate of a new arm, effective sample sizes",
    "next_trial/next_trial_mixtures": "the priors as mixtures of betas",
    "next_trial/next_trial_rules": "rules of success: errors, power, assurance, stages",
    "next_trial/next_trial_smallest": "size from which on a trial keeps an assurance",
    "next_trial/next_trial_predictive": "probability of every number of responders",
    "next_trial/next_trial_randomised": "comparison with a monotherapy arm, with borrowing",
    "next_trial/next_trial_drift": "its type I error by the true rate of both arms",
    "next_trial/next_trial_curves": "operating characteristics by true rate",
    "next_trial/next_trial_prior": "MAP prior, likelihood of possible results, posterior",
    "checks/checks": "every check with figure, threshold and verdict",
    "checks/sensitivity_power": "power-scaling of every hyperprior",
    "checks/one_question": "every analysis of each conclusion, side by side",
    "checks/one_question_C*": "every analysis of one conclusion",
    "checks/one_question_ranges": "how far each kind of analysis moves each conclusion",
    "checks/pool_ranges": "how far each kind of choice moves the pooled rates",
    "checks/sensitivity": "pooled rates under other priors, arms and counts",
    "checks/predictive_*": "what the priors say; replicated against observed statistics",
    "checks/loo_influence": "pools without each of the arms; the figure: those that move them most",
    "checks/loo_comparison*": "models compared by leave-one-out",
    "checks/loo": "leave-one-out by importance sampling against the exact densities",
    "run/diagnostics": "how every fit passed its gate",
    "run/discussion_numbers": "the table cell behind every number of the discussion",
    "run/settings": "priors, sampler settings and limits",
    "run/software": "versions",
    "validation/calibration/calibration": "what was calibrated, and the result",
    "validation/calibration/sbc_coverage": "coverage of central intervals",
    "validation/calibration/sbc_runs": "one row a calibrated model",
    "validation/calibration/sbc_tests": "one row a test of uniform ranks",
    "validation/calibration/sbc_*": "ranks of every simulation, and what they belong to",
    "validation/calibration/case_mix*": "calibration of the case-mix model",
    "validation/recovery/*": "bias and coverage over 36 designs",
    "validation/small_subtypes/*": "bias, error and coverage of six methods",
    "validation/benchmark/*": "effective draws a second, time to the first answer, growth",
}
"""What a file shows, by its place without ending; the first pattern that fits counts."""


def shows(stem: str) -> str | None:
    """Return what the files of a place show; None for files that are none of the results."""
    return next((text for pattern, text in SHOWS.items() if fnmatchcase(stem, pattern)), None)


def index_markdown(places: Iterable[Path]) -> str:
    """Return the index page.

    Parameters
    ----------
    places
        Files, relative to the folder of the results.
    """
    endings: dict[str, list[str]] = {}
    for place in sorted(places):
        endings.setdefault(str(place.with_suffix("")), []).append(place.suffix)
    sections = []
    for folder, heading in PARTS.items():
        rows = [
            (stem, found, shows(stem))
            for stem, found in sorted(endings.items())
            if stem.rpartition("/")[0] == folder and shows(stem)
        ]
        sections.append((heading, rows))
    return page("report/index.md", sections=sections)


def result_files(out: Path) -> list[Path]:
    """Return the results below a folder, relative to it; fits are none, nor is the index."""
    found = [path.relative_to(out) for path in out.rglob("*") if path.is_file()]
    return [
        path
        for path in found
        if path.parts[0] != "fits" and path.name != "README.md" and path.name[0] != "."
    ]
