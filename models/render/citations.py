"""Numbers in prose, each taken from a table and recorded with its place.

A text that is to be pasted into a paper must not hold a number that no table holds. Prose asks
for every number through ``Citations``, which formats it and notes where it came from; a test then
finds each number of the text in the tables.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pandas as pd

from models.common.constants import FIGURES_DIR
from models.render.format import probability

STORED: Final = ("validation/small_subtypes",)
"""Folders of ``figures/`` with results too dear to compute anew in the main job."""


def read_tables(out: Path) -> dict[str, pd.DataFrame]:
    """Return every CSV of the folders of some results by its stem, and the stored simulations."""
    folders = [path for path in sorted(out.glob("*/")) if path.name not in ("fits", "validation")]
    folders = [*(FIGURES_DIR / name for name in STORED), *folders]
    return {path.stem: pd.read_csv(path) for f in folders for path in sorted(f.glob("*.csv"))}


@dataclass
class Citations:
    """Formats numbers of tables and remembers them.

    Attributes
    ----------
    tables
        Frames by name.
    used
        One row a number: ``text``, ``table``, ``row`` (key of the row), ``column``, ``value``.
    """

    tables: Mapping[str, pd.DataFrame]
    used: list[dict[str, object]] = field(default_factory=list)

    def value(self, table: str, column: str, **key: Any) -> float:
        """Return the cell of the one row that has these values.

        Raises
        ------
        KeyError
            If no row, or more than one, has them.
        """
        frame = self.tables[table]
        for name, wanted in key.items():
            frame = frame[frame[name] == wanted]
        if len(frame) != 1:
            raise KeyError(f"{table}: {len(frame)} rows with {key}")
        return float(frame[column].iloc[0])

    def number(
        self, table: str, column: str, digits: int = 0, times: float = 1.0, **key: Any
    ) -> str:
        """Return a cell as text with a number of decimals, multiplied by ``times``."""
        value = self.value(table, column, **key)
        return self._note(f"{times * value:.{digits}f}", table, column, value, key)

    def plain(self, table: str, column: str, **key: Any) -> str:
        """Return a cell as it is, with as many decimals as it needs."""
        value = self.value(table, column, **key)
        return self._note(f"{value:g}", table, column, value, key)

    def percent(self, table: str, column: str, digits: int = 0, **key: Any) -> str:
        """Return a proportion as ``16 %``."""
        return f"{self.number(table, column, digits, 100.0, **key)} %"

    def chance(self, table: str, column: str, **key: Any) -> str:
        """Return a posterior probability, never as a bare 0 or 1."""
        value = self.value(table, column, **key)
        return self._note(probability(value), table, column, value, key)

    def rate(self, table: str, prefix: str, **key: Any) -> str:
        """Return median and interval of a rate, ``16 % (95 % interval 12 to 21)``."""
        return (
            f"{self.percent(table, f'{prefix}median', **key)} (95 % interval "
            f"{self.number(table, f'{prefix}lower', 0, 100.0, **key)} to "
            f"{self.number(table, f'{prefix}upper', 0, 100.0, **key)})"
        )

    def points(self, table: str, prefix: str, **key: Any) -> str:
        """Return a difference of rates, ``6 percentage points (95 % interval -2 to 25)``."""
        return (
            f"{self.number(table, f'{prefix}median', 1, 100.0, **key)} percentage points "
            f"(95 % interval {self.number(table, f'{prefix}lower', 1, 100.0, **key)} to "
            f"{self.number(table, f'{prefix}upper', 1, 100.0, **key)})"
        )

    def ratio(self, table: str, prefix: str, digits: int = 2, **key: Any) -> str:
        """Return a ratio or a standard deviation, ``1.55 (95 % interval 0.84 to 4.91)``."""
        return (
            f"{self.number(table, f'{prefix}median', digits, **key)} (95 % interval "
            f"{self.number(table, f'{prefix}lower', digits, **key)} to "
            f"{self.number(table, f'{prefix}upper', digits, **key)})"
        )

    def words(self, table: str, column: str, **key: Any) -> str:
        """Return a text cell."""
        frame = self.tables[table]
        for name, wanted in key.items():
            frame = frame[frame[name] == wanted]
        if len(frame) != 1:
            raise KeyError(f"{table}: {len(frame)} rows with {key}")
        return str(frame[column].iloc[0])

    def functions(self) -> dict[str, Callable[..., str]]:
        """Return what a template may call to show a cell, by name."""
        shown = (self.number, self.plain, self.percent, self.chance, self.rate, self.points)
        return {show.__name__: show for show in (*shown, self.ratio, self.words)}

    def frame(self) -> pd.DataFrame:
        """Return the numbers used so far, without repetitions."""
        columns = ["text", "table", "row", "column", "value"]
        return pd.DataFrame(self.used, columns=columns).drop_duplicates(ignore_index=True)

    def _note(
        self, text: str, table: str, column: str, value: float, key: Mapping[str, object]
    ) -> str:
        row = "; ".join(f"{name}={wanted}" for name, wanted in key.items())
        self.used.append(
            {"text": text, "table": table, "row": row, "column": column, "value": value}
        )
        return text
