"""Response, disease control and toxicity together: rates, contrasts, what a response may cost."""

from collections.abc import Mapping
from typing import Final

import pandas as pd

from models.analyses.outcomes.plots import net_benefit, responses
from models.analyses.outcomes.summary import JointAnalysis, form_analysis
from models.analyses.outcomes.tradeoff import tradeoff
from models.estimands.joint import CONTRASTED, RATES
from models.evidence.joint import paper_joint
from models.evidence.load import Evidence
from models.fitting.fit import Fitter, Wanted
from models.fitting.registry import JOINT
from models.priors import DEFAULT_JOINT_PRIORS
from models.render.output import Output
from models.render.style import mark_failed

LENGTH: Final = {"draws": 1500, "tune": 1000}
PARTS: Final = ("median", "lower", "upper")


def wanted(evidence: Evidence) -> Wanted:
    """Return the fit of the paper's arms."""
    return Wanted(
        JOINT,
        paper_joint(evidence),
        DEFAULT_JOINT_PRIORS,
        name="joint",
        description="joint outcomes",
        settings=LENGTH,
    )


def run(evidence: Evidence, fit: Fitter, done: Mapping[str, Output]) -> Output:
    """Fit the joint model; rates, correlations, contrasts and net benefit."""
    asked = wanted(evidence)
    analysis = form_analysis(fit(asked), asked.frame)
    tables = {
        "joint_rates": rates(analysis),
        "joint_correlations": pd.DataFrame(analysis.correlations),
        "joint_contrasts": contrasts(analysis),
        "joint_net_benefit": benefits(analysis),
        "joint_arms": asked.frame.astype({"treatment": str}),
    }
    figures = {
        "joint_tradeoff": tradeoff(analysis.fit.posterior["average_rate"]),
        "joint_responses": responses(tables["joint_rates"]),
        "joint_net_benefit": net_benefit(tables["joint_net_benefit"]),
    }
    if not analysis.fit.gate.passed:
        for figure in figures.values():
            mark_failed(figure)
    return Output(tables=tables, figures=figures)


def rates(analysis: JointAnalysis) -> pd.DataFrame:
    """Return ``treatment``, ``rate``, ``mean`` and median with interval of the average rates."""
    draws = analysis.fit.posterior["average_rate"]
    return pd.DataFrame(
        {
            "treatment": row["treatment"],
            "rate": name,
            "mean": float(draws.sel(treatment=row["treatment"], rate=name).mean()),
            **row[name],
        }
        for row in analysis.treatments
        for name in RATES
    )


def contrasts(analysis: JointAnalysis) -> pd.DataFrame:
    """Return one row a pair: differences of rates, probabilities, break-even weight."""
    probabilities = (
        *("p_more_response", "p_more_toxicity", "p_more_response_without_more_toxicity"),
        "break_even",
    )
    return pd.DataFrame(
        {
            "a": row["a"],
            "b": row["b"],
            **{f"{name}_{part}": row[name][part] for name in CONTRASTED for part in PARTS},
            **{name: row[name] for name in probabilities},
        }
        for row in analysis.contrasts
    ).astype({"break_even": "float64"})


def benefits(analysis: JointAnalysis) -> pd.DataFrame:
    """Return ``a``, ``b``, ``weight``, ``probability`` of a net benefit of a against b."""
    return pd.DataFrame(
        {"a": row["a"], "b": row["b"], **point}
        for row in analysis.contrasts
        for point in row["net_benefit"]
    )
