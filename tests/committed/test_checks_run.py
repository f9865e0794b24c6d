"""Committed results: what checks run stored."""

import pandas as pd

from models.analyses.checks.wanted import exact_fits, of_other_parts
from models.common.constants import PROJECT_ROOT
from models.evidence.load import Evidence
from models.render.citations import Citations
from models.report.checks import KINDS
from models.report.paper import section

FIGURES = PROJECT_ROOT / "figures"


def test_a_model_that_predicts_worse_is_named(tables: dict[str, pd.DataFrame]) -> None:
    compared = tables["loo_comparison"].copy()
    text = section(Citations(tables), "model_checks")
    assert compared["model"].iloc[0] in text
    compared.loc[compared.index[-1], "verdict"] = "predicts worse"
    changed = section(Citations({**tables, "loo_comparison": compared}), "model_checks")
    assert f"Worse than it predicts: {compared['model'].iloc[-1]}" in changed
    assert "None of them is told apart" not in changed


def test_the_committed_checks_are_complete_and_none_failed(
    evidence: Evidence, tables: dict[str, pd.DataFrame]
) -> None:
    page = (FIGURES / "checks" / "checks.md").read_text(encoding="utf-8")
    assert "| FAIL |" not in page
    for area in (
        "prior predictive", "posterior predictive", "LOO", "LOO-PIT", "model comparison",
        "influence", "sensitivity", "power-scaling", "calibration",
    ):  # fmt: skip
        assert f"| {area} |" in page, area
    power = tables["sensitivity_power"]
    analyses = [wanted.name for wanted in (*exact_fits(evidence), *of_other_parts(evidence))]
    assert power["analysis"].drop_duplicates().tolist() == analyses
    assert len(analyses) == 17
    assert set(tables["sensitivity_summary"]["kind"]) == {kind for kind, _ in KINDS}
    assert len(tables["loo_influence"]) == 93
