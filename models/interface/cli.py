"""What the scripts share: running a command with honest exit codes.

Exit codes: 0 everything passed; 1 a fit failed the gate (or the comparison with the paper
changed); 2 the input has a fault. A fault in the data is one line, never a stack trace.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from models.common.errors import GateError, InputError


def run(app: Any, tokens: Sequence[str] | None = None) -> None:
    """Run a cyclopts app and leave the process with an honest exit code.

    Parameters
    ----------
    app
        The ``cyclopts.App``.
    tokens
        Arguments, for tests; the command line's by default.
    """
    from cyclopts import CycloptsError

    try:
        app(tokens, exit_on_error=False, print_error=False, result_action="return_value")
    except CycloptsError as error:
        message = " ".join(str(error).split())
        fail(f"{message} (see --help)", 2)
    except InputError as error:
        fail(str(error), 2)
    except TimeoutError as error:
        detail = f" ({error})" if str(error) else ""
        fail(
            f"a worker process did not answer in time{detail}; run again: finished work is kept", 1
        )
    except OSError as error:
        fail(f"{error.filename or 'a file'}: {error.strerror or error}", 2)
    except GateError as error:
        fail(str(error), 1)
    except KeyboardInterrupt:
        fail("interrupted; existing results are untouched", 130)


def check_run_options(draws: int, seed: int, *outputs: Path | None) -> None:
    """Refuse, before anything is computed, options that would fail at the end.

    Parameters
    ----------
    draws
        Draws kept per chain, at least 100.
    seed
        From 0 to 2**32 - 1.
    outputs
        A file to write (a folder of that name is refused), or None.

    Raises
    ------
    InputError
        Naming the option and its value.
    """
    if draws < 100:
        raise InputError(f"--draws must be at least 100, got {draws}")
    _check_seed(seed)
    for path in outputs:
        if path is not None and path.suffix == ".json" and path.is_dir():
            raise InputError(f"--json {path}: is a folder")


def check_parallel_options(workers: int, scheduler: str | None, seed: int = 0) -> None:
    """Refuse options of a computation over processes that would fail later, or in many lines.

    Parameters
    ----------
    workers
        Processes of this machine, at least 1.
    scheduler
        Address of a dask scheduler, with its protocol, or None.
    seed
        From 0 to 2**32 - 1.

    Raises
    ------
    InputError
        Naming the option and its value.
    """
    _check_seed(seed)
    if workers < 1:
        raise InputError(f"--workers must be at least 1, got {workers}")
    if scheduler is not None and "://" not in scheduler:
        raise InputError(f"--scheduler must be an address as tcp://host:8786, got {scheduler!r}")


def _check_seed(seed: int) -> None:
    if not 0 <= seed < 2**32:
        raise InputError(f"--seed must lie between 0 and {2**32 - 1}, got {seed}")


def fail(message: str, code: int) -> None:
    """Print one line to standard error and exit."""
    print(f"error: {message}", file=sys.stderr)
    raise SystemExit(code)
