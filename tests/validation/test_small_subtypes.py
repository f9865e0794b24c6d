"""The simulation of subtypes: its design, its truths, its arithmetic and its stored results."""

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from models.evidence.load import Evidence
from models.evidence.vocabulary import TREATMENTS
from models.frequentist.freeman_tukey import printed
from models.validation.small_subtypes.replicate import (
    FITTED,
    METHODS,
    NOT_APPLICABLE,
    estimate_all,
    run_replicates,
    simulated_counts,
)
from models.validation.small_subtypes.run import SCENARIOS, SEED, simulation_study
from models.validation.small_subtypes.summary import by_size, size_class, summarise_simulation
from models.validation.small_subtypes.truth import HIGH, Design, Scenario, paper_design, scenarios


@pytest.fixture(scope="module")
def design(evidence: Evidence) -> Design:
    return paper_design(evidence)


@pytest.fixture(scope="module")
def truths(evidence: Evidence, design: Design) -> dict[str, Scenario]:
    return {scenario.name: scenario for scenario in scenarios(evidence, design, SEED)}


def test_the_design_is_the_papers(evidence: Evidence, design: Design) -> None:
    assert design.size.sum() == 1140
    strata = evidence.strata()
    sums = np.bincount(design.subtype, design.size, len(design.unit))
    assert sums.tolist() == strata["total"].tolist()
    table = np.zeros((len(design.unit), 5))
    np.add.at(table, (design.subtype, design.treatment), design.size)
    cells = evidence.cells().pivot_table(
        index="subtype", columns="treatment", values="total", observed=False, aggfunc="sum"
    )
    order = ["ICI monotherapy", "Dual Checkpoint Inhibitors", "ICI + TKI", "ICI + chemotherapy",
             "ICI + immunomodulator"]  # fmt: skip
    np.testing.assert_array_equal(table, cells.loc[list(design.unit), order].fillna(0))
    assert design.total()[-1] == 159


def test_every_scenario_is_run(truths: dict[str, Scenario]) -> None:
    assert tuple(truths) == SCENARIOS
    names = [name for name, _ in simulation_study(50, SEED).tasks()]
    assert len(names) == len(set(names)) == 2 * len(SCENARIOS)


def test_fixed_truths(truths: dict[str, Scenario], evidence: Evidence, design: Design) -> None:
    np.testing.assert_allclose(truths["all 20 %"].true_rate, 0.2)
    high = dict(zip(design.units, truths["two high"].true_rate[0], strict=True))
    assert {unit for unit, rate in high.items() if rate > 0.5} == set(HIGH)
    strata = evidence.strata().set_index("stratum")
    raw = dict(zip(design.units, truths["raw rates"].true_rate[0], strict=True))
    assert raw["EHE"] == 0
    assert raw["EAS"] == 1
    assert raw["LPS"] == pytest.approx(22 / 159)
    assert raw["ASPS"] == pytest.approx(strata.loc["ASPS", "events"] / strata.loc["ASPS", "total"])
    assert len(truths["posterior draws"].true_rate) == 20


def test_the_true_rate_is_the_mean_of_what_is_drawn(
    truths: dict[str, Scenario], design: Design
) -> None:
    """Many replicates of the scenario with effects of treatment and arm: a check by simulation."""
    scenario, n = truths["by treatment and arm"], 4000
    rng = np.random.default_rng(11)
    rates = np.array(
        [
            design.with_family(
                np.bincount(design.subtype, scenario.responders(design, r, rng), len(design.unit))
            )
            / design.total()
            for r in range(n)
        ]
    )
    z = (rates.mean(axis=0) - scenario.true_rate[0]) / (rates.std(axis=0, ddof=1) / np.sqrt(n))
    # 25 dependent comparisons: 4.5 standard errors have a chance of 2e-4 in all
    assert np.abs(z).max() < 4.5
    # the arms' effects widen what is observed beyond the binomial
    binomial = scenario.true_rate[0] * (1 - scenario.true_rate[0]) / design.total()
    assert (rates.var(axis=0)[design.total() > 100] > 1.5 * binomial[design.total() > 100]).all()


def test_freeman_tukey_as_published_gives_the_printed_rows(
    evidence: Evidence, design: Design
) -> None:
    """With the paper's own responders the method is Fig. 4, digit by digit."""
    cells = evidence.cells().set_index(["subtype", "treatment"])["events"]
    order = list(TREATMENTS)
    responders = np.zeros(design.size.size)
    left = {key: int(events) for key, events in cells.items()}
    for i, size in enumerate(design.size):
        key = (design.unit[design.subtype[i]], order[design.treatment[i]])
        responders[i] = min(int(size), left[key])
        left[key] -= int(responders[i])
    assert not any(left.values())
    found = estimate_all(design, responders)
    found = found[found["method"] == "ft_published"].set_index("unit")
    rows = evidence.subtypes.set_index("subtype")
    for subtype in rows.index:
        for column, name in (("estimate", "estimate"), ("lower", "lower"), ("upper", "upper")):
            ours = printed(float(found.loc[subtype, column]), 2)
            assert float(ours) == float(rows.loc[subtype, f"printed_{name}"]), (subtype, name)


def test_a_replicate_does_not_depend_on_its_task(design: Design) -> None:
    whole = run_replicates("two high", 0, 3, SEED)
    last = run_replicates("two high", 2, 3, SEED)
    own = whole[whole["replicate"] == 2].reset_index(drop=True)
    pd.testing.assert_frame_equal(own, last)
    assert list(dict.fromkeys(whole["method"])) == list(METHODS)
    again = simulated_counts("two high", 2, SEED)
    assert (again <= design.size).all()


def test_glmm_says_why_it_has_no_estimate(design: Design) -> None:
    none = estimate_all(design, np.zeros(design.size.size))
    glmm = none[none["method"] == "glmm"]
    assert set(glmm["status"]) == {NOT_APPLICABLE}
    assert glmm["estimate"].isna().all()
    assert (none.loc[none["method"] != "glmm", "status"] == FITTED).all()


def test_summary_by_hand() -> None:
    rows = []
    estimates = {"crude": [0.1, 0.3, 0.2, 0.4], "glmm": [0.2, np.nan, 0.2, 0.5]}
    for method, values in estimates.items():
        for replicate, value in enumerate(values):
            missing = np.isnan(value)
            rows.append(
                {
                    "scenario": "s",
                    "unit": "u",
                    "method": method,
                    "replicate": replicate,
                    "truth": replicate % 2,
                    "true_rate": 0.2,
                    "estimate": value,
                    "mean": np.nan,
                    "lower": value - 0.05,
                    "upper": value + 0.15,
                    "status": "failed" if missing else "fitted",
                }
            )
    units = summarise_simulation(pd.DataFrame(rows), {"u": 7}, ["s"]).set_index("method")
    crude, glmm = units.loc["crude"], units.loc["glmm"]
    assert crude["bias"] == pytest.approx(0.05)
    assert crude["rmse"] == pytest.approx(np.sqrt((0.01 + 0.01 + 0 + 0.04) / 4))
    assert crude["coverage"] == pytest.approx(0.5)
    assert crude["width"] == pytest.approx(0.2)
    assert crude["size"] == "1-9"
    assert glmm["fitted"] == 3
    assert glmm["failed"] == 1
    assert glmm["bias"] == pytest.approx(0.1)
    assert glmm["crude_rmse"] == pytest.approx(np.sqrt((0.01 + 0 + 0.04) / 3))
    # biases at the two truths are -0.05 and 0.15, their squared standard errors 0.0025 each
    assert crude["rms_bias"] == pytest.approx(np.sqrt((0.0025 + 0.0225) / 2 - 0.0025))
    sizes = by_size(units.reset_index()).set_index("method")
    assert sizes.loc["glmm", "failed"] == pytest.approx(0.25)


def test_size_classes() -> None:
    assert [size_class("x", n) for n in (1, 9, 10, 29, 30, 99, 100)] == [
        "1-9", "1-9", "10-29", "10-29", "30-99", "30-99", "≥ 100",
    ]  # fmt: skip


def test_effects_are_on_the_logit_scale(truths: dict[str, Scenario], design: Design) -> None:
    scenario = truths["by treatment"]
    tki = design.treatment == 2
    mono = design.treatment == 0
    rates = expit(scenario.cell_logit[0])
    ss = design.subtype == design.unit.index("SS")
    odds = rates / (1 - rates)
    ratio = odds[ss & tki][0] / odds[ss & mono][0]
    # Fig. 2 prints 0.28 and 0.11
    assert ratio == pytest.approx((0.28 / 0.72) / (0.11 / 0.89), rel=1e-9)
