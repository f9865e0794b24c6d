"""Trials that the paper names but did not pool, beside what the case mix predicts of them."""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import pandas as pd
import xarray as xr

from models.estimands.case_mix import prediction_logits
from models.estimands.new_arms import count_distribution, count_summary
from models.evidence.load import Evidence

NEW, NO_OVERLAP, SAME_STUDY = (
    "a new trial",
    "a new trial, shared patients taken off",
    "the study of the shared patients, these taken off",
)
COLUMNS: Final = ("trial", "reference", "treatment", "subtype", "reading", "events", "total")


def trials_not_pooled(evidence: Evidence, posteriors: Mapping[str, xr.Dataset]) -> pd.DataFrame:
    """Set observed counts beside their predictive distributions.

    A trial that may share patients with a pooled arm is read in three ways: as a new trial of
    other patients; as a new trial of those that are left when the shared ones are taken off; and
    these with the study effect of that arm.

    Parameters
    ----------
    evidence
        Gives the trials.
    posteriors
        Draws by analysis, with ``mu``, effects, ``tau`` and ``z``.

    Returns
    -------
    pandas.DataFrame
        One row a trial, reading and analysis: `COLUMNS`, ``observed`` (proportion), ``analysis``,
        and of the count predicted ``median``, ``lower``, ``upper`` (patients),
        ``rate_median``, ``rate_lower``, ``rate_upper`` (the same over ``total``),
        ``p_at_most``, ``p_at_least`` the observed count.
    """
    labels = evidence.arms.set_index("arm_id")["label"]
    rows: list[dict[str, Any]] = []
    for trial in evidence.trials_not_pooled.to_dict("records"):
        readings: dict[str, tuple[int, int]] = {NEW: (trial["events"], trial["total"])}
        if not pd.isna(trial["overlap_arm_id"]):
            events, total = (int(trial[n] - trial[f"overlap_{n}"]) for n in ("events", "total"))
            readings |= {NO_OVERLAP: (events, total), SAME_STUDY: (events, total)}
        for reading, (events, total) in readings.items():
            for analysis, posterior in posteriors.items():
                mean = prediction_logits(posterior, trial["subtype"], trial["treatment"])
                sd = posterior["tau"]
                if reading == SAME_STUDY:
                    study = labels[trial["overlap_arm_id"]]
                    mean = mean + sd * posterior["z"].sel(study=study, drop=True)
                    sd = xr.zeros_like(sd)
                found = count_summary(
                    count_distribution(np.ravel(mean), np.ravel(sd), total), events
                )
                shares = {f"rate_{n}": found[n] / total for n in ("median", "lower", "upper")}
                named = (trial["label"], trial["reference"], trial["treatment"], trial["subtype"])
                row = dict(zip(COLUMNS, (*named, reading, events, total), strict=True))
                rows.append(
                    {**row, "observed": events / total, "analysis": analysis, **found, **shares}
                )
    return pd.DataFrame(rows)
