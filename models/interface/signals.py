"""Ctrl-C and SIGTERM: the program ends within two seconds, in one line, its processes with it.

A signal raises `Stopped` where the program is, so that half-written files are removed and pools of
processes end. Libraries that take a `KeyboardInterrupt` for a wish of their own, such as samplers
that return the draws they have, let it pass. Where it does not arrive in time, in a long call of
compiled code or lost in a callback, a thread ends the process: what is on the disk stays whole
whenever that happens (`models.common.files`).
"""

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any, Final

WORDS: Final = {signal.SIGINT: "interrupted", signal.SIGTERM: "terminated"}
PATIENCE: Final = 1.2
"""Seconds that clearing up may take."""


class Stopped(BaseException):
    """A signal asked the program to end."""


class _State:
    """What is known of signals in this process.

    Attributes
    ----------
    pipe
        Read and write ends that the interpreter tells of signals at once; None when not watched.
    working
        Whether there is something to clear up.
    received
        The first signal.
    said
        Whether the user was told.
    """

    pipe: tuple[int, int] | None = None
    working = False
    received: int | None = None
    said = False


_state: Final = _State()


def catch() -> None:
    """Begin to answer signals; those that whoever started the program had ignored stay so."""
    if _state.pipe is not None or threading.current_thread() is not threading.main_thread():
        return
    _state.pipe = os.pipe()
    os.set_blocking(_state.pipe[1], False)
    signal.set_wakeup_fd(_state.pipe[1], warn_on_full_buffer=False)
    for number in WORDS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _answer)
    sys.unraisablehook = _lose
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=_release)
    threading.Thread(target=_watch, args=_state.pipe, daemon=True).start()


@contextmanager
def stoppable() -> Iterator[None]:
    """Raise `Stopped` in this block, rather than end at once, when a signal comes."""
    watched = _state.pipe is not None
    before = {number: signal.getsignal(number) for number in WORDS}
    catch()
    _state.working = True
    try:
        yield
    finally:
        _state.working = False
        if not watched and _state.pipe is not None:
            _release()
            for number, handler in before.items():
                signal.signal(number, handler)


def leave(code: int) -> None:
    """End the program: at once if it watches signals as a whole, else by `SystemExit`."""
    if _state.pipe is not None:
        # the interpreter would take its time over the objects of the libraries
        _end()
    raise SystemExit(code)


def received() -> bool:
    """Return whether a signal came, wherever its exception went."""
    return _state.received is not None


def code_of_stop() -> int:
    """Tell the user, once, and return the exit code."""
    number = _state.received or signal.SIGINT
    if not _state.said:
        _state.said = True
        # a progress bar may have hidden the cursor
        shown = "\r\x1b[?25h\x1b[K" if os.isatty(2) else ""
        line = f"{shown}{WORDS[signal.Signals(number)]}; existing results are untouched\n"
        with suppress(OSError):
            os.write(2, line.encode())
    return 128 + number


def _answer(number: int, frame: FrameType | None) -> None:
    # the first alone: an impatient second must not disturb the clearing up
    if _state.received is None:
        _state.received = number
        if _state.working:
            raise Stopped
        _end()


def _watch(reader: int, writer: int) -> None:
    while numbers := os.read(reader, 64):
        if set(numbers) & set(WORDS):
            time.sleep(PATIENCE)
            if _state.pipe == (reader, writer):
                _state.received = _state.received or numbers[0]
                _end()
    os.close(reader)


def _lose(lost: Any) -> None:
    """Say nothing of an exception that ended in a callback: the thread will end the process."""
    if not isinstance(lost.exc_value, Stopped):
        sys.__unraisablehook__(lost)


def _end() -> None:
    """End this process and those that it started, whatever they do."""
    code = code_of_stop()
    if "multiprocessing" in sys.modules:
        import multiprocessing

        for process in multiprocessing.active_children():
            with suppress(OSError, ValueError):
                process.kill()
    os._exit(code)


def _release() -> None:
    """Answer no more: at the end, and in a process that was split off, which is its parent's."""
    if _state.pipe is not None:
        signal.set_wakeup_fd(-1)
        sys.unraisablehook = sys.__unraisablehook__
        os.close(_state.pipe[1])
        _state.pipe, _state.received, _state.said = None, None, False
        for number in WORDS:
            if signal.getsignal(number) is _answer:
                signal.signal(number, signal.SIG_DFL)
