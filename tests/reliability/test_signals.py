"""Ctrl-C and SIGTERM at every stage: one line, the right exit code, at once, nothing left behind.

Each program is a script as a user starts it. A thread of its own, brought in by `sitecustomize`,
says when the stage is reached.
"""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import psutil
import pytest

from models.common.constants import PROJECT_ROOT

# started as processes of their own, with limits of seconds: not beside the rest of the suite
pytestmark = pytest.mark.slow

SECONDS = 3.0
"""Two are promised; tests share the machine."""
LINES = {
    signal.SIGINT: "interrupted; existing results are untouched",
    signal.SIGTERM: "terminated; existing results are untouched",
}
WATCH = """
import os, sys, threading, time
# processes that the program starts have no stage
file, function, marker = os.environ.pop("STAGE", "none|none|none").split("|")
os.environ.pop("PYTHONPATH", None)
main = threading.main_thread().ident

def reached():
    frame = sys._current_frames().get(main)
    while frame is not None:
        code = frame.f_code
        if file in code.co_filename and function in ("", code.co_name):
            return True
        frame = frame.f_back
    return False

def watch():
    while not reached():
        time.sleep(0.005)
    open(marker, "w").close()

def stop_at_rename(event, arguments):
    if event == "os.rename":
        open(marker, "w").close()
        time.sleep(60)

if marker == "none":
    pass
elif function == "rename":
    sys.addaudithook(stop_at_rename)
else:
    threading.Thread(target=watch, daemon=True).start()
"""
IMPORTS = ("scipy/", "<module>")
START = ("cyclopts/", "<module>")
SAMPLER = ("nutpie/sample.py", "wait")
LATTICE = ("models/fitting/lattice_chain.py", "run_chains")
GRID = ("models/grid/", "")
WRITING = ("", "rename")
WORKERS = ("models/common/parallel.py", "_next_finished")
mcmc = pytest.mark.mcmc


@pytest.fixture
def review(tmp_path: Path) -> Path:
    path = tmp_path / "review.csv"
    rows = "".join(f"S{i},{i % 7},{10 + i}\n" for i in range(40))
    path.write_text("study,events,total\n" + rows)
    return path


def start(stage: tuple[str, str], folder: Path, script: str, *arguments: object):
    """Start a script and wait until it has reached a stage."""
    (folder / "site").mkdir()
    (folder / "site" / "sitecustomize.py").write_text(WATCH)
    marker = folder / "reached"
    environment = os.environ | {
        "PYTHONPATH": str(folder / "site"),
        "STAGE": "|".join((*stage, str(marker))),
        "OMP_NUM_THREADS": "1",
    }
    program = subprocess.Popen(
        [sys.executable, str(PROJECT_ROOT / "scripts" / script), *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
        start_new_session=True,
    )
    until = time.monotonic() + 300
    while not marker.exists() and program.poll() is None and time.monotonic() < until:
        time.sleep(0.01)
    if not marker.exists():
        program.kill()
        pytest.fail(f"the stage {stage} was not reached: {program.communicate()}")
    return program


def stop(program, number: signal.Signals, *, group: bool = False) -> None:
    """Send a signal, as a terminal does to all processes or to the program alone, and check."""
    processes = psutil.Process(program.pid).children(recursive=True)
    sent = time.monotonic()
    if group:
        os.killpg(program.pid, number)
    else:
        program.send_signal(number)
    try:
        out, err = program.communicate(timeout=30)
    except subprocess.TimeoutExpired:
        os.killpg(program.pid, signal.SIGKILL)
        raise
    seconds = time.monotonic() - sent
    _, alive = psutil.wait_procs(processes, timeout=SECONDS)
    for process in alive:
        process.kill()
    lines = [line for line in err.splitlines() if line.strip()]
    assert lines[-1] == LINES[number]
    # but for a bar of progress that stood there before
    assert [line for line in lines[:-1] if not line.startswith("reviews")] == []
    assert program.returncode == 128 + number
    assert out == ""
    assert alive == []
    assert seconds < SECONDS


@pytest.mark.parametrize("number", LINES)
@pytest.mark.parametrize(
    ("stage", "script", "options"),
    [
        pytest.param(START, "pool.py", (), id="start"),
        pytest.param(IMPORTS, "pool.py", (), id="imports"),
        pytest.param(GRID, "pool.py", ("--engine", "grid"), id="grid"),
        pytest.param(WRITING, "pool.py", ("--engine", "grid"), id="writing"),
        pytest.param(SAMPLER, "pool.py", ("--draws", 60000), id="sampler", marks=mcmc),
    ],
)
def test_a_pool_ends_at_once(number, stage, script, options, review, tmp_path) -> None:
    out = tmp_path / "out.json"
    out.write_text("old")
    program = start(stage, tmp_path, script, review, "--json", out, *options)
    stop(program, number)
    assert out.read_text() == "old"
    assert {path.name for path in tmp_path.iterdir()} == {
        *("site", "reached", "review.csv", "out.json"),
    }


@pytest.mark.mcmc
@pytest.mark.parametrize("number", LINES)
def test_the_chains_of_the_lattice_sampler_end(number, tmp_path) -> None:
    program = start(LATTICE, tmp_path, "case_mix.py", "--json", tmp_path / "out.json")
    stop(program, number, group=number == signal.SIGINT)
    assert not (tmp_path / "out.json").exists()


@pytest.mark.parametrize("number", LINES)
def test_the_workers_of_a_batch_end_and_the_batch_resumes(number, review, tmp_path) -> None:
    many = tmp_path / "many"
    many.mkdir()
    for i in range(200):
        (many / f"r{i:03}.csv").write_text(review.read_text())
    out, parts = tmp_path / "out.parquet", tmp_path / "out.parquet.parts"
    arguments = ("pool.py", "--batch", many, "--workers", 2, "--out")
    program = start(WORKERS, tmp_path, *arguments, out)
    until = time.monotonic() + 120
    while not list(parts.glob("0*.parquet")) and time.monotonic() < until:
        time.sleep(0.01)
    stop(program, number, group=number == signal.SIGINT)
    assert list(parts.glob("0*.parquet"))
    assert not out.exists()
    command = [sys.executable, str(PROJECT_ROOT / "scripts" / "pool.py")]
    again = subprocess.run(
        [*command, *map(str, arguments[1:]), str(out)], capture_output=True, text=True, check=False
    )
    assert again.returncode == 0, again.stderr
    table = pd.read_parquet(out)
    assert list(table["review"]) == [f"r{i:03}" for i in range(200)]
    # every review has the same counts
    assert table["error"].isna().all()
    assert table["mu_mean"].nunique() == 1
    assert not parts.exists()


def test_a_second_signal_does_not_disturb(review, tmp_path) -> None:
    program = start(GRID, tmp_path, "pool.py", review, "--engine", "grid")
    program.send_signal(signal.SIGINT)
    stop_again = time.monotonic() + 0.5
    while time.monotonic() < stop_again and program.poll() is None:
        program.send_signal(signal.SIGTERM)
        time.sleep(0.01)
    _, err = program.communicate(timeout=30)
    assert err.strip().splitlines()[-1] == LINES[signal.SIGINT]
    assert program.returncode == 130


def test_what_was_started_deaf_to_a_signal_stays_so(review) -> None:
    """As with nohup, or in the background of a shell without job control."""
    script = PROJECT_ROOT / "scripts" / "pool.py"
    program = subprocess.Popen(
        [sys.executable, str(script), str(review), "--engine", "grid"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN),
    )
    while program.poll() is None:
        program.send_signal(signal.SIGINT)
        time.sleep(0.1)
    out, err = program.communicate()
    assert program.returncode == 0
    assert "gate: passed" in out
    assert err == ""
