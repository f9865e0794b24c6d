"""What joining angiosarcoma and its epithelioid variant changes."""

from typing import Final

import pandas as pd

from models.fitting.exact import exact_posterior
from models.fitting.registry import SUBTYPE
from models.priors import DEFAULT_PRIORS, Priors

VASCULAR: Final = ("AS", "EAS", "EHE")
"""Angiosarcoma, its epithelioid variant, and epithelioid haemangioendothelioma."""


def readings(strata: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return the strata in three readings of the vascular sarcomas.

    The strata as the paper prints them; EAS counted as AS; AS, EAS and EHE as members of a family
    of their own beside the liposarcomas.
    """
    apart = strata[["stratum", "events", "total", "parent"]]
    variant = apart["stratum"] == "EAS"
    joined = apart[~variant].reset_index(drop=True)
    counts = ["events", "total"]
    joined.loc[joined["stratum"] == "AS", counts] += apart.loc[variant, counts].to_numpy()[0]
    family = apart.copy()
    family.loc[family["stratum"].isin(VASCULAR), "parent"] = "vascular"
    return {
        "apart, as printed": apart,
        "EAS counted as AS": joined,
        "AS, EAS and EHE one family": family,
    }


def histology_sensitivity(strata: pd.DataFrame, priors: Priors = DEFAULT_PRIORS) -> pd.DataFrame:
    """Show the vascular sarcomas in each reading under the subtype model, exactly.

    Parameters
    ----------
    strata
        The paper's 24 strata.
    priors
        Prior settings.

    Returns
    -------
    pandas.DataFrame
        ``reading``, ``stratum`` (AS, EAS, EHE), ``events``, ``total``, ``median``,
        ``lower``, ``upper``; and ``tau``, the posterior mean of the standard deviation between
        strata in that reading.
    """
    parts = []
    for reading, frame in readings(strata).items():
        exact = exact_posterior(SUBTYPE, frame, priors)
        rates = exact.units.rate_summary()
        table = frame.assign(
            reading=reading,
            median=rates.median,
            lower=rates.lower,
            upper=rates.upper,
            tau=exact.sigma.mean,
        )
        parts.append(table[table["stratum"].isin(VASCULAR)])
    columns = ["reading", "stratum", "events", "total", "median", "lower", "upper", "tau"]
    return pd.concat(parts, ignore_index=True)[columns]
