"""One BLAS thread for products of small matrices: more threads cost more than they give.

They also add up in another order, so that results would depend on the machine's cores in the last
digits.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from threadpoolctl import ThreadpoolController


@cache
def _controller() -> ThreadpoolController:
    """Return the BLAS libraries loaded, looked for once."""
    return ThreadpoolController()


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Limit BLAS to one thread within a ``with`` block, or a function that this decorates."""
    with _controller().limit(limits=1, user_api="blas"):
        yield
