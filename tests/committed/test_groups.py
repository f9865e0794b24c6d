"""Committed results: what groups stored."""

import numpy as np
import pytest

from models.analyses.groups.claims import CLAIMS
from models.evidence.groupings import grouped_outcome
from models.grid.fits import fit_subgroup

SAMPLED = ("orr_treatment", "trae_treatment", "orr_line", "dcr_line", "orr_line_in_chemotherapy")


@pytest.mark.parametrize("name", SAMPLED)
def test_committed_contrasts_equal_the_exact_posterior(evidence, tables, name):
    """The committed numbers are exact ones and draws; these are other draws of the posterior."""
    outcome, _, by = name.partition("_")
    review = grouped_outcome(evidence, outcome, by)
    groups = [str(g) for g in review["group"].cat.categories]
    exact = fit_subgroup(
        review["events"], review["total"], review["group"].astype(str).tolist(), groups=groups
    ).draws(10000, seed=1)
    table = tables[f"groups_{name}_contrasts"].query("scale == 'odds_ratio'")
    rates = {"typical": exact.typical_rate, "average": exact.average_rate}
    for row in table.itertuples():
        a, b = (rates[row.estimand][:, groups.index(g)] for g in (row.a, row.b))
        # 10,000 draws: MCSE of a probability at most 0.005, of a median log odds ratio below 0.01;
        # four of each
        assert row.p_superior == pytest.approx(np.mean(a > b), abs=0.02)
        log_odds = np.log(a / (1 - a)) - np.log(b / (1 - b))
        assert np.log(row.median) == pytest.approx(np.median(log_odds), abs=0.04)


def test_no_claim_has_words_stronger_than_its_probability(tables):
    claims = tables["claims"].dropna(subset=["probability"]).set_index("claim_id")
    assert len(claims) == 12
    for claim in CLAIMS:
        row = claims.loc[claim.claim_id]
        assert row["verdict"] == claim.verdict(row["probability"])
        assert row["lowest"] <= row["probability"] <= row["highest"]


def test_the_sampler_agrees_with_what_is_reported(tables):
    for part in ("pools", "groups", "subtypes"):
        assert len(tables[f"{part}_sampler"]) > 20
        assert tables[f"{part}_sampler"]["difference"].abs().max() < 5
