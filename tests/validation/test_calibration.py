"""Simulation-based calibration: the machinery, what it detects, and the stored results."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy import integrate, stats
from scipy.special import expit

from models.common.constants import PROJECT_ROOT
from models.common.study import Study
from models.priors import DEFAULT_PRIORS, Priors
from models.validation.calibration import simulate as engines
from models.validation.calibration.plan import SIMULATIONS
from models.validation.calibration.quantities import (
    LOG_LIKELIHOOD,
    Quantities,
    covered,
    log_likelihood,
    pit_values,
    random_units,
    rank_row,
    ranks,
    thinned,
    true_scalars,
)
from models.validation.calibration.run import (
    ARM_MODELS,
    GRID_MODELS,
    NUTS_MODELS,
    RESULTS,
    SEED,
    calibration_study,
    kept_draws,
)
from models.validation.calibration.simulate import (
    generator,
    model_priors,
    paper_design,
    simulate_grid,
)
from models.validation.calibration.summary import (
    arviz_p_values,
    holm,
    null_p_values,
    prior_sbc,
    ranked_columns,
    uniformity_tests,
)
from models.validation.calibration.truth import GENERATORS, family_rates, mean_rate

SCRIPT = PROJECT_ROOT / "scripts" / "verify" / "calibrate.py"
PLANNED = [
    *(("nuts", model) for model in NUTS_MODELS),
    *(("grid", model) for model in GRID_MODELS),
    *(("arms", model) for model in ARM_MODELS),
]
STORED = [pair for pair in PLANNED if (RESULTS / f"sbc_{pair[0]}_{pair[1]}.json").exists()]
FEW_NULLS = 2000


# --- stored results


def test_what_is_lacking_is_said() -> None:
    """A run that is shorter than planned is called incomplete where the results are shown."""
    page = (RESULTS / "calibration.md").read_text(encoding="utf-8")
    for engine, model in PLANNED:
        path = RESULTS / f"sbc_{engine}_{model}.json"
        done = json.loads(path.read_text(encoding="utf-8"))["simulations"] if path.exists() else 0
        words = f"{model} by {'grid' if engine == 'grid' else 'NUTS'} has {done} of "
        assert (words in page) == (done < SIMULATIONS[engine])


# --- the test of uniformity


def test_p_values_are_those_of_the_published_formula() -> None:
    """Pointwise beta tests of order statistics, truncated Cauchy combination, by SciPy."""
    pit = np.sort(np.random.default_rng(3).random(200) ** 1.1)
    order = np.arange(1, 201)
    below = stats.beta(order, 201 - order).cdf(pit)
    p = 2 * np.minimum(below, 1 - below)
    terms = np.where(p < 0.5, stats.cauchy.isf(p), 0.0)
    expected = stats.cauchy.sf(terms.mean())
    found = arviz_p_values(xr.Dataset({"pit": ("draw", pit)}))["pit"]
    assert float(found) == pytest.approx(expected, rel=1e-8)


def test_the_size_of_the_calibrated_test_is_nominal() -> None:
    simulations, draws, sets = 500, 119, 2000
    null = null_p_values(simulations, draws, FEW_NULLS)
    rng = np.random.default_rng(11)
    pit = pit_values(rng.integers(0, draws + 1, (sets, simulations)), draws)
    fresh = arviz_p_values(xr.Dataset({"pit": (("set", "draw"), pit)}))["pit"].values
    p = (1 + np.searchsorted(null, fresh, side="right")) / (1 + null.size)
    for level in (0.01, 0.05, 0.2):
        # four standard errors, of the sets here and of as many sets that calibrate
        error = np.sqrt(2 * level * (1 - level) / sets)
        assert abs((p <= level).mean() - level) < 4 * error


def test_holm_on_an_example_worked_by_hand() -> None:
    found = holm(np.array([0.01, 0.04, 0.03, 0.005]))
    assert found == pytest.approx([0.03, 0.06, 0.06, 0.02])


# --- ranks


def test_ranks_count_draws_below_and_break_ties_at_random() -> None:
    rng = np.random.default_rng(1)
    assert ranks(np.array([1.0, 2.0, 3.0]), 2.5, rng) == 2
    found = {int(ranks(np.array([1.0, 2.0, 2.0]), 2.0, rng)) for _ in range(100)}
    assert found == {1, 2, 3}


def test_central_intervals_of_ranks_have_their_nominal_content() -> None:
    """Numbers of ranks are such that every level is met exactly, if ranks are uniform."""
    for draws in {kept_draws(engine, model) for engine, model in STORED}:
        pit = pit_values(np.arange(draws + 1), draws)
        for level in (0.5, 0.8, 0.95):
            assert covered(pit, level).mean() == pytest.approx(level, abs=1e-12)


def test_thinning_takes_every_so_manieth_draw_of_each_chain() -> None:
    values = np.arange(20).reshape(2, 10)
    assert thinned(values, 5).tolist() == [4, 9, 14]


def test_a_quantity_ranked_on_one_side_only_is_refused() -> None:
    rng = np.random.default_rng(1)
    truth = GENERATORS["pooled"](paper_design("pooled"), DEFAULT_PRIORS, rng)
    quantities = Quantities({"mu": np.zeros((1, 10))}, {"study_rate": np.zeros((1, 10, 38))})
    with pytest.raises(ValueError, match="ranked on one side only: average_rate"):
        rank_row(truth, quantities, random_units(truth, rng), 1, rng)


# --- truths


@pytest.mark.parametrize(("mu", "sd"), [(-1.7, 0.9), (0.5, 2.5), (-4.0, 0.0)])
def test_mean_rate_is_the_integral(mu: float, sd: float) -> None:
    exact = integrate.quad(lambda z: expit(mu + sd * z) * stats.norm.pdf(z), -12, 12)[0]
    # quad's own tolerance is 1.5e-8
    assert mean_rate(mu, sd) == pytest.approx(exact, abs=1e-7)


def test_rate_of_a_family_is_weighted_by_patients() -> None:
    design = pd.DataFrame({"total": [10, 30, 5], "parent": ["LPS", "LPS", None]})
    found = family_rates(design, np.array([0.1, 0.3, 0.9]))
    assert found["LPS"] == pytest.approx((10 * 0.1 + 30 * 0.3) / 40)


def test_log_likelihood_is_that_of_the_binomial_up_to_a_constant() -> None:
    rng = np.random.default_rng(5)
    truth = GENERATORS["subtype"](paper_design("subtype"), DEFAULT_PRIORS, rng)
    rates = rng.uniform(0.05, 0.6, (2, len(truth.events)))
    exact = stats.binom(truth.unit_total, rates).logpmf(truth.unit_events).sum(axis=1)
    found = log_likelihood(rates, truth)
    assert found[1] - found[0] == pytest.approx(exact[1] - exact[0], rel=1e-10)


def test_designs_are_those_of_the_paper() -> None:
    assert len(paper_design("pooled")) == 38
    assert paper_design("pooled")["total"].sum() == 1268
    assert len(paper_design("subtype")) == 24
    assert paper_design("subtype")["total"].sum() == 1140
    assert len(paper_design("subtype_treatment")) == 83
    assert list(paper_design("subgroup")["group"].value_counts(sort=False)) == [13, 5, 5, 10, 5]


@pytest.mark.parametrize("model", sorted(GENERATORS))
def test_truths_vary_as_the_prior(model: str) -> None:
    """Mean of mu and mean square of tau over 400 truths, within 4.5 standard errors."""
    priors = model_priors(model)
    truths = [
        GENERATORS[model](paper_design(model), priors, generator(model, i, 9)).scalars
        for i in range(400)
    ]
    mu, tau = (np.array([t[name] for t in truths]) for name in ("mu", "tau"))
    assert abs(mu.mean() - priors.mu_mean) < 4.5 * priors.mu_sd / np.sqrt(400)
    square = tau**2 / priors.tau_scale**2  # chi-squared with one degree of freedom
    assert abs(square.mean() - 1) < 4.5 * np.sqrt(2 / 400)


# --- what it detects


def _shrunk(factor: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make every posterior of the engines narrower about its median."""
    true_posterior = engines.posterior_quantities

    def narrower(*arguments: object) -> Quantities:
        found = true_posterior(*arguments)  # type: ignore[arg-type]
        scalars = {
            name: np.median(draws) + factor * (draws - np.median(draws))
            for name, draws in found.scalars.items()
        }
        return Quantities(scalars, found.units)

    monkeypatch.setattr(engines, "posterior_quantities", narrower)


def test_a_posterior_that_is_too_narrow_is_rejected(monkeypatch: pytest.MonkeyPatch) -> None:
    _shrunk(0.6, monkeypatch)
    found = uniformity_tests(simulate_grid("pooled", 0, 80, 21), 999, FEW_NULLS)
    found = found.set_index("quantity")
    assert found.loc[["mu", "tau", "average_rate"], "rejected"].all()
    # the units were left as they are
    assert not found.loc["study_rate[one at random]", "rejected"]


def test_a_wrong_prior_is_rejected() -> None:
    wrong = Priors(tau_scale=0.4)
    found = uniformity_tests(simulate_grid("pooled", 0, 80, 22, wrong), 999, FEW_NULLS)
    assert found.set_index("quantity").loc["tau", "rejected"]


def test_a_posterior_that_ignores_the_data_shows_in_the_likelihood_alone() -> None:
    """Ranked among prior draws, parameters are uniform: only the log likelihood tells."""
    design, priors = paper_design("pooled"), DEFAULT_PRIORS
    draw = GENERATORS["pooled"]
    rows = []
    for i in range(150):
        rng = generator("pooled", i, 23)
        truth = draw(design, priors, rng)
        others = [draw(design, priors, rng) for _ in range(99)]
        values = {name: [] for name in true_scalars(truth)}
        for other in others:
            for name, value in true_scalars(other).items():
                values[name].append(value)
            values[LOG_LIKELIHOOD][-1] = float(log_likelihood(other.units["study_rate"], truth))
        rows.append(
            {n: int(ranks(np.array(values[n]), v, rng)) for n, v in true_scalars(truth).items()}
        )
    found = uniformity_tests(pd.DataFrame(rows), 99, FEW_NULLS).set_index("quantity")
    assert found.index[found["rejected"]].tolist() == [LOG_LIKELIHOOD]


@pytest.mark.slow
@pytest.mark.parametrize("wrong", ["narrow", "prior"])
def test_power_against_milder_faults(wrong: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A posterior 25 % too narrow or half the prior of tau: found in 9 of 10 runs of 500."""
    if wrong == "narrow":
        _shrunk(0.75, monkeypatch)
    fitted = Priors(tau_scale=0.5) if wrong == "prior" else DEFAULT_PRIORS
    found = [
        uniformity_tests(simulate_grid("pooled", 0, 500, seed, fitted), 999)["rejected"].any()
        for seed in range(10)
    ]
    assert sum(found) >= 9


# --- running it


def _calibrate(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(SCRIPT), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=PROJECT_ROOT, check=False)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--engine", "grid", "--model", "exnex"), "engine grid has pooled, subtype, subgroup"),
        (("--engine", "stan"), "--engine must be nuts, grid, arms or lattice, got 'stan'"),
        (("--simulations", "17"), "must be a multiple of 10 for nuts_pooled, got 17"),
        (("--simulations", "0"), "--simulations must be at least 10, got 0"),
        (("--engine", "lattice", "--model", "pooled"), "engine lattice has case_mix"),
        (("--scheduler", "here"), "--scheduler must be an address"),
        (("--model", "pooled", "--recovery"), "--model does not go with --recovery"),
    ],
)
def test_bad_options_are_one_line_and_exit_code_2(
    arguments: tuple[str, ...], message: str, tmp_path: Path
) -> None:
    done = _calibrate(*arguments, "--out", tmp_path, "--store", tmp_path)
    assert done.returncode == 2
    assert message in done.stderr
    assert done.stderr.count("\n") == 1


def test_results_in_store_are_not_replaced_by_fewer(tmp_path: Path) -> None:
    for suffix in ("csv", "json"):
        name = f"sbc_grid_pooled.{suffix}"
        (tmp_path / name).write_bytes((RESULTS / name).read_bytes())
    arguments = ("--engine", "grid", "--model", "pooled", "--simulations", 50)
    done = _calibrate(*arguments, "--out", tmp_path, "--store", tmp_path / "store")
    assert done.returncode == 2
    assert "name another folder with --out" in done.stderr


def test_a_rejected_model_exits_with_1(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from models.interface.cli import run

    from scripts.verify.calibrate import app

    good = simulate_grid("pooled", 0, 50, 24)
    monkeypatch.setattr(Study, "run", lambda *_, **__: good.assign(tau=999))
    tokens = ["--engine", "grid", "--model", "pooled", "--simulations", "50", "--pictures"]
    with pytest.raises(SystemExit) as stop:
        run(app, [*tokens, "--out", str(tmp_path), "--store", str(tmp_path)])
    assert stop.value.code == 1
    captured = capsys.readouterr()
    assert "calibration is rejected for pooled" in captured.err
    assert "REJECTED" in captured.out
    for name in ("sbc_grid_pooled.png", "sbc_coverage.png", "calibration.md", "sbc_tests.csv"):
        assert (tmp_path / name).stat().st_size > 500


@pytest.mark.slow
def test_a_killed_worker_loses_nothing(tmp_path: Path) -> None:
    import psutil

    command = [sys.executable, str(SCRIPT), "--engine", "grid", "--model", "pooled"]
    command += ["--simulations", "400", "--store", str(tmp_path / "a"), "--out", str(tmp_path)]
    running = subprocess.Popen(command, cwd=PROJECT_ROOT, stdout=subprocess.DEVNULL)
    folder = tmp_path / "a" / "grid_pooled"
    while len(list(folder.glob("*.parquet"))) < 1:
        assert running.poll() is None
        time.sleep(0.1)
    workers = [
        child
        for child in psutil.Process(running.pid).children(recursive=True)
        if "spawn_main" in " ".join(child.cmdline())
    ]
    os.kill(workers[0].pid, signal.SIGKILL)
    assert len(list(folder.glob("*.parquet"))) < 8
    assert running.wait(timeout=600) == 0
    found = pd.read_csv(tmp_path / "sbc_grid_pooled.csv")
    untouched = calibration_study("grid", "pooled", 400, SEED).run(tmp_path / "b", workers=1)
    columns = ["simulation", *ranked_columns(found)]
    pd.testing.assert_frame_equal(found[columns], untouched[columns], check_dtype=False)


@pytest.mark.slow
def test_sampler_and_grid_rank_the_same_truths_alike() -> None:
    """The two engines see the same simulations: their PIT values differ by Monte Carlo error."""
    from models.validation.calibration.simulate import NutsSettings, simulate_nuts

    nuts = simulate_nuts("pooled", 0, 8, 25, NutsSettings())
    grid = simulate_grid("pooled", 0, 8, 25)
    for label in ("mu", "tau", "average_rate", "largest_study_rate", LOG_LIKELIHOOD):
        a = pit_values(nuts[label].to_numpy("int64"), NutsSettings().kept)
        b = pit_values(grid[label].to_numpy("int64"), 999)
        # binomial error of a rank among some 100 effective draws: at most 0.05, and five of it
        assert np.abs(a - b).max() < 0.25
    assert nuts["divergences"].sum() == 0


@pytest.mark.slow
def test_simuk_finds_the_pooled_model_calibrated() -> None:
    """Another implementation's simulations of the same model, in the same result format."""
    import simuk

    from models.pooled import build_pooled_model

    model = build_pooled_model(paper_design("pooled"))
    sbc = simuk.SBC(
        model,
        num_simulations=30,
        seed=26,
        keep_fits=False,
        progress_bar=False,
        sample_kwargs={
            "draws": 500,
            "tune": 500,
            "chains": 2,
            "nuts_sampler": "nutpie",
            "nuts": {"target_accept": 0.99},
        },
    )
    sbc.run_simulations()
    theirs = sbc.simulations["prior_sbc"].to_dataset()
    ours = prior_sbc(pd.DataFrame({"mu": [0, 5], "tau": [3, 1]}), 9)["prior_sbc"].to_dataset()
    assert theirs["mu"].dims == ours["mu"].dims == ("chain", "draw")
    found = pd.DataFrame({name: theirs[name].values[0] for name in ("mu", "tau")})
    assert len(found) == 30
    # its ranks are among all 1000 draws; at 0.001 a calibrated model fails once in 500 runs
    assert uniformity_tests(found, 1000)["p_holm"].min() > 0.001
