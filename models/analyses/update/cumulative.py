"""The evidence in the order in which it came: one fit a year of publication.

Nothing is adjusted for looking often: a posterior does not depend on when one looked.
"""

import numpy as np
import pandas as pd

from models.analyses.update.state import DRAWS, draw_means
from models.common.errors import InputError
from models.fitting.exact import fit_groups, fit_review
from models.grid.posteriors import SubgroupPosterior
from models.priors import DEFAULT_PRIORS, Priors

_WIDE = 400
"""Nodes of a mesh from which on probabilities of a pair are taken from draws."""


def years_of(review: pd.DataFrame, source: str) -> "pd.Series[int]":
    """Return the year of every row.

    Raises
    ------
    InputError
        If there is no column ``year``, or a year is no whole number.
    """
    if "year" not in review:
        raise InputError(f"{source}: no column 'year'; there is no order of evidence")
    years = pd.to_numeric(review["year"], errors="coerce")
    wrong = years.isna() | (years % 1 != 0)
    if wrong.any():
        place = int(wrong.to_numpy().argmax())
        label, value = review["study"].iloc[place], review["year"].iloc[place]
        raise InputError(f"{source}, column 'year': {label} has {value!r}, which is no year")
    return years.astype("int64")


def cumulative(
    review: pd.DataFrame,
    a: str,
    b: str,
    years: "pd.Series[int]",
    priors: Priors = DEFAULT_PRIORS,
) -> pd.DataFrame:
    """Return the estimates from all arms published up to each year.

    Parameters
    ----------
    review
        ``study``, ``events``, ``total``, ``group``.
    a, b
        Groups whose rates are compared.
    years
        From `years_of`.
    priors
        Of both models.

    Returns
    -------
    pandas.DataFrame
        One row a year with arms: ``year``, ``arms``, ``patients``, ``arms_a``, ``arms_b``, median
        and interval of the ``typical`` rate of all arms and of ``tau``, and ``probability`` that
        the typical rate of ``a`` is higher than that of ``b`` (NaN until both groups have an arm).
    """
    rows = []
    for year in sorted(years.unique()):
        known = review[(years <= year).to_numpy()].copy()
        known["group"] = known["group"].cat.remove_unused_categories()
        pool = fit_review(known, priors)
        row: dict[str, object] = {"year": int(year), "arms": len(known)}
        row["patients"] = int(known["total"].sum())
        row["arms_a"] = int((known["group"] == a).sum())
        row["arms_b"] = int((known["group"] == b).sum())
        for name, summary in (("typical", pool.mu.rate_summary()), ("tau", pool.tau.summary())):
            for part in ("median", "lower", "upper"):
                row[f"{name}_{part}"] = float(getattr(summary, part))
        row["probability"] = np.nan
        if row["arms_a"] and row["arms_b"]:
            row["probability"] = _higher(fit_groups(known, priors), a, b)
        rows.append(row)
    return pd.DataFrame(rows)


def _higher(posterior: SubgroupPosterior, a: str, b: str) -> float:
    """Return P(typical rate of a > of b): exact, or from draws where the grid is wide.

    Few arms leave the scales open, and the grid of so wide a posterior takes seconds a pair.
    """
    i, j = (posterior.group.index(group) for group in (a, b))
    if posterior.solution.state.grid.mesh.size <= _WIDE:
        return float(posterior.prob_greater()[i, j])
    means, _ = draw_means(posterior, DRAWS)
    return float((means[:, i] > means[:, j]).mean())
