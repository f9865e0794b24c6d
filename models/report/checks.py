"""What the texts say of sensitivity, model comparison and predictive checks, beside numbers."""

from typing import Any, Final

from models.analyses.checks.posterior_predictive import NEW
from models.analyses.groups.assumptions import PRIORS
from models.render.citations import Citations

CLAIM: Final = "C02"
"""The claim that is followed through the scenarios: ICI + TKI above monotherapy."""


def sensitivity(cite: Citations) -> dict[str, Any]:
    """Return the claim that is followed, and the sections of analyses that judge it."""
    ranges = cite.tables["one_question_ranges"]
    own = ranges.loc[ranges["claim_id"] == CLAIM, "section"]
    return {"claim": CLAIM, "priors": PRIORS, "sections": [s for s in own if s != "all"]}


def model_checks(cite: Citations) -> dict[str, Any]:
    """Return the models compared and the statistics that replicates do not reach."""
    compared, statistics = cite.tables["loo_comparison"], cite.tables["predictive_posterior"]
    others = compared.iloc[1:]
    noted = statistics[(statistics["replicates"] == NEW) & statistics["noted"]]
    return {
        "best": compared["model"].iloc[0],
        "others": list(others["model"]),
        "worse": list(others.loc[others["verdict"] == "predicts worse", "model"]),
        "beyond": noted[["model", "replicates", "part", "statistic"]].to_dict("records"),
    }
