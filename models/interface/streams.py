"""Standard output and error that never end the work: closed, full, or of few characters."""

import io
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


class _Patient(io.FileIO):
    """A file that swallows what it cannot write.

    Attributes
    ----------
    lost
        The first error, if there was one.
    """

    lost: OSError | None = None

    def write(self, data: Any) -> int | None:  # type: ignore[override]
        """Write bytes, or remember why not."""
        try:
            return super().write(data)
        except OSError as error:
            self.lost = self.lost or error
            return memoryview(data).nbytes


def _patient(stream: Any) -> io.TextIOWrapper:
    raw = _Patient(stream.fileno(), "wb", closefd=False)
    return io.TextIOWrapper(
        io.BufferedWriter(raw),
        encoding=stream.encoding,
        # a terminal that does not know a character gets its number
        errors="backslashreplace",
        line_buffering=stream.isatty() or stream is sys.__stderr__,
    )


@contextmanager
def patient_streams() -> Iterator[Callable[[], OSError | None]]:
    """Make the process's output so for a block; yield what says why standard output was lost.

    Output that something else has taken in, as tests do, is left alone.
    """
    before = sys.stdout, sys.stderr
    out, error = (
        _patient(stream) if stream is not None and stream is original else stream
        for stream, original in zip(before, (sys.__stdout__, sys.__stderr__), strict=True)
    )
    sys.stdout, sys.stderr = out, error

    def lost() -> OSError | None:
        if not isinstance(out, io.TextIOWrapper) or out is before[0]:
            return None
        out.flush()
        return out.buffer.raw.lost  # type: ignore[attr-defined,no-any-return]

    try:
        yield lost
    finally:
        sys.stdout, sys.stderr = before
        for stream in (out, error):
            if stream is not None:
                stream.flush()
