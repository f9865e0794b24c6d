"""Files that are read and written without a surprise.

A file is written in one step: the old one stays until the new one is whole. Nobody's file is
destroyed by it: inputs, folders and devices are refused as outputs, a link is followed, and the
mode of a file that is replaced is kept.
"""

import errno
import filecmp
import json
import os
import re
import shutil
import stat
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from models.common.errors import InputError, OutputError, one_line

if TYPE_CHECKING:
    import pandas as pd

TEMPORARY: Final = ".tmp"
"""Ending of the hidden folder that a file is written in; no reader of results looks there."""
_TEMPORARY: Final = re.compile(r"\.(.{1,40})\.[a-z0-9_]{8}\.tmp", re.DOTALL)
_ABANDONED: Final = 3600.0
"""Seconds after which a temporary folder without a change belongs to a run that was killed."""
_FULL: Final = 2**20
"""Bytes free below which a disk is full for a library that does not say why it failed."""
_CAUSES: Final = frozenset(
    (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO)
)
"""Errors that concern the output even if the library that met them names no file."""


def check_input(path: Path) -> None:
    """Refuse what is no regular file, before anything is read from it.

    Raises
    ------
    InputError
        If there is no such file, or it is a folder, a device, a pipe or a socket, which may have
        no end.
    """
    try:
        kind = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError, ValueError):
        raise InputError(one_line(f"{path}: no such file")) from None
    except OSError as error:
        raise InputError(one_line(f"{path}: cannot be read ({error.strerror})")) from None
    if stat.S_ISDIR(kind):
        raise InputError(one_line(f"{path}: is a folder, not a file"))
    if not stat.S_ISREG(kind):
        raise InputError(one_line(f"{path}: is a device or a pipe, not a file"))


def check_output(path: Path, inputs: Iterable[Path] = (), option: str = "") -> None:
    """Refuse, before any work, an output that cannot be written or would destroy something.

    Parameters
    ----------
    path
        File to be written.
    inputs
        Files and folders that are read: none of them may be the output, nor may it be a file
        of such a folder.
    option
        The option that names it, such as ``--json``, for the message.

    Raises
    ------
    OutputError
        If the output is an input, a folder, a device or a pipe, or cannot be written.
    """
    label = f"{option} {path}".strip()
    target = _target(path, label)
    for given in inputs:
        if target.exists() and given.exists() and target.samefile(given):
            raise OutputError(one_line(f"{label}: is the input; choose another name"))
        if given.is_dir() and given.resolve() == target.parent:
            raise OutputError(
                one_line(f"{label}: lies in the folder that is read; choose another place")
            )
    if target.exists() and not os.access(target, os.W_OK):
        raise OutputError(one_line(f"{label}: is write-protected"))
    _check_writable(target.parent, label)
    sweep(target.parent)


def check_output_folder(folder: Path, option: str = "") -> None:
    """Refuse, before any work, a folder of outputs that cannot be written.

    Raises
    ------
    OutputError
        If it is no folder, or cannot be made or written.
    """
    _check_writable(folder, f"{option} {folder}".strip())


def _check_writable(folder: Path, label: str) -> None:
    """Refuse a folder that is none, cannot be made or cannot be written."""
    try:
        while not folder.exists() and folder != folder.parent:
            folder = folder.parent
        kind = folder.stat().st_mode
    except (OSError, ValueError) as error:
        raise OutputError(one_line(f"{label}: {_reason(error)}")) from None
    if not stat.S_ISDIR(kind):
        raise OutputError(one_line(f"{label}: {folder} is not a folder"))
    if not os.access(folder, os.W_OK | os.X_OK):
        raise OutputError(one_line(f"{label}: the folder {folder} cannot be written"))


def _target(path: Path, label: str) -> Path:
    """Return the file that is written to, links followed; refuse all but regular files."""
    try:
        target = Path(os.path.realpath(path))
        kind = target.lstat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return target
    except (OSError, ValueError) as error:
        raise OutputError(one_line(f"{label}: {_reason(error)}")) from None
    if stat.S_ISLNK(kind):
        raise OutputError(one_line(f"{label}: is a link that leads to itself"))
    if stat.S_ISDIR(kind):
        raise OutputError(one_line(f"{label}: is a folder"))
    if not stat.S_ISREG(kind):
        raise OutputError(one_line(f"{label}: is a device or a pipe, not a file"))
    return target


def _reason(error: Exception) -> str:
    number = getattr(error, "errno", None)
    return os.strerror(number) if number else str(error)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path of the same name; it replaces ``path`` only if the block succeeds.

    The block writes the file. It is on the disk before it takes its name, so neither a run that
    fails or is killed half-way nor a power cut leaves half a result. A link is followed, a file
    that is replaced keeps its mode, and one that has the same bytes already is left alone.

    Raises
    ------
    OutputError
        If the file cannot be written: no space, no permission, no regular file. Names ``path``.
    """
    target = _target(path, str(path))
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        prefix = f".{target.name[:40]}."
        folder = Path(tempfile.mkdtemp(dir=target.parent, prefix=prefix, suffix=TEMPORARY))
    except OSError as error:
        raise OutputError(one_line(f"{path}: {_reason(error)}")) from None
    temporary = folder / target.name
    try:
        yield temporary
        if target.is_file() and filecmp.cmp(temporary, target, shallow=False):
            return
        _to_disk(temporary)
        with suppress(FileNotFoundError):
            temporary.chmod(stat.S_IMODE(target.stat().st_mode))
        temporary.replace(target)
        _to_disk(target.parent)
    except OSError as error:
        unnamed = error.filename is None and error.errno in _CAUSES
        if unnamed or Path(str(error.filename)).parent == folder:
            raise OutputError(one_line(f"{path}: {_reason(error)}")) from error
        raise
    except RuntimeError as error:
        # HDF5 says no more than "HDF error" when the disk is full
        if shutil.disk_usage(target.parent).free < _FULL:
            raise OutputError(one_line(f"{path}: {os.strerror(errno.ENOSPC)}")) from error
        raise
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def held(lock: Path) -> Iterator[None]:
    """Hold a file, made if absent, so that no other run writes to its folder meanwhile.

    The system lets go of it when the process ends in whatever way; the file stays.

    Raises
    ------
    OutputError
        If another run holds it, or it cannot be made.
    """
    try:
        lock.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(lock, os.O_RDWR | os.O_CREAT, 0o666)
    except OSError as error:
        raise OutputError(one_line(f"{lock}: {_reason(error)}")) from None
    try:
        with suppress(ImportError):  # not on Windows
            import fcntl

            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                text = "another run is writing to this folder; wait for it, or choose another"
                raise OutputError(one_line(f"{lock.parent}: {text}")) from None
        yield
    finally:
        os.close(handle)


def _to_disk(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on the disk."""
    folder = path.is_dir()
    if folder and os.name == "nt":  # where folders cannot be opened
        return
    handle = os.open(path, os.O_RDONLY if folder else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sweep(folder: Path) -> None:
    """Remove the temporary folders that killed runs left here; those in use are kept."""
    with suppress(OSError):
        for entry in list(os.scandir(folder)):
            made = _TEMPORARY.fullmatch(entry.name)
            if made is None or not entry.is_dir(follow_symlinks=False):
                continue
            files = list(os.scandir(entry))
            changed = max(item.stat(follow_symlinks=False).st_mtime for item in [entry, *files])
            own = all(file.name.startswith(made[1]) for file in files)
            if own and time.time() - changed > _ABANDONED:
                shutil.rmtree(entry.path)


def write_text(path: Path, text: str) -> None:
    """Write a text file (UTF-8, Unix line ends) in one step."""
    with replacing(path) as temporary:
        # half a character, as a file's name may have, is written as JSON writes it
        temporary.write_text(text, encoding="utf-8", errors="backslashreplace", newline="\n")


def write_json(path: Path, content: object) -> None:
    """Write JSON in one step; NaN is refused, since what does not exist is null."""
    write_text(path, json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def write_csv(frame: "pd.DataFrame", path: Path) -> Path:
    """Write a frame without its index, Unix line ends, unrounded."""
    with replacing(path) as temporary:
        frame.to_csv(temporary, index=False, lineterminator="\n")
    return path
