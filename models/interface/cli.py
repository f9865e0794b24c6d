"""What the scripts share: running a command with honest exit codes.

Exit codes: 0 everything passed; 1 a fit failed the gate (or the comparison with the paper
changed); 2 the input has a fault, or an output cannot be written; 70 a fault of this program, or
too little memory; 130 and 143 after Ctrl-C and SIGTERM. Whatever it is, the user sees one line,
never a stack trace.
"""

import io
import os
import sys
import tempfile
import traceback
from collections.abc import Sequence
from contextlib import redirect_stdout
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from models.common.constants import PROJECT_ROOT
from models.common.errors import GateError, InputError, one_line
from models.interface import signals
from models.interface.streams import patient_streams

PACKAGE: Final = "ici-sarcoma-evidence"
QUIET: Final = "--quiet"
EPILOGUE: Final = "--quiet prints the last line alone, the answer; --version names the version."
BROKEN: Final = 70
"""Exit code for a fault of the program itself (EX_SOFTWARE)."""

_program = getattr(sys.modules["__main__"], "__file__", None)
if _program is not None and Path(_program).resolve().is_relative_to(PROJECT_ROOT / "scripts"):
    # before the libraries are imported, which takes a while
    signals.catch()


def run(app: Any, tokens: Sequence[str] | None = None) -> None:
    """Run a cyclopts app and leave the process with an honest exit code.

    Parameters
    ----------
    app
        The ``cyclopts.App``.
    tokens
        Arguments, for tests; the command line's by default.
    """
    stopped = False
    words = list(sys.argv[1:] if tokens is None else tokens)
    app.help_epilogue = EPILOGUE
    with patient_streams() as lost, signals.stoppable():
        try:
            if words == ["--version"]:
                print(f"{PACKAGE} {version(PACKAGE)}")
                code = 0
            elif QUIET in words:
                code = _last_line(app, [word for word in words if word != QUIET])
            else:
                code = _outcome(app, words)
            error = lost()
            # whoever closed a pipe has read enough; a full disk has lost what was asked for
            if code == 0 and error is not None and not isinstance(error, BrokenPipeError):
                code = _tell(f"standard output: {error.strerror}", 2)
        except (signals.Stopped, KeyboardInterrupt):
            code = signals.code_of_stop()
            stopped = True
    if stopped:
        signals.leave(code)
    if code:
        raise SystemExit(code)


def _last_line(app: Any, tokens: Sequence[str]) -> int:
    """Run an app and print the last line of what it prints, the answer; return the exit code."""
    # rich, which shows progress, takes this for "no terminal"
    os.environ["TTY_COMPATIBLE"] = "0"
    with redirect_stdout(io.StringIO()) as printed:
        code = _outcome(app, tokens)
    lines = [line for line in printed.getvalue().splitlines() if line.strip()]
    if lines:
        print(lines[-1])
    return code


def _outcome(app: Any, tokens: Sequence[str] | None) -> int:
    """Run an app; return the exit code, having told the user of what went wrong."""
    app.suppress_keyboard_interrupt = False
    try:
        app(tokens, exit_on_error=False, print_error=False, result_action="return_value")
    except SystemExit as ended:
        code = ended.code
    except Exception as error:
        # compiled code may have made another exception of it
        if signals.received():
            raise signals.Stopped from error
        return _explain(error)
    else:
        return 0
    if signals.received():
        raise signals.Stopped
    return code if isinstance(code, int) else int(code is not None)


def _explain(error: Exception) -> int:
    """Tell the user of an error in one line and return the exit code."""
    from cyclopts import CycloptsError

    if isinstance(error, CycloptsError):
        return _tell(f"{' '.join(str(error).split())} (see --help)", 2)
    if isinstance(error, InputError):
        return _tell(str(error), 2)
    if isinstance(error, GateError):
        return _tell(str(error), 1, whole=True)
    if isinstance(error, TimeoutError):
        detail = f" ({error})" if str(error) else ""
        return _tell(
            f"a worker process did not answer in time{detail}; run again: finished work is kept", 1
        )
    if isinstance(error, MemoryError):
        detail = f" ({error})" if str(error) else ""
        return _tell(f"there is not enough memory{detail}; existing results are untouched", BROKEN)
    if isinstance(error, OSError) and error.filename is not None and error.strerror:
        return _tell(f"{error.filename}: {error.strerror}", 2)
    words = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    return _tell(f"{_keep_traceback(error)}: {words}", BROKEN)


def _keep_traceback(error: Exception) -> str:
    """Write a traceback to a file; return the beginning of a line that names it."""
    text = "".join(traceback.format_exception(error))
    try:
        handle, name = tempfile.mkstemp(prefix="traceback-", suffix=".txt")
        with os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text)
    except OSError:
        return "a fault of this program"
    return f"a fault of this program, described in {name}"


def fail(message: str, code: int) -> None:
    """Print one line to standard error and exit."""
    raise SystemExit(_tell(message, code, whole=True))


def _tell(message: str, code: int, *, whole: bool = False) -> int:
    """Print one line, of which what concerns results is never cut."""
    if whole:
        from models.render.escape import printable

        message = printable(message)
    else:
        message = one_line(message)
    print(f"error: {message}", file=sys.stderr)
    return code
