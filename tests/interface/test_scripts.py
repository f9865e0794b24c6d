"""The scripts as a user meets them: exit codes, one-line errors, JSON."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

from models.common.constants import PROJECT_ROOT
from models.interface import cli

SCRIPTS = (
    "verify/benchmark",
    "verify/calibrate",
    "case_mix",
    "check",
    "compare_published",
    "discussion",
    "example",
    "outcomes",
    "pool",
    "regress",
    "verify/recover_cells",
    "reproduce",
    "review",
    "verify/simulate_subtypes",
    "subgroups",
    "subtypes",
)


def run(
    script: str, *arguments: str, folder: Path = PROJECT_ROOT
) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(PROJECT_ROOT / "scripts" / f"{script}.py"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=folder, check=False)


@pytest.mark.parametrize("script", SCRIPTS)
def test_help_answers_without_loading_a_sampler(script):
    result = run(script, "--help")
    assert result.returncode == 0, result.stderr
    assert "--" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("pool", "nowhere.csv"), "no such file"),
        (("pool",), "review file or --outcome"),
        (("pool", "--outcome", "os"), "--outcome"),
        (("pool", "--outcome", "orr", "--prior-mu-sd", "-1"), "mu_sd"),
        (("pool", "--outcome", "orr", "--where", "treatment=TKI"), "no row"),
        (("subgroups", "--by", "treatmnt"), "treatmnt"),
        (("subgroups", "--margin", "5"), "--margin"),
        (("subgroups", "--by", "arm_id"), "38 groups"),
        (("pool", "--outcome", "orr", "--seed", "-1"), "--seed"),
        (("discussion", "--fits", "nowhere"), "no saved fit"),
        (("check", "--draws", "1"), "--draws"),
        (("compare_published", "--out", "/dev/null/x"), "/dev/null"),
        (("reproduce", "--draws", "1"), "--draws"),
        (("regress", "--covariates", "age"), "no 'age' in the paper"),
        (("regress", "--covariates", "year", "--unit", "year=0"), "--unit"),
        (("regress", "--covariates", "line", "--unit", "line=2"), "has levels"),
        (("regress", "--covariates", "line", "--by", "line"), "only one of them"),
        (("regress", "nowhere.csv", "--covariates", "age"), "no such file"),
        (("outcomes", "nowhere.csv"), "no such file"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(arguments, words, tmp_path):
    result = run(*arguments, folder=tmp_path)
    assert result.returncode == 2
    lines = result.stderr.strip().splitlines()
    assert len(lines) == 1, result.stderr
    assert lines[0].startswith("error: ")
    assert words in lines[0]


def test_a_bad_review_leaves_the_existing_json(tmp_path):
    review, out = tmp_path / "review.csv", tmp_path / "out.json"
    review.write_text("study,events,total\nA,5,3\n")
    out.write_text("old")
    result = run("pool", str(review), "--json", str(out))
    assert result.returncode == 2
    assert "row 2" in result.stderr
    assert out.read_text() == "old"


def test_compare_published_writes_its_tables(tmp_path):
    result = run("compare_published", "--out", str(tmp_path))
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "published_comparison.csv").exists()


@pytest.mark.mcmc
def test_pool_json_has_exactly_the_documented_structure(tmp_path):
    review, out = tmp_path / "review.csv", tmp_path / "out.json"
    review.write_bytes(b"\xef\xbb\xbfstudy;events;total\nA;0;15\nB;0;11\n")
    result = run("pool", str(review), "--json", str(out), "--save", str(tmp_path / "fits"))
    assert result.returncode == 0, result.stderr
    content = json.loads(out.read_text())
    assert list(content)[:5] == ["k", "freeman_tukey", "glmm", "bayes", "diagnostics"]
    assert list(content["freeman_tukey"]) == [
        *("estimate", "ci_lower", "ci_upper", "tau2", "q", "q_p", "i2", "method")
    ]
    # no maximum of the likelihood exists without an event
    assert content["glmm"].pop("reason")
    assert content["glmm"] == dict.fromkeys(
        ("mu", "mu_se", "tau2", "estimate", "ci_lower", "ci_upper")
    )
    bayes = content["bayes"]
    assert list(bayes) == ["mu", "tau", "typical", "average", "new_study", "studies"]
    assert list(bayes["new_study"]) == ["mean", "median", "lower", "upper"]
    assert list(bayes["studies"][0]) == ["study", "events", "total", "median", "lower", "upper"]
    assert 0 < bayes["typical"]["lower"] < bayes["typical"]["median"] < 0.2
    assert content["diagnostics"]["passed"] is True

    written = run("discussion", "--fits", str(tmp_path / "fits"))
    assert written.returncode == 0, written.stderr
    text = (tmp_path / "fits" / "discussion.md").read_text()
    assert "Among 26 patients of 2 studies, 0 had an event" in text


@pytest.mark.mcmc
def test_a_failed_gate_is_exit_code_1_and_marked(tmp_path, monkeypatch, capsys):
    review, out = tmp_path / "review.csv", tmp_path / "out.json"
    review.write_text("study,events,total\nA,1,15\nB,3,11\nC,9,20\n")
    script = importlib.util.spec_from_file_location("pool", PROJECT_ROOT / "scripts" / "pool.py")
    assert script is not None
    assert script.loader is not None
    module = importlib.util.module_from_spec(script)
    script.loader.exec_module(module)
    # no fit can have so many effective draws, whatever is tried
    monkeypatch.setattr("models.fitting.gate.ESS_MIN", 1e9)
    options = ["--engine", "nuts", "--draws", "100"]
    with pytest.raises(SystemExit) as stopped:
        cli.run(module.app, [str(review), "--json", str(out), *options])
    assert stopped.value.code == 1
    printed = capsys.readouterr()
    assert "did not pass the gate" in printed.err
    assert "FAILED" in printed.out
    assert json.loads(out.read_text())["diagnostics"]["passed"] is False


@pytest.mark.mcmc
def test_subgroups_of_a_users_file(tmp_path):
    review, out = tmp_path / "review.csv", tmp_path / "out.json"
    review.write_text(
        "study,events,total,drug\nA,0,15,x\nB,0,11,x\nC,9,20,y\nD,3,9,y\nE,2,8,z\nF,1,9,\n"
    )
    result = run("subgroups", "--data", str(review), "--by", "drug", "--json", str(out))
    assert result.returncode == 0, result.stderr
    content = json.loads(out.read_text())
    assert [g["group"] for g in content["groups"]] == ["x", "y", "z"]
    assert content["groups"][2]["k"] == 1
    assert len(content["contrasts"]) == 3 * 3 * 2
    pair = next(c for c in content["contrasts"] if (c["a"], c["b"]) == ("y", "x"))
    assert pair["p_superior"] > 0.9
    for row in content["contrasts"]:
        assert (row["p_margin"] is None) == (row["scale"] != "risk_difference")
    assert sum(r["p_best"] for r in content["ranks"]) == pytest.approx(1)


def test_a_worker_that_does_not_answer_is_said_to_be_one(capsys):
    from cyclopts import App

    app = App(version_flags=[])

    @app.default
    def late() -> None:
        raise TimeoutError

    with pytest.raises(SystemExit) as stopped:
        cli.run(app, [])
    assert stopped.value.code == 1
    assert "worker process did not answer in time" in capsys.readouterr().err


@pytest.mark.mcmc
def test_regress_json_has_exactly_the_documented_structure(tmp_path):
    review, out = tmp_path / "review.csv", tmp_path / "out.json"
    review.write_text(
        "study,events,total,age,drug,site\nA,1,15,50,x,n\nB,3,11,,x,n\nC,9,20,61,y,s\n"
        "D,3,9,40,y,\nE,2,8,55,z,s\nF,1,9,47,z,n\n"
    )
    options = ("--covariates", "age,site", "--by", "drug", "--unit", "age=10", "--json", str(out))
    result = run("regress", str(review), *options)
    assert result.returncode == 0, result.stderr
    content = json.loads(out.read_text())
    keys = ["k", "coefficients", "tau", "sigma_group", "contrasts", "diagnostics"]
    assert list(content) == [*keys, "notes", "answer", "provenance"]
    assert content["k"] == 6
    terms = [(c["covariate"], c["level"], c["unit"]) for c in content["coefficients"]]
    assert terms == [("age", None, 10), ("site", "s", "v. n"), ("site", "not reported", "v. n")]
    for row in content["coefficients"]:
        assert list(row) == ["covariate", "level", "unit", "odds_ratio", "p_above_one"]
        ratio = row["odds_ratio"]
        assert ratio["lower"] < ratio["median"] < ratio["upper"]
        assert (row["p_above_one"] > 0.5) == (ratio["median"] > 1)
    assert len(content["contrasts"]) == 3 * 3 * 2
    assert content["diagnostics"]["passed"] is True


@pytest.mark.mcmc
def test_outcomes_json_has_exactly_the_documented_structure(tmp_path):
    review, out = tmp_path / "arms.csv", tmp_path / "out.json"
    review.write_text(
        "study,treatment,total,cr,responders,controlled,toxicity,toxicity_total\n"
        "A,x,15,0,3,8,2,15\nB,x,11,,2,,,\nC,y,30,1,6,,5,31\nD,y,20,0,,9,,\n"
    )
    result = run("outcomes", str(review), "--json", str(out))
    assert result.returncode == 0, result.stderr
    content = json.loads(out.read_text())
    assert list(content) == ["treatments", "correlations", "contrasts", "diagnostics"]
    rates = ["treatment", "cr", "pr", "sd", "pd", "orr", "dcr", "trae"]
    assert [list(row) for row in content["treatments"]] == [rates, rates]
    assert len(content["correlations"]) == 3
    assert list(content["correlations"][0]) == [
        "a",
        "b",
        "median",
        "lower",
        "upper",
        "p_above_zero",
    ]
    (pair,) = content["contrasts"]
    assert list(pair) == [
        *("a", "b", "orr", "dcr", "trae", "p_more_response", "p_more_toxicity"),
        *("p_more_response_without_more_toxicity", "net_benefit", "break_even"),
    ]
    assert pair["net_benefit"][0] == {"weight": 0.0, "probability": pair["p_more_response"]}
    assert pair["p_more_response_without_more_toxicity"] <= pair["p_more_response"]
