"""The check of counts at the door of the frequentist estimators and of EXNEX.

The grid has its own (`models.grid.data.counts`): there a row without patients has a meaning.
"""

from typing import cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from models.common.errors import InputError

type FloatArray = NDArray[np.float64]


def as_counts(events: ArrayLike, total: ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Check counts and return them as floats.

    Parameters
    ----------
    events, total
        Patients with the event and patients in all, one pair a study, shape (k,).

    Returns
    -------
    tuple of arrays
        The same counts as float64, shape (k,) each.

    Raises
    ------
    InputError
        If the shapes differ, there is no study, a value is missing or not whole, a total is below
        1, or events lie outside 0..total. The message names the position (from 0) and the value.
    """
    arrays = []
    for name, values in (("events", events), ("total", total)):
        try:
            array = np.asarray(values, dtype=np.float64)
        except (TypeError, ValueError) as error:
            raise InputError(f"{name}: not numbers: {values!r}") from error
        if array.ndim != 1:
            raise InputError(f"{name}: one value a study expected, got shape {array.shape}")
        arrays.append(array)
    x, n = arrays
    if x.size != n.size:
        raise InputError(f"events has {x.size} values, total has {n.size}")
    if x.size == 0:
        raise InputError("events and total hold no study")
    for name, array in (("events", x), ("total", n)):
        _refuse(~np.isfinite(array), name, array, "missing or infinite")
        _refuse(array != np.floor(array), name, array, "not a whole number")
    _refuse(n < 1, "total", n, "below 1")
    _refuse(x < 0, "events", x, "negative")
    if (beyond := x > n).any():
        i = int(np.argmax(beyond))
        raise InputError(f"events[{i}] = {x[i]:g}: more than total[{i}] = {n[i]:g}")
    return x, n


def _refuse(fault: NDArray[np.bool_], name: str, array: FloatArray, what: str) -> None:
    if fault.any():
        i = int(np.argmax(fault))
        raise InputError(f"{name}[{i}] = {cast(float, array[i]):g}: {what}")
