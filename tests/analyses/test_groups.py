"""Group results, claims and randomised comparisons against exact posteriors and simulation."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy import stats
from scipy.special import expit

from models.analyses.groups.randomised import randomised_table
from models.common.errors import InputError
from models.evidence.groupings import GROUPINGS, grouped_outcome
from models.reviews.groups import group_by


def test_randomised_comparisons_by_simulation(evidence):
    table = randomised_table(evidence)
    assert table["counts"].tolist() == ["paper", "trial report", "paper"]
    rng = np.random.default_rng(8)
    for row in table.itertuples():
        a = rng.beta(row.events_a + 0.5, row.total_a - row.events_a + 0.5, 400_000)
        b = rng.beta(row.events_b + 0.5, row.total_b - row.events_b + 0.5, 400_000)
        # 400 000 draws: standard errors below 0.001
        assert row.p_superior == pytest.approx(np.mean(a > b), abs=0.004)
        quantiles = np.quantile(a - b, [0.025, 0.5, 0.975])
        assert [row.lower, row.median, row.upper] == pytest.approx(quantiles, abs=0.003)


def test_the_randomised_counts_are_the_papers_and_the_reports(evidence):
    table = randomised_table(evidence)
    counts = table[["events_a", "total_a", "events_b", "total_b"]].to_numpy().tolist()
    assert counts == [[5, 41, 3, 38], [6, 38, 2, 38], [1, 43, 0, 42]]
    report = evidence.trial_reports.set_index("report_id").loc["R01", "report_says"]
    for events_a, total_a, events_b, total_b in table.loc[table["counts"] == "trial report"][
        ["events_a", "total_a", "events_b", "total_b"]
    ].itertuples(index=False, name=None):
        assert f"{events_a}/{total_a}" in report
        assert f"{events_b}/{total_b}" in report


COUNTS = {
    "treatment": [13, 5, 5, 10, 5],
    "line": [24, 2],
    "line_with_unknown": [24, 2, 12],
    "line_in_chemotherapy": [5, 2],
    "target": [9, 3, 1],
    "doxorubicin": [7, 3],
    "pd1_chemotherapy": [3, 7],
}


@pytest.mark.parametrize("by", list(GROUPINGS))
def test_groupings_hold_the_papers_arms(evidence, by):
    review = grouped_outcome(evidence, "orr", by)
    assert review["group"].value_counts(sort=False).tolist() == COUNTS[by]


def test_line_within_chemotherapy_has_the_counts_of_the_paper(evidence):
    review = grouped_outcome(evidence, "orr", "line_in_chemotherapy")
    sums = review.groupby("group", observed=True)[["events", "total"]].sum()
    assert sums.loc["first line"].tolist() == [31, 109]
    assert sums.loc[">= second line"].tolist() == [30, 175]


def test_group_by_says_what_is_wrong():
    review = pd.DataFrame({"study": ["A", "B"], "drug": ["x", "y"], "empty": ["", " "]})
    with pytest.raises(InputError, match="did you mean 'drug'"):
        group_by(review, "drugs", "review.csv")
    with pytest.raises(InputError, match="blank in every row"):
        group_by(review, "empty", "review.csv")


@pytest.mark.mcmc
def test_unpooled_means_follow_their_own_group(sampler):
    """With a tiny tau each group is one binomial with a logit-normal prior: one integral."""
    from models.fitting.fit import Wanted
    from models.fitting.registry import INDEPENDENT_GROUPS
    from models.priors import Priors

    review = pd.DataFrame(
        {"study": list("ABCD"), "events": [2, 5, 30, 11], "total": [20, 45, 60, 25]}
    ).assign(group=pd.Categorical(["x", "x", "y", "y"]))
    fit = sampler(Wanted(INDEPENDENT_GROUPS, review, Priors(tau_scale=1e-3)))
    grid = np.linspace(-8, 8, 20001)
    for group, (events, total) in {"x": (7, 65), "y": (41, 85)}.items():
        weight = stats.binom.pmf(events, total, expit(grid)) * stats.norm.pdf(grid, 0, 1.5)
        mean = np.sum(grid * weight) / np.sum(weight)
        draws: xr.DataArray = fit.posterior["mu"].sel(group=group)
        # Monte Carlo error about sd / sqrt(2000), sd at most 0.4; five of them
        assert float(draws.mean()) == pytest.approx(mean, abs=0.05)
