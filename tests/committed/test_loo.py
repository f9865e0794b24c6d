"""Committed results: what loo stored."""

import numpy as np
import pandas as pd

from models.analyses.checks.comparison import PARETO_K_MAX
from models.evidence.load import Evidence


def test_the_committed_comparison_is_on_the_same_arms(
    evidence: Evidence, tables: dict[str, pd.DataFrame]
) -> None:
    compared, studies = tables["loo_comparison"], tables["loo_comparison_studies"]
    counts = studies.groupby("model")["study"].apply(list)
    assert set(counts.index) == set(compared["model"])
    assert len(counts) == 7
    for found in counts:
        assert found == evidence.outcome("orr")["study"].to_list()
    # a sum of the studies' densities, by another route than ArviZ's
    elpd = studies.groupby("model")["elpd"].sum()
    np.testing.assert_allclose(elpd[compared["model"]], compared["elpd"], rtol=1e-9)
    assert (compared["pareto_k_max"] <= PARETO_K_MAX).all()
