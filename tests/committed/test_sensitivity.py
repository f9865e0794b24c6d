"""Committed results: what sensitivity stored."""

import pandas as pd
import pytest

from models.analyses.checks.scenarios import scenarios
from models.analyses.checks.sensitivity import sensitivity_table
from models.analyses.groups.claims import CLAIMS
from models.evidence.load import Evidence

MAIN_AND_FEW = ("main", "mu1_tau1", "no_asps", "corrections")


@pytest.fixture(scope="module")
def table(evidence: Evidence) -> pd.DataFrame:
    wanted = [s for s in scenarios(evidence) if s.scenario_id in MAIN_AND_FEW]
    return sensitivity_table(evidence, 1, draws=4000, wanted=wanted)


def test_claims_are_those_of_the_claims_table(
    table: pd.DataFrame, tables: dict[str, pd.DataFrame]
) -> None:
    """Against the sampler's probabilities; five standard errors of the two runs together."""
    claims = tables["claims"].set_index("claim_id")
    assert [claim.claim_id for claim in CLAIMS] == list(claims.index[claims["probability"].notna()])
    main = table[table["scenario"] == "main"].set_index("quantity")
    for claim in CLAIMS:
        p, mcse = claims.loc[claim.claim_id, ["probability", "mcse"]].astype(float)
        error = 5 * (mcse**2 + p * (1 - p) / 4000) ** 0.5
        assert abs(main.loc[claim.claim_id, "probability"] - p) < error, claim.claim_id
