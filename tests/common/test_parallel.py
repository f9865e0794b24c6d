"""The store of parallel runs: nothing is lost, nothing is mixed, nobody gets in."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import psutil
import pytest

from models.common import parallel
from models.common.constants import PROJECT_ROOT
from models.common.errors import InputError
from models.common.parallel import client, run_stored, stored_results
from models.common.study import Study

SETTINGS = {"seed": 1}


def square(value: int) -> pd.DataFrame:
    return pd.DataFrame({"value": [value], "square": [value**2]})


def dies_once(value: int, flag: str) -> pd.DataFrame:
    """Kill its own worker the first time it is run."""
    if not Path(flag).exists():
        Path(flag).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return square(value)


def fails_at_three(value: int) -> pd.DataFrame:
    if value == 3:
        raise ValueError("three")
    return square(value)


def dies_at_once(value: int) -> pd.DataFrame:
    raise AssertionError("nothing is left to compute")


def numbered(label: str, first: int, stop: int, seed: int) -> pd.DataFrame:
    return pd.DataFrame({"cell": label, "simulation": range(first, stop), "seed": seed})


def names(values: range) -> list[str]:
    return [f"{value:02}" for value in values]


def tasks_of(values: range) -> list[tuple[str, tuple[int]]]:
    return list(zip(names(values), ((value,) for value in values), strict=True))


def found_in(folder: Path, values: range) -> list[int]:
    return stored_results(names(values), folder, SETTINGS)["value"].tolist()


@pytest.fixture(scope="module")
def shared() -> Iterator[dict[str, str]]:
    """One cluster for all tests that are not about processes of one's own."""
    from distributed import LocalCluster

    with LocalCluster(1, threads_per_worker=1, host="127.0.0.1", dashboard_address=None) as cluster:
        yield {"scheduler": cluster.scheduler_address}


# --- stored and resumed


def test_results_are_stored_and_not_computed_twice(tmp_path: Path, shared: dict[str, str]) -> None:
    tasks = tasks_of(range(12))
    run_stored(square, iter(tasks), tmp_path, SETTINGS, **shared)
    found = stored_results(names(range(12)), tmp_path, SETTINGS)
    assert found["square"].tolist() == [value**2 for value in range(12)]

    (tmp_path / "05.parquet").unlink()
    before = {path.name: path.stat().st_mtime_ns for path in tmp_path.glob("*.parquet")}
    seen: list[str] = []
    run_stored(square, tasks, tmp_path, SETTINGS, **shared, advance=seen.append)
    assert sorted(seen) == [name for name, _ in tasks]
    after = {path.name: path.stat().st_mtime_ns for path in tmp_path.glob("*.parquet")}
    assert after.pop("05.parquet")
    assert after == before


def test_a_killed_worker_loses_nothing(tmp_path: Path) -> None:
    flag = str(tmp_path / "died")
    tasks = [(name, (value, flag)) for name, (value,) in tasks_of(range(6))]
    run_stored(dies_once, tasks, tmp_path / "store", SETTINGS)
    assert Path(flag).exists()
    assert found_in(tmp_path / "store", range(6)) == list(range(6))


def test_a_failing_task_is_named_and_the_rest_kept(tmp_path: Path, shared: dict[str, str]) -> None:
    with pytest.raises(RuntimeError, match=r"03: ValueError: three"):
        run_stored(fails_at_three, tasks_of(range(4)), tmp_path, SETTINGS, **shared)
    assert found_in(tmp_path, range(1)) == [0]


def test_results_of_other_settings_are_never_mixed(tmp_path: Path, shared: dict[str, str]) -> None:
    run_stored(square, [("1", (1,))], tmp_path, SETTINGS, **shared)
    with pytest.raises(InputError, match=r"seed is 1 there and 2 here"):
        run_stored(square, [("2", (2,))], tmp_path, {"seed": 2}, **shared)


def test_settings_that_cannot_be_read_are_one_line(tmp_path: Path) -> None:
    (tmp_path / "settings.json").write_text('{"seed": ', encoding="utf-8")
    with pytest.raises(InputError, match=r"settings\.json: does not say"):
        run_stored(square, [("1", (1,))], tmp_path, SETTINGS)


# --- what lies in a store and does not belong there


def _empty_temporary(store: Path) -> None:
    """Leave what a kill between making the temporary file and writing it leaves."""
    (store / ".k3x9wq1z.parquet").touch()


def _whole_temporary(store: Path) -> None:
    """Leave what a kill between writing the temporary file and renaming it leaves."""
    (store / ".k3x9wq1z.parquet").write_bytes((store / "02.parquet").read_bytes())


def _cut(store: Path) -> None:
    whole = (store / "02.parquet").read_bytes()
    (store / "02.parquet").write_bytes(whole[: len(whole) // 2])


def _damaged(store: Path) -> None:
    """Flip one bit of the data."""
    raw = bytearray((store / "02.parquet").read_bytes())
    raw[40] ^= 1
    (store / "02.parquet").write_bytes(raw)


def _of_another_task(store: Path) -> None:
    (store / "02.parquet").write_bytes((store / "03.parquet").read_bytes())


def _foreign(store: Path) -> None:
    square(7).to_parquet(store / "02.parquet")
    square(8).to_parquet(store / "mine.parquet")


def _of_other_settings(store: Path) -> None:
    parallel._write_part(square(2), store, "02", {"seed": 2})


@pytest.mark.parametrize(
    "fault",
    [_empty_temporary, _whole_temporary, _cut, _damaged, _of_another_task, _foreign,
     _of_other_settings],
)  # fmt: skip
def test_what_is_not_a_whole_part_of_this_run_never_enters(
    tmp_path: Path, shared: dict[str, str], fault: Callable[[Path], None]
) -> None:
    study = Study("twos", two, {"a": ()}, 5, 1, 0, SETTINGS, column="value", part="{first:02}")
    store = tmp_path / "store"
    untouched = study.run(store, **shared)
    fault(store)
    pd.testing.assert_frame_equal(study.run(store, **shared), untouched)
    assert untouched["square"].tolist() == [0, 1, 4, 9, 16]


def two(first: int, stop: int, seed: int) -> pd.DataFrame:
    return pd.concat([square(value) for value in range(first, stop)], ignore_index=True)


def test_a_killed_write_leaves_a_state_that_resumes(tmp_path: Path, shared: dict[str, str]) -> None:
    """SIGKILL when the temporary file is written and at the rename, as the files truly lie."""
    for moment in ("open", "os.rename"):
        store = tmp_path / moment
        program = (
            "import os, signal, sys\n"
            "from pathlib import Path\n"
            "from models.common import parallel\n"
            f"moment = {moment!r}\n"
            "kill = lambda event, args: moment in event and '.parquet' in str(args[0]) and "
            "os.kill(os.getpid(), signal.SIGKILL)\n"
            "import pandas as pd\n"
            "sys.addaudithook(kill)\n"
            f"store = Path({str(store)!r})\n"
            f"parallel.claim_folder(store, {SETTINGS!r})\n"
            "frame = pd.DataFrame({'value': [0], 'square': [0]})\n"
            f"parallel._write_part(frame, store, '00', {SETTINGS!r})\n"
        )
        command = [sys.executable, "-c", program]
        ended = subprocess.run(command, cwd=PROJECT_ROOT, check=False, capture_output=True)
        assert ended.returncode == -signal.SIGKILL, ended.stderr
        assert [p.name for p in store.glob("*.parquet")] != ["00.parquet"]
        assert len(list(store.iterdir())) == 2
        run_stored(square, tasks_of(range(2)), store, SETTINGS, **shared)
        assert found_in(store, range(2)) == [0, 1]


def test_nothing_is_computed_that_is_there(tmp_path: Path, shared: dict[str, str]) -> None:
    run_stored(square, tasks_of(range(2)), tmp_path, SETTINGS, **shared)
    run_stored(dies_at_once, tasks_of(range(2)), tmp_path, SETTINGS, **shared)


def test_a_part_that_is_missing_is_said(tmp_path: Path, shared: dict[str, str]) -> None:
    run_stored(square, tasks_of(range(2)), tmp_path, SETTINGS, **shared)
    with pytest.raises(InputError, match=r"02\.parquet: not there or not whole"):
        found_in(tmp_path, range(3))


# --- studies


def test_a_study_counts_what_it_returns(tmp_path: Path, shared: dict[str, str]) -> None:
    cells = {"a": ("a",), "b": ("b",)}
    study = Study("letters", numbered, cells, 6, 2, 9, SETTINGS)
    assert [name for name, _ in study.tasks()][:3] == ["a_00000_00002", "b_00000_00002",
                                                       "a_00002_00004"]  # fmt: skip
    done: list[int] = []
    found = study.run(tmp_path / "store", **shared, advance=done.append)
    assert sum(done) == 12
    assert found.groupby("cell")["simulation"].apply(list).to_dict() == {
        "a": [0, 1, 2, 3, 4, 5],
        "b": [0, 1, 2, 3, 4, 5],
    }
    assert (found["seed"] == 9).all()
    # of two cells that share their parts' names one would be lost
    merged = Study("letters", numbered, cells, 6, 2, 9, SETTINGS, part="{first:05}")
    assert len(study.sample(3)) == 6
    with pytest.raises(InputError, match="multiple of 2 for letters, got 5"):
        Study("letters", numbered, cells, 5, 2, 9, SETTINGS)
    wrong = Study("letters", shifted, {"a": ()}, 6, 2, 9, SETTINGS)
    with pytest.raises(InputError, match="holds other simulations than 0 to 5"):
        wrong.run(tmp_path / "wrong", **shared)
    assert merged.tasks()[0][0] == merged.tasks()[1][0]


def shifted(first: int, stop: int, seed: int) -> pd.DataFrame:
    return numbered("a", first + 1, stop + 1, seed)


# --- interrupted

PROGRAM = """
import signal, sys, time
from pathlib import Path
from models.common import parallel
from tests.common.test_parallel import SETTINGS, takes_long, tasks_of

class Ended(BaseException):
    pass

def end(*_):
    raise Ended

if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, end)
    parallel.run_stored(
        takes_long, tasks_of(range(40)), Path(sys.argv[1]), SETTINGS,
        advance=lambda name: print(name, flush=True),
    )
"""


def takes_long(value: int) -> pd.DataFrame:
    """Answer at once twice, then hold the interpreter."""
    ends = time.monotonic() + (0 if value < 2 else 60)
    while time.monotonic() < ends:
        pass
    return square(value)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("stage", ["starting", "computing"])
def test_a_signal_ends_all_within_two_seconds(
    tmp_path: Path, number: signal.Signals, stage: str, shared: dict[str, str]
) -> None:
    (tmp_path / "program.py").write_text(PROGRAM, encoding="utf-8")
    command = [sys.executable, str(tmp_path / "program.py"), str(tmp_path / "store")]
    running = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(PROJECT_ROOT)},
        start_new_session=True,
    )
    assert running.stdout is not None
    if stage == "computing":
        assert {running.stdout.readline().strip() for _ in range(2)} == {"00", "01"}
    own: list[psutil.Process] = []
    while len(own) < 2:
        assert running.poll() is None
        own = psutil.Process(running.pid).children(recursive=True)
    # as a terminal does, to every process of the group
    started = time.monotonic()
    os.killpg(running.pid, number)
    _, said = running.communicate(timeout=30)
    assert time.monotonic() - started < 2, said
    name = "KeyboardInterrupt" if number == signal.SIGINT else "Ended"
    assert said.strip().splitlines()[-1].endswith(name)
    assert "Exception ignored" not in said
    _, alive = psutil.wait_procs(own, timeout=1)
    assert [p for p in alive if p.status() != psutil.STATUS_ZOMBIE] == []
    if stage == "computing":
        assert found_in(tmp_path / "store", range(2)) == [0, 1]
    store = tmp_path / "store"
    run_stored(square, tasks_of(range(3)), store, SETTINGS, **shared)
    assert found_in(store, range(3)) == [0, 1, 2]


# --- network


def _wait_less_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait less long than a user, for whom the limits add up to less than half a minute."""
    assert 2 * parallel.PATIENCE <= 30
    assert parallel.PULSE + parallel.PATIENCE <= 25
    monkeypatch.setattr(parallel, "PATIENCE", 3.0)
    monkeypatch.setattr(parallel, "PULSE", 1.0)


def _listening() -> set[Any]:
    own = psutil.Process()
    return {
        connection.laddr
        for process in [own, *own.children(recursive=True)]
        for connection in process.net_connections()
        if connection.status == "LISTEN"
    }


def test_own_processes_listen_on_loopback_and_tell_nothing() -> None:
    before = _listening()
    with client(1, None) as connected:
        assert connected.submit(square, 3).result()["square"].tolist() == [9]
        listening = _listening() - before
        assert listening
        assert {address.ip for address in listening} == {"127.0.0.1"}
        for address in listening:
            for path in ("json/identity.json", "info/main/workers.html", "metrics", "status"):
                with pytest.raises((urllib.error.URLError, OSError)):
                    urllib.request.urlopen(f"http://127.0.0.1:{address.port}/{path}", timeout=5)
        # nor does whoever lacks the certificate get to the scheduler
        address = connected.scheduler.address
        with pytest.raises(InputError, match="no scheduler answers"), client(1, address):
            pass


def _listen(reply: bytes) -> int:
    """Listen on a free port of loopback, and answer whatever comes in with a reply, or not."""
    server = socket.create_server(("127.0.0.1", 0))
    kept = []

    def serve() -> None:
        while True:
            connection, _ = server.accept()
            kept.append(connection)
            if reply:
                connection.recv(100)
                connection.sendall(reply)
                connection.close()

    threading.Thread(target=serve, daemon=True).start()
    return int(server.getsockname()[1])


@pytest.mark.parametrize("kind", ["silent", "http", "closed", "another protocol", "no address"])
def test_a_scheduler_that_is_none_is_said_in_words(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    _wait_less_long(monkeypatch)
    address = {
        "silent": lambda: f"tcp://127.0.0.1:{_listen(b'')}",
        "http": lambda: f"tcp://127.0.0.1:{_listen(b'HTTP/1.1 400 Bad Request' + b'\r\n' * 2)}",
        "closed": lambda: "tcp://127.0.0.1:9",
        "another protocol": lambda: "foo://127.0.0.1:8786",
        "no address": lambda: "tcp://",
    }[kind]()
    started = time.monotonic()
    with pytest.raises(InputError, match="no scheduler answers") as error:
        run_stored(square, [("1", (1,))], tmp_path, SETTINGS, scheduler=address)
    assert time.monotonic() - started < 10
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("number", [signal.SIGSTOP, signal.SIGKILL])
def test_a_scheduler_that_stops_ends_the_run_and_keeps_what_is_done(
    tmp_path: Path, number: signal.Signals, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    address = f"tcp://127.0.0.1:{port}"
    cli = [sys.executable, "-m"]
    scheduler = subprocess.Popen(
        [*cli, "distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", str(port),
         "--no-dashboard", "--dashboard-address", "127.0.0.1:0"],
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    worker = subprocess.Popen(
        [*cli, "distributed.cli.dask_worker", address, "--no-nanny", "--no-dashboard",
         "--nthreads", "1"],
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": str(PROJECT_ROOT)},
    )  # fmt: skip
    stopped: list[float] = []

    def stop(name: str) -> None:
        if not stopped:
            stopped.append(time.monotonic())
            scheduler.send_signal(number)
            _wait_less_long(monkeypatch)

    try:
        ends = time.monotonic() + 60
        while socket.socket().connect_ex(("127.0.0.1", port)) and time.monotonic() < ends:
            time.sleep(0.1)
        with pytest.raises(InputError, match="no longer answers"):
            run_stored(
                parallel_square, tasks_of(range(20)), tmp_path, SETTINGS, scheduler=address,
                advance=stop,
            )  # fmt: skip
        assert time.monotonic() - stopped[0] < 10
    finally:
        for process in (scheduler, worker):
            process.kill()
            process.wait()
    done = [p.stem for p in tmp_path.glob("[0-9]*.parquet")]
    assert done
    assert all(parallel.read_part(tmp_path, name, SETTINGS) is not None for name in done)


def parallel_square(value: int) -> pd.DataFrame:
    time.sleep(0.2)
    return square(value)
