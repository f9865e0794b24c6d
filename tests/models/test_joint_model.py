"""The joint model against a likelihood of its own, exact single-outcome posteriors, integrals."""

from typing import Any

import arviz_stats as azs
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy import stats
from scipy.special import expit

from models.common.errors import InputError
from models.estimands.joint import (
    RATES,
    break_even,
    correlations,
    joint_estimands,
    mean_product,
    net_benefit_probability,
)
from models.evidence.groupings import grouped_outcome
from models.evidence.joint import paper_joint
from models.fitting.fit import Wanted
from models.fitting.registry import JOINT
from models.grid.fits import fit_subgroup
from models.joint import build_joint_model
from models.priors import DEFAULT_JOINT_PRIORS, JointPriors
from models.reviews.joint import COUNTS, OUTCOMES, make_joint, read_joint, reports

NA = pd.NA


def arms(rows: list[tuple[Any, ...]]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["arm", "treatment", *COUNTS])
    return frame.astype(dict.fromkeys(COUNTS, "Int64"))


PARTLY = arms(
    [
        ("A", "x", 20, 12, 5, 2, 4, 21),
        ("B", "x", 15, NA, 3, NA, NA, NA),
        ("C", "y", 30, NA, 4, 1, 9, 30),
        ("D", "y", 12, 7, NA, 1, NA, NA),
        ("E", "z", 25, NA, NA, 2, 3, 24),
        ("F", "z", 9, 9, 0, 0, NA, NA),
    ]
)


def density(frame: pd.DataFrame, priors: JointPriors, point: dict[str, Any]) -> float:
    """Return the log density: counts from the docstring, effects from their covariance."""
    codes = frame["treatment"].cat.codes.to_numpy()
    r12, r14, r24_1 = 2 * point["partial"] - 1
    r24 = r12 * r14 + r24_1 * np.sqrt((1 - r12**2) * (1 - r14**2))
    R = np.array([[1, r12, r14], [r12, 1, r24], [r14, r24, 1]])
    z = point["z"]
    u = z.copy()
    u[[0, 1, 3]] = np.linalg.cholesky(R) @ z[[0, 1, 3]]
    effect = point["sigma_treatment"][:, None] * point["treatment_effect"]
    p = expit(point["mu"][:, None] + effect[:, codes] + point["tau"][:, None] * u)
    found = 0.0
    for i, row in enumerate(frame.to_dict("records")):
        chain = [row[name] for name in ("total", "controlled", "responders", "cr")]
        last = 0
        for k in (1, 2, 3):
            if not pd.isna(chain[k]):
                rate = np.prod(p[last:k, i])
                found += stats.binom.logpmf(chain[k], chain[last], rate)
                last = k
        if not pd.isna(row["toxicity"]):
            found += stats.binom.logpmf(row["toxicity"], row["toxicity_total"], p[3, i])
    small = priors.complete_scale
    for name, scale in (("tau", priors.tau_scale), ("sigma_treatment", priors.sigma_scale)):
        found += stats.halfnorm.logpdf(point[name], scale=[scale, scale, small, scale]).sum()
    found += stats.norm.logpdf(point["mu"], priors.mu_mean, priors.mu_sd).sum()
    found += stats.norm.logpdf(z).sum() + stats.norm.logpdf(point["treatment_effect"]).sum()
    s = priors.correlation_shape
    shape = np.array([s + 0.5, s + 0.5, s])
    return float(found + stats.beta.logpdf(point["partial"], shape, shape).sum())


@pytest.mark.parametrize("which", ["partly", "paper"])
def test_density_is_that_of_the_docstring(evidence, which) -> None:
    frame = make_joint(PARTLY, "six arms") if which == "partly" else paper_joint(evidence)
    priors = JointPriors(-0.3, 1.1, 0.8, 0.9, 0.5, 0.4, 3.0)
    model = build_joint_model(frame, priors)
    logp = model.compile_logp(jacobian=False)
    rng = np.random.default_rng(2)
    for _ in range(5):
        point, free = {}, {}
        for variable in model.free_RVs:
            value = model.rvs_to_values[variable]
            drawn = rng.normal(size=model.initial_point()[value.name].shape)
            free[value.name] = drawn
            back = {"_log__": np.exp, "_logodds__": expit}
            inverse = next((f for end, f in back.items() if value.name.endswith(end)), None)
            point[variable.name] = inverse(drawn) if inverse else drawn
        assert float(logp(free)) == pytest.approx(density(frame, priors, point), abs=1e-7)


def test_partial_correlations_make_the_lkj_density() -> None:
    """Density of R by change of variables: proportional to det(R) ** (shape - 1)."""
    rng = np.random.default_rng(3)
    shape = 2.0
    ratios = []
    for _ in range(20):
        r = rng.uniform(-0.9, 0.9, 3)
        log = stats.beta.logpdf(
            (r + 1) / 2, [shape + 0.5] * 2 + [shape], [shape + 0.5] * 2 + [shape]
        )
        jacobian = -0.5 * (np.log(1 - r[0] ** 2) + np.log(1 - r[1] ** 2))  # d r24.1 / d r24
        r24 = r[0] * r[1] + r[2] * np.sqrt((1 - r[0] ** 2) * (1 - r[1] ** 2))
        R = np.array([[1, r[0], r[1]], [r[0], 1, r24], [r[1], r24, 1]])
        ratios.append(log.sum() + jacobian - (shape - 1) * np.linalg.slogdet(R)[1])
    np.testing.assert_allclose(ratios, ratios[0], atol=1e-10)


def test_counts_left_out_are_summed_over() -> None:
    """Responders out of all patients: the sum over every number of controlled patients."""
    p1, p2, n, r = 0.6, 0.3, 15, 4
    total = sum(stats.binom.pmf(c, n, p1) * stats.binom.pmf(r, c, p2) for c in range(n + 1))
    assert total == pytest.approx(stats.binom.pmf(r, n, p1 * p2))
    table = reports(make_joint(PARTLY, "six arms")).set_index("report")
    assert table.loc["B: responders", list(OUTCOMES)].tolist() == [1, 1, 0, 0]
    assert table.loc["D: cr", list(OUTCOMES)].tolist() == [0, 1, 1, 0]
    assert table.loc["E: cr", list(OUTCOMES)].tolist() == [1, 1, 1, 0]
    assert (table.loc["D: cr", "total"], table.loc["A: toxicity", "total"]) == (7, 21)
    assert table.loc["F: cr", ["events", "total"]].tolist() == [0, 0]


@pytest.mark.slow
@pytest.mark.mcmc
def test_toxicity_alone_is_the_subgroup_model(sampler, evidence) -> None:
    """Arms that report toxicity only: the exact posterior of the subgroup model."""
    frame = paper_joint(evidence)
    frame[["cr", "responders", "controlled"]] = pd.NA
    fit = sampler(Wanted(JOINT, frame, DEFAULT_JOINT_PRIORS))
    assert fit.gate.passed, fit.gate.sentence()
    trae = grouped_outcome(evidence, "trae", "treatment")
    exact = fit_subgroup(
        trae["events"],
        trae["total"],
        trae["group"].astype(str).tolist(),
        groups=[str(g) for g in trae["group"].cat.categories],
    )
    posterior = fit.posterior

    def same(draws: xr.DataArray, mean: float) -> None:
        error = float(azs.mcse(xr.Dataset({"x": draws}), method="mean")["x"])
        assert abs(float(draws.mean()) - mean) < 5 * error

    same(posterior["tau"].sel(outcome="toxicity"), exact.tau.mean)
    same(posterior["sigma_treatment"].sel(outcome="toxicity"), exact.sigma_group.mean)
    for i, group in enumerate(trae["group"].cat.categories):
        rate = posterior["average_rate"].sel(rate="trae", treatment=str(group))
        same(rate, exact.average_rates[i].mean)
    # what nobody reports keeps its prior: LKJ with shape 2 has mean 0 and sd 1 / sqrt(6)
    same(posterior["correlation"].sel(pair="control, response"), 0.0)
    assert float(posterior["correlation"].std()) == pytest.approx(6**-0.5, abs=0.02)


@pytest.mark.slow
@pytest.mark.mcmc
def test_the_paper_passes_the_gate_and_rates_are_consistent(sampler, evidence) -> None:
    fit = sampler(Wanted(JOINT, paper_joint(evidence), DEFAULT_JOINT_PRIORS))
    assert fit.gate.passed, fit.gate.sentence()
    assert fit.sampling["escalations"] == 0
    rate = fit.posterior["average_rate"]
    assert (rate > 0).all()
    parts = rate.sel(rate=["cr", "pr", "sd", "pd"]).sum("rate")
    np.testing.assert_allclose(parts, 1.0)
    np.testing.assert_allclose(rate.sel(rate="dcr"), 1 - rate.sel(rate="pd"))


def test_mean_of_a_product_is_the_integral() -> None:
    rng = np.random.default_rng(1)
    u, v = np.meshgrid(np.linspace(-8, 8, 801), np.linspace(-8, 8, 801))
    density = np.exp(-0.5 * (u**2 + v**2))
    density /= density.sum()
    for _ in range(6):
        a, b = rng.normal(size=2)
        s, t = rng.uniform(0.1, 2, 2)
        r = rng.uniform(-0.9, 0.9)
        exact = (expit(a + s * u) * expit(b + t * (r * u + np.sqrt(1 - r**2) * v)) * density).sum()
        found = mean_product(*(np.array([value]) for value in (a, b, s, t, r)))
        assert found[0] == pytest.approx(exact, abs=2e-5)


def test_estimands_of_one_draw() -> None:
    shape = {"chain": 1, "draw": 1}
    posterior = xr.Dataset(
        {
            "mu": (("chain", "draw", "outcome"), [[[0.4, -1.0, -2.0, -1.2]]]),
            "tau": (("chain", "draw", "outcome"), [[[0.8, 0.7, 0.3, 0.9]]]),
            "partial": (("chain", "draw", "partial_correlation"), [[[0.8, 0.3, 0.6]]]),
        },
        coords={"outcome": list(OUTCOMES)},
    )
    assert shape == {"chain": posterior.sizes["chain"], "draw": posterior.sizes["draw"]}
    rng = np.random.default_rng(8)
    r = correlations(posterior).values.ravel()
    R = np.array([[1, r[0], r[1]], [r[0], 1, r[2]], [r[1], r[2], 1]])
    assert r[2] == pytest.approx(0.6 * -0.4 + 0.2 * np.sqrt((1 - 0.36) * (1 - 0.16)))
    draws = rng.multivariate_normal(np.zeros(3), R, 400_000)
    p1, p2 = expit(0.4 + 0.8 * draws[:, 0]), expit(-1 + 0.7 * draws[:, 1])
    p3, p4 = expit(-2 + 0.3 * rng.normal(size=len(draws))), expit(-1.2 + 0.9 * draws[:, 2])
    expected = {
        "cr": p1 * p2 * p3,
        "pr": p1 * p2 * (1 - p3),
        "sd": p1 * (1 - p2),
        "pd": 1 - p1,
        "orr": p1 * p2,
        "dcr": p1,
        "trae": p4,
    }
    found = joint_estimands(posterior, 0)["average_rate"]
    for name in RATES:
        error = expected[name].std() / np.sqrt(len(draws))
        assert abs(float(found.sel(rate=name).item()) - expected[name].mean()) < 5 * error


def test_break_even_is_where_the_probability_crosses_one_half() -> None:
    rng = np.random.default_rng(6)
    orr, trae = rng.normal(0.04, 0.03, 5001), rng.normal(0.15, 0.05, 5001)
    even = break_even(orr, trae)
    assert even is not None
    assert np.median(orr - even * trae) == pytest.approx(0, abs=1e-12)
    assert net_benefit_probability(orr, trae, even - 0.01) > 0.5
    assert net_benefit_probability(orr, trae, even + 0.01) < 0.5
    # more response and less toxicity: no weight turns it
    assert break_even(np.array([0.1, 0.2, 0.1]), np.array([-0.1, -0.2, 0.0])) is None
    # less response, less toxicity: it turns the other way round
    assert break_even(np.array([-0.1, -0.2, -0.3]), np.array([-1.0, -1.0, -1.0])) == 0.2


def test_a_users_file(tmp_path) -> None:
    path = tmp_path / "arms.csv"
    header = "study,total,cr,responders,controlled,toxicity,toxicity_total\n"
    path.write_text(header + "A,15,0,3,8,2,15\nB,11,,2,,,\n")
    frame = read_joint(path)
    assert frame["treatment"].tolist() == ["all arms", "all arms"]
    assert frame.loc[1, "cr"] is pd.NA
    assert len(reports(frame)) == 5
    for row, words in (
        ("A,15,4,3,8,2,15\n", "column 'cr': 4 of 3 in 'responders'"),
        ("A,15,0,3,18,2,15\n", "column 'controlled': 18 of 15"),
        ("A,15,0,3,8,2,\n", "'toxicity_total'"),
        ("A,,0,3,8,2,15\n", "'total'"),
        ("A,15,x,3,8,2,15\n", "row 2, column 'cr'"),
        ("A,15,0,3,8,,\n", "column 'toxicity': blank in every row"),
    ):
        path.write_text(header + row)
        with pytest.raises(InputError) as raised:
            read_joint(path)
        assert words in str(raised.value)


def test_the_papers_arms(evidence) -> None:
    frame = paper_joint(evidence)
    assert len(frame) == 38
    assert frame["controlled"].notna().sum() == 35
    assert frame["toxicity"].notna().sum() == 20
    assert frame[["cr", "responders"]].notna().all().all()
    assert frame["responders"].sum() == evidence.outcome("orr")["events"].sum()
