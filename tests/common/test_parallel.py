"""The store of parallel runs: nothing is lost, nothing is mixed."""

import os
import signal
from pathlib import Path

import pandas as pd
import pytest

from models.common.errors import InputError
from models.common.parallel import run_stored, stored_results

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


def test_results_are_stored_and_not_computed_twice(tmp_path: Path) -> None:
    tasks = [(f"{value:02}", (value,)) for value in range(12)]
    run_stored(square, iter(tasks), tmp_path, SETTINGS)
    found = stored_results(tmp_path)
    assert found["square"].tolist() == [value**2 for value in range(12)]

    (tmp_path / "05.parquet").unlink()
    before = {path.name: path.stat().st_mtime_ns for path in tmp_path.glob("*.parquet")}
    seen: list[str] = []
    run_stored(square, tasks, tmp_path, SETTINGS, workers=1, advance=seen.append)
    assert sorted(seen) == [name for name, _ in tasks]
    after = {path.name: path.stat().st_mtime_ns for path in tmp_path.glob("*.parquet")}
    assert after.pop("05.parquet")
    assert after == before


def test_a_killed_worker_loses_nothing(tmp_path: Path) -> None:
    flag = str(tmp_path / "died")
    tasks = [(f"{value}", (value, flag)) for value in range(6)]
    run_stored(dies_once, tasks, tmp_path / "store", SETTINGS)
    assert Path(flag).exists()
    assert stored_results(tmp_path / "store")["value"].tolist() == list(range(6))


def test_a_failing_task_is_named_and_the_rest_kept(tmp_path: Path) -> None:
    tasks = [(f"{value}", (value,)) for value in range(4)]
    with pytest.raises(RuntimeError, match=r"3: ValueError: three"):
        run_stored(fails_at_three, tasks, tmp_path, SETTINGS, workers=1)
    assert set(stored_results(tmp_path)["value"]) >= {0}


def test_results_of_other_settings_are_never_mixed(tmp_path: Path) -> None:
    run_stored(square, [("1", (1,))], tmp_path, SETTINGS, workers=1)
    with pytest.raises(InputError, match=r"seed is 1 there and 2 here"):
        run_stored(square, [("2", (2,))], tmp_path, {"seed": 2}, workers=1)


def test_a_scheduler_that_is_not_there_is_said_in_words(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no scheduler answers"):
        run_stored(square, [("1", (1,))], tmp_path, SETTINGS, scheduler="tcp://127.0.0.1:9")
