"""The case mix without sampling: data, margins, variants, files, estimands, approximation."""

import dataclasses
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy import stats
from scipy.special import expit

from models.analyses.case_mix.external import NEW, NO_OVERLAP, SAME_STUDY, trials_not_pooled
from models.analyses.case_mix.identification import _mantel_haenszel, identification
from models.analyses.case_mix.variants import evaluable_only, single_arms, without_arms
from models.analyses.case_mix.wanted import (
    APPROXIMATION,
    EVALUABLE,
    LINE,
    LINE_YEAR,
    MAIN,
    MIXED,
    UNPOOLED,
    UNPOOLED_MIXED,
    reviews_of,
    wanted,
)
from models.case_mix_covariates import build_case_mix_covariates_model
from models.case_mix_unpooled import build_case_mix_unpooled_model
from models.common.constants import PROJECT_ROOT
from models.common.errors import InputError
from models.estimands.case_mix import case_mix_estimands, patient_mix
from models.estimands.case_mix_unpooled import as_pooled, unpooled_estimands
from models.estimands.composition import composition_share, prior_composition_share
from models.estimands.new_arms import count_distribution, count_summary
from models.evidence.case_mix import paper_review
from models.evidence.load import Evidence
from models.fitting.fit import SamplerSettings
from models.fitting.records import Recorder
from models.interface.job import PARTS, Run, run_job
from models.priors import DEFAULT_PRIORS
from models.reviews.case_mix import ARM, REST, CaseMixReview, from_ledger, make_review
from models.reviews.covariates import COLUMN, design_matrix
from tests.analyses.conftest import Invented


@pytest.fixture(scope="module")
def review(evidence: Evidence) -> CaseMixReview:
    return paper_review(evidence)


def test_the_papers_review_in_numbers(review: CaseMixReview, evidence: Evidence) -> None:
    """1346 of 1349 enrolled; 238 responders by arm and by margin; margins of Fig. 4 kept."""
    assert int(evidence.outcome("orr")["enrolled"].sum()) == 1349
    assert review.total.sum() == 1346
    assert len(review.arms) == 38
    assert review.arms["events"].sum() == review.margins["events"].sum() == 238
    # 215 responders are in Fig. 4; the others have no subtype of it
    outside = review.margins["subtype"].isin([REST, "other"])
    assert review.margins.loc[~outside, "events"].sum() == 215
    left = review.margins[outside].set_index("treatment")["events"].to_dict()
    assert left == {
        "ICI monotherapy": 5,
        "Dual Checkpoint Inhibitors": 0,
        "ICI + TKI": 2,
        "ICI + chemotherapy": 11,
        "ICI + immunomodulator": 5,
    }


def test_liposarcomas_are_counted_once(review: CaseMixReview, evidence: Evidence) -> None:
    """The four flat levels sum to the printed row LPS in patients and responders."""
    lps = evidence.subtypes.set_index("subtype").loc["LPS"]
    levels = ["DDLPS", "MLS", "PLS", "LPS, unspecified"]
    assert review.cells.loc[review.cells["subtype"].isin(levels), "total"].sum() == lps["total"]
    margins = review.margins[review.margins["subtype"].isin(levels)]
    assert margins["events"].sum() == lps["complete_responses"] + lps["partial_responses"]
    assert "LPS" not in review.subtypes


def test_reports_that_disagree_with_figure_2_are_set_aside(review: CaseMixReview) -> None:
    """D'Angelo's arms: 6 named responders where Fig. 2 has 5; 2 where it has 3."""
    cells = review.cells
    assert set(review.set_aside["arm"]) == {
        "D'Angelo 2018 (nivolumab + ipilimumab)",
        "D'Angelo 2018 (nivolumab)",
    }
    assert cells.loc[cells["arm"].isin(review.set_aside["arm"]), "events"].isna().all()
    known = cells[cells["events"].notna()].set_index(["arm", "subtype"])["events"]
    assert known["Wilky 2019", "ASPS"] == 6
    assert known["Tawbi 2017", "UPS"] == 4
    assert known["Haddox 2024", "AS"] == 3


def test_cells_fixed_by_arithmetic(review: CaseMixReview) -> None:
    """Monotherapy ASPS: 45 less Yang 3, Chen 19, Shi 14, Blay 8 leaves D'Angelo's patient 1."""
    least, most = review.lattice.ranges
    names = (review.cells["arm"] + ": " + review.cells["subtype"].astype(str)).tolist()
    for name, value in (
        ("D'Angelo 2018 (nivolumab): ASPS", 1),
        ("D'Angelo 2018 (nivolumab + ipilimumab): MFS", 1),
        ("Somaiah 2022: Chordoma", 1),
        ("Day 2023: unknown", 4),
        ("Toulmonde 2018: other", 0),
    ):
        place = names.index(name)
        assert (least[place], most[place]) == (value, value), name


def test_ledger_and_back(review: CaseMixReview) -> None:
    back = from_ledger(review.ledger())
    for name in ("row", "column", "lower", "upper", "row_sum", "column_sum"):
        np.testing.assert_array_equal(getattr(back.lattice, name), getattr(review.lattice, name))
    assert back.subtypes == review.subtypes
    assert back.treatments == review.treatments


def test_arms_of_one_histology(review: CaseMixReview) -> None:
    """Eight arms; the two whose patients have no known subtype are not among them."""
    assert single_arms(review) == [
        "Ben-Ami 2017",
        "Maki 2013",
        "Naing 2021",
        "Yang 2020",
        "Chen 2023",
        "Shi 2020",
        "Wagner 2021",
        "Xie 2023",
    ]
    rows = identification(review)
    shared = rows[rows["single_shared_count"] > 0]
    assert [(r.a, r.b, r.single_shared) for r in shared.itertuples()] == [
        ("Dual Checkpoint Inhibitors", "ICI monotherapy", "ASPS")
    ]


def test_mantel_haenszel_by_hand() -> None:
    """Two subtypes, the formula written out."""
    arms = pd.DataFrame(
        {"arm": ["A", "B"], "treatment": ["mono", "TKI"], "events": [5, 9]},
    )
    composition = pd.DataFrame(
        [("A", "x", 10), ("A", "y", 20), ("B", "x", 12), ("B", "y", 8)],
        columns=["arm", "subtype", "total"],
    )
    totals = pd.DataFrame(
        [("mono", "x", 4), ("mono", "y", 1), ("TKI", "x", 7), ("TKI", "y", 2)],
        columns=["treatment", "subtype", "events"],
    )
    nothing = pd.DataFrame(columns=["arm", "subtype", "events"])
    review = make_review(
        arms, composition, totals, nothing, treatments=["mono", "TKI"], subtypes=["x", "y"]
    )
    found = identification(review)["mantel_haenszel_median"].iloc[0]
    expected = (7 * 6 / 22 + 2 * 19 / 28) / (4 * 5 / 22 + 1 * 6 / 28)
    assert found == pytest.approx(expected)


def test_mantel_haenszel_is_that_of_r() -> None:
    """R 4.2.2: mantelhaen.test(array(c(3,7,2,18, 5,15,4,26, 0,6,1,9), c(2,2,3)), correct=FALSE)."""
    totals = pd.DataFrame(
        [
            *(("a", "x", 3, 5), ("b", "x", 7, 25), ("a", "y", 5, 9), ("b", "y", 15, 41)),
            *(("a", "z", 0, 1), ("b", "z", 6, 15)),
            # no one histology: left out
            *(("a", "other", 9, 9), ("b", "other", 1, 30)),
        ],
        columns=["treatment", "subtype", "events", "total"],
    ).set_index(["treatment", "subtype"])
    found = _mantel_haenszel(totals, "a", "b")
    assert found["median"] == pytest.approx(2.15510204082, rel=1e-10)
    assert found["lower"] == pytest.approx(0.709025521593, rel=1e-10)
    assert found["upper"] == pytest.approx(6.550490306601, rel=1e-10)


def test_mantel_haenszel_of_the_paper_compares_named_subtypes_alone(
    review: CaseMixReview, evidence: Evidence
) -> None:
    """From Fig. 4's own cells, the parent row and the unnamed remainder left out."""
    cells = evidence.subtype_treatment
    cells = cells[cells["subtype"] != "LPS"].set_index(["treatment", "subtype"])
    pairs = identification(review).set_index(["a", "b"])["mantel_haenszel_median"]
    for (a, b), found in pairs.items():
        one, other = (cells.xs(t)[["events", "total"]] for t in (a, b))
        both = one.add_suffix("_a").join(other.add_suffix("_b"), how="inner")
        n = both["total_a"] + both["total_b"]
        up = (both["events_a"] * (both["total_b"] - both["events_b"]) / n).sum()
        down = (both["events_b"] * (both["total_a"] - both["events_a"]) / n).sum()
        assert found == pytest.approx(up / down, nan_ok=True)


def test_variants_keep_the_sums(review: CaseMixReview, evidence: Evidence) -> None:
    mixed = without_arms(review, single_arms(review))
    assert mixed.arms["events"].sum() == mixed.margins["events"].sum()
    assert mixed.total.sum() == mixed.margins["total"].sum() == mixed.arms["total"].sum()
    assert mixed.lattice.contains(mixed.lattice.extreme_table(np.zeros(mixed.total.size)))
    evaluable = evidence.outcome("orr").set_index("study")["total"]
    fewer = evaluable_only(review, evaluable.to_dict())
    expected = np.minimum(fewer.arms["arm"].map(evaluable), review.arms["total"])
    np.testing.assert_array_equal(fewer.arms["total"], expected)
    assert (fewer.total <= review.total).all()


def test_estimands_against_hand_calculation(review: CaseMixReview) -> None:
    """One draw, by hand: conditional and marginal odds ratio, risk difference, subtype rate."""
    n_s, n_g = len(review.subtypes), len(review.treatments)
    rng = np.random.default_rng(2)
    a, b = rng.normal(size=n_s), rng.normal(size=n_g)
    one = ("chain", "draw")
    posterior = xr.Dataset(
        {
            "mu": (one, [[-1.5]]),
            "sigma_subtype": (one, [[0.9]]),
            "sigma_treatment": (one, [[0.6]]),
            "subtype_effect": ((*one, "subtype"), a[None, None]),
            "treatment_effect": ((*one, "treatment"), b[None, None]),
        },
        coords={"subtype": review.subtypes, "treatment": review.treatments},
    )
    mix = patient_mix(review)
    treatments = pd.Series([0.2] * n_g, index=review.treatments)
    found = case_mix_estimands(mix, treatments)(posterior, 0).isel(chain=0, draw=0)
    shares = [
        review.cells.loc[review.cells["subtype"] == s, "total"].sum() / 1346
        for s in review.subtypes
    ]
    tki, mono = (review.treatments.index(t) for t in ("ICI + TKI", "ICI monotherapy"))
    rate = {
        g: sum(w * expit(-1.5 + 0.9 * x + 0.6 * b[g]) for w, x in zip(shares, a, strict=True))
        for g in (tki, mono)
    }
    pair = "ICI + TKI v. ICI monotherapy"
    one_pair = found.sel(contrast=pair)
    assert float(one_pair["log_odds_ratio"]) == pytest.approx(0.6 * (b[tki] - b[mono]))
    assert float(one_pair["risk_difference"]) == pytest.approx(rate[tki] - rate[mono])
    odds = {g: r / (1 - r) for g, r in rate.items()}
    marginal = np.log(odds[tki] / odds[mono])
    assert float(one_pair["log_marginal_odds_ratio"]) == pytest.approx(marginal)
    assert abs(marginal) < abs(0.6 * (b[tki] - b[mono]))
    asps = np.mean([expit(-1.5 + 0.9 * a[review.subtypes.index("ASPS")] + 0.6 * x) for x in b])
    assert float(found["subtype_rate"].sel(subtype="ASPS")) == pytest.approx(asps)


def test_density_with_arms_of_one_histology_is_the_exact_likelihood() -> None:
    """No cell is free, and the model's density is prior times binomial probabilities."""
    from models.case_mix import build_case_mix_model

    arms = pd.DataFrame(
        {"arm": ["A", "B", "C"], "treatment": ["mono", "mono", "TKI"], "events": [3, 1, 4]}
    )
    composition = pd.DataFrame(
        {"arm": ["A", "B", "C"], "subtype": ["x", "y", "x"], "total": [10, 8, 9]}
    )
    nothing = pd.DataFrame(columns=["arm", "treatment", "subtype", "events"])
    review = make_review(
        arms, composition, nothing, nothing, treatments=["mono", "TKI"], subtypes=["x", "y"]
    )
    assert not review.lattice.free[[0, 2]].all()
    table = review.lattice.extreme_table(np.zeros(3))
    np.testing.assert_array_equal(table, [3, 1, 4])
    model = build_case_mix_model(review.ledger())
    point = {
        **{name: np.array(v) for name, v in {"mu": -0.7, "tau_log__": -0.4}.items()},
        "sigma_treatment_log__": np.array(-0.9),
        "sigma_subtype_log__": np.array(0.2),
        "treatment_effect": np.array([0.3, -0.8]),
        "subtype_effect": np.array([1.1, -0.5]),
        "z": np.array([0.2, -1.3, 0.6]),
        "responders": table,
    }
    found = float(model.compile_logp(jacobian=False)(point))
    tau, s_trt, s_sub = (np.exp(x) for x in (-0.4, -0.9, 0.2))
    logit = [
        -0.7 + s_trt * 0.3 + s_sub * 1.1 + tau * 0.2,
        -0.7 + s_trt * 0.3 - s_sub * 0.5 - tau * 1.3,
        -0.7 - s_trt * 0.8 + s_sub * 1.1 + tau * 0.6,
    ]
    expected = stats.binom.logpmf([3, 1, 4], [10, 8, 9], expit(logit)).sum()
    expected += stats.norm.logpdf(-0.7, 0, 1.5) + stats.halfnorm.logpdf([tau, s_trt, s_sub]).sum()
    expected += stats.norm.logpdf([0.3, -0.8, 1.1, -0.5, 0.2, -1.3, 0.6]).sum()
    assert found == pytest.approx(expected, rel=1e-12)


def test_density_of_the_variants_by_hand() -> None:
    """Unpooled treatments have priors of their own; a covariate shifts the logit of its arm."""
    arms = pd.DataFrame({"arm": ["A", "B"], "treatment": ["mono", "TKI"], "events": [3, 4]})
    parts = pd.DataFrame([("A", "x", 10), ("B", "y", 9)], columns=["arm", "subtype", "total"])
    nothing = pd.DataFrame(columns=["arm", "treatment", "subtype", "events"])
    review = make_review(
        arms, parts, nothing, nothing, treatments=["mono", "TKI"], subtypes=["x", "y"]
    )
    ledger = review.ledger()
    tau, sigma, z, effect = np.exp(-0.4), np.exp(0.2), np.array([0.2, -1.3]), np.array([1.1, -0.5])
    point = {
        "tau_log__": np.array(-0.4),
        "sigma_subtype_log__": np.array(0.2),
        "subtype_effect": effect,
        "z": z,
        "responders": np.array([3, 4]),
    }
    shared = stats.halfnorm.logpdf([tau, sigma]).sum() + stats.norm.logpdf([*z, *effect]).sum()
    own = np.array([-1.2, -0.3])
    model = build_case_mix_unpooled_model(ledger)
    found = float(model.compile_logp(jacobian=False)({**point, "treatment_logit": own}))
    rate = expit(own + sigma * effect + tau * z)
    expected = stats.binom.logpmf([3, 4], [10, 9], rate).sum() + shared
    assert found == pytest.approx(expected + stats.norm.logpdf(own, 0, 1.5).sum(), rel=1e-12)

    ledger[COLUMN + "year"] = ledger["arm"].map({"A": -0.5, "B": 1.5}).where(ledger["part"] == ARM)
    model = build_case_mix_covariates_model(ledger)
    more = {"mu": np.array(-0.7), "coefficient": np.array([0.4])}
    more |= {"treatment_effect": np.array([0.3, -0.8]), "sigma_treatment_log__": np.array(-0.9)}
    found = float(model.compile_logp(jacobian=False)(point | more))
    s = np.exp(-0.9)
    logit = -0.7 + 0.4 * np.array([-0.5, 1.5]) + s * np.array([0.3, -0.8])
    expected = stats.binom.logpmf([3, 4], [10, 9], expit(logit + sigma * effect + tau * z)).sum()
    expected += shared + stats.halfnorm.logpdf(s) + stats.norm.logpdf([0.4, 0.3, -0.8]).sum()
    assert found == pytest.approx(expected + stats.norm.logpdf(-0.7, 0, 1.5), rel=1e-12)
    ledger.loc[ledger["arm"] == "B", COLUMN + "year"] = np.nan
    with pytest.raises(InputError, match="arm 'B': 'year' is missing"):
        build_case_mix_covariates_model(ledger)


def run_script(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the script as a user does."""
    command = [sys.executable, str(PROJECT_ROOT / "scripts" / "case_mix.py"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--data", "nowhere"), "nowhere: no such folder"),
        (("--mix", "nowhere.csv"), "nowhere.csv: no such file"),
        (("--subtype", "ASPS"), "--subtype and --treatment go together"),
        (("--subtype", "ASP", "--treatment", "ICI + TKI"), "--subtype 'ASP': the review has"),
        (("--prior-tau-scale", "0"), "tau_scale"),
        (("--draws", "5"), "--draws"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(arguments: tuple[str, ...], words: str) -> None:
    result = run_script(*arguments)
    assert result.returncode == 2, result.stderr
    (line,) = result.stderr.strip().splitlines()
    assert line.startswith("error: ")
    assert words in line


def test_help_names_the_files_of_a_users_review() -> None:
    result = run_script("--help")
    assert result.returncode == 0
    for name in ("arms.csv", "composition.csv", "subtype_treatment.csv", "known.csv"):
        assert name in result.stdout


def test_what_is_fitted(review: CaseMixReview, evidence: Evidence) -> None:
    """Rates of variants are for the patients of the main review, of mixed arms for their own."""
    reviews = reviews_of(evidence)
    asked = wanted(reviews, evidence)
    assert {name: one.model.name for name, one in asked.items()} == {
        MAIN: "case_mix",
        EVALUABLE: "case_mix",
        MIXED: "case_mix",
        UNPOOLED: "case_mix_unpooled",
        UNPOOLED_MIXED: "case_mix_unpooled",
        LINE: "case_mix_covariates",
        LINE_YEAR: "case_mix_covariates",
        APPROXIMATION: "case_mix_approximation",
    }
    assert asked[MAIN].given == asked[APPROXIMATION].given == {}
    mix = patient_mix(review)
    assert asked[EVALUABLE].given["mix"] == pytest.approx(mix.to_dict())
    left = asked[UNPOOLED_MIXED].given["mix"]
    assert set(left) == set(reviews[MIXED].subtypes)
    assert sum(left.values()) == pytest.approx(1)
    assert left == pytest.approx(patient_mix(reviews[MIXED]).to_dict())
    # the arms of alveolar soft part sarcoma alone are gone, and so are their patients
    assert left["ASPS"] < mix["ASPS"]
    # the covariates stand in the rows of their arms, in the order of the review
    arms = from_ledger(asked[LINE_YEAR].frame).arms
    matrix, terms = design_matrix(arms)
    lines = evidence.arms.set_index("label")["line"].reindex(arms["arm"])
    assert terms == ["line = unknown", "line = first line", "year"]
    np.testing.assert_array_equal(matrix[:, 0] > 0, (lines == "unknown").to_numpy())
    years = evidence.arms.set_index("label")["year"].reindex(arms["arm"])
    np.testing.assert_allclose(matrix[:, 2], (years - years.mean()) / 3)


def test_unpooled_draws_give_the_estimands_of_their_logits(review: CaseMixReview) -> None:
    """The contrast of two treatments is the difference of their logits, whatever mu is called."""
    rng = np.random.default_rng(4)
    logits = rng.normal(-1.5, 1, (1, 3, len(review.treatments)))
    posterior = xr.Dataset(
        {
            "treatment_logit": (("chain", "draw", "treatment"), logits),
            "sigma_subtype": (("chain", "draw"), [[0.0, 0.0, 0.0]]),
            "subtype_effect": (("subtype", "chain", "draw"), np.ones((26, 1, 3))),
            "tau": (("chain", "draw"), [[0.5, 0.6, 0.7]]),
        },
        coords={"treatment": review.treatments, "subtype": review.subtypes},
    )
    equal = pd.Series(1 / 5, index=review.treatments)
    found = unpooled_estimands(patient_mix(review), equal)(posterior, 0)
    a = found["log_odds_ratio"].sel(contrast="ICI + TKI v. ICI monotherapy").values
    np.testing.assert_allclose(a, logits[..., 2] - logits[..., 0])
    # without subtypes that differ the marginal odds ratio is the conditional one
    b = found["log_marginal_odds_ratio"].sel(contrast="ICI + TKI v. ICI monotherapy").values
    np.testing.assert_allclose(a, b)
    # and composition accounts for nothing
    np.testing.assert_allclose(composition_share(as_pooled(posterior), review), 0, atol=1e-25)


def test_share_of_composition_by_hand() -> None:
    """Two arms of one subtype each: the variance is that of the two subtypes' logits."""
    arms = pd.DataFrame({"arm": ["A", "B"], "treatment": ["m", "t"], "events": [1, 2]})
    parts = pd.DataFrame([("A", "x", 9), ("B", "y", 8)], columns=["arm", "subtype", "total"])
    totals = pd.DataFrame(columns=["treatment", "subtype", "events"])
    known = pd.DataFrame(columns=["arm", "subtype", "events"])
    review = make_review(
        arms, parts, totals, known, treatments=["m", "t"], subtypes=["x", "y"], source="small"
    )
    one = {"tau": 0.6, "mu": -1.0, "sigma_subtype": 0.8, "sigma_treatment": 0.3}
    posterior = xr.Dataset({k: (("chain", "draw"), [[v]]) for k, v in one.items()})
    posterior["subtype_effect"] = (("chain", "draw", "subtype"), [[[1.5, -0.5]]])
    posterior["treatment_effect"] = (("chain", "draw", "treatment"), [[[1.0, 2.0]]])
    posterior = posterior.assign_coords(subtype=["x", "y"], treatment=["m", "t"])
    variance = 0.8**2  # of +0.8 and -0.8 about their mean
    share = variance / (variance + 0.6**2)
    assert composition_share(posterior, review) == pytest.approx([share])
    # in the prior the two effects differ by sigma * Normal(0, sqrt 2)
    rng = np.random.default_rng(0)
    sigma, tau = abs(rng.normal(size=(2, 100_000)))
    expected = (sigma * rng.normal(0, 2**0.5, 100_000) / 2) ** 2
    found = prior_composition_share(review, DEFAULT_PRIORS, 1)
    assert np.median(found) == pytest.approx(np.median(expected / (expected + tau**2)), abs=0.02)


def test_predictive_counts_against_the_beta_binomial_of_simulation() -> None:
    rng = np.random.default_rng(1)
    mean, sd = rng.normal(-0.5, 0.4, 300), abs(rng.normal(0.6, 0.2, 300))
    found = count_distribution(mean, sd, 12)
    rate = expit(mean + sd * rng.standard_normal((4000, 300)))
    drawn = np.bincount(rng.binomial(12, rate).ravel(), minlength=13) / rate.size
    np.testing.assert_allclose(found, drawn, atol=0.002)  # 1.2 million draws: 0.0004 each
    row = count_summary(found, 3)
    assert row["p_at_most"] == pytest.approx(found[:4].sum())
    assert row["p_at_least"] == pytest.approx(found[3:].sum())
    assert found[: int(row["lower"])].sum() < 0.025 <= found[: int(row["lower"]) + 1].sum()
    # a known study effect: the binomial distribution itself
    known = count_distribution(np.full(1, -0.5), np.zeros(1), 12)
    np.testing.assert_allclose(known, stats.binom.pmf(range(13), 12, expit(-0.5)), rtol=1e-9)


def test_trials_not_pooled_are_read_in_every_way(evidence: Evidence, invented: Invented) -> None:
    fit = invented(wanted(reviews_of(evidence), evidence)[MAIN])
    table = trials_not_pooled(evidence, {MAIN: fit.posterior})
    read = table.set_index(["trial", "reading"])[["events", "total"]].T.to_dict("list")
    assert read == {
        ("OSCAR", NEW): [1, 14],
        ("Tan 2024", NEW): [23, 28],
        ("Tan 2024", NO_OVERLAP): [14, 16],
        ("Tan 2024", SAME_STUDY): [14, 16],
    }
    # without differences between studies it does not matter whose study it is
    alike = fit.posterior.assign(tau=0 * fit.posterior["tau"])
    for posterior, same in ((fit.posterior, False), (alike, True)):
        rows = trials_not_pooled(evidence, {MAIN: posterior}).set_index(["trial", "reading"])
        below = rows.loc["Tan 2024", "p_at_most"]
        assert (abs(below[NO_OVERLAP] - below[SAME_STUDY]) < 1e-9) == same


def test_the_part_writes_tables_figures_and_pages(
    evidence: Evidence, invented: Invented, tmp_path: Path
) -> None:
    run = Run(tmp_path, tmp_path / "memory", evidence, Recorder(invented), SamplerSettings())
    part = next(part for part in PARTS if part.name == "case_mix")
    output = run_job(dataclasses.replace(run, parts=(part,)))["case_mix"]
    assert [one.name for one in invented.wanted] == [
        *("case_mix", "case_mix_evaluable", "case_mix_mixed_arms"),
        *("case_mix_unpooled", "case_mix_unpooled_mixed_arms"),
        *("case_mix_line", "case_mix_line_year", "case_mix_approximation"),
    ]
    folder = tmp_path / "case_mix"
    written = {path.stem for path in folder.glob("*.png")}
    assert written == {"case_mix_contrasts", "case_mix_arms"}
    assert {path.stem for path in folder.glob("*.csv")} == set(output.tables)
    assert {path.name for path in folder.glob("*.md")} == {
        "case_mix_contrasts.md",
        "case_mix_table.md",
    }
    cells = output.tables["case_mix_table"]
    facts = output.tables["case_mix_facts"].set_index("name")["value"]
    free = int((cells["basis"] == "inferred").sum())
    assert facts["cells_free"] == facts["cells_moving"] + facts["cells_resting"] == free
    sensitivity = output.tables["case_mix_sensitivity"]
    assert len(sensitivity) == 8 * 10 * 4
    unadjusted = sensitivity.drop_duplicates(["a", "b", "scale", "unadjusted_median"]).groupby(
        ["a", "b", "scale"]
    )
    # as enrolled, evaluable, mixed, and the two unpooled: each has a comparison of its own
    assert (unadjusted.size() == 5).all()
    page = (folder / "case_mix_table.md").read_text(encoding="utf-8")
    assert f"{len(cells)} cells, of which {len(cells) - free} have one possible value" in page
    page = (folder / "case_mix_contrasts.md").read_text(encoding="utf-8")
    assert all(f"| {name} |" in page for name in ("main", "evaluable patients", "ASPS", LINE))
