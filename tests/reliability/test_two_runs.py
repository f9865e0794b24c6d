"""Two runs into one folder at once: results are those of one of them, whole, or a refusal."""

import json
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from models.analyses.pools import batch
from models.common.constants import PROJECT_ROOT
from models.common.errors import InputError, OutputError
from models.common.files import held
from models.common.parallel import LOCK_FILE, run_stored
from models.fitting import records
from models.fitting.exact import Exact
from models.fitting.fit import Wanted
from models.fitting.records import load_fit, save_fit
from models.fitting.registry import POOLED
from models.interface import reproduce
from models.priors import DEFAULT_PRIORS

pytest.importorskip("fcntl")
BUSY = "another run is writing to this folder"


@pytest.fixture
def review(tmp_path: Path) -> Path:
    path = tmp_path / "review.csv"
    rows = "".join(f"S{i},{i % 7},{10 + i}\n" for i in range(12))
    path.write_text("study,events,total\n" + rows)
    return path


def test_a_lock_is_free_again_when_its_process_is_killed(tmp_path: Path) -> None:
    lock = tmp_path / "folder" / "lock"
    code = (
        "import sys, time; from pathlib import Path; from models.common.files import held\n"
        f"with held(Path({str(lock)!r})): print('held', flush=True); time.sleep(60)"
    )
    program = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, cwd=PROJECT_ROOT
    )
    assert program.stdout is not None
    assert program.stdout.readline() == "held\n"
    with pytest.raises(OutputError, match=BUSY), held(lock):
        pass
    program.kill()
    program.wait()
    with held(lock):
        pass


def test_a_second_job_is_refused_before_any_work(tmp_path: Path) -> None:
    with held(tmp_path / "fits" / reproduce.LOCK):
        with pytest.raises(OutputError, match=BUSY):
            reproduce.reproduce(tmp_path, draws=1000, seed=1, fresh=True, quick=True)
        (tmp_path / "fits" / "pool_a.json").write_text('{"sampling": {"first_attempt": {}}}')
        with pytest.raises(OutputError, match=BUSY):
            reproduce.discuss(tmp_path / "fits", None)
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["fits", "job.lock", "pool_a.json"]


def test_a_store_of_a_long_run_has_one_writer(tmp_path: Path) -> None:
    with held(tmp_path / LOCK_FILE), pytest.raises(OutputError, match=BUSY):
        run_stored(lambda: None, [("a", ())], tmp_path, {})
    assert not list(tmp_path.glob("*.parquet"))


def test_two_runs_with_one_output_leave_that_of_one_of_them(review: Path, tmp_path: Path) -> None:
    def command(scale: float, name: str) -> list[str]:
        script = str(PROJECT_ROOT / "scripts" / "pool.py")
        options = ["--engine", "grid", "--prior-tau-scale", str(scale)]
        return [sys.executable, script, str(review), *options, "--json", str(tmp_path / name)]

    for scale in (1.0, 0.5):
        subprocess.run(command(scale, f"{scale}.json"), check=True, stdout=subprocess.DEVNULL)
    both = [
        subprocess.Popen(command(scale, "both.json"), stdout=subprocess.DEVNULL)
        for scale in (1.0, 0.5)
    ]
    assert [program.wait(timeout=120) for program in both] == [0, 0]

    def numbers(name: str) -> dict[str, object]:
        content = json.loads((tmp_path / name).read_text(encoding="utf-8"))
        return {key: content[key] for key in ("k", "freeman_tukey", "bayes")}

    alone = [numbers(f"{scale}.json") for scale in (1.0, 0.5)]
    assert alone[0] != alone[1]
    assert numbers("both.json") in alone
    assert not list(tmp_path.glob(".*"))


def test_draws_of_one_run_never_stand_under_the_record_of_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The worst order: another run saves its whole fit between our draws and our record."""
    frame = pd.DataFrame({"study": list("abc"), "events": [1, 4, 2], "total": [10, 12, 9]})
    wanted = Wanted(POOLED, frame, DEFAULT_PRIORS, name="both")
    ours, others = (Exact(200, seed)(wanted) for seed in (1, 2))
    write_json = records.write_json

    def between(path: Path, content: object) -> None:
        monkeypatch.setattr(records, "write_json", write_json)
        save_fit(others, tmp_path, "both", [])
        write_json(path, content)

    monkeypatch.setattr(records, "write_json", between)
    save_fit(ours, tmp_path, "both", [])
    with pytest.raises(InputError, match=r"is not the file that both\.json tells of"):
        load_fit(tmp_path, "both")
    # the next run makes it anew
    save_fit(ours, tmp_path, "both", [])
    assert (load_fit(tmp_path, "both")[0].posterior["mu"] == ours.posterior["mu"]).all()


def test_a_batch_that_was_killed_ends_in_the_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch, "CHUNK", 2)
    source = tmp_path / "many"
    source.mkdir()
    for i in range(8):
        text = "study,events,total\n" + "".join(f"S{j},{(i + j) % 5},{9 + j}\n" for j in range(4))
        (source / f"r{i}.csv").write_text(text)
    batch.run_batch(source, tmp_path / "whole.csv", DEFAULT_PRIORS, workers=1)

    # killed after two of four chunks
    out, stored = tmp_path / "cut.csv", batch.run_stored

    def killed(function, tasks, *arguments, **options):
        stored(function, list(tasks)[:2], *arguments, **options)
        raise KeyboardInterrupt

    monkeypatch.setattr(batch, "run_stored", killed)
    with pytest.raises(KeyboardInterrupt):
        batch.run_batch(source, out, DEFAULT_PRIORS, workers=1)
    assert not out.exists()
    assert len(list((tmp_path / "cut.csv.parts").glob("0*.parquet"))) == 2
    monkeypatch.setattr(batch, "run_stored", stored)
    batch.run_batch(source, out, DEFAULT_PRIORS, workers=1)
    assert out.read_bytes() == (tmp_path / "whole.csv").read_bytes()
