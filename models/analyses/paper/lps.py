"""Why the printed rate of LPS lies below its parts: each step of the estimator on its own.

Fig. 4 prints 0.06 (0.00-0.18) for liposarcoma, 22 of whose 159 patients responded (0.138), and 0.14
for DDLPS, its largest named part. A row of Fig. 4 pools the totals of the treatment groups, and two
things separate the pool from the share of all patients who responded:

- the **weights**: DerSimonian-Laird's random effects weigh five groups of 5 to 83 patients almost
  alike, so that a group of 5 without a response counts a third as much as one of 83;
- the **transformation**: the mean is taken of double arcsines, and turned back into a rate as if
  each group had the harmonic mean of their sizes, which the smallest groups pull down.

Each is applied here with the other left out. The heterogeneity that lets the first act is that of
treatments: DDLPS alone shows none (its I2 is 0), so it keeps the weights of its patients.
"""

from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from models.evidence.load import Evidence
from models.frequentist.freeman_tukey import (
    double_arcsine,
    freeman_tukey_pool,
    inverse_double_arcsine,
)

ROWS: Final = ("LPS", "DDLPS", "MLS", "PLS")
"""The row and the printed rows that it contains."""


def explain_pool(events: ArrayLike, total: ArrayLike) -> dict[str, float]:
    """Pool groups with each step of the published estimator alone, and with both.

    Parameters
    ----------
    events, total
        Counts of the groups, shape (k,), k >= 2.

    Returns
    -------
    dict
        Rates, probability scale:

        ``crude``
            All responders over all patients: rates weighted by patients.
        ``weights_only``
            Rates weighted as the published pool weighs.
        ``transformation_only``
            Double arcsines weighted by patients, turned back at the harmonic mean size.
        ``transformation_at_total``
            The same turned back at the number of all patients: what is left of the effect without
            the harmonic mean.
        ``published``
            Both: the Freeman-Tukey pool.
    """
    pool = freeman_tukey_pool(events, total)
    x, n = np.asarray(events, dtype=np.float64), np.asarray(total, dtype=np.float64)
    rates, arcsines = x / n, double_arcsine(x, n)
    by_patients = float(np.average(arcsines, weights=n))
    return {
        "crude": float(x.sum() / n.sum()),
        "weights_only": float(np.average(rates, weights=pool.weights)),
        "transformation_only": float(inverse_double_arcsine(by_patients, pool.harmonic_mean_total)),
        "transformation_at_total": float(inverse_double_arcsine(by_patients, n.sum())),
        "published": pool.estimate,
    }


def lps_steps(evidence: Evidence) -> pd.DataFrame:
    """Explain the row LPS and the rows it contains.

    Returns
    -------
    pandas.DataFrame
        One row a row of Fig. 4 (``ROWS``): ``subtype``, ``events``, ``total``, the rates of
        `explain_pool`, ``printed`` (as the paper prints it), ``i2`` and ``harmonic_mean_total``.
    """
    cells = evidence.subtype_treatment
    printed = evidence.subtypes.set_index("subtype")["printed_estimate"]
    records = []
    for subtype in ROWS:
        groups = cells[cells["subtype"] == subtype]
        pool = freeman_tukey_pool(groups["events"], groups["total"])
        records.append(
            {
                "subtype": subtype,
                "events": int(groups["events"].sum()),
                "total": int(groups["total"].sum()),
                **explain_pool(groups["events"], groups["total"]),
                "printed": str(printed[subtype]),
                "i2": pool.i2,
                "harmonic_mean_total": pool.harmonic_mean_total,
            }
        )
    return pd.DataFrame(records)


def lps_groups(evidence: Evidence) -> pd.DataFrame:
    """Show the treatment groups of LPS with the weights they get.

    Returns
    -------
    pandas.DataFrame
        ``treatment``, ``events``, ``total``, ``rate``, ``patient_share``, ``weight`` (both
        proportions of one).
    """
    cells = evidence.subtype_treatment
    groups = cells[cells["subtype"] == ROWS[0]].reset_index(drop=True)
    pool = freeman_tukey_pool(groups["events"], groups["total"])
    return groups[["treatment", "events", "total"]].assign(
        rate=groups["events"] / groups["total"],
        patient_share=groups["total"] / groups["total"].sum(),
        weight=pool.weights / 100,
    )
