"""The next trial: priors, their worth and rules, against published and independent numbers."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy.special import expit, logsumexp
from scipy.stats import betabinom, binom, norm

from models.analyses.next_trial import run as part
from models.analyses.next_trial.ess import elir, moment, morita
from models.analyses.next_trial.mixture import ACCURACY, BetaMixture, fit_mixture
from models.analyses.next_trial.pages import pages
from models.analyses.next_trial.plan import Design, make_plan
from models.analyses.next_trial.prior import (
    PAPER,
    MapPrior,
    case_mix_prior,
    group_priors,
    on_fine_mesh,
    pooled_prior,
)
from models.analyses.next_trial.randomised import comparisons
from models.analyses.next_trial.rules import bayes_rules, exact_rule, smallest_trials
from models.analyses.next_trial.simon import simon_designs
from models.analyses.next_trial.tables import protocol
from models.evidence.groupings import grouped_outcome
from models.grid import fit_pooled
from models.grid.marginals import LogitMarginals
from models.priors import Priors
from models.reviews.case_mix import CaseMixReview, make_review

AS = pd.DataFrame(
    {
        "study": list("ABCDEFGH"),
        "events": [23, 12, 19, 9, 39, 6, 9, 10],
        "total": [107, 44, 51, 39, 139, 20, 78, 35],
    }
)
"""Baeten et al. (2013): placebo arms in ankylosing spondylitis; data set AS of RBesT."""
VIGNETTE = BetaMixture(
    np.array([0.4612914, 0.1917812, 0.1893896, 0.1575378]),
    np.array([33.9513487, 19.4400089, 12.2692310, 2.2521243]),
    np.array([103.0146367, 41.5205219, 55.9202833, 5.4812202]),
)
"""The mixture printed in RBesT 1.9-0, "Getting started with RBesT (binary)", and used there."""


def as_prior(density: LogitMarginals) -> MapPrior:
    return MapPrior(density, density, "a new arm", "model", 1, 1, 1, exact=True, tail_scale=1.0)


@pytest.fixture(scope="module")
def groups(evidence):
    return group_priors(grouped_outcome(evidence, "orr", "treatment"), "the paper's review")


@pytest.mark.parametrize(("a", "b"), [(5.0, 15.0), (1.5, 40.0), (200.0, 30.0)])
def test_a_beta_is_worth_the_sum_of_its_shapes(a, b):
    density = BetaMixture(np.ones(1), np.array([a]), np.array([b])).density()
    assert elir(density) == pytest.approx(a + b, rel=1e-6)
    assert elir(density, "rate") == pytest.approx(a + b, rel=1e-4)
    assert moment(density) == pytest.approx(a + b, rel=1e-6)
    # less the vague prior's hundredth of a patient
    assert morita(density) == pytest.approx(a + b - 0.01, rel=1e-5)


def test_a_normal_logit_is_worth_what_the_closed_form_says():
    """E[1 / (s^2 rate (1 - rate))] = (2 + exp(m + s^2/2) + exp(-m + s^2/2)) / s^2."""
    mean, sd = -1.3, 0.6
    wide = BetaMixture(np.ones(1), np.array([1.0]), np.array([1.0])).density()
    masses = norm.pdf(wide.mesh.nodes, mean, sd) * wide.mesh.weights
    density = on_fine_mesh(LogitMarginals(wide.mesh, masses / masses.sum()))
    v = sd**2
    expected = (2 + np.exp(mean + v / 2) + np.exp(-mean + v / 2)) / v
    assert elir(density) == pytest.approx(expected, rel=1e-6)


def test_effective_sample_sizes_of_the_vignette():
    """RBesT prints them rounded: 38, 24, 95, and 27 with 20 % of a uniform component."""
    density = VIGNETTE.density()
    assert round(elir(density, "rate")) == 38
    assert round(moment(density)) == 24
    assert round(morita(density, "rate")) == 95
    assert round(elir(VIGNETTE.robust(0.2).density(), "rate")) == 27
    assert elir(density) == pytest.approx(elir(density, "rate"), rel=1e-6)


def test_the_prior_of_the_vignette():
    """RBesT samples it (mean 0.255, sd 0.0864, 0.106 to 0.461): within the sampler's error."""
    found = pooled_prior(AS, "AS", Priors(mu_sd=2.0)).summary()
    numbers = [float(x) for x in (found.mean, found.sd, found.lower, found.upper)]
    assert numbers == pytest.approx([0.255, 0.0864, 0.106, 0.461], abs=0.012)


def test_the_comparison_of_the_vignette():
    """Differences at which 80 % power is reached: 0.302, 0.341, 0.368, 0.529 (table there)."""
    prior, control = as_prior(VIGNETTE.density()), 0.25545885
    deltas = np.arange(0.0, 0.7, 0.0005)

    def reached(rule) -> float:
        power = rule.probability(control + deltas, np.full(deltas.size, control))
        return float(deltas[np.argmax(power >= 0.8)])

    _, informed, robust = comparisons(prior, 24, 6, 0.95, 0.2, treatment=(0.5, 1.0))
    small, classic = (comparisons(prior, 24, m, 0.95, 0.2)[0] for m in (6, 24))
    found = [reached(rule) for rule in (informed, classic, robust, small)]
    assert found == pytest.approx([0.302, 0.341, 0.368, 0.529], abs=0.0011)
    # "just positive" and "negative" there; 14 of 24 against 1 of 6 has probability 0.9917197
    assert informed.success[15, 3]
    assert not informed.success[14, 4]
    for confidence, success in ((0.99171, True), (0.99173, False)):
        rule = comparisons(prior, 24, 6, confidence, 0.2, treatment=(0.5, 1.0))[2]
        assert rule.success[14, 1] == success


def test_near_zero_rates_in_small_trials_are_worth_something():
    """2, 18, 0, 2 of 30 (RBesT issue 22, which finds negative values); by brute force as well."""
    events, n = np.array([2, 18, 0, 2]), 30
    density = fit_pooled(events, [n] * 4).new_study
    worth = elir(density)
    mu, tau = np.linspace(-8.0, 6.0, 141), np.linspace(0.02, 8.0, 200)
    z, w = np.polynomial.hermite_e.hermegauss(60)
    log_posterior = norm.logpdf(mu, 0, 1.5)[:, None] + norm.logpdf(tau, 0, 1)
    for x in events:
        theta = mu[:, None, None] + tau[:, None] * z
        terms = binom.logpmf(x, n, expit(theta)) + np.log(w / w.sum())
        log_posterior = log_posterior + logsumexp(terms, axis=2)
    weight = np.exp(log_posterior - log_posterior.max()).ravel()
    weight /= weight.sum()
    kept = weight > 1e-12
    centre, scale = (np.broadcast_to(v, (141, 200)).ravel()[kept] for v in (mu[:, None], tau))
    nodes = np.linspace(-24.0, 24.0, 961)
    height, slope, bend = np.zeros((3, nodes.size))
    for m, s, p in zip(centre, scale, weight[kept], strict=True):
        u = (nodes - m) / s
        f = p * np.exp(-0.5 * u * u) / s
        height, slope, bend = height + f, slope - f * u / s, bend + f * (u * u - 1) / s**2
    local = (slope**2 / height - bend) / (expit(nodes) * expit(-nodes))
    # the grid of this test ends where a hundredth is still to come
    assert worth == pytest.approx(local.sum() / height.sum(), rel=0.012)
    assert 4.0 < worth < 6.0
    assert moment(density) > 0
    assert morita(density) > 0


def test_no_responder_at_all_is_worth_no_more_than_the_patients():
    """Converged in the far tail; by another resolution of the grid and for groups as well."""
    events, total = [0, 0, 0], [20, 30, 15]
    worth = [elir(fit_pooled(events, total, tolerance=t).new_study) for t in (1e-4, 1e-6)]
    assert worth[0] == pytest.approx(worth[1], rel=0.002)
    assert 20 < worth[0] < 65
    studies = pd.DataFrame({"study": list("ABC"), "events": events, "total": total})
    group = pd.Categorical(["x", "x", "y"])
    for prior in group_priors(studies.assign(group=group), "zeros").prior.values():
        plan = make_plan(prior, Design(n=20))
        assert 20 < plan.ess["elir"] < 65
        assert 0 < plan.robust_ess < plan.ess["elir"]


def test_the_worth_grows_by_the_patients_of_a_trial(groups):
    """Predictive consistency, exactly: the mean over all results, less n, is the prior's."""
    prior, n = groups.of("ICI + TKI"), 10
    after = prior.posterior(n)
    worth = [elir(LogitMarginals(after.mesh, after.masses[:, y])) for y in range(n + 1)]
    assert prior.predictive(n) @ worth - n == pytest.approx(elir(prior.density), abs=0.01)


def test_no_local_information_ratio_where_the_tails_are_too_heavy(groups):
    prior = replace(groups.of("ICI + TKI"), tail_scale=1.5)
    plan = make_plan(prior, Design())
    assert plan.ess["elir"] is None
    assert plan.robust_ess is None
    assert plan.ess["moment"] > 0


def test_the_robust_prior_is_the_map_prior_and_a_uniform_part(groups):
    """By hand: 20 % of a uniform rate, under which each number of responders is as likely."""
    prior, n, critical = groups.of("ICI + TKI"), 40, 8
    plan = make_plan(prior, Design(n=n, robust=0.2))
    found = plan.robust_map()
    uniform = (n - critical + 1) / (n + 1)
    expected = 0.8 * exact_rule(n, 0.10, 0.05).assurance(prior) + 0.2 * uniform
    assert found["assurance"] == pytest.approx(expected, abs=0.002)
    above = 0.8 * plan.above + 0.2 * 0.9
    assert found["probability_above_null"] == pytest.approx(above, abs=0.002)
    assert found["mean"] == pytest.approx(0.8 * plan.map()["mean"] + 0.1, abs=0.002)
    for end, mass in (("lower", 0.025), ("upper", 0.975)):
        rate = found[end]
        below = float(prior.density.cdf(np.log(rate / (1.0 - rate))))
        assert 0.8 * below + 0.2 * rate == pytest.approx(mass, abs=0.002)
    text = " ".join(protocol(plan).split())
    assert f"worth {plan.robust_ess:.1f} patients" in text
    assert f"{found['assurance']:.2f} under the robust prior" in text


def test_the_comparison_gives_its_largest_error_and_no_power_beyond_certainty(evidence):
    """Disease control is near 60 %: 40 points more than that is no rate."""
    studies = grouped_outcome(evidence, "dcr", "treatment")
    priors = group_priors(studies, "the paper's review", counted=PAPER["dcr"])
    treatment, control = "ICI + TKI", "ICI monotherapy"
    plan = make_plan(priors.of(treatment), Design(n=20), priors, treatment, control)
    base = plan.control[1].summary().mean
    powers = [name for name in plan.randomised if name.startswith("power_")]
    assert powers
    assert all(base + float(name.partition("_")[2]) / 100 <= 1 for name in powers)
    assert f"power_{5 * int((1 - base) / 0.05)}" == powers[-1]
    assert plan.randomised.notna().all(axis=None)
    rules = {rule.name: rule for rule in comparisons(priors.of(control), 20, 20, 0.95, 0.2)}
    for row in plan.randomised.itertuples():
        rule, at = rules[row.control_prior], row.type_one_error_max_rate
        errors = [float(rule.probability(np.array([p]), np.array([p]))[0]) for p in (at, 0.5, 0.9)]
        assert row.type_one_error_max == pytest.approx(errors[0])
        assert row.type_one_error_max >= max(*errors, row.type_one_error)
    assert "responder" not in protocol(plan)
    assert "disease control rate" in protocol(plan)


@pytest.mark.parametrize("group", ["ICI monotherapy", "ICI + TKI"])
def test_the_mixture_is_as_accurate_as_it_says(groups, group):
    density = groups.of(group).density
    mixture = fit_mixture(density)
    rates = np.linspace(0.005, 0.8, 60)
    exact = [float(density.cdf(np.log(r / (1 - r)))) for r in rates]
    error = np.abs(mixture.cdf(rates) - exact).max()
    assert error <= mixture.cdf_error + 1e-6 <= ACCURACY
    assert 0 < mixture.divergence < 1e-3
    assert mixture.weight.sum() == pytest.approx(1.0)
    assert min(mixture.a.min(), mixture.b.min()) >= 1.0
    # conjugate predictive of the mixture against quadrature over the density
    counts = np.arange(41)[:, None]
    by_mixture = betabinom.pmf(counts, 40, mixture.a, mixture.b) @ mixture.weight
    assert np.abs(by_mixture - groups.of(group).predictive(40)).max() < 0.001


def test_a_beta_is_found_again_by_one_component():
    mixture = fit_mixture(BetaMixture(np.ones(1), np.array([3.0]), np.array([9.0])).density())
    assert mixture.weight.size == 1
    assert [mixture.a[0], mixture.b[0]] == pytest.approx([3.0, 9.0], rel=1e-3)


def test_the_mixture_as_rbest_reads_it():
    """As ``write_mix_json`` of RBesT 1.10 writes: attributes, then rows w, a, b."""
    written = VIGNETTE.rbest()
    assert written["meta"] == {
        "dim": [3, 4],
        "dimnames": [["w", "a", "b"], ["comp1", "comp2", "comp3", "comp4"]],
        "link": "identity",
        "class": ["betaMix", "mix"],
        "likelihood": "binomial",
    }
    assert written["comp"][1] == VIGNETTE.a.tolist()
    assert VIGNETTE.r_line().count("c(") == 4
    assert VIGNETTE.stan_line().count("beta_lpdf") == 4


@pytest.mark.parametrize(
    ("rates", "errors", "optimal", "minimax"),
    [
        # Simon (1989), Tables 1 and 2: r1/n1, r/n, expected patients
        ((0.05, 0.25), (0.05, 0.8), (0, 9, 2, 17, 12.0), (0, 12, 2, 16, 13.8)),
        ((0.10, 0.30), (0.05, 0.8), (1, 10, 5, 29, 15.0), (1, 15, 5, 25, 19.5)),
        ((0.20, 0.40), (0.05, 0.8), (3, 13, 12, 43, 20.6), (4, 18, 10, 33, 22.3)),
        ((0.40, 0.60), (0.05, 0.8), (7, 16, 23, 46, 24.5), (17, 34, 20, 39, 34.4)),
        ((0.10, 0.25), (0.05, 0.8), (2, 18, 7, 43, 24.7), (2, 22, 7, 40, 28.8)),
        # reference page of clinfun::ph2simon
        ((0.20, 0.40), (0.10, 0.9), (3, 17, 10, 37, 26.0), (3, 19, 10, 36, 28.3)),
    ],
)
def test_two_stage_designs_as_published(rates, errors, optimal, minimax):
    found = simon_designs(*rates, *errors)
    for rule, printed in zip(found, (optimal, minimax), strict=True):
        n1, r1 = rule.first
        assert (r1, n1, rule.critical - 1, rule.n) == printed[:4]
        assert float(rule.patients(np.array(rates[0]))) == pytest.approx(printed[4], abs=0.051)
        assert float(rule.success(np.array(rates[0]))) <= errors[0]
        assert float(rule.success(np.array(rates[1]))) >= errors[1]


def test_a_design_beyond_reach_is_none():
    assert simon_designs(0.10, 0.13, 0.05, 0.8) == []


def test_forty_patients_against_ten_per_cent(groups):
    """8 or more; assurance 0.35 and 0.54 by an independent prototype, from draws."""
    rule = exact_rule(40, 0.10, 0.05)
    assert rule.critical == 8
    assert float(rule.success(np.array(0.10))) == pytest.approx(binom.sf(7, 40, 0.10))
    assert rule.assurance(groups.of("ICI monotherapy")) == pytest.approx(0.35, abs=0.01)
    assert rule.assurance(groups.of("ICI + TKI")) == pytest.approx(0.54, abs=0.01)


def test_assurance_by_simulation(groups):
    """Draws of the subgroup model, a new study effect, a trial: independent of the quadrature."""
    means, tau = groups.draws
    place = list(groups.prior).index("ICI + TKI")
    rng = np.random.default_rng(3)
    rates = expit(means[:, place] + tau * rng.standard_normal(tau.size))
    share = binom.sf(7, 40, rates)
    expected = exact_rule(40, 0.10, 0.05).assurance(groups.of("ICI + TKI"))
    assert share.mean() == pytest.approx(expected, abs=4 * share.std() / np.sqrt(share.size))


def test_bayesian_rules_by_conjugacy():
    """A mixture of betas after y responders is the mixture of updated betas."""
    prior, n, null = as_prior(VIGNETTE.density()), 30, 0.25
    y = np.arange(n + 1)[:, None]
    joint = betabinom.pmf(y, n, VIGNETTE.a, VIGNETTE.b) * VIGNETTE.weight
    weight = joint / joint.sum(axis=1, keepdims=True)
    above = [
        1 - float(BetaMixture(w, VIGNETTE.a + k, VIGNETTE.b + n - k).cdf(np.array(null)))
        for k, w in enumerate(weight)
    ]
    found = np.asarray(prior.posterior(n).prob_rate_above(null))
    assert found == pytest.approx(above, abs=1e-7)
    rules = {rule.name: rule for rule in bayes_rules(prior, n, null, 0.95, 0.2)}
    assert rules["map"].critical == int(np.argmax(np.array(above) >= 0.95))
    vague = BetaMixture(np.ones(1), np.ones(1), np.ones(1))
    tails = [
        1 - float(BetaMixture(vague.weight, vague.a + k, vague.b + n - k).cdf(np.array(null)))
        for k in range(n + 1)
    ]
    assert rules["vague"].critical == int(np.argmax(np.array(tails) >= 0.95))


def test_the_size_from_which_on_a_trial_keeps_an_assurance(groups):
    """By the rule of every size alone; a smaller trial may have it, too (27 patients: 0.505)."""
    prior = groups.of("ICI + TKI")
    rows = {row["target"]: row for row in smallest_trials(prior, 0.10, 0.05)}
    assurance = np.array([exact_rule(n, 0.10, 0.05).assurance(prior) for n in range(2, 301)])
    for target in (0.5, 0.6, 0.7):
        n = rows[target]["n"]
        assert n == int(np.flatnonzero(assurance < target)[-1]) + 3
        assert rows[target]["critical"] == exact_rule(n, 0.10, 0.05).critical
        assert rows[target]["assurance"] == pytest.approx(assurance[n - 2])
    assert int(np.argmax(assurance >= 0.5)) + 2 < rows[0.5]["n"]
    # no trial can succeed more often than the rate is above 10 %, but for the level
    assert rows[0.9]["n"] is None


def test_borrowing_for_the_control_arm_fails_where_the_control_is_better(groups):
    control = groups.of("ICI monotherapy")
    vague, informed, robust = comparisons(control, 40, 40, 0.95, 0.2)
    near, far = np.array([0.05]), np.array([0.5])
    assert informed.probability(far, far) > robust.probability(far, far)
    assert robust.probability(far, far) > vague.probability(far, far)
    assert informed.probability(near, near) < 0.05
    # 20 controls with what is known do as well as 30 without, at the control's usual rate
    base, better = np.array([0.17]), np.array([0.42])
    fewer = comparisons(control, 40, 20, 0.95, 0.2)[2].probability(better, base)
    assert fewer > comparisons(control, 40, 30, 0.95, 0.2)[0].probability(better, base)


def draws_of(treatments, subtypes, mu, tau, size=40) -> xr.Dataset:
    rng = np.random.default_rng(0)
    shape = (4, size)
    coords = {"treatment": treatments, "subtype": subtypes}
    values = {
        "mu": (("chain", "draw"), np.full(shape, mu)),
        "tau": (("chain", "draw"), np.full(shape, tau)),
        "sigma_treatment": (("chain", "draw"), np.full(shape, 0.5)),
        "sigma_subtype": (("chain", "draw"), np.full(shape, 0.5)),
        "treatment_effect": (
            ("chain", "draw", "treatment"),
            rng.normal(0, 0.3, (*shape, len(treatments))),
        ),
        "subtype_effect": (
            ("chain", "draw", "subtype"),
            rng.normal(0, 0.3, (*shape, len(subtypes))),
        ),
    }
    return xr.Dataset(values, coords=coords)


def one_arm() -> CaseMixReview:
    return make_review(
        pd.DataFrame({"arm": ["A"], "treatment": ["a"], "events": [1]}),
        pd.DataFrame({"arm": ["A", "A"], "subtype": ["x", "y"], "total": [4, 3]}),
        pd.DataFrame(columns=["treatment", "subtype", "events"]),
        pd.DataFrame(columns=["arm", "subtype", "events"]),
        treatments=["a"],
        subtypes=["x", "y"],
    )


def test_the_prior_from_draws_is_the_mean_of_conditional_distributions():
    posterior = draws_of(["a"], ["x", "y"], -1.0, 0.7)
    review = one_arm()
    one = case_mix_prior(posterior, review, "a", pd.Series({"x": 1.0, "y": 0.0}), "x")
    logits = (
        posterior["mu"]
        + 0.5 * posterior["subtype_effect"].sel(subtype="x")
        + 0.5 * posterior["treatment_effect"].sel(treatment="a")
    ).to_numpy()
    for x in (-2.0, -1.0, 0.5):
        assert float(one.density.cdf(x)) == pytest.approx(
            norm.cdf((x - logits) / 0.7).mean(), abs=1e-4
        )
    shares = pd.Series({"x": 0.5, "y": 0.5})
    wide = Priors(tau_scale=2.0)
    both = case_mix_prior(posterior, review, "a", shares, "both", wide)
    assert [one.arms, one.events, one.total] == [1, 1, 7]
    assert one.tail_scale == 1.0
    # the mixture that stands for it has a finite worth, the prior has none
    assert make_plan(both, Design()).ess["elir"] is None
    z = np.random.default_rng(1).standard_normal((2000, 1, 1))
    other = logits - 0.5 * posterior["subtype_effect"].sel(subtype="x").to_numpy()
    other = other + 0.5 * posterior["subtype_effect"].sel(subtype="y").to_numpy()
    rates = (expit(logits + 0.7 * z) + expit(other + 0.7 * z)) / 2
    assert float(both.summary().mean) == pytest.approx(float(rates.mean()), abs=0.005)
    assert float(both.summary().sd) == pytest.approx(float(rates.std()), abs=0.005)


@pytest.mark.slow
def test_the_part_of_the_job_and_its_page(evidence, monkeypatch):
    monkeypatch.setattr(part, "LARGE", 1)
    review = part.reviews_of(evidence)[part.MAIN]

    class Made:
        posterior = draws_of(review.treatments, review.subtypes, -1.5, 0.8)
        gate = type("Gate", (), {"passed": True})

    output = part.run(evidence, lambda wanted: Made, {})
    priors = output.tables["next_trial_priors"]
    assert len(priors) == 16
    lms = priors.query("arm == 'ICI + TKI' and patients not in ['as enrolled', @part.MIX]").iloc[0]
    cells = review.cells.query("treatment == 'ICI + TKI' and subtype == @lms.patients")
    assert lms["histology_total"] == cells["total"].sum() < lms["total"]
    assert priors.query("patients == @part.MIX")["histology_total"].isna().all()
    assert set(output.figures) == {"next_trial_prior", "next_trial_rules"}
    curves = output.tables["next_trial_curves"]
    axes = output.figures["next_trial_rules"].axes[0]
    drawn = next(line for line in axes.lines if str(line.get_label()).startswith("exact"))
    own = curves[curves["rule"] == "exact"]
    assert np.asarray(drawn.get_ydata()) == pytest.approx(own["success"].to_numpy())
    text = pages(output.tables)["next_trial.md"]
    exact = output.tables["next_trial_rules"].query(
        "arm == 'ICI + TKI' and patients == 'as enrolled' and rule == 'exact'"
    )
    histology = f"of these {lms['patients']} {lms['histology_events']}/{lms['histology_total']}"
    assert f"| 5 arms, {lms['events']}/{lms['total']}; {histology} |" in text
    assert "(ICI + TKI: 46/168 and 46/178)" in text
    assert f"| exact one-sided test | 8 of 40 | {exact['type_one_error'].iloc[0]:.3f} |" in text
