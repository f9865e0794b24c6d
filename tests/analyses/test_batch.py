"""Batches of reviews: the numbers, faults in single reviews, resumption, streaming."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from models.analyses.pools import batch
from models.analyses.pools.batch import COLUMNS, NUMBERS, run_batch
from models.common.constants import PROJECT_ROOT
from models.common.errors import InputError
from models.grid import fit_pooled
from models.priors import DEFAULT_PRIORS, Priors
from models.reviews.batches import Review, count_reviews, read_reviews


def reviews(count: int, studies: int = 4, seed: int = 1) -> dict[str, pd.DataFrame]:
    rng = np.random.default_rng(seed)
    found = {}
    for i in range(count):
        total = rng.integers(1, 80, studies)
        found[f"r{i:03}"] = pd.DataFrame(
            {
                "study": [f"s{j}" for j in range(studies)],
                "events": rng.binomial(total, 0.2),
                "total": total,
            }
        )
    return found


def as_folder(found: dict[str, pd.DataFrame], folder: Path) -> Path:
    folder.mkdir()
    for name, frame in found.items():
        frame.to_csv(folder / f"{name}.csv", index=False)
    return folder


def as_parquet(found: dict[str, pd.DataFrame], path: Path) -> Path:
    frames = [frame.assign(review=name) for name, frame in found.items()]
    pd.concat(frames).to_parquet(path, index=False)
    return path


def test_columns_are_those_of_the_posterior_and_faults_lose_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(batch, "CHUNK", 5)
    found = reviews(12)
    source = as_folder(found, tmp_path / "many")
    (source / "r003.csv").write_text("study,events,total\nA,5,3\n")
    (source / "r007.csv").write_text("")
    (source / "notes.txt").write_text("no review")
    out = tmp_path / "out.csv"
    report = run_batch(source, out, DEFAULT_PRIORS, workers=1)
    assert (report.reviews, report.failed) == (12, 2)
    assert "r003.csv, row 2, column 'events'" in report.example
    table = pd.read_csv(out)
    assert list(table) == list(COLUMNS)
    assert table["review"].tolist() == list(found)
    assert table.index[table["error"].notna()].tolist() == [3, 7]
    assert table.loc[[3, 7], list(NUMBERS)].isna().all(axis=None)
    sound = table[table["error"].isna()].set_index("review")
    for name in sound.index:
        frame, row = found[name], sound.loc[name]
        exact = fit_pooled(frame["events"], frame["total"])
        # one thread there, several here: sums may differ in their last digits
        close = {"rel": 1e-8, "abs": 1e-10}
        assert row["k"] == len(frame)
        assert row["events"] == frame["events"].sum()
        assert row["mu_mean"] == pytest.approx(float(exact.mu.mean), **close)
        assert row["typical_upper"] == pytest.approx(float(exact.mu.rate_quantile(0.975)), **close)
        assert row["tau_median"] == pytest.approx(exact.tau.quantile(0.5), **close)
        assert row["average_sd"] == pytest.approx(exact.average_rate.sd, **close)
        assert row["new_study_lower"] == pytest.approx(
            float(exact.new_study.rate_quantile(0.025)), **close
        )
        assert row["quadrature_error"] <= 1e-4


def test_a_run_resumes_and_notices_what_changed(tmp_path, monkeypatch):
    monkeypatch.setattr(batch, "CHUNK", 3)
    source = as_folder(reviews(9), tmp_path / "many")
    bad = source / "r004.csv"
    sound = bad.read_text()
    bad.write_text("study,events,total\nA,5,3\n")
    out = tmp_path / "out.parquet"
    assert run_batch(source, out, DEFAULT_PRIORS, workers=1).failed == 1
    store = tmp_path / "out.parquet.parts"
    before = {path.name: path.stat().st_mtime_ns for path in store.glob("*.parquet")}
    assert len(before) == 3

    with pytest.raises(InputError, match=r"mu_sd is 1.5 there and 1.0 here"):
        run_batch(source, out, Priors(mu_sd=1.0), workers=1)

    # a chunk is lost, and the fault mended: two of three chunks are computed again
    (store / min(before)).unlink()
    bad.write_text(sound)
    computed = []
    monkeypatch.setattr(batch, "_remove", lambda folder: None)
    original = batch.run_stored

    def counting(function, tasks, *arguments, **options):
        def watched():
            for name, task in tasks:
                if not (store / f"{name}.parquet").exists():
                    computed.append(name)
                yield name, task

        original(function, watched(), *arguments, **options)

    monkeypatch.setattr(batch, "run_stored", counting)
    report = run_batch(source, out, DEFAULT_PRIORS, workers=1)
    assert (report.reviews, report.failed) == (9, 0)
    assert len(computed) == 2
    last = max(before)
    assert (store / last).stat().st_mtime_ns == before[last]
    table = pd.read_parquet(out)
    assert table["error"].isna().all()
    assert table["review"].tolist() == [f"r{i:03}" for i in range(9)]


def test_the_store_is_removed_when_all_is_well(tmp_path):
    source = as_parquet(reviews(2), tmp_path / "all.parquet")
    out = tmp_path / "out.parquet"
    assert run_batch(source, out, DEFAULT_PRIORS, workers=1).failed == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["all.parquet", "out.parquet"]


def test_parquet_is_streamed_over_the_borders_of_its_parts(tmp_path, monkeypatch):
    monkeypatch.setattr("models.reviews.batches._ROWS", 7)
    found = reviews(11, studies=5)
    path = as_parquet(found, tmp_path / "all.parquet")
    assert count_reviews(path) == 11
    read = list(read_reviews(path))
    assert [review.name for review in read] == list(found)
    for review in read:
        assert review.events == tuple(found[review.name]["events"])
        assert review.total == tuple(found[review.name]["total"])
        assert review.error is None


FAULTS = {
    "events": ([4, 1], [3, 9], ["A", "B"], "row 3, column 'events': 4 is more than"),
    "total": ([0, 1], [0, 9], ["A", "B"], "row 3, column 'total': 0 patients"),
    "twice": ([0, 1], [5, 9], ["A", "A"], "row 4, column 'study': 'A' stands"),
    "blank": ([0, 1], [5, 9], ["A", None], "row 4, column 'study': the cell is blank"),
    "missing": ([0, None], [5, 9], ["A", "B"], "row 4, column 'events': the cell is blank"),
    "half": ([0, 1], [5.5, 9], ["A", "B"], "row 3, column 'total': 5.5 is not a whole"),
    "negative": ([-1, 1], [5, 9], ["A", "B"], "row 3, column 'events': -1 is negative"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_in_parquet_names_review_row_column_and_value(tmp_path, name):
    events, total, study, words = FAULTS[name]
    frames = [pd.DataFrame({"study": ["A", "B"], "events": [1, 2], "total": [3, 9]})] * 2
    found = dict(zip(("one", "three"), frames, strict=True))
    bad = pd.DataFrame({"study": study, "events": events, "total": total})
    path = as_parquet(
        {"one": found["one"], "two": bad, "three": found["three"]}, tmp_path / "p.parquet"
    )
    one, two, three = read_reviews(path)
    assert one.error is None
    assert three.error is None
    assert two.error is not None
    assert "review 'two'" in two.error
    assert words in two.error


@pytest.mark.parametrize(
    ("frame", "words"),
    [
        ({"review": ["a", "b", "a"]}, "row 3, column 'review': 'a' stood further up"),
        ({"review": ["a", None, "b"]}, "row 2, column 'review': the cell is blank"),
        ({"paper": ["a", "b", "c"]}, "no column 'review'"),
    ],
)
def test_what_concerns_all_reviews_is_refused(tmp_path, frame, words):
    path = tmp_path / "all.parquet"
    counts = {"study": ["A", "B", "C"], "events": [1, 2, 3], "total": [9, 9, 9]}
    pd.DataFrame(frame | counts).to_parquet(path)
    with pytest.raises(InputError, match=words):
        count_reviews(path)


def test_sources_that_are_none(tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "broken.parquet").write_text("no parquet")
    (tmp_path / "review.txt").write_text("x")
    for name, words in {
        "empty": "holds no .csv file",
        "nowhere": "no such folder or file",
        "broken.parquet": "not a readable Parquet file",
        "review.txt": "neither a folder",
    }.items():
        with pytest.raises(InputError, match=words):
            run_batch(tmp_path / name, tmp_path / "out.csv", DEFAULT_PRIORS)
    with pytest.raises(InputError, match="must end in"):
        run_batch(tmp_path / "empty", tmp_path / "out.xlsx", DEFAULT_PRIORS)


def test_a_hostile_folder_is_pooled_but_for_its_hostile_files(tmp_path):
    found = reviews(2)
    source = as_folder(found, tmp_path / "many")
    hostile = {
        b"bom.csv": b"\xef\xbb\xbf",
        b"commas.csv": b",,",
        b"digits.csv": b"study,events,total\nA," + b"1" * 5000 + b",9\n",
        b"name\xff.csv": b"study,events,total\nA,5,3\n",
    }
    for name, text in hostile.items():
        Path(os.fsdecode(os.fsencode(source) + b"/" + name)).write_bytes(text)
    for out in (tmp_path / "out.csv", tmp_path / "out.parquet"):
        report = run_batch(source, out, DEFAULT_PRIORS, workers=1)
        assert (report.reviews, report.failed) == (6, 4)
        table = pd.read_csv(out) if out.suffix == ".csv" else pd.read_parquet(out)
        assert set(table.loc[table["error"].notna(), "review"]) == {
            *("bom", "commas", "digits", "name\\xff")
        }
        assert table.set_index("review").loc[list(found), "typical_median"].notna().all()
        assert table["error"].dropna().str.len().max() <= 300


def test_outputs_are_checked_before_any_work(tmp_path, monkeypatch):
    """Each of these was destroyed, or read as a review by the next run."""
    monkeypatch.setattr(batch, "run_stored", lambda *_, **__: pytest.fail("work was done"))
    source = as_folder(reviews(1), tmp_path / "many")
    one = as_parquet(reviews(1), tmp_path / "all.parquet")
    before = one.read_bytes()
    (tmp_path / "link.parquet").symlink_to(one)
    os.mkfifo(tmp_path / "pipe.csv")
    (tmp_path / "folder.csv").mkdir()
    for given, out, words in (
        (one, one, "is the input"),
        (one, tmp_path / "link.parquet", "is the input"),
        (source, source / "r000.csv", "lies in the folder that is read"),
        (source, source / "out.csv", "lies in the folder that is read"),
        (source, tmp_path / "pipe.csv", "is a device or a pipe"),
        (source, tmp_path / "folder.csv", "is a folder"),
        (source, one / "out.csv", "is not a folder"),
    ):
        with pytest.raises(InputError, match=f"--out .*{words}"):
            run_batch(given, out, DEFAULT_PRIORS)
    assert one.read_bytes() == before


def test_a_folder_that_is_not_ours_is_neither_used_nor_removed(tmp_path):
    source = as_folder(reviews(1), tmp_path / "many")
    out = tmp_path / "res.csv"
    foreign = tmp_path / "res.csv.parts"
    foreign.mkdir()
    (foreign / "thesis.txt").write_text("x")
    words = r"res\.csv\.parts: is no folder of chunks"
    with pytest.raises(InputError, match=words):
        run_batch(source, out, DEFAULT_PRIORS, workers=1)
    kept = foreign.rename(tmp_path / "kept")
    (kept / batch.MARKER).touch()
    foreign.symlink_to(kept)
    with pytest.raises(InputError, match=words):
        run_batch(source, out, DEFAULT_PRIORS, workers=1)
    assert (kept / "thesis.txt").read_text() == "x"
    assert not out.exists()
    foreign.unlink()

    # what someone puts into our own folder is kept, too
    bad = source / "bad.csv"
    bad.write_text("")
    assert run_batch(source, out, DEFAULT_PRIORS, workers=1).failed == 1
    note = tmp_path / "res.csv.parts" / "note.txt"
    note.write_text("x")
    bad.unlink()
    assert run_batch(source, out, DEFAULT_PRIORS, workers=1).failed == 0
    assert sorted(path.name for path in note.parent.iterdir()) == ["note.txt", batch.MARKER]


def test_two_runs_do_not_share_a_folder(tmp_path):
    pytest.importorskip("fcntl")
    source = as_folder(reviews(1), tmp_path / "many")
    out = tmp_path / "out.csv"
    with batch._parts(out), pytest.raises(InputError, match="another run is writing"):
        run_batch(source, out, DEFAULT_PRIORS, workers=1)
    assert run_batch(source, out, DEFAULT_PRIORS, workers=1).failed == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["many", "out.csv"]


def test_a_source_that_changes_under_the_run_is_said(tmp_path, monkeypatch):
    source = as_folder(reviews(3), tmp_path / "many")
    monkeypatch.setattr(batch, "count_reviews", lambda source: 4)
    with pytest.raises(InputError, match="4 reviews were counted, 3 read"):
        run_batch(source, tmp_path / "out.csv", DEFAULT_PRIORS, workers=1)
    assert not (tmp_path / "out.csv").exists()


def test_whatever_happens_in_one_review_is_its_own_row(monkeypatch):
    def broken(*_, **__):
        raise FloatingPointError("division")

    monkeypatch.setattr(batch, "fit_pooled", broken)
    table = batch.pool_chunk((Review("a", "a.csv", (1,), (3,)),), DEFAULT_PRIORS)
    assert table["error"].tolist() == ["a.csv: FloatingPointError: division"]
    assert table["k"].tolist() == [1]


def test_the_script_on_a_dask_scheduler(tmp_path):
    """Exit code 2 after a fault, the count on standard error, results kept; over an address."""
    from distributed import LocalCluster

    source = as_folder(reviews(3), tmp_path / "many")
    (source / "r001.csv").write_text("study,events,total\nA,5,3\n")
    script = str(PROJECT_ROOT / "scripts" / "pool.py")
    out = tmp_path / "out.csv"
    with LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=":0") as cluster:
        options = ["--batch", str(source), "--out", str(out)]
        command = [sys.executable, script, *options, "--scheduler", cluster.scheduler_address]
        result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 2, result.stderr
    assert "1 of 3 reviews have a fault" in result.stderr
    assert "Traceback" not in result.stderr
    table = pd.read_csv(out)
    assert table["error"].notna().tolist() == [False, True, False]
    assert table["typical_median"].notna().tolist() == [True, False, True]


@pytest.mark.slow
def test_a_thousand_reviews_of_twenty_studies(tmp_path):
    # promised are 20 s on two quiet cores
    source = as_folder(reviews(1000, studies=20), tmp_path / "many")
    report = run_batch(source, tmp_path / "out.parquet", DEFAULT_PRIORS, workers=2)
    assert (report.reviews, report.failed) == (1000, 0)
    assert report.seconds < 60
