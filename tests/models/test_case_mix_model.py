"""The sampled case-mix model against posteriors known by other means."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy.special import expit, gammaln
from scipy.stats import norm, qmc

from models.analyses.case_mix.summary import unadjusted
from models.analyses.case_mix.wanted import LINE_YEAR, MAIN, UNPOOLED, reviews_of, wanted
from models.analyses.groups.claims import MONO, TKI
from models.evidence.case_mix import paper_review
from models.evidence.load import Evidence
from models.fitting.fit import SamplerSettings, Wanted
from models.fitting.lattice_chain import run_chains
from models.fitting.lattice_sampler import cell_counts, full_table, starting_tables
from models.fitting.registry import CASE_MIX, Model
from models.fitting.sampler import Sampler
from models.numerics.hamiltonian import log_density
from models.numerics.margins import enumerate_tables
from models.priors import DEFAULT_PRIORS
from models.reviews.case_mix import CaseMixReview, make_review
from models.validation.calibration.case_mix import simulate

pytestmark = pytest.mark.mcmc

COMPILED = CASE_MIX
IN_PYMC = replace(CASE_MIX, additive="")
"""PyMC's NUTS and the lattice step, which share the moves of the table with the compiled chains."""


@pytest.fixture(scope="module")
def small_review() -> CaseMixReview:
    """Five arms, two treatments, three subtypes; one margin shared by two subtypes."""
    arms = pd.DataFrame(
        {
            "arm": list("ABCDE"),
            "treatment": ["mono", "mono", "mono", "TKI", "TKI"],
            "events": [4, 1, 2, 5, 4],
        }
    )
    composition = pd.DataFrame(
        [
            *(("A", "x", 5), ("A", "y", 6), ("A", "w", 3)),
            *(("B", "x", 2), ("B", "y", 7)),
            ("C", "x", 4),
            *(("D", "x", 5), ("D", "y", 4), ("D", "w", 2)),
            *(("E", "x", 2), ("E", "y", 5), ("E", "w", 2)),
        ],
        columns=["arm", "subtype", "total"],
    )
    totals = pd.DataFrame(
        [("mono", "x", 5), ("mono", "y", 1), ("TKI", "x", 5)],
        columns=["treatment", "subtype", "events"],
    )
    known = pd.DataFrame([], columns=["arm", "subtype", "events"])
    return make_review(
        arms,
        composition,
        totals,
        known,
        treatments=["mono", "TKI"],
        subtypes=["x", "y", "w"],
    )


def log_choose(n: np.ndarray, k: np.ndarray) -> np.ndarray:
    """Return the logarithm of the binomial coefficient."""
    return gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1)


def exact_posterior(review: CaseMixReview, log2_points: int, replicates: int) -> pd.DataFrame:
    """Return posterior means by enumeration and quasi-Monte Carlo, with standard errors.

    Every table is listed and the likelihood of the margins is their sum; the prior is integrated
    over scrambled Sobol points weighted by that likelihood. Nothing here is Markov chain Monte
    Carlo, and nothing is shared with the model but the data.
    """
    tables = enumerate_tables(review.lattice)
    n = review.total
    arm = review.arm_codes
    treatment = review.cells["treatment"].cat.codes.to_numpy()
    subtype = review.cells["subtype"].cat.codes.to_numpy()
    k_sub, k_trt, k_arm = len(review.subtypes), len(review.treatments), len(review.arms)
    constant = log_choose(n, tables).sum(axis=1)
    results = []
    for replicate in range(replicates):
        sobol = qmc.Sobol(4 + k_sub + k_trt + k_arm, seed=replicate)
        normal = norm.ppf(np.clip(sobol.random_base2(log2_points), 1e-12, 1 - 1e-12))
        mu = DEFAULT_PRIORS.mu_sd * normal[:, 0]
        # |N(0, 1)| is half-normal
        s_sub, s_trt, tau = np.abs(normal[:, 1:4]).T
        a, b, z = np.split(normal[:, 4:], [k_sub, k_sub + k_trt], axis=1)
        logit = (
            mu[:, None]
            + s_sub[:, None] * a[:, subtype]
            + s_trt[:, None] * b[:, treatment]
            + tau[:, None] * z[:, arm]
        )
        by_table = logit @ tables.T + constant
        by_table -= (np.logaddexp(0, logit) @ n)[:, None]
        top = by_table.max()
        weight = np.exp(by_table - top)
        of_draw = weight.sum(axis=1)
        whole = of_draw.sum()
        quantities = {
            "mu": mu,
            "sigma_subtype": s_sub,
            "sigma_treatment": s_trt,
            "tau": tau,
            "contrast": s_trt * (b[:, 1] - b[:, 0]),
            "rate x, TKI": expit(mu + s_sub * a[:, 0] + s_trt * b[:, 1]),
        }
        row = {name: float(of_draw @ values / whole) for name, values in quantities.items()}
        row |= {f"{name} squared": float(of_draw @ v**2 / whole) for name, v in quantities.items()}
        of_table = weight.sum(axis=0) / whole
        row |= {f"cell {i}": float(of_table @ tables[:, i]) for i in range(n.size)}
        results.append(row)
    frame = pd.DataFrame(results)
    return pd.DataFrame({"mean": frame.mean(), "se": frame.std() / np.sqrt(replicates)})


@pytest.mark.parametrize("model", [COMPILED, pytest.param(IN_PYMC, marks=pytest.mark.slow)])
def test_sampler_meets_the_enumerated_posterior(small_review: CaseMixReview, model: Model) -> None:
    """Posterior means of parameters, contrast, rate and all cells, within four standard errors.

    The standard error joins MCSE of the chains and the spread of the quasi-Monte Carlo replicates;
    about thirty quantities are compared, so that four leaves a chance of about 2 in 1000 to fail.
    """
    import arviz_stats as azs

    exact = exact_posterior(small_review, 15, 8)
    sampler = Sampler(SamplerSettings(draws=1500, tune=700, target_accept=0.95, seed=3))
    fit = sampler(Wanted(model, small_review.ledger()))
    assert fit.sampling["sampler"].startswith("compiled" if model.additive else "pymc")
    posterior = fit.posterior
    s_trt, b = posterior["sigma_treatment"], posterior["treatment_effect"]
    a = posterior["subtype_effect"].sel(subtype="x")
    drawn: dict[str, Any] = {
        name: posterior[name] for name in ("mu", "sigma_subtype", "sigma_treatment", "tau")
    }
    drawn["contrast"] = s_trt * (b.sel(treatment="TKI") - b.sel(treatment="mono"))
    drawn["rate x, TKI"] = xr.apply_ufunc(
        expit,
        posterior["mu"] + posterior["sigma_subtype"] * a + s_trt * b.sel(treatment="TKI"),
    )
    drawn |= {f"{name} squared": values**2 for name, values in dict(drawn).items()}
    table = full_table(posterior, small_review).astype(float)
    shape = posterior["mu"].shape
    drawn |= {f"cell {i}": posterior["mu"].copy(data=t.reshape(shape)) for i, t in enumerate(table)}
    failures = []
    for name, (mean, se) in exact.iterrows():
        values = drawn[name].drop_vars(["cell", "treatment", "subtype"], errors="ignore")
        found = float(values.mean())
        if float(values.std()) == 0.0:
            assert found == pytest.approx(mean, abs=1e-9), name
            continue
        mcse = float(azs.mcse(xr.Dataset({"q": values}), method="mean")["q"])
        if abs(found - mean) > 4 * np.hypot(mcse, se):
            failures.append((name, found, mean, mcse, se))
    assert not failures
    # the comparison says something only if both sides are precise
    assert exact.loc["cell 0", "se"] < 0.01
    counts, _ = cell_counts(posterior, small_review)
    assert counts.moving > 4


@pytest.mark.parametrize("analysis", [MAIN, UNPOOLED, LINE_YEAR])
def test_the_sampled_density_is_that_of_the_model_in_pymc(
    evidence: Evidence, analysis: str
) -> None:
    """At random parameters and two tables of the paper's review, up to one constant a table."""
    reviews = reviews_of(evidence)
    one = wanted(reviews, evidence)[analysis]
    assert one.model.additive
    additive = one.model.as_additive(one.frame, one.priors)
    built = one.model.build(one.frame, one.priors)
    review = reviews[MAIN]
    log_p = built.compile_logp(mode="FAST_COMPILE")
    rng = np.random.default_rng(6)
    assert {v.name for v in built.free_RVs} - {"responders"} == set(
        additive.named(np.zeros((1, 1, additive.size)))
    )
    for _ in range(2):
        table, gaps = review.lattice.random_table(rng), []
        for _ in range(3):
            vector = rng.normal(0, 0.6, additive.size)
            point = {"responders": table}
            for name, (_, values) in additive.named(vector[None, None]).items():
                of_scale = name.startswith("sigma") or name == "tau"
                value = values[0, 0]
                point[f"{name}_log__" if of_scale else name] = np.log(value) if of_scale else value
            ours = log_density(vector, additive.cells(table), np.empty(additive.size))
            gaps.append(ours - float(log_p(point)))
        np.testing.assert_allclose(gaps, gaps[0], rtol=0, atol=1e-7)


def test_draws_depend_on_the_seed_alone(small_review: CaseMixReview) -> None:
    """One thread or two, the same draws; another seed, others."""
    settings = SamplerSettings(draws=30, tune=40, seed=4)
    model = CASE_MIX.as_additive(small_review.ledger(), DEFAULT_PRIORS)
    runs = [
        run_chains(
            model,
            small_review.lattice,
            starting_tables(small_review.lattice, 4, 4),
            replace(settings, seed=seed),
            threads,
        )
        for threads, seed in ((1, 4), (2, 4), (2, 5))
    ]
    np.testing.assert_array_equal(runs[0].vectors, runs[1].vectors)
    np.testing.assert_array_equal(runs[0].tables, runs[1].tables)
    assert (runs[0].vectors[:, -1] != runs[2].vectors[:, -1]).all()
    assert all(
        small_review.lattice.contains(table)
        for table in runs[0].tables.reshape(-1, model.total.size)
    )


@pytest.mark.slow
@pytest.mark.parametrize("whole", [False, True])
def test_without_subtypes_it_is_the_subgroup_model(evidence: Evidence, whole: bool) -> None:
    """One level of histology: the exact posterior of the subgroup model, within four errors.

    This is what the results call unadjusted. A small review of large arms; on demand the paper's
    38 arms with patients enrolled.
    """
    import arviz_stats as azs

    arms = pd.DataFrame(
        {
            "arm": list("ABCDEFGH"),
            "treatment": [MONO] * 4 + [TKI] * 4,
            "events": [12, 25, 30, 9, 41, 22, 50, 36],
            "total": [60, 70, 80, 50, 80, 60, 90, 70],
        }
    )
    if whole:
        arms = paper_review(evidence).arms.astype({"treatment": str})
    nothing = pd.DataFrame(columns=["arm", "treatment", "subtype", "events"])
    review = make_review(
        arms[["arm", "treatment", "events"]],
        arms[["arm", "total"]].assign(subtype="any"),
        nothing,
        nothing,
        treatments=list(dict.fromkeys(arms["treatment"])),
        subtypes=["any"],
    )
    assert not review.lattice.free.any()
    exact = unadjusted(review, DEFAULT_PRIORS, 4)
    sampler = Sampler(SamplerSettings(draws=1000, tune=500, target_accept=0.99, seed=5))
    fit = sampler(Wanted(CASE_MIX, review.ledger()))
    assert fit.gate.passed, fit.gate.sentence()
    assert "sigma_subtype" not in fit.posterior
    pairs = {
        "tau": (fit.posterior["tau"], exact["tau"]),
        "log odds ratio": (fit.posterior["log_odds_ratio"], exact["log_odds_ratio"]),
        "risk difference": (fit.posterior["risk_difference"], exact["risk_difference"]),
        "rate": (fit.posterior["standardised_rate"], exact["rate"]),
    }
    for name, (drawn, known) in pairs.items():
        for power in (1, 2):
            mcse = azs.mcse(xr.Dataset({"q": drawn**power}), method="mean")["q"]
            other = (known**power).std(("chain", "draw")) / np.sqrt(known.sizes["draw"])
            gap = abs(
                (drawn**power).mean(("chain", "draw")) - (known**power).mean(("chain", "draw"))
            )
            assert (gap.values < 4 * np.hypot(mcse.values, other.values)).all(), (name, power)


@pytest.mark.slow
def test_known_effects_are_recovered(evidence: Evidence) -> None:
    """A review simulated with strong effects: truths lie in the 99.9 % intervals, signs found."""
    design = paper_review(evidence)
    rng = np.random.default_rng(8)
    truth = {
        "mu": -1.6,
        "sigma_subtype": 1.0,
        "sigma_treatment": 0.9,
        "tau": 0.4,
        "subtype_effect": rng.standard_normal(len(design.subtypes)),
        "treatment_effect": np.array([-1.2, -0.4, 1.3, 0.8, -0.2]),
        "z": rng.standard_normal(len(design.arms)),
    }
    review, _ = simulate(design, truth, rng)
    sampler = Sampler(SamplerSettings(draws=1500, tune=1000, target_accept=0.97, seed=9))
    fit = sampler(Wanted(CASE_MIX, review.ledger()))
    assert fit.gate.passed, fit.gate.sentence()
    for i, a in enumerate(design.treatments):
        for j, b in enumerate(design.treatments[:i]):
            drawn = fit.posterior["log_odds_ratio"].sel(contrast=f"{a} v. {b}")
            true = 0.9 * (truth["treatment_effect"][i] - truth["treatment_effect"][j])
            low, high = np.quantile(drawn, [0.0005, 0.9995])
            assert low < true < high, (a, b)
    drawn = fit.posterior["log_odds_ratio"].sel(contrast=f"{TKI} v. {MONO}")
    assert float((drawn > 0).mean()) > 0.99
