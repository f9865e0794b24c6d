"""Many independent computations over processes: stored as they finish, resumed where they stopped.

Each task's result is a data frame, written to ``FOLDER/NAME.parquet`` in one step as soon as it is
there, with a mark of what it is inside the file. Tasks whose file is there and whole are not run
again, so an interrupted run loses only what was under way; a file that is cut, damaged or of
another run is made anew. The folder belongs to one set of settings: others are refused, never
mixed. Tasks run on ``dask.distributed``, on processes of this machine or on the cluster at
``scheduler``; a task whose worker dies is given to another worker.
"""

import asyncio
import hashlib
import json
import logging
import queue
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import CancelledError
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from models.common.errors import InputError
from models.common.files import held, replacing, write_json

if TYPE_CHECKING:
    import pandas as pd
    import psutil
    from distributed import Client, LocalCluster

SETTINGS_FILE: Final = "settings.json"
LOCK_FILE: Final = "run.lock"
"""Held by the run that writes to the folder."""
IN_FLIGHT: Final = 4
"""Tasks handed out per worker at a time: enough to keep it busy, few enough to stream."""
RETRIES: Final = 3
"""How often a task is given out again after its worker died."""
START: Final = 60.0
"""Seconds that own processes have to start: a busy machine may take long."""
CONNECT: Final = 5.0
"""Seconds in which a scheduler's port must open."""
BLINK: Final = 0.1
"""Seconds of one wait: a signal that comes as a wait begins is not seen before it ends."""
FAREWELL: Final = 1.0
"""Seconds in which own processes are ended when a run is cut short."""
PULSE: Final = 5.0
"""Seconds without a result after which the scheduler is asked whether it is still there."""
PATIENCE: Final = 15.0
"""Seconds that a scheduler has for an answer; two of them, and a user has waited half a minute."""
_MARK: Final = b"stored_part"
"""Key of the mark in a part's Parquet metadata."""

type Task = tuple[str, tuple[Any, ...]]
"""Name (a file stem) and arguments of one task."""


def _dask_settings() -> dict[str, Any]:
    # one thread each: two processes that both use all cores wait for each other
    threads = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")
    return {
        "distributed.scheduler.allowed-failures": RETRIES,
        "distributed.comm.timeouts.connect": f"{START:.0f}s",
        "distributed.nanny.pre-spawn-environ": dict.fromkeys(threads, "1"),
        "distributed.admin.log-length": 0,
        # the HTTP servers of scheduler and workers, which dask starts always, tell nothing
        "distributed.scheduler.http.routes": [],
        "distributed.worker.http.routes": [],
    }


@contextmanager
def client(workers: int, scheduler: str | None) -> "Iterator[Client]":
    """Yield a dask client: of ``scheduler``, or of ``workers`` processes of this machine.

    Own processes listen on the loopback interface alone, speak to holders of this run's temporary
    certificate alone, and serve no dashboard. Whatever ends the block early ends them at once.

    Raises
    ------
    models.common.errors.InputError
        If no scheduler answers at the address.
    """
    import dask
    from distributed import Client, LocalCluster
    from distributed.security import Security

    # what concerns a user is raised here; dask also logs it, in many lines
    for name in [n for n in logging.root.manager.loggerDict if n.startswith("distributed")]:
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    others = _children()  # not ours to end
    cluster: LocalCluster | None = None
    with dask.config.set(_dask_settings()):
        try:
            if scheduler is None:
                with _left_to_this_thread(signal.SIGINT):
                    cluster = LocalCluster(
                        n_workers=0,
                        threads_per_worker=1,
                        processes=True,
                        host="127.0.0.1",
                        dashboard_address=None,
                        # any free port, in place of a fixed one that another run may hold
                        scheduler_kwargs={"dashboard_address": "127.0.0.1:0"},
                        # whoever reaches a worker can run code in it: certificates of this run
                        security=Security.temporary(),
                        silence_logs=50,
                    )
                cluster.scale(workers)
                _await_workers(cluster, workers)
            connected = (
                _connect(scheduler)
                if scheduler is not None
                else Client(cluster, set_as_default=False)
            )
            with connected:
                yield connected
        except BaseException:
            _end_workers(cluster, others)
            raise
        if cluster is not None:
            cluster.close()


@contextmanager
def _left_to_this_thread(number: signal.Signals) -> Iterator[None]:
    """Block a signal in the threads started meanwhile, and in the processes that these start.

    Ctrl-C reaches every process of a terminal; workers are ended by this one, without a word.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {number})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _await_workers(cluster: "LocalCluster", workers: int) -> None:
    ends = time.monotonic() + START
    while len(cluster.scheduler.workers) < workers:
        if time.monotonic() > ends:
            raise TimeoutError(f"{workers} worker processes did not start in {START:.0f} s")
        time.sleep(BLINK)


def _children() -> "set[psutil.Process]":
    import psutil

    return set(psutil.Process().children())


def _end_workers(cluster: "LocalCluster | None", others: "set[psutil.Process]") -> None:
    """Kill the worker processes of this machine, which else take seconds over their farewell."""
    import psutil

    if cluster is None:
        return
    for nanny in cluster.workers.values():
        # else it starts another worker in the place of the one that died
        nanny.close_gracefully()
    # dask would try again, and complain, when the interpreter ends
    cluster.shutdown_on_close = False

    def close() -> None:
        with suppress(Exception):
            cluster.close(timeout=FAREWELL)

    # of a cluster that is just starting, workers come after the order to close
    closing = threading.Thread(target=close, daemon=True)
    closing.start()
    ends = time.monotonic() + FAREWELL
    while True:
        for process in _children() - others:
            with suppress(psutil.Error):
                if "resource_tracker" not in " ".join(process.cmdline()):
                    process.kill()
        closing.join(BLINK)
        if not closing.is_alive() or time.monotonic() > ends:
            break
    cluster.loop.add_callback(cluster.loop.stop)


def _connect(scheduler: str) -> "Client":
    """Return a client of a scheduler that answers in dask's own protocol."""
    from distributed import Client
    from distributed.core import rpc
    from distributed.security import Security

    own = Security().get_connection_args("client")

    async def ask() -> None:
        async with rpc(scheduler, timeout=CONNECT, connection_args=own) as remote:
            await remote.identity(n_workers=0)

    try:
        # dask's own limit of time does not cover the exchange of greetings
        asyncio.run(asyncio.wait_for(ask(), PATIENCE))
        return Client(scheduler, timeout=PATIENCE, set_as_default=False)
    except Exception as error:
        # what a stranger at the port sends may raise anything
        raise InputError(f"--scheduler {scheduler}: no scheduler answers there") from error


def claim_folder(folder: Path, settings: Mapping[str, Any]) -> None:
    """Make ``folder`` the store of runs with ``settings``, or check that it is.

    Raises
    ------
    models.common.errors.InputError
        If the folder holds results of other settings; names the first that differs.
    """
    path = folder / SETTINGS_FILE
    wanted = json.loads(json.dumps(dict(settings)))
    if not path.exists():
        write_json(path, wanted)
        return
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        keys = sorted({*wanted, *found})
    except (ValueError, TypeError) as error:
        raise InputError(f"{path}: does not say what the folder holds; remove it") from error
    for key in keys:
        if wanted.get(key) != found.get(key):
            raise InputError(
                f"{folder}: holds results of another run ({key} is {found.get(key)!r} there and "
                f"{wanted.get(key)!r} here); remove the folder or name another"
            )


def run_stored(
    function: "Callable[..., pd.DataFrame]",
    tasks: Iterable[Task],
    folder: Path,
    settings: Mapping[str, Any],
    *,
    workers: int = 2,
    scheduler: str | None = None,
    advance: Callable[[str], None] = lambda name: None,
) -> None:
    """Run ``function(*arguments)`` for every task that has no result yet.

    Parameters
    ----------
    function
        Importable by the workers; returns a data frame.
    tasks
        Names, unique, and arguments; read as they are needed, so they may be a generator.
    folder
        Where the results are and go.
    settings
        What the results depend on beside the tasks' arguments, JSON-able: seeds, priors, hash of
        the code.
    workers
        Processes of this machine, without ``scheduler``.
    scheduler
        Address of a running dask scheduler.
    advance
        Called with a task's name when it is done, also for those found done.

    Raises
    ------
    models.common.errors.InputError
        If the folder belongs to other settings or another run is writing to it, or no scheduler
        answers, or it stops to.
    RuntimeError
        If a task failed, or its workers died ``RETRIES`` times; what is done stays done.
    """
    claim_folder(folder, settings)
    waiting = _unfinished(tasks, folder, settings, advance)
    first = next(waiting, None)
    if first is None:
        return

    with held(folder / LOCK_FILE), client(workers, scheduler) as connected:
        under_way: dict[str, str] = {}
        finished: queue.Queue[Any] = queue.Queue()

        def submit(task: Task) -> None:
            name, arguments = task
            future = connected.submit(function, *arguments, pure=False)
            under_way[future.key] = name
            future.add_done_callback(finished.put)

        n_workers = max(1, len(connected.scheduler_info(n_workers=-1)["workers"]))
        submit(first)
        for _ in range(IN_FLIGHT * n_workers - 1):
            if (task := next(waiting, None)) is not None:
                submit(task)
        while under_way:
            future = _next_finished(finished, connected)
            name = under_way.pop(future.key)
            _write_part(_result(future, folder / name), folder, name, settings)
            advance(name)
            if (task := next(waiting, None)) is not None:
                submit(task)


def _next_finished(finished: "queue.Queue[Any]", connected: "Client") -> Any:
    """Return the next finished future; as long as there is none, see that the scheduler lives."""
    asked = time.monotonic()
    while True:
        with suppress(queue.Empty):
            return finished.get(timeout=BLINK)
        if time.monotonic() > asked + PULSE:
            ask = connected.scheduler.identity
            try:
                connected.sync(ask, n_workers=0, callback_timeout=PATIENCE)
            except Exception as error:
                raise _lost() from error
            asked = time.monotonic()


def _result(future: Any, place: Path) -> "pd.DataFrame":
    try:
        return future.result(timeout=PATIENCE)
    except (Exception, CancelledError) as error:
        if future.status != "error":
            raise _lost() from error
        raise RuntimeError(f"{place}: {type(error).__name__}: {error}") from error


def _lost() -> InputError:
    return InputError("the scheduler no longer answers; run again: finished work is kept")


def _unfinished(
    tasks: Iterable[Task],
    folder: Path,
    settings: Mapping[str, Any],
    advance: Callable[[str], None],
) -> Iterator[Task]:
    for name, arguments in tasks:
        if read_part(folder, name, settings) is None:
            yield name, arguments
        else:
            advance(name)


def _mark(name: str, settings: Mapping[str, Any], rows: int, columns: Iterable[str]) -> bytes:
    """Return what a part says of itself: its task, the settings, its rows and columns."""
    key = hashlib.sha256(json.dumps(dict(settings), sort_keys=True).encode()).hexdigest()
    mark = {"task": name, "settings": key, "rows": rows, "columns": list(columns)}
    return json.dumps(mark).encode()


def _write_part(
    frame: "pd.DataFrame", folder: Path, name: str, settings: Mapping[str, Any]
) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    table = pa.Table.from_pandas(frame, preserve_index=False)
    mark = _mark(name, settings, table.num_rows, table.column_names)
    table = table.replace_schema_metadata({**(table.schema.metadata or {}), _MARK: mark})
    with replacing(folder / f"{name}.parquet") as temporary:
        parquet.write_table(table, temporary, write_page_checksum=True)


def read_part(folder: Path, name: str, settings: Mapping[str, Any]) -> "pd.DataFrame | None":
    """Return the stored result of a task; None if it is not there, not whole or not its own."""
    from pyarrow import parquet

    path = folder / f"{name}.parquet"
    if not path.exists():
        return None
    try:
        with parquet.ParquetFile(path, page_checksum_verification=True) as file:
            table = file.read()
    except (OSError, ValueError):
        return None
    mark = (table.schema.metadata or {}).get(_MARK)
    if mark != _mark(name, settings, table.num_rows, table.column_names):
        return None
    return table.to_pandas()


def stored_results(
    names: Iterable[str], folder: Path, settings: Mapping[str, Any]
) -> "pd.DataFrame":
    """Return the results of all tasks in one frame, in order of their names.

    Nothing else that lies in the folder is read.

    Raises
    ------
    models.common.errors.InputError
        If one is not there, not whole or not its own.
    """
    import pandas as pd

    parts = []
    for name in sorted(names):
        part = read_part(folder, name, settings)
        if part is None:
            raise InputError(f"{folder / name}.parquet: not there or not whole; run again")
        parts.append(part)
    return pd.concat(parts, ignore_index=True)
