"""Committed results: what checks run stored."""

import pandas as pd
import pytest

from models.analyses.checks.verdicts import CHOICES, COMPUTATION, MODEL
from models.analyses.checks.wanted import exact_fits, of_other_parts
from models.analyses.groups.assumptions import MAIN
from models.analyses.groups.claims import CLAIMS
from models.common.constants import PROJECT_ROOT
from models.evidence.load import Evidence
from models.render.citations import Citations
from models.report.paper import section

FIGURES = PROJECT_ROOT / "figures"


def test_a_model_that_predicts_worse_is_named(tables: dict[str, pd.DataFrame]) -> None:
    compared = tables["loo_comparison"].copy()
    text = section(Citations(tables), "model_checks")
    assert compared["model"].iloc[0] in text
    compared.loc[compared.index[-1], "verdict"] = "predicts worse"
    changed = section(Citations({**tables, "loo_comparison": compared}), "model_checks")
    named = changed.partition("Worse than it predicts: ")[2].partition(".")[0]
    assert compared["model"].iloc[-1] in named
    assert "None of them is told apart" not in changed


def test_the_committed_checks_are_complete_and_none_failed(
    evidence: Evidence, tables: dict[str, pd.DataFrame]
) -> None:
    page = (FIGURES / "checks" / "checks.md").read_text(encoding="utf-8")
    assert "| FAIL |" not in page
    for question in (COMPUTATION, MODEL, CHOICES):
        assert f"## {question}" in page
    assert len(tables["checks"]) <= 25
    power = tables["sensitivity_power"]
    analyses = [wanted.name for wanted in (*exact_fits(evidence), *of_other_parts(evidence))]
    assert power["analysis"].drop_duplicates().tolist() == analyses
    assert len(analyses) == 17
    assert len(tables["loo_influence"]) == 93


def test_the_main_rows_of_every_question_are_the_claims(tables: dict[str, pd.DataFrame]) -> None:
    """One number for one quantity: claims, assumptions, questions and contrasts agree exactly."""
    questions, claims = tables["one_question"], tables["claims"].set_index("claim_id")
    main = questions[questions["scenario"] == MAIN].set_index("claim_id")
    assert [claim.claim_id for claim in CLAIMS] == main.index.tolist()
    for claim in CLAIMS:
        own = claims.loc[claim.claim_id]
        assert main.loc[claim.claim_id, "probability"] == pytest.approx(
            own["probability"], rel=1e-9
        )
        assert main.loc[claim.claim_id, "estimate_median"] == pytest.approx(own["median"], rel=1e-9)
        if claim.pair is None or claim.similar:
            continue
        contrasts = tables[f"groups_{claim.analysis}_contrasts"]
        rows = contrasts.set_index(["a", "b", "estimand", "scale"]).loc[(*claim.pair, "typical")]
        assert rows.loc["odds_ratio", "p_superior"] == pytest.approx(own["probability"], rel=1e-9)
        assert rows.loc["odds_ratio", "median"] == pytest.approx(own["odds_ratio_median"], rel=1e-9)
        assert rows.loc["risk_difference", "median"] == pytest.approx(own["median"], rel=1e-9)
