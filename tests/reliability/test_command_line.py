"""What a user may give or have: bad options, lost output, faults of the program, each one line."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from cyclopts import App

from models.common.constants import PROJECT_ROOT
from models.interface import cli
from models.interface.studies import StudyOptions

POOL = [sys.executable, str(PROJECT_ROOT / "scripts" / "pool.py")]


@pytest.fixture
def review(tmp_path: Path) -> Path:
    path = tmp_path / "review.csv"
    path.write_text("study,events,total\n≥ A,3,15\n日本,9,40\n", encoding="utf-8")
    return path


def line_of(err: str) -> str:
    lines = err.splitlines()
    assert len(lines) == 1, err
    assert lines[0].startswith("error: ")
    assert len(lines[0]) <= 320
    return lines[0]


@pytest.mark.parametrize("reads", ["nothing", "a line"])
def test_a_closed_pipe_ends_quietly_with_the_results_written(reads, review, tmp_path) -> None:
    out = tmp_path / "out.json"
    command = [*POOL, str(review), "--engine", "grid", "--json", str(out)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, stderr=pipe) as program:
        if reads == "a line":
            program.stdout.readline()
        program.stdout.close()
        err = program.stderr.read()
    assert program.returncode == 0
    assert err == b""
    assert json.loads(out.read_text(encoding="utf-8"))["k"] == 2


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no such device")
def test_a_full_disk_behind_standard_output_is_said_and_loses_no_result(review, tmp_path) -> None:
    out = tmp_path / "out.json"
    command = [*POOL, str(review), "--engine", "grid", "--json", str(out)]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 2
    assert line_of(done.stderr) == "error: standard output: No space left on device"
    assert json.loads(out.read_text(encoding="utf-8"))["k"] == 2
    with Path("/dev/full").open("w") as full:
        help_ = subprocess.run([*POOL, "--nonsense"], stderr=full, check=False)
    assert help_.returncode == 2


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252"])
def test_a_terminal_of_few_characters_shows_their_numbers(encoding, review, tmp_path) -> None:
    out = tmp_path / "out.json"
    done = subprocess.run(
        [*POOL, str(review), "--engine", "grid", "--json", str(out)],
        capture_output=True,
        env=os.environ | {"PYTHONIOENCODING": encoding},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    text = done.stdout.decode(encoding)
    assert "\\u2265 A" in text
    assert "\\u65e5\\u672c" in text
    studies = json.loads(out.read_text(encoding="utf-8"))["bayes"]["studies"]
    assert [row["study"] for row in studies] == ["≥ A", "日本"]


def failing(error: BaseException) -> App:
    app = App()

    @app.default
    def fail() -> None:
        raise error

    return app


def test_what_nobody_foresaw_is_one_line_and_a_file(tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with pytest.raises(SystemExit) as stopped:
        cli.run(failing(KeyError("a\nb\x1b[31m" + "x" * 1000)), [])
    assert stopped.value.code == 70
    line = line_of(capsys.readouterr().err)
    (file,) = tmp_path.iterdir()
    assert str(file) in line
    assert "KeyError" in line
    text = file.read_text(encoding="utf-8")
    assert "Traceback (most recent call last)" in text
    assert __file__ in text
    assert file.stat().st_mode & 0o077 == 0

    # without a place for the file the line is there still
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "absent"))
    with pytest.raises(SystemExit) as stopped:
        cli.run(failing(RecursionError()), [])
    assert stopped.value.code == 70
    assert line_of(capsys.readouterr().err) == "error: a fault of this program: RecursionError"


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (MemoryError("Unable to allocate 863. GiB"), 70, "not enough memory (Unable to"),
        (MemoryError(), 70, "not enough memory;"),
        (PermissionError(13, "Permission denied", "/x/y"), 2, "/x/y: Permission denied"),
        (OSError("nothing known"), 70, "OSError: nothing known"),
        (TimeoutError(), 1, "did not answer in time"),
    ],
)
def test_faults_around_the_program_are_one_line(error, code, words, capsys) -> None:
    with pytest.raises(SystemExit) as stopped:
        cli.run(failing(error), [])
    assert stopped.value.code == code
    assert words in line_of(capsys.readouterr().err)


def test_an_interrupt_from_anywhere_is_told(capfd) -> None:
    with pytest.raises(SystemExit) as stopped:
        cli.run(failing(KeyboardInterrupt()), [])
    assert stopped.value.code == 130
    assert capfd.readouterr().err == "interrupted; existing results are untouched\n"


def app_of(script: str) -> App:
    import importlib.util

    spec = importlib.util.spec_from_file_location(
        Path(script).stem, PROJECT_ROOT / "scripts" / f"{script}.py"
    )
    assert spec is not None
    assert spec.loader is not None
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded.app


@pytest.mark.parametrize(
    ("script", "options", "words"),
    [
        ("pool", "--prior-mu-mean 1000", "--prior-mu-mean must lie between -100 and 100"),
        ("pool", "--prior-mu-mean=-1e308", "--prior-mu-mean must lie between"),
        ("pool", "--prior-mu-mean nan", "prior mu_mean must be a finite number"),
        ("pool", "--prior-mu-sd 1e-308", "--prior-mu-sd must lie between 0.001 and 100"),
        ("pool", "--prior-mu-sd inf", "prior mu_sd must be a finite number"),
        ("pool", "--prior-tau-scale 1e308", "--prior-tau-scale must lie between"),
        ("pool", "--prior-tau-scale 0", "prior tau_scale must be positive"),
        ("subgroups", "--prior-sigma-scale 1e308", "--prior-sigma-scale must lie between"),
        ("subtypes", "--prior-mu-mean 1000", "--prior-mu-mean must lie between"),
        ("subtypes", "--model exnex --nex-mean 1e308", "--nex-mean must lie between"),
        ("subtypes", "--model exnex --nex-sd 1e-308", "--nex-sd must lie between"),
        ("case_mix", "--prior-sigma-scale 1e-308", "--prior-sigma-scale must lie between"),
        ("pool", "--draws 1000000000", "--draws must be at most 100000"),
        ("subgroups", "--draws 1000000000", "--draws must be at most 100000"),
        ("subtypes", "--draws 1000000000", "--draws must be at most 100000"),
        ("case_mix", "--draws 1000000000", "--draws must be at most 100000"),
        ("reproduce", "--draws 1000000000", "--draws must be at most 100000"),
        ("pool", "--draws 100.5", "'100.5' is not a whole number"),
        ("pool", "--draws 0x64", "'0x64' is not a whole number"),
        ("pool", "--draws 1e3", "'1e3' is not a whole number"),
        ("pool", "--draws " + "9" * 5000, "is not a whole number"),
        ("pool", "--draws ３００", "is not a whole number"),
        ("subtypes", "--draws 100.5", "'100.5' is not a whole number"),
        ("pool", "--seed 1.5", "'1.5' is not a whole number"),
        ("pool", "--seed -1", "--seed must lie between 0 and 4294967295, got -1"),
        ("subtypes", "--seed -1", "--seed must lie between"),
        ("case_mix", "--seed -1", "--seed must lie between"),
        ("reproduce", "--seed -1", "--seed must lie between"),
        ("subgroups", "--margin nan", "--margin must lie between 0 and 1"),
        ("case_mix", "--subtype x", "--subtype and --treatment go together"),
        ("verify/calibrate", "--simulations 0", "--simulations must be at least 10, got 0"),
        ("verify/simulate_subtypes", "--simulations 0", "--simulations must be at least 10"),
        ("verify/simulate_subtypes", "--check-sampler=-1", "--check-sampler must be at least 0"),
        ("verify/calibrate", "--workers 0", "--workers must be at least 1"),
        ("verify/benchmark", "--runs 1.5", "'1.5' is not a whole number"),
        ("reproduce", "--out /dev/null", "--out /dev/null: /dev/null is not a folder"),
        ("discussion", "--out /dev/null", "is not a folder"),
        ("compare_published", "--out /dev/null", "is not a folder"),
        ("check", "--out /dev/null", "is not a folder"),
        ("verify/calibrate", "--store /dev/null", "--store /dev/null: /dev/null is not a folder"),
        ("verify/calibrate", "--out /dev/null", "is not a folder"),
        ("pool", "--json /dev/null", "--json /dev/null: is a device or a pipe"),
        ("pool", "--json .", "--json .: is a folder"),
        ("pool", "--save /dev/null", "is not a folder"),
        ("pool", "--nonsense \x1b[31m", "--nonsense"),
    ],
)
def test_an_option_that_cannot_be_is_one_line(script, options, words, monkeypatch, capsys) -> None:
    # nothing is computed before it is said
    monkeypatch.setattr("models.evidence.load.load_evidence", None)
    outcome = ["--outcome", "orr"] if script == "pool" else []
    with pytest.raises(SystemExit) as stopped:
        cli.run(app_of(script), [*outcome, *options.split(" ")])
    assert stopped.value.code == 2
    line = line_of(capsys.readouterr().err)
    assert words in line
    assert "\x1b" not in line


@pytest.mark.parametrize("script", ["pool", "subgroups", "subtypes"])
def test_an_input_is_never_an_output(script, review, capsys) -> None:
    before = review.read_bytes()
    with pytest.raises(SystemExit) as stopped:
        cli.run(
            app_of(script),
            ["--data", str(review), "--json", str(review)]
            + (["--by", "study"] if script == "subgroups" else []),
        )
    assert stopped.value.code == 2
    assert "is the input" in line_of(capsys.readouterr().err)
    assert review.read_bytes() == before


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("stratum,events,total,parent\nA,3,15,nan\nB,4,20,nan\n", "'nan' is how programs write"),
        ("stratum,events,total,parent\nA,3,15,None\nB,4,20,\n", "'None' is how programs write"),
        ("stratum,events,total,parent,Parent\nA,3,15,x,x\n", "column 'parent' stands there twice"),
    ],
)
def test_a_parent_that_may_be_missing_is_one_line(text, words, tmp_path, capsys) -> None:
    strata = tmp_path / "strata.csv"
    strata.write_text(text)
    with pytest.raises(SystemExit) as stopped:
        cli.run(app_of("subtypes"), ["--data", str(strata), "--engine", "grid"])
    assert stopped.value.code == 2
    assert words in line_of(capsys.readouterr().err)


@pytest.mark.slow
def test_the_limits_of_priors_are_served(review, tmp_path) -> None:
    """What is not refused is computed, in memory that a laptop has."""
    for options in (
        "--prior-mu-mean 100 --prior-mu-sd 100 --prior-tau-scale 100",
        "--prior-mu-mean -100",
        "--prior-mu-sd 0.001 --prior-tau-scale 0.001",
    ):
        limited = ["sh", "-c", f'ulimit -v 6000000; exec "$@" {options}', "sh"]
        done = subprocess.run(
            [*limited, *POOL, str(review), "--engine", "grid"],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode in (0, 1), done.stderr
        assert "Study rates" in done.stdout


def test_options_of_studies_have_defaults_that_pass() -> None:
    StudyOptions().check()
