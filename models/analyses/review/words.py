"""Rates in per cent, with as many digits as they need: 16.1, but 2.24 and 0.093."""

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd


def digits(rate: float) -> int:
    """Return decimals that leave three figures of a rate in per cent, or of its complement."""
    near = min(rate, 1.0 - rate)
    if not 0.0 < near < 0.1:
        return 1
    return min(5, 1 - math.floor(math.log10(near) + 1))


def percent(rate: float) -> str:
    """Return a rate for a sentence, ``16 %``."""
    return f"{_rounded(rate, digits(rate) - 1)} %"


def _rounded(rate: float, decimals: int) -> str:
    return f"{100 * rate:.{decimals}f}"


def interval(row: Mapping[str, Any], name: str = "", middle: str = "median") -> str:
    """Return a rate and its interval for a table, ``16.1 (11.4-21.1)``; a dash if there is none.

    Parameters
    ----------
    row
        Has ``name_median``, ``name_lower``, ``name_upper``, or without a name these parts alone.
    name
        What is shown.
    middle
        What the estimate is called, for example ``estimate``.
    """
    stem = f"{name}_" if name else ""
    parts = [float(row[f"{stem}{part}"]) for part in (middle, "lower", "upper")]
    if any(map(math.isnan, parts)):
        return "-"
    decimals = digits(parts[0] if 0 < parts[0] < 1 else parts[2] if parts[0] <= 0 else parts[1])
    estimate, lower, upper = (_rounded(part, decimals) for part in parts)
    return f"{estimate} ({lower}-{upper})"


def sentence_interval(row: Mapping[str, Any], name: str, level: str) -> str:
    """Return a rate and its interval for a sentence, ``16 % (95 % interval 11 to 21)``."""
    parts = [float(row[f"{name}_{part}"]) for part in ("median", "lower", "upper")]
    decimals = digits(parts[0]) - 1
    estimate, lower, upper = (_rounded(part, decimals) for part in parts)
    return f"{estimate} % ({level} {lower} to {upper})"


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the rows of a frame for JSON: what is missing is None."""
    return [
        {
            str(key): None if pd.isna(value) else getattr(value, "item", lambda v=value: v)()
            for key, value in row.items()
        }
        for row in frame.to_dict("records")
    ]
