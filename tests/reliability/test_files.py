"""Writing files: killed at any point, without space or permission, over what is not ours."""

import contextlib
import json
import os
import signal
import stat
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from models.common.constants import PROJECT_ROOT
from models.common.errors import LONGEST_LINE, InputError, OutputError, one_line
from models.common.files import (
    check_input,
    check_output,
    check_output_folder,
    replacing,
    sweep,
    write_csv,
    write_json,
    write_text,
)

OLD = {"a.json": '{\n  "old": 1\n}\n', "b.csv": "old\n1\n", "c.txt": "old\n", "d.parquet": "old"}
WRITER = """
    import os, signal, sys, tempfile
    from pathlib import Path
    import pandas as pd
    from models.common import files

    point, wanted, folder = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])
    calls = 0

    def dying(function, after):
        def call(*arguments, **options):
            global calls
            calls += 1
            if calls == wanted and not after:
                os.kill(os.getpid(), signal.SIGKILL)
            result = function(*arguments, **options)
            if calls == wanted and after:
                os.kill(os.getpid(), signal.SIGKILL)
            return result
        return call

    if point == "made":
        tempfile.mkdtemp = dying(tempfile.mkdtemp, True)
    elif point == "rename":
        Path.replace = dying(Path.replace, False)
    elif point == "renamed":
        Path.replace = dying(Path.replace, True)
    frame = pd.DataFrame({"new": range(1000)})
    files.write_json(folder / "a.json", {"new": 1})
    files.write_csv(frame, folder / "b.csv")
    files.write_text(folder / "c.txt", "new\\n")
    with files.replacing(folder / "d.parquet") as temporary:
        frame.to_parquet(temporary)
"""


def run_writer(folder: Path, point: str, number: int) -> int:
    """Run the writer of four files, killed at a point, and return its exit code."""
    command = [sys.executable, "-c", textwrap.dedent(WRITER), point, str(number), str(folder)]
    return subprocess.run(command, cwd=PROJECT_ROOT, check=False).returncode


@pytest.fixture(scope="module")
def new(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Return what an undisturbed writer leaves."""
    folder = tmp_path_factory.mktemp("new")
    assert run_writer(folder, "never", 0) == 0
    return {name: (folder / name).read_bytes() for name in OLD}


@pytest.mark.parametrize("number", [1, 2, 3, 4])
@pytest.mark.parametrize("point", ["made", "rename", "renamed"])
def test_a_killed_writer_leaves_every_file_old_or_new(
    tmp_path: Path, new: dict[str, bytes], point: str, number: int
) -> None:
    for name, text in OLD.items():
        (tmp_path / name).write_text(text)
    assert run_writer(tmp_path, point, number) == -signal.SIGKILL
    done = number if point == "renamed" else number - 1
    for place, (name, text) in enumerate(OLD.items()):
        expected = new[name] if place < done else text.encode()
        assert (tmp_path / name).read_bytes() == expected, name
    # what is left over is no result: no reader that looks for files of a kind can find it
    for pattern in ("*.json", "*.csv", "*.txt", "*.parquet"):
        assert {path.name for path in tmp_path.glob(pattern)} <= set(OLD)
    assert run_writer(tmp_path, "never", 0) == 0
    assert {name: (tmp_path / name).read_bytes() for name in OLD} == new

    left = [path for path in tmp_path.iterdir() if path.name not in OLD]
    # killed just after the rename, the empty folder of the file is left
    assert len(left) == 1
    sweep(tmp_path)
    assert left[0].exists()  # it may belong to a run that is under way
    long_ago = time.time() - 7200
    for path in (*left[0].iterdir(), left[0]):
        os.utime(path, (long_ago, long_ago))
    sweep(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == set(OLD)


def test_sweeping_keeps_what_is_not_ours(tmp_path: Path) -> None:
    foreign = tmp_path / ".notes.abcdefgh.tmp"
    foreign.mkdir()
    (foreign / "thesis.txt").write_text("x")
    (tmp_path / ".cache.tmp").mkdir()
    for path in (foreign / "thesis.txt", foreign, tmp_path / ".cache.tmp"):
        os.utime(path, (0, 0))
    sweep(tmp_path)
    assert (foreign / "thesis.txt").exists()
    assert (tmp_path / ".cache.tmp").exists()


def test_a_link_is_followed_and_modes_are_kept(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    target = tmp_path / "real" / "result.json"
    target.write_text("old")
    target.chmod(0o600)
    link = tmp_path / "link.json"
    link.symlink_to(Path("real") / "result.json")
    write_json(link, {"a": 1})
    assert link.is_symlink()
    assert json.loads(target.read_text()) == {"a": 1}
    assert stat.S_IMODE(target.stat().st_mode) == 0o600

    dangling = tmp_path / "dangling.txt"
    dangling.symlink_to(tmp_path / "real" / "later.txt")
    write_text(dangling, "x")
    assert (tmp_path / "real" / "later.txt").read_text() == "x"


@pytest.mark.parametrize("mask", [0o022, 0o077, 0o002])
def test_new_files_follow_the_umask(tmp_path: Path, mask: int) -> None:
    before = os.umask(mask)
    try:
        write_text(tmp_path / "a.txt", "x")
        write_csv(pd.DataFrame({"a": [1]}), tmp_path / "a.csv")
        with replacing(tmp_path / "a.parquet") as temporary:
            pd.DataFrame({"a": [1]}).to_parquet(temporary)
    finally:
        os.umask(before)
    for path in tmp_path.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~mask, path


def test_no_device_pipe_or_folder_is_replaced(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    (tmp_path / "folder").mkdir()
    for path, words in (
        (pipe, "is a device or a pipe"),
        (Path("/dev/null"), "is a device or a pipe"),
        (loop, "leads to itself"),
        (tmp_path / "folder", "is a folder"),
        (tmp_path / ("x" * 300), "too long"),
        (tmp_path / "a\0b", "null"),
    ):
        with pytest.raises(OutputError, match=words):
            check_output(path, option="--json")
        with pytest.raises(OutputError, match=words):
            write_text(path, "x")
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    assert stat.S_ISCHR(Path("/dev/null").stat().st_mode)


def test_an_input_is_no_output(tmp_path: Path) -> None:
    folder = tmp_path / "many"
    folder.mkdir()
    review = folder / "r.csv"
    review.write_text("x")
    (tmp_path / "hard.csv").hardlink_to(review)
    (tmp_path / "soft.csv").symlink_to(review)
    for path in (review, tmp_path / "hard.csv", tmp_path / "soft.csv", folder / ".." / review):
        with pytest.raises(OutputError, match=r"--out .*is the input"):
            check_output(path, [review], "--out")
    with pytest.raises(OutputError, match="lies in the folder that is read"):
        check_output(folder / "new.csv", [folder], "--out")
    check_output(tmp_path / "new.csv", [folder, review], "--out")
    check_output(tmp_path / "not" / "yet" / "there.csv", [folder])
    assert not (tmp_path / "not").exists()


def test_a_folder_of_outputs_is_one(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    for path in (tmp_path / "file", tmp_path / "file" / "sub"):
        with pytest.raises(OutputError, match=r"--save .*is not a folder"):
            check_output_folder(path, "--save")
    check_output_folder(tmp_path / "new" / "sub", "--save")
    with pytest.raises(OutputError, match=r"file.out\.csv: .*is not a folder"):
        check_output(tmp_path / "file" / "out.csv")
    with pytest.raises(OutputError, match=r"file.out\.csv: "):
        write_text(tmp_path / "file" / "out.csv", "x")


@pytest.mark.parametrize("kind", ["zero", "pipe", "folder", "absent", "nul"])
def test_only_regular_files_are_read(tmp_path: Path, kind: str) -> None:
    os.mkfifo(tmp_path / "pipe")
    paths = {"zero": Path("/dev/zero"), "folder": tmp_path, "nul": Path("a\0b")}
    with pytest.raises(InputError):
        check_input(paths.get(kind, tmp_path / kind))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Mount a disk of 512 kB; only the administrator of a machine can."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", str(disk)]
    try:
        subprocess.run(mount, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("a small disk cannot be mounted without the rights of an administrator")
    try:
        yield disk
    finally:
        subprocess.run(["umount", str(disk)], check=True)


@pytest.mark.parametrize("kind", ["text", "csv", "parquet", "netcdf"])
def test_a_full_disk_is_one_line_and_keeps_the_old_file(small_disk: Path, kind: str) -> None:
    import numpy as np
    import xarray as xr

    path = small_disk / "result.out"
    path.write_text("old")
    numbers = np.random.default_rng(1).random(200_000)
    frame = pd.DataFrame({"a": numbers})

    def write() -> None:
        if kind == "text":
            write_text(path, "x" * 2_000_000)
        elif kind == "csv":
            write_csv(frame, path)
        else:
            with replacing(path) as temporary:
                if kind == "parquet":
                    frame.to_parquet(temporary)
                else:
                    tree = xr.DataTree(xr.Dataset({"a": ("x", numbers)}))
                    tree.to_netcdf(temporary, engine="netcdf4")

    with pytest.raises(OutputError) as caught:
        write()
    assert str(caught.value) == f"{path}: No space left on device"
    assert path.read_text() == "old"
    assert [entry.name for entry in small_disk.iterdir()] == ["result.out"]
    # there is room again
    write_text(path, "new")
    assert path.read_text() == "new"


def test_a_disk_that_cannot_be_written_is_said_before_any_work(small_disk: Path) -> None:
    path = small_disk / "result.json"
    path.write_text("old")
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    with pytest.raises(OutputError, match=r"result\.json: .*Read-only file system"):
        write_text(path, "x")
    for check in (lambda: check_output(path), lambda: check_output_folder(small_disk / "new")):
        with pytest.raises(OutputError, match=r"write-protected|cannot be written"):
            check()


def test_a_block_that_fails_otherwise_says_so_itself(tmp_path: Path) -> None:
    """The fault of another file, or of the code, is not taken for one of the output."""
    path = tmp_path / "out.txt"
    path.write_text("old")
    absent = tmp_path / "absent.txt"
    with pytest.raises(FileNotFoundError, match="absent"), replacing(path):
        absent.read_text()
    with pytest.raises(RuntimeError, match="HDF"), replacing(path):
        raise RuntimeError("HDF error")
    with pytest.raises(OutputError, match=r"out\.txt: No such file"), replacing(path):
        pass  # nothing was written
    with contextlib.suppress(KeyboardInterrupt), replacing(path) as temporary:
        temporary.write_text("half")
        raise KeyboardInterrupt
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_half_a_character_does_not_lose_a_result(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"source": "b\udcff.csv"})
    assert json.loads((tmp_path / "a.json").read_text())["source"] == "b\udcff.csv"


def test_a_message_is_one_line_that_a_terminal_can_show() -> None:
    assert one_line("a\nb\x1b[31m\udcff\u009b é日") == r"a\nb\x1b[31m\udcff\x9b é日"
    long = one_line("head" + "x" * 5_000_000 + "tail")
    assert len(long) == LONGEST_LINE
    assert long.startswith("head")
    assert long.endswith("tail")
    assert len(one_line("\x1b" * 290)) == LONGEST_LINE
