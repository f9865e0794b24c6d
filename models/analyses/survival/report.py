"""Survival of the paper's arms or of a user's file, beside what the paper prints."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pandas as pd

from models.analyses.survival.pool import Scale, SurvivalPool, pool_medians, pool_rates
from models.common.errors import InputError
from models.evidence.load import Evidence
from models.priors import DEFAULT_PRIORS, Priors
from models.reviews.decoding import TableError
from models.reviews.formats import table_rows

RATES: Final = ("rate", "lower", "upper", "total")
MEDIANS: Final = ("median", "lower", "upper", "events", "total", "follow_up")
PRINTED: Final = {"3": "P068", "6": "P069", "PFS": "P070", "OS": "P071"}
"""Published values, by landmark in months or end point."""
AGREES: Final = 0.05
"""Half a unit of the last printed digit, with its reserve: 0.01 printed, transcribed inputs."""


@dataclass(frozen=True, eq=False)
class EndPoint:
    """A pooled end point beside what is printed.

    Attributes
    ----------
    name
        ``PFS at 3 months``, ``median OS``.
    percent
        Whether estimates are proportions, shown in per cent; otherwise months.
    pool
        Its pools.
    printed
        ``k``, ``estimate``, ``lower``, ``upper`` of the paper; None for a user's file.
    """

    name: str
    percent: bool
    pool: SurvivalPool
    printed: dict[str, float] | None = None

    @property
    def verdict(self) -> str:
        """What the comparison with the paper says; no comparison before all studies are there."""
        if self.printed is None:
            return ""
        needed = int(self.printed["k"])
        if self.pool.k < needed:
            return f"{self.pool.k} of {needed} at hand: not compared"
        times = 100.0 if self.percent else 1.0
        found = self.pool.rows.iloc[0]
        apart = max(
            abs(times * found[name] - self.printed[name]) for name in ("estimate", "lower", "upper")
        )
        words = "agrees with" if apart <= AGREES else "differs from"
        return f"{words} the printed value (by at most {apart:.2f})"

    def as_dict(self) -> dict[str, Any]:
        """Return every number as JSON takes it."""
        rows = self.pool.rows.astype(object).where(self.pool.rows.notna(), None)
        return {
            "end_point": self.name,
            "unit": "proportion" if self.percent else "months",
            "k": self.pool.k,
            "patients": self.pool.patients,
            "i2": self.pool.i2,
            "estimates": rows.to_dict("records"),
            "printed": self.printed,
            "verdict": self.verdict or None,
        }


def rate_end_points(
    rates: pd.DataFrame, scale: Scale, priors: Priors = DEFAULT_PRIORS, printed: Any = None
) -> list[EndPoint]:
    """Return one end point a landmark (column ``months``)."""
    found = []
    for months, part in rates.groupby("months"):
        key = f"{months:g}"
        name = f"PFS at {key} months"
        found.append(EndPoint(name, True, pool_rates(part, scale, priors), _printed(printed, key)))
    return found


def median_end_points(
    medians: pd.DataFrame, shape: float, priors: Priors = DEFAULT_PRIORS, printed: Any = None
) -> list[EndPoint]:
    """Return one end point a kind of survival (column ``end_point``)."""
    return [
        EndPoint(
            f"median {kind}", False, pool_medians(part, shape, priors), _printed(printed, kind)
        )
        for kind, part in medians.groupby("end_point", sort=False)
    ]


def paper_end_points(
    evidence: Evidence, scale: Scale, shape: float, priors: Priors = DEFAULT_PRIORS
) -> list[EndPoint]:
    """Return the paper's end points from what is at hand.

    Raises
    ------
    InputError
        If a row names an arm that is none.
    """
    arms = set(evidence.arms["arm_id"])
    values = evidence.published_values.set_index("id")
    rates, medians = evidence.pfs_rates, evidence.medians
    for name, table in (("pfs_rates", rates), ("medians", medians)):
        for label in table.loc[~table["arm_id"].isin(arms), "arm_id"]:
            raise InputError(f"{name}.csv, column arm_id: {label!r} is no arm of arms.csv")
    return [
        *rate_end_points(_numbers(rates, RATES), scale, priors, values),
        *median_end_points(_numbers(medians, MEDIANS), shape, priors, values),
    ]


def _printed(values: pd.DataFrame | None, key: str) -> dict[str, float] | None:
    if values is None or key not in PRINTED:
        return None
    row = values.loc[PRINTED[key]]
    return {
        "k": float(row["printed_k"]), "estimate": float(row["estimate"]),
        "lower": float(row["lower"]), "upper": float(row["upper"]),
    }  # fmt: skip


def _numbers(table: pd.DataFrame, names: tuple[str, ...]) -> pd.DataFrame:
    return table.assign(**{name: table[name].astype("float64") for name in names})


def read_rates(path: Path) -> pd.DataFrame:
    """Read a user's rates: ``study``, ``months``, ``rate``, then ``lower``, ``upper`` or ``total``.

    Raises
    ------
    InputError
        Naming file, row, column and value.
    """
    table = _read(path, ("study", "months", "rate"), ("months", *RATES))
    _require(path, table, "months", table["months"] > 0, "must be positive")
    for name in ("rate", "lower", "upper"):
        inside = table[name].isna() | table[name].between(0, 1)
        _require(path, table, name, inside, "must lie between 0 and 1")
    known = table["total"].notna() | (table["lower"].notna() & table["upper"].notna())
    _require(path, table, "total", known, "give the number of patients, or lower and upper")
    _require(path, table, "total", table["total"].isna() | (table["total"] > 0), "must be positive")
    return _once(path, _ordered(path, table, "rate"), "months")


def read_medians(path: Path) -> pd.DataFrame:
    """Read a user's medians: ``study``, ``median`` (months); ``end_point`` and what else is known.

    Raises
    ------
    InputError
        Naming file, row, column and value.
    """
    table = _read(path, ("study", "median"), MEDIANS)
    for name in MEDIANS:
        positive = table[name].isna() | (table[name] > 0)
        _require(path, table, name, positive, "must be positive")
    if "end_point" not in table:
        table["end_point"] = "survival"
    return _once(path, _ordered(path, table, "median"), "end_point")


def _ordered(path: Path, table: pd.DataFrame, middle: str) -> pd.DataFrame:
    for low, high in (("lower", middle), (middle, "upper")):
        holds = table[low].isna() | table[high].isna() | (table[low] <= table[high])
        _require(path, table, low, holds, f"must not exceed {high}")
    return table


def _once(path: Path, table: pd.DataFrame, column: str) -> pd.DataFrame:
    """Refuse a study that stands twice for the same end point."""
    twice = table.duplicated(["study", column])
    if twice.any():
        row = int(twice.to_numpy().argmax())
        words = f"{table['study'].iloc[row]!r} stands already with {table[column].iloc[row]}"
        raise InputError(TableError(int(table.index[row]), "study", words).sentence(str(path)))
    return table


def _require(
    path: Path, table: pd.DataFrame, column: str, holds: "pd.Series[bool]", words: str
) -> None:
    if not holds.all():
        row = int((~holds).to_numpy().argmax())
        value = table[column].iloc[row]
        shown = "blank" if pd.isna(value) else f"{value:g}"
        line = int(table.index[row])
        raise InputError(TableError(line, column, f"{shown}: {words}").sentence(str(path)))


def _read(path: Path, required: tuple[str, ...], numbers: tuple[str, ...]) -> pd.DataFrame:
    """Read a table of texts and numbers; columns that are not there are not known."""
    try:
        rows = list(table_rows(path, []))
        header = [str(cell).strip() for cell in rows[0][1]] if rows else []
        for name in required:
            if name not in header:
                raise TableError(None, name, "no such column")
        body = [(line, [str(c).strip() for c in cells]) for line, cells in rows[1:] if any(cells)]
        if not body:
            raise TableError(None, required[0], "no rows")
        frame = pd.DataFrame(
            [dict(zip(header, cells, strict=False)) for _, cells in body],
            index=[line for line, _ in body],
        )
        for name in numbers:
            column = frame[name] if name in frame else pd.Series("", index=frame.index)
            values = pd.to_numeric(column.replace("", None), errors="coerce").astype("float64")
            wrong = values.isna() & column.notna() & (column != "")
            if wrong.any() or (name in required and values.isna().any()):
                place = int((wrong | (values.isna() & (name in required))).to_numpy().argmax())
                line = int(frame.index[place])
                raise TableError(line, name, f"{column.iloc[place]!r} is not a number")
            frame[name] = values
    except TableError as fault:
        raise InputError(fault.sentence(str(path))) from None
    return frame


def end_point_frame(end_point: EndPoint) -> pd.DataFrame:
    """Return the estimates as texts: per cent or months, tau on the scale of the estimator."""
    times, digits = (100.0, 1) if end_point.percent else (1.0, 1)
    rows = []
    for row in end_point.pool.rows.itertuples(index=False):
        values = " ".join(
            (f"{times * row.estimate:.{digits}f}",
             f"({times * row.lower:.{digits}f} to {times * row.upper:.{digits}f})")
        )  # fmt: skip
        rows.append((row.estimator, values, "-" if pd.isna(row.tau) else f"{row.tau:.2f}"))
    unit = "%" if end_point.percent else "months"
    return pd.DataFrame(rows, columns=["estimator", f"estimate, {unit} (95 %)", "tau"])
