"""Estimands and contrasts against quadrature, closed forms and plain counting."""

import itertools

import numpy as np
import pytest
import xarray as xr
from scipy import integrate, optimize, stats
from scipy.special import expit

from models.analyses.groups.pages import league_table
from models.estimands.contrasts import (
    contrast_draws,
    contrast_table,
    rank_probabilities,
    rank_table,
)
from models.estimands.rates import average_rate, shrinkage, summarise, summarise_new_study


def draws(values: np.ndarray, *dims: str, **coords: list[str]) -> xr.DataArray:
    return xr.DataArray(values, dims=("chain", "draw", *dims), coords=coords)


@pytest.mark.parametrize(("mu", "tau"), [(-1.66, 0.92), (-4.0, 2.5), (2.0, 0.01), (0.0, 4.0)])
def test_average_rate_equals_the_integral(mu, tau):
    exact, _ = integrate.quad(lambda z: expit(mu + tau * z) * stats.norm.pdf(z), -12, 12)
    ours = average_rate(draws(np.array([[mu]])), draws(np.array([[tau]])))
    # 41 nodes up to tau = 3: exact to 1e-10 up to 1.5, to 4e-6 at 3
    assert float(ours[0, 0]) == pytest.approx(exact, abs=4e-6 if 1.5 < tau <= 3 else 1e-8)


@pytest.mark.parametrize("tau", [3.01, 7.0, 50.0, 1e4])
@pytest.mark.parametrize("mu", [-20.0, -3.0, 0.5])
def test_average_rate_is_exact_for_wide_distributions(mu, tau):
    # beyond +-60 logits the rate is 0 or 1 to rounding
    low, high = -(60.0 + mu) / tau, (60.0 - mu) / tau
    edges = np.clip(np.linspace(low, high, 25), -12.0, 12.0)
    exact = stats.norm.sf(high)
    for start, end in itertools.pairwise(edges):
        exact += integrate.quad(
            lambda z: expit(mu + tau * z) * stats.norm.pdf(z), start, end, epsabs=1e-14
        )[0]
    ours = average_rate(draws(np.array([[mu]])), draws(np.array([[tau]])))
    assert float(ours[0, 0]) == pytest.approx(exact, abs=1e-11)


def test_one_wide_draw_leaves_the_others_and_their_dims_alone():
    rng = np.random.default_rng(2)
    mu = draws(rng.normal(-1.5, 1.0, (2, 50, 3)), "group", group=["a", "b", "c"])
    tau = draws(rng.uniform(0.1, 3.0, (2, 50)))
    before = average_rate(mu, tau)
    tau[1, 7] = 9.0
    after = average_rate(mu, tau)
    assert after.dims == before.dims
    assert list(after["group"].values) == ["a", "b", "c"]
    changed = (after != before).any("group").values
    assert changed[1, 7]
    assert changed.sum() == 1
    alone = average_rate(mu[1:2, 7:8], tau[1:2, 7:8])
    np.testing.assert_array_equal(after.values[1, 7], alone.values[0, 0])


def test_new_study_quantiles_solve_the_mixture():
    rng = np.random.default_rng(3)
    mu, tau = rng.normal(-1.5, 0.3, (2, 300)), rng.gamma(4, 0.25, (2, 300))
    ours = summarise_new_study(draws(mu), draws(tau))

    def exact(p):
        def gap(t):
            return stats.norm.cdf(t, mu.ravel(), tau.ravel()).mean() - p

        return expit(optimize.brentq(gap, -40, 40, xtol=1e-13))

    for name, p in (("lower", 0.025), ("median", 0.5), ("upper", 0.975)):
        assert ours[name] == pytest.approx(exact(p), abs=1e-10)


def test_new_study_quantiles_with_no_heterogeneity():
    mu = np.linspace(-2, -1, 1001).reshape(1, -1)
    ours = summarise_new_study(draws(mu), draws(np.zeros_like(mu)))
    assert ours["median"] == pytest.approx(expit(-1.5), abs=1e-3)


def test_shrinkage_by_hand():
    assert shrinkage(0.2, 0.3, 0.1) == pytest.approx(0.5)
    assert shrinkage(0.3, 0.3, 0.1) == pytest.approx(0.0)
    assert shrinkage(0.1, 0.3, 0.1) == pytest.approx(1.0)
    assert shrinkage(0.2, 0.105, 0.1) is None


@pytest.fixture(scope="module")
def posterior() -> xr.Dataset:
    rng = np.random.default_rng(7)
    logits = rng.normal([-2.0, -1.5, -1.0], 0.5, (4, 5000, 3))
    names = ["A", "B", "C"]
    rates = draws(expit(logits), "group", group=names)
    base = xr.Dataset({"typical_rate": rates, "average_rate": rates})
    return base.merge(contrast_draws(base))


def test_contrasts_agree_with_normal_theory(posterior):
    table = contrast_table(posterior, margin=0.1)
    assert len(table) == 3 * 3 * 2
    row = table[
        (table["a"] == "C") & (table["b"] == "A") & (table["estimand"] == "typical")
    ].set_index("scale")
    # difference of independent normals: mean 1, sd sqrt(0.5)
    exact = np.exp(1.0 + np.sqrt(0.5) * stats.norm.ppf([0.5, 0.025, 0.975]))
    ours = row.loc["odds_ratio", ["median", "lower", "upper"]].astype(float)
    # 20 000 draws: Monte Carlo error of a tail quantile about 2 % of it
    np.testing.assert_allclose(ours, exact, rtol=0.06)
    p = stats.norm.cdf(1.0 / np.sqrt(0.5))
    assert row["p_superior"].to_numpy() == pytest.approx([p] * 3, abs=0.01)
    assert row["p_superior"].nunique() == 1
    assert row.loc[["risk_ratio", "odds_ratio"], "p_margin"].isna().all()


def test_the_margin_counts_in_the_direction_of_the_median(posterior):
    table = contrast_table(posterior, margin=0.1).query("scale == 'risk_difference'")
    for row in table.itertuples():
        d = (
            posterior["typical_rate"].sel(group=row.a) - posterior["typical_rate"].sel(group=row.b)
        ).values
        assert row.p_margin == pytest.approx(np.mean(np.sign(np.median(d)) * d > 0.1))
        assert row.p_within == pytest.approx(np.mean(np.abs(d) <= 0.1))


def test_sucra_is_the_mean_probability_of_being_better(posterior):
    rates = posterior["typical_rate"]
    table = rank_table(rates, higher_is_better=True).set_index("group")
    values = rates.values.reshape(-1, 3)
    for i, name in enumerate("ABC"):
        better = [np.mean(values[:, i] > values[:, j]) for j in range(3) if j != i]
        assert table.loc[name, "sucra"] == pytest.approx(np.mean(better))
        assert table.loc[name, "p_best"] == pytest.approx(np.mean(values.argmax(axis=1) == i))
    worst = rank_table(rates, higher_is_better=False).set_index("group")
    assert worst.loc["A", "p_best"] == pytest.approx(np.mean(values.argmin(axis=1) == 0))


def test_rank_probabilities_sum_to_one_both_ways(posterior):
    table = rank_probabilities(posterior["typical_rate"], higher_is_better=True)
    np.testing.assert_allclose(table.sum(axis=0), 1)
    np.testing.assert_allclose(table.sum(axis=1), 1)


def test_a_single_group_has_no_contrast_and_no_sucra():
    rates = draws(np.full((2, 10, 1), 0.3), "group", group=["only"])
    base = xr.Dataset({"typical_rate": rates, "average_rate": rates})
    assert contrast_table(base.merge(contrast_draws(base))).empty
    ranks = rank_table(rates, higher_is_better=True)
    assert ranks["sucra"].isna().all()
    assert ranks["p_best"].tolist() == [1.0]


def test_the_league_table_holds_each_contrast_both_ways(posterior):
    table = league_table(contrast_table(posterior), "risk_difference", "typical")
    forward, backward = table.loc["C", "A"], table.loc["A", "C"]
    assert float(forward.split(" ")[0]) == -float(backward.split(" ")[0])
    assert table.loc["A", "A"] == ""


def test_summaries_are_equal_tailed():
    summary = summarise(xr.DataArray(np.arange(1, 40002, dtype=float)))
    assert list(summary.values()) == pytest.approx([20001, 1001, 39001])
