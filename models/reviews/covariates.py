"""Covariates of arms: from columns of a review to the design that the regression reads.

A numeric covariate becomes one column, counted in a named unit: a coefficient is the log odds
ratio of one unit. A categorical covariate becomes one column for every level but the reference; a
blank is a level of its own, since nothing says which of the others it stands for. Every column is
centred at its mean over the arms that report it, so that the intercept is the logit of an arm with
average covariates, whatever the covariates are, and its prior that of the other models. A numeric
value that is missing stays missing (NaN): the model makes a parameter of it.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from models.common.errors import InputError
from models.reviews.conditions import require_column

COLUMN: Final = "covariate: "
"""Columns of a design start with this."""
BLANK: Final = "not reported"
"""Level of a categorical covariate for arms that leave it blank."""
MOST_LEVELS: Final = 12
"""More levels than this are a label, not a covariate."""
LARGEST: Final = 1e12
"""Numbers beyond this are no measurements."""


@dataclass(frozen=True)
class Covariate:
    """What a covariate is and how it is counted.

    Attributes
    ----------
    name
        Column of the review.
    unit
        Of a numeric covariate: size of the step that the coefficient stands for, in the column's
        own units; None for one standard deviation of the reported values.
    reference
        Level that the others are compared with, or None for the most frequent one. A covariate
        with a reference is categorical even if its values are numbers.
    """

    name: str
    unit: float | None = None
    reference: str | None = None


@dataclass(frozen=True)
class Term:
    """One column of a design.

    Attributes
    ----------
    covariate
        Name of the covariate.
    level, reference
        Of a categorical covariate: the level that the column marks, and the one it is compared
        with. None for a numeric one.
    unit
        Of a numeric covariate: the step that counts as one, in the covariate's units, else None.
    centre
        What is subtracted before dividing by the unit: mean of the reported values, or share of
        the arms at this level.
    missing
        How many arms do not report it; 0 for a level.
    """

    covariate: str
    level: str | None
    reference: str | None
    unit: float | None
    centre: float
    missing: int = 0

    @property
    def label(self) -> str:
        """Return the name of the coefficient."""
        return self.covariate if self.level is None else f"{self.covariate} = {self.level}"

    def value(self, given: float | str) -> float:
        """Return the entry of the design for a value of the covariate.

        Raises
        ------
        InputError
            If a numeric covariate is given a text.
        """
        if self.level is not None:
            return float(str(given) == self.level) - self.centre
        try:
            return (float(given) - self.centre) / float(self.unit or 1.0)
        except ValueError:
            raise InputError(f"covariate {self.covariate!r}: {given!r} is not a number") from None


@dataclass(frozen=True)
class Design:
    """A review with its covariates, as the regression reads it.

    Attributes
    ----------
    frame
        One row an arm: ``arm`` (unique labels), ``events``, ``total``, ``group`` (categorical) if
        there are groups, and one float column for each term, named ``COLUMN`` and its label.
    terms
        The columns, in order.
    """

    frame: pd.DataFrame
    terms: tuple[Term, ...]

    def __str__(self) -> str:
        return "; ".join(map(repr, self.terms))

    def row(self, values: Mapping[str, float | str]) -> NDArray[np.float64]:
        """Return the row of the design for given covariate values.

        Parameters
        ----------
        values
            By covariate; those not given are at their mean over the arms (0 in the design).

        Raises
        ------
        InputError
            If a name is no covariate, a level is none of its levels, or a number is none.
        """
        for name, given in values.items():
            of_name = [term for term in self.terms if term.covariate == name]
            if not of_name:
                known = ", ".join(dict.fromkeys(term.covariate for term in self.terms))
                raise InputError(f"{name!r} is no covariate of this design; it has {known}")
            levels = [str(term.level) for term in of_name if term.level is not None]
            if levels and str(given) not in (*levels, str(of_name[0].reference)):
                known = ", ".join((str(of_name[0].reference), *levels))
                raise InputError(f"covariate {name!r} has no level {given!r}; it has {known}")
        return np.array([t.value(values[t.covariate]) if t.covariate in values else 0.0
                         for t in self.terms])  # fmt: skip


def design_matrix(frame: pd.DataFrame) -> tuple[NDArray[np.float64], list[str]]:
    """Return the matrix of a design's frame, NaN where a value is missing, and its labels."""
    columns = [str(name) for name in frame.columns if str(name).startswith(COLUMN)]
    labels = [name.removeprefix(COLUMN) for name in columns]
    return frame[columns].to_numpy("float64"), labels


def make_design(review: pd.DataFrame, covariates: Sequence[Covariate], source: str) -> Design:
    """Return the design of a review.

    Parameters
    ----------
    review
        ``study`` (unique labels), ``events``, ``total``, the covariates' columns (numbers or
        text; NA or blank where missing) and, if there are groups, the categorical ``group``.
    covariates
        What to take, in order.
    source
        What the review is called in error messages.

    Raises
    ------
    InputError
        If there is no covariate, one is named twice or is no column, a unit is not positive or
        belongs to a categorical covariate, a reference is no level, or a column is blank, does
        not vary or has more than ``MOST_LEVELS`` levels.
    """
    if not covariates:
        raise InputError("name at least one covariate")
    names = [covariate.name for covariate in covariates]
    for name in names:
        if names.count(name) > 1:
            raise InputError(f"covariate {name!r} is named twice")
        require_column(review, name, source)
    frame = pd.DataFrame(
        {
            "arm": review["study"].astype(str).to_numpy(),
            "events": review["events"].to_numpy("int64"),
            "total": review["total"].to_numpy("int64"),
        }
    )
    if "group" in review:
        frame["group"] = pd.Categorical(review["group"])
    terms: list[Term] = []
    for covariate in covariates:
        for term, values in _terms(review[covariate.name], covariate, source):
            terms.append(term)
            frame[COLUMN + term.label] = values
    return Design(frame, tuple(terms))


def _terms(
    column: "pd.Series", covariate: Covariate, source: str
) -> list[tuple[Term, NDArray[np.float64]]]:
    """Return the terms of one covariate with their values."""
    where = f"{source}, column {covariate.name!r}"
    filled = column.notna() & (column.astype(str).str.strip() != "")
    if not filled.any():
        raise InputError(f"{where}: blank in every row")
    numbers = pd.to_numeric(column.where(filled), errors="coerce").astype("float64")
    if covariate.reference is None and not isinstance(column.dtype, pd.CategoricalDtype):
        if bool(numbers[filled].notna().all()):
            return [_numeric(numbers, covariate, where)]
        readable = numbers[filled].notna()
        if readable.mean() > 0.5:
            text = column[filled][~readable].iloc[0]
            raise InputError(f"{where}: {text!r} is not a number, but most other values are")
    if covariate.unit is not None:
        raise InputError(f"{where}: a unit needs numbers, and this column has levels")
    return _categorical(column, filled, covariate, where)


def _numeric(
    numbers: "pd.Series", covariate: Covariate, where: str
) -> tuple[Term, NDArray[np.float64]]:
    """Return the term of a numeric covariate: centred, in its unit, NaN where missing."""
    values = numbers.to_numpy("float64")
    known = values[~np.isnan(values)]
    if not (np.abs(known) < LARGEST).all():
        raise InputError(f"{where}: {known[~(np.abs(known) < LARGEST)][0]} is no measurement")
    if np.unique(known).size < 2:
        raise InputError(f"{where}: the same in every row that has it; it explains nothing")
    unit = float(known.std(ddof=1)) if covariate.unit is None else covariate.unit
    if not (math.isfinite(unit) and unit > 0):
        raise InputError(f"{where}: the unit must be a positive number, got {unit}")
    centre = float(known.mean())
    missing = int(np.isnan(values).sum())
    return Term(covariate.name, None, None, unit, centre, missing), (values - centre) / unit


def _categorical(
    column: "pd.Series", filled: "pd.Series", covariate: Covariate, where: str
) -> list[tuple[Term, NDArray[np.float64]]]:
    """Return the terms of a categorical covariate, one for every level but the reference."""
    text = column.astype(str).str.strip().where(filled, BLANK)
    present = list(dict.fromkeys(text))
    if isinstance(column.dtype, pd.CategoricalDtype):
        order = [str(c) for c in column.cat.categories]
        present.sort(key=lambda level: order.index(level) if level in order else len(order))
    if len(present) < 2:
        raise InputError(f"{where}: the same in every row; it explains nothing")
    if len(present) > MOST_LEVELS:
        raise InputError(
            f"{where}: {len(present)} levels; at most {MOST_LEVELS} can be told apart from labels"
        )
    counts = text[filled].value_counts()
    # the most frequent level, the first of them in a tie
    usual = max((level for level in present if level in counts), key=lambda level: counts[level])
    reference = usual if covariate.reference is None else covariate.reference
    if reference not in present:
        raise InputError(f"{where}: no row has the level {reference!r}; it has {present}")
    found = []
    for level in present:
        if level != reference:
            marked = (text == level).to_numpy("float64")
            term = Term(covariate.name, level, reference, None, float(marked.mean()))
            found.append((term, marked - marked.mean()))
    return found


def parse_units(texts: Sequence[str], names: Sequence[str]) -> dict[str, float]:
    """Read units such as ``year=3``.

    Parameters
    ----------
    texts
        ``NAME=NUMBER`` each, or several of them separated by commas.
    names
        The covariates; a unit of anything else is refused.

    Raises
    ------
    InputError
        Naming the text that cannot be read.
    """
    units: dict[str, float] = {}
    for text in (part for several in texts for part in several.split(",")):
        name, sign, number = (part.strip() for part in text.partition("="))
        try:
            value = float(number)
        except ValueError:
            value = math.nan
        if not sign or not (math.isfinite(value) and value > 0):
            raise InputError(f"--unit {text!r}: write NAME=NUMBER with a positive number")
        if name not in names:
            raise InputError(f"--unit {text!r}: the covariates are {', '.join(names)}")
        units[name] = value
    return units


def with_units(covariates: Sequence[Covariate], units: Mapping[str, float]) -> list[Covariate]:
    """Return the covariates with the units that were asked for."""
    return [replace(c, unit=units[c.name]) if c.name in units else c for c in covariates]
