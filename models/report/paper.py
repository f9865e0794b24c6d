"""Paragraphs for a methods and a discussion section, every number taken from the tables.

The sentences stand in ``templates/``; here is what a template asks for beside numbers. The methods
give what the Bayesian analysis reporting guideline (Kruschke 2021, Nat Hum Behav 5:1282) asks for,
as far as it has been done: model and priors with reasons, estimands and thresholds, computation and
its checks, sensitivity to the prior, reproducibility.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from models.analyses.groups.claims import CHEMO, DIRECTION, DUAL, IMMUNO, MONO, TKI
from models.render.citations import Citations
from models.render.templates import page
from models.report.case_mix import covariates, shared_alone
from models.report.case_mix import results as case_mix_results
from models.report.checks import model_checks, sensitivity

NAMES: Final = {
    "tki": TKI,
    "mono": MONO,
    "chemo": CHEMO,
    "dual": DUAL,
    "immuno": IMMUNO,
    "first": "first line",
    "later": ">= second line",
    "highest": "ASPS",
    "tiny": "Myofibrosarcoma",
}
"""Groups and subtypes that sentences are about, as the tables call them; templates know each."""


def cited(cite: Citations, template: str, **context: Any) -> str:
    """Return a text of this room, its numbers taken from the tables."""
    return page(f"report/{template}.md", **cite.functions(), **NAMES, **context).rstrip("\n")


def gate_passed(cite: Citations) -> bool:
    """Return whether every fit passed."""
    return bool((cite.tables["diagnostics"]["gate"] == "passed").all())


def methods(cite: Citations, *, paper: bool = True) -> dict[str, Any]:
    """Return what the methods name; ``paper`` adds what was done for the paper's data only."""
    diagnostics = cite.tables["diagnostics"]
    return {
        "paper": paper,
        "refitted": list(diagnostics.loc[diagnostics["escalations"] > 0, "fit"]),
        "largest_rhat": diagnostics.loc[diagnostics["rhat_max"].idxmax(), "fit"],
        "smallest_ess": diagnostics.loc[diagnostics["ess_tail_min"].idxmin(), "fit"],
        "wording": [words for _, words in DIRECTION],
    }


def randomised(cite: Citations) -> dict[str, Any]:
    """Return the randomised comparisons, each by each source of counts."""
    return {"trials": cite.tables["randomised"].to_dict("records")}


def nothing(cite: Citations) -> dict[str, Any]:
    """Return no more than the numbers: for texts that choose nothing."""
    return {}


SECTIONS: Final[Mapping[str, Callable[[Citations], dict[str, Any]]]] = {
    "summary": nothing,
    "key_sentences": nothing,
    "methods": methods,
    "overall": nothing,
    "treatment": nothing,
    "line": nothing,
    "toxicity": nothing,
    "subtypes": nothing,
    "tiny_subtype": nothing,
    "simulation": nothing,
    "randomised": randomised,
    "sensitivity": sensitivity,
    "model_checks": model_checks,
    "limits": nothing,
    "case_mix_methods": nothing,
    "case_mix_results": case_mix_results,
    "case_mix_limits": shared_alone,
    "covariates": covariates,
    "joint": nothing,
    "next_trial": nothing,
}
"""Sections by their template, with what each names; numbers are recorded in this order."""


def section(cite: Citations, name: str) -> str:
    """Return one section of the discussion."""
    return cited(cite, name, **SECTIONS[name](cite))


def discussion_markdown(cite: Citations) -> str:
    """Return the whole page for the paper's own data."""
    sections = {name: section(cite, name) for name in SECTIONS}
    return page("report/discussion.md", passed=gate_passed(cite), **sections)
