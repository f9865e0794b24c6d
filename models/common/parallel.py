"""Many independent computations over processes: stored as they finish, resumed where they stopped.

Each task's result is a data frame, written to ``FOLDER/NAME.parquet`` in one step as soon as it is
there. Tasks whose file exists are not run again, so an interrupted run loses only what was under
way. The folder belongs to one set of settings: others are refused, never mixed. Tasks run on
``dask.distributed``, on processes of this machine or on the cluster at ``scheduler``; a task whose
worker dies is given to another worker.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import CancelledError
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from models.common.errors import InputError
from models.common.files import replacing, write_json

if TYPE_CHECKING:
    import pandas as pd
    from distributed import Client

SETTINGS_FILE: Final = "settings.json"
IN_FLIGHT: Final = 4
"""Tasks handed out per worker at a time: enough to keep it busy, few enough to stream."""
RETRIES: Final = 3
"""How often a task is given out again after its worker died."""

type Task = tuple[str, tuple[Any, ...]]
"""Name (a file stem) and arguments of one task."""


@contextmanager
def client(workers: int, scheduler: str | None) -> "Iterator[Client]":
    """Yield a dask client: of ``scheduler``, or of ``workers`` processes of this machine.

    Raises
    ------
    models.common.errors.InputError
        If no scheduler answers at the address.
    """
    import dask
    from distributed import Client, LocalCluster

    settings = {
        "distributed.scheduler.allowed-failures": RETRIES,
        # a busy machine may take long to start its own processes; another's address answers or not
        "distributed.comm.timeouts.connect": "60s" if scheduler is None else "5s",
        # one thread each: two processes that both use all cores wait for each other
        "distributed.nanny.pre-spawn-environ": {
            "OMP_NUM_THREADS": "1",
            "MKL_NUM_THREADS": "1",
            "OPENBLAS_NUM_THREADS": "1",
            "NUMBA_NUM_THREADS": "1",
        },
        "distributed.admin.log-length": 0,
        "logging.distributed": "error",
    }
    with dask.config.set(settings):
        if scheduler is not None:
            try:
                connected = Client(scheduler, timeout="5s", set_as_default=False)
            except (OSError, ValueError) as error:
                raise InputError(f"--scheduler {scheduler}: no scheduler answers there") from error
            with connected:
                yield connected
            return
        with (
            LocalCluster(
                n_workers=workers,
                threads_per_worker=1,
                processes=True,
                dashboard_address=":0",
                silence_logs=50,
            ) as cluster,
            Client(cluster, set_as_default=False) as connected,
        ):
            yield connected


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
    found = json.loads(path.read_text(encoding="utf-8"))
    for key in sorted({*wanted, *found}):
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
        If the folder belongs to other settings, or no scheduler answers.
    RuntimeError
        If a task failed, or its workers died ``RETRIES`` times; what is done stays done.
    """
    claim_folder(folder, settings)
    waiting = _unfinished(tasks, folder, advance)
    first = next(waiting, None)
    if first is None:
        return
    from distributed import as_completed

    with client(workers, scheduler) as connected:
        names: dict[str, str] = {}

        def submit(task: Task) -> Any:
            name, arguments = task
            future = connected.submit(function, *arguments, pure=False)
            names[future.key] = name
            return future

        n_workers = max(1, len(connected.scheduler_info(n_workers=-1)["workers"]))
        under_way = as_completed([submit(first)], loop=connected.loop)
        for _ in range(IN_FLIGHT * n_workers - 1):
            if (task := next(waiting, None)) is not None:
                under_way.add(submit(task))
        for future in under_way:
            name = names.pop(future.key)
            try:
                frame = future.result()
            except (Exception, CancelledError) as error:
                raise RuntimeError(f"{folder / name}: {type(error).__name__}: {error}") from error
            with replacing(folder / f"{name}.parquet") as temporary:
                frame.to_parquet(temporary, index=False)
            advance(name)
            if (task := next(waiting, None)) is not None:
                under_way.add(submit(task))


def _unfinished(
    tasks: Iterable[Task], folder: Path, advance: Callable[[str], None]
) -> Iterator[Task]:
    for name, arguments in tasks:
        if (folder / f"{name}.parquet").exists():
            advance(name)
        else:
            yield name, arguments


def stored_results(folder: Path) -> "pd.DataFrame":
    """Return all results of a folder in one frame, tasks in order of their names.

    Raises
    ------
    models.common.errors.InputError
        If there is none.
    """
    import pandas as pd

    paths = sorted(folder.glob("*.parquet"))
    if not paths:
        raise InputError(f"{folder}: holds no results")
    return pd.concat([pd.read_parquet(path) for path in paths], ignore_index=True)
