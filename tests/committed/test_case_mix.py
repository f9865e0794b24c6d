"""Committed results: what case mix stored."""

import pandas as pd
import pytest

from models.evidence.case_mix import paper_review
from models.evidence.load import Evidence
from models.reviews.case_mix import CaseMixReview


@pytest.fixture(scope="module")
def review(evidence: Evidence) -> CaseMixReview:
    return paper_review(evidence)


def test_paragraphs_cite_the_stored_tables(tables: dict[str, pd.DataFrame]) -> None:
    """Every paragraph can be written, and its verdict follows the stored contrasts."""
    from models.analyses.case_mix.tables import SETTINGS
    from models.render.citations import Citations
    from models.report.paper import section

    cite = Citations(tables)
    text = section(cite, "case_mix_results")
    contrasts = tables["case_mix_sensitivity"].set_index(["a", "b", "analysis", "scale"])
    for a in ("ICI + TKI", "ICI + chemotherapy"):
        rows = contrasts.loc[[(a, "ICI monotherapy", s, "odds_ratio") for s in SETTINGS]]
        differences = contrasts.loc[
            [(a, "ICI monotherapy", s, "risk_difference") for s in SETTINGS]
        ]
        both = pd.concat([rows, differences])
        grows = bool((both["adjusted_median"] > both["unadjusted_median"]).all())
        assert (f"{a} over ICI monotherapy grows" in text) == grows
        for row in rows.itertuples():
            assert f"{row.adjusted_median:.2f}" in text
            assert f"{row.unadjusted_median:.2f}" in text
    share = tables["case_mix_parameters"].set_index("parameter").loc["composition_share"]
    assert f"{100 * share['median']:.0f} % of the variance" in text
    assert "ecological" in section(cite, "case_mix_limits")
    assert section(cite, "case_mix_methods").startswith("Treatments were compared at equal")


def test_figures_draw_the_tables(tables: dict[str, pd.DataFrame], review: CaseMixReview) -> None:
    """Ten pairs in descending order; arms by what their composition lets expect."""
    from types import SimpleNamespace

    from models.analyses.case_mix.plots import (
        adjusted_contrasts,
        arms_by_composition,
        composition_rates,
        upward_odds,
    )

    result = SimpleNamespace(
        review=review,
        contrasts=tables["case_mix_contrasts"],
        subtypes=tables["case_mix_subtypes"],
    )
    texts = [text.get_text() for text in adjusted_contrasts(result).axes[0].texts]
    assert sum(" v. " in text for text in texts[2:]) == 10
    medians = [float(t.split(" ")[0]) for t in texts if "(" in t and t[0].isdigit()][::2]
    assert medians == sorted(medians, reverse=True)
    assert min(medians) >= 1
    pairs = upward_odds(tables["case_mix_contrasts"])
    odds = tables["case_mix_contrasts"].query("scale == 'odds_ratio'").set_index(["a", "b"])
    for row in pairs.itertuples():
        if (row.a, row.b) in odds.index:
            assert odds.loc[(row.a, row.b), "unadjusted_lower"] == row.unadjusted_lower
        else:
            source = odds.loc[(row.b, row.a)]
            assert row.unadjusted_lower == 1 / source["unadjusted_upper"]
            assert row.adjusted_p_superior == 1 - source["adjusted_p_superior"]
    places = composition_rates(result).set_index("arm")
    medians_of = tables["case_mix_subtypes"].set_index("subtype")["median"]
    assert places.loc["Chen 2023", "expected"] == pytest.approx(medians_of["ASPS"])
    expected = (14 * medians_of["MLS"] + 29 * medians_of["SS"]) / 43
    assert places.loc["Chawla 2022 (atezolizumab)", "expected"] == pytest.approx(expected)
    assert arms_by_composition(result).axes[0].get_xlabel()
