"""The binomial-normal GLMM against metafor, lme4, adaptive quadrature of scipy and closed forms."""

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy import integrate, special, stats

from models.common.constants import PROJECT_ROOT
from models.common.errors import InputError
from models.frequentist.glmm import (
    CONVERGENCE_NODES,
    GlmmFit,
    fit_glmm,
    fit_glmm_converged,
    log_likelihood,
)

REFERENCE = PROJECT_ROOT / "tests" / "reference"
INPUTS: dict[str, Any] = json.loads((REFERENCE / "inputs.json").read_text())["data_sets"]
PINS: dict[str, Any] = json.loads((REFERENCE / "glmm_metafor_lme4.json").read_text())["data_sets"]

# lme4 computes the deviance to about 1e-10 at best, so its optimum is known to about 1e-5, and its
# standard error, a finite difference of the deviance, to as much. The largest difference met is
# 1.7e-5 (metafor, tau2 of the monotherapy arms).
LME4 = 5e-5

BOUNDARY = [name for name, pin in PINS.items() if pin["rma.glmm"]["tau2"] == 0]
"""Data sets with the maximum at tau2 = 0 according to metafor."""


def fit(name: str, **options: Any) -> GlmmFit:
    return fit_glmm(INPUTS[name]["events"], INPUTS[name]["total"], **options)


def numbers(result: GlmmFit) -> list[float]:
    assert result.exists, result.reason
    assert result.mu is not None
    assert result.mu_se is not None
    assert result.tau2 is not None
    return [result.mu, result.mu_se, result.tau2]


def test_pins_cover_every_data_set_with_its_own_counts() -> None:
    assert set(PINS) == set(INPUTS) - {"extreme"}  # see scripts/verify/reference_values.R
    assert len(BOUNDARY) >= 5
    for name, pin in PINS.items():
        assert pin["events"] == INPUTS[name]["events"], name
        assert pin["total"] == INPUTS[name]["total"], name


@pytest.mark.parametrize("software", ["rma.glmm", "glmer_7"])
@pytest.mark.parametrize("name", PINS)
def test_seven_nodes_match_metafor_and_lme4(name: str, software: str) -> None:
    pin, result = PINS[name][software], fit(name)
    assert result.nodes == 7
    assert numbers(result) == pytest.approx([pin["mu"], pin["mu_se"], pin["tau2"]], abs=LME4)
    if software == "rma.glmm":
        assert (result.estimate, result.lower, result.upper) == pytest.approx(
            (pin["estimate"], pin["lower"], pin["upper"]), abs=LME4
        )


@pytest.mark.parametrize("name", PINS)
def test_converged_fit_matches_a_hundred_nodes_of_lme4(name: str) -> None:
    pin = PINS[name]["glmer_100"]
    result = fit_glmm_converged(INPUTS[name]["events"], INPUTS[name]["total"])
    assert numbers(result) == pytest.approx([pin["mu"], pin["mu_se"], pin["tau2"]], abs=LME4)
    assert result.nodes in CONVERGENCE_NODES


def test_stijnen_2010_table_2() -> None:
    """Stijnen et al. 2010, Table II, control arms: mu, SE, tau2 and 2.94 % (1.80-4.78)."""
    result = fit("stijnen2010")
    assert [f"{value:.4f}" for value in numbers(result)] == ["-3.4964", "0.2570", "0.8124"]
    percent = [100 * value for value in (result.estimate, result.lower, result.upper) if value]
    assert [f"{value:.2f}" for value in percent] == ["2.94", "1.80", "4.78"]


U = np.linspace(-40, 40, 40_001)


def exact_terms(x: int, n: int, mu: float, tau: float) -> tuple[float, np.ndarray, np.ndarray]:
    """Log-likelihood of one study, its score and Hessian in (mu, tau), without Gauss-Hermite.

    Trapezoidal rule on a fine grid, exact to rounding for a smooth integrand that vanishes at both
    ends (Trefethen & Weideman 2014). Fisher's and Louis's identities: with l(u) the log-likelihood
    given u, the score is E[l'] and the Hessian E[l'' + l' l'ᵀ] - E[l'] E[l']ᵀ, expectations over u
    given x.
    """
    p = special.expit(mu + tau * U)
    joint = stats.binom.pmf(x, n, p) * stats.norm.pdf(U)
    total = float(integrate.trapezoid(joint, U))

    def expectation(g: np.ndarray) -> float:
        return float(integrate.trapezoid(g * joint, U)) / total

    residual = x - n * p
    curvature = residual**2 - n * p * (1 - p)
    score = np.array([expectation(residual), expectation(U * residual)])
    m0, m1, m2 = (expectation(U**j * curvature) for j in range(3))
    return float(np.log(total)), score, np.array([[m0, m1], [m1, m2]]) - np.outer(score, score)


@pytest.mark.parametrize("name", [name for name in PINS if name not in BOUNDARY])
def test_converged_fit_solves_the_exact_likelihood_equations(name: str) -> None:
    """No quadrature rule, optimiser or finite difference in common."""
    x, n = INPUTS[name]["events"], INPUTS[name]["total"]
    result = fit_glmm_converged(x, n)
    mu, mu_se, tau2 = numbers(result)
    terms = [exact_terms(xi, ni, mu, tau2**0.5) for xi, ni in zip(x, n, strict=True)]
    log_value = sum(term[0] for term in terms)
    score = np.sum([term[1] for term in terms], axis=0)
    hessian = np.sum([term[2] for term in terms], axis=0)
    # fit_glmm_converged asks for 1e-8 in the parameters; the information here is 2 to 20
    assert score == pytest.approx([0, 0], abs=1e-6)
    assert result.loglik == pytest.approx(log_value, abs=1e-8)
    assert mu_se == pytest.approx(np.sqrt(np.linalg.inv(-hessian)[0, 0]), rel=1e-6)


def test_seven_nodes_are_as_far_off_as_documented() -> None:
    """The numbers in the docstring of `fit_glmm_converged`, to their two digits."""
    for name, documented in (
        ("orr", ["-1.2e-05", "5.9e-06", "4.3e-05", "-1.5e-06"]),
        ("orr_monotherapy", ["-2.9e-04", "2.6e-04", "1.2e-03", "-2.5e-05"]),
    ):
        seven = fit(name)
        converged = fit_glmm_converged(INPUTS[name]["events"], INPUTS[name]["total"])
        assert seven.estimate is not None
        assert converged.estimate is not None
        differences = np.subtract(numbers(seven), numbers(converged)).tolist()
        differences.append(seven.estimate - converged.estimate)
        assert [f"{value:.1e}" for value in differences] == documented


@pytest.mark.parametrize("name", BOUNDARY)
def test_at_the_boundary_the_fit_is_the_common_rate(name: str) -> None:
    x, n = (np.array(INPUTS[name][key]) for key in ("events", "total"))
    rate = x.sum() / n.sum()
    result = fit(name)
    assert result.tau2 == 0
    # closed forms of the logistic model with an intercept only
    assert result.mu == pytest.approx(special.logit(rate), abs=1e-12)
    assert result.mu_se == pytest.approx((n.sum() * rate * (1 - rate)) ** -0.5, rel=1e-12)
    assert result.loglik == pytest.approx(stats.binom.logpmf(x, n, rate).sum(), abs=1e-9)
    assert fit_glmm_converged(x, n) == result


def test_log_likelihood_without_spread_is_binomial() -> None:
    x, n = INPUTS["extreme"]["events"], INPUTS["extreme"]["total"]
    # sums of about ten log-gammas of size 1000
    expected = stats.binom.logpmf(x, n, special.expit(-0.7)).sum()
    for nodes in (1, 7, 40):
        assert log_likelihood(-0.7, 0.0, x, n, nodes=nodes) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize(("mu", "tau"), [(-2.0, 1.3), (0.5, 0.2), (-4.0, 3.0), (1.0, -1.0)])
def test_log_likelihood_is_the_integral(mu: float, tau: float) -> None:
    x, n = [0, 3, 9, 12, 1], [21, 30, 9, 30, 200]
    expected = sum(exact_terms(xi, ni, mu, tau)[0] for xi, ni in zip(x, n, strict=True))
    # 101 nodes leave about 1e-8 in the slowest study, 0/21 at tau = 3
    assert log_likelihood(mu, tau, x, n, nodes=101) == pytest.approx(expected, abs=1e-7)


@pytest.mark.parametrize("nodes", [1, 2, 7, 30])
@pytest.mark.parametrize("name", ["orr", "trae_chemotherapy", "stijnen2010", "extreme"])
def test_fit_is_the_maximum_of_what_is_computed(name: str, nodes: int) -> None:
    """Whatever the nodes: the parabola through the neighbours has its vertex at the fit."""
    x, n = INPUTS[name]["events"], INPUTS[name]["total"]
    result = fit(name, nodes=nodes)
    mu, _, tau2 = numbers(result)
    tau, h = tau2**0.5, 1e-3
    assert result.loglik == pytest.approx(log_likelihood(mu, tau, x, n, nodes=nodes), abs=1e-9)
    for step in ((h, 0.0), (0.0, h)):
        below, here, above = (
            log_likelihood(mu + s * step[0], tau + s * step[1], x, n, nodes=nodes)
            for s in (-1, 0, 1)
        )
        assert here > below
        assert here > above
        vertex = 0.5 * h * (below - above) / (below - 2 * here + above)
        # cubic terms move the vertex by h²; the values are rounded at 1e-14 in 1e-7 to 1e-9
        assert abs(vertex) < 2e-5


@pytest.mark.parametrize(
    ("events", "total", "reason"),
    [
        ([0, 0, 0], [5, 105, 7], "no event in any study"),
        ([5, 7], [5, 7], "events only in every study"),
        ([3], [10], "one study"),
        ([0], [10], "one study"),
        ([0, 5, 0, 5], [5, 5, 9, 5], "either no event or only events"),
        ([0, 1, 1], [1, 1, 1], "one patient in every study"),
    ],
)
@pytest.mark.parametrize("function", [fit_glmm, fit_glmm_converged])
def test_no_maximum_is_said_in_words(
    function: Any, events: list[int], total: list[int], reason: str
) -> None:
    result = function(events, total)
    assert not result.exists
    assert reason in result.reason
    assert result.k == len(events)
    assert result.mu is result.mu_se is result.tau2 is result.loglik is None
    assert result.estimate is result.lower is result.upper is None


def test_without_a_study_between_the_likelihood_has_no_top() -> None:
    """0/5, 5/5, 0/9, 5/5: it keeps rising with tau, towards that of one patient a study."""
    values = [log_likelihood(0.0, tau, [0, 5, 0, 5], [5, 5, 9, 5], nodes=101) for tau in (1, 4, 16)]
    assert values[0] < values[1] < values[2] < 4 * np.log(0.5)


def test_unconverged_quadrature_is_said_in_words() -> None:
    x, n = INPUTS["extreme"]["events"], INPUTS["extreme"]["total"]
    result = fit_glmm_converged(x, n)
    assert not result.exists
    assert result.reason == "quadrature not converged: 81 and 101 nodes differ by more than 1e-08"
    assert fit_glmm_converged(x, n, tolerance=0.02).exists


@pytest.mark.parametrize(
    ("events", "total"),
    [
        ([20, 11], [79, 30]),  # two studies
        ([0, 1], [105, 262]),
        ([5, 5, 1, 0], [5, 5, 2, 1]),  # tiny, with 5/5
        ([0, 0, 0, 0, 0, 0, 1], [105, 80, 69, 117, 262, 30, 50]),  # one event in all
        ([1, 0, 0], [1000, 5, 5]),
        ([500, 0, 3], [1000, 4, 3]),
        ([12, 4], [28, 4]),  # score at tau2 = 0 exactly zero, maximum elsewhere
        ([3, 6], [9, 9]),  # the same, maximum at zero
    ],
)
def test_sparse_data_have_their_greatest_maximum_found(events: list[int], total: list[int]) -> None:
    result = fit_glmm(events, total)
    mu, mu_se, _ = numbers(result)
    assert mu_se > 0
    assert result.loglik is not None
    grid = [
        log_likelihood(m, tau, events, total)
        for m in np.linspace(mu - 6, mu + 6, 49)
        for tau in (0, 0.2, 0.5, 1, 2, 4, 8)
    ]
    assert result.loglik >= max(grid) - 1e-9


counts = st.lists(
    st.integers(1, 60).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))),
    min_size=1,
    max_size=10,
)


@settings(deadline=None)
@given(counts)
@example([(22, 44), (28, 48), (26, 41), (15, 37), (11, 20)])  # a score just above zero
def test_a_fit_exists_if_and_only_if_a_study_lies_between(data: list[tuple[int, int]]) -> None:
    x, n = (np.array(column) for column in zip(*data, strict=True))
    result = fit_glmm(x, n)
    assert result.exists == (x.size > 1 and bool(np.any((x > 0) & (x < n))))
    if not result.exists:
        return
    rate = x.sum() / n.sum()
    assert result.loglik is not None
    assert result.loglik >= stats.binom.logpmf(x, n, rate).sum() - 1e-8
    assert result.lower is not None
    assert result.estimate is not None
    assert result.upper is not None
    assert 0 <= result.lower <= result.estimate <= result.upper <= 1
    # the score for tau2 at 0: more spread than binomial sampling gives means tau2 > 0
    excess = np.sum((x - n * rate) ** 2 - n * rate * (1 - rate))
    if excess > 1e-6:
        assert result.tau2 is not None
        assert result.tau2 > 0


@settings(deadline=None)
@given(counts, st.randoms())
def test_order_of_studies_and_naming_of_the_event_do_not_matter(
    data: list[tuple[int, int]], random: Any
) -> None:
    shuffled = list(data)
    random.shuffle(shuffled)
    x, n = (np.array(column) for column in zip(*data, strict=True))
    a = fit_glmm(x, n)
    b = fit_glmm(*zip(*shuffled, strict=True))
    mirrored = fit_glmm(n - x, n)
    assert a.exists == b.exists == mirrored.exists
    if a.exists:
        # where the likelihood is flat (large tau), 1e-6 is what the last Newton step leaves
        mu, mu_se, tau2 = numbers(a)
        assert numbers(b) == pytest.approx([mu, mu_se, tau2], rel=1e-5, abs=1e-5)
        assert numbers(mirrored) == pytest.approx([-mu, mu_se, tau2], rel=1e-5, abs=1e-5)


def test_interval_content_is_asked_for() -> None:
    mu, mu_se, _ = numbers(fit("orr"))
    result = fit("orr", ci_prob=0.8)
    z = stats.norm.ppf(0.9)
    assert result.lower == pytest.approx(special.expit(mu - z * mu_se), abs=1e-12)
    assert result.upper == pytest.approx(special.expit(mu + z * mu_se), abs=1e-12)


def test_bad_input_is_named() -> None:
    for function in (fit_glmm, fit_glmm_converged):
        with pytest.raises(InputError, match=r"events\[1\] = 7: more than total\[1\] = 6"):
            function([1, 7], [5, 6])
        with pytest.raises(InputError, match=r"ci_prob = 95: outside \(0, 1\)"):
            function([1, 2], [5, 6], ci_prob=95)
    with pytest.raises(InputError, match="nodes = 0: below 1"):
        fit_glmm([1, 2], [5, 6], nodes=0)
    with pytest.raises(InputError, match=r"total\[0\] = 0: below 1"):
        log_likelihood(0.0, 1.0, [0], [0])
