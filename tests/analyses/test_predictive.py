"""Predictive checks: priors against closed forms, and statistics that can fail."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy import integrate, stats
from scipy.special import logit

from models.analyses.checks.posterior_predictive import NEW, SAME, predictive_table, replicate
from models.analyses.checks.prior_predictive import LIMITS, prior_draws, prior_table
from models.evidence.load import Evidence
from models.fitting.exact import to_datatree
from models.grid import fit_pooled
from models.priors import DEFAULT_PRIORS


@pytest.mark.mcmc
def test_priors_are_weakly_informative_and_as_computed(evidence: Evidence) -> None:
    """Closed form and quadrature; five Monte Carlo standard errors."""
    table = prior_table(prior_draws(evidence, DEFAULT_PRIORS, 11, 20_000)).set_index("quantity")
    extreme = 2 * stats.norm.cdf(logit(0.01) / 1.5)
    # log odds ratio given sigma ~ Normal(0, 2 sigma^2)
    above, _ = integrate.quad(
        lambda s: stats.norm.sf(np.log(20) / (s * np.sqrt(2))) * stats.halfnorm.pdf(s), 0, 12
    )
    study, _ = integrate.quad(
        lambda t: 2 * stats.norm.cdf(logit(0.01) / np.hypot(1.5, t)) * stats.halfnorm.pdf(t), 0, 12
    )
    for name, exact in (
        ("p_typical_extreme", extreme),
        ("p_study_extreme", study),
        ("p_or_above_20", above),
        ("p_or_beyond_20", 2 * above),
    ):
        assert abs(table.loc[name, "value"] - exact) < 5 * table.loc[name, "mcse"], name
        if name != "p_or_beyond_20":
            assert exact < LIMITS[name][0], name


def arms(events: list[int], total: list[int], asps: list[bool]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "study": [f"s{i}" for i in range(len(events))],
            "events": events,
            "total": total,
            "treatment": "ICI monotherapy",
            "single_histology": ["ASPS" if a else None for a in asps],
        }
    )


def posterior_of(review: pd.DataFrame) -> xr.Dataset:
    exact = fit_pooled(review["events"], review["total"], study=list(review["study"]))
    return to_datatree(exact, draws=1000, seed=2)["posterior"].to_dataset()


def test_replicates_of_the_same_and_of_new_studies(evidence: Evidence) -> None:
    """Means against the posterior means of the rates; five standard errors of 4000 draws."""
    review = evidence.outcome("orr")
    posterior = posterior_of(review)
    n = review["total"].to_numpy()
    same, new = (replicate(posterior, review, kind, 4) / n for kind in (SAME, NEW))
    rates = posterior["study_rate"].mean(("chain", "draw")).values
    assert np.all(np.abs(same.mean(axis=0) - rates) < 5 * same.std(axis=0) / np.sqrt(len(same)))
    average = float(posterior["average_rate"].mean())
    assert np.all(np.abs(new.mean(axis=0) - average) < 5 * new.std(axis=0) / np.sqrt(len(new)))


def test_two_kinds_of_arms_are_noted_and_one_kind_is_not() -> None:
    """Six arms at 5 % and three at 60 % are no one population; alike they are."""
    asps = [False] * 6 + [True] * 3
    for high, noted in ((24, True), (2, False)):
        review = arms([2] * 6 + [high] * 3, [40] * 9, asps)
        table = predictive_table(posterior_of(review), review, "m", 1)
        rows = table[(table["replicates"] == NEW) & table["part"].str.contains("ASPS")]
        assert rows["noted"].tolist() == [noted]


def test_the_asps_arms_are_where_the_response_model_fails(evidence: Evidence) -> None:
    review = evidence.outcome("orr")
    table = predictive_table(posterior_of(review), review, "m", 1)
    new = table[table["replicates"] == NEW]
    row = new[new["part"].str.contains("3 ASPS-only arms")].iloc[0]
    assert row["observed"] == pytest.approx(36 / 101 - 33 / 316)  # 3+19+14 of 101; the other ten
    assert row["noted"]
    assert not new[new["part"] == "all arms"]["noted"].any()
