"""The scripts with ``--engine grid``: keys of the JSON, numbers, imports, refusals."""

import importlib.util
import json
import math
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from models.common.constants import PROJECT_ROOT
from models.evidence.groupings import grouped_outcome
from models.evidence.load import Evidence
from models.fitting.exact import fit_groups, fit_strata
from models.fitting.gate import Gate
from models.interface import cli
from models.priors import DEFAULT_PRIORS

SAMPLER_KEYS = ("rhat_max", "ess_bulk_min", "ess_tail_min", "divergences")
HEAVY = ("pymc", "pytensor", "nutpie", "numba", "arviz", "arviz_stats", "arviz_plots")
PLOTTING = ("matplotlib", "seaborn", "plotly", "bokeh")

LOADED = """
import json, runpy, sys
script, *arguments = sys.argv[1:]
sys.argv = [script, *arguments]
try:
    runpy.run_path(script, run_name="__main__")
finally:
    print("LOADED " + json.dumps(sorted({name.split(".")[0] for name in sys.modules})))
"""


def run(script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(PROJECT_ROOT / "scripts" / f"{script}.py"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def result_of(script: str, out: Path, *arguments: str) -> dict:
    done = run(script, *arguments, "--engine", "grid", "--json", str(out))
    assert done.returncode == 0, done.stderr
    assert "quadrature error" in done.stdout
    content = json.loads(out.read_text())
    diagnostics = content["diagnostics"]
    assert list(diagnostics) == ["passed", *SAMPLER_KEYS, "engine", "quadrature_error"]
    assert diagnostics["passed"] is True
    assert all(diagnostics[key] is None for key in SAMPLER_KEYS)
    assert diagnostics["engine"] == "grid"
    assert 0 <= diagnostics["quadrature_error"] <= 1e-4
    return content


def test_the_pool_loads_no_sampler_and_no_plotting_library(tmp_path: Path) -> None:
    script, out = str(PROJECT_ROOT / "scripts" / "pool.py"), tmp_path / "out.json"
    options = ["--outcome", "orr", "--engine", "grid", "--json", str(out)]
    command = [sys.executable, "-c", LOADED, script, *options]
    start = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - start
    assert done.returncode == 0, done.stderr
    loaded = json.loads(done.stdout.splitlines()[-1].removeprefix("LOADED "))
    assert "numpy" in loaded
    assert not set(loaded) & {*HEAVY, *PLOTTING}
    # promised are 5 s on a quiet machine (2 s of computing time); tests share theirs
    assert seconds < 30

    content = json.loads(out.read_text())
    # long runs and quadrature by other code: mu -1.660 (sd 0.181), tau mean 0.920
    assert content["bayes"]["mu"]["mean"] == pytest.approx(-1.660, abs=0.0006)
    assert content["bayes"]["mu"]["sd"] == pytest.approx(0.181, abs=0.0006)
    assert content["bayes"]["tau"]["mean"] == pytest.approx(0.920, abs=0.0006)


def test_the_pools_json_has_the_documented_structure(tmp_path: Path) -> None:
    review = tmp_path / "review.csv"
    review.write_text("study,events,total\nA,0,15\nB,0,200\nC,5,5\n")
    content = result_of("pool", tmp_path / "out.json", str(review))
    made = ["events", "total", "crude", "observed", "notes", "cautions", "answer", "provenance"]
    assert list(content) == ["k", "freeman_tukey", "glmm", "bayes", "diagnostics", *made]
    bayes = content["bayes"]
    assert list(bayes) == ["mu", "tau", "typical", "average", "new_study", "studies"]
    assert list(bayes["mu"]) == ["mean", "sd"]
    assert list(bayes["tau"]) == ["mean", "sd", "median", "lower", "upper"]
    assert list(bayes["typical"]) == list(bayes["average"]) == ["median", "lower", "upper"]
    assert list(bayes["new_study"]) == ["mean", "median", "lower", "upper"]
    assert list(bayes["studies"][0]) == ["study", "events", "total", "median", "lower", "upper"]
    rates = [row["median"] for row in bayes["studies"]]
    assert rates[1] < rates[0] < rates[2]


def test_groups_take_single_estimands_from_the_quadrature(
    tmp_path: Path, evidence: Evidence
) -> None:
    content = result_of("subgroups", tmp_path / "out.json", "--outcome", "orr")
    keys = ["groups", "sigma_group", "tau", "contrasts", "ranks", "best", "diagnostics"]
    assert list(content)[: len(keys)] == keys
    assert content["margin"] == 0.1
    assert content["freeman_tukey_between_p"] == pytest.approx(0.110, abs=0.0005)
    assert content["table"][0]["ft_lower"] == pytest.approx(0.041, abs=0.0005)
    assert content["provenance"]["priors"]["sigma_scale"] == 1.0
    exact = fit_groups(grouped_outcome(evidence, "orr", "treatment"), DEFAULT_PRIORS)
    groups = content["groups"]
    assert [row["group"] for row in groups] == list(exact.group)
    # the same quadrature in another process: nothing but the order of sums differs
    same = {"rel": 1e-7}
    for i, row in enumerate(groups):
        assert row["typical"]["lower"] == pytest.approx(
            exact.groups.rate_quantile(0.025)[i], **same
        )
        assert row["average"]["median"] == pytest.approx(
            exact.average_rates[i].quantile(0.5), **same
        )
        shrunk = float(exact.group_shrinkage()[i])
        found = row["shrinkage"]
        assert math.isnan(shrunk) if found is None else found == pytest.approx(shrunk, rel=1e-6)
    assert content["tau"]["median"] == pytest.approx(exact.tau.quantile(0.5), **same)
    assert content["sigma_group"]["upper"] == pytest.approx(
        exact.sigma_group.quantile(0.975), **same
    )
    assert len(content["contrasts"]) == 10 * 3 * 2
    # joint: 8000 independent draws have a standard error of at most 0.0056; four of them
    again = exact.draws(200_000, 77).typical_rate
    best = (again.argmax(axis=1)[:, None] == np.arange(5)).mean(axis=0)
    for row, chance in zip(content["ranks"], best, strict=True):
        assert row["p_best"] == pytest.approx(chance, abs=0.023)


def test_subtypes_take_single_estimands_from_the_quadrature(
    tmp_path: Path, evidence: Evidence
) -> None:
    content = result_of("subtypes", tmp_path / "out.json")
    exact = fit_strata(evidence.strata(), DEFAULT_PRIORS)
    summary = exact.units.rate_summary()
    assert [row["stratum"] for row in content["strata"]] == list(exact.unit)
    for i, row in enumerate(content["strata"]):
        for part in ("mean", "sd", "median", "lower", "upper"):
            assert row[part] == pytest.approx(getattr(summary, part)[i], rel=1e-7)
        above = exact.units.prob_rate_above(0.2)[i]
        # a tail probability is one minus a distribution function
        assert row["p_above_20"] == pytest.approx(above, abs=1e-9)
    assert content["tau"]["mean"] == pytest.approx(exact.sigma.mean, rel=1e-7)
    assert exact.sigma_child is not None
    assert content["tau_child"]["median"] == pytest.approx(
        exact.sigma_child.quantile(0.5), rel=1e-7
    )
    family = content["families"][0]
    members = evidence.strata()["parent"].notna().to_numpy()
    weights = evidence.strata().loc[members, "total"]
    mean = np.average(summary.mean[members], weights=weights)
    assert family["mean"] == pytest.approx(mean, rel=1e-7)
    assert family["lower"] < mean < family["upper"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("pool", "--outcome", "orr", "--engine", "grid", "--save", "x"), "--engine nuts"),
        (("subgroups", "--engine", "grid", "--save", "x"), "--engine nuts"),
        (("subtypes", "--engine", "grid", "--model", "exnex"), "--model exnex"),
        (("subtypes", "--engine", "grid", "--model", "by-treatment"), "--model by-treatment"),
        (("pool", "--engine", "stan", "--outcome", "orr"), "--engine"),
        (("pool", "--outcome", "orr", "--out", "x.csv"), "a table belongs to --batch"),
        (("pool", "--batch", "nowhere", "--out", "x.csv"), "no such folder"),
        (("pool", "--batch", "nowhere"), "needs --out"),
        (("pool", "--batch", "nowhere", "--outcome", "orr"), "--batch takes"),
    ],
)
def test_what_the_grid_cannot_do_is_one_line_and_exit_code_2(arguments, words) -> None:
    done = run(*arguments)
    assert done.returncode == 2
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1, done.stderr
    assert words in lines[0]


def test_a_quadrature_that_fails_its_gate_is_exit_code_1(tmp_path, monkeypatch, capsys) -> None:
    assert not Gate.of_quadrature(float("nan")).passed
    review, out = tmp_path / "review.csv", tmp_path / "out.json"
    review.write_text("study,events,total\nA,1,15\nB,3,11\n")
    spec = importlib.util.spec_from_file_location(
        "pool_script", PROJECT_ROOT / "scripts" / "pool.py"
    )
    assert spec is not None
    assert spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    # no grid of some hundred nodes is exact to the last bit
    monkeypatch.setattr("models.fitting.gate.QUADRATURE_ERROR_MAX", 1e-30)
    with pytest.raises(SystemExit) as stopped:
        cli.run(script.app, [str(review), "--engine", "grid", "--json", str(out)])
    assert stopped.value.code == 1
    printed = capsys.readouterr()
    assert "did not pass the gate" in printed.err
    assert "FAILED" in printed.out
    assert json.loads(out.read_text())["diagnostics"]["passed"] is False
