"""How scripts read a user's review: the options of the file, and the one way through them."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from models.interface.options import Conditions
from models.reviews.names import Named

if TYPE_CHECKING:
    import pandas as pd


@Parameter(name="*")
@dataclass(frozen=True)
class Reading:
    """Which columns and rows of the file are read.

    Parameters
    ----------
    where
        Keep the rows with COLUMN=VALUE, COLUMN!=VALUE, COLUMN<NUMBER, <=, > or >=, for example
        --where treatment="ICI + TKI" or --where "year>=2020"; may be repeated: of several values
        of one column either, of the rest all.
    exclude
        Leave out this study; may be repeated.
    study
        Column of the labels, if it has another name than study (slab, studlab, author with year).
    events
        Column of the events, if it has another name than events (event, xi, cases).
    total
        Column of the patients, if it has another name than total (n, ni, patients).
    sheet
        Sheet of an Excel workbook; by default the first.
    """

    where: Conditions = None
    exclude: Annotated[list[str] | None, Parameter(negative=())] = None
    study: str | None = None
    events: str | None = None
    total: str | None = None
    sheet: str | None = None

    def named(self) -> Named:
        """Return the columns that were named."""
        return Named(self.study, self.events, self.total, self.sheet)

    def read(self, path: Path) -> "tuple[pd.DataFrame, list[str], int]":
        """Return the rows of a file that are kept, how it was read, and how many rows it has.

        Raises
        ------
        models.common.errors.InputError
            Naming file, row, column and value, or the option.
        """
        from models.reviews.reader import read_studies

        found = read_studies(path, self.named())
        return self.kept(found.frame, str(path)), found.notes, len(found.frame)

    def kept(self, frame: "pd.DataFrame", source: str) -> "pd.DataFrame":
        """Return the rows of a review that are kept."""
        from models.reviews.conditions import exclude, select

        frame = exclude(frame, self.exclude, source) if self.exclude else frame
        return select(frame, self.where, source) if self.where else frame

    def options(self) -> dict[str, object]:
        """Return what was asked for, for the record of a run."""
        return {name: value for name, value in vars(self).items() if value is not None}
