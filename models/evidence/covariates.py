"""The paper's covariates of arms: what they are, in which unit, and where they come from."""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import pandas as pd

from models.common.errors import InputError
from models.evidence.load import Evidence
from models.evidence.vocabulary import LINES
from models.reviews.covariates import Covariate

SHARES: Final[Mapping[str, tuple[str, ...]]] = {
    "asps_share": ("ASPS",),
    "ss_mls_share": ("SS", "MLS"),
    "lms_share": ("LMS",),
}
"""Subtypes whose share of an arm's patients is a covariate. The first two were chosen after their
response rates were seen, which any use of them has to say."""
UNKNOWN: Final = "unknown"

COVARIATES: Final = {
    covariate.name: covariate
    for covariate in (
        *(Covariate(name, unit=1.0) for name in SHARES),
        Covariate("year", unit=3.0),
        Covariate("log2_enrolled", unit=1.0),
        Covariate("age_median", unit=10.0),
        Covariate("female_percent", unit=10.0),
        Covariate("design", reference="phase II single-arm"),
        Covariate("line", reference=LINES[1]),
        Covariate("response_criteria", reference="RECIST 1.1"),
        Covariate("target", reference="PD-1"),
    )
}
"""By name. A unit is a difference that one would call large: all patients instead of none for a
share, three years, twice the patients, ten years of age, ten points of sex."""


def subtype_shares(evidence: Evidence) -> pd.DataFrame:
    """Return the shares of ``SHARES`` among each arm's patients of known subtype.

    Returns
    -------
    pandas.DataFrame
        Index ``arm_id``, proportions; NaN for an arm that names no subtype.
    """
    parts = evidence.composition
    parts = parts[parts["subtype"] != UNKNOWN]
    patients = parts.groupby("arm_id")["patients"].sum()
    shares = {
        name: parts[parts["subtype"].isin(subtypes)]
        .groupby("arm_id")["patients"]
        .sum()
        .reindex(patients.index, fill_value=0)
        / patients
        for name, subtypes in SHARES.items()
    }
    return pd.DataFrame(shares).reindex(evidence.arms["arm_id"])


def with_covariates(review: pd.DataFrame, evidence: Evidence) -> pd.DataFrame:
    """Return arms with every covariate of ``COVARIATES`` as a column.

    Parameters
    ----------
    review
        From `models.evidence.load.Evidence.outcome`, or a selection or grouping of it.
    """
    shares = subtype_shares(evidence).reindex(review["arm_id"])
    columns = {name: shares[name].to_numpy() for name in SHARES}
    return review.assign(log2_enrolled=np.log2(review["enrolled"].to_numpy("float64")), **columns)


def paper_covariates(names: Sequence[str]) -> list[Covariate]:
    """Return covariates by name.

    Raises
    ------
    InputError
        If there is none of that name; the message lists those there are.
    """
    for name in names:
        if name not in COVARIATES:
            raise InputError(
                f"--covariates: no {name!r} in the paper; it has {', '.join(COVARIATES)}"
            )
    return [COVARIATES[name] for name in names]
